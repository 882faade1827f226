//! Errors in reading and writing recordings.

use std::io;

use super::layout::{BODY_BYTES_MAX, MAJOR};
use crate::error::Code;

/// An error in reading or writing a recording. Damage is not an error; [`super::Report`] describes it.
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
