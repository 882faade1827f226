//! How much is published at once: renewals of the lease wait behind it, and a slow NATS must not delay them.

use std::time::Duration;

/// Size of the first pieces, in bytes.
const START_BYTES: usize = 16 << 10;
/// Minimum size up to which events are joined, in bytes.
const BYTES_MIN: usize = 1 << 10;
/// A record should be stored within this part of a lease, beyond the latency.
const LEASE_PARTS: u32 = 16;
/// The latency counts up to this part of a lease: an answer has to arrive within a quarter.
const LATENCY_PARTS: u32 = 8;

/// The size up to which events are joined.
#[derive(Debug)]
pub(super) struct Pace {
    bytes: usize,
    bytes_max: usize,
    time_max: Duration,
    /// Time that the last small record took. Nothing else waits for the part of the way that only takes time.
    latency: Duration,
    latency_max: Duration,
}

impl Pace {
    pub(super) fn new(bytes_max: usize, lease: Duration) -> Self {
        let (time_max, latency_max) = (lease / LEASE_PARTS, lease / LATENCY_PARTS);
        let bytes = START_BYTES.min(bytes_max);
        Self { bytes, bytes_max, time_max, latency: Duration::ZERO, latency_max }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Learns from the time that a record took, or took at least.
    pub(super) fn took(&mut self, bytes: usize, time: Duration) {
        if bytes <= BYTES_MIN {
            self.latency = time.min(self.latency_max);
        }
        if time > self.latency + self.time_max {
            self.bytes = (bytes.min(self.bytes) / 2).max(BYTES_MIN.min(self.bytes_max));
        } else if bytes > self.bytes / 2 {
            self.bytes = (self.bytes * 2).min(self.bytes_max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the size of pieces after many, if NATS stores so many bytes a millisecond.
    fn settled(bytes_per_ms: usize) -> usize {
        settled_after(Duration::ZERO, bytes_per_ms)
    }

    /// The same for a NATS that is far away.
    fn settled_after(latency: Duration, bytes_per_ms: usize) -> usize {
        let mut pace = Pace::new(256 << 10, Duration::from_millis(1_600));
        for _ in 0..100 {
            let bytes = pace.bytes();
            pace.took(bytes, latency + Duration::from_millis((bytes / bytes_per_ms) as u64));
        }
        pace.bytes()
    }

    #[test]
    fn a_long_way_to_nats_does_not_shrink_pieces() {
        let way = Duration::from_millis(160);
        assert_eq!(settled_after(way, 1 << 20), 256 << 10);
        assert!((10 << 10..=200 << 10).contains(&settled_after(way, 1 << 10)));
        assert_eq!(settled_after(way, 1), BYTES_MIN);
    }

    #[test]
    fn the_latency_counts_up_to_an_eighth_of_the_lease() {
        for (millis, expected) in [(300, 2 * BYTES_MIN), (301, BYTES_MIN)] {
            let mut pace = Pace::new(256 << 10, Duration::from_millis(1_600));
            pace.took(BYTES_MIN, Duration::from_secs(10));
            // An eighth, and a sixteenth to be stored.
            pace.took(BYTES_MIN + 1, Duration::from_millis(millis));
            assert_eq!(pace.bytes(), expected, "{millis} ms");
        }
    }

    #[test]
    fn pieces_grow_and_shrink_so_that_they_take_a_part_of_the_lease() {
        assert_eq!(settled(1 << 20), 256 << 10);
        assert!((10 << 10..=200 << 10).contains(&settled(1 << 10)));
        assert_eq!(settled(1), BYTES_MIN);
        let mut pace = Pace::new(256 << 10, Duration::from_secs(5));
        pace.took(100, Duration::ZERO);
        assert_eq!(pace.bytes(), START_BYTES, "a small piece says nothing about large ones");
    }
}
