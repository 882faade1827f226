//! What a recording holds, at a glance.

mod gifts;
mod text;

use std::{collections::BTreeMap, io::Read, time::Duration};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

pub use gifts::Gifts;
use gifts::People;

use super::timeline::{Chart, Timeline};
use crate::sans_io::{
    decoder::{Decoder, DecoderOptions},
    recording::{
        Error, Head, Item, Loss, Preamble, Reader, Report, What, record_type,
        records::{ConnOpen, Header, header},
    },
};

/// Most connections that are listed; all are counted.
const CONNECTIONS_LISTED_MAX: usize = 1000;
/// The buckets of the timeline: one for each column of a terminal that is free.
const BUCKETS: usize = 52;

/// What a recording holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names of the JSON keys say it")]
pub struct Info {
    pub header: Option<HeaderInfo>,
    pub sealed: bool,
    pub records: u64,
    pub duration_ms: u64,
    pub frames_received: u64,
    pub frames_sent: u64,
    /// The payloads of the frames.
    pub frame_bytes: u64,
    /// Connections that were opened.
    pub connection_count: u64,
    pub connections: Vec<Connection>,
    pub markers: u64,
    /// Records that the recorder lost, as it says itself.
    pub lost_in_gaps: u64,
    /// Events that were decoded, by type.
    pub events: BTreeMap<&'static str, u64>,
    /// People who did something.
    pub users: u64,
    pub gifts: Gifts,
    /// What happened when.
    pub timeline: Timeline,
    pub damage: DamageInfo,
    /// What is missing in all.
    #[serde(skip)]
    pub loss: Loss,
}

/// What the header says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "as in proto/recording.proto")]
pub struct HeaderInfo {
    pub tool: String,
    pub tool_version: String,
    pub source: String,
    /// The wall time of offset 0, ISO 8601.
    pub started: Option<String>,
    pub timing: &'static str,
    pub privacy: &'static str,
    pub scrub_profile: String,
    /// Hexadecimal.
    pub scrub_key_fingerprint: String,
    pub tags: BTreeMap<String, String>,
}

/// A connection of the recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names of the JSON keys say it")]
pub struct Connection {
    pub conn: u32,
    pub user: String,
    /// A decimal string, as all 64-bit ids.
    pub room_id: String,
    pub opened_ms: u64,
    pub frames: u64,
}

/// What could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "as in recording::Report")]
pub struct DamageInfo {
    pub preamble_damaged: bool,
    /// The minor version of the format, if it is newer than this livetape.
    pub newer_minor: Option<u8>,
    pub missing_records: u64,
    pub stretches: u64,
    pub bytes: u64,
    pub tail_bytes: u64,
    pub clamped: u64,
}

/// Reads a recording from start to end, in bounded memory.
///
/// # Errors
/// That of [`Reader::open`] and [`Reader::next`]; damage is none.
pub fn info(input: impl Read) -> Result<Info, Error> {
    let mut reader = Reader::open(input)?;
    let (mut info, mut connections) = (Info::default(), BTreeMap::new());
    let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
    let (mut chart, mut people) = (Chart::default(), People::default());
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
    info.connections = connections.into_values().collect();
    info.add_report(reader.report());
    Ok(info)
}

/// By number.
type Connections = BTreeMap<u32, Connection>;

/// `None` once too many are known.
fn connection(connections: &mut Connections, conn: u32) -> Option<&mut Connection> {
    let known = connections.contains_key(&conn);
    (known || connections.len() < CONNECTIONS_LISTED_MAX)
        .then(|| connections.entry(conn).or_insert_with(|| Connection { conn, ..Default::default() }))
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
