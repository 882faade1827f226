//! Numbers that look random and are the same on every run.

/// `SplitMix64`, one for each connection: what one client does changes nothing for the others.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    /// The numbers of one connection, or of whatever else has a number.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        // Neighbouring numbers must not give neighbouring sequences.
        Self(seed ^ number.wrapping_mul(0xD134_2543_DE82_EF95))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// An id as TikTok's are: 19 digits, and positive in 64 bits.
    pub(super) fn id(&mut self) -> i64 {
        let below = i64::try_from(self.next() % 900_000_000_000_000_000).unwrap_or_default();
        7_000_000_000_000_000_000 + below
    }

    /// So many hexadecimal digits, 16 at most.
    pub(super) fn hex(&mut self, digits: usize) -> String {
        format!("{:016x}", self.next())[..digits.min(16)].to_owned()
    }
}
