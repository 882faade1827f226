//! Encodes and decodes push frames, batches and messages. Decoding accepts any bytes: it returns as much as
//! possible, plus [`Fault`]s.

pub mod client;
mod fields;
mod frame;
mod raw;
#[path = "../generated/schema.rs"]
mod schema;
mod unzip;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
#[path = "../generated/used.rs"]
#[rustfmt::skip]
pub(crate) mod used;
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated; the library does not set every field"
)]
#[path = "../generated/written.rs"]
#[rustfmt::skip]
pub(crate) mod webcast;

use std::fmt;

use smol_str::SmolStr;

pub use fields::{Field, FieldKind, Schema};
pub use frame::{
    Batch, BatchInfo, Common, EntriesLeft, Message, Push, common, read_batch, read_push, unzip_batch,
    without_gzip, write_batch, write_push,
};
pub(crate) use frame::{is_push, merge};
pub use raw::{RawField, RawFields, RawValue, write_bytes, write_number};
pub use unzip::{BODY_TOO_LONG, Member, Unzipper, gzip_member, unzip, unzip_body, zip};

/// Maximum length of a decompressed batch, in bytes. The largest real one seen has 120 KB.
pub const UNZIPPED_BYTES_MAX: usize = 2 << 20;
/// Maximum length of a message's payload, in bytes. Decoding can increase its size a hundredfold.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Maximum number of messages to decode in a batch. Real batches have tens.
pub const BATCH_MESSAGES_MAX: usize = 10_000;
/// Maximum number of list entries in all messages of a batch together: badges, viewers and the like. A message
/// that exceeds it counts as malformed.
pub const BATCH_ENTRIES_MAX: usize = 50_000;

/// Kind of fault. `/status` counts faults by its stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// The outer protobuf is malformed.
    BadPushFrame,
    /// A payload is marked as gzip, but is not, or is cut off.
    BadGzip,
    /// A payload decompresses to more than [`UNZIPPED_BYTES_MAX`].
    GzipBomb,
    /// A batch is malformed. Messages before the error were decoded.
    BadBatch,
    /// A batch has more than [`BATCH_MESSAGES_MAX`] messages. The rest were dropped.
    TooManyMessages,
    /// A message is longer than [`MESSAGE_BYTES_MAX`].
    TooLarge,
    /// A message with a schema could not be decoded.
    BadMessage,
    /// A text was not valid UTF-8. The invalid bytes were replaced, and the rest was decoded.
    BadUtf8,
}

impl FaultKind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::BadPushFrame,
        Self::BadGzip,
        Self::GzipBomb,
        Self::BadBatch,
        Self::TooManyMessages,
        Self::TooLarge,
        Self::BadMessage,
        Self::BadUtf8,
    ];

    /// Returns the name in `/status` and `livetape info`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadPushFrame => "bad_push_frame",
            Self::BadGzip => "bad_gzip",
            Self::GzipBomb => "gzip_bomb",
            Self::BadBatch => "bad_batch",
            Self::TooManyMessages => "too_many_messages",
            Self::TooLarge => "too_large",
            Self::BadMessage => "bad_message",
            Self::BadUtf8 => "bad_utf8",
        }
    }
}

/// A problem in decoded data, and its consequence. Never ends a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Kind of fault.
    pub kind: FaultKind,
    /// Method of the affected message, if any.
    pub method: Option<SmolStr>,
    /// Details for a log line.
    pub detail: String,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, detail: impl fmt::Display) -> Self {
        Self { kind, method: None, detail: detail.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.name())?;
        if let Some(method) = &self.method {
            write!(f, " in {method}")?;
        }
        write!(f, ": {}", self.detail)
    }
}
