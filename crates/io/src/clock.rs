//! The only module that reads a clock. Monotonic time comes from tokio, so that tests can pause it.

mod timer;

use std::time::{Duration, SystemTime};

pub use timer::{Timer, Waiting};
use tokio::time::{Instant, sleep_until};

/// Returns the monotonic time, which tests can pause.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until an instant has passed; without one, never returns.
pub async fn passed(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Returns the wall time since the Unix epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
