//! Writes the imported recording.

use std::{io::Write, time::Duration};

use bytes::Bytes;
use livetape_core::{
    decoder::{self, Decoder},
    event::Data,
    recording::{
        self, Flags, Frame, Item, Opcode, What, Writer,
        records::{ConnClose, ConnOpen, Header},
    },
    redact::redact_with,
};

use super::{Error, ImportOptions, Report, lines::Time};

/// Maximum offset, in milliseconds: exact in JSON, and within the range of a recording's nanoseconds.
const OFFSET_MS_MAX: f64 = 9e12;

/// Writes connections and frames with secrets redacted and offsets in order; decodes and counts them.
pub(super) struct Target<W> {
    writer: Writer<W>,
    decoder: Decoder,
    start_unix_ms: Option<i64>,
    last: Duration,
    pub(super) report: Report,
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
            last: Duration::ZERO,
            report: Report::default(),
        })
    }

    /// Returns the offset of a time. A decreasing offset is raised to the previous one and counted.
    pub(super) fn offset(&mut self, time: Time) -> Duration {
        let offset = match time {
            Time::OffsetMs(ms) if ms >= 0.0 => Some(Duration::from_secs_f64(ms.min(OFFSET_MS_MAX) / 1000.0)),
            Time::OffsetMs(_) => None,
            Time::UnixMs(ms) => {
                let start = *self.start_unix_ms.get_or_insert(ms);
                u64::try_from(ms.saturating_sub(start)).ok().map(Duration::from_millis)
            }
        };
        match offset.filter(|&offset| offset >= self.last) {
            Some(offset) => self.last = offset,
            None => self.report.clamped += 1,
        }
        self.last
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
    pub(super) fn frame(&mut self, offset: Duration, conn: u32, bytes: Bytes) -> Result<bool, Error> {
        let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes });
        let written = self.write(offset, conn, Flags::default(), what)?;
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

    fn in_order(&mut self, at_ms: f64) -> Duration {
        let ns = (at_ms.clamp(0.0, OFFSET_MS_MAX) * 1e6).round() as u64;
        self.last = self.last.max(Duration::from_nanos(ns));
        self.last
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

    /// Seals the recording.
    pub(super) fn finish(mut self) -> Result<Report, Error> {
        self.report.duration_ms = u64::try_from(self.last.as_millis()).unwrap_or(u64::MAX);
        let counts = self.decoder.counts();
        self.report.messages = counts.messages;
        self.report.faults.clone_from(&counts.faults);
        self.report.unknown_methods.clone_from(&counts.unknown_methods);
        self.writer.finish()?;
        Ok(self.report)
    }
}
