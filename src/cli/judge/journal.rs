//! What happens in a case, and when: for the timeline of one that fails.

use std::time::Duration;

use livetape_cases::trace::{HAPPENED_MAX, Stamp};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::time::Instant;

pub(super) struct Journal {
    started: Instant,
    /// The same since the Unix epoch, for what other processes note.
    started_wall: Duration,
    /// Returns how much of the show has been sent, as a [`Stamp`] says it.
    sent: Box<dyn Fn() -> u64 + Send + Sync>,
    happened: Mutex<Vec<(Stamp, String)>>,
}

impl Journal {
    pub(super) fn new(sent: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            started: clock::now(),
            started_wall: clock::wall(),
            sent: Box::new(sent),
            happened: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Stamp {
        let after_ms = (clock::now() - self.started).as_millis();
        Stamp {
            after_ms: after_ms.try_into().unwrap_or(u32::MAX),
            sent: (self.sent)().try_into().unwrap_or(u32::MAX),
        }
    }

    /// Returns a time since the Unix epoch as one since the start, in milliseconds.
    pub(super) fn since_start(&self, wall: Duration) -> u64 {
        wall.saturating_sub(self.started_wall).as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// Notes what happens now.
    pub(super) fn tell(&self, text: &str) {
        let now = self.now();
        let mut happened = self.happened.lock();
        if happened.len() < HAPPENED_MAX {
            happened.push((now, text.to_owned()));
        }
    }

    pub(super) fn happened(&self) -> Vec<(Stamp, String)> {
        self.happened.lock().clone()
    }
}
