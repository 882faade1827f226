//! The byte layout of a file: the preamble, and the head and body of each record. All numbers are little-endian.

use std::{io, time::Duration};

use bytes::Bytes;
use crc32fast::Hasher;
use prost::Message;

use super::{Flags, Frame, Item, Opcode, What};
use crate::error::Code;

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

/// Record types. Types from 128 on are private; 10 is reserved for an index.
#[expect(missing_docs, reason = "proto/recording.proto describes each of them")]
pub mod record_type {
    pub const HEADER: u8 = 1;
    pub const CONN_OPEN: u8 = 2;
    pub const FRAME: u8 = 3;
    pub const CONN_CLOSE: u8 = 4;
    pub const HTTP: u8 = 5;
    pub const MARKER: u8 = 6;
    pub const CLOCK_ANCHOR: u8 = 7;
    pub const GAP: u8 = 8;
    pub const CHECKPOINT: u8 = 9;
    pub const END: u8 = 11;
    pub const STATUS: u8 = 12;
}

/// The encoded body of a record. Tools can copy it without decoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    /// Returns `None` if there are too few bytes.
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        (bytes.len() >= BODY_BYTES_MIN).then_some(Self(bytes))
    }

    /// Returns the type: one of [`record_type`], or an unknown one.
    #[must_use]
    pub fn record_type(self) -> u8 {
        self.0[0]
    }

    /// Returns the flags.
    #[must_use]
    pub fn flags(self) -> Flags {
        Flags(self.0[1])
    }

    /// Returns the opcode of a frame; 0 for other records.
    #[must_use]
    pub fn opcode(self) -> u8 {
        self.0[2]
    }

    /// Returns the connection number; 0 if the record belongs to none.
    #[must_use]
    pub fn conn(self) -> u32 {
        u32::from_le_bytes(*self.0[4..].first_chunk().expect("a body is long enough"))
    }

    /// Returns the time since the start of the stream.
    #[must_use]
    pub fn offset(self) -> Duration {
        Duration::from_nanos(u64::from_le_bytes(*self.0[8..].first_chunk().expect("a body is long enough")))
    }

    /// Returns the payload: the bytes of a frame, or a message of `proto/recording.proto`.
    #[must_use]
    pub fn payload(self) -> &'a [u8] {
        &self.0[BODY_BYTES_MIN..]
    }

    /// Returns the whole body.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Decodes the body. Never fails: undecodable content becomes [`What::Other`].
    #[must_use]
    pub fn item(self) -> Item {
        let payload = Bytes::copy_from_slice(self.payload());
        let what = decode(self.record_type(), self.opcode(), &payload).unwrap_or(What::Other {
            record_type: self.record_type(),
            opcode: self.opcode(),
            payload,
        });
        Item { offset: self.offset(), conn: self.conn(), flags: self.flags(), what }
    }
}

/// An error in reading or writing a recording. Damage is not an error; [`super::ReadReport`] describes it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is empty.
    #[error("the file is empty: nothing was recorded")]
    Empty,
    /// Neither the preamble nor any record is valid.
    #[error("not a livetape recording: it has no valid record")]
    NotARecording,
    /// The preamble is intact, but of a newer major version.
    #[error("format {major}.{minor} is too new: this livetape reads major version {MAJOR}")]
    NewerMajor {
        /// Major version of the file.
        major: u8,
        /// Minor version of the file.
        minor: u8,
    },
    /// The preamble is intact, but of the unreleased format before version 1.
    #[error("format {major}.{minor} was never released: record again, or import the capture again")]
    OlderMajor {
        /// Major version of the file.
        major: u8,
        /// Minor version of the file.
        minor: u8,
    },
    /// Reading the source failed.
    #[error("reading failed: {0}")]
    Read(io::Error),
    /// Writing to the target failed. The current record may be cut off.
    #[error("writing failed: {0}")]
    Write(io::Error),
    /// An earlier write failed. Further records would hide that the recording is incomplete.
    #[error("an earlier write failed: the recording ends there")]
    Failed,
    /// The record was not written, because readers would treat its length as damage.
    #[error("a record of {bytes} bytes is too large: the limit is {BODY_BYTES_MAX} bytes")]
    TooLarge {
        /// Length of its body, in bytes.
        bytes: usize,
    },
    /// All record numbers are used up.
    #[error("the recording is full: it holds {} records", u64::from(u32::MAX) + 1)]
    Full,
}

impl Error {
    /// Returns the code shown to users.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Empty
            | Self::NotARecording
            | Self::OlderMajor { .. }
            | Self::TooLarge { .. }
            | Self::Full => Code::BadRecording,
            Self::NewerMajor { .. } => Code::NewerRecording,
            Self::Read(_) | Self::Write(_) | Self::Failed => Code::Io,
        }
    }
}

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
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Returns `None` for unknown types, and for a payload or opcode that this version does not write.
fn decode(record_type: u8, opcode: u8, payload: &Bytes) -> Option<What> {
    fn read<M: Message + Default>(payload: &Bytes, what: impl Fn(M) -> What) -> Option<What> {
        M::decode(payload.clone()).ok().map(what)
    }
    match record_type {
        record_type::FRAME => Some(What::Frame(Frame { opcode: Opcode(opcode), bytes: payload.clone() })),
        _ if opcode != 0 => None,
        record_type::HEADER => read(payload, What::Header),
        record_type::CONN_OPEN => read(payload, What::ConnOpen),
        record_type::CONN_CLOSE => read(payload, What::ConnClose),
        record_type::HTTP => read(payload, What::Http),
        record_type::MARKER => read(payload, What::Marker),
        record_type::CLOCK_ANCHOR => read(payload, What::ClockAnchor),
        record_type::GAP => read(payload, What::Gap),
        record_type::CHECKPOINT => read(payload, What::Checkpoint),
        record_type::END => read(payload, What::End),
        record_type::STATUS => read(payload, What::Status),
        _ => None,
    }
}

/// Appends the body of a record. Offsets beyond 584 years are clamped.
pub(super) fn write_body(offset: Duration, conn: u32, flags: Flags, what: &What, out: &mut Vec<u8>) {
    let (record_type, opcode) = kind(what);
    let offset_ns = u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX);
    out.extend_from_slice(&[record_type, flags.0, opcode, 0]);
    out.extend_from_slice(&conn.to_le_bytes());
    out.extend_from_slice(&offset_ns.to_le_bytes());
    write_payload(what, out);
}

/// Returns the type and opcode of the record.
fn kind(what: &What) -> (u8, u8) {
    match what {
        What::Header(_) => (record_type::HEADER, 0),
        What::ConnOpen(_) => (record_type::CONN_OPEN, 0),
        What::Frame(frame) => (record_type::FRAME, frame.opcode.0),
        What::ConnClose(_) => (record_type::CONN_CLOSE, 0),
        What::Http(_) => (record_type::HTTP, 0),
        What::Marker(_) => (record_type::MARKER, 0),
        What::ClockAnchor(_) => (record_type::CLOCK_ANCHOR, 0),
        What::Gap(_) => (record_type::GAP, 0),
        What::Checkpoint(_) => (record_type::CHECKPOINT, 0),
        What::End(_) => (record_type::END, 0),
        What::Status(_) => (record_type::STATUS, 0),
        What::Other { record_type, opcode, .. } => (*record_type, *opcode),
    }
}

/// Appends the payload of a record.
pub fn write_payload(what: &What, out: &mut Vec<u8>) {
    fn write(message: &impl Message, out: &mut Vec<u8>) {
        message.encode(out).expect("a vector takes every byte");
    }
    match what {
        What::Header(message) => write(message, out),
        What::ConnOpen(message) => write(message, out),
        What::Frame(frame) => out.extend_from_slice(&frame.bytes),
        What::ConnClose(message) => write(message, out),
        What::Http(message) => write(message, out),
        What::Marker(message) => write(message, out),
        What::ClockAnchor(message) => write(message, out),
        What::Gap(message) => write(message, out),
        What::Checkpoint(message) => write(message, out),
        What::End(message) => write(message, out),
        What::Status(message) => write(message, out),
        What::Other { payload, .. } => out.extend_from_slice(payload),
    }
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
