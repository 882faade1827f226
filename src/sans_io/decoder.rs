//! Items in, events out: wire, dedup, streaks. Live rooms, replays and `livetape events` all go through here.
//!
//! There is one entry for time: every item first lets the finals be inferred that are due at its offset.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::Engine as _;
use bytes::Bytes;

use super::{
    counts::Counts,
    dedup::{Comment, Dedup, StreakKey},
    error::Code,
    event::{ConnectionClosed, ConnectionCreated, Data, Disconnected, Event, Failure, Id, Millis, Unknown},
    recording::{Frame, Item, Opcode, What, records},
    streak::{Inferred, Streaks},
    wire::{self, Fault, Known, Message, Reading},
};

/// How much of a payload an `unknown` event carries, in bytes. The largest real message is about 120 KB, and the
/// backlog holds 8 MiB.
pub const RAW_BYTES_MAX: usize = 256 << 10;
/// Connections that are remembered; beyond, the first are forgotten.
const CONNECTIONS_MAX: usize = 65_536;

/// Turns what happened upstream into events.
#[derive(Debug)]
pub struct Decoder {
    options: Options,
    counts: Counts,
    /// The wall time of offset 0, Unix milliseconds.
    anchor_ms: i64,
    generation: u32,
    connections: BTreeMap<u32, Connection>,
    dedup: Dedup,
    streaks: Streaks,
    inferred: Vec<Inferred>,
    faults: Vec<Fault>,
    events: Vec<Event>,
}

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether the items come from a recording.
    pub replay: bool,
    /// Whether duplicates are dropped.
    pub dedup: bool,
}

#[derive(Clone, Debug, Default)]
struct Connection {
    room_id: i64,
    username: Arc<str>,
    is_open: bool,
}

impl Connection {
    /// What tells rooms apart: the room's id, or where it is not known the connection's number.
    fn room_key(&self, conn: u32) -> i64 {
        if self.room_id == 0 { -1 - i64::from(conn) } else { self.room_id }
    }
}

impl Decoder {
    /// A decoder at the start of its first generation.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            counts: Counts::default(),
            anchor_ms: 0,
            generation: 1,
            connections: BTreeMap::new(),
            dedup: Dedup::default(),
            streaks: Streaks::default(),
            inferred: Vec::new(),
            faults: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Takes what happened next. [`Decoder::take_events`] follows.
    pub fn handle(&mut self, item: &Item) {
        self.advance(item.offset);
        match &item.what {
            What::Header(header) => self.set_anchor(header),
            What::ConnOpen(open) => {
                self.open(item.conn, open);
                self.announce(item.conn, item.offset);
            }
            What::ConnClose(close) => self.close(item, close),
            What::Frame(frame) if !item.flags.is_sent() => self.frame(item, frame),
            What::Http(http) if http.role() == records::http::Role::InitialBatch => {
                self.initial_batch(item, &http.body);
            }
            What::Status(status) => self.status(item, status),
            What::Gap(gap) => self.counts.records_missing += gap.records,
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

    /// When [`Decoder::advance`] has something to do next, as an offset.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.streaks.next_deadline()
    }

    /// Ends the stream at `offset`: finals that are still missing are inferred.
    pub fn flush(&mut self, offset: Duration) {
        self.advance(offset);
        self.streaks.flush(offset, &mut self.inferred);
        self.push_inferred();
    }

    /// Forgets all that was seen: the next item belongs to a new lap, seek or recording. Connections are forgotten too;
    /// those that stand open at the new position are told with [`Decoder::restore`].
    pub fn start_generation(&mut self) {
        self.generation += 1;
        self.connections.clear();
        (self.dedup, self.streaks) = (Dedup::default(), Streaks::new(self.suffix()));
    }

    /// Takes note of an item before the position at which a replay starts: which connections are open, and the clock.
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

    /// Tells the connections that are open at `offset`, after [`Decoder::restore`].
    pub fn announce_restored(&mut self, offset: Duration) {
        let open = |(&conn, connection): (&u32, &Connection)| connection.is_open.then_some(conn);
        for conn in self.connections.iter().filter_map(open).collect::<Vec<_>>() {
            self.announce(conn, offset);
        }
    }

    /// Tells that the source ended.
    pub fn disconnect(&mut self, offset: Duration, reason: &str) {
        let username = self.connections.last_key_value().map(|(_, last)| Arc::clone(&last.username));
        let data = Data::Disconnected(Disconnected { reason: reason.into() });
        let event = self.state_event(username.unwrap_or_default(), offset, data);
        self.push(event);
    }

    /// The events since the last call, in broadcast order.
    pub fn take_events(&mut self) -> std::vec::Drain<'_, Event> {
        self.events.drain(..)
    }

    /// What was counted since the decoder was made.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Counts records that are missing from the recording.
    pub fn count_missing(&mut self, records: u64) {
        self.counts.records_missing += records;
    }

    /// Counts laps, seeks and loads, from 1.
    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    fn set_anchor(&mut self, header: &records::Header) {
        self.anchor_ms = header.wall_anchor_ns.unwrap_or_default().div_euclid(1_000_000);
    }

    fn open(&mut self, conn: u32, open: &records::ConnOpen) {
        let username = open.unique_id.as_str().into();
        self.connections.insert(conn, Connection { room_id: open.room_id, username, is_open: true });
        if self.connections.len() > CONNECTIONS_MAX {
            self.connections.pop_first();
        }
    }

    fn announce(&mut self, conn: u32, offset: Duration) {
        let connection = self.connection(conn);
        let source = if self.options.replay { "replay" } else { "live" };
        let data = Data::ConnectionCreated(ConnectionCreated { room_id: Id(connection.room_id), source });
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
        let code = Code::ALL.iter().find(|code| code.name() == status.code);
        let data = Data::Failure(Failure {
            code: status.code.clone(),
            title: status.code.replace('_', " "),
            message: status.detail.clone(),
            hint: code.map(|code| code.hint().to_owned()).unwrap_or_default(),
            attempt: status.attempt,
            retrying: status.retrying,
            retry_after_ms: status.retry_after_ms,
        });
        let event = self.state_event(self.connection(item.conn).username, item.offset, data);
        self.push(event);
    }

    fn frame(&mut self, item: &Item, frame: &Frame) {
        self.counts.frames += 1;
        if frame.opcode != Opcode::BINARY {
            return;
        }
        let push = wire::read_push(&frame.bytes, &mut self.faults);
        if push.holds_batch() {
            let payload = wire::unzip(push.payload, &mut self.faults);
            self.batch(item, &payload);
        }
        self.push_broken(item, &frame.bytes);
    }

    fn initial_batch(&mut self, item: &Item, body: &Bytes) {
        self.counts.frames += 1;
        let payload = wire::unzip(body.clone(), &mut self.faults);
        self.batch(item, &payload);
        self.push_broken(item, body);
    }

    fn batch(&mut self, item: &Item, payload: &Bytes) {
        let batch = wire::read_batch(payload, &mut self.faults);
        let connection = self.connection(item.conn);
        for message in &batch.messages {
            self.message(item, &connection, message);
        }
    }

    fn message(&mut self, item: &Item, connection: &Connection, message: &Message) {
        self.counts.messages += 1;
        let room = connection.room_key(item.conn);
        if self.options.dedup
            && let Some(duplicate) = self.dedup.check_id(room, message.msg_id, message.is_history)
        {
            return self.count_duplicate(duplicate.name());
        }
        let known_faults = self.faults.len();
        let reading = wire::read_message(message, &mut self.faults);
        self.count_faults_from(known_faults);
        match reading {
            Reading::Known(known) => self.known(item, connection, message, *known),
            Reading::Unknown => {
                self.counts.count_unknown(&message.method);
                self.unknown(item, connection, message, None);
            }
            Reading::Broken(kind) => self.unknown(item, connection, message, Some(kind.name())),
        }
    }

    fn known(&mut self, item: &Item, connection: &Connection, message: &Message, known: Known) {
        let room = connection.room_key(item.conn);
        let ts = self.ts(item.offset);
        let mut event = Event {
            username: Arc::clone(&connection.username),
            user: known.user,
            timestamp: wire::millis(known.create_time).map_or(ts, Millis),
            ts,
            id: self.outward_id(message.msg_id),
            replay: self.options.replay,
            data: known.data,
        };
        if let Data::Chat(chat) = &mut event.data {
            chat.is_history = message.is_history;
        }
        if self.options.dedup
            && let Some(reason) = self.check_content(room, &event, known.create_time, message.is_history)
        {
            return self.count_duplicate(reason);
        }
        self.streaks.handle(item.offset, room, &mut event, &mut self.inferred);
        self.push(event);
        self.push_inferred();
    }

    /// What its id does not tell: history under a new id, a streak's final sent again.
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
                let comment = Comment { user_id, create_time, text: chat.comment.clone() };
                self.dedup.check_comment(room, comment, is_history)
            }
            Data::Gift(gift) if gift.repeat_end => {
                let streak = StreakKey { user_id, gift_id: gift.gift_id, group_id: gift.group_id.0 };
                self.dedup.check_final(room, streak)
            }
            _ => None,
        };
        duplicate.map(super::dedup::Duplicate::name)
    }

    fn unknown(
        &mut self,
        item: &Item,
        connection: &Connection,
        message: &Message,
        fault: Option<&'static str>,
    ) {
        let id = self.outward_id(message.msg_id);
        let data = raw(&message.method, &message.payload, fault);
        let event = self.state_event(Arc::clone(&connection.username), item.offset, data);
        self.push(Event { id, ..event });
    }

    /// Counts the faults of a whole frame, and offers its bytes raw.
    fn push_broken(&mut self, item: &Item, bytes: &Bytes) {
        let first = self.faults.first().map(|fault| fault.kind.name());
        self.count_faults_from(0);
        if let Some(name) = first {
            let username = self.connection(item.conn).username;
            let event = self.state_event(username, item.offset, raw("", bytes, Some(name)));
            self.push(event);
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
        Event { username, user: None, timestamp: ts, ts, id: None, replay: self.options.replay, data }
    }

    fn connection(&self, conn: u32) -> Connection {
        self.connections.get(&conn).cloned().unwrap_or_default()
    }

    fn ts(&self, offset: Duration) -> Millis {
        Millis(self.anchor_ms.saturating_add(i64::try_from(offset.as_millis()).unwrap_or(i64::MAX)))
    }

    fn outward_id(&self, msg_id: i64) -> Option<String> {
        (msg_id != 0).then(|| format!("{msg_id}{}", self.suffix()))
    }

    /// What keeps the ids of laps apart: clients drop ids that they have seen.
    fn suffix(&self) -> String {
        if self.generation > 1 { format!("~{}", self.generation) } else { String::new() }
    }
}

fn raw(method: &str, bytes: &Bytes, fault: Option<&'static str>) -> Data {
    let kept = &bytes[..bytes.len().min(RAW_BYTES_MAX)];
    let payload = base64::engine::general_purpose::STANDARD.encode(kept);
    Data::Unknown(Unknown { method: method.to_owned(), payload, fault, truncated: kept.len() < bytes.len() })
}
