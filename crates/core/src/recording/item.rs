//! Items: the content of recordings, and the output of sources.

use std::time::Duration;

use bytes::Bytes;

use super::records;

/// Default directory of recordings.
pub const FOLDER: &str = "recordings";
/// Header tag with the user name of the host.
pub const USER_TAG: &str = "user";
/// Header tag with the name of the recording that the file is a part of.
pub const PART_OF_TAG: &str = "part_of";
/// Header tag with the number of the part, from 0.
pub const PART_TAG: &str = "part";

/// An item with its number in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Number of the record in the file, from 0.
    pub rec_no: u32,
    /// The recorded item.
    pub item: Item,
}

/// An upstream event. Sources produce items, and recordings store them.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Time since the start of the stream.
    pub offset: Duration,
    /// Connection number; 0 if the item belongs to none. Never reused within a file.
    pub conn: u32,
    /// Direction, origin and changes.
    pub flags: Flags,
    /// The content.
    pub what: What,
}

/// The content of an item, by record type.
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
    /// A record of an unknown type, or with an undecodable payload. It is kept unchanged.
    Other {
        record_type: u8,
        opcode: u8,
        payload: Bytes,
    },
}

impl records::Gap {
    /// Returns the number of lost records: at least one, even if the recorder did not count them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.records.max(1)
    }
}

/// A WebSocket message from or to TikTok, after reassembly, still compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Opcode of the message.
    pub opcode: Opcode,
    /// Payload of the message.
    pub bytes: Bytes,
}

/// A WebSocket opcode (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A text message.
    pub const TEXT: Self = Self(1);
    /// A binary message, as used by the webcast protocol.
    pub const BINARY: Self = Self(2);
}

/// Flags of an item. Unknown bits are kept and ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// Sent by the client rather than received.
    pub const SENT: u8 = 1;
    /// Created by `/inject` rather than by TikTok.
    pub const INJECTED: u8 = 2;
    /// Different from the wire: secrets were removed, or it was edited later.
    pub const EDITED: u8 = 4;
    /// Cut off: only the beginning was kept.
    pub const TRUNCATED: u8 = 8;

    /// Whether the client sent it.
    #[must_use]
    pub fn is_sent(self) -> bool {
        self.0 & Self::SENT != 0
    }

    /// Whether `/inject` created it.
    #[must_use]
    pub fn is_injected(self) -> bool {
        self.0 & Self::INJECTED != 0
    }
}
