//! The mutable state of a mock: rooms, rate-limit windows, fault counters and the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    journal::{Journal, Sent},
    mock_clock::MockClock,
    networks::Networks,
    windows::Windows,
};
use crate::{
    random::Random,
    room::{
        Joined, RoomState,
        script::{Resolved, Script},
    },
    scenario::{Endpoint, Fault, FaultKind, Repeat, Scenario},
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
            all.push(sent);
        }
    }

    /// Returns random numbers for an answer.
    pub(crate) fn random(&mut self) -> Random {
        self.requests += 1;
        // Connection numbers also start at 1, and must not share random sequences with requests.
        Random::new(self.script.scenario.seed, self.requests | 1 << 63)
    }

    /// Returns the fault for a request to this endpoint, if one is due.
    pub(crate) fn http_fault(&mut self, at: Endpoint, known: Option<&Resolved>) -> Option<Fault> {
        let mut found = None;
        for (fault, (seen, fired)) in self.script.scenario.faults.iter().zip(&mut self.faults) {
            // Of the faults at the socket, only a refusal replaces the HTTP answer.
            let is_answer = (at == Endpoint::Socket) == matches!(fault.kind, FaultKind::Refuse(_));
            if !fault.at.contains(&at) || !is_answer || !concerns(fault, known) {
                continue;
            }
            *seen = seen.saturating_add(1);
            if found.is_none() && fault.repeat.is_due(*seen, *fired) {
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
                && !matches!(fault.kind, FaultKind::Refuse(_))
                && concerns(fault, Some(known))
                && fault.repeat.is_due(joined.attempt, *fired)
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
        let is_due = !matches!(fault.repeat, Repeat::Times(times) if *fired >= times);
        *fired += u32::from(is_due);
        is_due
    }
}

/// Whether a fault applies to a user or room.
fn concerns(fault: &Fault, known: Option<&Resolved>) -> bool {
    fault.user.as_ref().is_none_or(|user| known.is_some_and(|known| known.is(user)))
}
