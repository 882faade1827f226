//! Turns items into events: wire decoding, deduplication and gift streaks. Live rooms, replays and `livetape
//! events` all use this decoder.
//!
//! Time advances in one place: each item first triggers the inferred finals that are due at its offset.

mod connections;
mod frames;
mod resume;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use connections::ConnectionState;
use smol_str::{SmolStr, SmolStrBuilder};

use super::{
    counts::Counts,
    dedup::Dedup,
    event::{Data, Disconnected, Event, Millis},
    inject::InjectTarget,
    recording::{Item, Loss, USER_TAG, What, records},
    streak::{Inferred, Streaks},
    wire::{Fault, Unzipper},
};

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
}
