//! What happens in a case, and when: for the timeline of one that fails.

use livetape_cases::trace::{HAPPENED_MAX, Stamp};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::time::Instant;

pub(super) struct Journal {
    started: Instant,
    /// Returns how much of the show has been sent, as a [`Stamp`] says it.
    sent: Box<dyn Fn() -> u64 + Send + Sync>,
    happened: Mutex<Vec<(Stamp, String)>>,
}

impl Journal {
    pub(super) fn new(sent: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { started: clock::now(), sent: Box::new(sent), happened: Mutex::default() }
    }

    pub(super) fn now(&self) -> Stamp {
        let after_ms = (clock::now() - self.started).as_millis();
        Stamp {
            after_ms: after_ms.try_into().unwrap_or(u32::MAX),
            sent: (self.sent)().try_into().unwrap_or(u32::MAX),
        }
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
