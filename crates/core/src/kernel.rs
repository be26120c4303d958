//! The networks that callers use. Their types do not name the instruction set.

use crate::dataset::Dataset;
use crate::engine::huge_pages::filled;
use crate::engine::panels::Line;
use crate::engine::scoped_threads::ScopedThreads;
use crate::engine::simd::{Baseline, Instructions, Simd, WithSimd, dispatch};
use crate::ensure;
use crate::errors::Result;
use crate::network::lock;
use crate::plan::Plan;
use crate::predictor::{Predictor, expect_room};
use crate::run::{Progress, Run, StepLoop, Stop, Threads};
use crate::state::State;
use crate::workspace::{Batch, Workspace};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The values that `read` and `write` copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Weights and biases.
    Parameters,
    /// The optimizer state: its slots one after the other, each in the order of the parameters.
    Slots,
}

/// The loss and the gradients of one batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    /// The mean loss over the rows.
    pub loss: f64,
    /// The gradient of each parameter, in the order of [`Part::Parameters`].
    pub values: Vec<f32>,
}

/// A network whose instruction set is not part of its type.
trait ErasedNetwork: Send {
    fn train(&mut self, data: &Dataset<'_>, run: &Run<'_>, stop: &Stop) -> Result<Progress>;
    fn begin(&mut self, data: &Dataset<'_>, run: &Run<'_>) -> Result<StepLoop>;
    fn advance(
        &mut self,
        step_loop: &mut StepLoop,
        data: &Dataset<'_>,
        run: &Run<'_>,
        pause: &mut dyn FnMut() -> bool,
    ) -> bool;
    fn finish(&mut self, step_loop: StepLoop, data: &Dataset<'_>, run: &Run<'_>) -> Progress;
    fn gradients(&mut self, data: &Dataset<'_>, values: &mut [f32]) -> Result<f64>;
    fn read(&self, part: Part, values: &mut [f32]);
    fn write(&mut self, part: Part, values: &[f32]) -> Result<()>;
    fn predictor(&self) -> Result<Predictor>;
    fn parameters(&self) -> usize;
    fn slots(&self) -> usize;
    fn widths(&self) -> (usize, usize);
}

impl<S: Simd> ErasedNetwork for State<S> {
    fn train(&mut self, data: &Dataset<'_>, run: &Run<'_>, stop: &Stop) -> Result<Progress> {
        self.checked.once(data, || self.plan.check(data))?;
        self.run(data, run, stop)
    }

    fn begin(&mut self, data: &Dataset<'_>, run: &Run<'_>) -> Result<StepLoop> {
        self.checked.once(data, || self.plan.check(data))?;
        State::begin(self, data, run)
    }

    fn advance(
        &mut self,
        step_loop: &mut StepLoop,
        data: &Dataset<'_>,
        run: &Run<'_>,
        pause: &mut dyn FnMut() -> bool,
    ) -> bool {
        State::advance(self, step_loop, data, run, pause)
    }

    fn finish(&mut self, step_loop: StepLoop, data: &Dataset<'_>, run: &Run<'_>) -> Progress {
        State::finish(self, step_loop, data, run)
    }

    fn gradients(&mut self, data: &Dataset<'_>, values: &mut [f32]) -> Result<f64> {
        self.plan.check(data)?;
        self.reserve(data.rows(), 1, None)?;
        let batch =
            Batch { data, order: None, start: 0, rows: data.rows(), of: 1, moment: None, codes: None };
        let (loss, gradient) = self.gradients_of(batch)?;
        self.plan.read(&gradient, 1, 0, values);
        Ok(loss / data.rows() as f64)
    }

    fn read(&self, part: Part, values: &mut [f32]) {
        let plan = &self.plan;
        match part {
            Part::Parameters => plan.read(&self.parameters, 1, 0, values),
            Part::Slots => {
                for (slot, values) in values.chunks_mut(plan.parameters.max(1)).enumerate() {
                    plan.read(&self.slots, self.slots(), slot, values);
                }
            }
        }
    }

    fn write(&mut self, part: Part, values: &[f32]) -> Result<()> {
        let (count, stride) = match part {
            Part::Parameters => (1, 1),
            Part::Slots => (self.slots(), self.slots()),
        };
        let expected = self.plan.parameters * count;
        ensure!(values.len() == expected, "{part:?}: expected {expected} values, received {}", values.len());
        ensure!(values.iter().all(|value| value.is_finite()), "{part:?}: every value must be finite");
        if expected > 0 {
            let lines = if part == Part::Parameters { &mut self.parameters } else { &mut self.slots };
            for (slot, values) in values.chunks(self.plan.parameters).enumerate() {
                self.plan.write(values, lines, stride, slot);
            }
        }
        ScopedThreads::with(1, |team| self.publish(team));
        Ok(())
    }

    fn predictor(&self) -> Result<Predictor> {
        Predictor::new(self.s, &self.plan, &self.published)
    }

    fn parameters(&self) -> usize {
        self.plan.parameters
    }

    fn slots(&self) -> usize {
        self.plan.update.slots()
    }

    fn widths(&self) -> (usize, usize) {
        self.plan.widths()
    }
}

/// The memory that the network of a Program takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The parameters and the optimizer state, each with the published copy, and a gradient.
    pub network: usize,
    /// The values and gradients of one row in all operations.
    pub row: usize,
}

impl Footprint {
    /// Computes the footprint of a Program without allocating its memory.
    pub fn of(program: &str) -> Result<Self> {
        let plan = Plan::<Baseline>::compile(program)?;
        let copies = 2 * (1 + plan.update.slots()) + 1;
        let network = plan.lines.saturating_mul(size_of::<Line>()).saturating_mul(copies);
        Ok(Footprint { network, row: Workspace::row_bytes(&plan) })
    }
}

/// A training that the caller continues in slices.
pub struct Slices(StepLoop);

/// A network: a Program with its parameters and optimizer state.
pub struct Network(Box<dyn ErasedNetwork>);

impl Network {
    /// Compiles a Program. All parameters are zero: the caller writes the initial ones. `instructions` names
    /// an instruction set; the default is the fastest one that the CPU supports.
    pub fn new(program: &str, instructions: Option<&str>) -> Result<Network> {
        struct Make<'a>(&'a str);
        impl WithSimd for Make<'_> {
            type Output = Result<Network>;
            fn with<S: Simd>(self, s: S) -> Result<Network> {
                Ok(Network(Box::new(State::new(s, self.0)?)))
            }
        }
        dispatch(Instructions::choose(instructions)?, Make(program))
    }

    /// Trains from `run.from` for up to `run.steps` steps. Ends earlier if the stop flag is raised, if early
    /// stopping or the target loss ends the run, or if the loss is not finite.
    pub fn train(&mut self, data: &Dataset<'_>, run: &Run<'_>, stop: &Stop) -> Result<Progress> {
        self.0.train(data, run, stop)
    }

    /// Begins a training that runs in slices on the calling thread. Nothing else may train the network or
    /// write its parameters until [`finish`](Self::finish).
    pub fn begin(&mut self, data: &Dataset<'_>, run: &Run<'_>) -> Result<Slices> {
        self.0.begin(data, run).map(Slices)
    }

    /// Continues a training until it ends, or until `pause` returns true. It is called before each step, or
    /// before up to 256 steps of a small network. Returns whether the training has ended. `data` and `run`
    /// must be those of [`begin`](Self::begin).
    pub fn advance(
        &mut self,
        slices: &mut Slices,
        data: &Dataset<'_>,
        run: &Run<'_>,
        pause: &mut dyn FnMut() -> bool,
    ) -> bool {
        self.0.advance(&mut slices.0, data, run, pause)
    }

    /// Returns the result of a training. One that has not ended is stopped where it is.
    pub fn finish(&mut self, slices: Slices, data: &Dataset<'_>, run: &Run<'_>) -> Progress {
        self.0.finish(slices.0, data, run)
    }

    /// Returns the loss of all rows of `data` as one batch, and the gradients of the loss and the penalties.
    /// Changes nothing.
    pub fn gradients(&mut self, data: &Dataset<'_>) -> Result<Gradients> {
        let mut values = filled(0.0, self.parameters())?;
        let loss = self.0.gradients(data, &mut values)?;
        Ok(Gradients { loss, values })
    }

    /// Writes the gradients that [`gradients`](Self::gradients) returns into `values`, and returns the loss.
    pub fn gradients_into(&mut self, data: &Dataset<'_>, values: &mut [f32]) -> Result<f64> {
        expect_room(values, self.parameters())?;
        self.0.gradients(data, values)
    }

    /// Returns a copy of the parameters or of the optimizer state.
    pub fn read(&self, part: Part) -> Result<Vec<f32>> {
        let mut values = filled(0.0, self.count(part))?;
        self.0.read(part, &mut values);
        Ok(values)
    }

    /// Writes the parameters or the optimizer state into `values`.
    pub fn read_into(&self, part: Part, values: &mut [f32]) -> Result<()> {
        expect_room(values, self.count(part))?;
        self.0.read(part, values);
        Ok(())
    }

    /// Returns the number of values of a part.
    pub fn count(&self, part: Part) -> usize {
        self.0.parameters() * if part == Part::Slots { self.0.slots() } else { 1 }
    }

    /// Sets the parameters or the optimizer state.
    pub fn write(&mut self, part: Part, values: &[f32]) -> Result<()> {
        self.0.write(part, values)
    }

    /// Sets the parameters.
    pub fn write_parameters(&mut self, values: &[f32]) -> Result<()> {
        self.write(Part::Parameters, values)
    }

    /// Creates a predictor. It uses the parameters of the last complete epoch, even while another thread
    /// trains.
    pub fn predictor(&self) -> Result<Predictor> {
        self.0.predictor()
    }

    /// Returns the number of values in a row of x and of the targets.
    pub fn widths(&self) -> (usize, usize) {
        self.0.widths()
    }

    /// Returns the number of parameters.
    pub fn parameters(&self) -> usize {
        self.0.parameters()
    }

    /// Returns the number of values of optimizer state for each parameter.
    pub fn slots(&self) -> usize {
        self.0.slots()
    }
}

/// One of the trainings of [`train_many`]. Each needs its own network; they may share a dataset.
pub struct TrainingJob<'a> {
    /// The network to train.
    pub network: &'a mut Network,
    /// The training data.
    pub data: &'a Dataset<'a>,
    /// The run. Its `threads` are ignored.
    pub run: Run<'a>,
    /// The flag that ends the training.
    pub stop: &'a Stop,
}

/// Trains independent networks in parallel, each on one thread. The results are the same as when each is
/// trained alone. `finished` counts the completed trainings. A single training uses all `threads`.
pub fn train_many(
    trainings: &mut [TrainingJob<'_>],
    threads: Threads,
    finished: &AtomicUsize,
) -> Vec<Result<Progress>> {
    if let [TrainingJob { network, data, run, stop }] = trainings {
        let progress = network.train(data, &Run { threads, ..*run }, stop);
        finished.fetch_add(1, Ordering::Relaxed);
        return vec![progress];
    }
    let count = trainings.len();
    let mut results: Vec<_> = trainings.iter().map(|_| None).collect();
    let queue = Mutex::new(trainings.iter_mut().zip(&mut results));
    let threads = match threads {
        Threads::AtMost(most) => Threads::AtMost(most.min(count)),
        Threads::Exactly(threads) => Threads::Exactly(threads.min(count)),
    };
    threads.team(true, |team| {
        let mut members = vec![(); team.threads()];
        team.each(&mut members, |()| {
            loop {
                let next = lock(&queue).next();
                let Some((TrainingJob { network, data, run, stop }, result)) = next else { return };
                *result = Some(network.train(data, &Run { threads: Threads::Exactly(1), ..*run }, stop));
                finished.fetch_add(1, Ordering::Relaxed);
            }
        });
    });
    results.into_iter().flatten().collect()
}
