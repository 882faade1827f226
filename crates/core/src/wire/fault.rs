//! What was wrong with bytes that were read nevertheless.

use std::fmt;

use smol_str::SmolStr;

/// The stable name of what was wrong; counted under it in `/status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// The outer protobuf is broken.
    BadPushFrame,
    /// A payload says it is gzip and is not, or breaks off.
    BadGzip,
    /// A payload unpacks to more than [`super::UNZIPPED_BYTES_MAX`].
    GzipBomb,
    /// The batch is broken; messages before the break were read.
    BadBatch,
    /// A batch holds more than [`super::BATCH_MESSAGES_MAX`] messages; the rest was dropped.
    TooManyMessages,
    /// A message is longer than [`super::MESSAGE_BYTES_MAX`].
    TooLarge,
    /// A message of a known method could not be read.
    BadMessage,
    /// A text was not UTF-8; the bad bytes were replaced and the rest was read.
    BadUtf8,
}

impl FaultKind {
    /// The name that `/status` and `livetape info` show.
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

/// Something that could not be read as it should, and what was done instead. Never the end of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was wrong.
    pub kind: FaultKind,
    /// The method of the message, where one is concerned.
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
