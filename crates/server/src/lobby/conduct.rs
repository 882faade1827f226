//! Rate limits of a client: one token bucket for its messages, and one for its rejected messages. The lobby
//! passes in the time.

use std::time::Duration;

use super::Limits;

/// Minimum time until a rejected message no longer counts.
const FORGOTTEN_MIN: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Conduct {
    messages: Bucket,
    strikes: Bucket,
}

impl Conduct {
    pub(super) fn new(limits: &Limits) -> Self {
        let per_message = Duration::from_secs(1) / limits.messages_per_second.max(1);
        Self {
            messages: Bucket::new(limits.message_burst(), per_message),
            strikes: Bucket::new(limits.strikes_max, limits.strike_forgotten.max(FORGOTTEN_MIN)),
        }
    }

    /// Whether the client may send one more message now.
    pub(super) fn may_talk(&mut self, now: Duration) -> bool {
        self.messages.take(now)
    }

    /// Counts a rejected message. Returns whether the client may stay connected.
    pub(super) fn is_bearable(&mut self, now: Duration) -> bool {
        self.strikes.take(now)
    }
}

/// A token bucket that is full at first, and gets a token back after each `period`.
#[derive(Debug)]
struct Bucket {
    period: Duration,
    /// How long an empty one takes to become full.
    fill: Duration,
    full_at: Duration,
}

impl Bucket {
    fn new(tokens: u32, period: Duration) -> Self {
        Self { period, fill: period.saturating_mul(tokens.max(1)), full_at: Duration::ZERO }
    }

    /// Takes a token, if there is one.
    fn take(&mut self, now: Duration) -> bool {
        let full_at = self.full_at.max(now).saturating_add(self.period);
        let is_there = full_at - now <= self.fill;
        if is_there {
            self.full_at = full_at;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_all_its_tokens_at_once_and_then_one_for_each_period() {
        let mut bucket = Bucket::new(3, Duration::from_millis(100));
        let mut taken = |ms, tries| (0..tries).filter(|_| bucket.take(Duration::from_millis(ms))).count();
        assert_eq!(taken(50, 9), 3);
        assert_eq!(taken(149, 9), 0);
        assert_eq!(taken(150, 9), 1);
        assert_eq!(taken(399, 9), 2);
        assert_eq!(taken(100_000, 9), 3, "it holds no more");
        assert_eq!(taken(0, 1), 0, "time that goes back brings none");
    }

    #[test]
    fn a_bucket_takes_any_limits() {
        for (tokens, period) in [(0, Duration::ZERO), (u32::MAX, Duration::MAX), (1, Duration::MAX)] {
            let mut bucket = Bucket::new(tokens, period);
            assert!(bucket.take(Duration::from_secs(1)) || period == Duration::MAX);
        }
    }
}
