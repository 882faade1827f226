//! Why a recording cannot be read or written.

use std::io;

use super::layout::{BODY_BYTES_MAX, MAJOR};
use crate::error::Code;

/// Why a recording cannot be read or written. Damage is no error: [`super::Report`] tells of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is not one byte.
    #[error("the file is empty: nothing was recorded")]
    Empty,
    /// Neither the preamble nor any record is valid.
    #[error("not a livetape recording: no valid record in it")]
    NotARecording,
    /// The preamble is intact, and of a format that this version cannot know.
    #[error("format {major}.{minor} is too new: this livetape reads major {MAJOR}; install a newer one")]
    NewerMajor {
        /// The file's major version.
        major: u8,
        /// The file's minor version.
        minor: u8,
    },
    /// The preamble is intact, and of the format before it was frozen, which was never released.
    #[error(
        "format {major}.{minor} was never released: make the recording anew, or import its capture again"
    )]
    OlderMajor {
        /// The file's major version.
        major: u8,
        /// The file's minor version.
        minor: u8,
    },
    /// The source failed.
    #[error("cannot read on: {0}")]
    Read(io::Error),
    /// The target failed; the record that was being written may be cut off.
    #[error("cannot write on: {0}")]
    Write(io::Error),
    /// An earlier write failed. Whatever is written after a cut record would only look whole.
    #[error("an earlier write failed: the recording ends there")]
    Failed,
    /// Nothing was written of a record, because readers would take its length for damage.
    #[error("a record of {bytes} bytes is too large: the most is {BODY_BYTES_MAX}")]
    TooLarge {
        /// The length of its body.
        bytes: usize,
    },
    /// The numbers for records are used up.
    #[error("the recording is full: it holds {} records", u64::from(u32::MAX) + 1)]
    Full,
}

impl Error {
    /// The code that users see.
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
