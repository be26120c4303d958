//! The clock of epochs. WebAssembly has none, so its host provides one.

#[cfg(not(target_arch = "wasm32"))]
pub use std::time::Instant;

#[cfg(target_arch = "wasm32")]
pub use host::{Instant, milliseconds};

#[cfg(target_arch = "wasm32")]
mod host {
    use std::ops::Sub;
    use std::time::Duration;

    #[link(wasm_import_module = "myelin")]
    unsafe extern "C" {
        /// Returns the milliseconds since some moment.
        safe fn now() -> f64;
    }

    /// Returns the time in milliseconds since some moment.
    pub fn milliseconds() -> f64 {
        now()
    }

    /// A moment, as that of the standard library.
    #[derive(Clone, Copy, Debug)]
    pub struct Instant(f64);

    impl Instant {
        /// Returns the current moment.
        pub fn now() -> Self {
            Instant(milliseconds())
        }
    }

    impl Sub for Instant {
        type Output = Duration;

        /// Returns the time between two moments; zero if the host's clock was set back.
        fn sub(self, earlier: Instant) -> Duration {
            Duration::from_secs_f64((self.0 - earlier.0).max(0.0) / 1000.0)
        }
    }
}
