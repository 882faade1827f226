//! Creates recordings from other recordings. Records are copied unchanged, apart from offset and connection
//! number.

mod merge;

use std::{
    fmt,
    io::{Read, Write},
    time::Duration,
};

use livetape_core::{
    error::{Code, Problem},
    offset::{BeyondEnd, EmptyRange, check_range, check_within},
    recording::{
        self, Body, Flags, Head, Item, Loss, MINOR, Preamble, ReadReport, Reader, Snapshot, What, Writer,
        record_type,
        records::{Gap, Marker, gap::Direction},
    },
};
use serde::Serialize;

use crate::{
    text::{clock, count, thousands},
    verify::write_stretches,
};

pub use merge::{APART_MAX, INPUTS_MAX, Input, Merged, merge};

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
    #[error("{name} starts more than 7 days after {before}")]
    Apart {
        /// Name of the later recording.
        name: String,
        /// Name of the earlier recording.
        before: String,
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

/// Opens a recording, and begins a copy of the same version.
fn transcribe<R: Read, W: Write>(input: R, output: W) -> Result<(Source<R>, Writer<W>), recording::Error> {
    let source = Source::open(input)?;
    let minor = match source.reader.report().preamble {
        Preamble::NewerMinor(minor) => minor,
        Preamble::Intact | Preamble::Damaged => MINOR,
    };
    Ok((source, Writer::transcribe(output, minor)?))
}

pub const LABEL_CHARS_MAX: usize = 200;

/// Copies a recording with a marker inserted after all records up to `at`. Returns the missing data.
///
/// # Errors
/// [`Error::BadLabel`], [`Error::BeyondEnd`], and any error in reading or writing.
pub fn mark(input: impl Read, output: impl Write, at: Duration, label: &str) -> Result<Loss, Error> {
    if label.is_empty() || label.chars().count() > LABEL_CHARS_MAX || label.contains(char::is_control) {
        return Err(Error::BadLabel);
    }
    let (mut source, mut writer) = transcribe(input, output)?;
    let what = What::Marker(Marker { label: label.to_owned() });
    let mut marker = Some(Item { offset: at, conn: 0, flags: Flags::default(), what });
    while let Some(head) = source.next()? {
        if head.offset > at
            && let Some(marker) = marker.take()
        {
            writer.write(&marker)?;
        }
        source.write_gap(head.offset, &mut writer)?;
        match head.record_type {
            // Its counts are no longer correct.
            record_type::CHECKPOINT => writer.checkpoint(head.offset)?,
            record_type::END => {}
            _ => writer.copy(source.body())?,
        }
    }
    if let Some(marker) = marker {
        check_within(at, source.reader.report().last_offset)?;
        writer.write(&marker)?;
    }
    source.write_gap(writer.last_offset(), &mut writer)?;
    let loss = source.reader.report().loss();
    finish(writer, loss)?;
    Ok(loss)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Repaired {
    pub kept: u64,
    /// State of the original file.
    pub report: ReadReport,
}

/// Copies all readable records with their numbers and times, and seals the copy. Missing records stay visible
/// as gaps in the numbering. Repairing a second time changes nothing.
///
/// # Errors
/// Any error in reading or writing. Damage is not an error.
pub fn repair(input: impl Read, output: impl Write) -> Result<Repaired, Error> {
    let (mut source, mut writer) = transcribe(input, output)?;
    while let Some(head) = source.next()? {
        writer.copy_numbered(source.body(), head.rec_no)?;
    }
    let (kept, report) = (writer.counts().records, source.reader.report().clone());
    if report.sealed {
        writer.flush()?;
    } else {
        // Records may be missing after the last one that was kept. A record that was cut off at the end
        // counts as at least one.
        writer.skip_to(report.records + report.missing + u64::from(report.tail_bytes > 0));
        writer.finish()?;
    }
    Ok(Repaired { kept, report })
}

impl Repaired {
    /// Whether the copy differs from the original.
    #[must_use]
    pub fn is_change(&self) -> bool {
        let report = &self.report;
        let is_damaged = report.damaged_bytes > 0 || report.tail_bytes > 0;
        is_damaged || report.preamble == Preamble::Damaged || report.clamped > 0 || !report.sealed
    }

    /// Returns the data lost permanently. Damaged bytes do not count separately, because the records in them
    /// do.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Loss { bytes: self.report.tail_bytes, ..self.report.loss() }
    }
}

impl fmt::Display for Repaired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        writeln!(f, "{} kept, last at {}", count(self.kept, "record"), clock(report.last_offset))?;
        if report.preamble == Preamble::Damaged {
            writeln!(f, "damaged preamble: rewritten")?;
        }
        write_stretches(f, report, "dropped", "lost")?;
        if report.tail_bytes > 0 {
            writeln!(f, "truncated at the end: {} dropped", count(report.tail_bytes, "byte"))?;
        }
        if report.clamped > 0 {
            writeln!(f, "timestamps that went back: {}, set to the previous one", thousands(report.clamped))?;
        }
        if !report.sealed {
            writeln!(f, "was not sealed and is sealed now: the end may be missing")?;
        }
        Ok(())
    }
}

/// The [`Gap::reason`] of unreadable records.
const DAMAGED: &str = "damaged in the source recording";

/// Reads records one by one, and tracks the missing ones.
struct Source<R> {
    reader: Reader<R>,
    missing: u64,
}

impl<R: Read> Source<R> {
    fn open(input: R) -> Result<Self, recording::Error> {
        Ok(Self { reader: Reader::open(input)?, missing: 0 })
    }

    fn next(&mut self) -> Result<Option<Head>, recording::Error> {
        self.reader.next_head()
    }

    /// Returns the record read last.
    fn body(&self) -> Body<'_> {
        self.reader.body().expect("a head was read")
    }

    /// Returns a Gap for the records found missing since the last call, if there are any.
    fn gap(&mut self, offset: Duration) -> Option<Item> {
        let missing = self.reader.report().missing;
        let records = missing - std::mem::replace(&mut self.missing, missing);
        let offset_ns = u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX);
        let gap = Gap {
            first_t_ns: offset_ns,
            last_t_ns: offset_ns,
            records,
            direction: Direction::Unknown.into(),
            reason: DAMAGED.into(),
            ..Gap::default()
        };
        (records > 0).then_some(Item { offset, conn: 0, flags: Flags::default(), what: What::Gap(gap) })
    }

    /// Writes what [`Self::gap`] returns.
    fn write_gap<W: Write>(
        &mut self,
        offset: Duration,
        writer: &mut Writer<W>,
    ) -> Result<(), recording::Error> {
        self.gap(offset).map_or(Ok(()), |gap| writer.write(&gap))
    }

    /// Copies the record read last to `offset`, instead of `head.offset`.
    fn copy<W: Write>(
        &self,
        head: &Head,
        offset: Duration,
        conn: u32,
        writer: &mut Writer<W>,
    ) -> Result<(), recording::Error> {
        if head.record_type != record_type::GAP {
            return writer.copy_to(self.body(), offset, conn);
        }
        let mut item = self.body().item();
        if let What::Gap(gap) = &mut item.what {
            let moved = |t_ns: u64| {
                let moved = Duration::from_nanos(t_ns).saturating_add(offset).saturating_sub(head.offset);
                u64::try_from(moved.as_nanos()).unwrap_or(u64::MAX)
            };
            (gap.first_t_ns, gap.last_t_ns) = (moved(gap.first_t_ns), moved(gap.last_t_ns));
        }
        writer.write(&Item { offset, conn, ..item })
    }
}

/// Whether a record describes its file, so that it must be rewritten rather than copied.
fn is_of_the_file(head: &Head) -> bool {
    use record_type::{CHECKPOINT, END, HEADER};
    /// Reserved for an index.
    const INDEX: u8 = 10;
    matches!(head.record_type, HEADER | CHECKPOINT | END | INDEX)
}

/// Maximum number of markers to list if the requested one is not found.
const MARKERS_LISTED_MAX: usize = 10;
/// Header tag with the range that was cut.
const CUT_TAG: &str = "cut";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cut {
    pub records: u64,
    /// Number of connections.
    pub open_at_start: u64,
    /// Data missing from the range, or from the rest of the recording.
    pub loss: Loss,
    /// Duration of the new recording.
    #[serde(rename = "durationMs", serialize_with = "as_millis")]
    pub duration: Duration,
}

pub(crate) fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Writes the records from `start` to `end` (exclusive). Offset 0 of the new file is `start`, and the wall
/// time is shifted accordingly. Connections open at `start` are opened at the beginning, as in a replay from
/// there.
///
/// # Errors
/// [`Error::EmptyRange`], [`Error::BeyondEnd`], and any error in reading or writing.
pub fn cut(
    input: impl Read,
    output: impl Write,
    start: Duration,
    end: Option<Duration>,
) -> Result<Cut, Error> {
    check_range(start, end)?;
    let mut source = Source::open(input)?;
    let (mut snapshot, mut cut) = (Snapshot::default(), Cut::default());
    let mut first = source.next()?;
    while let Some(head) = first.filter(|head| head.offset < start) {
        if matches!(head.record_type, record_type::HEADER | record_type::CONN_OPEN | record_type::CONN_CLOSE)
        {
            snapshot.take(&source.body().item());
        }
        if snapshot.header().is_some() {
            // Records missing before the range are not missing from it. The header is, because every range
            // needs it.
            drop(source.gap(start));
        }
        first = source.next()?;
    }
    if first.is_none() {
        check_within(start, source.reader.report().last_offset)?;
    }
    let mut writer = begin(&source, snapshot, output, start, end, &mut cut)?;
    source.write_gap(Duration::ZERO, &mut writer)?;
    let mut next = first;
    while let Some(head) = next.filter(|head| end.is_none_or(|end| head.offset < end)) {
        let offset = head.offset - start;
        source.write_gap(offset, &mut writer)?;
        if !is_of_the_file(&head) {
            source.copy(&head, offset, head.conn, &mut writer)?;
            cut.records += 1;
        }
        next = source.next()?;
    }
    let reaches_end = next.is_none();
    if reaches_end {
        source.write_gap(writer.last_offset(), &mut writer)?;
    }
    while next.is_some() {
        next = source.next()?;
    }
    cut.loss = source.reader.report().loss();
    cut.duration = writer.last_offset();
    // A range that ends early is complete, even if the end of the recording may be missing.
    finish(writer, Loss { unsealed: reaches_end && cut.loss.unsealed, ..cut.loss })?;
    Ok(cut)
}

/// Writes the header and the open connections.
fn begin<W: Write>(
    source: &Source<impl Read>,
    mut snapshot: Snapshot,
    output: W,
    start: Duration,
    end: Option<Duration>,
    cut: &mut Cut,
) -> Result<Writer<W>, Error> {
    // A range from 0 starts with the header.
    let first = source.reader.body().filter(|body| body.record_type() == record_type::HEADER);
    if let Some(header) = first.filter(|_| snapshot.header().is_none()) {
        snapshot.take(&header.item());
    }
    let mut header = snapshot.header_from(start);
    let until = end.map(clock).unwrap_or_default();
    header.tags.insert(CUT_TAG.into(), format!("{} - {until}", clock(start)).trim_end().into());
    let mut writer = Writer::new(output, &header)?;
    for opening in snapshot.openings(Duration::ZERO) {
        writer.write(&opening)?;
        cut.open_at_start += 1;
    }
    Ok(writer)
}

/// Returns the offset of the first marker with this label.
///
/// # Errors
/// [`Error::NoMarker`], which lists the existing markers.
pub fn find_marker(input: impl Read, label: &str) -> Result<Duration, Error> {
    let mut reader = Reader::open(input)?;
    let mut known = Vec::new();
    while let Some(head) = reader.next_head()? {
        if head.record_type != record_type::MARKER {
            continue;
        }
        let Some(What::Marker(marker)) = reader.body().map(|body| body.item().what) else { continue };
        if marker.label == label {
            return Ok(head.offset);
        }
        if known.len() < MARKERS_LISTED_MAX {
            known.push(format!("`{}` at {}", marker.label, clock(head.offset)));
        }
    }
    Err(Error::NoMarker { label: label.into(), known })
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = count(self.open_at_start, "connection");
        writeln!(f, "{}, {}, {open} open at the start", clock(self.duration), count(self.records, "record"))?;
        write_loss(f, self.loss)
    }
}
