//! What a call leaves behind for the caller: a message, and numbers.

use std::cell::RefCell;

thread_local! {
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
    static NUMBERS: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

/// The status of a call that failed.
pub const FAILED: i32 = -1;

/// The most bytes of a message, which are reserved at the start: a message may say that there is no memory.
const MOST_BYTES: usize = 4096;

/// The most numbers that a call leaves.
const MOST_NUMBERS: usize = 32;

/// Reserves the memory of messages and numbers, and makes a panic leave its message. The trap that follows a
/// panic ends the call.
pub fn prepare() {
    MESSAGE.with_borrow_mut(|text| text.reserve_exact(MOST_BYTES));
    NUMBERS.with_borrow_mut(|numbers| numbers.reserve_exact(MOST_NUMBERS));
    std::panic::set_hook(Box::new(|panic| set(&panic.to_string())));
}

/// Sets the message. A long one is cut.
pub fn set(message: &str) {
    MESSAGE.with_borrow_mut(|text| {
        text.clear();
        text.push_str(&message[..message.floor_char_boundary(text.capacity())]);
    });
}

/// Leaves the message of an error, and returns the status of a call that failed.
pub fn fail(error: impl ToString) -> i32 {
    set(&error.to_string());
    FAILED
}

/// Leaves numbers, and returns the status of a call that succeeded.
pub fn answer(numbers: &[f64]) -> i32 {
    NUMBERS.with_borrow_mut(|values| {
        values.clear();
        values.extend_from_slice(numbers);
    });
    0
}

/// Empties the message, so that a trap that is not a panic leaves none.
#[unsafe(no_mangle)]
pub extern "C" fn message_clear() {
    set("");
}

/// Returns the place of the last message.
#[unsafe(no_mangle)]
pub extern "C" fn message_pointer() -> *const u8 {
    MESSAGE.with_borrow(|text| text.as_ptr())
}

/// Returns the number of bytes of the last message.
#[unsafe(no_mangle)]
pub extern "C" fn message_length() -> usize {
    MESSAGE.with_borrow(String::len)
}

/// Returns the place of the numbers that the last successful call left.
#[unsafe(no_mangle)]
pub extern "C" fn numbers_pointer() -> *const f64 {
    NUMBERS.with_borrow(|values| values.as_ptr())
}
