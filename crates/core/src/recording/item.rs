//! What a recording is made of; sources hand out the same.

use std::time::Duration;

use bytes::Bytes;

use super::records;

/// The tag of a header that names the user whose room it is.
pub const USER_TAG: &str = "user";
/// The tag of a header that names the recording of which the file is a part.
pub const PART_OF_TAG: &str = "part_of";
/// The tag of a header that numbers the parts of a recording from 0.
pub const PART_TAG: &str = "part";

/// An item and its number in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Counts the records of a file from 0.
    pub rec_no: u32,
    /// What was recorded.
    pub item: Item,
}

/// One thing that happened upstream. A source hands out items, a recording holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Time since the start of the stream.
    pub offset: Duration,
    /// The connection that it belongs to; 0 if none. Never reused within a file.
    pub conn: u32,
    /// Who sent it, and what was done to it.
    pub flags: Flags,
    /// What happened.
    pub what: What,
}

/// What happened upstream, by record type.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "proto/recording.proto describes each of them")]
pub enum What {
    Header(records::Header),
    ConnOpen(records::ConnOpen),
    Frame(Frame),
    ConnClose(records::ConnClose),
    Http(records::Http),
    Marker(records::Marker),
    ClockAnchor(records::ClockAnchor),
    Gap(records::Gap),
    Checkpoint(records::Checkpoint),
    End(records::End),
    Status(records::Status),
    /// A type that this version does not know, or a known one whose payload does not decode: carried unchanged.
    Other {
        record_type: u8,
        opcode: u8,
        payload: Bytes,
    },
}

impl records::Gap {
    /// How many records were lost: at least one, where the recorder did not count them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.records.max(1)
    }
}

/// One WebSocket message from or to TikTok, after reassembly, still compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What kind of message.
    pub opcode: Opcode,
    /// The message itself.
    pub bytes: Bytes,
}

/// A WebSocket opcode (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A text message.
    pub const TEXT: Self = Self(1);
    /// A binary message: what the webcast protocol uses.
    pub const BINARY: Self = Self(2);
}

/// Flags of an item. Unknown bits are kept and ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// Sent by us; else received.
    pub const SENT: u8 = 1;
    /// Made by `/inject`, not by TikTok.
    pub const INJECTED: u8 = 2;
    /// Not as it was on the wire: secrets were taken out of it, or it was changed later.
    pub const EDITED: u8 = 4;
    /// Only the beginning was kept.
    pub const TRUNCATED: u8 = 8;

    /// Whether we sent it.
    #[must_use]
    pub fn is_sent(self) -> bool {
        self.0 & Self::SENT != 0
    }

    /// Whether `/inject` made it.
    #[must_use]
    pub fn is_injected(self) -> bool {
        self.0 & Self::INJECTED != 0
    }
}
