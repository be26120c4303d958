//! Copies results into arrays in JavaScript's own memory.
//!
//! The garbage collector frees such an array as soon as it is unreachable. An array over Rust's memory is
//! freed by a finalizer, which runs only when the event loop turns. In a synchronous script it does not turn.

use crate::refuse;
use myelin_core::engine::huge_pages;
use napi::bindgen_prelude::*;

/// Node-API creates arrays up to this size, because it is faster. It ends the process when it runs out of
/// memory, so larger arrays are created by their JavaScript constructor, which throws instead.
const SMALL_BYTES: usize = 1 << 16;

/// Evaluates `new globalThis[constructor](length)`.
fn construct<'env, T: FromNapiValue>(env: &'env Env, constructor: &str, length: usize) -> Result<T> {
    let global = env.get_global()?;
    let reflect: Object<'env> = global.get_named_property("Reflect")?;
    let construct: Function<'env, FnArgs<(Unknown<'env>, Vec<f64>)>, T> =
        reflect.get_named_property("construct")?;
    let constructor: Unknown<'env> = global.get_named_property(constructor)?;
    construct.call((constructor, vec![length as f64]).into()).map_err(|_| refuse(huge_pages::REFUSED))
}

/// Returns the memory of an array that a call writes. Returns an error if it overlaps an array that the call
/// reads.
pub fn writable<'a>(array: &'a mut Float32ArraySlice<'_>, read: &[&[f32]]) -> Result<&'a mut [f32]> {
    let written = array.as_ptr_range();
    for range in read.iter().map(|values| values.as_ptr_range()) {
        if range.start < written.end && written.start < range.end {
            return Err(refuse("input and output overlap"));
        }
    }
    // SAFETY: no JavaScript runs before the call returns, and the loop above ensures that the arrays which
    // the call reads do not overlap this one.
    Ok(unsafe { array.as_mut() })
}

macro_rules! array {
    ($name:ident, $element:ty, $array:ident, $constructor:literal) => {
        /// Returns a JavaScript array with a copy of the values.
        pub fn $name(env: &Env, values: &[$element]) -> Result<$array<'static>> {
            if size_of_val(values) <= SMALL_BYTES {
                return $array::copy_from(env, values);
            }
            let mut array: $array<'static> = construct(env, $constructor, values.len())?;
            // SAFETY: the array is new, so nothing else reads or writes its memory.
            unsafe { array.as_mut() }.copy_from_slice(values);
            Ok(array)
        }
    };
}

array!(floats, f32, Float32ArraySlice, "Float32Array");
array!(doubles, f64, Float64ArraySlice, "Float64Array");
