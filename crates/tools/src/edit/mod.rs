//! Creates recordings from other recordings. Records are copied unchanged, apart from offset and connection
//! number.

mod cut;
mod mark;
mod merge;
mod repair;
mod source;

pub use cut::{Cut, cut, find_marker};
use livetape_core::{
    error::{Code, Problem},
    offset::{BeyondEnd, EmptyRange},
    recording::{self, Loss, Writer},
};
pub use mark::{LABEL_CHARS_MAX, mark};
use merge::DAY_SECS;
pub use merge::{APART_MAX, INPUTS_MAX, Input, Merged, merge};
pub use repair::{Repaired, repair};
use source::Source;
use std::{fmt, io::Write, time::Duration};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An input cannot be read, or the output cannot be written.
    #[error(transparent)]
    Recording(#[from] recording::Error),
    #[error(transparent)]
    BeyondEnd(#[from] BeyondEnd),
    #[error(transparent)]
    EmptyRange(#[from] EmptyRange),
    #[error("unknown marker `{label}`: {}", known_markers(known))]
    NoMarker {
        label: String,
        /// The first existing markers.
        known: Vec<String>,
    },
    #[error("a label must have 1 to {LABEL_CHARS_MAX} characters and no control characters")]
    BadLabel,
    /// A recording has no wall time, so it cannot be aligned with others.
    #[error("{name} has no wall time")]
    NoClock { name: String },
    #[error("{name} starts {} after {before}", in_days(*.apart))]
    Apart {
        /// Name of the later recording.
        name: String,
        /// Name of the earlier recording.
        before: String,
        apart: Duration,
    },
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match &error {
            Error::Recording(inner) => Self::new(inner.code(), &error),
            Error::NoClock { .. } => Self::new(Code::BadRecording, &error).hint(
                "give one --offset for each file after the first: its distance from the first, such as --offset 1m30s",
            ),
            Error::Apart { .. } => Self::new(Code::BadRequest, &error)
                .hint("merge them anyway with --force, or set their distance with --offset 1m30s"),
            Error::BeyondEnd(beyond) => (*beyond).into(),
            Error::EmptyRange(range) => (*range).into(),
            Error::NoMarker { .. } => Self::new(Code::BadRequest, &error)
                .hint("set the range with --from and --to instead, or add the marker with `livetape mark`"),
            Error::BadLabel => Self::new(Code::BadRequest, &error).hint("choose another label"),
        }
    }
}

/// `8 days`, or `7 days and 3 h`: the larger of the units that are left, so that just above a number of days
/// is not shown as that number.
fn in_days(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let (days, rest) = (seconds / DAY_SECS, seconds % DAY_SECS);
    let rest = match rest {
        0 => return format!("{days} days"),
        1..60 => format!("{rest} s"),
        60..3600 => format!("{} min", rest / 60),
        _ => format!("{} h", rest / 3600),
    };
    format!("{days} days and {rest}")
}

/// Seals a recording, unless an input is unsealed and the end may be missing here too.
fn finish<W: Write>(mut writer: Writer<W>, loss: Loss) -> Result<(), recording::Error> {
    if loss.unsealed { writer.flush() } else { writer.finish().map(drop) }
}

fn write_loss(f: &mut fmt::Formatter<'_>, loss: Loss) -> fmt::Result {
    if loss.is_some() { writeln!(f, "⚠️ Incomplete: {loss}") } else { Ok(()) }
}

fn known_markers(known: &[String]) -> String {
    if known.is_empty() {
        "the recording has no markers".into()
    } else {
        format!("choose one of {}", known.join(", "))
    }
}
