//! The byte layout of a file: the preamble, and the head of each record. All numbers are little-endian.

use crc32fast::Hasher;

/// The first bytes of a file: a non-text byte, `LTAP`, and line endings that a faulty transfer would change.
pub const MAGIC: [u8; 8] = [0x89, b'L', b'T', b'A', b'P', 0x0d, 0x0a, 0x1a];
/// Readers reject any other major version. Version 1 is frozen: every later livetape can read it. Version 0
/// was never released.
pub const MAJOR: u8 = 1;
/// A newer minor version only adds content that older readers can ignore.
pub const MINOR: u8 = 0;
/// Maximum length of a record's body, in bytes. Checked before allocating.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Magic, version, two zeros and checksum.
pub(super) const PREAMBLE_BYTES: usize = 16;
/// Sync word, body length, number and checksum.
pub(super) const HEAD_BYTES: usize = 16;
/// A body without payload: type, flags, opcode, zero, connection and offset.
pub(super) const BODY_BYTES_MIN: usize = 16;
/// Minimum length of a record.
pub(super) const RECORD_BYTES_MIN: usize = HEAD_BYTES + BODY_BYTES_MIN;
/// First bytes of each record. All four differ, so the word cannot overlap itself.
pub(super) const SYNC: [u8; 4] = 0x9E3C_A5D1_u32.to_le_bytes();

/// Encodes a preamble.
pub(super) fn write_preamble(major: u8, minor: u8) -> [u8; PREAMBLE_BYTES] {
    let mut bytes = [0; PREAMBLE_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8] = major;
    bytes[9] = minor;
    let checksum = crc32fast::hash(&bytes[..12]);
    bytes[12..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Decodes major and minor version; returns `None` if the preamble is cut off or damaged.
pub(super) fn read_preamble(bytes: &[u8]) -> Option<(u8, u8)> {
    let intact = bytes.starts_with(&MAGIC) && crc32fast::hash(bytes.get(..12)?) == u32_at(bytes, 12)?;
    intact.then(|| (bytes[8], bytes[9]))
}

/// The head of a record, not yet checked against its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) sync: bool,
    pub(super) body_len: u32,
    pub(super) rec_no: u32,
    pub(super) crc: u32,
}

impl RecordHead {
    /// Decodes the head at the start of `bytes`; returns `None` if there are too few.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            sync: bytes.starts_with(&SYNC),
            body_len: u32_at(bytes, 4)?,
            rec_no: u32_at(bytes, 8)?,
            crc: u32_at(bytes, 12)?,
        })
    }

    /// Returns the length of the whole record, or `None` if the body length is invalid.
    pub(super) fn record_bytes(self) -> Option<usize> {
        let body = usize::try_from(self.body_len).ok()?;
        (BODY_BYTES_MIN..=BODY_BYTES_MAX).contains(&body).then_some(HEAD_BYTES + body)
    }

    /// Whether the checksum matches `body`.
    pub(super) fn fits(self, body: &[u8]) -> bool {
        self.crc == checksum(self.body_len, self.rec_no, body)
    }
}

/// Encodes a head for `body`, which is never longer than [`BODY_BYTES_MAX`].
pub(super) fn write_head(rec_no: u32, body: &[u8]) -> [u8; HEAD_BYTES] {
    let body_len = u32::try_from(body.len()).expect("the caller keeps the cap");
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&SYNC);
    head[4..8].copy_from_slice(&body_len.to_le_bytes());
    head[8..12].copy_from_slice(&rec_no.to_le_bytes());
    head[12..].copy_from_slice(&checksum(body_len, rec_no, body).to_le_bytes());
    head
}

fn checksum(body_len: u32, rec_no: u32, body: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&body_len.to_le_bytes());
    hasher.update(&rec_no.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// Returns the number at `at`, or `None` if `bytes` are too short.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_zip_and_png() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_preamble_reads_back_and_no_flipped_bit_passes() {
        let bytes = write_preamble(0, 7);
        assert_eq!(read_preamble(&bytes), Some((0, 7)));
        for bit in 0..PREAMBLE_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read_preamble(&flipped), None, "bit {bit}");
        }
    }
}
