//! JSON lines → recording.
//!
//! ```json
//! {"offset_ms": 350, "frame": "<base64 of a WebSocket message>"}
//! {"ts_ms": 1694630990293, "host": "host_160", "method": "WebcastChatMessage", "payload": "<base64 of a message>"}
//! ```
//!
//! An input holds lines of one of the two kinds. Both may have `offset_ms` or `ts_ms` (Unix milliseconds); if both, the
//! offset counts.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
};

use serde::Serialize;

use crate::sans_io::recording::{self, records::header};

mod frames;
mod lines;
mod look_ahead;
mod messages;
mod summary;
mod target;

pub use lines::LINE_BYTES_MAX;
use lines::{Content, Lines};
use look_ahead::LookAhead;
use target::Target;

/// Most bad lines that a report lists; all are counted.
pub const BAD_LINES_LISTED_MAX: usize = 10;

/// What the lines do not say of themselves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The user, for lines without a host; else [`Options::name`].
    pub user: Option<String>,
    /// The room, for lines without a host; else the first that a message names.
    pub room_id: Option<i64>,
    /// What to call the user if nothing else is known: the stem of the file's name.
    pub name: String,
    /// Where the lines come from; `lines`.
    pub source: String,
    /// Whether the people in it may be recognised. `Private` unless the user says otherwise.
    pub privacy: header::Privacy,
    /// How true the times are.
    pub timing: header::Timing,
    /// The version of livetape to note in the header; empty where bytes must not depend on it.
    pub tool_version: String,
    /// Further facts for the header.
    pub tags: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            user: None,
            room_id: None,
            name: String::new(),
            source: "lines".into(),
            privacy: header::Privacy::Private,
            timing: header::Timing::Original,
            tool_version: env!("CARGO_PKG_VERSION").into(),
            tags: BTreeMap::new(),
        }
    }
}

/// What was imported, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Lines read, without empty ones.
    pub lines: u64,
    /// Frames written.
    pub frames: u64,
    /// Connections written.
    pub connections: u64,
    /// Messages in those frames.
    pub messages: u64,
    /// What was wrong inside of frames, by its stable name. They were written nevertheless.
    pub faults: BTreeMap<&'static str, u64>,
    /// Lines that were left out.
    pub bad_lines: u64,
    /// The first [`BAD_LINES_LISTED_MAX`] of them.
    pub bad_lines_listed: Vec<BadLine>,
    /// Times that went back, and were set to the one before.
    pub clamped: u64,
    /// The time between the start and the last frame.
    pub duration_ms: u64,
}

/// A line that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Its number, from 1.
    pub line: u64,
    /// What was wrong with it.
    pub reason: String,
}

/// Why nothing could be imported, or not all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is not one line.
    #[error("the input is empty: expected one JSON object a line")]
    Empty,
    /// No line is JSON.
    #[error("the input is not JSON lines: line {}: {}", .0.line, .0.reason)]
    NotJson(BadLine),
    /// Every line is JSON of something else.
    #[error("none of {lines} lines holds a frame or a message: line {}: {}", first.line, first.reason)]
    NoUsableLine {
        /// How many lines there are.
        lines: u64,
        /// The first of them.
        first: BadLine,
    },
    /// The input failed.
    #[error("cannot read on: {0}")]
    Read(io::Error),
    /// The recording could not be written.
    #[error(transparent)]
    Write(#[from] recording::Error),
}

/// Reads JSON lines and writes a recording: the same lines give the same bytes, in bounded memory. Lines that cannot be
/// used are counted and left out. Nothing is written before the first usable line.
///
/// # Errors
/// [`Error`]
pub fn import(input: impl BufRead, output: impl Write, options: &Options) -> Result<Report, Error> {
    let mut lines = LookAhead::new(Lines::new(input));
    lines.fill().map_err(Error::Read)?;
    let Some(first) = lines.front() else { return Err(lines.why_nothing()) };
    let mut report = match first.content {
        Content::Frame(_) => frames::import(&mut lines, output, options)?,
        Content::Message { .. } => messages::import(&mut lines, output, options)?,
    };
    lines.report(&mut report);
    Ok(report)
}
