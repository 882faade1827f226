//! How much a room may send: a bucket that fills with time.

use std::time::Duration;

/// Most bytes per second that a room may send in the long run, unpacked. A busy room sends a hundredth of this.
pub const RATE_BYTES_MAX: u64 = 8 << 20;
/// Most bytes at once, after a silence: a whole recording, where a mock plays as fast as it can.
pub const BURST_BYTES_MAX: u64 = 64 << 20;
/// What a message counts beside its bytes: an empty one is work, too.
const MESSAGE_BYTES: u64 = 256;

/// Most bytes that may be read of a message that is not complete, heads of its frames included: twice the longest one.
pub const UNFINISHED_BYTES_MAX: usize = 2 << 20;
/// What a byte beside the messages counts: the head of a frame has 2 to 10, and is as much work as a short message.
const HEAD_BYTE_BYTES: u64 = 64;

/// What may still come.
#[derive(Debug)]
pub(super) struct Rate {
    left: u64,
    at: Duration,
    /// Bytes that were read beside those of messages: of heads, and of the next messages.
    beside: usize,
}

impl Default for Rate {
    fn default() -> Self {
        Self { left: BURST_BYTES_MAX, at: Duration::ZERO, beside: 0 }
    }
}

impl Rate {
    /// Takes note of a message; whether it is within the rate.
    pub(super) fn allows(&mut self, now: Duration, bytes: usize) -> bool {
        self.spend(now, MESSAGE_BYTES.saturating_add(bytes as u64))
    }

    /// Takes note of what was read for a message of so many bytes; whether the heads of frames are within the rate. Of
    /// what was read last nobody knows yet whether it is heads.
    pub(super) fn allows_heads(&mut self, now: Duration, read: usize, message: usize) -> bool {
        self.beside = self.beside.saturating_add(read).saturating_sub(message);
        let heads = self.beside.saturating_sub(UNFINISHED_BYTES_MAX);
        self.beside -= heads;
        self.spend(now, HEAD_BYTE_BYTES.saturating_mul(heads as u64))
    }

    fn spend(&mut self, now: Duration, wanted: u64) -> bool {
        // In whole milliseconds: what is left of one counts the next time.
        let millis = u64::try_from(now.saturating_sub(self.at).as_millis()).unwrap_or(u64::MAX);
        self.at = self.at.saturating_add(Duration::from_millis(millis)).max(self.at);
        let gained = millis.saturating_mul(RATE_BYTES_MAX) / 1000;
        self.left = self.left.saturating_add(gained).min(BURST_BYTES_MAX);
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
    fn a_busy_room_may_fragment_its_messages() {
        let (mut rate, mut now) = (Rate::default(), Duration::ZERO);
        // For an hour 1,000 messages a second, each of ten frames with a head of four bytes.
        for _ in 0..3_600_000 {
            now += Duration::from_millis(1);
            assert!(rate.allows(now, 2_000) && rate.allows_heads(now, 2_040, 2_000));
        }
    }

    #[test]
    fn heads_without_content_count_even_if_a_message_ends_now_and_then() {
        let (mut rate, mut frames) = (Rate::default(), 0);
        // The last of 50,000 frames of two bytes ends a message.
        while rate.allows(Duration::ZERO, 0) && rate.allows_heads(Duration::ZERO, 100_000, 0) {
            frames += 50_000;
        }
        assert!((500_000..2_000_000).contains(&frames), "{frames}");
    }

    #[test]
    fn empty_messages_count() {
        let mut rate = Rate::default();
        let most = BURST_BYTES_MAX / MESSAGE_BYTES;
        assert_eq!((0..2 * most).take_while(|_| rate.allows(Duration::ZERO, 0)).count() as u64, most);
    }
}
