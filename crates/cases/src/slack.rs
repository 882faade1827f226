//! A busy machine is not the command's fault.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// For how long a command may wait for a processor without being judged for it.
const SLACK_MAX: Duration = Duration::from_secs(600);

/// Time that a command waited for a processor from which on a failure says so.
const BUSY: Duration = Duration::from_secs(20);

/// For how long a command has waited for a processor so far: it has this much longer for everything that it must do
/// within a time. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Slack(Arc<AtomicU64>);

impl Slack {
    pub fn add(&self, waited: Duration) {
        self.0.fetch_add(waited.as_millis().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed)).min(SLACK_MAX)
    }

    /// Returns what is said of a failure on a busy machine: a command may have time limits of its own.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let waited = self.total();
        let note = || format!("this machine was busy: COMMAND waited {} s for a processor", waited.as_secs());
        (waited >= BUSY).then(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_is_shared_and_has_a_bound() {
        let slack = Slack::default();
        for _ in 0..3 {
            slack.clone().add(Duration::from_millis(1_500));
        }
        assert_eq!((slack.total(), slack.note()), (Duration::from_millis(4_500), None));
        slack.add(SLACK_MAX);
        assert_eq!(slack.total(), SLACK_MAX);
        assert_eq!(slack.note().unwrap(), "this machine was busy: COMMAND waited 600 s for a processor");
    }
}
