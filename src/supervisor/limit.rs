//! Rate limit imposed by the upstream. It applies to `/test` and to connection attempts.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    clock,
    control::Refusal,
    sans_io::error::{Code, Problem, without_wait},
};

/// The single rate limiter for the upstream. Clones share it. The lock is only held for copying.
#[derive(Clone, Debug, Default)]
pub(super) struct Limit {
    until: Arc<Mutex<Option<Instant>>>,
}

impl Limit {
    /// Records how long the upstream said to wait. The longest wait counts.
    pub(super) fn set(&self, wait: Duration) {
        let until = clock::now().checked_add(wait);
        let mut held = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        *held = (*held).max(until);
    }

    /// Whether the upstream may be contacted now.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = until.map(|until| until.saturating_duration_since(clock::now())).unwrap_or_default();
        if wait.is_zero() {
            return Ok(());
        }
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let message = format!("[Rate Limited] Too many connections started, try again in {seconds} s");
        Err(Refusal {
            problem: Problem::new(Code::RateLimited, message).hint(without_wait(Code::RateLimited.hint())),
            retrying: false,
            retry_after: Some(wait),
        })
    }
}
