//! The error type of this crate.

use std::fmt;

/// Says why a call was refused. A call that returns an error has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

/// The result of a call that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Creates an error. The message names the place, what was expected and what was received.
    pub fn new(message: impl Into<String>) -> Self {
        Error(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Returns an [`Error`] made from a format string unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::errors::Error::new(format!($($message)+)));
        }
    };
}
