//! A recording without its people: two passes over the file.

use std::{
    fmt,
    io::{self, Read, Write},
    time::Duration,
};

use serde::Serialize;

use super::text::thousands;
use crate::sans_io::{
    recording::{
        Error as Recording, Flags, Item, Reader, Report as Damage, What, Writer,
        records::{Gap, Header},
    },
    scrub::{Scrubber, Tally, TooMany},
};

/// Why there is no scrubbed recording.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Error {
    #[error("{0}")]
    Read(Recording),
    #[error("{0}")]
    Write(Recording),
    #[error("{0}")]
    TooMany(#[from] TooMany),
    #[error("nothing in it can be read")]
    Empty,
}

/// What was done.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether it had been scrubbed with the same key, so that it was copied as it is.
    pub copied: bool,
    /// Whether it had been scrubbed with another key, or by something else: people were replaced once more.
    pub again: bool,
    /// Ids and names that were found.
    pub identities: usize,
    /// Records that were written, but for headers and the end.
    pub records: u64,
    /// Records that would have become too large.
    pub too_large: u64,
    /// What was done to them.
    pub tally: Tally,
    /// What the file was like.
    pub damage: Damage,
}

impl Report {
    /// Whether something of the input is missing in the output.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.damage.loss().is_some() || self.too_large > 0 || self.tally.dropped() > 0
    }
}

/// Writes what is in a recording to `output`, without its people; `first` and `second` read it from its beginning. Memory stays at the largest record and what
/// [`IDENTITIES_MAX`](crate::sans_io::scrub::IDENTITIES_MAX) takes.
///
/// # Errors
/// [`Error`]. What is in `output` then is no recording to keep.
pub fn scrub(
    first: impl Read,
    mut second: impl Read,
    mut output: impl Write,
    mut scrubber: Scrubber,
) -> Result<Report, Error> {
    let found = look(first, &mut scrubber)?;
    let mut report = Report { again: found.scrubbed, identities: scrubber.identities(), ..Report::default() };
    if found.done && found.damage.is_whole() {
        io::copy(&mut second, &mut output).map_err(|error| Error::Write(Recording::Write(error)))?;
        output.flush().map_err(|error| Error::Write(Recording::Write(error)))?;
        return Ok(Report {
            copied: true,
            again: false,
            records: found.records,
            damage: found.damage,
            ..report
        });
    }
    let header = found.header.unwrap_or_default();
    write(second, output, &header, &mut scrubber, &mut report)?;
    report.tally = scrubber.tally();
    Ok(report)
}

/// What the first pass found.
struct Found {
    header: Option<Header>,
    /// Whether every header says that this was done already, with this key.
    done: bool,
    /// Whether one says that it was scrubbed by anybody.
    scrubbed: bool,
    records: u64,
    damage: Damage,
}

fn look(input: impl Read, scrubber: &mut Scrubber) -> Result<Found, Error> {
    let mut reader = Reader::open(input).map_err(Error::Read)?;
    let (mut header, mut done, mut scrubbed, mut records) = (None, true, false, 0);
    while let Some(record) = reader.next().map_err(Error::Read)? {
        match &record.item.what {
            What::Header(found) => {
                done &= scrubber.did(found);
                scrubbed |= !found.scrub_profile.is_empty();
                header.get_or_insert_with(|| found.clone());
            }
            What::End(_) => {}
            _ => records += 1,
        }
        scrubber.collect(&record.item)?;
    }
    if reader.report().records == 0 {
        return Err(Error::Empty);
    }
    let damage = reader.report().clone();
    Ok(Found { done: done && header.is_some(), header, scrubbed, records, damage })
}

fn write(
    input: impl Read,
    output: impl Write,
    header: &Header,
    scrubber: &mut Scrubber,
    report: &mut Report,
) -> Result<(), Error> {
    let mut reader = Reader::open(input).map_err(Error::Read)?;
    let marked = scrubber.header(header.clone());
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
            // The writer repeats it by the same rule.
            What::Header(found) if found == header => continue,
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
        let Some(item) = scrubber.scrub(record.item) else { continue };
        match writer.write(&item) {
            Ok(()) => report.records += 1,
            Err(Recording::TooLarge { .. }) => report.too_large += 1,
            Err(error) => return Err(Error::Write(error)),
        }
    }
    report.damage = reader.report().clone();
    // What was not sealed stays so: it was cut off, and nobody knows what was behind.
    if sealed { writer.finish().map(drop) } else { writer.flush() }.map_err(Error::Write)
}

/// What was damaged in the input is a gap in the output.
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

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.copied {
            return writeln!(f, "scrubbed already with this key: copied as it is");
        }
        if self.again {
            writeln!(f, "it was scrubbed with another key: people were replaced once more")?;
        }
        let tally = &self.tally;
        let [people, changed, records] =
            [self.identities as u64, tally.changed_records, self.records].map(thousands);
        writeln!(f, "{people} ids and names, replaced in {changed} of {records} records")?;
        let rows = [
            (tally.unknown_texts, "texts in unknown fields: replaced"),
            (tally.opaque, "unknown bytes: replaced"),
            (tally.parameters, "parameters of addresses: dropped"),
            (tally.headers, "headers of HTTP answers: dropped"),
            (tally.dropped_bodies, "HTTP bodies that are neither a batch nor JSON: dropped"),
            (tally.dropped_records, "records of unknown types: dropped"),
            (tally.broken, "messages that break off: dropped from there on"),
            (tally.bad_gzip, "broken gzip: only what could be unpacked is there"),
            (self.too_large, "records that became too large: dropped"),
        ];
        for (number, what) in rows.iter().filter(|(number, _)| *number > 0) {
            writeln!(f, "  {} {what}", thousands(*number))?;
        }
        if self.damage.loss().is_some() {
            writeln!(f, "⚠️ Something is missing: {}", self.damage.loss())?;
        }
        Ok(())
    }
}
