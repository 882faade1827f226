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

    /// Returns for how long clients are watched that have `time` to show a mistake, if the slack was `before` when that
    /// time began. At most twice as long: clients that are right must not reach limits of the documents meanwhile.
    #[must_use]
    pub fn watched(&self, time: Duration, before: Duration) -> Duration {
        watched(time, self.total().saturating_sub(before))
    }

    /// Returns what is said of a failure on a busy machine: a command may have time limits of its own.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let waited = self.total();
        let note = || format!("this machine was busy: COMMAND waited {} s for a processor", waited.as_secs());
        (waited >= BUSY).then(note)
    }
}

/// Returns for how long a client is watched that has `time` to show a mistake, of which it waited `slack`.
pub(crate) fn watched(time: Duration, slack: Duration) -> Duration {
    time + slack.min(time)
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
        assert_eq!(
            slack.watched(Duration::from_secs(15), Duration::from_secs(3)),
            Duration::from_millis(16_500)
        );
        slack.add(SLACK_MAX);
        assert_eq!(slack.watched(Duration::from_secs(15), Duration::ZERO), Duration::from_secs(30));
        assert_eq!(slack.total(), SLACK_MAX);
        assert_eq!(slack.note().unwrap(), "this machine was busy: COMMAND waited 600 s for a processor");
    }
}
