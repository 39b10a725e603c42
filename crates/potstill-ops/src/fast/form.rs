//! Which form of the operations runs.

use std::{cell::Cell, sync::OnceLock};

/// The two forms of the fused operations. They agree to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Kernels of this project where they apply (`f32` on the flex backend), the portable form elsewhere.
    Fast,
    /// Burn's own tensor operations, on any backend.
    Portable,
}

thread_local! {
    static OVERRIDE: Cell<Option<Form>> = const { Cell::new(None) };
}

impl Form {
    /// The form in use on this thread: fast, unless the environment variable `POTSTILL_CPU` is `burn` or [`Form::with`] says
    /// otherwise.
    pub fn current() -> Self {
        static CHOSEN: OnceLock<Form> = OnceLock::new();
        let from_environment = || match std::env::var("POTSTILL_CPU") {
            Ok(name) if name == "burn" => Self::Portable,
            _ => Self::Fast,
        };
        OVERRIDE
            .get()
            .unwrap_or_else(|| *CHOSEN.get_or_init(from_environment))
    }

    /// Runs `body` with this form on this thread, to compare the two. A backward pass takes the form of its forward pass.
    pub fn with<R>(self, body: impl FnOnce() -> R) -> R {
        struct Restore(Option<Form>);
        impl Drop for Restore {
            fn drop(&mut self) {
                OVERRIDE.set(self.0);
            }
        }
        let _restore = Restore(OVERRIDE.replace(Some(self)));
        body()
    }
}
