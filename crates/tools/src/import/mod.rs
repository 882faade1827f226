//! Imports captures into a recording: logs of browsers and proxies, files of other libraries, and JSON lines.
//!
//! A capture is read once: `captured::survey` collects its importable content, and `merge` writes the
//! selected part. JSON lines are imported while they are read:
//!
//! ```json
//! {"offset_ms": 350, "conn": 1, "frame": "<base64 of a WebSocket message>"}
//! {"ts_ms": 1694630990293, "host": "host_160", "method": "WebcastChatMessage", "payload": "<base64 of a message>"}
//! ```
//!
//! All lines of an input are of the same kind. Both kinds can have `offset_ms` or `ts_ms` (Unix milliseconds or a date);
//! `offset_ms` takes precedence. `conn` keeps the frames of several connections apart, and `opcode` 0 continues a frame.

mod captured;
mod choose;
mod clock;
mod content;
mod decoded;
mod elements;
mod encoding;
mod format;
mod gotiktoklive;
mod har;
mod json;
mod lines;
mod merge;
mod mitm;
mod piratetok;
mod source;

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, BufRead, Write},
    time::Duration,
};

use livetape_core::{
    recording::{self, records::header},
    wire::FaultKind,
};
use serde::Serialize;

use crate::text::{clock, count, printable, thousands};
use clock::Steps;
use lines::{Content, Lines, LookAhead};
use merge::Target;

pub use captured::Scratch;
pub use choose::{Candidate, import_capture};
pub use clock::{ClockStep, STEPS_LISTED_MAX};
pub use decoded::Producer;
pub use format::{CaptureFormat, Row};
pub use lines::LINE_BYTES_MAX;
pub use source::{Input, Source};

/// Maximum number of bad lines in a report. All are counted.
pub const BAD_LINES_LISTED_MAX: usize = 10;
/// Maximum number of silences in a report. All are counted.
pub const SILENCES_LISTED_MAX: usize = 10;
/// Default frame rate for captures without times, per second.
pub const RATE: f64 = 4.0;

/// Options that complement the content of a capture.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// User name for lines without a host; defaults to [`ImportOptions::name`].
    pub user: Option<String>,
    /// Room id for lines without a host; defaults to the first one in a message.
    pub room_id: Option<i64>,
    /// Fallback for the user name: the file name without extension.
    pub name: String,
    /// Source for the header; defaults to `lines`.
    pub source: String,
    /// Privacy of the people in the recording; `Private` unless the user changes it.
    pub privacy: header::Privacy,
    pub timing: header::Timing,
    /// Version of livetape for the header; empty for reproducible output.
    pub tool_version: String,
    pub tags: BTreeMap<String, String>,
    /// Format of the capture; `None` to detect it.
    pub format: Option<CaptureFormat>,
    /// Connections to import, by [`Candidate::number`]; empty for those of TikTok LIVE.
    pub entries: Vec<u64>,
    /// Frames per second for a capture without times.
    pub rate: f64,
    /// Whether to keep the times of a clock that was set while it ran.
    pub keep_clock: bool,
    /// Maximum length of a silence; longer ones are shortened to it.
    pub idle_limit: Option<Duration>,
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
            keep_clock: false,
            idle_limit: None,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportReport {
    pub format: CaptureFormat,
    /// Name and version of the program that wrote the capture, if known.
    pub producer: String,
    /// Number of lines or messages read, not counting empty ones.
    pub lines: u64,
    pub frames: u64,
    pub connections: u64,
    pub messages: u64,
    /// Number of faults within frames, by kind. These frames are imported too.
    pub faults: BTreeMap<&'static str, u64>,
    /// Number of lines, messages and entries left out.
    pub bad_lines: u64,
    /// The first [`BAD_LINES_LISTED_MAX`] lines left out.
    pub bad_lines_listed: Vec<BadLine>,
    /// Number of decreasing times, each raised to the previous time.
    pub clamped: u64,
    /// Number of steps of the clock that were mended.
    pub clock_steps: u64,
    /// The first [`STEPS_LISTED_MAX`] of them.
    pub clock_steps_listed: Vec<ClockStep>,
    /// Number of silences of an hour or more, or of those that were shortened.
    pub silences: u64,
    /// The first [`SILENCES_LISTED_MAX`] of them.
    pub silences_listed: Vec<Silence>,
    /// Time from the start to the last frame, in milliseconds.
    pub duration_ms: u64,
    /// Number of HTTP responses from connecting.
    pub exchanges: u64,
    /// Number of messages without a schema, by method.
    pub unknown_methods: BTreeMap<String, u64>,
    /// Number of messages that could not be decoded despite a schema.
    pub broken_messages: u64,
    /// Number of frames that never reached the other side.
    pub dropped: u64,
    /// Number of frames injected manually.
    pub injected: u64,
    /// Number of text frames, which TikTok LIVE does not send.
    pub texts: u64,
    /// Number of connections left out because they do not belong to TikTok LIVE.
    pub left_out: u64,
    /// Reason for not reading the capture to its end.
    pub broken: Option<String>,
    pub notes: Vec<String>,
}

impl ImportReport {
    /// Returns the fraction of messages that were decoded, from 0 to 1.
    #[must_use]
    pub fn decoded(&self) -> f64 {
        let unknown: u64 = self.unknown_methods.values().sum();
        let decoded = self.messages.saturating_sub(unknown).saturating_sub(self.broken_messages);
        if self.messages == 0 { 0.0 } else { decoded as f64 / self.messages as f64 }
    }

    /// Whether part of the capture is missing from the recording, or unreadable in it.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.bad_lines > 0 || !self.faults.is_empty() || self.broken.is_some() || self.decoded() <= 0.0
    }

    /// Adds steps of a clock; `start_ms` is the start of the recording on it.
    fn add_steps(&mut self, steps: Steps, start_ms: f64) {
        self.clock_steps += steps.count;
        let step = |(at_ms, by_ms): (f64, f64)| ClockStep {
            at_ms: (at_ms - start_ms).max(0.0).round() as u64,
            by_ms: by_ms.round() as i64,
        };
        self.clock_steps_listed.extend(steps.listed.into_iter().map(step));
        self.clock_steps_listed.sort_by_key(|step| step.at_ms);
        self.clock_steps_listed.truncate(STEPS_LISTED_MAX);
    }

    fn reject(&mut self, line: u64, reason: &str) {
        self.bad_lines += 1;
        if self.bad_lines_listed.len() < BAD_LINES_LISTED_MAX {
            self.bad_lines_listed.push(BadLine { line, reason: reason.to_owned() });
        }
    }
}

/// A time without any record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Silence {
    /// Where it begins in the recording, in milliseconds.
    pub at_ms: u64,
    /// Its length in the capture, in milliseconds.
    pub lasts_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadLine {
    /// Number of the line or message, from 1; 0 for an entry of a HAR, which `reason` names.
    pub line: u64,
    pub reason: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the input is empty: expected one JSON object per line")]
    Empty,
    /// No line is JSON.
    #[error("the input is not JSON lines: line {}: {}", .0.line, .0.reason)]
    NotJson(BadLine),
    /// All lines are JSON, but none is usable.
    #[error("none of {lines} lines holds a frame or a message: line {}: {}", first.line, first.reason)]
    NoUsableLine { lines: u64, first: BadLine },
    #[error("it is already a recording")]
    Recording,
    #[error("unknown format")]
    Unrecognised,
    #[error("cannot read the archive: {0}")]
    Archive(String),
    #[error("truncated at byte {at}")]
    CutOff { at: u64 },
    #[error("damaged at byte {at}: {reason}")]
    Broken { at: u64, reason: String },
    #[error("not JSON at byte {at}: {reason}")]
    NotJsonAt { at: u64, reason: String },
    #[error("a string is longer than {bytes} bytes, the limit for a frame")]
    TooLong { bytes: u64 },
    #[error("nested too deeply at byte {at}: not a capture")]
    TooDeep { at: u64 },
    #[error(
        "flow format {version} is older than mitmproxy 7: open and save the flows with a newer mitmproxy"
    )]
    OldMitmproxy { version: u32 },
    #[error("{0}")]
    NoFrames(String),
    /// There are frames, but none is one of TikTok LIVE.
    #[error("{}", undecodable(*.0))]
    Undecodable(u64),
    /// The content was decoded by this producer.
    #[error("it holds decoded events of {0}, and a recording needs the frames that they were decoded from")]
    Events(Producer),
    #[error("the capture has {}, none recognised as TikTok LIVE", connections(.0.len()))]
    Unsure(Vec<Candidate>),
    /// `entries` contains the number of a connection that does not exist.
    #[error("unknown connection {entry}: the capture has {}", connections(*.there as usize))]
    NoEntry {
        entry: u64,
        /// Number of connections.
        there: u64,
    },
    #[error("reading failed: {0}")]
    Read(io::Error),
    #[error("cannot write a temporary file: {0}")]
    Scratch(io::Error),
    /// Writing the recording failed.
    #[error(transparent)]
    Write(#[from] recording::Error),
}

fn undecodable(frames: u64) -> String {
    match frames {
        1 => "its only message is not a frame of TikTok LIVE".into(),
        _ => format!("none of its {} messages is a frame of TikTok LIVE", thousands(frames)),
    }
}

fn connections(number: usize) -> String {
    if number == 1 { "1 connection".into() } else { format!("{number} connections") }
}

/// Imports JSON lines in bounded memory. The same lines produce the same bytes. Unusable lines are counted
/// and left out. Nothing is written before the first usable line.
///
/// # Errors
/// See [`Error`].
pub fn import(
    input: impl BufRead,
    output: impl Write,
    options: &ImportOptions,
) -> Result<ImportReport, Error> {
    let mut lines = LookAhead::new(Lines::new(input));
    lines.fill().map_err(Error::Read)?;
    let has_times = lines.settle_times(1e3 / options.rate);
    let mut options = options.clone();
    if !has_times {
        (options.keep_clock, options.timing) = (true, header::Timing::Untimed);
    }
    if !options.keep_clock {
        lines.mend_first();
    }
    let Some(first) = lines.queue.front() else { return Err(lines.why_nothing()) };
    let mut report = match first.content {
        Content::Frame { .. } => lines::import_frames(&mut lines, output, &options)?,
        Content::Message { .. } => lines::import_messages(&mut lines, output, &options)?,
    };
    lines.report(&mut report);
    if !has_times {
        report.notes.push(without_times(options.rate));
    }
    if report.faults.contains_key(FaultKind::BadPushFrame.name()) {
        report
            .notes
            .push("Fragments of frames are joined by their `opcode`: 0 continues the previous one".into());
    }
    Ok(report)
}

/// Returns the remark about a capture without times.
fn without_times(rate: f64) -> String {
    format!("The capture has no times: imported at {rate} frames per second (--rate)")
}

/// Maximum number of unknown methods in the text.
const METHODS_MAX: usize = 5;
const NAME_COLUMNS_MAX: usize = 60;
/// Maximum number of steps of the clock, and of silences, in the text.
const PLACES_MAX: usize = 3;

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.format != CaptureFormat::Lines {
            let producer = printable(&self.producer, NAME_COLUMNS_MAX);
            let is_said = self.format.to_string().starts_with(producer.as_str());
            let of = if is_said { String::new() } else { format!(" of {producer}") };
            writeln!(f, "{}{of}", self.format)?;
        }
        let duration = clock(Duration::from_millis(self.duration_ms));
        let [frames, connections, messages] =
            [(self.frames, "frame"), (self.connections, "connection"), (self.messages, "message")]
                .map(|(number, noun)| count(number, noun));
        writeln!(f, "{duration}, {frames} on {connections}, {messages}")?;
        self.write_decoded(f)?;
        if self.decoded() <= 0.0 {
            writeln!(f, "⚠️ Nothing could be decoded")?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        for (name, number) in &self.faults {
            writeln!(f, "⚠️ {name}: {}", thousands(*number))?;
        }
        self.write_clock(f)?;
        if self.clamped > 0 {
            writeln!(f, "⚠️ Timestamps that go back: {}, set to the previous one", thousands(self.clamped))?;
        }
        if self.bad_lines > 0 {
            let noun =
                if self.bad_lines_listed.iter().any(|bad| bad.line == 0) { "part" } else { self.noun() };
            writeln!(f, "⚠️ {} skipped:", count(self.bad_lines, noun))?;
        }
        for BadLine { line, reason } in &self.bad_lines_listed {
            let reason = printable(reason, NAME_COLUMNS_MAX);
            match line {
                0 => writeln!(f, "  {reason}")?,
                line => writeln!(f, "  {} {line}: {reason}", self.noun())?,
            }
        }
        if let Some(broken) = &self.broken {
            writeln!(f, "⚠️ The rest is missing: {}", printable(broken, 2 * NAME_COLUMNS_MAX))?;
        }
        Ok(())
    }
}

impl ImportReport {
    /// Returns the noun for the counted elements of the capture.
    fn noun(&self) -> &'static str {
        if self.format == CaptureFormat::Lines { "line" } else { "message" }
    }

    /// Writes where the clock was set, and where nothing happened.
    fn write_clock(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |ms: u64| clock(Duration::from_millis(ms));
        for ClockStep { at_ms, by_ms } in self.clock_steps_listed.iter().take(PLACES_MAX) {
            let way = if *by_ms < 0 { "back" } else { "forward" };
            let (by, at) = (time(by_ms.unsigned_abs()), time(*at_ms));
            writeln!(f, "⚠️ The clock goes {way} by {by} at {at}: what follows is shifted")?;
        }
        if let more @ 1.. = self.clock_steps.saturating_sub(PLACES_MAX as u64) {
            writeln!(f, "⚠️ {} of the clock", count(more, "more step"))?;
        }
        for Silence { at_ms, lasts_ms } in self.silences_listed.iter().take(PLACES_MAX) {
            writeln!(f, "Silence of {} at {}", time(*lasts_ms), time(*at_ms))?;
        }
        if let more @ 1.. = self.silences.saturating_sub(PLACES_MAX as u64) {
            writeln!(f, "{}", count(more, "more silence"))?;
        }
        Ok(())
    }

    fn write_decoded(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded down, so that 100 % means all.
        let percent = (self.decoded() * 1000.0).floor() / 10.0;
        let methods = self.unknown_methods.len() as u64;
        write!(f, "{percent} % decoded, {}", count(methods, "unknown method"))?;
        let mut names: Vec<_> = self.unknown_methods.iter().collect();
        names.sort_by_key(|(_, number)| std::cmp::Reverse(**number));
        for (at, (name, number)) in names.into_iter().take(METHODS_MAX).enumerate() {
            let separator = if at == 0 { ":" } else { "," };
            write!(f, "{separator} {} ({})", printable(name, NAME_COLUMNS_MAX), thousands(*number))?;
        }
        writeln!(f, "{}", if methods > METHODS_MAX as u64 { ", …" } else { "" })?;
        let others = [
            (self.exchanges, "HTTP answer"),
            (self.left_out, "skipped connection"),
            (self.dropped, "dropped frame"),
            (self.injected, "injected frame"),
            (self.texts, "undecoded text frame"),
        ];
        for (number, noun) in others.into_iter().filter(|(number, _)| *number > 0) {
            writeln!(f, "{}", count(number, noun))?;
        }
        Ok(())
    }
}
