//! Summarises a recording.

mod gifts;
mod text;

use std::{collections::BTreeMap, io::Read, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

pub use gifts::Gifts;
use gifts::People;
use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    recording::{
        Error, Head, Item, Loss, Preamble, Reader, Report, What, record_type,
        records::{ConnOpen, Header, header},
    },
    truth::{Added, Tally, Truth},
};

use super::timeline::{Chart, Timeline};

/// Maximum number of listed connections. All are counted.
const CONNECTIONS_LISTED_MAX: usize = 1000;
/// Number of buckets in the timeline: one per available column of a terminal.
const BUCKETS: usize = 52;

/// Summary of a recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    pub header: Option<HeaderInfo>,
    pub sealed: bool,
    pub records: u64,
    pub duration_ms: u64,
    pub frames_received: u64,
    pub frames_sent: u64,
    /// Total size of the frames' payloads, in bytes.
    pub frame_bytes: u64,
    /// Number of connections opened.
    pub connection_count: u64,
    pub connections: Vec<ConnectionInfo>,
    pub markers: u64,
    /// Number of records lost according to the recorder.
    pub lost_in_gaps: u64,
    /// Numbers of decoded events, by type.
    pub events: BTreeMap<&'static str, u64>,
    /// Number of users who were active.
    pub users: u64,
    pub gifts: Gifts,
    /// Events over time.
    pub timeline: Timeline,
    pub damage: DamageInfo,
    /// All missing data.
    #[serde(skip)]
    pub loss: Loss,
    /// What clients of a replay should have counted.
    #[serde(skip)]
    pub truth: Truth,
}

/// Content of the header.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeaderInfo {
    pub tool: String,
    pub tool_version: String,
    pub source: String,
    /// Wall time of offset 0, as ISO 8601.
    pub started: Option<String>,
    pub timing: &'static str,
    pub privacy: &'static str,
    pub scrub_profile: String,
    /// Fingerprint in hexadecimal.
    pub scrub_key_fingerprint: String,
    pub tags: BTreeMap<String, String>,
}

/// A connection of the recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionInfo {
    pub conn: u32,
    pub user: String,
    /// Id of the room, as a decimal string like all 64-bit ids.
    pub room_id: String,
    pub opened_ms: u64,
    pub frames: u64,
}

/// Unreadable parts of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DamageInfo {
    pub preamble_damaged: bool,
    /// Minor version of the format, if it is newer than this livetape.
    pub newer_minor: Option<u8>,
    pub missing_records: u64,
    pub stretches: u64,
    pub bytes: u64,
    pub tail_bytes: u64,
    pub clamped: u64,
}

/// Summarises a recording in bounded memory.
///
/// # Errors
/// Any error of [`Reader::open`] or [`Reader::next`]. Damage is not an error.
pub fn info(input: impl Read) -> Result<Info, Error> {
    let mut reader = Reader::open(input)?;
    let (mut info, mut connections) = (Info::default(), BTreeMap::new());
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    let (mut chart, mut people, mut tally) = (Chart::default(), People::default(), Tally::default());
    let (mut missing, mut last) = (0, Duration::ZERO);
    while let Some(head) = reader.next_head()? {
        let Some(body) = reader.body() else { continue };
        let item = Item { offset: head.offset, ..body.item() };
        let damage = reader.report().missing - std::mem::replace(&mut missing, reader.report().missing);
        chart.add_damage(last, head.offset, damage);
        last = head.offset;
        decoder.handle(&item);
        for event in decoder.take_events() {
            chart.add_event(head.offset, &event);
            people.add(&event);
            info.gifts.add(&event);
            tally.add(&Added::by(&event));
        }
        if head.record_type == record_type::FRAME {
            info.add_frame(head, &mut connections);
        } else {
            info.add_other(head, item.what.clone(), &mut connections);
        }
        chart.add(item);
    }
    chart.end(reader.report().last_offset);
    info.timeline = chart.timeline(BUCKETS);
    info.events = info.timeline.types.iter().map(|(&kind, counts)| (kind, counts.iter().sum())).collect();
    info.users = people.count();
    info.truth = tally.truth();
    info.connections = connections.into_values().collect();
    info.add_report(reader.report());
    Ok(info)
}

/// Connections by number.
type Connections = BTreeMap<u32, ConnectionInfo>;

/// Returns the entry of a connection; `None` beyond the maximum.
fn connection(connections: &mut Connections, conn: u32) -> Option<&mut ConnectionInfo> {
    let known = connections.contains_key(&conn);
    (known || connections.len() < CONNECTIONS_LISTED_MAX)
        .then(|| connections.entry(conn).or_insert_with(|| ConnectionInfo { conn, ..Default::default() }))
}

impl Info {
    fn add_frame(&mut self, head: Head, connections: &mut Connections) {
        self.frames_sent += u64::from(head.flags.is_sent());
        self.frames_received += u64::from(!head.flags.is_sent());
        self.frame_bytes += head.payload_bytes as u64;
        if let Some(connection) = connection(connections, head.conn) {
            connection.frames += 1;
        }
    }

    fn add_other(&mut self, head: Head, what: What, connections: &mut Connections) {
        match what {
            What::Header(header) if self.header.is_none() => self.header = Some(read_header(header)),
            What::ConnOpen(ConnOpen { room_id, unique_id, .. }) => {
                self.connection_count += 1;
                if let Some(connection) = connection(connections, head.conn) {
                    connection.user = unique_id;
                    connection.room_id = room_id.to_string();
                    connection.opened_ms = millis(head.offset);
                }
            }
            What::Marker(_) => self.markers += 1,
            _ => {}
        }
    }

    fn add_report(&mut self, report: &Report) {
        self.sealed = report.sealed;
        self.lost_in_gaps = report.lost_in_gaps;
        self.loss = report.loss();
        self.records = report.records;
        self.duration_ms = millis(report.last_offset);
        self.damage = DamageInfo {
            preamble_damaged: report.preamble == Preamble::Damaged,
            newer_minor: match report.preamble {
                Preamble::NewerMinor(minor) => Some(minor),
                Preamble::Intact | Preamble::Damaged => None,
            },
            missing_records: report.missing,
            stretches: report.damaged_stretches,
            bytes: report.damaged_bytes,
            tail_bytes: report.tail_bytes,
            clamped: report.clamped,
        };
    }
}

fn millis(offset: Duration) -> u64 {
    u64::try_from(offset.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn read_header(header: Header) -> HeaderInfo {
    let started = header.wall_anchor_ns.and_then(|ns| Timestamp::from_nanosecond(ns.into()).ok());
    HeaderInfo {
        timing: match header.timing() {
            header::Timing::Unknown => "unknown",
            header::Timing::Original => "original",
            header::Timing::Estimated => "estimated",
            header::Timing::Untimed => "untimed",
        },
        privacy: match header.privacy() {
            header::Privacy::Unknown => "unknown",
            header::Privacy::Private => "private",
            header::Privacy::Scrubbed => "scrubbed",
            header::Privacy::Synthetic => "synthetic",
        },
        tool: header.tool,
        tool_version: header.tool_version,
        source: header.source,
        started: started.map(|time| format!("{time:.3}")),
        scrub_profile: header.scrub_profile,
        scrub_key_fingerprint: format!("{:x}", header.scrub_key_fingerprint),
        tags: header.tags,
    }
}
