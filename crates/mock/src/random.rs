//! Reproducible pseudorandom numbers.

use livetape_core::retry::SplitMix;

/// One sequence per connection, so that one client's activity does not affect the numbers of another.
#[derive(Clone, Debug)]
pub(super) struct Random(SplitMix);

impl Random {
    /// Creates the sequence with this number, such as that of a connection.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        // Multiplying keeps neighbouring numbers from producing similar sequences.
        Self(SplitMix(seed ^ number.wrapping_mul(0xD134_2543_DE82_EF95)))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0.next_bits()
    }

    /// Returns an id like TikTok's: 19 digits, positive as an `i64`.
    pub(super) fn id(&mut self) -> i64 {
        let below = i64::try_from(self.next() % 900_000_000_000_000_000).unwrap_or_default();
        7_000_000_000_000_000_000 + below
    }

    /// Returns this many hexadecimal digits, at most 16.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        format!("{:016x}", self.next())[..digits.min(16)].to_owned()
    }
}
