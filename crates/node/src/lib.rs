//! The N-API addon: checks, converts, calls `myelin_core`, maps errors. It knows no layer, loss or
//! optimizer by name.
//!
//! What runs off the main thread owns its data. A panic becomes an error in JavaScript, and a network whose
//! work panicked refuses all later calls.
#![allow(missing_docs)] // The public documentation is that of the interface `Kernel` in TypeScript.

mod many;
mod run;
mod threads;

use myelin_core::engine::{peak, simd::Instructions};
use myelin_core::{Dataset, Network, Part, Predictor, activations, layers, losses, optimizers};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use run::{NativeProgress, NativeRun};
use serde_json::{Map, Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::Duration;
use threads::Trainings;

/// An error of the core, or a message of our own, as an error in JavaScript.
pub(crate) fn refuse(message: impl ToString) -> Error {
    Error::new(Status::InvalidArg, message.to_string())
}

#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The instruction sets that this CPU has, the fastest last.
#[napi(catch_unwind)]
pub fn instructions() -> Vec<&'static str> {
    Instructions::available().into_iter().map(Instructions::name).collect()
}

/// The most floating-point operations a second that this thread reaches with multiply-adds alone, in short
/// samples over so many milliseconds: what the bench compares steps with.
#[napi(catch_unwind)]
pub fn fma_peak(instructions: String, milliseconds: f64) -> Result<f64> {
    let time = Duration::try_from_secs_f64(milliseconds / 1000.0).map_err(refuse)?;
    Ok(peak::fma_peak(Instructions::choose(Some(&instructions)).map_err(refuse)?, time))
}

/// The names in the core's tables and the names of their options, for the test that finds a missing twin.
#[napi(catch_unwind)]
pub fn tables() -> String {
    let entries = |table: &[(&str, &[&str])]| -> Value {
        table.iter().map(|(name, options)| (name.to_string(), json!(options))).collect::<Map<_, _>>().into()
    };
    json!({
        "activations": entries(activations::TABLE),
        "layers": entries(layers::TABLE),
        "losses": entries(losses::TABLE),
        "optimizers": entries(optimizers::TABLE),
    })
    .to_string()
}

/// Panics on a thread of its own, as a training could: the tests hold that the promise rejects and the
/// process lives.
#[napi(catch_unwind)]
pub fn panic_on_thread(env: &Env) -> Result<Object<'_>> {
    threads::start(env, Vec::new(), || -> Result<u32> { panic!("provoked") })
}

/// Panics in the call.
#[napi(catch_unwind)]
pub fn panic_in_call() -> Result<u32> {
    panic!("provoked")
}

/// Rows of x and y, and their weights, copied once.
#[napi(custom_finalize)]
pub struct NativeDataset(Arc<Dataset>);

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
    ) -> Result<Self> {
        let mut data = Dataset::copy_of(x, y, inputs as usize, outputs as usize).map_err(refuse)?;
        if let Some(weights) = weights {
            data = data.weighted(weights).map_err(refuse)?;
        }
        env.adjust_external_memory(data.bytes() as i64)?;
        Ok(NativeDataset(Arc::new(data)))
    }
}

impl ObjectFinalize for NativeDataset {
    fn finalize(self, env: Env) -> Result<()> {
        env.adjust_external_memory(-(self.0.bytes() as i64))?;
        Ok(())
    }
}

/// The loss and gradients of one batch.
#[napi(object)]
pub struct NativeGradients {
    pub loss: f64,
    pub values: Float32Array,
}

/// A network and what predicts beside its training.
#[napi(custom_finalize)]
pub struct NativeNetwork {
    network: Arc<Mutex<Network>>,
    predictor: Arc<Mutex<Predictor>>,
    trainings: Arc<Trainings>,
    bytes: i64,
}

fn part(name: &str) -> Result<Part> {
    match name {
        "parameters" => Ok(Part::Parameters),
        "slots" => Ok(Part::Slots),
        _ => Err(refuse(format!("part: expected \"parameters\" or \"slots\", received \"{name}\""))),
    }
}

fn free<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    mutex.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => refuse("a training of this network is under way"),
        TryLockError::Poisoned(_) => refuse("an earlier call of this network panicked; make a new one"),
    })
}

/// x, output, the most threads.
type Prediction = FnArgs<(Float32Array, Float32Array, Option<f64>)>;

/// One call of what `predictions` gives.
fn predict(predictor: &Mutex<Predictor>, context: &FunctionCallContext<'_>) -> Result<()> {
    let x: Float32ArraySlice<'_> = context.get(0)?;
    let mut output: Float32ArraySlice<'_> = context.get(1)?;
    let threads = if context.length() > 2 { context.get(2)? } else { None };
    let (x_bytes, output_bytes) = (x.as_ptr_range(), output.as_ptr_range());
    if x_bytes.start < output_bytes.end && output_bytes.start < x_bytes.end {
        return Err(refuse("predict: x and output overlap"));
    }
    // SAFETY: no JavaScript runs before this call returns, and the check above keeps x out of the way.
    let output = unsafe { output.as_mut() };
    free(predictor)?.predict(&x, output, run::threads(threads)?).map_err(refuse)
}

#[napi]
impl NativeNetwork {
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env, program: String, instructions: Option<String>) -> Result<Self> {
        let network = Network::new(&program, instructions.as_deref()).map_err(refuse)?;
        let copies = 2 * (1 + network.slots());
        let bytes = (network.parameters() * copies * size_of::<f32>()) as i64;
        env.adjust_external_memory(bytes)?;
        let predictor = Arc::new(Mutex::new(network.predictor().map_err(refuse)?));
        let network = Arc::new(Mutex::new(network));
        Ok(NativeNetwork { network, predictor, trainings: Arc::default(), bytes })
    }

    /// Trains on this thread.
    #[napi(catch_unwind)]
    pub fn train(
        &self,
        data: &NativeDataset,
        run: NativeRun,
        validation: Option<&NativeDataset>,
    ) -> Result<NativeProgress> {
        let training = self.trainings.begin()?;
        let validation = validation.map(|validation| &*validation.0);
        run.train(&mut *free(&self.network)?, &data.0, validation, &training.stop)
    }

    /// Trains on a thread of its own.
    #[napi(catch_unwind)]
    pub fn start<'env>(
        &self,
        env: &'env Env,
        data: &NativeDataset,
        run: NativeRun,
        validation: Option<&NativeDataset>,
    ) -> Result<Object<'env>> {
        let training = self.trainings.begin()?;
        let (network, data) = (Arc::clone(&self.network), Arc::clone(&data.0));
        let validation = validation.map(|validation| Arc::clone(&validation.0));
        threads::start(env, vec![training.stop.clone()], move || {
            let training = training;
            run.train(&mut *free(&network)?, &data, validation.as_deref(), &training.stop)
        })
    }

    /// Ends the training under way after the step at hand.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.trainings.raise();
    }

    /// A function (x, output, threads?) that writes predictions. A function finds its network in a fifth of
    /// the time that a method takes, which for one row is most of the time there is.
    #[napi(catch_unwind)]
    pub fn predictions<'env>(&self, env: &'env Env) -> Result<Function<'env, Prediction, ()>> {
        let predictor = Arc::clone(&self.predictor);
        env.create_function_from_closure("predict", move |context| {
            catch_unwind(AssertUnwindSafe(|| predict(&predictor, &context)))
                .unwrap_or_else(|_| Err(refuse("predict: the native kernel panicked")))
        })
    }

    /// The mean loss over all rows, whose predictions are written into `output` where there is one.
    #[napi(catch_unwind)]
    pub fn evaluate(
        &self,
        data: &NativeDataset,
        output: Option<&mut [f32]>,
        threads: Option<f64>,
    ) -> Result<f64> {
        free(&self.predictor)?.evaluate(&data.0, output, run::threads(threads)?).map_err(refuse)
    }

    /// The network, if nothing trains it.
    fn alone(&self) -> Result<MutexGuard<'_, Network>> {
        if self.trainings.is_under_way() {
            return Err(refuse("a training of this network is under way"));
        }
        free(&self.network)
    }

    /// The loss and the gradients of all rows as one batch.
    #[napi(catch_unwind)]
    pub fn gradients(&self, data: &NativeDataset) -> Result<NativeGradients> {
        let gradients = self.alone()?.gradients(&data.0).map_err(refuse)?;
        Ok(NativeGradients { loss: gradients.loss, values: Float32Array::new(gradients.values) })
    }

    /// A copy of the parameters, while training those of the last whole epoch, or of the optimizer's state;
    /// in `values`, if there is such memory.
    #[napi(catch_unwind)]
    pub fn read(&self, name: String, values: Option<&mut [f32]>) -> Result<Option<Float32Array>> {
        let part = part(&name)?;
        let Some(values) = values else {
            return Ok(Some(Float32Array::new(match part {
                Part::Parameters => free(&self.predictor)?.parameters(),
                Part::Slots => self.alone()?.read(part),
            })));
        };
        match part {
            Part::Parameters => free(&self.predictor)?.parameters_into(values),
            Part::Slots => self.alone()?.read_into(part, values),
        }
        .map_err(refuse)?;
        Ok(None)
    }

    #[napi(catch_unwind)]
    pub fn write(&self, name: String, values: &[f32]) -> Result<()> {
        self.alone()?.write(part(&name)?, values).map_err(refuse)
    }
}

impl ObjectFinalize for NativeNetwork {
    fn finalize(self, env: Env) -> Result<()> {
        env.adjust_external_memory(-self.bytes)?;
        Ok(())
    }
}
