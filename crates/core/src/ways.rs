//! The ways to take a step, and which of them a plan takes. This is decided once, when the Program is compiled,
//! and here alone, including what a fast path may assume about the entries of the tables.
//!
//! All ways give the same bits. Each is a file of `step/`.

use crate::engine::one_hidden_layer::OneHiddenLayer;
use crate::engine::products::{Form, Product};
use crate::engine::simd::{Instructions, Simd};
use crate::engine::{Epilogue, Formula, RowLoss, Update};
use crate::operations::{Kind, Operation};

/// The most lines of parameters of a small network: its gradient, 8 KB, stays in the L1 cache.
const SMALL_NETWORK_LINES: usize = 128;

/// The most lines of parameters with which threads take whole chunks. Each thread then has a gradient of all of
/// them, here of up to 256 KB, which its L2 cache holds.
pub const CHUNK_LINES: usize = 4096;

/// How a plan's batches are processed. A batch that does not fit a way's conditions takes the next one that fits.
pub enum Way {
    /// A network of few parameters with one hidden layer. Up to six rows are one loop over the panels of that
    /// layer in each direction, on one thread. Larger batches are taken as by `Chunks`.
    OneHiddenLayer(OneHiddenLayer<()>, Fusion),
    /// Any other network of few parameters. Up to six rows are one function that knows their number, on one thread.
    /// Larger batches are taken as by `Chunks`.
    SmallNetwork,
    /// Each thread takes whole chunks of a large batch, so that only gradients go between threads. Smaller batches
    /// are taken as by `FirstByPanels`, if there is a product, or as by `Rows`.
    Chunks(Option<Product>),
    /// The panels of the first product, which has nearly all weights, are divided among the threads. By rows, half
    /// of its weights would go from one thread to the other in each step. Large batches are taken as by `Rows`.
    FirstByPanels(Product),
    /// The threads meet at each operation that needs figures over all rows of the batch.
    Segments,
    /// Each thread takes rows of a chunk forward and back. Then all meet, and each takes parameters, with their
    /// gradients and their update.
    Rows,
}

impl Way {
    /// The way of a plan with these operations and `lines` of parameters. `needs_whole_gradient` says that an update needs the
    /// gradient of all parameters at once.
    pub fn of<S: Simd>(
        operations: &[Operation<S>],
        (lines, needs_whole_gradient): (usize, bool),
        (loss, update): (&dyn RowLoss<S>, &dyn Update<S>),
    ) -> Self {
        if operations.iter().any(|operation| matches!(operation.kind, Kind::Standardize(..))) {
            return Way::Segments;
        }
        // Portable code gains nothing from knowing the number of rows: its multiply-adds are calls.
        let has_lanes = S::INSTRUCTIONS != Instructions::Portable;
        let plain = operations.iter().all(|operation| operation.kind.is_plain());
        if has_lanes && plain && !needs_whole_gradient && lines <= SMALL_NETWORK_LINES {
            return match one_hidden_layer(operations) {
                Some(layer) => {
                    Way::OneHiddenLayer(layer, Fusion::of(operations[0].epilogue.as_deref(), loss, update))
                }
                None => Way::SmallNetwork,
            };
        }
        match (lines <= CHUNK_LINES, large_first(operations, lines).cloned()) {
            (true, first) => Way::Chunks(first),
            (false, Some(first)) => Way::FirstByPanels(first),
            (false, None) => Way::Rows,
        }
    }

    /// Whether small batches have a function that knows the number of their rows.
    pub fn has_small_batches(&self) -> bool {
        matches!(self, Way::OneHiddenLayer(..) | Way::SmallNetwork)
    }

    /// Whether threads may take whole chunks.
    pub fn has_chunks(&self) -> bool {
        matches!(self, Way::OneHiddenLayer(..) | Way::SmallNetwork | Way::Chunks(_))
    }

    /// The first product, where its panels may be divided among threads.
    pub fn first_product(&self) -> Option<&Product> {
        match self {
            Way::Chunks(first) => first.as_ref(),
            Way::FirstByPanels(first) => Some(first),
            _ => None,
        }
    }
}

/// What the loops of a network with one hidden layer have inlined, because the entries are of a formula that they
/// know. Everything else is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fusion {
    /// The function behind the hidden layer is [`rectified`](crate::engine::functions::rectified).
    pub rectifier: bool,
    /// The update is [`descended`](crate::engine::functions::descended) and nothing else.
    pub descent: bool,
    /// The loss is elementwise, so that one line can hold an output of all rows.
    pub column: bool,
}

impl Fusion {
    fn of<S: Simd>(hidden: Option<&dyn Epilogue<S>>, loss: &dyn RowLoss<S>, update: &dyn Update<S>) -> Self {
        Fusion {
            rectifier: hidden.is_some_and(|hidden| hidden.formula() == Formula::Rectifier),
            descent: update.formula() == Formula::Descent,
            column: loss.formula() == Formula::Elementwise,
        }
    }
}

/// The two products, if this is a network with one hidden layer whose shapes fit the loops.
fn one_hidden_layer<S: Simd>(operations: &[Operation<S>]) -> Option<OneHiddenLayer<()>> {
    let [first, second] = operations else { return None };
    let (Kind::Product(hidden), Kind::Product(output)) = (&first.kind, &second.kind) else { return None };
    let reads = second.epilogue.as_ref().is_some_and(|epilogue| epilogue.reads_input());
    let fits = first.trainable && second.trainable && !reads;
    OneHiddenLayer::of(hidden, output).filter(|_| fits)
}

/// The first product, if it is wide, begins the network and has nearly all parameters. By rows, most of what the
/// threads send each other would be its weights.
fn large_first<S: Simd>(operations: &[Operation<S>], lines: usize) -> Option<&Product> {
    let product = operations[0].product()?;
    let large = product.weight.len() * 10 >= lines * 9;
    (large && product.form == Form::Wide).then_some(product)
}
