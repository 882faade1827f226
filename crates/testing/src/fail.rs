//! Panics that name the line of the test. They take the location as an argument, because `#[track_caller]`
//! has no effect on an `async fn`.

use std::{fmt::Display, panic::Location};

/// Panics with a reason and the caller's location.
pub(crate) fn fail(at: &Location<'_>, why: impl Display) -> ! {
    panic!("{why}\n  called from {at}")
}

/// Unwraps a result, or panics with the caller's location.
pub(crate) trait OrFail<T> {
    fn or_fail(self, at: &Location<'_>) -> T;
}

impl<T, E: Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, at: &Location<'_>) -> T {
        self.unwrap_or_else(|error| fail(at, error))
    }
}
