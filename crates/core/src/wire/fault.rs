//! Faults in decoded bytes, none of which stops decoding.

use std::fmt;

use smol_str::SmolStr;

/// Kind of fault. `/status` counts faults by its stable name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// The outer protobuf is malformed.
    BadPushFrame,
    /// A payload is marked as gzip, but is not, or is cut off.
    BadGzip,
    /// A payload decompresses to more than [`super::UNZIPPED_BYTES_MAX`].
    GzipBomb,
    /// A batch is malformed. Messages before the error were decoded.
    BadBatch,
    /// A batch has more than [`super::BATCH_MESSAGES_MAX`] messages. The rest were dropped.
    TooManyMessages,
    /// A message is longer than [`super::MESSAGE_BYTES_MAX`].
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
