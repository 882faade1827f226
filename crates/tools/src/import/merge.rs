//! Writes the stored content of a capture to one recording, in order of time.
//!
//! Here is also the unit of the times in a capture. Chrome and mitmproxy write seconds, Playwright milliseconds, one version
//! of Playwright a mixture, and unknown producers anything. So units are inferred from values, not from the producer.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque, binary_heap::PeekMut},
    io::Write,
    ops::{Range, RangeInclusive},
    time::Duration,
};

use jiff::Timestamp;
use livetape_core::{
    decoder::{self, Decoder},
    event::Data,
    observer::is_push_frame,
    recording::{
        self, Flags, Frame, Item, Opcode, What, Writer,
        records::{ConnClose, ConnOpen, Header, Http, Marker, http::Role},
    },
    redact::redact_with,
};

use super::{
    Error, ImportOptions, ImportReport, SILENCES_LISTED_MAX, Silence,
    captured::{CapturedConnection, CapturedFrame, Items, Kept, Said, Survey, closed},
    clock::{Clock, HOUR_MS, Witness},
    lines::Time,
};
use crate::text::count;

/// Maximum number of batches waiting for the first connection to open.
const HELD_MAX: usize = 16;

/// The content to import.
pub(super) struct Plan<'a> {
    /// In the order in which they open.
    pub(super) connections: Vec<Chosen<'a>>,
    pub(super) user: &'a str,
    pub(super) room_id: Option<i64>,
    /// Time of offset 0, in Unix milliseconds.
    pub(super) start_ms: f64,
    /// Interval between frames of a capture without times, in milliseconds.
    pub(super) untimed_ms: f64,
    /// When exchanges are believed to have happened, in Unix milliseconds.
    pub(super) exchanges_ms: RangeInclusive<f64>,
}

/// A connection to import.
#[derive(Clone, Copy)]
pub(super) struct Chosen<'a> {
    pub(super) connection: &'a CapturedConnection,
    pub(super) times: Times,
    /// What has to be added to its times, in milliseconds.
    pub(super) shift_ms: f64,
    /// When it opens, in Unix milliseconds.
    pub(super) opens_ms: Option<f64>,
}

pub(super) fn merge<W: Write>(
    kept: &Kept,
    survey: &Survey,
    plan: &Plan<'_>,
    target: &mut Target<W>,
) -> Result<(), Error> {
    let tracks = BinaryHeap::new();
    Merger { kept, plan, target, tracks, conn: 0, held: VecDeque::new() }.run(survey)
}

/// A connection; or all exchanges, on connection 0.
struct Track<'a> {
    items: Items<'a>,
    times: Times,
    shift_ms: f64,
    conn: u32,
    /// Time of the next item, in Unix milliseconds.
    next_ms: f64,
}

/// The next track is the greatest: the earliest, and the first opened in a tie.
impl Ord for Track<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.next_ms.total_cmp(&self.next_ms).then(other.conn.cmp(&self.conn))
    }
}

impl PartialOrd for Track<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Track<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Track<'_> {}

struct Merger<'a, W> {
    kept: &'a Kept,
    plan: &'a Plan<'a>,
    target: &'a mut Target<W>,
    tracks: BinaryHeap<Track<'a>>,
    /// Number of the connection opened last.
    conn: u32,
    held: VecDeque<Http>,
}

impl<W: Write> Merger<'_, W> {
    fn run(&mut self, survey: &Survey) -> Result<(), Error> {
        let mut pending: VecDeque<_> = self.plan.connections.iter().copied().collect();
        let spans = survey.exchanges.clone();
        self.start(spans, (Times::Millis, 0.0), 0, Some(self.plan.start_ms))?;
        loop {
            let due = self.tracks.peek().map(|track| track.next_ms);
            // Without times, connections follow each other.
            let opens = pending.front().map(|chosen| chosen.opens_ms.unwrap_or(f64::MAX));
            match (due, opens) {
                (None, None) => return Ok(()),
                (Some(due), opens) if opens.is_none_or(|opens| due < opens) => self.step()?,
                _ => {
                    let Chosen { connection, times, shift_ms, opens_ms } =
                        pending.pop_front().expect("one is due");
                    self.open(connection, opens_ms)?;
                    self.start(vec![connection.span.clone()], (times, shift_ms), self.conn, opens_ms)?;
                }
            }
        }
    }

    fn open(&mut self, connection: &CapturedConnection, opens_ms: Option<f64>) -> Result<(), Error> {
        let room_id = self.plan.room_id.unwrap_or_else(|| connection.room());
        let open = ConnOpen {
            room_id,
            unique_id: self.plan.user.to_owned(),
            url: connection.url.clone(),
            handshake_status: connection.status.into(),
            headers: connection.headers.clone(),
            ..Default::default()
        };
        let at_ms = opens_ms.map_or_else(|| self.target.last_ms(), |opens_ms| opens_ms - self.plan.start_ms);
        self.conn = self.target.open_as(at_ms, open)?;
        while let Some(http) = self.held.pop_front() {
            self.target.put(at_ms, self.conn, Flags::default(), What::Http(http))?;
        }
        Ok(())
    }

    /// Starts reading a connection or the exchanges.
    fn start(
        &mut self,
        spans: Vec<Range<u64>>,
        (times, shift_ms): (Times, f64),
        conn: u32,
        from_ms: Option<f64>,
    ) -> Result<(), Error> {
        let items = self.kept.items(spans, self.plan.connections.len() + 1);
        let next_ms = from_ms.unwrap_or_else(|| self.plan.start_ms + self.target.last_ms());
        let mut track = Track { items, times, shift_ms, conn, next_ms };
        if advance(&mut track, self.plan, &mut self.target.report)? {
            self.tracks.push(track);
        }
        Ok(())
    }

    /// Writes the next item.
    fn step(&mut self) -> Result<(), Error> {
        let Some(mut track) = self.tracks.peek_mut() else { return Ok(()) };
        let (at_ms, conn) = (track.next_ms - self.plan.start_ms, track.conn);
        let said = track.items.said()?;
        match advance(&mut track, self.plan, &mut self.target.report)? {
            true => drop(track),
            false => drop(PeekMut::pop(track)),
        }
        self.write(at_ms, conn, said)
    }

    fn write(&mut self, at_ms: f64, conn: u32, said: Option<Said>) -> Result<(), Error> {
        self.target.report.lines += u64::from(conn > 0);
        match said {
            Some(Said::Frame(frame)) => self.frame(at_ms, conn, frame),
            Some(Said::Closed(close)) => self.target.close(at_ms, conn, close),
            Some(Said::Trouble(label)) => {
                self.target.put(at_ms, conn, Flags::default(), What::Marker(Marker { label })).map(|_| ())
            }
            Some(Said::Dropped(())) => {
                self.target.report.dropped += 1;
                Ok(())
            }
            Some(Said::Answer(http)) => self.exchange(at_ms, http),
            Some(Said::Bad(reason) | Said::NoAnswer(reason)) => {
                self.reject(&reason);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn exchange(&mut self, at_ms: f64, http: Http) -> Result<(), Error> {
        self.target.report.exchanges += 1;
        if http.role() == Role::InitialBatch && self.conn == 0 && self.held.len() < HELD_MAX {
            // A batch belongs to a room, which is only known once the connection opens.
            self.held.push_back(http);
            return Ok(());
        }
        let conn = self.conn.max(1);
        self.target.put(at_ms, conn, Flags::default(), What::Http(http)).map(|_| ())
    }

    fn frame(&mut self, at_ms: f64, conn: u32, frame: CapturedFrame) -> Result<(), Error> {
        if frame.is_ping() {
            return Ok(());
        }
        let offset = self.target.in_order(at_ms);
        if !self.target.frame(offset, conn, frame)? {
            self.reject("a frame is too large");
        }
        Ok(())
    }

    fn reject(&mut self, reason: &str) {
        let line = self.target.report.lines;
        self.target.report.reject(line, reason);
    }
}

/// Determines the time of the next item of a track; returns `false` at its end.
fn advance(track: &mut Track<'_>, plan: &Plan<'_>, report: &mut ImportReport) -> Result<bool, Error> {
    let Some(captured_time) = track.items.next_time()? else { return Ok(false) };
    let mut time_ms = captured_time.map(|time| track.times.ms(time) + track.shift_ms);
    if track.conn == 0 {
        time_ms = time_ms.map(|ms| ms.clamp(*plan.exchanges_ms.start(), *plan.exchanges_ms.end()));
    }
    match time_ms {
        None if track.times == Times::Untimed => track.next_ms += plan.untimed_ms,
        None => {}
        // Exchanges are in order of their ends.
        Some(ms) if ms < track.next_ms || !ms.is_finite() => report.clamped += u64::from(track.conn > 0),
        Some(ms) => track.next_ms = ms,
    }
    Ok(true)
}

/// Maximum offset, in milliseconds: exact in JSON, and within the range of a recording's nanoseconds.
const OFFSET_MS_MAX: f64 = 9e12;

/// Writes connections and frames with secrets redacted and offsets in order; decodes and counts them.
pub(super) struct Target<W> {
    writer: Writer<W>,
    decoder: Decoder,
    start_unix_ms: Option<i64>,
    /// Of lines, whose times are mended while they are written.
    clock: Option<Clock>,
    last: Duration,
    idle_limit_ms: Option<f64>,
    /// Sum of the silences that were cut.
    cut_ms: f64,
    /// Whether a frame of TikTok LIVE was written.
    has_push_frame: bool,
    pub(super) report: ImportReport,
}

impl<W: Write> Target<W> {
    /// Starts the recording. `start_unix_ms` is the time of offset 0, if known.
    pub(super) fn new(output: W, options: &ImportOptions, start_unix_ms: Option<i64>) -> Result<Self, Error> {
        let header = Header {
            tool: "livetape".into(),
            tool_version: options.tool_version.clone(),
            source: options.source.clone(),
            wall_anchor_ns: start_unix_ms.and_then(|ms| ms.checked_mul(1_000_000)),
            timing: options.timing.into(),
            privacy: options.privacy.into(),
            tags: options.tags.clone(),
            ..Default::default()
        };
        Ok(Self {
            writer: Writer::new(output, &header)?,
            decoder: Decoder::new(decoder::DecoderOptions { replay: true, dedup: false }),
            start_unix_ms,
            clock: (!options.keep_clock).then(Clock::default),
            last: Duration::ZERO,
            idle_limit_ms: options.idle_limit.map(|limit| limit.as_secs_f64() * 1e3),
            cut_ms: 0.0,
            has_push_frame: false,
            report: ImportReport::default(),
        })
    }

    /// Returns the offset of a line, with a mended clock. A decreasing offset is raised to the previous one and counted.
    /// `ahead` are the next lines, as far as known.
    pub(super) fn offset<'a>(
        &mut self,
        (time, witness): (Time, Witness<'a>),
        ahead: impl Iterator<Item = (Time, Witness<'a>)>,
    ) -> Duration {
        let mut start_unix_ms = self.start_unix_ms;
        let mut offset_ms = |time| match time {
            Time::OffsetMs(ms) => f64::min(ms, OFFSET_MS_MAX),
            Time::UnixMs(ms) => ms.saturating_sub(*start_unix_ms.get_or_insert(ms)) as f64,
            Time::Unknown => 0.0,
        };
        let mut at_ms = offset_ms(time);
        if let Some(clock) = &mut self.clock {
            at_ms = clock.mend(at_ms, witness, ahead.map(|(time, witness)| (offset_ms(time), witness)));
        }
        self.start_unix_ms = start_unix_ms;
        self.report.clamped += u64::from(at_ms < 0.0 || self.offset_of(at_ms) < self.last);
        self.in_order(at_ms)
    }

    /// Opens the next connection and returns its number.
    pub(super) fn open(&mut self, offset: Duration, user: &str, room_id: i64) -> Result<u32, Error> {
        let open = ConnOpen { room_id, unique_id: user.to_owned(), ..Default::default() };
        self.open_at(offset, open)
    }

    fn open_at(&mut self, offset: Duration, open: ConnOpen) -> Result<u32, Error> {
        self.report.connections += 1;
        let conn = u32::try_from(self.report.connections).map_err(|_| recording::Error::Full)?;
        self.write(offset, conn, Flags::default(), What::ConnOpen(open))?;
        Ok(conn)
    }

    /// Writes a frame; returns `false` if it is too large for a recording.
    pub(super) fn frame(&mut self, offset: Duration, conn: u32, frame: CapturedFrame) -> Result<bool, Error> {
        let is_close = frame.is_close();
        let CapturedFrame { opcode, sent, injected, bytes } = frame;
        if is_close {
            let code = bytes.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
            let reason = String::from_utf8_lossy(bytes.get(2..).unwrap_or_default()).into_owned();
            return self.write(offset, conn, Flags::default(), What::ConnClose(closed(code, reason, sent)));
        }
        let sent_bit = if sent { Flags::SENT } else { 0 };
        let flags = Flags(sent_bit | if injected { Flags::INJECTED } else { 0 });
        let frame = Frame { opcode: Opcode(opcode as u8), bytes };
        let written = self.write(offset, conn, flags, What::Frame(frame))?;
        self.report.injected += u64::from(injected);
        self.report.frames += u64::from(written);
        Ok(written)
    }

    pub(super) fn last_ms(&self) -> f64 {
        self.last.as_secs_f64() * 1e3
    }

    /// Opens a connection like [`Target::open`], at a time in milliseconds. The caller ensures the order.
    pub(super) fn open_as(&mut self, at_ms: f64, open: ConnOpen) -> Result<u32, Error> {
        let offset = self.in_order(at_ms);
        self.open_at(offset, open)
    }

    /// Writes an item; returns `false` if it is too large for a recording.
    pub(super) fn put(&mut self, at_ms: f64, conn: u32, flags: Flags, what: What) -> Result<bool, Error> {
        let offset = self.in_order(at_ms);
        self.write(offset, conn, flags, what)
    }

    pub(super) fn close(&mut self, at_ms: f64, conn: u32, close: ConnClose) -> Result<(), Error> {
        self.put(at_ms, conn, Flags::default(), What::ConnClose(close)).map(|_| ())
    }

    /// Returns the offset of this time, or that of the last record if it is earlier. Notices a silence, and shortens it.
    fn in_order(&mut self, at_ms: f64) -> Duration {
        let silence_ms = at_ms.clamp(0.0, OFFSET_MS_MAX) - self.cut_ms - self.last_ms();
        let cut_ms = self.idle_limit_ms.map(|limit_ms| silence_ms - limit_ms).filter(|cut_ms| *cut_ms > 0.0);
        if cut_ms.is_some() || self.idle_limit_ms.is_none() && silence_ms >= HOUR_MS {
            self.report.silences += 1;
            if self.report.silences_listed.len() < SILENCES_LISTED_MAX {
                let [at_ms, lasts_ms] = [self.last_ms(), silence_ms].map(|ms| ms.round() as u64);
                self.report.silences_listed.push(Silence { at_ms, lasts_ms });
            }
        }
        self.cut_ms += cut_ms.unwrap_or_default();
        self.last = self.last.max(self.offset_of(at_ms));
        self.last
    }

    /// Rounds a time to the precision of a recording: times are only compared in it.
    fn offset_of(&self, at_ms: f64) -> Duration {
        let ns = ((at_ms.clamp(0.0, OFFSET_MS_MAX) - self.cut_ms).max(0.0) * 1e6).round() as u64;
        Duration::from_nanos(ns)
    }

    fn write(&mut self, offset: Duration, conn: u32, flags: Flags, what: What) -> Result<bool, Error> {
        let item = redact_with(Item { offset, conn, flags, what }, self.decoder.unzipper());
        match self.writer.write(&item) {
            Err(recording::Error::TooLarge { .. }) => return Ok(false),
            other => other?,
        }
        self.decode(&item);
        Ok(true)
    }

    fn decode(&mut self, item: &Item) {
        if let What::Frame(frame) = &item.what {
            self.has_push_frame = self.has_push_frame || is_push_frame(&frame.bytes);
            self.report.texts += u64::from(frame.opcode == Opcode::TEXT);
        }
        self.decoder.handle(item);
        for event in self.decoder.take_events() {
            if let Data::Unknown(unknown) = event.data
                && unknown.fault.is_some()
                && !unknown.method.is_empty()
            {
                self.report.broken_messages += 1;
            }
        }
    }

    /// Seals the recording. `is_chosen` means that the user wants these frames, whatever they are.
    pub(super) fn finish(mut self, is_chosen: bool) -> Result<ImportReport, Error> {
        if self.report.frames == 0 {
            return Err(Error::NoFrames(self.why_nothing()));
        }
        if !self.has_push_frame && !is_chosen {
            return Err(Error::Undecodable(self.report.frames));
        }
        if let Some(clock) = &mut self.clock {
            self.report.add_steps(clock.end().0, 0.0);
        }
        self.report.duration_ms = u64::try_from(self.last.as_millis()).unwrap_or(u64::MAX);
        let counts = self.decoder.counts();
        self.report.messages = counts.messages;
        self.report.faults.clone_from(&counts.faults);
        self.report.unknown_methods.clone_from(&counts.unknown_methods);
        self.writer.finish()?;
        Ok(self.report)
    }
}

impl<W> Target<W> {
    /// Explains why no frame was written.
    fn why_nothing(&self) -> String {
        let skipped = count(self.report.bad_lines, "message");
        match self.report.bad_lines_listed.first() {
            None => "no WebSocket frames".into(),
            Some(first) => format!("none of {skipped} is usable: {}", first.reason),
        }
    }
}

/// Minimum of Unix milliseconds. Unix seconds are below.
const MILLIS_MIN: f64 = 1e11;
/// Minimum of Unix microseconds.
const MICROS_MIN: f64 = 1e14;
/// Minimum of Unix seconds. Smaller numbers count from the start of the machine.
const SECONDS_MIN: f64 = 1e8;
/// Minimum of dates, in Unix milliseconds.
pub(super) const DATE_MS_MIN: f64 = SECONDS_MIN * 1e3;

/// Unit of the times of one connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Times {
    Millis,
    Seconds,
    Micros,
    /// Seconds since an unknown moment. `first` is the first time, which occurred at `at_ms`.
    SecondsSince {
        first: f64,
        at_ms: f64,
    },
    /// Milliseconds until `from_ms`; after it, the value increases by 1 for each second instead of each
    /// millisecond.
    Squeezed {
        from_ms: f64,
    },
    Untimed,
}

impl Times {
    /// Infers the unit from the producer, the start of the connection and its first time.
    pub(super) fn of(producer: &str, version: &str, started_ms: Option<f64>, first: Option<f64>) -> Self {
        let Some(first) = first else { return Self::Untimed };
        if first > MICROS_MIN {
            return Self::Micros;
        }
        if first > MILLIS_MIN {
            let is_squeezed = producer == "Playwright" && version.starts_with("1.61.");
            let near = |at: &f64| (0.0..HOUR_MS / 1e3).contains(&(first - at));
            let from_ms = started_ms.filter(near).unwrap_or(first);
            return if is_squeezed { Self::Squeezed { from_ms } } else { Self::Millis };
        }
        if first > SECONDS_MIN {
            return Self::Seconds;
        }
        Self::SecondsSince { first, at_ms: started_ms.unwrap_or_default() }
    }

    /// Converts a time to Unix milliseconds.
    pub(super) fn ms(self, time: f64) -> f64 {
        match self {
            Self::Millis | Self::Untimed => time,
            Self::Seconds => time * 1e3,
            Self::Micros => time / 1e3,
            Self::SecondsSince { first, at_ms } => at_ms + (time - first) * 1e3,
            Self::Squeezed { from_ms } => from_ms + (time - from_ms) * 1e3,
        }
    }

    /// Adds milliseconds to a time of the capture.
    pub(super) fn shifted(self, time: f64, shift_ms: f64) -> f64 {
        match self {
            Self::Millis | Self::Untimed => time + shift_ms,
            Self::Seconds | Self::SecondsSince { .. } | Self::Squeezed { .. } => time + shift_ms / 1e3,
            Self::Micros => time + shift_ms * 1e3,
        }
    }

    /// Returns a remark for the user, if anything is unusual.
    pub(super) fn note(self, producer: &str) -> Option<String> {
        let odd =
            |unit: &str| Some(format!("Times are read as {unit}, although {producer} writes other units"));
        match (self, producer) {
            (Self::Squeezed { .. }, _) => {
                Some("Playwright 1.61 writes seconds as milliseconds: times were corrected".into())
            }
            (Self::SecondsSince { .. }, _) => {
                Some("Times have no date: they are relative to the connection's start".into())
            }
            (Self::Millis, "WebInspector" | "mitmproxy") => odd("milliseconds"),
            (Self::Seconds, "Playwright") => odd("seconds"),
            (Self::Micros, _) => odd("microseconds"),
            _ => None,
        }
    }
}

/// Parses `2026-11-20T10:00:00.000Z` to Unix milliseconds.
pub(super) fn parse_date(text: &str) -> Option<f64> {
    let time: Timestamp = text.parse().ok()?;
    // A float can represent current times in microseconds exactly, but not in nanoseconds.
    Some(time.as_microsecond() as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: f64 = 1_757_443_489_000.0;

    #[track_caller]
    fn check(producer: &str, version: &str, times: [f64; 2], offsets_ms: [f64; 2]) {
        let read = Times::of(producer, version, Some(START), Some(times[0]));
        let ms = times.map(|time| (read.ms(time) - START).round());
        assert_eq!(ms, offsets_ms, "{producer} {version}: {read:?}");
    }

    #[test]
    fn the_times_of_each_producer_are_converted() {
        let seconds = START / 1e3;
        check("WebInspector", "537.36", [seconds + 0.25, seconds + 90.5], [250.0, 90_500.0]);
        check("mitmproxy", "11.0.2", [seconds + 0.25, seconds + 90.5], [250.0, 90_500.0]);
        check("Playwright", "1.65.1", [START + 250.0, START + 90_500.0], [250.0, 90_500.0]);
        check("Playwright", "1.61.0", [START + 0.25, START + 90.5], [250.0, 90_500.0]);
        // Chrome without the wall time of the request.
        check("WebInspector", "537.36", [5000.5, 5090.5], [0.0, 90_000.0]);
    }

    #[test]
    fn units_are_inferred_from_values_not_from_the_producer() {
        let seconds = START / 1e3;
        check("WebInspector", "537.36", [START, START + 500.0], [0.0, 500.0]);
        check("Playwright", "1.65.1", [seconds, seconds + 2.0], [0.0, 2000.0]);
        check("", "", [START * 1e3, START * 1e3 + 7000.0], [0.0, 7.0]);
        assert!(Times::Seconds.note("Playwright").is_some() && Times::Millis.note("Playwright").is_none());
        assert_eq!(Times::of("Playwright", "1.65.1", Some(START), None), Times::Untimed);
    }

    #[test]
    fn dates_are_parsed() {
        assert_eq!(parse_date("2025-09-09T18:44:49.250Z"), Some(START + 250.0));
        assert_eq!(parse_date("2025-09-09T20:44:49+02:00"), Some(START));
        assert_eq!(parse_date("yesterday"), None);
    }
}
