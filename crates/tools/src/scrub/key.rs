//! The scrubbing key. Replacements depend only on the key and the original, so the same person is replaced
//! consistently everywhere, and cannot be identified without the key.

use std::fmt;

use ring::hmac;

pub const KEY_BYTES: usize = 32;
pub const FINGERPRINT_BYTES: usize = 16;
/// Rounds of the permutation of small numbers.
const ROUNDS: u8 = 8;

/// A key for HMAC-SHA-256.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl Key {
    #[must_use]
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Returns a fingerprint, which identifies the key without revealing it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; FINGERPRINT_BYTES] {
        let digest = self.digest("fingerprint", b"");
        *digest.first_chunk().expect("a digest is longer")
    }

    fn digest(&self, kind: &str, value: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(value);
        context.sign().as_ref().try_into().expect("SHA-256 gives 32 bytes")
    }

    /// Returns a number derived from `value`.
    pub(super) fn number(&self, kind: &str, value: &[u8]) -> u64 {
        u64::from_le_bytes(*self.digest(kind, value).first_chunk().expect("a digest is longer"))
    }

    /// Returns a sequence of choices derived from `value`.
    pub(super) fn choices(&self, kind: &str, value: &[u8]) -> Choices {
        Choices(self.number(kind, value))
    }

    /// Permutes the numbers below `count`: a Feistel network, repeated until the result is in range.
    pub(super) fn permuted(&self, number: u64, count: u64) -> u64 {
        let half = (64 - count.leading_zeros()).div_ceil(2).max(1);
        let mask = (1_u64 << half) - 1;
        let mut at = number;
        loop {
            let (mut left, mut right) = (at >> half, at & mask);
            for round in 0..ROUNDS {
                let value = [&right.to_le_bytes()[..], &count.to_le_bytes(), &[round]].concat();
                (left, right) = (right, left ^ (self.number("round", &value) & mask));
            }
            at = left << half | right;
            if at < count {
                return at;
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Numbers derived from the first (SplitMix64). They reveal no more of the key than that number does.
pub(super) struct Choices(u64);

impl Choices {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permuted_numbers_are_distinct() {
        let key = Key::new(&[7; 32]);
        for count in [1, 2, 10, 90, 900, 4096] {
            let mut all: Vec<_> = (0..count).map(|number| key.permuted(number, count)).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..count), "{count}");
        }
    }

    #[test]
    fn a_key_reveals_nothing_about_itself() {
        let (one, two) = (Key::new(&[1; 32]), Key::new(&[2; 32]));
        assert_eq!(format!("{one:?}"), "***");
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert_ne!(one.number("id", b"x"), two.number("id", b"x"));
        assert_ne!(one.number("id", b"x"), one.number("text", b"x"));
    }
}
