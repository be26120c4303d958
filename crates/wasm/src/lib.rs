//! The WebAssembly module. It checks and converts arguments, calls `myelin_core` and reports errors. It does
//! not name any layer, loss or optimizer.
//!
//! A function returns a status, which is negative after an error; the message is then in
//! [`message_pointer`]. A panic ends the call with a trap. The caller then reads the message of the panic,
//! restores the stack pointer, and uses the network of that call no more: unlike an unwinding, a trap frees
//! nothing, so everything that the network refers to is still valid and can be freed with it.
//!
//! Numbers cross as doubles in one block of memory, which is faster and smaller than an object each. Their
//! order is defined here and in `src/kernel/wasm/` of the TypeScript sources.
#![cfg(target_arch = "wasm32")]
#![allow(missing_docs)] // The interface `Kernel` in TypeScript has the public documentation.
#![allow(clippy::missing_safety_doc)] // The only caller is `src/kernel/wasm/`, which has the rules.

mod memory;
mod messages;
mod network;
mod run;

use messages::{answer, fail};
use myelin_core::engine::simd::wasm;
use myelin_core::{Dataset, Footprint};
use std::rc::Rc;

/// Prepares the module. Returns whether a multiply-add is rounded once on this host.
#[unsafe(no_mangle)]
pub extern "C" fn start() -> i32 {
    messages::prepare();
    i32::from(wasm::is_fused())
}

/// Writes the version as the message.
#[unsafe(no_mangle)]
pub extern "C" fn version() {
    messages::set(env!("CARGO_PKG_VERSION"));
}

/// Computes the bytes of the network of a Program, and the bytes that each row of a batch takes in training.
///
/// # Safety
/// The program is a text from [`memory::allocate`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn footprint(program: *const u8, length: usize) -> i32 {
    // SAFETY: the caller keeps the rule above.
    let program = unsafe { memory::text(program, length) };
    match program.and_then(Footprint::of) {
        Ok(Footprint { network, row }) => answer(&[network as f64, row as f64]),
        Err(error) => fail(error),
    }
}

/// A dataset, which trainings share with the caller.
pub(crate) type SharedDataset = Rc<Dataset<'static>>;

/// Creates a dataset, which owns the arrays from then on, even after an error. Returns null after an error.
///
/// # Safety
/// The arrays are from [`memory::floats_new`], with these lengths. An array that is null is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dataset_new(
    inputs: usize,
    outputs: usize,
    x: *mut f32,
    x_length: usize,
    y: *mut f32,
    y_length: usize,
    weights: *mut f32,
    weights_length: usize,
) -> *const Dataset<'static> {
    // SAFETY: the caller keeps the rule above.
    let (x, y) = unsafe { (memory::take(x, x_length), memory::take(y, y_length)) };
    let weights = (!weights.is_null()).then(||
        // SAFETY: the caller keeps the rule above.
        unsafe { memory::take(weights, weights_length) });
    let rows = Dataset::new(x, y, inputs, outputs);
    let data = rows.and_then(|rows| match weights {
        Some(weights) => rows.weighted(weights),
        None => Ok(rows),
    });
    match data.and_then(Dataset::into_owned) {
        Ok(data) => Rc::into_raw(Rc::new(data)),
        Err(error) => {
            fail(error);
            std::ptr::null()
        }
    }
}

/// Frees a dataset, or lets the training that still uses it free it at its end.
///
/// # Safety
/// The dataset is from [`dataset_new`] and has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dataset_free(data: *const Dataset<'static>) {
    // SAFETY: the caller keeps the rule above.
    drop(unsafe { Rc::from_raw(data) });
}
