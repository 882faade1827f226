//! Summarises a recording, or only its first and last bytes, without reading the rest.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashSet},
    fmt,
    io::{Read, Seek, SeekFrom},
    time::Duration,
};

use jiff::Timestamp;
use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::{Data, Event},
    recording::{
        Error, Head, Item, Loss, Preamble, ReadReport, Reader, What, record_type,
        records::{ConnOpen, Header},
    },
    truth::{Added, Tally, Truth},
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    cat::enum_name,
    text::{COLUMNS_MAX, bars, clock, count, printable, size, thousands},
    timeline::{Chart, Timeline, millis},
};

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
    pub timing: String,
    pub privacy: String,
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
    while let Some(head) = reader.next_head()? {
        let Some(body) = reader.body() else { continue };
        let item = Item { offset: head.offset, ..body.item() };
        chart.add_damage(head.offset, reader.report().missing);
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
    info.users = people.0.len() as u64;
    info.truth = tally.truth();
    info.connections = connections.into_values().collect();
    info.add_report(reader.report());
    info.loss.undecoded = decoder.counts().unreadable();
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
            What::Header(header) if self.header.is_none() => self.header = Some(read_header(*header)),
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

    fn add_report(&mut self, report: &ReadReport) {
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

pub(super) fn read_header(header: Header) -> HeaderInfo {
    let started = header.wall_anchor_ns.and_then(|ns| Timestamp::from_nanosecond(ns.into()).ok());
    HeaderInfo {
        timing: enum_name(header.timing().as_str_name()),
        privacy: enum_name(header.privacy().as_str_name()),
        tool: header.tool,
        tool_version: header.tool_version,
        source: header.source,
        started: started.map(|time| format!("{time:.3}")),
        scrub_profile: header.scrub_profile,
        scrub_key_fingerprint: format!("{:x}", header.scrub_key_fingerprint),
        tags: header.tags,
    }
}

/// Maximum number of distinct users. Further ones are not counted.
const PEOPLE_MAX: usize = 1_000_000;
/// Maximum number of distinct gifts.
const KINDS_MAX: usize = 10_000;

/// Ids of the users seen.
#[derive(Clone, Debug, Default)]
struct People(HashSet<i64>);

impl People {
    fn add(&mut self, event: &Event) {
        if let Some(user) = &event.user
            && user.user_id.0 != 0
            && self.0.len() < PEOPLE_MAX
        {
            self.0.insert(user.user_id.0);
        }
    }
}

/// The gifts of a recording, counting each gift of a streak.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gifts {
    pub count: u64,
    pub diamonds: u64,
    /// Numbers of gifts by name.
    pub kinds: BTreeMap<String, u64>,
}

impl Gifts {
    fn add(&mut self, event: &Event) {
        let Data::Gift(gift) = &event.data else { return };
        let more = u64::try_from(gift.repeat_delta).unwrap_or(0);
        self.count = self.count.saturating_add(more);
        self.diamonds = self.diamonds.saturating_add(u64::try_from(gift.diamonds).unwrap_or(0));
        if more > 0 && (self.kinds.len() < KINDS_MAX || self.kinds.contains_key(gift.gift_name.as_str())) {
            *self.kinds.entry(gift.gift_name.clone()).or_default() += more;
        }
    }

    /// Lists the most frequent gifts: `Rose ×34, TikTok ×3`
    fn listed(&self, count: usize) -> String {
        let mut kinds = Vec::from_iter(&self.kinds);
        kinds.sort_by_key(|(name, number)| (Reverse(**number), *name));
        let kinds = kinds.into_iter().take(count).map(|(name, number)| format!("{name} ×{number}"));
        Vec::from_iter(kinds).join(", ")
    }
}

const CONNECTIONS_PRINTED_MAX: usize = 10;
/// Maximum numbers of event types and of gifts.
const KINDS_PRINTED_MAX: usize = 10;
const GIFTS_PRINTED_MAX: usize = 3;

/// Text for a terminal, at most 80 columns wide.
impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |name: &str, text: &str| {
            writeln!(f, "{name:<13}{}", printable(text.trim_end(), COLUMNS_MAX - 13))
        };
        line("recording", &self.state())?;
        match &self.header {
            Some(header) => header.lines(&mut line)?,
            None => line("header", "missing")?,
        }
        let (received, sent) = (thousands(self.frames_received), thousands(self.frames_sent));
        line("frames", &format!("{received} received, {sent} sent, {}", size(self.frame_bytes)))?;
        for connection in self.connections.iter().take(CONNECTIONS_PRINTED_MAX) {
            line(&format!("connection {}", connection.conn), &connection.to_string())?;
        }
        let more = (self.connections.len() as u64).max(self.connection_count);
        if more > CONNECTIONS_PRINTED_MAX as u64 {
            line("", &format!("and {} more", thousands(more - CONNECTIONS_PRINTED_MAX as u64)))?;
        }
        if self.markers > 0 {
            line("markers", &thousands(self.markers))?;
        }
        line("missing", &self.missing())?;
        self.rates(f)
    }
}

impl Info {
    /// Returns a line for each total of the truth.
    #[must_use]
    pub fn totals(&self) -> String {
        let line = |name: &str, total: &str| format!("{name:<12} {}\n", printable(total, COLUMNS_MAX - 13));
        let count = self.truth.count.iter();
        let count = count.map(|(kind, count)| line(&format!("count.{kind}"), &count.to_string()));
        self.truth.totals().iter().map(|(name, total)| line(name, total)).chain(count).collect()
    }

    /// Writes the activity by event type and over time.
    fn rates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.events.values().sum();
        if total == 0 {
            return writeln!(f, "events       none");
        }
        writeln!(f, "people       {}", thousands(self.users))?;
        if self.gifts.count > 0 {
            let (gifts, diamonds) = (count(self.gifts.count, "gift"), count(self.gifts.diamonds, "diamond"));
            let line = format!("gifts        {gifts}, {diamonds}: {}", self.gifts.listed(GIFTS_PRINTED_MAX));
            writeln!(f, "{}", printable(&line, COLUMNS_MAX))?;
        }
        let mut row = |kind: &str, number: u64, counts: &[u64]| {
            let row = format!("{:<18} {:>7} {}", printable(kind, 18), thousands(number), bars(counts));
            writeln!(f, "{}", row.trim_end())
        };
        row("events", total, &self.timeline.total)?;
        let mut kinds = Vec::from_iter(&self.timeline.types);
        kinds.sort_by_key(|(kind, counts)| (Reverse(counts.iter().sum::<u64>()), **kind));
        for (kind, counts) in kinds.iter().take(KINDS_PRINTED_MAX) {
            row(kind, counts.iter().sum(), counts)?;
        }
        let others = Vec::from_iter(kinds.iter().skip(KINDS_PRINTED_MAX).flat_map(|(_, counts)| *counts));
        let more = kinds.len().saturating_sub(KINDS_PRINTED_MAX) as u64;
        if more > 0 {
            let others = others.into_iter().sum();
            writeln!(f, "{:<18} {:>7} of {}", "others", thousands(others), count(more, "kind"))?;
        }
        let each = Duration::from_millis(self.timeline.bucket_ms);
        writeln!(f, "{:26} one column is {each:?}; each row has its own scale", "")
    }

    fn state(&self) -> String {
        let records = count(self.records, "record");
        let last = clock(Duration::from_millis(self.duration_ms));
        if self.sealed {
            format!("sealed, {records}, {last} long")
        } else {
            format!("not sealed, {records}, last at {last}")
        }
    }

    fn missing(&self) -> String {
        let damage = &self.damage;
        let mut parts = Vec::new();
        if damage.preamble_damaged {
            parts.push("the preamble is damaged".to_owned());
        }
        if let Some(minor) = damage.newer_minor {
            parts.push(format!("minor version {minor} is newer than this livetape"));
        }
        if damage.stretches > 0 {
            let (records, places) =
                (count(damage.missing_records, "record"), count(damage.stretches, "place"));
            parts.push(format!("{records} at {places}, {}", size(damage.bytes)));
        }
        if damage.tail_bytes > 0 {
            parts.push(format!("truncated at the end: {}", size(damage.tail_bytes)));
        }
        if self.lost_in_gaps > 0 {
            parts.push(format!("{} lost while recording", count(self.lost_in_gaps, "record")));
        }
        if self.loss.undecoded > 0 {
            parts.push(Loss { undecoded: self.loss.undecoded, ..Loss::default() }.to_string());
        }
        if !self.sealed {
            parts.push("not sealed: the end may be missing".into());
        }
        if parts.is_empty() { "nothing".into() } else { parts.join("; ") }
    }
}

impl HeaderInfo {
    fn lines(&self, line: &mut impl FnMut(&str, &str) -> fmt::Result) -> fmt::Result {
        line("started", self.started.as_deref().unwrap_or("unknown"))?;
        line("source", &format!("{}, by {} {}", self.source, self.tool, self.tool_version))?;
        line("timing", &self.timing)?;
        line("privacy", &format!("{} {}", self.privacy, self.scrub_profile))?;
        for (key, value) in &self.tags {
            line("tag", &format!("{key}: {value}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (at, user) = (clock(Duration::from_millis(self.opened_ms)), printable(&self.user, 20));
        write!(f, "{at} @{user}, room {}, {}", self.room_id, count(self.frames, "frame"))
    }
}

/// Length of the end to read for the duration, in bytes.
const TAIL_BYTES: u64 = 256 << 10;
/// Number of records in which to look for the header. It is the first record, unless the file is damaged.
const HEAD_RECORDS_MAX: usize = 16;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Glance {
    /// The header, if it is readable.
    pub header: Option<HeaderInfo>,
    /// Offset of the last record; `None` if it is unknown.
    pub duration: Option<Duration>,
    pub sealed: bool,
}

/// Summarises a file of this length.
///
/// # Errors
/// Any error of [`Reader::open`], or [`Error::NotARecording`] if no record is readable.
pub fn glance(mut input: impl Read + Seek, bytes: u64) -> Result<Glance, Error> {
    let mut glance = Glance { header: first_header(&mut input)?, ..Glance::default() };
    input.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES))).map_err(Error::Read)?;
    if let Ok(mut tail) = Reader::open(&mut input) {
        let mut any = false;
        while tail.next_head()?.is_some() {
            any = true;
        }
        glance.duration = any.then_some(tail.report().last_offset);
        glance.sealed = tail.report().sealed;
    }
    Ok(glance)
}

fn first_header(input: impl Read) -> Result<Option<HeaderInfo>, Error> {
    let mut reader = Reader::open(input)?;
    for at in 0..HEAD_RECORDS_MAX {
        match reader.next()? {
            None if at == 0 => return Err(Error::NotARecording),
            None => break,
            Some(record) => {
                if let What::Header(header) = record.item.what {
                    return Ok(Some(read_header(*header)));
                }
            }
        }
    }
    Ok(None)
}
