//! How much a room may send: a bucket that fills with time.

use std::time::Duration;

/// Most bytes per second that a room may send in the long run, unpacked. A busy room sends a hundredth of this.
pub const RATE_BYTES_MAX: u64 = 8 << 20;
/// Most bytes at once, after a silence: a whole recording, where a mock plays as fast as it can.
pub const BURST_BYTES_MAX: u64 = 64 << 20;
/// What a message counts beside its bytes: an empty one is work, too.
const MESSAGE_BYTES: u64 = 256;

/// What may still come.
#[derive(Debug)]
pub(super) struct Rate {
    left: u64,
    at: Duration,
}

impl Default for Rate {
    fn default() -> Self {
        Self { left: BURST_BYTES_MAX, at: Duration::ZERO }
    }
}

impl Rate {
    /// Takes note of a message; whether it is within the rate.
    pub(super) fn allows(&mut self, now: Duration, bytes: usize) -> bool {
        // In whole milliseconds: what is left of one counts the next time.
        let millis = u64::try_from(now.saturating_sub(self.at).as_millis()).unwrap_or(u64::MAX);
        self.at = self.at.saturating_add(Duration::from_millis(millis)).max(self.at);
        let gained = millis.saturating_mul(RATE_BYTES_MAX) / 1000;
        self.left = self.left.saturating_add(gained).min(BURST_BYTES_MAX);
        let wanted = MESSAGE_BYTES.saturating_add(bytes as u64);
        let allows = wanted <= self.left;
        self.left = self.left.saturating_sub(wanted);
        allows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_for_ever_and_not_a_byte_more() {
        let (mut rate, mut now) = (Rate::default(), Duration::ZERO);
        let second = usize::try_from(RATE_BYTES_MAX - MESSAGE_BYTES).unwrap();
        for _ in 0..1000 {
            now += Duration::from_secs(1);
            assert!(rate.allows(now, second));
        }
        let burst = usize::try_from(BURST_BYTES_MAX - RATE_BYTES_MAX - MESSAGE_BYTES).unwrap();
        assert!(rate.allows(now, burst) && !rate.allows(now, 0));
        assert!(!rate.allows(now + Duration::from_micros(900), 0));
        assert!(rate.allows(now + Duration::from_millis(1), 0));
    }

    #[test]
    fn silence_saves_up_no_more_than_the_burst() {
        let mut rate = Rate::default();
        let burst = usize::try_from(BURST_BYTES_MAX).unwrap();
        assert!(!rate.allows(Duration::MAX, burst));
        assert!(rate.allows(Duration::MAX, 0) || rate.left == 0);
    }

    #[test]
    fn empty_messages_count() {
        let mut rate = Rate::default();
        let most = BURST_BYTES_MAX / MESSAGE_BYTES;
        assert_eq!((0..2 * most).take_while(|_| rate.allows(Duration::ZERO, 0)).count() as u64, most);
    }
}
