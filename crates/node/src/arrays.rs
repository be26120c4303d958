//! Results as arrays in JavaScript's own memory.
//!
//! The garbage collector frees such an array as soon as nobody refers to it. An array over Rust's memory would
//! wait for a turn of the event loop, and a synchronous script has none.

use crate::refuse;
use myelin_core::engine::huge_pages;
use napi::bindgen_prelude::*;

/// Arrays up to this size are made by Node-API, which is faster. It ends the process where there is no memory;
/// the constructor throws.
const SMALL_BYTES: usize = 1 << 16;

/// `new globalThis[constructor](length)`.
fn construct<'env, T: FromNapiValue>(env: &'env Env, constructor: &str, length: usize) -> Result<T> {
    let global = env.get_global()?;
    let reflect: Object<'env> = global.get_named_property("Reflect")?;
    let construct: Function<'env, FnArgs<(Unknown<'env>, Vec<f64>)>, T> =
        reflect.get_named_property("construct")?;
    let constructor: Unknown<'env> = global.get_named_property(constructor)?;
    construct.call((constructor, vec![length as f64]).into()).map_err(|_| refuse(huge_pages::REFUSED))
}

/// The memory of an array to be written during a call that reads others, from which it must be apart.
pub fn writable<'a>(array: &'a mut Float32ArraySlice<'_>, read: &[&[f32]]) -> Result<&'a mut [f32]> {
    let written = array.as_ptr_range();
    for range in read.iter().map(|values| values.as_ptr_range()) {
        if range.start < written.end && written.start < range.end {
            return Err(refuse("input and output overlap"));
        }
    }
    // SAFETY: no JavaScript runs before the call returns, and the check above keeps out of the way what it reads.
    Ok(unsafe { array.as_mut() })
}

macro_rules! array {
    ($name:ident, $element:ty, $array:ident, $constructor:literal) => {
        /// A copy of the values.
        pub fn $name(env: &Env, values: &[$element]) -> Result<$array<'static>> {
            if size_of_val(values) <= SMALL_BYTES {
                return $array::copy_from(env, values);
            }
            let mut array: $array<'static> = construct(env, $constructor, values.len())?;
            // SAFETY: the array is new, so that nothing else reads or writes its memory.
            unsafe { array.as_mut() }.copy_from_slice(values);
            Ok(array)
        }
    };
}

array!(floats, f32, Float32ArraySlice, "Float32Array");
array!(doubles, f64, Float64ArraySlice, "Float64Array");
