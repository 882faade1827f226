//! Recordings made of recordings: each record is copied as it is, at its place on the new file's clock.

mod cut;
mod mark;
mod merge;
mod repair;
mod source;

pub use cut::{Cut, cut, find_marker};
pub use mark::{LABEL_CHARS_MAX, mark};
pub use merge::{APART_MAX, INPUTS_MAX, Input, Merged, merge};
pub use repair::{Repaired, repair};
use source::Source;
use std::{fmt, io::Write};

use crate::sans_io::{
    error::{Code, Problem},
    offset::BeyondEnd,
    recording::{self, Loss, Writer},
};

/// Why a recording cannot be made of others.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of them cannot be read, or the new one cannot be written.
    #[error(transparent)]
    Recording(#[from] recording::Error),
    /// Nothing lies there.
    #[error(transparent)]
    BeyondEnd(#[from] BeyondEnd),
    /// No marker has that label.
    #[error("there is no marker `{label}`: {}", known_markers(known))]
    NoMarker {
        /// What was asked for.
        label: String,
        /// The first markers that are there.
        known: Vec<String>,
    },
    /// A label that is empty or too long.
    #[error("a label has 1 to {LABEL_CHARS_MAX} characters, and none of them controls a terminal")]
    BadLabel,
    /// Two recordings cannot be laid on one clock.
    #[error("{name} does not say when it was recorded")]
    NoClock {
        /// Which of them.
        name: String,
    },
    /// Two recordings begin too long after each other.
    #[error("{name} begins {days} days after {before}")]
    Apart {
        /// The later one.
        name: String,
        /// The earlier one.
        before: String,
        /// How long after it.
        days: u64,
    },
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match &error {
            Error::Recording(inner) => Self::new(inner.code(), &error),
            Error::NoClock { .. } => Self::new(Code::BadRecording, &error)
                .hint("say how far it begins after the first: --offset 1m30s for each file after the first"),
            Error::Apart { .. } => Self::new(Code::BadRequest, &error)
                .hint("merge them anyway with --force, or set how far apart they begin with --offset 1m30s"),
            Error::BeyondEnd(beyond) => (*beyond).into(),
            _ => Self::new(Code::BadRequest, &error)
                .hint("`livetape info` shows how long it is, and its markers"),
        }
    }
}

/// Seals a recording, unless one that it was made of is not sealed: then its end may be missing here too.
fn finish<W: Write>(mut writer: Writer<W>, loss: Loss) -> Result<(), recording::Error> {
    if loss.unsealed { writer.flush() } else { writer.finish().map(drop) }
}

fn write_loss(f: &mut fmt::Formatter<'_>, loss: Loss) -> fmt::Result {
    if loss.is_some() { writeln!(f, "⚠️ Something is missing: {loss}") } else { Ok(()) }
}

fn known_markers(known: &[String]) -> String {
    if known.is_empty() { "the recording has none".into() } else { format!("there are {}", known.join(", ")) }
}
