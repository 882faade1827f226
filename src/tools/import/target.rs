//! The recording that is being written.

use std::{io::Write, time::Duration};

use bytes::Bytes;

use super::{Error, Options, Report, lines::Time};
use crate::sans_io::recording::{
    self, Flags, Frame, Item, Opcode, What, Writer,
    records::{ConnOpen, Header},
};

/// Longest offset: what JSON can say exactly in milliseconds, and a recording in nanoseconds.
const OFFSET_MS_MAX: f64 = 9e12;

/// Writes connections and frames, keeps the time from going back, and counts.
pub(super) struct Target<W> {
    writer: Writer<W>,
    start_unix_ms: Option<i64>,
    last: Duration,
    pub(super) report: Report,
}

impl<W: Write> Target<W> {
    /// Starts the recording. `start_unix_ms` is the time of offset 0, if that is known.
    pub(super) fn new(output: W, options: &Options, start_unix_ms: Option<i64>) -> Result<Self, Error> {
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
            start_unix_ms,
            last: Duration::ZERO,
            report: Report::default(),
        })
    }

    /// The offset of a time; one that goes back becomes the one before and is counted.
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

    /// Opens the next connection, and returns its number.
    pub(super) fn open(&mut self, offset: Duration, user: &str, room_id: i64) -> Result<u32, Error> {
        self.report.connections += 1;
        let conn = u32::try_from(self.report.connections).map_err(|_| recording::Error::Full)?;
        let open = ConnOpen { room_id, unique_id: user.to_owned(), ..Default::default() };
        let what = What::ConnOpen(open);
        self.writer.write(&Item { offset, conn, flags: Flags::default(), what })?;
        Ok(conn)
    }

    /// Writes a frame; `false` if it is larger than a recording allows.
    pub(super) fn frame(&mut self, offset: Duration, conn: u32, bytes: Bytes) -> Result<bool, Error> {
        let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes });
        match self.writer.write(&Item { offset, conn, flags: Flags::default(), what }) {
            Err(recording::Error::TooLarge { .. }) => return Ok(false),
            other => other?,
        }
        self.report.frames += 1;
        Ok(true)
    }

    /// Seals the recording.
    pub(super) fn finish(mut self) -> Result<Report, Error> {
        self.report.duration_ms = u64::try_from(self.last.as_millis()).unwrap_or(u64::MAX);
        self.writer.finish()?;
        Ok(self.report)
    }
}
