//! Memory that the caller fills or reads.

use crate::messages;
use myelin_core::engine::huge_pages::{REFUSED, with_room};
use myelin_core::{Error, Result};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Allocates an array of floats, whose values are unspecified. Returns null if there is not enough memory.
#[unsafe(no_mangle)]
pub extern "C" fn floats_new(count: usize) -> *mut f32 {
    match with_room::<f32>(count) {
        Some(values) if values.capacity() == count => values.leak().as_mut_ptr(),
        _ => std::ptr::null_mut(),
    }
}

/// Frees an array of floats.
///
/// # Safety
/// The array is from [`floats_new`], with this length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn floats_free(values: *mut f32, count: usize) {
    // SAFETY: the caller keeps the rule above.
    drop(unsafe { Vec::from_raw_parts(values, 0, count) });
}

/// Allocates an array of doubles, also for texts. Returns null if there is not enough memory.
#[unsafe(no_mangle)]
pub extern "C" fn doubles_new(count: usize) -> *mut f64 {
    match with_room::<f64>(count) {
        Some(values) if values.capacity() == count => values.leak().as_mut_ptr(),
        _ => std::ptr::null_mut(),
    }
}

/// Frees an array of doubles.
///
/// # Safety
/// The array is from [`doubles_new`], with this length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn doubles_free(values: *mut f64, count: usize) {
    // SAFETY: the caller keeps the rule above.
    drop(unsafe { Vec::from_raw_parts(values, 0, count) });
}

/// Returns an array of floats that the caller has filled.
///
/// # Safety
/// The array is from [`floats_new`], with this length, and is not used again.
pub unsafe fn take(values: *mut f32, count: usize) -> Vec<f32> {
    // SAFETY: the caller keeps the rule above and has written every value.
    unsafe { Vec::from_raw_parts(values, count, count) }
}

/// Returns values that the caller has filled.
///
/// # Safety
/// There are `count` values at the pointer, and nothing writes them for as long as the result is in use.
pub unsafe fn values<'a, T>(first: *const T, count: usize) -> &'a [T] {
    // SAFETY: the caller keeps the rule above.
    if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(first, count) } }
}

/// Returns values that a call fills.
///
/// # Safety
/// There is room for `count` values at the pointer, which nothing else uses for as long as the result is in
/// use.
pub unsafe fn room<'a>(first: *mut f32, count: usize) -> &'a mut [f32] {
    // SAFETY: the caller keeps the rule above.
    if count == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(first, count) } }
}

/// Returns a text that the caller has written.
///
/// # Safety
/// There are `length` bytes at the pointer, and nothing writes them for as long as the result is in use.
pub unsafe fn text<'a>(first: *const u8, length: usize) -> Result<&'a str> {
    // SAFETY: the caller keeps the rule above.
    std::str::from_utf8(unsafe { values(first, length) }).map_err(|error| Error::new(error.to_string()))
}

/// The bytes that are allocated.
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

/// Returns the bytes that are allocated.
#[unsafe(no_mangle)]
pub extern "C" fn allocated() -> usize {
    ALLOCATED.load(Ordering::Relaxed)
}

/// The allocator. It counts bytes. When memory runs out, it leaves the message: code that cannot go on without
/// memory traps.
struct Allocator;

// SAFETY: everything is passed on to the allocator of the standard library.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the rules of `GlobalAlloc`.
        record(unsafe { System.alloc(layout) }, 0, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the rules of `GlobalAlloc`.
        record(unsafe { System.alloc_zeroed(layout) }, 0, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller keeps the rules of `GlobalAlloc`.
        record(unsafe { System.realloc(memory, layout, size) }, layout.size(), size)
    }

    // Inlined at each drop, it would add 6 KB.
    #[inline(never)]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the rules of `GlobalAlloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Counts the change of an allocation, or leaves the message if it failed.
#[inline(never)]
fn record(memory: *mut u8, before: usize, after: usize) -> *mut u8 {
    if memory.is_null() {
        messages::set(REFUSED);
    } else {
        ALLOCATED.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }
    memory
}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;
