//! Trains several networks in one call.

use crate::run::{NativeProgress, NativeRun, threads};
use crate::threads::{TrainingGuard, start};
use crate::{NativeDataset, NativeNetwork, Shared, acquire, refuse};
use myelin_core::{Dataset, Network, train_many};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A training that waits for the start.
struct Entry {
    network: Shared<Network>,
    data: Arc<Dataset<'static>>,
    run: NativeRun,
    validation: Option<Arc<Dataset<'static>>>,
    training: TrainingGuard,
}

/// Trainings that start together. Each network can be added once.
#[napi]
#[derive(Default)]
pub struct NativeTrainings {
    entries: Vec<Entry>,
    finished: Arc<AtomicUsize>,
}

#[napi]
impl NativeTrainings {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    #[napi(catch_unwind)]
    pub fn add(
        &mut self,
        network: &NativeNetwork,
        data: &NativeDataset,
        run: NativeRun,
        validation: Option<&NativeDataset>,
    ) -> Result<()> {
        run.to_run(None)?;
        let training = network.training_lock.acquire()?;
        let (network, data) = (Arc::clone(&network.network), data.share()?);
        let validation = validation.map(NativeDataset::share).transpose()?;
        self.entries.push(Entry { network, data, run, validation, training });
        Ok(())
    }

    /// Starts all trainings on other threads. The promise resolves to their progress, in the order of `add`.
    #[napi(catch_unwind)]
    pub fn start<'env>(&mut self, env: &'env Env, most: Option<f64>) -> Result<Object<'env>> {
        let threads = threads(most)?;
        let entries = std::mem::take(&mut self.entries);
        let finished = Arc::clone(&self.finished);
        let stops = entries.iter().map(|entry| entry.training.stop.clone()).collect();
        let work = move || {
            let entries = entries;
            let mut networks =
                entries.iter().map(|entry| acquire(&entry.network)).collect::<Result<Vec<_>>>()?;
            let mut trainings = Vec::with_capacity(entries.len());
            for (entry, network) in entries.iter().zip(&mut networks) {
                let Entry { data, run, validation, training, .. } = entry;
                let run = run.to_run(validation.as_deref())?;
                trainings.push(myelin_core::TrainingJob {
                    network: &mut *network,
                    data,
                    run,
                    stop: &training.stop,
                });
            }
            let results = train_many(&mut trainings, threads, &finished).into_iter();
            results.map(|result| result.map_err(refuse)).collect::<Result<Vec<_>>>()
        };
        start(env, stops, work, |env, all| {
            all.into_iter().map(|progress| NativeProgress::of(env, progress)).collect::<Result<Vec<_>>>()
        })
    }

    /// Returns the number of completed trainings.
    #[napi(catch_unwind)]
    pub fn finished(&self) -> u32 {
        self.finished.load(Ordering::Relaxed) as u32
    }
}
