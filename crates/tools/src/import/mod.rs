//! Captures of others → recording: logs of browsers and proxies, what other libraries save, and JSON lines.
//!
//! A capture is read once: `captured::survey` learns what is in it and keeps what may be imported, `merge` writes what was
//! chosen. JSON lines are written as they are read:
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

mod captured;
mod choose;
mod format;
mod frames;
mod gotiktoklive;
mod har;
mod lines;
mod look_ahead;
mod merge;
mod messages;
mod mitm;
mod piratetok;
mod source;
mod summary;
mod target;
mod times;

pub use captured::Scratch;
pub use choose::{Candidate, import_capture};
pub use format::{Format, Row};
pub use lines::LINE_BYTES_MAX;
pub use source::{Input, Source};

use lines::{Content, Lines};
use look_ahead::LookAhead;
use target::Target;

/// Most bad lines that a report lists; all are counted.
pub const BAD_LINES_LISTED_MAX: usize = 10;
/// Frames a second of a capture without times.
pub const RATE: f64 = 4.0;

/// What the lines do not say of themselves.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The user, for lines without a host; else [`ImportOptions::name`].
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
    /// The format; `None`: it is recognised.
    pub format: Option<Format>,
    /// The connections to import, as [`Candidate::number`] has them; none: those to TikTok LIVE.
    pub entries: Vec<u64>,
    /// Frames a second, where a capture has no times.
    pub rate: f64,
}

impl Default for ImportOptions {
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
            format: None,
            entries: Vec::new(),
            rate: RATE,
        }
    }
}

/// What was imported, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The format of the capture.
    pub format: Format,
    /// Who wrote it, and the version, if it says so.
    pub producer: String,
    /// Lines or messages read, without empty ones.
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
    /// HTTP answers of the connect.
    pub exchanges: u64,
    /// Messages of methods that have no schema, by method.
    pub unknown_methods: BTreeMap<String, u64>,
    /// Messages that could not be decoded, though there is a schema.
    pub broken_messages: u64,
    /// Frames that never reached the other side.
    pub dropped: u64,
    /// Frames that were put in by hand.
    pub injected: u64,
    /// Connections that are not to TikTok LIVE, and were left out.
    pub left_out: u64,
    /// Why the capture could not be read to its end.
    pub broken: Option<String>,
    /// What else is to be known.
    pub notes: Vec<String>,
}

impl Report {
    /// The share of messages that were decoded, from 0 to 1.
    #[must_use]
    pub fn decoded(&self) -> f64 {
        let unknown: u64 = self.unknown_methods.values().sum();
        let decoded = self.messages.saturating_sub(unknown).saturating_sub(self.broken_messages);
        if self.messages == 0 { 0.0 } else { decoded as f64 / self.messages as f64 }
    }

    /// Whether something of the capture is not in the recording, or not readable there.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.bad_lines > 0 || !self.faults.is_empty() || self.broken.is_some()
    }

    fn reject(&mut self, line: u64, reason: &str) {
        self.bad_lines += 1;
        if self.bad_lines_listed.len() < BAD_LINES_LISTED_MAX {
            self.bad_lines_listed.push(BadLine { line, reason: reason.to_owned() });
        }
    }
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
    /// It is a recording already.
    #[error("it is a recording already: there is nothing to import")]
    Recording,
    /// The first bytes are those of no format.
    #[error("it is in no format that is known")]
    Unrecognised,
    /// The archive cannot be used.
    #[error("the archive cannot be read: {0}")]
    Archive(String),
    /// The capture ends in the middle.
    #[error("it is cut off at byte {at}")]
    CutOff {
        /// Where it ends.
        at: u64,
    },
    /// The capture is broken in the middle.
    #[error("it is broken at byte {at}: {reason}")]
    Broken {
        /// Where.
        at: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The JSON is broken.
    #[error("it is not JSON at byte {at}: {reason}")]
    NotJsonAt {
        /// Where.
        at: u64,
        /// What is wrong there.
        reason: String,
    },
    /// Something is too long to be kept.
    #[error("a text in it is longer than {bytes} bytes: no frame is")]
    TooLong {
        /// What is allowed.
        bytes: u64,
    },
    /// Brackets within brackets.
    #[error("it is nested too deep at byte {at}: this is no capture")]
    TooDeep {
        /// Where.
        at: u64,
    },
    /// A dump of an old mitmproxy.
    #[error(
        "its flows are of version {version}, from before mitmproxy 7: open and save them with a newer mitmproxy"
    )]
    OldMitmproxy {
        /// The version of the format.
        version: u32,
    },
    /// There are no WebSocket frames in it.
    #[error("{0}")]
    NoFrames(String),
    /// There are connections, but none to TikTok LIVE.
    #[error("none of its {} is known to be one to TikTok LIVE", connections(.0.len()))]
    Unsure(Vec<Candidate>),
    /// `entries` names something that is not there.
    #[error("there is no connection {entry}: it has {}", connections(*.there as usize))]
    NoEntry {
        /// The number that was asked for.
        entry: u64,
        /// How many there are.
        there: u64,
    },
    /// The input failed.
    #[error("cannot read on: {0}")]
    Read(io::Error),
    /// What was read could not be kept until it is written.
    #[error("cannot keep what was read: {0}")]
    Scratch(io::Error),
    /// The recording could not be written.
    #[error(transparent)]
    Write(#[from] recording::Error),
}

fn connections(number: usize) -> String {
    if number == 1 { "1 connection".into() } else { format!("{number} connections") }
}

/// Reads JSON lines and writes a recording: the same lines give the same bytes, in bounded memory. Lines that cannot be
/// used are counted and left out. Nothing is written before the first usable line.
///
/// # Errors
/// [`Error`]
pub fn import(input: impl BufRead, output: impl Write, options: &ImportOptions) -> Result<Report, Error> {
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
