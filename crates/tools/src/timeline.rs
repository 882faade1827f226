//! The timeline of a recording: events by type and time, markers, gaps and connections.

use std::{collections::BTreeMap, io::Read, mem, time::Duration};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::{Data, Event},
    recording::{Error, Item, Reader, What},
};
use schemars::JsonSchema;
use serde::Serialize;

/// Number of columns for counting: twice the maximum number of buckets, because columns double their width.
const COLUMNS: usize = 2048;
/// Initial width of a column, in milliseconds.
const COLUMN_MS_MIN: u64 = 1;
pub const BUCKETS_MAX: usize = COLUMNS / 2;
/// Maximum numbers of listed markers, gaps and connections.
const LISTED_MAX: usize = 1000;

/// Events over time, in buckets of equal width.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Timeline {
    /// Offset of the last record, in milliseconds.
    pub duration_ms: u64,
    /// Width of a bucket, in milliseconds.
    pub bucket_ms: u64,
    /// Number of events in each bucket, from offset 0 on.
    pub total: Vec<u64>,
    /// Number of events in each bucket, by type.
    pub types: BTreeMap<&'static str, Vec<u64>>,
    /// The first thousand markers.
    pub markers: Vec<Marker>,
    /// The first thousand gaps: stretches that the recorder lost, or that are unreadable.
    pub gaps: Vec<Gap>,
    /// The first thousand connections.
    pub connections: Vec<ConnectionSpan>,
    /// Number of records missing in gaps and damaged stretches.
    pub missing_records: u64,
}

/// A named point in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Marker {
    /// Offset of the marker, in milliseconds.
    pub offset_ms: u64,
    /// Label of the marker.
    pub label: String,
}

/// A stretch with missing records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    /// Offset of the first lost record, in milliseconds.
    pub from_ms: u64,
    /// Offset of the last lost record, in milliseconds.
    pub to_ms: u64,
    /// Number of lost records.
    pub records: u64,
    /// Reason given by the recorder, or `damage`.
    pub reason: String,
}

/// A connection to a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionSpan {
    /// Number of the connection in the file.
    pub conn: u32,
    /// User name of the host.
    pub user: String,
    /// Id of the room, as a decimal string like all 64-bit ids.
    pub room_id: String,
    /// Offset of its opening, in milliseconds.
    pub opened_ms: u64,
    /// Offset of its closing, in milliseconds; `null` if it is open at the end.
    pub closed_ms: Option<u64>,
    /// Close code.
    pub code: Option<u32>,
}

/// Counts of a recording in narrow columns, from which timelines are made.
#[derive(Clone, Debug)]
pub struct Chart {
    column_ms: u64,
    /// Columns by type from offset 0 on, up to the last event.
    types: BTreeMap<&'static str, Vec<u64>>,
    /// The other fields of the timeline.
    rest: Timeline,
    /// Number of missing records, and offset of the last item.
    missing: u64,
    last: Duration,
}

/// Counts the events of a recording, in bounded memory.
///
/// # Errors
/// Any error of [`Reader::open`] or [`Reader::next`]. Damage is not an error, and is listed among the gaps.
pub fn chart(input: impl Read) -> Result<Chart, Error> {
    let mut reader = Reader::open(input)?;
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    let mut chart = Chart::default();
    while let Some(record) = reader.next()? {
        let item = record.item;
        chart.add_damage(item.offset, reader.report().missing);
        decoder.handle(&item);
        decoder.take_events().for_each(|event| chart.add_event(item.offset, &event));
        chart.add(item);
    }
    chart.end(reader.report().last_offset);
    Ok(chart)
}

impl Default for Chart {
    fn default() -> Self {
        let (types, rest) = (BTreeMap::new(), Timeline::default());
        Self { column_ms: COLUMN_MS_MIN, types, rest, missing: 0, last: Duration::ZERO }
    }
}

impl Chart {
    /// Returns the timeline in at most this many buckets.
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

    /// Counts an event, unless it corresponds to no message, as an inferred final does.
    pub(super) fn add_event(&mut self, offset: Duration, event: &Event) {
        if !matches!(&event.data, Data::Gift(gift) if gift.inferred) {
            self.count(offset, event.kind());
        }
    }

    /// Sets the offset of the last record.
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

    /// Returns the column of an offset, widening the columns if needed.
    fn column(&mut self, offset_ms: u64) -> usize {
        while offset_ms / self.column_ms >= COLUMNS as u64 {
            self.column_ms *= 2;
            for columns in self.types.values_mut() {
                *columns = columns.chunks(2).map(|pair| pair.iter().sum()).collect();
            }
        }
        usize::try_from(offset_ms / self.column_ms).expect("less than the columns")
    }

    /// Adds an item other than an event.
    pub(super) fn add(&mut self, Item { offset, conn, what, .. }: Item) {
        let at = millis(offset);
        // The width depends on the last record, whatever its type.
        self.column(at);
        match what {
            What::ConnOpen(open) if self.rest.connections.len() < LISTED_MAX => {
                self.rest.connections.push(ConnectionSpan {
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

    /// Adds the records that are missing before the next item, of all that are `missing` so far.
    pub(super) fn add_damage(&mut self, offset: Duration, missing: u64) {
        let records = missing - mem::replace(&mut self.missing, missing);
        let from = mem::replace(&mut self.last, offset);
        if records > 0 {
            self.add_gap(from, offset, records, "damage");
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

pub(super) fn millis(offset: Duration) -> u64 {
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
    fn buckets_are_equal_and_cover_everything() {
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
        /// The model puts each event into the bucket of its offset.
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
