//! Threads for what takes long: one for each training, so that it never waits in the pool that files and names share.
//!
//! A worker can end while its threads still run. They are told to stop and are waited for then, since the code they
//! run may be unloaded with the worker.

use myelin_core::Stop;
use napi::bindgen_prelude::*;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread::{Builder, JoinHandle};

/// The stop flag of the training under way.
#[derive(Default)]
pub struct Threads(Mutex<Stop>);

impl Threads {
    /// A new flag for a new training.
    pub fn stop(&self) -> Stop {
        let stop = Stop::default();
        if let Ok(mut current) = self.0.lock() {
            *current = stop.clone();
        }
        stop
    }

    /// Raises the flag of the training under way.
    pub fn raise(&self) {
        if let Ok(current) = self.0.lock() {
            current.raise();
        }
    }
}

/// A thread at work and the flag that ends it.
type Running = (Stop, JoinHandle<()>);

thread_local! {
    /// What this thread's environment has started; `None` until its clean-up hook is set.
    static RUNNING: RefCell<Option<Vec<Running>>> = const { RefCell::new(None) };
}

fn remember(env: &Env, stop: Stop, handle: JoinHandle<()>) -> Result<()> {
    RUNNING.with_borrow_mut(|running| {
        if running.is_none() {
            env.add_env_cleanup_hook((), |()| join_all())?;
        }
        let running = running.get_or_insert_default();
        running.retain(|(_, handle)| !handle.is_finished());
        running.push((stop, handle));
        Ok(())
    })
}

fn join_all() {
    let running = RUNNING.with_borrow_mut(Option::take).unwrap_or_default();
    for (stop, _) in &running {
        stop.raise();
    }
    for (_, handle) in running {
        // The thread caught its own panic, if there was one.
        let _ = handle.join();
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

/// Does the work on a thread of its own; the promise has its result.
pub fn start<'env, T: ToNapiValue + Send + 'static>(
    env: &'env Env,
    stop: Stop,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    let body = move || {
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            Err(Error::new(
                Status::GenericFailure,
                format!("the native kernel panicked: {}", message(&*panic)),
            ))
        });
        match result {
            Ok(value) => deferred.resolve(move |_| Ok(value)),
            Err(error) => deferred.reject(error),
        }
    };
    let handle = Builder::new().name("myelin".into()).spawn(body);
    let handle = handle.map_err(|error| Error::new(Status::GenericFailure, format!("no thread: {error}")))?;
    remember(env, stop, handle)?;
    Ok(promise)
}
