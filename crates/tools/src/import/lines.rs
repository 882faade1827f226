//! Reads JSON lines, and imports those with complete frames, or with single messages, which are combined into batches and
//! frames as TikTok would.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    io::{self, BufRead, Read, Write},
    time::Duration,
};

use bytes::Bytes;
use livetape_core::wire::{Batch, BatchInfo, Message, Push, common, write_batch, write_push, zip};

use super::{
    Error, ImportOptions, ImportReport, STEPS_LISTED_MAX, Target,
    captured::{CONNECTIONS_MAX, CapturedFrame, NO_FIRST_FRAME},
    clock::{DAY_MS, Steps, Witness},
    content,
    decoded::{self, Producer},
    json::{Data, Json, LONE},
};
use crate::payload::batch;

/// Minimum time between a first line that is odd and most others, in milliseconds: 30 days.
const FAR_MS: f64 = 30.0 * DAY_MS;
/// Maximum length of a line, in bytes: the base64 of the largest frame in a recording with some margin.
pub const LINE_BYTES_MAX: usize = 24 << 20;

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
    Unknown,
}

impl Time {
    fn ms(self) -> f64 {
        match self {
            Self::OffsetMs(ms) => ms,
            Self::UnixMs(ms) => ms as f64,
            Self::Unknown => 0.0,
        }
    }

    fn is_like(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// A frame, and the number of its connection.
    Frame {
        conn: u32,
        frame: CapturedFrame,
    },
    Message {
        host: Option<String>,
        method: String,
        payload: Bytes,
    },
}

impl Content {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Frame { frame, .. } => frame.bytes.len(),
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
    /// Number of the line read last.
    number: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0, buffer: Vec::new() }
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

/// The fields of a line. Their names are spelled in any way: `offset_ms`, `offsetMs`, `OFFSET-MS`.
#[derive(Default)]
struct Fields {
    offset_ms: Option<f64>,
    ts_ms: Option<f64>,
    has_time: bool,
    conn: Option<f64>,
    opcode: Option<f64>,
    frame: Option<Data>,
    /// Whether there is a frame, or a payload, without bytes.
    is_emptied: bool,
    host: Option<String>,
    method: Option<String>,
    payload: Option<Data>,
}

impl Fields {
    /// Reads a field; returns `false` for one to skip.
    fn field(&mut self, name: &str, json: &mut Json<impl Read>) -> Result<bool, Error> {
        let is_time = matches!(name, "offsetms" | "tsms") && !json.is_null()?;
        self.has_time |= is_time;
        match name {
            "offsetms" if json.is_number()? => self.offset_ms = json.float()?,
            "tsms" if is_time => self.ts_ms = json.time()?.filter(|ms| ms.is_finite()),
            // A string without a number is rejected.
            "conn" if !json.is_null()? => self.conn = json.float()?.or(Some(f64::NAN)),
            "opcode" => self.opcode = json.float()?,
            "frame" if !json.is_null()? => {
                self.frame = json.data()?;
                self.is_emptied |= self.frame.is_none();
            }
            "host" if json.is_text()? => self.host = Some(json.string()?),
            "method" if json.is_text()? => self.method = Some(json.string()?),
            "payload" if !json.is_null()? => {
                self.payload = json.data()?;
                self.is_emptied |= self.payload.is_none();
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn time(&self) -> Result<Time, String> {
        match (self.offset_ms, self.ts_ms) {
            (Some(ms), _) => Ok(Time::OffsetMs(ms)),
            (None, Some(ms)) => Ok(Time::UnixMs(ms.round() as i64)),
            (None, None) if self.has_time => Err("offset_ms is not a number, or ts_ms not a time".into()),
            (None, None) => Ok(Time::Unknown),
        }
    }

    fn content(self) -> Result<Content, String> {
        let bytes = |name: &str, data: Data, decode: fn(&str) -> Result<Bytes, String>| match data {
            Data::Text(text) => decode(&text).map_err(|reason| format!("{name} {reason}")),
            Data::Bytes(bytes) => Ok(bytes),
        };
        match (self.frame, self.method, self.payload) {
            (Some(frame), _, _) => {
                let conn = whole(self.conn.unwrap_or(0.0), CONN_MAX).ok_or("conn is not a number")?;
                let bytes = bytes("frame", frame, content::decode)?;
                let mut frame = CapturedFrame::received(bytes);
                if let Some(opcode) = self.opcode {
                    let known =
                        whole(opcode, OPCODE_MAX).ok_or_else(|| format!("a message with opcode {opcode}"))?;
                    // The bytes of a text are also read as a binary message.
                    frame.opcode = if known == OPCODE_TEXT { frame.opcode } else { known };
                }
                Ok(Content::Frame { conn, frame })
            }
            (None, Some(method), Some(payload)) => Ok(Content::Message {
                host: self.host,
                method,
                payload: bytes("payload", payload, content::decode_message)?,
            }),
            _ if self.is_emptied => Err(NO_BYTES.into()),
            _ => Err("neither frame nor method and payload".into()),
        }
    }
}

/// Why a line is rejected whose frame is `{}`, as JavaScript writes an `ArrayBuffer`, or another value without bytes.
const NO_BYTES: &str = "frame or payload has no bytes: the exporter dropped them";
/// Maximum number of a connection.
const CONN_MAX: u32 = u32::MAX;
const OPCODE_TEXT: u32 = 1;
/// Opcode of a pong.
const OPCODE_MAX: u32 = 10;

/// Returns a whole number up to `most`; `None` if it is not one.
fn whole(number: f64, most: u32) -> Option<u32> {
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(most)).contains(&number);
    is_whole.then_some(number as u32)
}

fn parse(text: &[u8], number: u64) -> Result<Line, Unusable> {
    let (mut fields, mut json) = (Fields::default(), Json::new(text));
    let read = json.object(|json, name| fields.field(name, json)).and_then(|()| json.end());
    read.map_err(|error| Unusable { reason: error.to_string(), is_json: false })?;
    let unusable = |reason: String| Unusable { reason, is_json: true };
    if json.take_lone() {
        return Err(unusable(format!("not Unicode ({LONE})")));
    }
    let time = fields.time().map_err(unusable)?;
    let content = fields.content().map_err(unusable)?;
    Ok(Line { number, time, content })
}

/// How lines get their times.
#[derive(Debug)]
enum Pace {
    /// Not known yet.
    Unknown,
    Timed,
    /// No line has a time: time between them, and time of the next one, in milliseconds.
    Even {
        interval_ms: f64,
        next_ms: f64,
    },
}

const LINES_MAX: usize = 1000;
/// Maximum number of lines in which decoded events are recognised.
const EXAMINED_MAX: u64 = 50;
/// Maximum decoded bytes to look ahead, not counting the last line.
const BYTES_MAX: usize = 8 << 20;

/// The input with some lines read in advance. Counts unusable lines.
#[derive(Debug)]
pub(super) struct LookAhead<R> {
    lines: Lines<R>,
    pub(super) queue: VecDeque<Line>,
    queued_bytes: usize,
    pace: Pace,
    ended: bool,
    /// Counts of lines only.
    report: ImportReport,
    any_json: bool,
    /// Whose events the lines are, as long as none is usable.
    events_of: Option<Producer>,
}

impl<R: BufRead> LookAhead<R> {
    pub(super) fn new(lines: Lines<R>) -> Self {
        let (queue, report) = (VecDeque::new(), ImportReport::default());
        let pace = Pace::Unknown;
        Self { lines, queue, queued_bytes: 0, pace, ended: false, report, any_json: false, events_of: None }
    }

    /// Reads ahead as far as allowed.
    pub(super) fn fill(&mut self) -> io::Result<()> {
        while !self.ended && self.queue.len() < LINES_MAX && self.queued_bytes < BYTES_MAX {
            match self.lines.next()? {
                None => self.ended = true,
                Some(Ok(line)) => {
                    self.report.lines += 1;
                    self.any_json = true;
                    self.push(line);
                }
                Some(Err(unusable)) => {
                    self.report.lines += 1;
                    self.any_json |= unusable.is_json;
                    if self.report.lines <= EXAMINED_MAX && self.events_of.is_none() {
                        self.events_of = decoded::producer(&self.lines.buffer);
                    }
                    self.reject(self.lines.number, &unusable.reason);
                }
            }
        }
        Ok(())
    }

    /// Queues a line, or appends it to the frame that it continues.
    fn push(&mut self, mut line: Line) {
        let bytes = line.content.bytes();
        if let Content::Frame { conn, frame } = &line.content
            && frame.is_continuation()
        {
            let mut held = self.queue.iter_mut().rev().filter_map(|line| match &mut line.content {
                Content::Frame { conn: of, frame } if of == conn && !frame.is_ping() => Some(frame),
                _ => None,
            });
            if held.next().is_some_and(|held| held.append(frame)) {
                self.queued_bytes += bytes;
            } else {
                self.reject(line.number, NO_FIRST_FRAME);
            }
            return;
        }
        match &mut self.pace {
            Pace::Timed if line.time == Time::Unknown => {
                return self.reject(line.number, "neither offset_ms nor ts_ms");
            }
            Pace::Even { interval_ms, next_ms } => {
                line.time = Time::OffsetMs(*next_ms);
                *next_ms += *interval_ms;
            }
            Pace::Timed | Pace::Unknown => {}
        }
        self.queued_bytes += bytes;
        self.queue.push_back(line);
    }

    /// Returns whether the lines have times. If none of the first ones has, they get one every `interval_ms`.
    pub(super) fn settle_times(&mut self, interval_ms: f64) -> bool {
        let has_times = self.queue.iter().any(|line| line.time != Time::Unknown);
        self.pace = if has_times { Pace::Timed } else { Pace::Even { interval_ms, next_ms: 0.0 } };
        self.queued_bytes = 0;
        std::mem::take(&mut self.queue).into_iter().for_each(|line| self.push(line));
        has_times
    }

    /// Gives the first line the time of the next one, if it alone is far from most others: the recording begins with it.
    pub(super) fn mend_first(&mut self) {
        let Some(first) = self.queue.front().map(|line| line.time) else { return };
        let same = |line: &Line| Some(line.time).filter(|time| time.is_like(first));
        let mut times: Vec<Time> = self.queue.iter().filter_map(same).collect();
        let second = times.get(1).copied();
        times.sort_by(|a, b| a.ms().total_cmp(&b.ms()));
        let middle_ms = times[times.len() / 2].ms();
        let is_far = |time: &Time| (time.ms() - middle_ms).abs() > FAR_MS;
        if is_far(&first)
            && let Some(near) = second.filter(|time| !is_far(time))
            && let Some(line) = self.queue.front_mut()
        {
            line.time = near;
            let mut steps = Steps::default();
            steps.add(0.0, first.ms() - near.ms());
            self.report.add_steps(steps, 0.0);
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Line>, Error> {
        let line = self.queue.pop_front();
        if let Some(line) = &line {
            self.queued_bytes -= line.content.bytes();
            self.fill().map_err(Error::Read)?;
        }
        Ok(line)
    }

    fn reject(&mut self, line: u64, reason: &str) {
        self.report.reject(line, reason);
    }

    /// Returns the error for an input without any usable line.
    pub(super) fn why_nothing(&self) -> Error {
        if let Some(producer) = self.events_of {
            return Error::Events(producer);
        }
        match self.report.bad_lines_listed.first().cloned() {
            None => Error::Empty,
            Some(first) if self.any_json => Error::NoUsableLine { lines: self.report.lines, first },
            Some(first) => Error::NotJson(first),
        }
    }

    /// Adds the line counts to the report.
    pub(super) fn report(self, report: &mut ImportReport) {
        report.lines = self.report.lines;
        report.bad_lines = self.report.bad_lines;
        report.bad_lines_listed = self.report.bad_lines_listed;
        report.clock_steps += self.report.clock_steps;
        report.clock_steps_listed.splice(..0, self.report.clock_steps_listed);
        report.clock_steps_listed.truncate(STEPS_LISTED_MAX);
        // Some lines are only rejected after reading ahead.
        report.bad_lines_listed.sort_by_key(|bad| bad.line);
    }
}

/// Why lines of further connections than [`CONNECTIONS_MAX`] are rejected.
const TOO_MANY: &str = "more than 1000 connections";

const BATCH_MESSAGES_MAX: usize = 1000;
/// Maximum payload of a batch without its last message, in bytes.
const BATCH_BYTES_MAX: usize = 4 << 20;

pub(super) fn import_messages<R: BufRead>(
    lines: &mut LookAhead<R>,
    output: impl Write,
    options: &ImportOptions,
) -> Result<ImportReport, Error> {
    let start_unix_ms = lines.queue.iter().find_map(|line| unix_ms(line.time));
    let mut import = Import {
        target: Target::new(output, options, start_unix_ms)?,
        options,
        connections: HashMap::new(),
        frames: 0,
    };
    while let Some(first) = lines.next()? {
        import.run(lines, first)?;
    }
    import.target.finish(false)
}

struct Import<'a, W> {
    target: Target<W>,
    options: &'a ImportOptions,
    /// Connections by host.
    connections: HashMap<Option<String>, HostConnection>,
    frames: u64,
}

struct HostConnection {
    conn: u32,
    frames: u64,
}

impl<W: Write> Import<'_, W> {
    /// Writes a batch of `first` and the following lines with the same host and time.
    fn run<R: BufRead>(&mut self, lines: &mut LookAhead<R>, first: Line) -> Result<(), Error> {
        let Content::Message { host, method, payload } = first.content else {
            lines.reject(first.number, "a frame between messages");
            return Ok(());
        };
        if self.connections.len() >= CONNECTIONS_MAX && !self.connections.contains_key(&host) {
            lines.reject(first.number, TOO_MANY);
            return Ok(());
        }
        let mut bytes = payload.len();
        let mut messages = vec![message(method, payload)];
        while let Some(line) = lines.queue.front()
            && line.time == first.time
            && matches!(&line.content, Content::Message { host: next, .. } if *next == host)
            && messages.len() < BATCH_MESSAGES_MAX
            && bytes < BATCH_BYTES_MAX
            && let Some(Line { content: Content::Message { method, payload, .. }, .. }) = lines.next()?
        {
            bytes += payload.len();
            messages.push(message(method, payload));
        }
        let offset = self.target.offset((first.time, Witness::Later), std::iter::empty());
        let info = BatchInfo { now_ms: unix_ms(first.time).unwrap_or(0), ..Default::default() };
        let written = self.write(lines, &host, offset, Batch { messages, info })?;
        if !written {
            lines.reject(first.number, "the messages are too large for a frame");
        }
        Ok(())
    }

    fn write<R: BufRead>(
        &mut self,
        lines: &LookAhead<R>,
        host: &Option<String>,
        offset: Duration,
        mut batch: Batch,
    ) -> Result<bool, Error> {
        if !self.connections.contains_key(host) {
            let conn = self.open(lines, host, offset, &batch)?;
            self.connections.insert(host.clone(), HostConnection { conn, frames: 0 });
        }
        let connection = self.connections.get_mut(host).expect("it was opened");
        (connection.frames, self.frames) = (connection.frames + 1, self.frames + 1);
        batch.info.is_first = connection.frames == 1;
        let frame = write_push(&Push {
            seq_id: connection.frames,
            log_id: self.frames,
            payload_type: "msg".into(),
            payload_encoding: "pb".into(),
            compress_type: "gzip".into(),
            payload: zip(&write_batch(&batch)),
        });
        self.target.frame(offset, connection.conn, CapturedFrame::received(frame))
    }

    fn open<R: BufRead>(
        &mut self,
        lines: &LookAhead<R>,
        host: &Option<String>,
        offset: Duration,
        batch: &Batch,
    ) -> Result<u32, Error> {
        let rooms_to_come = lines.queue.iter().filter_map(|line| match &line.content {
            Content::Message { host: next, payload, .. } if next == host => Some(common(payload).room_id),
            _ => None,
        });
        let named = batch.room_id().or_else(|| rooms_to_come.into_iter().find(|&room_id| room_id != 0));
        let given = self.options.room_id.filter(|_| host.is_none());
        let user = host.as_ref().or(self.options.user.as_ref()).unwrap_or(&self.options.name);
        self.target.open(offset, user, given.or(named).unwrap_or(0))
    }
}

fn message(method: String, payload: Bytes) -> Message {
    let msg_id = common(&payload).msg_id;
    Message { method: method.into(), payload, msg_id, is_history: false }
}

fn unix_ms(time: Time) -> Option<i64> {
    match time {
        Time::UnixMs(ms) => Some(ms),
        Time::OffsetMs(_) | Time::Unknown => None,
    }
}

/// Imports lines with complete frames. Connections have the order of their first frames.
pub(super) fn import_frames(
    lines: &mut LookAhead<impl BufRead>,
    output: impl Write,
    options: &ImportOptions,
) -> Result<ImportReport, Error> {
    let mut target = Target::new(output, options, start(lines))?;
    let user = options.user.as_ref().unwrap_or(&options.name);
    let mut connections = HashMap::new();
    while let Some(line) = lines.next()? {
        let Content::Frame { conn, frame } = line.content else {
            lines.reject(line.number, "a message between frames");
            continue;
        };
        if frame.is_ping() {
            continue;
        }
        let ahead = lines.queue.iter().filter_map(|line| match &line.content {
            Content::Frame { frame, .. } => Some((line.time, Witness::Frame(&frame.bytes))),
            Content::Message { .. } => None,
        });
        let offset = target.offset((line.time, Witness::Frame(&frame.bytes)), ahead);
        let number = match connections.entry(conn) {
            Entry::Occupied(opened) => *opened.get(),
            Entry::Vacant(_) if target.report.connections >= CONNECTIONS_MAX as u64 => {
                lines.reject(line.number, TOO_MANY);
                continue;
            }
            Entry::Vacant(vacant) => {
                let opened = if target.report.connections == 0 { Duration::ZERO } else { offset };
                let room_id = options.room_id.or_else(|| room_id(lines, conn, &frame.bytes)).unwrap_or(0);
                *vacant.insert(target.open(opened, user, room_id)?)
            }
        };
        let is_close = frame.is_close();
        if !target.frame(offset, number, frame)? {
            lines.reject(line.number, "the frame is too large");
        }
        if is_close {
            connections.remove(&conn);
        }
    }
    target.finish(false)
}

/// Returns the room of a connection, from its first frame or those that were read in advance.
fn room_id(lines: &LookAhead<impl BufRead>, of: u32, first: &Bytes) -> Option<i64> {
    let later = lines.queue.iter().filter_map(|line| match &line.content {
        Content::Frame { conn, frame } if *conn == of => Some(&frame.bytes),
        _ => None,
    });
    [first].into_iter().chain(later).find_map(|frame| batch(frame, &mut Vec::new())?.room_id())
}

/// Returns the time of offset 0 in Unix milliseconds, from the first lines.
fn start(lines: &LookAhead<impl BufRead>) -> Option<i64> {
    lines.queue.iter().find_map(|line| match (line.time, &line.content) {
        (Time::UnixMs(ms), Content::Frame { .. }) => Some(ms),
        (Time::OffsetMs(offset_ms), Content::Frame { frame, .. }) => {
            let now_ms = batch(&frame.bytes, &mut Vec::new())?.info.now_ms;
            (now_ms != 0).then(|| now_ms.saturating_sub(offset_ms as i64))
        }
        _ => None,
    })
}
