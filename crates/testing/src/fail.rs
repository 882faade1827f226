//! Failures that name the line of the test. `#[track_caller]` does not reach into an `async fn`.

use std::{fmt::Display, panic::Location};

/// Ends the test.
pub(crate) fn fail(at: &Location<'_>, why: impl Display) -> ! {
    panic!("{why}\n  called from {at}")
}

/// A value, or the end of the test.
pub(crate) trait OrFail<T> {
    fn or_fail(self, at: &Location<'_>) -> T;
}

impl<T, E: Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, at: &Location<'_>) -> T {
        self.unwrap_or_else(|error| fail(at, error))
    }
}
