//! Encodes and decodes the body of a record: type, flags, opcode, connection and offset, then the payload.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;

use super::{Flags, Frame, Item, Opcode, What, layout::BODY_BYTES_MIN};

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
