//! Turns items into events: wire decoding, deduplication and gift streaks. Live rooms, replays and `livetape
//! events` all use this decoder. It counts events, duplicates, faults and losses, so that nothing is lost silently.
//!
//! Time advances in one place: each item first triggers the inferred finals that are due at its offset.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::Engine as _;
use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use smol_str::{SmolStr, SmolStrBuilder};

use super::{event::KINDS, wire::FaultKind};
use crate::{
    dedup::{Comment, Dedup, Duplicate, StreakKey},
    error::{Code, fitting},
    event::{
        self, ConnectionClosed, ConnectionCreated, Data, Disconnected, Event, Failure, Gift, Id, Known,
        Millis, Reading, SuperFan, Unknown, User,
    },
    inject::InjectTarget,
    recording::{Frame, Item, Loss, Opcode, USER_TAG, What, records},
    streak::{Inferred, Streaks},
    wire::{self, EntriesLeft, Fault, Message, Unzipper},
};

/// Maximum payload in an `unknown` event, in bytes. The largest real message is about 120 KB, and the backlog
/// holds 8 MiB.
const RAW_BYTES_MAX: usize = 256 << 10;
/// Maximum number of connections to remember. Beyond it, the first are forgotten.
const CONNECTIONS_MAX: usize = 65_536;
/// Number of the predecessor's connection. Those of a live room start at 1.
const BEFORE: u32 = 0;

/// Decodes upstream items into events.
#[derive(Debug)]
pub struct Decoder {
    options: DecoderOptions,
    counts: Counts,
    /// Wall time of offset 0, in Unix milliseconds.
    anchor_ms: i64,
    /// Name of the host, before the first connection.
    username: Arc<str>,
    generation: u32,
    /// Suffix that makes ids unique per lap, because clients drop ids they have already seen. Empty in the
    /// first generation.
    suffix: String,
    connections: BTreeMap<u32, ConnectionState>,
    dedup: Dedup,
    streaks: Streaks,
    inferred: Vec<Inferred>,
    faults: Vec<Fault>,
    unzipper: Unzipper,
    events: Vec<Event>,
}

/// Decoder settings.
#[derive(Clone, Copy, Debug)]
pub struct DecoderOptions {
    /// Whether the items come from a recording.
    pub replay: bool,
    /// Whether to drop duplicates.
    pub dedup: bool,
}

impl Decoder {
    /// Creates a decoder at the start of its first generation.
    #[must_use]
    pub fn new(options: DecoderOptions) -> Self {
        Self {
            options,
            counts: Counts::default(),
            anchor_ms: 0,
            username: Arc::default(),
            generation: 1,
            suffix: String::new(),
            connections: BTreeMap::new(),
            dedup: Dedup::default(),
            streaks: Streaks::default(),
            inferred: Vec::new(),
            faults: Vec::new(),
            unzipper: Unzipper::default(),
            events: Vec::new(),
        }
    }

    /// Continues the counters of another decoder.
    #[must_use]
    pub fn with_counts(self, counts: Counts) -> Self {
        Self { counts, ..self }
    }

    /// Returns where to inject a frame at `offset`: into the connection opened last.
    #[must_use]
    pub fn target(&self, offset: Duration) -> InjectTarget {
        let last = self.connections.last_key_value();
        let (conn, room_id) = last.map_or((0, 0), |(&conn, connection)| (conn, connection.room_id()));
        InjectTarget { conn, room_id, offset, now_ms: self.ts(offset).0 }
    }

    /// Decodes the next item. [`Decoder::take_events`] returns the resulting events.
    pub fn handle(&mut self, item: &Item) {
        self.advance(item.offset);
        match &item.what {
            What::Header(header) => self.set_anchor(header),
            What::ConnOpen(open) => {
                self.open(item.conn, open);
                self.announce(item.conn, item.offset);
            }
            What::ConnClose(close) => self.close(item, close),
            What::Frame(frame) if item.flags.is_sent() => self.sent(frame),
            What::Frame(frame) => self.frame(item, frame),
            What::Http(http) if http.role() == records::http::Role::InitialBatch => {
                self.initial_batch(item, &http.body);
            }
            What::Status(status) => self.status(item, status),
            What::Gap(gap) => self.count_missing(&Loss { records: gap.lost(), ..Loss::default() }),
            _ => {}
        }
    }

    /// Infers the finals of gift streaks that are due at `offset`.
    pub fn advance(&mut self, offset: Duration) {
        if self.streaks.next_deadline().is_some_and(|deadline| deadline <= offset) {
            self.streaks.advance(offset, &mut self.inferred);
            self.push_inferred();
        }
    }

    /// Returns the offset at which [`Decoder::advance`] has work to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.streaks.next_deadline()
    }

    /// Ends the stream at `offset`, inferring all missing finals.
    pub fn flush(&mut self, offset: Duration) {
        self.advance(offset);
        self.streaks.flush(offset, &mut self.inferred);
        self.push_inferred();
    }

    /// Starts a new lap, seek or recording: forgets connections, duplicates and streaks. [`Decoder::restore`]
    /// adds the connections that are open at the new position.
    pub fn start_generation(&mut self) {
        self.connections.clear();
        self.set_generation(self.generation + 1);
    }

    /// Continues the generation numbers of another decoder of the same channel.
    pub fn set_generation(&mut self, generation: u32) {
        self.generation = generation;
        self.suffix = if generation > 1 { format!("~{generation}") } else { String::new() };
        (self.dedup, self.streaks) = (Dedup::default(), Streaks::new(self.suffix.clone()));
    }

    /// Applies an item before the start position of a replay, to restore open connections and the clock.
    pub fn restore(&mut self, item: &Item) {
        match &item.what {
            What::Header(header) => self.set_anchor(header),
            What::ConnOpen(open) => self.open(item.conn, open),
            What::ConnClose(_) => {
                self.connections.entry(item.conn).and_modify(|connection| connection.is_open = false);
            }
            _ => {}
        }
    }

    /// Emits the connections that are open at `offset`, after [`Decoder::restore`].
    pub fn announce_restored(&mut self, offset: Duration) {
        let open = |(&conn, connection): (&u32, &ConnectionState)| connection.is_open.then_some(conn);
        for conn in self.connections.iter().filter_map(open).collect::<Vec<_>>() {
            self.announce(conn, offset);
        }
    }

    /// Emits the end of the source.
    pub fn disconnect(&mut self, offset: Duration, reason: &str) {
        // A source that ends before its first connection still names the user.
        let last = self.connections.last_key_value();
        let username = Arc::clone(last.map_or(&self.username, |(_, last)| &last.username));
        let data = Data::Disconnected(Disconnected { reason: reason.into() });
        let event = self.state_event(username, offset, data);
        self.push(event);
    }

    /// Returns the events since the last call, in broadcast order.
    pub fn take_events(&mut self) -> std::vec::Drain<'_, Event> {
        self.events.drain(..)
    }

    /// Returns the number of events waiting to be taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.events.len()
    }

    /// Returns the decompressor, so that callers can inspect an item first.
    pub fn unzipper(&mut self) -> &mut Unzipper {
        &mut self.unzipper
    }

    /// Returns the counters since the decoder was created.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Counts data missing from the recording.
    pub fn count_missing(&mut self, loss: &Loss) {
        self.counts.records_missing = self.counts.records_missing.saturating_add(loss.records);
        self.counts.unreadable_bytes = self.counts.unreadable_bytes.saturating_add(loss.bytes);
        self.counts.unsealed |= loss.unsealed;
    }

    /// Returns the generation: the number of laps, seeks and loads, from 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    fn set_anchor(&mut self, header: &records::Header) {
        self.anchor_ms = header.wall_anchor_ns.unwrap_or_default().div_euclid(1_000_000);
        if let Some(username) = header.tags.get(USER_TAG) {
            self.username = username.as_str().into();
        }
    }

    fn push_inferred(&mut self) {
        for Inferred { offset, mut event } in std::mem::take(&mut self.inferred) {
            event.ts = self.ts(offset);
            event.timestamp = event.ts;
            self.push(event);
        }
    }

    fn push(&mut self, event: Event) {
        *self.counts.events.entry(event.kind()).or_default() += 1;
        self.events.push(event);
    }

    fn state_event(&self, username: Arc<str>, offset: Duration, data: Data) -> Event {
        let ts = self.ts(offset);
        Event {
            username,
            user: None,
            timestamp: ts,
            ts,
            id: None,
            replay: self.options.replay,
            injected: false,
            data,
        }
    }

    /// Returns the offset of a time of receipt, in whole milliseconds.
    #[must_use]
    pub fn offset(&self, ts: Millis) -> Duration {
        Duration::from_millis(u64::try_from(ts.0.saturating_sub(self.anchor_ms)).unwrap_or_default())
    }

    fn ts(&self, offset: Duration) -> Millis {
        Millis(self.anchor_ms.saturating_add(i64::try_from(offset.as_millis()).unwrap_or(i64::MAX)))
    }

    fn outward_id(&self, msg_id: i64) -> Option<SmolStr> {
        (msg_id != 0).then(|| {
            let mut id = SmolStrBuilder::new();
            id.push_str(itoa::Buffer::new().format(msg_id));
            id.push_str(&self.suffix);
            id.finish()
        })
    }

    fn frame(&mut self, item: &Item, frame: &Frame) {
        self.counts.frames += 1;
        if frame.opcode != Opcode::BINARY {
            return;
        }
        let push = wire::read_push(&frame.bytes, &mut self.faults);
        if push.holds_batch() {
            self.batch(item, push.payload);
        }
        self.push_broken(item, &frame.bytes);
    }

    /// Counts the faults in a frame that the client sent.
    fn sent(&mut self, frame: &Frame) {
        if frame.opcode != Opcode::BINARY {
            return;
        }
        let push = wire::read_push(&frame.bytes, &mut self.faults);
        if push.holds_batch() {
            wire::unzip_batch(push.payload, &mut self.unzipper, &mut self.faults);
        }
        self.count_faults_from(0);
    }

    fn initial_batch(&mut self, item: &Item, body: &Bytes) {
        self.counts.frames += 1;
        self.batch(item, body.clone());
        self.push_broken(item, body);
    }

    fn batch(&mut self, item: &Item, payload: Bytes) {
        let batch = wire::unzip_batch(payload, &mut self.unzipper, &mut self.faults);
        // A tab's socket, for example, whose start was not seen.
        if let Some(connection) = self.connections.get_mut(&item.conn).filter(|it| it.room_id == 0) {
            connection.room_id = batch.room_id().unwrap_or_default();
        }
        let connection = self.connection(item.conn);
        // Exactly, because a large batch would otherwise take up to three times the memory while the list
        // grows.
        self.events.reserve_exact(batch.messages.len());
        let mut left = EntriesLeft::of(&batch.messages);
        for message in &batch.messages {
            self.message(item, &connection, message, &mut left);
        }
    }

    fn message(
        &mut self,
        item: &Item,
        connection: &ConnectionState,
        message: &Message,
        left: &mut EntriesLeft,
    ) {
        self.counts.messages += 1;
        let room = connection.room_key(item.conn);
        if self.options.dedup
            && let Some(duplicate) = self.dedup.check_id(room, message.msg_id, message.is_history)
        {
            return self.count_duplicate(duplicate.name());
        }
        let known_faults = self.faults.len();
        let reading = event::read_in_batch(message, left, &mut self.faults);
        self.count_faults_from(known_faults);
        match reading {
            Reading::Known(known) => self.known(item, connection, message, known),
            Reading::Unknown => {
                self.counts.count_unknown(&message.method);
                self.unknown(item, connection, message, None);
            }
            Reading::Broken(kind) => self.unknown(item, connection, message, Some(kind.name())),
        }
    }

    fn known(&mut self, item: &Item, connection: &ConnectionState, message: &Message, known: Known) {
        let room = connection.room_key(item.conn);
        let (ts, create_time) = (self.ts(item.offset), known.create_time());
        let mut event = Event {
            username: Arc::clone(&connection.username),
            user: known.user,
            timestamp: event::millis(create_time).map_or(ts, Millis),
            ts,
            id: self.outward_id(message.msg_id),
            replay: self.options.replay,
            injected: item.flags.is_injected(),
            data: known.data,
        };
        let create_time = event::millis(create_time).unwrap_or(create_time);
        if let Data::Chat(chat) = &mut event.data {
            chat.is_history = message.is_history;
        }
        if self.options.dedup
            && let Some(reason) = self.check_content(room, &event, create_time, message.is_history)
        {
            return self.count_duplicate(reason);
        }
        self.streaks.handle(item.offset, room, &mut event, &mut self.inferred);
        let derived = match &event.data {
            Data::Barrage(barrage) => SuperFan::of(barrage),
            _ => None,
        };
        // Derived events have no id, because clients drop ids they have already seen.
        let derived = derived.map(|data| Event { id: None, data, ..event.clone() });
        self.push(event);
        derived.into_iter().for_each(|event| self.push(event));
        self.push_inferred();
    }

    /// Finds duplicates under a new id: repeated history, or the repeated final of a streak.
    fn check_content(
        &mut self,
        room: i64,
        event: &Event,
        create_time: i64,
        is_history: bool,
    ) -> Option<&'static str> {
        let user_id = event.user.as_ref().map_or(0, |user| user.user_id.0);
        let duplicate = match &event.data {
            Data::Chat(chat) => {
                let comment = Comment { user_id, create_time, text: chat.comment.as_str().into() };
                self.dedup.check_comment(room, comment, is_history)
            }
            Data::Gift(gift) if gift.repeat_end => {
                let streak = StreakKey { user_id, gift_id: gift.gift_id, group_id: gift.group_id.0 };
                self.dedup.check_final(room, streak)
            }
            _ => None,
        };
        duplicate.map(Duplicate::name)
    }

    fn unknown(
        &mut self,
        item: &Item,
        connection: &ConnectionState,
        message: &Message,
        fault: Option<&'static str>,
    ) {
        let id = self.outward_id(message.msg_id);
        let data = raw(&message.method, &message.payload, fault);
        let event = self.state_event(Arc::clone(&connection.username), item.offset, data);
        self.push(Event { id, injected: item.flags.is_injected(), ..event });
    }

    /// Counts the faults of a whole frame, and emits its raw bytes.
    fn push_broken(&mut self, item: &Item, bytes: &Bytes) {
        let first = self.faults.first().map(|fault| fault.kind.name());
        self.count_faults_from(0);
        if let Some(name) = first {
            let username = self.connection(item.conn).username;
            let event = self.state_event(username, item.offset, raw("", bytes, Some(name)));
            self.push(Event { injected: item.flags.is_injected(), ..event });
        }
    }

    fn count_faults_from(&mut self, from: usize) {
        for fault in self.faults.drain(from..) {
            *self.counts.faults.entry(fault.kind.name()).or_default() += 1;
        }
    }

    fn count_duplicate(&mut self, reason: &'static str) {
        *self.counts.duplicates.entry(reason).or_default() += 1;
    }

    fn open(&mut self, conn: u32, open: &records::ConnOpen) {
        let username = open.unique_id.as_str().into();
        self.connections.insert(conn, ConnectionState { room_id: open.room_id, username, is_open: true });
        if self.connections.len() > CONNECTIONS_MAX {
            self.connections.pop_first();
        }
    }

    fn announce(&mut self, conn: u32, offset: Duration) {
        let connection = self.connection(conn);
        let source = if self.options.replay { "replay" } else { "live" };
        let generation = Some(self.generation).filter(|generation| *generation > 1);
        let data = Data::ConnectionCreated(ConnectionCreated {
            room_id: Id(connection.room_id),
            source,
            generation,
        });
        let event = self.state_event(connection.username, offset, data);
        self.push(event);
    }

    fn close(&mut self, item: &Item, close: &records::ConnClose) {
        self.connections.entry(item.conn).and_modify(|connection| connection.is_open = false);
        let data = Data::ConnectionClosed(ConnectionClosed {
            code: close.code,
            reason: close.reason.clone(),
            will_retry: close.will_retry,
        });
        let event = self.state_event(self.connection(item.conn).username, item.offset, data);
        self.push(event);
    }

    fn status(&mut self, item: &Item, status: &records::Status) {
        let code = Code::from_name(&status.code);
        let data = Data::Failure(Failure {
            code: status.code.clone(),
            title: code.map_or_else(|| status.code.replace('_', " "), Code::title),
            message: status.detail.clone(),
            hint: hint(code, status).to_owned(),
            attempt: status.attempt,
            retrying: status.retrying,
            retry_after_ms: status.retry_after_ms,
        });
        // A failure before the first connection still names the user.
        let connection = self.connections.get(&item.conn);
        let username = connection.map_or(&self.username, |connection| &connection.username);
        let event = self.state_event(Arc::clone(username), item.offset, data);
        self.push(event);
    }

    fn connection(&self, conn: u32) -> ConnectionState {
        self.connections.get(&conn).cloned().unwrap_or_default()
    }

    /// Applies the events of another decoder, oldest first. Returns the number of the connection that it left
    /// open.
    pub fn resume<'a>(&mut self, events: impl IntoIterator<Item = &'a [u8]>) -> Option<u32> {
        for json in events {
            // Gaps are not events.
            if let Ok(head) = serde_json::from_slice::<Head>(json) {
                self.resume_event(&head);
            }
        }
        self.connections.get(&BEFORE).is_some_and(|connection| connection.is_open).then_some(BEFORE)
    }

    fn resume_event(&mut self, head: &Head) {
        // Of other types, only the id counts.
        let data: ResumedData = serde_json::from_str(head.data.get()).unwrap_or_default();
        match head.r#type {
            "connection_created" if data.source == "live" => {
                let username = (*head.username).into();
                let connection = ConnectionState { room_id: data.room_id.0, username, is_open: true };
                self.connections.insert(BEFORE, connection);
            }
            // Events of a replay do not belong to the history of a room.
            "connection_created" => _ = self.connections.remove(&BEFORE),
            "connection_closed" | "disconnected" => {
                self.connections.entry(BEFORE).and_modify(|connection| connection.is_open = false);
            }
            _ => {}
        }
        let Some(connection) = self.connections.get(&BEFORE) else { return };
        let room = connection.room_key(BEFORE);
        if let Some(id) = head.id.as_ref().and_then(|id| id.parse().ok()) {
            self.dedup.check_id(room, id, false);
        }
        match head.r#type {
            "chat" => {
                let user_id = data.user.map_or(0, |user| user.user_id.0);
                let comment = Comment { user_id, create_time: data.timestamp.0, text: data.comment.into() };
                self.dedup.check_comment(room, comment, false);
            }
            "gift" => self.resume_gift(head, data, room),
            _ => {}
        }
    }

    fn resume_gift(&mut self, head: &Head, data: ResumedData, room: i64) {
        let Ok(gift) = serde_json::from_str::<Gift>(head.data.get()) else { return };
        if gift.repeat_end {
            let user_id = data.user.as_ref().map_or(0, |user| user.user_id.0);
            let streak = StreakKey { user_id, gift_id: gift.gift_id, group_id: gift.group_id.0 };
            self.dedup.check_final(room, streak);
        }
        let event = Event {
            username: (*head.username).into(),
            user: data.user,
            timestamp: data.timestamp,
            ts: head.ts,
            id: None,
            replay: false,
            injected: head.injected,
            data: Data::Gift(gift),
        };
        self.streaks.resume(room, &event, &mut self.inferred);
        self.push_inferred();
    }
}

/// A connection, open or closed.
#[derive(Clone, Debug, Default)]
struct ConnectionState {
    room_id: i64,
    username: Arc<str>,
    is_open: bool,
}

impl ConnectionState {
    fn room_id(&self) -> i64 {
        self.room_id
    }

    /// Returns a key of the room: its id, or one made from the connection's number if the id is unknown.
    fn room_key(&self, conn: u32) -> i64 {
        if self.room_id == 0 { -1 - i64::from(conn) } else { self.room_id }
    }
}

/// The part of an event that all types share.
#[derive(Deserialize)]
struct Head<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    username: std::borrow::Cow<'a, str>,
    id: Option<std::borrow::Cow<'a, str>>,
    ts: Millis,
    #[serde(default)]
    injected: bool,
    data: &'a RawValue,
}

/// The data of those types that matter here.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ResumedData {
    room_id: Id,
    source: String,
    comment: String,
    user: Option<User>,
    timestamp: Millis,
}

fn raw(method: &str, bytes: &Bytes, fault: Option<&'static str>) -> Data {
    let kept = &bytes[..bytes.len().min(RAW_BYTES_MAX)];
    let payload = base64::engine::general_purpose::STANDARD.encode(kept);
    Data::Unknown(Unknown { method: method.to_owned(), payload, fault, truncated: kept.len() < bytes.len() })
}

/// Returns the hint of a failure, as it applies.
fn hint(code: Option<Code>, status: &records::Status) -> &str {
    let of_code = code.map(Code::hint).unwrap_or_default();
    let hint = if status.hint.is_empty() { of_code } else { &status.hint };
    fitting(hint, status.retrying, status.retry_after_ms.is_some())
}

/// Maximum number of methods counted by name. Messages of further methods count as [`OTHER_METHODS`], except
/// those of TikTok's app.
pub const METHODS_MAX: usize = 512;
/// Name for methods beyond [`METHODS_MAX`], because a sender can invent any number of them.
pub const OTHER_METHODS: &str = "(others)";

/// Counters since the start of the source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Frames received.
    pub frames: u64,
    /// Messages in these frames.
    pub messages: u64,
    /// Events broadcast, by type.
    #[serde(deserialize_with = "by_known_name")]
    pub events: BTreeMap<&'static str, u64>,
    /// Messages dropped as duplicates, by reason.
    #[serde(deserialize_with = "by_known_name")]
    pub duplicates: BTreeMap<&'static str, u64>,
    /// Messages without a schema, by method.
    pub unknown_methods: BTreeMap<String, u64>,
    /// Unreadable data, by kind of fault.
    #[serde(deserialize_with = "by_known_name")]
    pub faults: BTreeMap<&'static str, u64>,
    /// Records that are missing from the recording, or that its recorder could not write.
    pub records_missing: u64,
    /// Unreadable bytes of the recording.
    pub unreadable_bytes: u64,
    /// Whether a recording, or a range of it, was never sealed, so that its end may be missing.
    pub unsealed: bool,
}

impl Counts {
    /// Counts a message of a method without a schema.
    pub fn count_unknown(&mut self, method: &str) {
        if let Some(count) = self.unknown_methods.get_mut(method) {
            *count += 1;
            return;
        }
        let is_named = self.unknown_methods.len() < METHODS_MAX || event::app_method(method).is_some();
        let name = if is_named { method } else { OTHER_METHODS };
        *self.unknown_methods.entry(name.to_owned()).or_default() += 1;
    }

    /// Returns the messages without a schema by names that no sender can invent: those of TikTok's app, and
    /// [`OTHER_METHODS`] for all others, first and also if it is 0.
    #[must_use]
    pub fn unknown_by_app_method(&self) -> Vec<(&'static str, u64)> {
        let (mut others, mut named) = (0, vec![]);
        for (method, count) in &self.unknown_methods {
            match event::app_method(method) {
                Some(name) => named.push((name, *count)),
                None => others += count,
            }
        }
        named.insert(0, (OTHER_METHODS, others));
        named
    }

    /// Returns the number of faults that lost data. Repaired texts do not count, because they only lose their
    /// invalid bytes.
    #[must_use]
    pub fn unreadable(&self) -> u64 {
        let mended = FaultKind::BadUtf8.name();
        self.faults.iter().filter(|(name, _)| **name != mended).map(|(_, count)| count).sum()
    }

    /// Whether anything is missing or unreadable, which exit code 3 reports.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.loss().is_some()
    }

    /// Returns the missing and unreadable data.
    #[must_use]
    pub fn loss(&self) -> Loss {
        Loss {
            records: self.records_missing,
            bytes: self.unreadable_bytes,
            undecoded: self.unreadable(),
            unsealed: self.unsealed,
        }
    }
}

/// Reads counters of another process, without names that only its version knows.
fn by_known_name<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<&'static str, u64>, D::Error> {
    let counts = BTreeMap::<String, u64>::deserialize(deserializer)?;
    let duplicates = [Duplicate::MessageId, Duplicate::GiftFinal, Duplicate::History].map(Duplicate::name);
    let known =
        || KINDS.iter().copied().chain(duplicates).chain(FaultKind::ALL.iter().map(|kind| kind.name()));
    Ok(counts.into_iter().filter_map(|(name, n)| Some((known().find(|it| **it == *name)?, n))).collect())
}
