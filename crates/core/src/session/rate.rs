//! Limits the data rate of a room with a token bucket.

use std::time::Duration;

/// Maximum long-term rate, in decompressed bytes per second. A busy room sends a hundredth of this.
pub const RATE_BYTES_MAX: u64 = 8 << 20;
/// Maximum burst after a pause, in bytes. A mock may send a whole recording at once.
pub const BURST_BYTES_MAX: u64 = 64 << 20;
/// Overhead added to each message, in bytes, because even an empty one causes work.
const MESSAGE_BYTES: u64 = 512;

/// Maximum length of an unfinished message including frame headers, in bytes: twice the longest message.
pub const UNFINISHED_BYTES_MAX: usize = 2 << 20;
/// Weight of each byte of a frame header. A header has 2 to 10 bytes and causes as much work as a short
/// message.
const HEAD_BYTE_BYTES: u64 = 64;

/// The token bucket.
#[derive(Debug)]
pub(super) struct Rate {
    left: u64,
    at: Duration,
    /// Bytes read other than messages: frame headers, and the start of the next messages.
    overhead: usize,
}

impl Default for Rate {
    fn default() -> Self {
        Self { left: BURST_BYTES_MAX, at: Duration::ZERO, overhead: 0 }
    }
}

impl Rate {
    /// Counts a message. Returns whether it is within the rate.
    pub(super) fn allows(&mut self, now: Duration, bytes: usize) -> bool {
        self.spend(now, MESSAGE_BYTES.saturating_add(bytes as u64))
    }

    /// Counts the bytes read for a message of this length. Returns whether the frame headers are within the
    /// rate. The most recent bytes may still turn out to be content.
    pub(super) fn allows_heads(&mut self, now: Duration, read: usize, message: usize) -> bool {
        self.overhead = self.overhead.saturating_add(read).saturating_sub(message);
        let heads = self.overhead.saturating_sub(UNFINISHED_BYTES_MAX);
        self.overhead -= heads;
        self.spend(now, HEAD_BYTE_BYTES.saturating_mul(heads as u64))
    }

    fn spend(&mut self, now: Duration, wanted: u64) -> bool {
        // Whole milliseconds only; a fraction is carried over to the next call.
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
    fn the_rate_is_sustainable_but_not_one_byte_more() {
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
    fn a_pause_saves_up_at_most_the_burst() {
        let mut rate = Rate::default();
        let burst = usize::try_from(BURST_BYTES_MAX).unwrap();
        assert!(!rate.allows(Duration::MAX, burst));
        assert!(rate.allows(Duration::MAX, 0) || rate.left == 0);
    }

    #[test]
    fn a_busy_room_may_fragment_its_messages() {
        let (mut rate, mut now) = (Rate::default(), Duration::ZERO);
        // 1,000 messages per second for an hour, each in ten frames with 4-byte headers.
        for _ in 0..3_600_000 {
            now += Duration::from_millis(1);
            assert!(rate.allows(now, 2_000) && rate.allows_heads(now, 2_040, 2_000));
        }
    }

    #[test]
    fn headers_without_content_count_even_if_a_message_ends_occasionally() {
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
