//! A simulated bus: a log with expected sequences, and a lease that expires. And a simulated node on it: a member, its upstream,
//! and everything that its subscribers saw.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use bytes::Bytes;

use super::super::{
    Action, Body, Closed, Delivery, Encoded, Epoch, Input, LeaseReply, Member, OfferError, Offered, Options,
    Piece, Progress, Record, record::NUMBER_MAX,
};

/// Number of kinds of foreign messages.
pub(super) const FOREIGN_KINDS: u8 = 11;
/// The first kind of those that claim to be the next record.
pub(super) const FORGERIES: u8 = 4;
/// Lifetime of the lease, in ms.
pub(super) const LEASE_MS: u64 = 400;

/// The state of the bus. Times are true times, in ms.
#[derive(Debug)]
pub(super) struct Bus {
    /// Whether the bus checks the expected sequence.
    pub is_fenced: bool,
    /// Whether it loses the blocks with the leases: then anybody can create one.
    pub forgets: bool,
    pub log: u64,
    pub stored: Vec<(u64, Bytes)>,
    /// Every message of every log, also after it is gone, for comparison.
    pub history: Vec<(u64, u64, Bytes)>,
    last: u64,
    entry: Option<Entry>,
    revision: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    owner: u64,
    revision: u64,
    sent: Duration,
    ends_ms: u64,
}

impl Bus {
    pub(super) fn new() -> Self {
        let (stored, history) = (Vec::new(), Vec::new());
        Self { is_fenced: true, forgets: false, log: 1, stored, history, last: 0, entry: None, revision: 0 }
    }

    /// Returns the last sequence that was assigned.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Returns the sequence of the last message that is still there; 0 if there is none.
    pub(super) fn newest(&self) -> u64 {
        self.stored.last().map_or(0, |(sequence, _)| *sequence)
    }

    /// Appends a message, and returns its sequence, or `None` if the expectation is wrong.
    pub(super) fn publish(&mut self, expected: Option<u64>, bytes: Bytes) -> Option<u64> {
        if self.is_fenced && expected.is_some_and(|expected| expected != self.last()) {
            return None;
        }
        // Sequences have holes, as if messages had been removed.
        self.last += 1 + u64::from(self.last.is_multiple_of(7));
        self.stored.push((self.last, bytes.clone()));
        self.history.push((self.log, self.last, bytes));
        Some(self.last)
    }

    /// Returns up to `max` messages after a sequence.
    pub(super) fn after(&self, sequence: u64, max: usize) -> Vec<(u64, Bytes)> {
        self.stored.iter().filter(|(at, _)| *at > sequence).take(max).cloned().collect()
    }

    /// Removes the oldest messages, but keeps the newest.
    pub(super) fn evict(&mut self, keep: usize) {
        let excess = self.stored.len().saturating_sub(keep.max(1));
        self.stored.drain(..excess);
    }

    /// Removes up to `count` of the newest messages, as an administrator can. Their sequences are not used
    /// again.
    pub(super) fn purge(&mut self, count: usize) {
        self.stored.truncate(self.stored.len().saturating_sub(count));
    }

    /// Puts an older copy of the storage back. Its leases have expired, and the mark of a proper end is
    /// removed, as the documentation says.
    pub(super) fn go_back(&mut self, count: usize) {
        self.stored.truncate(self.stored.len().saturating_sub(count));
        let is_closed = |(_, bytes): &(u64, Bytes)| {
            let record = Record::from_bytes(self.log, bytes);
            record.is_ok_and(|record| matches!(record.body, Some(Body::Closed(_))))
        };
        while self.stored.last().is_some_and(is_closed) {
            self.stored.pop();
        }
        self.last = self.newest();
        self.entry = None;
    }

    /// Replaces the log by an empty one.
    pub(super) fn lose_log(&mut self) {
        self.stored.clear();
        self.log += 1;
        self.last = 0;
    }

    /// Creates the lease, or renews this revision.
    pub(super) fn take(
        &mut self,
        now_ms: u64,
        owner: u64,
        revision: Option<u64>,
        sent: Duration,
    ) -> LeaseReply {
        let is_free = match revision {
            None => self.forgets || self.entry.is_none_or(|entry| entry.ends_ms <= now_ms),
            Some(revision) => self.alive(now_ms).is_some_and(|entry| entry.revision == revision),
        };
        if is_free { self.put(now_ms, owner, sent) } else { self.held_by(now_ms, owner) }
    }

    /// Returns whether the lease was released.
    pub(super) fn release(&mut self, revision: u64) -> bool {
        let is_known = self.entry.is_some_and(|entry| entry.revision == revision);
        if is_known {
            self.entry = None;
        }
        is_known
    }

    fn put(&mut self, now_ms: u64, owner: u64, sent: Duration) -> LeaseReply {
        self.revision += 1;
        let ends_ms = now_ms + LEASE_MS;
        self.entry = Some(Entry { owner, revision: self.revision, sent, ends_ms });
        LeaseReply::Held { revision: self.revision, sent }
    }

    fn held_by(&self, now_ms: u64, owner: u64) -> LeaseReply {
        match self.alive(now_ms) {
            Some(entry) if entry.owner == owner => {
                LeaseReply::Held { revision: entry.revision, sent: entry.sent }
            }
            Some(_) => LeaseReply::Taken,
            None => LeaseReply::Missing,
        }
    }

    fn alive(&self, now_ms: u64) -> Option<Entry> {
        self.entry.filter(|entry| entry.ends_ms > now_ms)
    }

    /// Publishes a message that only pretends to be a record of the channel.
    pub(super) fn publish_foreign(&mut self, kind: u8) -> (u64, Bytes) {
        let last = self.stored.last().and_then(|(_, bytes)| Record::from_bytes(self.log, bytes).ok());
        let bytes = match (kind % FOREIGN_KINDS, last) {
            // A repeated message claims a wrong place.
            (0, Some(record)) => record.to_bytes(),
            // So does a well-formed message of another node.
            (1, Some(record)) => {
                Record { node: "foreign".into(), after: record.after / 2, ..record }.to_bytes()
            }
            (2, _) => Bytes::new(),
            (forgery, Some(record)) if forgery >= FORGERIES => self.forge(forgery, record).to_bytes(),
            _ => Bytes::from_static(b"{\"type\":\"chat\"}"),
        };
        let sequence = self.publish(None, bytes.clone()).expect("nothing is expected");
        (sequence, bytes)
    }

    /// Returns a record that the owner of `last` could write next, or at least one that fits there.
    fn forge(&self, kind: u8, last: Record) -> Record {
        let head = match &last.body {
            Some(Body::Piece(piece)) => piece.first - 1 + piece.events.len() as u64,
            Some(Body::Epoch(Epoch { head, .. }) | Body::Closed(Closed { head })) => *head,
            None => 0,
        };
        let piece = |first, count| {
            let events = (0..count)
                .map(|n| Encoded { json: format!("forged {} {n}", self.last).into(), ..Encoded::default() });
            Body::Piece(Piece { first, events: events.collect() })
        };
        let (epoch, node) = (last.epoch, last.node.clone());
        let (epoch, node, body) = match kind {
            FORGERIES => (epoch, node, piece(head + 1, 1)),
            5 => (epoch, node, piece(head + 1, 9)),
            6 => (epoch, node, piece(NUMBER_MAX, 9)),
            7 => (epoch + 1, "forged".into(), Body::Epoch(Epoch { head, continues: false })),
            8 => (epoch + 1, node, Body::Epoch(Epoch { head, continues: false })),
            9 => (NUMBER_MAX, "forged".into(), Body::Epoch(Epoch { head, continues: false })),
            _ => (epoch + 1, "forged".into(), Body::Epoch(Epoch { head: NUMBER_MAX, continues: false })),
        };
        let mut progress = last.progress;
        if let Body::Piece(piece) = &body {
            progress.passed =
                piece.events.iter().fold(progress.passed, |state, event| hash(state, &event.json));
        }
        Record { epoch, node, after: self.last, progress, body: Some(body), ..last }
    }
}

pub(super) const WAITING_MAX: usize = 12;
/// Events of one frame.
const BATCH_MAX: u64 = 3;

/// Content by stream and number.
pub(super) type Seen = HashMap<(String, u64), Bytes>;

/// A node of the cluster. Its subscribers see what it delivers.
#[derive(Debug)]
pub(super) struct Node {
    /// Number of this start among all starts of nodes.
    pub start: u64,
    pub member: Member,
    /// What the clock of this node shows at time 0, in ms.
    clock_ms: u64,
    /// When the member will be called.
    pub tick_at: Option<u64>,
    /// The node does nothing before this time.
    pub stopped_until: u64,
    pub todo: VecDeque<Action>,
    /// Requests without an answer.
    pub pending: HashSet<u64>,
    pub is_upstream_open: bool,
    pub seen: Seen,
    pub gaps: u64,
    pub faults: usize,
    stream: String,
    next: u64,
    /// What a successor must know: hash of all events so far.
    state: u64,
    /// The same, from the events; `None` after a gap.
    hash: Option<u64>,
    /// The same, with events that are offered but not stored.
    offered_state: u64,
    /// States by stream and number, to compare nodes.
    pub states: BTreeMap<(String, u64), u64>,
    pub offered: Vec<Bytes>,
    /// Number of offered events that this node gave up, as it reported.
    pub given_up: usize,
}

impl Node {
    pub(super) fn new(start: u64) -> Self {
        let options = Options {
            lease: Duration::from_millis(LEASE_MS),
            waiting_events_max: WAITING_MAX,
            piece_bytes_max: 200,
            ..Options::new(&format!("n{start}"))
        };
        let mut node = Self {
            start,
            member: Member::new(options),
            clock_ms: 1_000_000 * start,
            tick_at: None,
            stopped_until: 0,
            todo: VecDeque::new(),
            pending: HashSet::new(),
            is_upstream_open: false,
            seen: Seen::new(),
            gaps: 0,
            faults: 0,
            stream: String::new(),
            next: 1,
            state: 0,
            hash: None,
            offered_state: 0,
            states: BTreeMap::new(),
            offered: Vec::new(),
            given_up: 0,
        };
        node.take_actions();
        node
    }

    fn clock(&self, now_ms: u64) -> Duration {
        Duration::from_millis(self.clock_ms + now_ms)
    }

    pub(super) fn handle(&mut self, now_ms: u64, input: Input) {
        self.member.handle(self.clock(now_ms), input);
        self.take_actions();
    }

    fn take_actions(&mut self) {
        self.todo.extend(std::iter::from_fn(|| self.member.poll()));
        assert!(self.todo.len() < 1_000, "nothing grows without bound");
        assert!(self.member.waiting() < WAITING_MAX + BATCH_MAX as usize);
    }

    /// Returns when the member wants to be called, in true time.
    pub(super) fn deadline_ms(&self) -> Option<u64> {
        let at = self.member.deadline()?.as_micros().div_ceil(1_000) as u64;
        Some(at.saturating_sub(self.clock_ms))
    }

    pub(super) fn open_upstream(&mut self, now_ms: u64) {
        self.handle(now_ms, Input::Tick);
        if self.member.is_owner() {
            self.is_upstream_open = true;
            self.offered_state = self.state;
        }
    }

    /// Offers the events of a frame.
    pub(super) fn produce(&mut self, now_ms: u64) {
        if !self.is_upstream_open || !self.member.is_owner() {
            return;
        }
        let first = self.offered.len();
        let numbers = first..=first + (now_ms % BATCH_MAX) as usize;
        self.offer(now_ms, numbers.map(|number| Bytes::from(format!("{} {number}", self.start))).collect());
    }

    /// Returns whether the events were offered. If not, the upstream is slowed down or ends.
    fn offer(&mut self, now_ms: u64, jsons: Vec<Bytes>) -> bool {
        let mut state = self.offered_state;
        let event = |json: &Bytes| {
            state = hash(state, json);
            let event = Some(Encoded { json: json.clone(), ..Encoded::default() });
            Offered { event, progress: Progress { passed: state, ..Progress::default() } }
        };
        let news = jsons.iter().map(event).collect();
        match self.member.offer(self.clock(now_ms), news) {
            Ok(()) => self.offered_state = state,
            Err(OfferError::Full | OfferError::NotOwner) => return false,
            Err(refusal) => panic!("{refusal}"),
        }
        self.offered.extend(jsons);
        self.take_actions();
        true
    }

    pub(super) fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Stream { name, head, continues } => {
                assert_ne!(name, self.stream, "a stream starts once");
                (self.stream, self.next) = (name, head + 1);
                self.hash = (head == 0 && !continues).then_some(0);
            }
            Delivery::Events { first, events } => {
                assert_eq!(first, self.next, "node {}: a gap was not reported", self.start);
                for event in events {
                    self.see(event.json);
                }
            }
            Delivery::Gap { first, last } => {
                assert_eq!(first, self.next);
                self.gaps += last + 1 - first;
                self.next = last + 1;
                self.hash = None;
            }
            Delivery::Progress(Progress { passed, .. }) => {
                assert!(self.hash.is_none_or(|known| known == passed), "node {}: another state", self.start);
                (self.state, self.hash) = (passed, Some(passed));
                self.states.insert((self.stream.clone(), self.next - 1), passed);
            }
            Delivery::Fault(_) => self.faults += 1,
            Delivery::Epoch { .. } => {}
        }
    }

    fn see(&mut self, json: Bytes) {
        self.hash = self.hash.map(|known| hash(known, &json));
        let before = self.seen.insert((self.stream.clone(), self.next), json);
        assert_eq!(before, None, "node {}: number {} was delivered twice", self.start, self.next);
        self.next += 1;
    }

    pub(super) fn position(&self) -> (&str, u64) {
        (&self.stream, self.next)
    }
}

fn hash(state: u64, json: &Bytes) -> u64 {
    let mut hasher = DefaultHasher::new();
    (state, json).hash(&mut hasher);
    hasher.finish()
}
