//! Reads JSON lines.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use serde::Deserialize;

use super::{BAD_LINES_LISTED_MAX, BadLine, Error, Report};

/// Maximum length of a line, in bytes: the base64 of the largest frame in a recording with some margin.
pub const LINE_BYTES_MAX: usize = 24 << 20;

/// Standard base64, with or without padding.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A usable line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) time: Time,
    pub(super) content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Time {
    OffsetMs(f64),
    UnixMs(i64),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Frame(Bytes),
    Message { host: Option<String>, method: String, payload: Bytes },
}

impl Content {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Frame(bytes) => bytes.len(),
            Self::Message { payload, .. } => payload.len(),
        }
    }
}

/// Reason for rejecting a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    pub(super) reason: String,
    pub(super) is_json: bool,
}

#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    number: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0, buffer: Vec::new() }
    }

    /// Returns the number of the line read last.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Returns the next nonempty line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<Line, Unusable>>> {
        loop {
            self.buffer.clear();
            self.number += 1;
            let limit = LINE_BYTES_MAX as u64 + 1;
            if self.input.by_ref().take(limit).read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            if self.buffer.len() > LINE_BYTES_MAX && self.buffer.last() != Some(&b'\n') {
                self.skip_line()?;
                let reason = format!("longer than {LINE_BYTES_MAX} bytes");
                return Ok(Some(Err(Unusable { reason, is_json: true })));
            }
            let text = self.buffer.trim_ascii();
            let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
            if !text.is_empty() {
                return Ok(Some(parse(text, self.number)));
            }
        }
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.input.fill_buf()?;
            let (length, done) = match memchr::memchr(b'\n', bytes) {
                Some(at) => (at + 1, true),
                None => (bytes.len(), bytes.is_empty()),
            };
            self.input.consume(length);
            if done {
                return Ok(());
            }
        }
    }
}

#[derive(Deserialize)]
struct Fields {
    offset_ms: Option<f64>,
    ts_ms: Option<i64>,
    frame: Option<String>,
    host: Option<String>,
    method: Option<String>,
    payload: Option<String>,
}

fn parse(text: &[u8], number: u64) -> Result<Line, Unusable> {
    let fields: Fields = serde_json::from_slice(text)
        .map_err(|error| Unusable { reason: error.to_string(), is_json: error.is_data() })?;
    let unusable = |reason: String| Unusable { reason, is_json: true };
    let time = match (fields.offset_ms, fields.ts_ms) {
        (Some(ms), _) => Time::OffsetMs(ms),
        (None, Some(ms)) => Time::UnixMs(ms),
        (None, None) => return Err(unusable("neither offset_ms nor ts_ms".into())),
    };
    let decode = |name: &str, text: String| {
        BASE64
            .decode(text)
            .map(Bytes::from)
            .map_err(|error| unusable(format!("{name} is not base64: {error}")))
    };
    let content = match (fields.frame, fields.method, fields.payload) {
        (Some(frame), _, _) => Content::Frame(decode("frame", frame)?),
        (None, Some(method), Some(payload)) => {
            Content::Message { host: fields.host, method, payload: decode("payload", payload)? }
        }
        _ => return Err(unusable("neither frame nor method and payload".into())),
    };
    Ok(Line { number, time, content })
}

const LINES_MAX: usize = 1000;
/// Maximum decoded bytes to look ahead, not counting the last line.
const BYTES_MAX: usize = 8 << 20;

/// The input with some lines read in advance. Counts unusable lines.
#[derive(Debug)]
pub(super) struct LookAhead<R> {
    lines: Lines<R>,
    queue: VecDeque<Line>,
    queued_bytes: usize,
    ended: bool,
    count: u64,
    bad_lines: u64,
    listed: Vec<BadLine>,
    any_json: bool,
}

impl<R: BufRead> LookAhead<R> {
    pub(super) fn new(lines: Lines<R>) -> Self {
        Self {
            lines,
            queue: VecDeque::new(),
            queued_bytes: 0,
            ended: false,
            count: 0,
            bad_lines: 0,
            listed: Vec::new(),
            any_json: false,
        }
    }

    /// Reads ahead as far as allowed.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        while !self.ended && self.queue.len() < LINES_MAX && self.queued_bytes < BYTES_MAX {
            match self.lines.next()? {
                None => self.ended = true,
                Some(Ok(line)) => {
                    self.count += 1;
                    self.any_json = true;
                    self.queued_bytes += line.content.bytes();
                    self.queue.push_back(line);
                }
                Some(Err(unusable)) => {
                    self.count += 1;
                    self.any_json |= unusable.is_json;
                    self.reject(self.lines.number(), unusable.reason);
                }
            }
        }
        Ok(())
    }

    pub(super) fn front(&self) -> Option<&Line> {
        self.queue.front()
    }

    /// Returns the lines read in advance.
    pub(super) fn coming(&self) -> impl Iterator<Item = &Line> {
        self.queue.iter()
    }

    pub(super) fn next(&mut self) -> Result<Option<Line>, Error> {
        let line = self.queue.pop_front();
        if let Some(line) = &line {
            self.queued_bytes -= line.content.bytes();
            self.fill().map_err(Error::Read)?;
        }
        Ok(line)
    }

    pub(super) fn reject(&mut self, line: u64, reason: String) {
        self.bad_lines += 1;
        if self.listed.len() < BAD_LINES_LISTED_MAX {
            self.listed.push(BadLine { line, reason });
        }
    }

    /// Returns the error for an input without any usable line.
    pub(super) fn why_nothing(&self) -> Error {
        match self.listed.first().cloned() {
            None => Error::Empty,
            Some(first) if self.any_json => Error::NoUsableLine { lines: self.count, first },
            Some(first) => Error::NotJson(first),
        }
    }

    /// Adds the line counts to the report.
    pub(super) fn report(self, report: &mut Report) {
        report.lines = self.count;
        report.bad_lines = self.bad_lines;
        report.bad_lines_listed = self.listed;
        // Some lines are only rejected after reading ahead.
        report.bad_lines_listed.sort_by_key(|bad| bad.line);
    }
}
