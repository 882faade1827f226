//! Scrubs and audits a recording, and puts it into one HTML page that plays it offline: its events, their totals and an
//! overlay, with the recording itself. A browser cannot decode it, so the page has the events as JSON.

mod page;
mod show;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    io::{self, Read, Write},
    time::Duration,
};

use livetape_core::{
    offset,
    recording::{self, Loss, Reader},
};
use serde::Serialize;

use crate::{
    audit,
    edit::{self, as_millis},
    scrub::{self, Auditor, Scrubber},
    text::{clock, count, size, thousands},
};
use show::Show;

/// Maximum size of a recording in a page, in bytes. With it, a page fits the limits of most places that take attachments.
pub const RECORDING_BYTES_MAX: usize = 16 << 20;
/// Maximum number of events in a page: a browser keeps them all, with a line for most of them.
pub const EVENTS_MAX: u64 = 20_000;

/// Maximum size of these events as JSON, in bytes.
pub const EVENTS_BYTES_MAX: usize = 64 << 20;

/// Length to which silences are shortened, unless something else is asked for.
pub const IDLE_LIMIT: &str = "5s";

/// What to put into a page, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Heading of the page; if it is empty, one with the made-up name of the host.
    pub title: String,
    pub from: Duration,
    /// End of the range, exclusive; `None` for the end of the recording.
    pub to: Option<Duration>,
    /// Longer silences are shortened to this.
    pub idle_limit: Duration,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A range is wrong, or the recording cannot be read.
    #[error(transparent)]
    Edit(#[from] edit::Error),
    #[error(transparent)]
    Scrub(#[from] scrub::Error),
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
    #[error("the recording does not fit into a page, which holds {limit}")]
    TooLarge {
        limit: String,
        /// An end of the range up to which it fits, if the first second fits.
        fits: Option<Duration>,
    },
}

impl From<recording::Error> for Error {
    fn from(error: recording::Error) -> Self {
        edit::Error::Recording(error).into()
    }
}

impl Error {
    /// The part from `start` fits up to `end` at least.
    fn too_large(limit: String, start: Duration, end: Duration) -> Self {
        // The rest of a second is space for what each recording begins with.
        let seconds = end.as_secs().saturating_sub(1);
        Self::TooLarge { limit, fits: Some(Duration::from_secs(seconds)).filter(|end| *end > start) }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareReport {
    /// The page; `None` if the audit found something, so that none was written.
    pub page: Option<Page>,
    pub scrub: scrub::ScrubReport,
    /// The audit of the scrubbed copy, which is what the page contains.
    pub audit: audit::AuditReport,
    /// Data missing from the recording.
    pub loss: Loss,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    pub bytes: u64,
    pub recording_bytes: usize,
    pub events: u64,
    /// How long the page plays at its normal speed.
    #[serde(rename = "durationMs", serialize_with = "as_millis")]
    pub duration: Duration,
    /// Number of silences that were shortened, to `idle_limit`.
    pub silences: u64,
    #[serde(rename = "idleLimitMs", serialize_with = "as_millis")]
    pub idle_limit: Duration,
    /// Sum of what was cut from them.
    #[serde(rename = "idleCutMs", serialize_with = "as_millis")]
    pub idle_cut: Duration,
}

/// Writes a page with a scrubbed copy of a recording, unless the audit of this copy finds something. Memory is bounded by
/// [`RECORDING_BYTES_MAX`], [`EVENTS_BYTES_MAX`] and [`IDENTITIES_MAX`](scrub::IDENTITIES_MAX).
///
/// # Errors
/// [`Error`]. The output is then incomplete and must be deleted.
pub fn share(
    input: impl Read,
    output: impl Write,
    scrubber: Scrubber,
    auditor: Auditor,
    options: &Options,
) -> Result<ShareReport, Error> {
    let (part, cut) = part(input, options)?;
    // Scrubbing takes much longer than to find out whether all events fit.
    if let Err(error @ Error::TooLarge { .. }) = Show::read(&part, options) {
        return Err(error);
    }
    let mut copy = Vec::new();
    let scrub = scrub::scrub(&part[..], &part[..], &mut copy, scrubber)?;
    let audit = audit::audit(&copy[..], auditor)?;
    let mut report =
        ShareReport { page: None, loss: cut.unwrap_or_else(|| scrub.damage.loss()), scrub, audit };
    if report.audit.is_clean() {
        let show = Show::read(&copy, options)?;
        report.loss.undecoded = show.undecoded;
        let bytes = page::write(output, &show, &copy, &options.title, report.loss)?;
        report.page = Some(Page {
            bytes,
            recording_bytes: copy.len(),
            events: show.events,
            duration: show.duration(),
            silences: show.silences,
            idle_limit: options.idle_limit,
            idle_cut: show.idle_cut,
        });
    }
    Ok(report)
}

/// Reads the part of the recording that is shared. Also returns what is missing, if it was cut.
fn part(mut input: impl Read, options: &Options) -> Result<(Vec<u8>, Option<Loss>), Error> {
    let is_all = options.from.is_zero() && options.to.is_none();
    let mut kept = Kept::default();
    let done = match is_all {
        true => {
            io::copy(&mut input, &mut kept).map(|_| None).map_err(recording::Error::Read).map_err(Error::from)
        }
        false => edit::cut(input, &mut kept, options.from, options.to)
            .map(|cut| Some(cut.loss))
            .map_err(Error::from),
    };
    if kept.is_full {
        let end = options.from.saturating_add(last_offset(&kept.bytes));
        let limit = format!("up to {}", size(RECORDING_BYTES_MAX as u64));
        return Err(Error::too_large(limit, options.from, end));
    }
    Ok((kept.bytes, done?))
}

/// The first [`RECORDING_BYTES_MAX`] of what is written.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let space = RECORDING_BYTES_MAX - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(space)]);
        self.is_full |= bytes.len() > space;
        if self.is_full { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn last_offset(bytes: &[u8]) -> Duration {
    let Ok(mut reader) = Reader::open(bytes) else { return Duration::ZERO };
    while let Ok(Some(_)) = reader.next_head() {}
    reader.report().last_offset
}

impl ShareReport {
    /// Whether part of the recording is missing from the page.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.loss.is_some() || self.scrub.lost()
    }
}

impl fmt::Display for ShareReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(page) = &self.page else { return write!(f, "{}", self.audit) };
        let events = count(page.events, "event");
        let (bytes, recording) = (size(page.bytes), size(page.recording_bytes as u64));
        writeln!(f, "{bytes}: {events} in {}, and the recording of {recording}", clock(page.duration))?;
        if page.silences > 0 {
            let (silences, limit) = (thousands(page.silences), offset::shown(page.idle_limit));
            writeln!(f, "silences shortened to {limit}: {silences}, by {} together", clock(page.idle_cut))?;
        }
        write!(f, "{}audit: nothing found in {}", self.scrub, count(self.audit.records, "record"))?;
        // What is missing from the recording, the lines above say.
        let undecoded = Loss { undecoded: self.loss.undecoded, ..Loss::default() };
        if undecoded.is_some() { write!(f, "\n⚠️ Incomplete: {undecoded}\n") } else { writeln!(f) }
    }
}
