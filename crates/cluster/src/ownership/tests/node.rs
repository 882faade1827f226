//! A simulated node: a member, its upstream, and everything that its subscribers saw.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use bytes::Bytes;

use super::{
    super::{Action, Delivery, Encoded, Input, Member, Options, Refusal},
    bus::{CHANNEL, LEASE_MS},
};

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
    /// Whether it is connected to the show of an owner that leaves.
    pub is_prepared: bool,
    /// Whether it shuts down.
    pub is_leaving: bool,
    /// Frames of the show that it has not offered yet.
    heard: VecDeque<Bytes>,
    pub seen: Seen,
    pub gaps: u64,
    pub faults: usize,
    stream: String,
    next: u64,
    /// Hash of all events so far; `None` after a gap, until a checkpoint.
    state: Option<u64>,
    /// The same, with events that are offered but not stored.
    offered_state: Option<u64>,
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
            checkpoint_events: 10,
            ..Options::new(CHANNEL, &format!("n{start}"))
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
            is_prepared: false,
            is_leaving: false,
            heard: VecDeque::new(),
            seen: Seen::new(),
            gaps: 0,
            faults: 0,
            stream: String::new(),
            next: 1,
            state: Some(0),
            offered_state: None,
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

    /// Takes a frame of a show that all nodes can connect to.
    pub(super) fn hear(&mut self, now_ms: u64, json: Bytes) {
        if self.is_upstream_open || self.is_prepared {
            self.heard.push_back(json);
        }
        while self.is_upstream_open && self.member.is_owner() {
            let Some(json) = self.heard.pop_front() else { break };
            let is_known = self.seen.values().any(|seen| *seen == json) || self.offered.contains(&json);
            if !is_known && !self.offer(now_ms, vec![json.clone()]) {
                return self.heard.push_front(json);
            }
        }
    }

    /// Returns whether the events were offered. If not, the upstream is slowed down or ends.
    fn offer(&mut self, now_ms: u64, jsons: Vec<Bytes>) -> bool {
        let first = self.member.next_number();
        let event = |json: &Bytes| Encoded { json: json.clone(), ..Encoded::default() };
        match self.member.offer(self.clock(now_ms), first, jsons.iter().map(event).collect()) {
            Ok(()) => {}
            Err(Refusal::Full | Refusal::NotOwner) => return false,
            Err(refusal) => panic!("{refusal}"),
        }
        self.offered_state = jsons.iter().fold(self.offered_state, |state, json| Some(hash(state?, json)));
        self.offered.extend(jsons);
        if let Some(state) = self.offered_state
            && self.member.needs_checkpoint()
        {
            let state = Bytes::copy_from_slice(&state.to_le_bytes());
            let offered = self.member.offer_checkpoint(self.clock(now_ms), state);
            assert!(matches!(offered, Ok(()) | Err(Refusal::Full | Refusal::NotOwner)), "{offered:?}");
        }
        self.take_actions();
        true
    }

    pub(super) fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Stream { name, head, .. } => {
                assert_ne!(name, self.stream, "a stream starts once");
                (self.stream, self.next) = (name, head + 1);
                self.state = (head == 0).then_some(0);
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
                self.state = None;
            }
            Delivery::State { state } => {
                let state = u64::from_le_bytes(state[..].try_into().unwrap());
                assert!(self.state.is_none_or(|known| known == state), "node {}: another state", self.start);
                self.state = Some(state);
                self.note_state();
            }
            Delivery::Fault(_) => self.faults += 1,
            Delivery::Epoch { .. } => {}
        }
    }

    fn see(&mut self, json: Bytes) {
        self.state = self.state.map(|state| hash(state, &json));
        let before = self.seen.insert((self.stream.clone(), self.next), json);
        assert_eq!(before, None, "node {}: number {} was delivered twice", self.start, self.next);
        self.next += 1;
        self.note_state();
    }

    fn note_state(&mut self) {
        if let Some(state) = self.state {
            self.states.insert((self.stream.clone(), self.next - 1), state);
        }
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
