//! The N-API addon. It checks and converts arguments, calls `myelin_core` and maps errors. It does not name
//! any layer, loss or optimizer.
//!
//! Work on other threads owns its data. A panic becomes an error in JavaScript. A network whose work panicked
//! refuses all later calls.
#![allow(missing_docs)] // The interface `Kernel` in TypeScript has the public documentation.

mod arrays;
mod many;
mod run;
mod threads;

use myelin_core::engine::simd::{self, Instructions};
use myelin_core::engine::{huge_pages::count_freed, peak};
use myelin_core::{
    Dataset, Footprint, Network, Part, Predictor, activations, layers, losses, measures, optimizers,
};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use run::{NativeProgress, NativeRun};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;
use threads::TrainingLock;

/// Creates a JavaScript error from an error of the core or from a message.
pub(crate) fn refuse(message: impl ToString) -> Error {
    Error::new(Status::InvalidArg, message.to_string())
}

#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Returns the instruction sets that this CPU supports, the fastest last.
#[napi(catch_unwind)]
pub fn instructions() -> Vec<&'static str> {
    Instructions::available().into_iter().map(Instructions::name).collect()
}

/// Returns whether models with the precision bfloat16 train faster with these instructions on this CPU.
#[napi(catch_unwind)]
pub fn multiplies_bfloat16(instructions: String) -> Result<bool> {
    Ok(simd::multiplies_bfloat16(Instructions::choose(Some(&instructions)).map_err(refuse)?))
}

/// Measures the peak rate of this thread: the most floating-point operations per second with multiply-adds
/// alone, in short samples during `milliseconds`. The benchmarks compare steps with it.
#[napi(catch_unwind)]
pub fn fma_peak(instructions: String, milliseconds: f64) -> Result<f64> {
    let time = Duration::try_from_secs_f64(milliseconds / 1000.0).map_err(refuse)?;
    Ok(peak::fma_peak(Instructions::choose(Some(&instructions)).map_err(refuse)?, time))
}

/// Returns the names of the entries in the core's tables and of their options. A test compares them with
/// TypeScript's.
#[napi(catch_unwind)]
pub fn tables() -> String {
    let entries = |table: &[(&str, &[&str])]| -> Value {
        table.iter().map(|(name, options)| (name.to_string(), json!(options))).collect::<Map<_, _>>().into()
    };
    json!({
        "activations": entries(activations::TABLE),
        "layers": entries(layers::TABLE),
        "losses": entries(losses::TABLE),
        "measures": entries(measures::TABLE),
        "optimizers": entries(optimizers::TABLE),
    })
    .to_string()
}

/// Panics on another thread, as a training could. The tests check that the promise rejects and the process
/// continues.
#[napi(catch_unwind)]
pub fn panic_on_thread(env: &Env) -> Result<Object<'_>> {
    threads::start(env, Vec::new(), || -> Result<u32> { panic!("provoked") }, |_, value| Ok(value))
}

/// Panics in the call itself.
#[napi(catch_unwind)]
pub fn panic_in_call() -> Result<u32> {
    panic!("provoked")
}

/// Returns the bytes of the network of a Program, and the bytes that each row of a batch takes in training.
#[napi(catch_unwind)]
pub fn footprint(program: String) -> Result<Vec<f64>> {
    let Footprint { network, row } = Footprint::of(&program).map_err(refuse)?;
    Ok(vec![network as f64, row as f64])
}

/// A copy of rows of x and y, and their weights.
#[napi(custom_finalize)]
pub struct NativeDataset(Option<Arc<Dataset<'static>>>);

#[napi]
impl NativeDataset {
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: &Env,
        x: &[f32],
        y: &[f32],
        inputs: u32,
        outputs: u32,
        weights: Option<&[f32]>,
        scales: Option<&[f32]>,
    ) -> Result<Self> {
        let rows = Dataset::new(x, y, inputs as usize, outputs as usize).map_err(refuse)?;
        let data = weighted(rows, weights)?.into_scaled(scales.unwrap_or_default()).map_err(refuse)?;
        env.adjust_external_memory(data.bytes() as i64)?;
        Ok(NativeDataset(Some(Arc::new(data))))
    }

    /// Frees the rows, or lets the trainings that still use them free them at their end. A second call does
    /// nothing.
    #[napi(catch_unwind)]
    pub fn free(&mut self, env: &Env) -> Result<()> {
        let Some(data) = self.0.take() else { return Ok(()) };
        env.adjust_external_memory(-(data.bytes() as i64)).map(|_| ())
    }
}

impl NativeDataset {
    fn share(&self) -> Result<Arc<Dataset<'static>>> {
        self.0.clone().ok_or_else(freed)
    }
}

fn freed() -> Error {
    refuse("the data has been freed")
}

impl ObjectFinalize for NativeDataset {
    fn finalize(mut self, env: Env) -> Result<()> {
        self.free(&env)
    }
}

/// Rows in the memory of the caller. A call reads them and does not keep them.
#[napi(object, object_to_js = false)]
pub struct NativeRows<'a> {
    pub x: Float32ArraySlice<'a>,
    pub y: Float32ArraySlice<'a>,
    pub weights: Option<Float32ArraySlice<'a>>,
}

/// The rows that a call reads.
type Source<'a> = Either<ClassInstance<'a, NativeDataset>, NativeRows<'a>>;

/// Returns the rows of a source, for a network with these widths of x and of the targets.
fn rows<'a>(source: &'a Source<'_>, (inputs, outputs): (usize, usize)) -> Result<Cow<'a, Dataset<'a>>> {
    match source {
        Either::A(data) => Ok(Cow::Borrowed(&**data.0.as_ref().ok_or_else(freed)?)),
        Either::B(NativeRows { x, y, weights }) => {
            let rows = Dataset::new(&**x, &**y, inputs, outputs).map_err(refuse)?;
            weighted(rows, weights.as_deref()).map(Cow::Owned)
        }
    }
}

fn weighted<'a>(data: Dataset<'a>, weights: Option<&'a [f32]>) -> Result<Dataset<'a>> {
    match weights {
        Some(weights) => data.weighted(weights).map_err(refuse),
        None => Ok(data),
    }
}

/// A value that several threads use in turn; `None` after it is disposed.
type Shared<T> = Arc<Mutex<Option<T>>>;

fn share<T>(value: T) -> Shared<T> {
    Arc::new(Mutex::new(Some(value)))
}

/// A network, and a predictor that can run while the network trains.
#[napi(custom_finalize)]
pub struct NativeNetwork {
    network: Shared<Network>,
    predictor: Shared<Predictor>,
    training_lock: Arc<TrainingLock>,
    /// The number of values of each part.
    counts: [usize; 2],
    bytes: i64,
}

fn part(name: &str) -> Result<Part> {
    match name {
        "parameters" => Ok(Part::Parameters),
        "slots" => Ok(Part::Slots),
        _ => Err(refuse(format!("part: expected \"parameters\" or \"slots\", received \"{name}\""))),
    }
}

/// The locked value of a [`Shared`], for the duration of a call.
struct Held<'a, T>(MutexGuard<'a, Option<T>>);

impl<T> Deref for Held<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.0.as_ref().expect("`acquire` has checked it")
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("`acquire` has checked it")
    }
}

/// Locks a value. Returns an error if another thread uses it, if it is disposed, or if an earlier use
/// panicked.
fn acquire<T>(shared: &Mutex<Option<T>>) -> Result<Held<'_, T>> {
    let held = shared.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => refuse("a training of this network is under way"),
        TryLockError::Poisoned(_) => refuse("an earlier call of this network panicked; make a new one"),
    })?;
    if held.is_some() { Ok(Held(held)) } else { Err(refuse("the network has been disposed")) }
}

/// The arguments x, output and the most threads.
type Prediction = FnArgs<(Float32Array, Float32Array, Option<f64>)>;

/// The body of the function that `predictions` returns.
fn predict(predictor: &Mutex<Option<Predictor>>, context: &FunctionCallContext<'_>) -> Result<()> {
    let x: Float32ArraySlice<'_> = context.get(0)?;
    let mut output: Float32ArraySlice<'_> = context.get(1)?;
    let threads = if context.length() > 2 { context.get(2)? } else { None };
    let output = arrays::writable(&mut output, &[&x])?;
    acquire(predictor)?.predict(&x, output, run::threads(threads)?).map_err(refuse)
}

#[napi]
impl NativeNetwork {
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env, program: String, instructions: Option<String>) -> Result<Self> {
        let network = Network::new(&program, instructions.as_deref()).map_err(refuse)?;
        let copies = 2 * (1 + network.slots());
        let bytes = (network.parameters() * copies * size_of::<f32>()) as i64;
        env.adjust_external_memory(bytes)?;
        let predictor = share(network.predictor().map_err(refuse)?);
        let counts = [Part::Parameters, Part::Slots].map(|part| network.count(part));
        Ok(NativeNetwork { network: share(network), predictor, training_lock: Arc::default(), counts, bytes })
    }

    /// Trains on this thread.
    #[napi(catch_unwind)]
    pub fn train(
        &self,
        env: &Env,
        data: Source<'_>,
        run: NativeRun,
        validation: Option<&NativeDataset>,
    ) -> Result<NativeProgress<'static>> {
        let training = self.training_lock.acquire()?;
        let validation = validation.map(NativeDataset::share).transpose()?;
        let mut network = acquire(&self.network)?;
        let data = rows(&data, network.widths())?;
        NativeProgress::of(env, run.train(&mut network, &data, validation.as_deref(), &training.stop)?)
    }

    /// Trains on another thread.
    #[napi(catch_unwind)]
    pub fn start<'env>(
        &self,
        env: &'env Env,
        data: &NativeDataset,
        run: NativeRun,
        validation: Option<&NativeDataset>,
    ) -> Result<Object<'env>> {
        let training = self.training_lock.acquire()?;
        let (network, data) = (Arc::clone(&self.network), data.share()?);
        let validation = validation.map(NativeDataset::share).transpose()?;
        let stops = vec![training.stop.clone()];
        let work = move || {
            let training = training;
            run.train(&mut *acquire(&network)?, &data, validation.as_deref(), &training.stop)
        };
        threads::start(env, stops, work, NativeProgress::of)
    }

    /// Ends the current training, if any, after its current step.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.training_lock.stop();
    }

    /// Returns a function (x, output, threads?) that writes predictions. A function finds its network in a
    /// fifth of the time that a method takes. For one row, that is most of the time of a call.
    #[napi(catch_unwind)]
    pub fn predictions<'env>(&self, env: &'env Env) -> Result<Function<'env, Prediction, ()>> {
        let predictor = Arc::clone(&self.predictor);
        env.create_function_from_closure("predict", move |context| {
            catch_unwind(AssertUnwindSafe(|| predict(&predictor, &context)))
                .unwrap_or_else(|_| Err(refuse("predict: the native kernel panicked")))
        })
    }

    /// Returns the mean loss over all rows. Writes their predictions into `output`, if there is one.
    #[napi(catch_unwind)]
    pub fn evaluate(
        &self,
        data: Source<'_>,
        mut output: Option<Float32ArraySlice<'_>>,
        threads: Option<f64>,
    ) -> Result<f64> {
        let mut predictor = acquire(&self.predictor)?;
        let data = rows(&data, predictor.widths())?;
        let read = [data.inputs_of_all(), data.targets()];
        let output = output.as_mut().map(|output| arrays::writable(output, &read)).transpose()?;
        predictor.evaluate(&data, output, run::threads(threads)?).map_err(refuse)
    }

    /// Locks the network, unless it is being trained.
    fn idle_network(&self) -> Result<Held<'_, Network>> {
        if self.training_lock.is_held() {
            return Err(refuse("a training of this network is under way"));
        }
        acquire(&self.network)
    }

    /// Returns the loss of all rows as one batch, and writes its gradients into `values`.
    #[napi(catch_unwind)]
    pub fn gradients(&self, data: Source<'_>, mut values: Float32ArraySlice<'_>) -> Result<f64> {
        let mut network = self.idle_network()?;
        let data = rows(&data, network.widths())?;
        let read = [data.inputs_of_all(), data.targets(), data.weights().unwrap_or_default()];
        let values = arrays::writable(&mut values, &read)?;
        network.gradients_into(&data, values).map_err(refuse)
    }

    /// Returns the number of values that `read` writes.
    #[napi(catch_unwind)]
    pub fn count(&self, name: String) -> Result<f64> {
        Ok(self.counts[part(&name)? as usize] as f64)
    }

    /// Writes the parameters or the optimizer state into `values`. During a training, the parameters are
    /// those of the last complete epoch, and reading the optimizer state is an error.
    #[napi(catch_unwind)]
    pub fn read(&self, name: String, mut values: Float32ArraySlice<'_>) -> Result<()> {
        let values = arrays::writable(&mut values, &[])?;
        match part(&name)? {
            Part::Parameters => acquire(&self.predictor)?.parameters_into(values),
            Part::Slots => self.idle_network()?.read_into(Part::Slots, values),
        }
        .map_err(refuse)
    }

    #[napi(catch_unwind)]
    pub fn write(&self, name: String, values: &[f32]) -> Result<()> {
        self.idle_network()?.write(part(&name)?, values).map_err(refuse)
    }

    /// Frees the network, unless it is being trained. A second call does nothing.
    #[napi(catch_unwind)]
    pub fn dispose(&mut self, env: &Env) -> Result<()> {
        if self.training_lock.is_held() {
            return Err(refuse("a training of this network is under way"));
        }
        *self.network.lock().unwrap_or_else(PoisonError::into_inner) = None;
        *self.predictor.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let bytes = std::mem::take(&mut self.bytes);
        count_freed(usize::try_from(bytes).unwrap_or(0));
        env.adjust_external_memory(-bytes).map(|_| ())
    }
}

impl ObjectFinalize for NativeNetwork {
    fn finalize(self, env: Env) -> Result<()> {
        env.adjust_external_memory(-self.bytes).map(|_| ())
    }
}
