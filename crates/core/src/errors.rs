//! One error type: what was expected, and what came.

use std::fmt;

/// Why a call was refused. Nothing has changed when one is returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

/// The result of a call that can be refused.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error with a message that says where, what was expected and what came.
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
