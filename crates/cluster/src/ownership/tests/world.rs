//! The simulation: nodes and a bus, with every message and every step subject to a fate.

use std::collections::{BTreeMap, VecDeque};

use super::{
    super::{Action, Delivery, Input, LeaseReply, Outcome},
    bus::{Bus, LEASE_MS, Node, Seen},
};

/// Time after which a node no longer waits for an answer, in ms.
const ANSWER_MS: u64 = 60;
/// Time until the subscription repeats a lost message, in ms.
const REPEAT_MS: u64 = 300;
/// Interval of the upstream's frames, in ms.
const FRAME_MS: u64 = 15;
/// Time after which a node that shuts down starts again, in ms.
const RESTART_MS: u64 = 3 * LEASE_MS;
/// Messages in an answer to `ReadTail`.
const TAIL_MESSAGES_MAX: usize = 5;
const STEPS_MAX: usize = 200_000;

/// A message's way to its receiver: a delay in ms, or `None` if it is lost.
pub(super) type Hop = Option<u64>;

/// What happens to one step and the messages that it causes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub request: Hop,
    pub answer: Hop,
    pub is_repeated: bool,
    /// How long the node is stopped before the step, in ms.
    pub stop_ms: u64,
}

const SMOOTH: Fate = Fate { request: Some(1), answer: Some(1), is_repeated: false, stop_ms: 0 };

/// Trouble that does not depend on a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    Stop(usize, u64),
    Outage(u64),
    /// kill -9, and a start with an empty memory.
    Kill(usize),
    Release(usize),
    /// SIGTERM, and a later start with an empty memory.
    Leave(usize),
    Foreign(u8),
    Evict(usize),
    Purge(usize),
    /// The bus refuses messages for so many ms.
    Refuse(u64),
    LoseLog,
    /// Everything loses power, and the bus loses so many of its newest messages.
    PowerCut(usize),
}

#[derive(Debug)]
enum What {
    Trouble(Trouble),
    Start(usize),
    /// The node performs its next action.
    Step(usize),
    /// With its time: the node may have chosen another one since.
    Tick(usize, u64),
    /// With the number of the node's start, like the following.
    Frame(usize, u64),
    Restart(usize, u64),
    Release(usize),
    AtBus(usize, u64, u64, Action),
    Answer(usize, u64, Input),
    News(usize, u64, Input),
}

/// Everything. Times are true times, in ms.
#[derive(Debug)]
pub(super) struct World {
    pub bus: Bus,
    pub nodes: Vec<Node>,
    pub fates: VecDeque<Fate>,
    /// Everything that any node delivered, nodes that were killed included.
    pub seen: Seen,
    /// Whether the upstream has no more events.
    pub is_quiet: bool,
    now: u64,
    outage_until: u64,
    refused_until: u64,
    last_request: u64,
    last_start: u64,
    events: BTreeMap<(u64, u64), What>,
    last_event: u64,
}

impl World {
    pub(super) fn new(nodes: usize, fates: Vec<Fate>) -> Self {
        let mut world = Self {
            bus: Bus::new(),
            nodes: Vec::new(),
            fates: fates.into(),
            seen: Seen::new(),
            is_quiet: false,
            now: 0,
            outage_until: 0,
            refused_until: 0,
            last_request: 0,
            last_start: 0,
            events: BTreeMap::new(),
            last_event: 0,
        };
        for index in 0..nodes {
            let node = world.start(index);
            world.nodes.push(node);
        }
        world
    }

    fn start(&mut self, index: usize) -> Node {
        self.last_start += 1;
        let start = self.last_start;
        self.at(self.now, What::Step(index));
        self.at(self.now, What::Start(index));
        self.at(self.now, What::Frame(index, start));
        Node::new(start)
    }

    pub(super) fn at(&mut self, at: u64, what: impl Into<Event>) {
        self.last_event += 1;
        self.events.insert((at, self.last_event), what.into().0);
    }

    /// Runs until `end`, and checks the upstreams whenever time passes.
    pub(super) fn run(&mut self, end: u64) {
        for _ in 0..STEPS_MAX {
            let Some(entry) = self.events.first_entry() else { break };
            let at = entry.key().0;
            if at > self.now {
                self.check_upstreams();
            }
            if at > end {
                break;
            }
            self.now = at;
            let what = self.events.pop_first().expect("it was there").1;
            self.happen(what);
        }
        assert!(self.events.first_key_value().is_none_or(|(key, _)| key.0 > end), "no busy loop");
        self.now = end;
    }

    /// At most one upstream is open, not counting nodes that are stopped.
    fn check_upstreams(&self) {
        let is_open = |node: &&Node| node.is_upstream_open && node.stopped_until <= self.now;
        let open: Vec<u64> = self.nodes.iter().filter(is_open).map(|node| node.start).collect();
        assert!(open.len() <= 1, "upstreams of {open:?} are open at {} ms", self.now);
    }

    fn happen(&mut self, what: What) {
        let index = match &what {
            What::Trouble(trouble) => return self.trouble(*trouble),
            What::AtBus(index, start, request, action) => {
                return self.at_bus(*index, *start, *request, action.clone());
            }
            What::Start(index)
            | What::Step(index)
            | What::Release(index)
            | What::Restart(index, _)
            | What::Tick(index, _)
            | What::Frame(index, _)
            | What::Answer(index, ..)
            | What::News(index, ..) => *index,
        };
        let until = self.nodes[index].stopped_until;
        if until > self.now {
            // After a stop, the node goes on exactly where it was.
            return self.at(until, Event(what));
        }
        self.happen_at(index, what);
        self.follow_up(index);
    }

    fn happen_at(&mut self, index: usize, what: What) {
        let (now, node) = (self.now, &mut self.nodes[index]);
        match what {
            What::Step(_) => self.step(index),
            What::Start(_) => node.handle(now, Input::Start { stream: format!("s{}", node.start) }),
            What::Release(_) => {
                node.handle(now, Input::Stop);
                self.at(now + LEASE_MS, What::Start(index));
            }
            What::Tick(_, at) if node.tick_at == Some(at) => {
                node.tick_at = None;
                node.handle(now, Input::Tick);
            }
            What::Frame(_, start) if start == node.start => {
                if !self.is_quiet {
                    node.produce(now);
                }
                self.at(now + FRAME_MS, What::Frame(index, start));
            }
            What::Restart(_, start) if start == node.start => self.nodes[index] = self.start(index),
            What::Answer(_, request, input) if node.pending.remove(&request) => node.handle(now, input),
            What::News(_, start, input) if start == node.start => node.handle(now, input),
            _ => {}
        }
    }

    /// Performs the actions of a node one by one, each of which may be delayed by a stop.
    fn follow_up(&mut self, index: usize) {
        while !self.nodes[index].todo.is_empty() {
            let fate = self.fates.pop_front().unwrap_or(SMOOTH);
            if fate.stop_ms > 0 {
                self.nodes[index].stopped_until = self.now + fate.stop_ms;
                return self.at(self.now + fate.stop_ms, What::Step(index));
            }
            self.perform(index, fate);
        }
        let Some(deadline) = self.nodes[index].deadline_ms() else { return };
        let at = deadline.max(self.now + 1);
        if self.nodes[index].tick_at.is_none_or(|before| before > at) {
            self.nodes[index].tick_at = Some(at);
            self.at(at, What::Tick(index, at));
        }
    }

    fn step(&mut self, index: usize) {
        if !self.nodes[index].todo.is_empty() {
            self.perform(index, SMOOTH);
        }
    }

    fn perform(&mut self, index: usize, fate: Fate) {
        let Some(action) = self.nodes[index].todo.pop_front() else { return };
        match action {
            Action::OpenUpstream => self.nodes[index].open_upstream(self.now),
            Action::CloseUpstream => self.nodes[index].is_upstream_open = false,
            Action::Deliver(delivery) => self.deliver(index, delivery),
            Action::SteppedDown { unpublished, uncertain, .. } => {
                self.nodes[index].given_up += unpublished + uncertain;
            }
            request => self.send(index, &request, fate),
        }
    }

    fn deliver(&mut self, index: usize, delivery: Delivery) {
        let before = self.nodes[index].position().1;
        self.nodes[index].deliver(delivery);
        let node = &self.nodes[index];
        let (stream, next) = node.position();
        for number in before.min(next)..next {
            let key = (stream.to_owned(), number);
            let Some(json) = node.seen.get(&key) else { continue };
            let known = self.seen.entry(key).or_insert_with(|| json.clone());
            assert_eq!(known, json, "number {number} of {stream} was seen with two contents");
        }
    }

    fn send(&mut self, index: usize, action: &Action, fate: Fate) {
        self.last_request += 1;
        let request = self.last_request;
        let unanswered = match action {
            Action::TakeLease { .. } => Some(Input::Lease(LeaseReply::Unknown)),
            Action::ReadTail { .. } => Some(Input::TailFailed),
            Action::Publish { token, .. } => {
                Some(Input::Published { token: *token, outcome: Outcome::Unanswered })
            }
            _ => None,
        };
        if let Some(input) = unanswered {
            self.nodes[index].pending.insert(request);
            self.at(self.now + ANSWER_MS, What::Answer(index, request, input));
        }
        let hop = fate.request.filter(|_| self.now >= self.outage_until);
        for extra in 0..=u64::from(fate.is_repeated) {
            if let Some(delay) = hop {
                let what = What::AtBus(index, self.nodes[index].start, request, action.clone());
                self.at(self.now + delay + extra * 7, what);
            }
        }
    }

    fn at_bus(&mut self, index: usize, start: u64, request: u64, action: Action) {
        let fate = self.fates.pop_front().unwrap_or(SMOOTH);
        let input = match action {
            Action::TakeLease { revision, sent } => {
                Input::Lease(self.bus.take(self.now, start, revision, sent))
            }
            Action::ReleaseLease { revision } => {
                if self.bus.release(revision) {
                    self.tell_all(&Input::LeaseFree);
                }
                return;
            }
            Action::ReadTail { after } => {
                let messages = self.bus.after(after, TAIL_MESSAGES_MAX);
                let (log, newest, last) = (self.bus.log, self.bus.newest(), self.bus.last());
                Input::Tail { log, messages, newest, last }
            }
            Action::Publish { token, .. } if self.now < self.refused_until => {
                Input::Published { token, outcome: Outcome::Refused }
            }
            Action::Publish { token, expected, bytes } => {
                let (log, previous) = (self.bus.log, self.bus.newest());
                match self.bus.publish(Some(expected), bytes.clone()) {
                    Some(sequence) => {
                        self.tell_all(&Input::Message { log, previous, sequence, bytes });
                        Input::Published { token, outcome: Outcome::Stored { sequence } }
                    }
                    None => Input::Published { token, outcome: Outcome::Rejected },
                }
            }
            _ => return,
        };
        if let Some(delay) = fate.answer.filter(|_| self.now >= self.outage_until) {
            self.at(self.now + delay, What::Answer(index, request, input));
        }
    }

    fn tell_all(&mut self, input: &Input) {
        for index in 0..self.nodes.len() {
            let fate = self.fates.pop_front().unwrap_or(SMOOTH);
            let delay = fate.answer.unwrap_or(REPEAT_MS).max(self.outage_until.saturating_sub(self.now));
            for extra in 0..=u64::from(fate.is_repeated) {
                let start = self.nodes[index].start;
                self.at(self.now + delay + extra * 90, What::News(index, start, input.clone()));
            }
        }
    }

    /// The storage goes back while nodes live. They notice that the bus was started again.
    pub(super) fn go_back(&mut self, count: usize) {
        self.bus.go_back(count);
        self.tell_all(&Input::Message { log: 0, previous: 0, sequence: 0, bytes: bytes::Bytes::new() });
    }

    fn trouble(&mut self, trouble: Trouble) {
        let nodes = self.nodes.len();
        match trouble {
            Trouble::Stop(index, ms) => {
                let node = &mut self.nodes[index % nodes];
                node.stopped_until = node.stopped_until.max(self.now + ms);
            }
            Trouble::Outage(ms) => self.outage_until = self.outage_until.max(self.now + ms),
            Trouble::Kill(index) => {
                // Its process is gone, and with it the answers that it waited for.
                self.nodes[index % nodes] = self.start(index % nodes);
            }
            Trouble::Release(index) => self.at(self.now, What::Release(index % nodes)),
            Trouble::Leave(index) => self.leave(index % nodes),
            Trouble::Foreign(kind) => {
                let (log, previous) = (self.bus.log, self.bus.newest());
                let (sequence, bytes) = self.bus.publish_foreign(kind);
                self.tell_all(&Input::Message { log, previous, sequence, bytes });
            }
            Trouble::Refuse(ms) => self.refused_until = self.refused_until.max(self.now + ms),
            Trouble::Evict(keep) => self.bus.evict(keep),
            Trouble::Purge(count) => self.bus.purge(count),
            Trouble::LoseLog => self.bus.lose_log(),
            Trouble::PowerCut(count) => {
                self.events.retain(|_, what| matches!(what, What::Trouble(_)));
                self.bus.go_back(count);
                for index in 0..nodes {
                    self.nodes[index] = self.start(index);
                }
            }
        }
    }
}

impl World {
    fn leave(&mut self, index: usize) {
        self.nodes[index].handle(self.now, Input::Stop);
        self.follow_up(index);
        self.at(self.now + RESTART_MS, Event(What::Restart(index, self.nodes[index].start)));
    }
}

/// Something that happens at a time.
pub(super) struct Event(What);

impl From<What> for Event {
    fn from(what: What) -> Self {
        Self(what)
    }
}

impl From<Trouble> for Event {
    fn from(trouble: Trouble) -> Self {
        Self(What::Trouble(trouble))
    }
}
