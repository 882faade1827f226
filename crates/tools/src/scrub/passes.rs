//! Scrubs a recording, in two passes over the file.

use std::{
    fmt,
    io::{self, Read, Write},
    time::Duration,
};

use livetape_core::recording::{
    Error as Recording, Flags, Item, ReadReport as Damage, Reader, What, Writer,
    records::{Gap, Header},
};
use serde::Serialize;

use super::{ChangeCounts, Scrubber, TooMany};
use crate::text::thousands;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Read(Recording),
    #[error("{0}")]
    Write(Recording),
    #[error("{0}")]
    TooMany(#[from] TooMany),
    #[error("the recording is unreadable")]
    Empty,
}

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScrubReport {
    /// Whether the recording was already scrubbed with the same key, so that it was copied unchanged.
    pub copied: bool,
    /// Whether it was already scrubbed in another way, so that identities were replaced once more.
    pub again: bool,
    pub identities: usize,
    /// Number of records written, not counting headers and the end.
    pub records: u64,
    /// Number of records dropped because they would have become too large.
    pub too_large: u64,
    pub tally: ChangeCounts,
    /// State of the original file.
    pub damage: Damage,
}

impl ScrubReport {
    /// Whether part of the input is missing from the output.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.damage.loss().is_some() || self.too_large > 0 || self.tally.dropped() > 0
    }
}

/// Writes the scrubbed recording to `output`. `first` and `second` both read the recording from its
/// beginning. Memory is bounded by the largest record and
/// [`IDENTITIES_MAX`](super::IDENTITIES_MAX).
///
/// # Errors
/// [`Error`]. The output is then incomplete and must be deleted.
pub fn scrub(
    first: impl Read,
    mut second: impl Read,
    mut output: impl Write,
    mut scrubber: Scrubber,
) -> Result<ScrubReport, Error> {
    let found = look(first, &mut scrubber)?;
    let again = found.scrubbed && !found.done;
    let mut report = ScrubReport { again, identities: scrubber.identities(), ..ScrubReport::default() };
    if found.done && found.clean && found.damage.is_whole() {
        io::copy(&mut second, &mut output).map_err(|error| Error::Write(Recording::Write(error)))?;
        output.flush().map_err(|error| Error::Write(Recording::Write(error)))?;
        return Ok(ScrubReport { copied: true, records: found.records, damage: found.damage, ..report });
    }
    write(second, output, &found, &mut scrubber, &mut report)?;
    report.tally = scrubber.tally();
    Ok(report)
}

struct FirstPass {
    header: Option<Header>,
    /// Whether all headers show that the recording was already scrubbed with this key.
    done: bool,
    /// Whether an audit finds nothing in the records of such a recording: some may have been added.
    clean: bool,
    /// Whether any header shows that the recording was already scrubbed in any way.
    scrubbed: bool,
    records: u64,
    damage: Damage,
}

fn look(input: impl Read, scrubber: &mut Scrubber) -> Result<FirstPass, Error> {
    let mut reader = Reader::open(input).map_err(Error::Read)?;
    let (mut header, mut done, mut clean, mut scrubbed, mut records) = (None, true, true, false, 0);
    while let Some(record) = reader.next().map_err(Error::Read)? {
        match &record.item.what {
            What::Header(found) => {
                done &= scrubber.did(found);
                scrubbed |= !found.scrub_profile.is_empty();
                header.get_or_insert_with(|| Header::clone(found));
            }
            What::End(_) => {}
            _ => records += 1,
        }
        clean &= done && super::passes_audit(&record.item);
        scrubber.collect(&record.item)?;
    }
    if reader.report().records == 0 {
        return Err(Error::Empty);
    }
    let damage = reader.report().clone();
    Ok(FirstPass { done: done && header.is_some(), clean, header, scrubbed, records, damage })
}

fn write(
    input: impl Read,
    output: impl Write,
    found: &FirstPass,
    scrubber: &mut Scrubber,
    report: &mut ScrubReport,
) -> Result<(), Error> {
    let header = found.header.clone().unwrap_or_default();
    let mut reader = Reader::open(input).map_err(Error::Read)?;
    let marked = if found.done { header.clone() } else { scrubber.header(header.clone()) };
    let mut writer = Writer::new(output, &marked).map_err(Error::Write)?;
    let (mut sealed, mut expected, mut last) = (false, 0, Duration::ZERO);
    while let Some(record) = reader.next().map_err(Error::Read)? {
        let missing = u64::from(record.rec_no).saturating_sub(expected);
        if missing > 0 {
            let gap = gap(missing, last, record.item.offset);
            writer.write(&gap).map_err(Error::Write)?;
        }
        (expected, last) = (u64::from(record.rec_no) + 1, record.item.offset);
        match &record.item.what {
            // The writer repeats the header according to the same rule.
            What::Header(found) if **found == header => continue,
            What::End(_) => {
                sealed = true;
                continue;
            }
            What::Checkpoint(_) => {
                writer.checkpoint(record.item.offset).map_err(Error::Write)?;
                continue;
            }
            _ => {}
        }
        let is_done = found.done && super::passes_audit(&record.item);
        let Some(item) = (if is_done { Some(record.item) } else { scrubber.scrub(record.item) }) else {
            continue;
        };
        match writer.write(&item) {
            Ok(()) => report.records += 1,
            Err(Recording::TooLarge { .. }) => report.too_large += 1,
            Err(error) => return Err(Error::Write(error)),
        }
    }
    report.damage = reader.report().clone();
    // An unsealed recording stays unsealed, because an unknown amount is missing at its end.
    if sealed { writer.finish().map(drop) } else { writer.flush() }.map_err(Error::Write)
}

/// Returns a Gap in place of damaged records.
fn gap(records: u64, from: Duration, to: Duration) -> Item {
    let nanoseconds = |offset: Duration| u64::try_from(offset.as_nanos()).unwrap_or(u64::MAX);
    let gap = Gap {
        first_t_ns: nanoseconds(from),
        last_t_ns: nanoseconds(to),
        records,
        reason: "damaged".into(),
        ..Gap::default()
    };
    Item { offset: to, conn: 0, flags: Flags::default(), what: What::Gap(gap) }
}

impl fmt::Display for ScrubReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.copied {
            return writeln!(f, "already scrubbed with this key: copied unchanged");
        }
        if self.again {
            writeln!(f, "already scrubbed with another key: people were replaced again")?;
        }
        let tally = &self.tally;
        let [people, changed, records] =
            [self.identities as u64, tally.changed_records, self.records].map(thousands);
        writeln!(f, "replaced {people} ids and names in {changed} of {records} records")?;
        let rows = [
            (tally.unknown_texts, "texts in unknown fields: replaced"),
            (tally.opaque, "unknown bytes: replaced"),
            (tally.parameters, "URL parameters: dropped"),
            (tally.headers, "headers of HTTP answers: dropped"),
            (tally.dropped_records, "records of unknown types: dropped"),
            (tally.rejected_records, "malformed records with unrecognisable data: dropped"),
            (tally.broken, "truncated messages: the rest was dropped"),
            (tally.bad_gzip, "broken gzip: only the readable part was kept"),
            (self.too_large, "records that grew too large: dropped"),
        ];
        for (number, what) in rows.iter().filter(|(number, _)| *number > 0) {
            writeln!(f, "  {} {what}", thousands(*number))?;
        }
        if self.damage.loss().is_some() {
            writeln!(f, "⚠️ Incomplete: {}", self.damage.loss())?;
        }
        Ok(())
    }
}
