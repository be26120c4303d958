//! Memory whose size follows from a caller's input: it may not be there, and large memory has large pages.
//!
//! A wide layer's weights are walked in strides, and each page of 4 KB that is new to the CPU costs a look
//! through tables. Linux gives pages of 2 MB where it is asked to, before the memory is touched.

use crate::errors::{Error, Result};

/// What a large page holds.
#[cfg(target_os = "linux")]
const PAGE: usize = 2 << 20;

/// A vector with room for so many values, in large pages as far as it fills some and the system has them; or
/// nothing, if there is no such room.
pub fn with_room<T>(count: usize) -> Option<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).ok()?;
    advise(values.as_mut_ptr(), values.capacity() * size_of::<T>());
    Some(values)
}

/// The message where memory is short.
pub const REFUSED: &str = "out of memory: take fewer rows at a time, or narrower layers";

fn refused<T>(values: Option<Vec<T>>) -> Result<Vec<T>> {
    values.ok_or_else(|| Error::new(REFUSED))
}

/// `count` times the same value, if they fit in memory.
pub fn filled<T: Clone>(value: T, count: usize) -> Result<Vec<T>> {
    let mut values = refused(with_room(count))?;
    values.resize(count, value);
    Ok(values)
}

/// A copy, if it fits in memory.
pub fn copied<T: Copy>(source: &[T]) -> Result<Vec<T>> {
    let mut values = refused(with_room(source.len()))?;
    values.extend_from_slice(source);
    Ok(values)
}

/// Room for `count` values in all, if they fit in memory: what is pushed until then allocates nothing.
pub fn reserve<T>(values: &mut Vec<T>, count: usize) -> Result<()> {
    let missing = count.saturating_sub(values.len());
    refused(values.try_reserve_exact(missing).is_ok().then(Vec::<T>::new)).map(|_| ())
}

#[cfg(target_os = "linux")]
fn advise<T>(memory: *mut T, bytes: usize) {
    let before = memory.addr().next_multiple_of(PAGE) - memory.addr();
    let pages = bytes.saturating_sub(before) / PAGE;
    if pages > 0 {
        let first = memory.wrapping_byte_add(before).cast();
        // SAFETY: whole pages within an allocation; advice changes nothing that a program can read. Where it
        // is not taken, the pages stay small.
        let _ = unsafe { libc::madvise(first, pages * PAGE, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_memory: *mut T, _bytes: usize) {}

/// Freed bytes from which giving pages back is worth its walk through the allocator's lists.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const WORTH_A_TRIM: usize = 64 << 20;

/// Counts memory that was freed. glibc keeps free pages that have anything in use above them; every 64 MB it is
/// asked to give them back, because a program may make and dispose of thousands of networks.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn count_freed(bytes: usize) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static FREED: AtomicUsize = AtomicUsize::new(0);
    if FREED.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) < WORTH_A_TRIM {
        return;
    }
    FREED.store(0, Ordering::Relaxed);
    // SAFETY: it may be called at any time and on any thread, and touches free memory alone.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators give pages back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn count_freed(_bytes: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_the_room_that_was_asked_for_and_can_be_used() {
        for count in [0, 1, 1000, 3_000_000] {
            let mut values = with_room(count).unwrap();
            assert!(values.capacity() >= count);
            values.resize(count, 1.5_f32);
            assert!(values.iter().all(|&value| value == 1.5));
        }
    }

    #[test]
    fn room_that_there_is_not_is_nothing() {
        assert!(with_room::<f32>(usize::MAX).is_none());
        assert!(filled(0.0_f32, usize::MAX).is_err());
        assert!(reserve(&mut vec![0.0_f32], usize::MAX).is_err());
    }
}
