//! Memory whose size follows from a caller's input. The allocation may fail, and large allocations use huge
//! pages.
//!
//! A wide layer's weights are read in strides, and the CPU must look up each 4 KB page that it has not used
//! recently. Linux provides 2 MB pages if they are requested before the memory is first touched.

use crate::errors::{Error, Result};

/// The size of a huge page.
#[cfg(target_os = "linux")]
const PAGE: usize = 2 << 20;

/// Returns an empty vector with room for `count` values, or `None` if there is not enough memory. The vector
/// uses huge pages where it fills them and the system has them.
pub fn with_room<T>(count: usize) -> Option<Vec<T>> {
    let mut values = Vec::new();
    values.try_reserve_exact(count).ok()?;
    advise(values.as_mut_ptr(), values.capacity() * size_of::<T>());
    Some(values)
}

/// The error message when memory runs out.
pub const REFUSED: &str = "out of memory: take fewer rows at a time, or narrower layers";

fn refused<T>(values: Option<Vec<T>>) -> Result<Vec<T>> {
    values.ok_or_else(|| Error::new(REFUSED))
}

/// Returns a vector of `count` copies of `value`, if it fits in memory.
pub fn filled<T: Clone>(value: T, count: usize) -> Result<Vec<T>> {
    let mut values = refused(with_room(count))?;
    values.resize(count, value);
    Ok(values)
}

/// Returns an empty vector with room for `count` values, if they fit in memory.
pub fn room<T>(count: usize) -> Result<Vec<T>> {
    refused(with_room(count))
}

/// Returns a copy of `source`, if it fits in memory.
pub fn copied<T: Copy>(source: &[T]) -> Result<Vec<T>> {
    let mut values = room(source.len())?;
    values.extend_from_slice(source);
    Ok(values)
}

/// Reserves room for `count` values in all, if they fit in memory. Pushing up to that length then allocates
/// nothing.
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
        // SAFETY: the range is whole pages within an allocation, and advice changes nothing that a program
        // can read. If the advice is refused, the pages stay small.
        let _ = unsafe { libc::madvise(first, pages * PAGE, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn advise<T>(_memory: *mut T, _bytes: usize) {}

/// The number of freed bytes after which trimming is worth its walk through the allocator's lists.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const WORTH_A_TRIM: usize = 64 << 20;

/// Counts freed memory. glibc keeps free pages below any page in use. After every 64 MB it is told to return
/// free pages to the system, because a program may create and dispose of thousands of networks.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn count_freed(bytes: usize) {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static FREED: AtomicUsize = AtomicUsize::new(0);
    if FREED.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) < WORTH_A_TRIM {
        return;
    }
    FREED.store(0, Ordering::Relaxed);
    // SAFETY: `malloc_trim` may be called at any time and on any thread, and touches free memory only.
    unsafe { libc::malloc_trim(0) };
}

/// Does nothing: other allocators return pages by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn count_freed(_bytes: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_the_requested_room_and_can_be_used() {
        for count in [0, 1, 1000, 3_000_000] {
            let mut values = with_room(count).unwrap();
            assert!(values.capacity() >= count);
            values.resize(count, 1.5_f32);
            assert!(values.iter().all(|&value| value == 1.5));
        }
    }

    #[test]
    fn more_memory_than_there_is_is_refused() {
        assert!(with_room::<f32>(usize::MAX).is_none());
        assert!(filled(0.0_f32, usize::MAX).is_err());
        assert!(reserve(&mut vec![0.0_f32], usize::MAX).is_err());
    }
}
