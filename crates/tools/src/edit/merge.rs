//! Merges recordings by timestamp.

use std::{
    collections::BTreeMap,
    fmt,
    io::{Read, Write},
    time::Duration,
};

use livetape_core::recording::{
    self, Head, Loss, PART_OF_TAG, PART_TAG, Snapshot, What, Writer, record_type,
    records::{
        Header,
        header::{Privacy, Timing},
    },
};
use serde::Serialize;

use super::{Error, Source, finish, is_of_the_file, write_loss};
use crate::text::{clock, count};

/// Each is an open file.
pub const INPUTS_MAX: usize = 256;
/// Maximum time between the starts of two successive recordings without `force`. Recordings further apart
/// rarely belong together.
pub const APART_MAX: Duration = Duration::from_hours(7 * 24);
/// Maximum number of connections in all recordings.
const CONNECTIONS_MAX: u32 = 1 << 20;

#[derive(Debug)]
pub struct Input<R> {
    /// Name of the recording in messages.
    pub name: String,
    pub file: R,
    /// Start relative to the first recording; `None` to use the wall time.
    pub offset: Option<Duration>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Merged {
    pub files: u64,
    pub records: u64,
    pub connections: u64,
    pub loss: Loss,
    /// Offset of the last record.
    #[serde(skip)]
    pub duration: Duration,
}

/// An input recording with its next record.
struct Lane<R> {
    name: String,
    source: Source<R>,
    header: Header,
    next: Option<Head>,
    /// Start in the new recording.
    begins: Duration,
    fixed_start: Option<Duration>,
    /// Parts of the same recording share a group, in which equal connection numbers mean the same connection.
    group: usize,
}

/// Writes the records of all recordings in order of time. Connections are renumbered; the parts of one
/// recording are joined again.
///
/// # Errors
/// [`Error::NoClock`], [`Error::Apart`] without `force`, and any error in reading or writing.
pub fn merge<R: Read>(inputs: Vec<Input<R>>, output: impl Write, force: bool) -> Result<Merged, Error> {
    let mut lanes = Vec::new();
    for input in inputs {
        lanes.push(Lane::open(input)?);
    }
    group(&mut lanes);
    let wall_anchor_ns = set_starts(&mut lanes)?;
    if !force {
        check_apart(&lanes)?;
    }
    let header = Header { wall_anchor_ns, ..common_header(&lanes) };
    let mut merge =
        Merge { writer: Writer::new(output, &header)?, conns: BTreeMap::new(), merged: Merged::default() };
    let mut snapshot: BTreeMap<usize, Snapshot> = BTreeMap::new();
    while let Some(lane) = earliest(&mut lanes) {
        merge.step(lane, snapshot.entry(lane.group).or_default())?;
    }
    let Merge { mut writer, conns, mut merged } = merge;
    // Lanes without a readable record took no step.
    for lane in &mut lanes {
        let offset = writer.last_offset().max(lane.begins);
        lane.source.write_gap(offset, &mut writer)?;
    }
    merged.files = lanes.len() as u64;
    merged.connections = conns.len() as u64;
    lanes.iter().for_each(|lane| merged.loss += lane.source.reader.report().loss());
    merged.duration = writer.last_offset();
    finish(writer, merged.loss)?;
    Ok(merged)
}

struct Merge<W> {
    writer: Writer<W>,
    /// New connection numbers, by group and old number.
    conns: BTreeMap<(usize, u32), u32>,
    merged: Merged,
}

impl<W: Write> Merge<W> {
    /// Writes the next record of `lane`, and reads the one after it.
    fn step<R: Read>(&mut self, lane: &mut Lane<R>, snapshot: &mut Snapshot) -> Result<(), Error> {
        let Some(head) = lane.next.take() else { return Ok(()) };
        let offset = lane.begins.saturating_add(head.offset);
        lane.source.write_gap(offset, &mut self.writer)?;
        let again = head.record_type == record_type::CONN_OPEN && snapshot.is_open(head.conn);
        if matches!(head.record_type, record_type::CONN_OPEN | record_type::CONN_CLOSE) {
            snapshot.take(&lane.source.body().item());
        }
        // A part repeats the connections that are open at its start.
        if !is_of_the_file(&head) && !again {
            let conn = self.conn(lane.group, head.conn)?;
            lane.source.copy(&head, offset, conn, &mut self.writer)?;
            self.merged.records += 1;
        }
        lane.next = lane.source.next()?;
        if lane.next.is_none() {
            lane.source.write_gap(offset, &mut self.writer)?;
        }
        Ok(())
    }

    fn conn(&mut self, group: usize, conn: u32) -> Result<u32, recording::Error> {
        if conn == 0 {
            return Ok(0);
        }
        let new = u32::try_from(self.conns.len() + 1).unwrap_or(CONNECTIONS_MAX);
        match self.conns.get(&(group, conn)) {
            Some(&conn) => Ok(conn),
            None if new >= CONNECTIONS_MAX => Err(recording::Error::Full),
            None => Ok(*self.conns.entry((group, conn)).or_insert(new)),
        }
    }
}

impl<R: Read> Lane<R> {
    fn open(input: Input<R>) -> Result<Self, Error> {
        let mut source = Source::open(input.file)?;
        let (mut next, mut header) = (source.next()?, Header::default());
        if let Some(What::Header(first)) =
            next.and_then(|_| source.reader.body()).map(|body| body.item().what)
        {
            (header, next) = (*first, source.next()?);
        }
        let (name, fixed_start) = (input.name, input.offset);
        Ok(Self { name, source, header, next, begins: Duration::ZERO, fixed_start, group: 0 })
    }
}

fn group<R>(lanes: &mut [Lane<R>]) {
    for at in 0..lanes.len() {
        let part_of = lanes[at].header.tags.get(PART_OF_TAG);
        let same = |lane: &Lane<R>| part_of.is_some() && lane.header.tags.get(PART_OF_TAG) == part_of;
        lanes[at].group = lanes[..at].iter().position(same).unwrap_or(at);
    }
}

/// Sets the start of each lane, and returns the wall time of offset 0.
fn set_starts<R>(lanes: &mut [Lane<R>]) -> Result<Option<i64>, Error> {
    if lanes.iter().any(|lane| lane.fixed_start.is_some()) {
        for lane in lanes.iter_mut() {
            lane.begins = lane.fixed_start.unwrap_or_default();
        }
        return Ok(lanes.first().and_then(|lane| lane.header.wall_anchor_ns));
    }
    if let [lane] = lanes {
        return Ok(lane.header.wall_anchor_ns);
    }
    let mut base_ns = i64::MAX;
    for lane in lanes.iter() {
        let wall_ns = lane.header.wall_anchor_ns;
        base_ns = base_ns.min(wall_ns.ok_or_else(|| Error::NoClock { name: lane.name.clone() })?);
    }
    for lane in lanes.iter_mut() {
        let after = lane.header.wall_anchor_ns.map_or(0, |wall_ns| wall_ns.abs_diff(base_ns));
        lane.begins = Duration::from_nanos(after);
    }
    Ok(Some(base_ns))
}

/// Rejects recordings that start more than [`APART_MAX`] after the previous one.
fn check_apart<R>(lanes: &[Lane<R>]) -> Result<(), Error> {
    let mut in_order = Vec::from_iter(lanes.iter().filter(|lane| lane.fixed_start.is_none()));
    in_order.sort_by_key(|lane| lane.begins);
    for pair in in_order.windows(2) {
        if pair[1].begins - pair[0].begins > APART_MAX {
            let [before, name] = [0, 1].map(|at| pair[at].name.clone());
            return Err(Error::Apart { name, before });
        }
    }
    Ok(())
}

/// Returns the lane with the earliest record; the first one in a tie.
fn earliest<R>(lanes: &mut [Lane<R>]) -> Option<&mut Lane<R>> {
    let due = |lane: &Lane<R>| lane.next.map(|head| lane.begins.saturating_add(head.offset));
    let open = lanes.iter_mut().filter(|lane| lane.next.is_some());
    open.min_by_key(|lane| due(lane))
}

/// Returns the header for the merged recording, with the properties that all inputs share.
fn common_header<R>(lanes: &[Lane<R>]) -> Header {
    let Some(first) = lanes.first() else { return Header::default() };
    let mut header = first.header.clone();
    let same_group = lanes.iter().all(|lane| lane.group == 0);
    for Lane { header: other, .. } in &lanes[1..] {
        header.tags.retain(|key, value| other.tags.get(key) == Some(value));
        if caution(other.privacy()) > caution(header.privacy()) {
            header.privacy = other.privacy;
        }
        if doubt(other.timing()) > doubt(header.timing()) {
            header.timing = other.timing;
        }
        if header.source != other.source {
            header.source = "merge".into();
        }
        if header.scrub_profile != other.scrub_profile
            || header.scrub_key_fingerprint != other.scrub_key_fingerprint
        {
            header.scrub_key_fingerprint.clear();
        }
    }
    header.tags.remove(PART_TAG);
    if same_group {
        header.tags.remove(PART_OF_TAG);
    }
    header
}

/// Returns how sensitive a recording is.
fn caution(privacy: Privacy) -> u8 {
    match privacy {
        Privacy::Synthetic => 0,
        Privacy::Scrubbed => 1,
        Privacy::Private => 2,
        Privacy::Unknown => 3,
    }
}

/// Returns how inaccurate the times of a recording are.
fn doubt(timing: Timing) -> u8 {
    match timing {
        Timing::Original => 0,
        Timing::Estimated => 1,
        Timing::Untimed => 2,
        Timing::Unknown => 3,
    }
}

impl fmt::Display for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [files, connections, records] =
            [(self.files, "file"), (self.connections, "connection"), (self.records, "record")]
                .map(|(number, noun)| count(number, noun));
        writeln!(f, "{}, {records} on {connections}, from {files}", clock(self.duration))?;
        write_loss(f, self.loss)
    }
}
