//! Cuts a range out of a recording.

use std::{
    fmt,
    io::{Read, Write},
    time::Duration,
};

use livetape_core::{
    offset::{check_range, check_within},
    recording::{Loss, Reader, Snapshot, What, Writer, record_type},
};
use serde::Serialize;

use super::{Error, Source, finish, is_of_the_file, write_loss};
use crate::text::{clock, count};

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

fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
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
    if let Some(gap) = source.gap(Duration::ZERO) {
        writer.write(&gap)?;
    }
    let mut next = first;
    while let Some(head) = next.filter(|head| end.is_none_or(|end| head.offset < end)) {
        let offset = head.offset - start;
        if let Some(gap) = source.gap(offset) {
            writer.write(&gap)?;
        }
        if !is_of_the_file(&head) {
            source.copy(&head, offset, head.conn, &mut writer)?;
            cut.records += 1;
        }
        next = source.next()?;
    }
    if next.is_none()
        && let Some(gap) = source.gap(writer.last_offset())
    {
        writer.write(&gap)?;
    }
    let reaches_end = next.is_none();
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
