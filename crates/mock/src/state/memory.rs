//! The mutable state of a mock: rooms, rate-limit windows and 429 answers, fault counters, networks of
//! connections, and the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    MockClock,
    journal::{Journal, Sent},
};
use crate::{
    http::{Request, Response},
    random::Random,
    room::{
        Joined, RoomState,
        script::{Resolved, Script},
    },
    scenario::{Endpoint, Fault, Form, Header, Limit, Network, Per, Scenario},
};

/// Maximum number of rooms to remember. Beyond it, the first is evicted, and starts over on its next request.
const ROOMS_MAX: usize = 10_000;
/// Maximum number of frames that are kept, which clients were sent.
const SENT_MAX: usize = 1 << 18;

#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) script: Script,
    pub(crate) journal: Journal,
    /// What clients were sent, if that is kept.
    pub(crate) sent: Option<Vec<Sent>>,
    /// Start, last reset or last new scenario, by the mock's clock.
    pub(crate) started: Instant,
    /// Time by which the clock had been advanced then.
    pub(crate) advanced: Duration,
    /// Number of resets and scenario changes. Connections from an earlier epoch no longer affect the state.
    pub(crate) epoch: u64,
    pub(crate) connections: u64,
    /// Whether a client has sent anything since the mock was started; a reset keeps it.
    pub(crate) was_used: bool,
    pub(crate) networks: Networks,
    /// Number of random sequences drawn for answers.
    requests: u64,
    rooms: BTreeMap<i64, RoomState>,
    /// One per limit of the scenario.
    pub(crate) windows: Vec<Windows>,
    /// One per fault of the scenario: how often it could have occurred, and how often it did.
    faults: Vec<(u32, u32)>,
    /// Rooms of users with state `not_found_once` who have been looked up.
    pub(crate) looked_up: BTreeSet<i64>,
}

impl Memory {
    pub(crate) fn new(script: Script, clock: &MockClock) -> Self {
        Self {
            windows: vec![Windows::default(); script.scenario.limits.len()],
            faults: vec![(0, 0); script.scenario.faults.len()],
            networks: Networks::new(&script.scenario),
            script,
            journal: Journal::default(),
            sent: None,
            started: clock.now(),
            advanced: clock.advanced(),
            epoch: 0,
            connections: 0,
            was_used: false,
            requests: 0,
            rooms: BTreeMap::new(),
            looked_up: BTreeSet::new(),
        }
    }

    /// Returns the state after a reset, or with a new scenario.
    pub(super) fn start_over(&self, script: Script, clock: &MockClock) -> Self {
        let Scenario { seed, networks, .. } = &script.scenario;
        let networks = self.networks.replaced(networks.clone(), *seed);
        let (epoch, connections, was_used) = (self.epoch + 1, self.connections, self.was_used);
        Self { epoch, connections, was_used, networks, ..Self::new(script, clock) }
    }

    /// Returns the room of a user, creating it if needed.
    pub(crate) fn room(&mut self, known: &Resolved) -> &mut RoomState {
        if self.rooms.len() >= ROOMS_MAX && !self.rooms.contains_key(&known.room_id) {
            self.rooms.pop_first();
        }
        self.rooms.entry(known.room_id).or_insert_with(|| RoomState::new(known.settings.clone()))
    }

    /// Keeps what a client was sent, if a caller wants to know, up to [`SENT_MAX`].
    pub(crate) fn keep(&mut self, sent: Sent) {
        if let Some(all) = self.sent.as_mut().filter(|all| all.len() < SENT_MAX) {
            // An answer between two connections has no time of its own.
            let offset = all.last().map_or(sent.offset, |last| last.offset.max(sent.offset));
            all.push(Sent { offset, ..sent });
        }
    }

    /// Returns random numbers for an answer.
    pub(crate) fn random(&mut self) -> Random {
        self.requests += 1;
        // Connection numbers also start at 1, and must not share random sequences with requests.
        Random::new(self.script.scenario.seed, self.requests | 1 << 63)
    }

    /// Returns the fault for a request to this endpoint, if one is due.
    pub(crate) fn http_fault(
        &mut self,
        at: Endpoint,
        known: Option<&Resolved>,
        request: &Request,
    ) -> Option<Fault> {
        let mut found = None;
        for (fault, (seen, fired)) in self.script.scenario.faults.iter().zip(&mut self.faults) {
            // Of the faults at the socket, only these change the HTTP answer.
            let is_answer = (at == Endpoint::Socket) == fault.kind.is_answer();
            let is_such = fault.only.is_none_or(|only| request.is(only));
            if !fault.at.contains(&at) || !is_answer || !is_such || !concerns(fault, known) {
                continue;
            }
            *seen = seen.saturating_add(1);
            if found.is_none() && is_due(fault.times, fault.attempt, *seen, *fired) {
                *fired += 1;
                found = Some(fault.clone());
            }
        }
        found
    }

    /// Adds a socket to a room. Returns the epoch, the playback and the remaining faults with their indexes.
    pub(crate) fn join(
        &mut self,
        known: &Resolved,
        now: Instant,
        is_signed: bool,
    ) -> (u64, Joined, Vec<(usize, Fault)>) {
        let room = self.room(known);
        let mut next = room.clone();
        let joined = next.join(now, is_signed);
        if known.is_away() {
            // The clock of a room that has not begun does not start.
            room.attempts = next.attempts;
        } else {
            *room = next;
        }
        let faults = self.script.scenario.faults.iter().zip(&self.faults).enumerate();
        let matching = faults.filter(|(_, (fault, (_, fired)))| {
            fault.at.contains(&Endpoint::Socket)
                && !fault.kind.is_answer()
                && concerns(fault, Some(known))
                && is_due(fault.times, fault.attempt, joined.attempt, *fired)
        });
        let faults = matching.map(|(index, (fault, _))| (index, fault.clone())).collect();
        (self.epoch, joined, faults)
    }

    /// Returns the room of a socket, unless a reset has cleared it.
    pub(crate) fn joined(&mut self, epoch: u64, known: &Resolved) -> Option<&mut RoomState> {
        self.rooms.get_mut(&known.room_id).filter(|_| epoch == self.epoch)
    }

    /// Counts a fault on a socket. Returns whether it is still due.
    pub(crate) fn fire(&mut self, epoch: u64, index: usize) -> bool {
        let faults = self.script.scenario.faults.iter().zip(&mut self.faults);
        let Some((fault, (_, fired))) = faults.into_iter().nth(index).filter(|_| epoch == self.epoch) else {
            return false;
        };
        let is_due = fault.times.is_none_or(|times| *fired < times);
        *fired += u32::from(is_due);
        is_due
    }
}

/// Whether a fault or a network is due, given the number of this attempt and the number of times it has occurred.
fn is_due(times: Option<u32>, only: Option<u32>, attempt: u32, occurred: u32) -> bool {
    times.is_none_or(|times| occurred < times) && only.is_none_or(|only| attempt == only)
}

/// Whether a fault applies to a user or room.
fn concerns(fault: &Fault, known: Option<&Resolved>) -> bool {
    fault.user.as_ref().is_none_or(|user| known.is_some_and(|known| known.is(user)))
}

/// The networks in use, and the number of connections that each matched and affected.
#[derive(Debug)]
pub(crate) struct Networks {
    list: Vec<(Arc<Network>, u32, u32)>,
    seed: u64,
    /// Number of lists so far. A connection chooses again from a new list.
    edition: u64,
}

/// What a connection is for, as its latest request says.
#[derive(Debug, Default)]
pub(crate) struct Purpose {
    /// `None` for unknown paths.
    pub(crate) at: Option<Endpoint>,
    pub(crate) known: Option<Resolved>,
}

/// The network of a connection.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    pub(crate) network: Option<Arc<Network>>,
    /// Number of the connection's random sequences.
    number: u64,
    /// Indexes of the networks that have counted the connection.
    counted: BTreeSet<usize>,
    edition: u64,
}

impl Networks {
    fn new(scenario: &Scenario) -> Self {
        Self { list: Vec::new(), seed: 0, edition: 0 }.replaced(scenario.networks.clone(), scenario.seed)
    }

    /// Returns the list that follows.
    pub(crate) fn replaced(&self, networks: Vec<Network>, seed: u64) -> Self {
        let list = networks.into_iter().map(|network| (Arc::new(network), 0, 0)).collect();
        Self { list, seed, edition: self.edition + 1 }
    }

    pub(crate) fn to_toml(&self) -> String {
        let networks = self.list.iter().map(|(network, ..)| (**network).clone()).collect();
        Scenario::networks_to_toml(networks)
    }

    /// Chooses the network for a connection with this purpose. Returns whether it is another one than before.
    /// One that is ending takes no network that only affects some connections, so that the next one can.
    pub(crate) fn choose(&mut self, purpose: &Purpose, passage: &mut Passage, is_ending: bool) -> bool {
        let mut is_new = false;
        if passage.edition != self.edition {
            is_new = passage.network.is_some();
            *passage = Passage { edition: self.edition, ..Passage::default() };
        }
        for is_special in [true, false] {
            let keeps = |network: &Arc<Network>| network.is_special() || !is_special;
            if passage.network.as_ref().is_some_and(keeps) {
                return is_new;
            }
            if let Some((network, number)) = self.first(is_special, purpose, &mut passage.counted, is_ending)
            {
                (passage.network, passage.number, is_new) = (Some(network), number, true);
            }
        }
        is_new
    }

    /// Counts a connection in each network that matches. Returns the first that affects it, with a number
    /// that no other connection has.
    fn first(
        &mut self,
        is_special: bool,
        purpose: &Purpose,
        counted: &mut BTreeSet<usize>,
        is_ending: bool,
    ) -> Option<(Arc<Network>, u64)> {
        let mut found = None;
        for (index, (network, seen, affected)) in self.list.iter_mut().enumerate() {
            let is_match = network.is_special() == is_special && purpose.is_for(network);
            if !is_match || is_ending && network.is_limited() || !counted.insert(index) {
                continue;
            }
            *seen = seen.saturating_add(1);
            if found.is_none() && is_due(network.times, network.attempt, *seen, *affected) {
                *affected += 1;
                found = Some((Arc::clone(network), (index as u64) << 34 | u64::from(*seen) << 1));
            }
        }
        found
    }

    /// Returns the random numbers of a connection: from the client, and to it.
    pub(crate) fn random(&self, passage: &Passage) -> [Random; 2] {
        // Connections and answers must not share random sequences with networks.
        [0, 1].map(|direction| Random::new(self.seed, 1 << 62 | passage.number | direction))
    }
}

impl Purpose {
    fn is_for(&self, network: &Network) -> bool {
        let is_place = network.at.is_empty() || self.at.is_some_and(|at| network.at.contains(&at));
        let is_user = |user: &String| self.known.as_ref().is_some_and(|known| known.is(user));
        is_place && network.user.as_ref().is_none_or(is_user)
    }
}

/// Maximum number of keys and addresses counted separately. Beyond it, expired windows are removed, or else
/// the first.
const CLIENTS_MAX: usize = 10_000;

/// The windows of one limit, by key or address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Windows(BTreeMap<String, (Instant, u32)>);

impl Windows {
    /// Counts a request. Returns how long to wait if it exceeds the limit.
    pub(crate) fn hit(&mut self, limit: &Limit, key: &str, address: &str, now: Instant) -> Option<Duration> {
        let length = Duration::from_secs(limit.seconds);
        let who = match limit.per {
            Per::Key if !key.is_empty() => format!("key {key}"),
            Per::Session if key.is_empty() => return None,
            Per::Session => format!("session {key}"),
            Per::Key | Per::Address => format!("address {address}"),
            Per::All => String::new(),
        };
        if self.0.len() >= CLIENTS_MAX && !self.0.contains_key(&who) {
            self.0.retain(|_, (start, _)| now < *start + length);
            if self.0.len() >= CLIENTS_MAX {
                self.0.pop_first();
            }
        }
        let window = self.0.entry(who).or_insert((now, 0));
        if now >= window.0 + length {
            *window = (now, 0);
        }
        window.1 = window.1.saturating_add(1);
        (window.1 > limit.max).then(|| window.0 + length - now)
    }
}

/// The content of a 429 answer.
#[derive(Clone, Debug)]
pub(crate) struct TooMany<'a> {
    pub(crate) message: &'a str,
    pub(crate) label: &'a str,
    pub(crate) headers: &'a BTreeMap<Header, Form>,
    pub(crate) wait: Duration,
    /// Number of requests allowed per window.
    pub(crate) max: u32,
    /// The mock's wall clock, in Unix milliseconds.
    pub(crate) wall_ms: u64,
}

impl TooMany<'_> {
    pub(crate) fn response(&self) -> Response {
        let mut body = serde_json::json!({ "code": 429, "message": self.message });
        if !self.label.is_empty() {
            body["limit_label"] = self.label.into();
        }
        let mut response = Response::json(429, &body);
        // A number of requests is not a time.
        response.wait = self.headers.values().any(|form| *form != Form::Count).then_some(self.wait);
        for (header, form) in self.headers {
            response = response.with(header.name(), self.value(*header, *form));
        }
        response
    }

    /// Formats a header value. Waits are rounded up to whole seconds, because an early retry would be
    /// rejected again.
    fn value(&self, header: Header, form: Form) -> String {
        let until = u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX).saturating_add(self.wall_ms);
        let epoch = until.div_ceil(1000);
        match form {
            Form::Count if header == Header::RatelimitLimit => self.max.to_string(),
            Form::Count => "0".into(),
            Form::Delta => self.wait.as_millis().div_ceil(1000).to_string(),
            Form::Epoch => epoch.to_string(),
            Form::Date => http_date(epoch),
        }
    }
}

/// Formats an HTTP date: `Fri, 20 Nov 2026 10:33:40 GMT`
pub(crate) fn http_date(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or_default();
    let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Formats a timestamp: `20261120103340`
pub(crate) fn compact_date(unix_seconds: u64) -> String {
    let seconds = i64::try_from(unix_seconds).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y%m%d%H%M%S").to_string()
}
