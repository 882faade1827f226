//! What happens when in a recording: events of each type by time, markers, gaps and connections.

use std::{collections::BTreeMap, io::Read, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use crate::sans_io::{
    decoder::{Decoder, DecoderOptions},
    event::{Data, Event},
    recording::{Error, Item, Reader, What},
};

/// The columns that are counted in: twice the buckets that may be asked for, since columns double their width.
const COLUMNS: usize = 2048;
/// The width of a column at first.
const COLUMN_MS_MIN: u64 = 1;
/// The most buckets that may be asked for.
pub const BUCKETS_MAX: usize = COLUMNS / 2;
/// Markers, gaps and connections that are listed, each; all are counted.
const LISTED_MAX: usize = 1000;

/// What happens when, in so many buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// The offset of the last record.
    pub duration_ms: u64,
    /// The time that a bucket stands for.
    pub bucket_ms: u64,
    /// All events of a bucket, from offset 0 on.
    pub total: Vec<u64>,
    /// The events of a bucket by type, for each type that there is.
    pub types: BTreeMap<&'static str, Vec<u64>>,
    /// Names for points in time: the first thousand.
    pub markers: Vec<Marker>,
    /// Stretches that the recorder lost, or that cannot be read: the first thousand.
    pub gaps: Vec<Gap>,
    /// Connections to rooms: the first thousand.
    pub connections: Vec<Connection>,
    /// Records that are missing, in gaps and damaged places.
    pub missing_records: u64,
}

/// A name for a point in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// Where it is.
    pub offset_ms: u64,
    /// The name.
    pub label: String,
}

/// A stretch in which something is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// The offset of the first lost record.
    pub from_ms: u64,
    /// The offset of the last lost record.
    pub to_ms: u64,
    /// How many are lost.
    pub records: u64,
    /// Why: what the recorder says, or `damage`.
    pub reason: String,
}

/// A connection to a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Its number in the file.
    pub conn: u32,
    /// Whose room it is.
    pub user: String,
    /// A decimal string, as all 64-bit ids.
    pub room_id: String,
    /// When it was opened.
    pub opened_ms: u64,
    /// When it was closed; `null` if it is open at the end.
    pub closed_ms: Option<u64>,
    /// The close code.
    pub code: Option<u32>,
}

/// What was counted of a recording, in columns of which buckets are made.
#[derive(Clone, Debug)]
pub struct Chart {
    column_ms: u64,
    /// By type, from offset 0 on; as long as the last event needs it.
    types: BTreeMap<&'static str, Vec<u64>>,
    /// Everything else.
    rest: Timeline,
}

/// Streams a recording through the decoder, in bounded memory.
///
/// # Errors
/// That of [`Reader::open`] and [`Reader::next`]; damage is none, and is listed among the gaps.
pub fn chart(input: impl Read) -> Result<Chart, Error> {
    let mut reader = Reader::open(input)?;
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    let (mut chart, mut missing, mut last) = (Chart::default(), 0, Duration::ZERO);
    while let Some(record) = reader.next()? {
        let item = record.item;
        let damage = reader.report().missing - std::mem::replace(&mut missing, reader.report().missing);
        chart.add_damage(last, item.offset, damage);
        last = item.offset;
        decoder.handle(&item);
        decoder.take_events().for_each(|event| chart.add_event(item.offset, &event));
        chart.add(item);
    }
    chart.end(reader.report().last_offset);
    Ok(chart)
}

/// An inferred final is no message of its own.
fn is_shown(event: &Event) -> bool {
    !matches!(&event.data, Data::Gift(gift) if gift.inferred)
}

impl Default for Chart {
    fn default() -> Self {
        Self { column_ms: COLUMN_MS_MIN, types: BTreeMap::new(), rest: Timeline::default() }
    }
}

impl Chart {
    /// The timeline, in at most so many buckets.
    #[must_use]
    pub fn timeline(&self, buckets: usize) -> Timeline {
        let buckets = buckets.clamp(1, BUCKETS_MAX) as u64;
        let columns = self.rest.duration_ms / self.column_ms + 1;
        let each = columns.div_ceil(buckets).max(1);
        let count = usize::try_from(columns.div_ceil(each)).unwrap_or(BUCKETS_MAX);
        let each = usize::try_from(each).unwrap_or(usize::MAX);
        let mut total = vec![0; count];
        let types = self.types.iter().map(|(&kind, columns)| {
            let mut counts: Vec<u64> = columns.chunks(each).map(|chunk| chunk.iter().sum()).collect();
            counts.resize(count, 0);
            total.iter_mut().zip(&counts).for_each(|(total, count)| *total += count);
            (kind, counts)
        });
        let types = types.collect();
        Timeline { bucket_ms: self.column_ms * each as u64, total, types, ..self.rest.clone() }
    }

    /// Counts an event.
    pub(super) fn add_event(&mut self, offset: Duration, event: &Event) {
        if is_shown(event) {
            self.count(offset, event.kind());
        }
    }

    /// The last record was at this offset.
    pub(super) fn end(&mut self, last: Duration) {
        self.rest.duration_ms = millis(last);
    }

    fn count(&mut self, offset: Duration, kind: &'static str) {
        let column = self.column(millis(offset));
        let columns = self.types.entry(kind).or_default();
        if columns.len() <= column {
            columns.resize(column + 1, 0);
        }
        columns[column] += 1;
    }

    /// The column of an offset; columns are widened until there is one.
    fn column(&mut self, offset_ms: u64) -> usize {
        while offset_ms / self.column_ms >= COLUMNS as u64 {
            self.column_ms *= 2;
            for columns in self.types.values_mut() {
                *columns = columns.chunks(2).map(|pair| pair.iter().sum()).collect();
            }
        }
        usize::try_from(offset_ms / self.column_ms).expect("less than the columns")
    }

    /// Takes note of what happened.
    pub(super) fn add(&mut self, Item { offset, conn, what, .. }: Item) {
        let at = millis(offset);
        // The width follows the last record, whatever it holds.
        self.column(at);
        match what {
            What::ConnOpen(open) if self.rest.connections.len() < LISTED_MAX => {
                self.rest.connections.push(Connection {
                    conn,
                    user: open.unique_id,
                    room_id: open.room_id.to_string(),
                    opened_ms: at,
                    closed_ms: None,
                    code: None,
                });
            }
            What::ConnClose(close) => {
                let open = self.rest.connections.iter_mut().rfind(|open| open.conn == conn);
                if let Some(open) = open.filter(|open| open.closed_ms.is_none()) {
                    (open.closed_ms, open.code) = (Some(at), Some(close.code));
                }
            }
            What::Marker(marker) if self.rest.markers.len() < LISTED_MAX => {
                self.rest.markers.push(Marker { offset_ms: at, label: marker.label });
            }
            What::Gap(gap) => {
                let (from, to) = (Duration::from_nanos(gap.first_t_ns), Duration::from_nanos(gap.last_t_ns));
                self.add_gap(from, to, gap.records, &gap.reason);
            }
            _ => {}
        }
    }

    /// Records that are missing between two offsets.
    pub(super) fn add_damage(&mut self, from: Duration, to: Duration, records: u64) {
        if records > 0 {
            self.add_gap(from, to, records, "damage");
        }
    }

    fn add_gap(&mut self, from: Duration, to: Duration, records: u64, reason: &str) {
        let rest = &mut self.rest;
        rest.missing_records = rest.missing_records.saturating_add(records);
        if rest.gaps.len() < LISTED_MAX {
            let (from_ms, to_ms) = (millis(from), millis(to));
            rest.gaps.push(Gap { from_ms, to_ms, records, reason: reason.to_owned() });
        }
    }
}

fn millis(offset: Duration) -> u64 {
    u64::try_from(offset.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(offsets: &[u64]) -> Chart {
        let mut chart = Chart::default();
        for &offset in offsets {
            chart.count(Duration::from_millis(offset), "chat");
            chart.rest.duration_ms = chart.rest.duration_ms.max(offset);
        }
        chart
    }

    #[test]
    fn buckets_are_even_and_cover_all() {
        let timeline = counted(&[0, 1, 999, 1000]).timeline(4);
        assert_eq!((timeline.bucket_ms, timeline.total), (251, vec![2, 0, 0, 2]));
        assert_eq!(counted(&[]).timeline(10).total, [0]);
    }

    #[test]
    fn a_long_recording_has_wide_columns() {
        let day = 24 * 3600 * 1000;
        let timeline = counted(&[5, day]).timeline(BUCKETS_MAX);
        assert!(timeline.total.len() <= BUCKETS_MAX && timeline.bucket_ms >= day / COLUMNS as u64);
        assert_eq!((timeline.total[0], timeline.total.last()), (1, Some(&1)));
    }

    proptest! {
        /// The model: each event by itself, in the bucket that its offset says.
        #[test]
        fn every_event_is_in_the_bucket_of_its_offset(
            offsets in prop::collection::vec(prop_oneof![0_u64..3_000, 0_u64..100_000_000], 1..80),
            buckets in 1_usize..2_000,
        ) {
            let timeline = counted(&offsets).timeline(buckets);
            let mut model = vec![0; timeline.total.len()];
            for offset in offsets {
                model[usize::try_from(offset / timeline.bucket_ms).unwrap()] += 1;
            }
            prop_assert!(timeline.total.len() <= buckets.min(BUCKETS_MAX));
            prop_assert_eq!(&timeline.total, &timeline.types["chat"]);
            prop_assert_eq!(timeline.total, model);
        }
    }
}
