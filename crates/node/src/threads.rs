//! Threads for trainings: each training has its own. It never waits in libuv's thread pool, which file access
//! and DNS lookups use.
//!
//! A worker can end while threads that it started still run. A clean-up hook then stops these threads and
//! waits for them, because the addon's code may be unloaded together with the worker.

use crate::refuse;
use myelin_core::Stop;
use napi::JsDeferred as Deferred;
use napi::bindgen_prelude::*;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{Builder, JoinHandle};

/// Permits one training of a network at a time. Contains the stop flag of the current one.
#[derive(Default)]
pub struct TrainingLock(Mutex<Option<Stop>>);

/// The permission to train. Another training can start after this is dropped.
pub struct TrainingGuard {
    /// Ends the training.
    pub stop: Stop,
    lock: Arc<TrainingLock>,
}

impl TrainingLock {
    fn current(&self) -> MutexGuard<'_, Option<Stop>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a training. Returns an error if the network is being trained.
    pub fn acquire(self: &Arc<Self>) -> Result<TrainingGuard> {
        let mut current = self.current();
        if current.is_some() {
            return Err(refuse("a training of this network is under way"));
        }
        let stop = current.insert(Stop::default()).clone();
        Ok(TrainingGuard { stop, lock: Arc::clone(self) })
    }

    /// Returns whether the network is being trained, from the call that begins the training to its end.
    pub fn is_held(&self) -> bool {
        self.current().is_some()
    }

    /// Raises the stop flag of the current training, if any.
    pub fn stop(&self) {
        if let Some(stop) = &*self.current() {
            stop.raise();
        }
    }
}

impl Drop for TrainingGuard {
    fn drop(&mut self) {
        *self.lock.current() = None;
    }
}

/// A running thread, and the flags that end its trainings.
type Running = (Vec<Stop>, JoinHandle<()>);

thread_local! {
    /// The threads that this thread's environment has started; `None` until its clean-up hook is set.
    static RUNNING: RefCell<Option<Vec<Running>>> = const { RefCell::new(None) };
}

fn remember(env: &Env, stops: Vec<Stop>, handle: JoinHandle<()>) -> Result<()> {
    RUNNING.with_borrow_mut(|running| {
        if running.is_none() {
            env.add_env_cleanup_hook((), |()| join_all())?;
        }
        let running = running.get_or_insert_default();
        running.retain(|(_, handle)| !handle.is_finished());
        running.push((stops, handle));
        Ok(())
    })
}

fn join_all() {
    let running = RUNNING.with_borrow_mut(Option::take).unwrap_or_default();
    for (stops, _) in &running {
        stops.iter().for_each(Stop::raise);
    }
    for (_, handle) in running {
        // The thread catches its own panics.
        let _ = handle.join();
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

/// Does the work on a new thread. The promise resolves to the result, which `convert` converts.
pub fn start<'env, R: Send + 'static, T: ToNapiValue + 'static>(
    env: &'env Env,
    stops: Vec<Stop>,
    work: impl FnOnce() -> Result<R> + Send + 'static,
    convert: impl FnOnce(&Env, R) -> Result<T> + Send + 'static,
) -> Result<Object<'env>> {
    // The thread starts before the promise is created: a promise that never settles would keep the process
    // alive.
    let (sender, receiver) = mpsc::channel();
    let body = move || {
        let Ok(deferred): std::result::Result<Deferred<T, _>, _> = receiver.recv() else { return };
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            Err(Error::new(
                Status::GenericFailure,
                format!("the native kernel panicked: {}", message(&*panic)),
            ))
        });
        match result {
            Ok(value) => deferred.resolve(move |env| convert(&env, value)),
            Err(error) => deferred.reject(error),
        }
    };
    let handle = Builder::new().name("myelin".into()).spawn(body);
    let handle = handle.map_err(|error| {
        let cause = format!("the operating system cannot create a thread for the training: {error}");
        refuse(format!("{cause}. Raise the limit of processes or of memory, or train with fitSync"))
    })?;
    remember(env, stops, handle)?;
    let (deferred, promise) = env.create_deferred()?;
    let _ = sender.send(deferred);
    Ok(promise)
}
