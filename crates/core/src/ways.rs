//! The ways to take a step, and the choice between them. The choice is made once, when the Program is
//! compiled. What a fast path may assume about the entries of the tables is decided here, too, and nowhere
//! else.
//!
//! All ways give the same bits. Each has a file in `step/`.

use crate::engine::one_hidden_layer::OneHiddenLayer;
use crate::engine::products::{Form, Product};
use crate::engine::simd::{Instructions, Simd};
use crate::engine::{Epilogue, Formula, RowLoss, Update};
use crate::operations::{Kind, Operation};

/// The most lines of parameters of a small network. Its gradient, up to 8 KB, stays in the L1 cache.
const SMALL_NETWORK_LINES: usize = 128;

/// The most lines of parameters for which each thread takes whole chunks. Each thread then has its own
/// gradient of all parameters, up to 256 KB, which fits in its L2 cache.
pub const CHUNK_LINES: usize = 4096;

/// How the batches of a plan are processed. Each way names the one that takes batches which it does not
/// support.
pub enum Way {
    /// A network of few parameters with one hidden layer. A batch of up to six rows is one loop over the
    /// panels of that layer for the forward pass and one for the backward pass, on one thread. Larger
    /// batches: `Chunks`.
    OneHiddenLayer(OneHiddenLayer<()>, Fusion),
    /// Any other network of few parameters. A batch of up to six rows is one function, compiled for that
    /// number of rows, on one thread. Larger batches: `Chunks`.
    SmallNetwork,
    /// Each thread processes whole chunks of a large batch, so that the threads exchange only gradients.
    /// Smaller batches: `FirstByPanels` if there is a product here, else `Rows`.
    Chunks(Option<Product>),
    /// The panels of the first product, which has nearly all weights, are divided among the threads. If the
    /// rows were divided, half of its weights would move from one thread to the other in each step. Large
    /// batches: `Rows`.
    FirstByPanels(Product),
    /// The threads wait for each other at each operation that needs statistics over all rows of the batch.
    Segments,
    /// Each thread runs some rows of a chunk forward and backward. Then the threads wait for each other, and
    /// each computes the gradients of some of the parameters and updates them.
    Rows,
}

impl Way {
    /// Chooses the way of a plan with these operations and `lines` of parameters. `needs_more` is true if
    /// an update needs the gradient of all parameters at once, or treats some unlike others: small batches support
    /// neither. They and products by panels do not support steps that round factors, if `rounds`.
    pub fn of<S: Simd>(
        operations: &[Operation<S>],
        (lines, needs_more): (usize, bool),
        rounds: bool,
        (loss, update): (&dyn RowLoss<S>, &dyn Update<S>),
    ) -> Self {
        if operations.iter().any(|operation| matches!(operation.kind, Kind::Standardize(..))) {
            return Way::Segments;
        }
        // Portable code gains nothing from a constant number of rows: its multiply-adds are function calls.
        let has_lanes = S::INSTRUCTIONS != Instructions::Portable;
        let plain = operations.iter().all(|operation| operation.kind.is_plain());
        if has_lanes && plain && !needs_more && !rounds && lines <= SMALL_NETWORK_LINES {
            return match one_hidden_layer(operations) {
                Some(layer) => {
                    Way::OneHiddenLayer(layer, Fusion::of(operations[0].epilogue.as_deref(), loss, update))
                }
                None => Way::SmallNetwork,
            };
        }
        let first = large_first(operations, lines).filter(|_| !rounds).cloned();
        match (lines <= CHUNK_LINES, first) {
            (true, first) => Way::Chunks(first),
            (false, Some(first)) => Way::FirstByPanels(first),
            (false, None) => Way::Rows,
        }
    }

    /// Returns whether small batches have functions that are compiled for their number of rows.
    pub fn has_small_batches(&self) -> bool {
        matches!(self, Way::OneHiddenLayer(..) | Way::SmallNetwork)
    }

    /// Returns whether each thread may take whole chunks.
    pub fn has_chunks(&self) -> bool {
        matches!(self, Way::OneHiddenLayer(..) | Way::SmallNetwork | Way::Chunks(_))
    }

    /// Returns the first product, if its panels may be divided among the threads.
    pub fn first_product(&self) -> Option<&Product> {
        match self {
            Way::Chunks(first) => first.as_ref(),
            Way::FirstByPanels(first) => Some(first),
            _ => None,
        }
    }
}

/// Which formulas the loops of a network with one hidden layer inline. They call all other functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fusion {
    /// The activation of the hidden layer is [`rectified`](crate::engine::functions::rectified).
    pub rectifier: bool,
    /// The update is exactly [`descended`](crate::engine::functions::descended).
    pub descent: bool,
    /// The loss is elementwise, so one line can contain an output of all rows.
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

/// Returns the hidden layer and its shapes, if the network has one hidden layer and the loops support its
/// shapes.
fn one_hidden_layer<S: Simd>(operations: &[Operation<S>]) -> Option<OneHiddenLayer<()>> {
    let [first, second] = operations else { return None };
    let (Kind::Product(hidden), Kind::Product(output)) = (&first.kind, &second.kind) else { return None };
    let keeps = second.epilogue.as_ref().is_some_and(|epilogue| epilogue.keeps_derivative());
    let fits = first.trainable && second.trainable && !keeps;
    OneHiddenLayer::of(hidden, output).filter(|_| fits)
}

/// Returns the first operation if it is a wide product with at least 90 % of all parameters. If the rows were
/// divided among the threads, its weights would be most of the data that the threads exchange.
fn large_first<S: Simd>(operations: &[Operation<S>], lines: usize) -> Option<&Product> {
    let product = operations[0].product()?;
    let large = product.weight.len() * 10 >= lines * 9;
    (large && product.form == Form::Wide).then_some(product)
}
