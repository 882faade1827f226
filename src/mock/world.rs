//! What the connections of a mock share.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    http::{Request, Response},
    journal::{Entry, Happened, Journal},
    random::Random,
    room::{Joined, Room},
    scenario::{Endpoint, Fault, FaultKind, Scenario, ScenarioError},
    script::{Known, Script},
    windows::{TooMany, Windows},
};
use crate::clock;

/// All that is shared. Locks are held for a moment, and never while something is awaited.
#[derive(Debug)]
pub(super) struct World {
    /// Where the paths of recordings start.
    pub(super) folder: PathBuf,
    /// The wall clock at the start, unless the scenario says; Unix milliseconds.
    wall_ms: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) script: Script,
    pub(super) journal: Journal,
    started: Instant,
    /// Counts resets and changes of the scenario: what is of an earlier one has no say any more.
    epoch: u64,
    connections: u64,
    /// Requests, for ids.
    requests: u64,
    rooms: BTreeMap<i64, Room>,
    /// By the number of a limit.
    windows: Vec<Windows>,
    /// By the number of a fault: how often it could have come, and how often it came.
    faults: Vec<(u32, u32)>,
    /// Users who were not found once.
    pub(super) looked_up: BTreeSet<String>,
}

impl State {
    fn new(script: Script, epoch: u64, connections: u64) -> Self {
        Self {
            windows: vec![Windows::default(); script.scenario.limits.len()],
            faults: vec![(0, 0); script.scenario.faults.len()],
            script,
            journal: Journal::default(),
            started: clock::now(),
            epoch,
            connections,
            requests: 0,
            rooms: BTreeMap::new(),
            looked_up: BTreeSet::new(),
        }
    }

    /// The room of somebody, as it is now.
    pub(super) fn room(&mut self, known: &Known) -> &mut Room {
        self.rooms.entry(known.room_id).or_insert_with(|| Room::new(known.settings.clone()))
    }

    /// Random numbers for an answer.
    pub(super) fn random(&mut self) -> Random {
        self.requests += 1;
        // Connections count from 1 as well, and must not share their numbers with requests.
        Random::new(self.script.scenario.seed, self.requests | 1 << 63)
    }

    /// The fault that answers a request there, if one does.
    pub(super) fn http_fault(&mut self, at: Endpoint, known: Option<&Known>) -> Option<Fault> {
        let mut found = None;
        for (fault, (seen, fired)) in self.script.scenario.faults.iter().zip(&mut self.faults) {
            // Of what goes wrong with sockets, only a refusal is an answer.
            let is_answer = (at == Endpoint::Socket) == (fault.kind == FaultKind::Refuse);
            if !fault.at.contains(&at) || !is_answer || !concerns(fault, known) {
                continue;
            }
            *seen = seen.saturating_add(1);
            let is_due = fault.attempt.is_none_or(|attempt| attempt == *seen)
                && fault.times.is_none_or(|times| *fired < times);
            if found.is_none() && is_due {
                *fired += 1;
                found = Some(fault.clone());
            }
        }
        found
    }

    /// Lets a socket into a room. Its faults, by number, are those that are not used up.
    pub(super) fn join(&mut self, known: &Known) -> (u64, Joined, Vec<(usize, Fault)>) {
        let joined = self.room(known).join(clock::now());
        let faults = self.script.scenario.faults.iter().zip(&self.faults).enumerate();
        let matching = faults.filter(|(_, (fault, (_, fired)))| {
            fault.at.contains(&Endpoint::Socket)
                && fault.kind != FaultKind::Refuse
                && concerns(fault, Some(known))
                && fault.attempt.is_none_or(|only| only == joined.attempt)
                && fault.times.is_none_or(|times| *fired < times)
        });
        let faults = matching.map(|(index, (fault, _))| (index, fault.clone())).collect();
        (self.epoch, joined, faults)
    }

    /// The room that was joined, unless it was forgotten since.
    pub(super) fn joined(&mut self, epoch: u64, known: &Known) -> Option<&mut Room> {
        self.rooms.get_mut(&known.room_id).filter(|_| epoch == self.epoch)
    }

    /// Counts a fault on a socket; whether it is still to come.
    pub(super) fn fire(&mut self, epoch: u64, index: usize) -> bool {
        let faults = self.script.scenario.faults.iter().zip(&mut self.faults);
        let Some((fault, (_, fired))) = faults.into_iter().nth(index).filter(|_| epoch == self.epoch) else {
            return false;
        };
        let is_due = fault.times.is_none_or(|times| *fired < times);
        *fired += u32::from(is_due);
        is_due
    }
}

/// Whether a fault concerns a user or room.
fn concerns(fault: &Fault, known: Option<&Known>) -> bool {
    let Some(user) = &fault.user else { return true };
    known.is_some_and(|known| known.name.eq_ignore_ascii_case(user) || known.room_id.to_string() == *user)
}

impl World {
    pub(super) fn new(script: Script, folder: PathBuf, wall_ms: u64) -> Self {
        Self { folder, wall_ms, state: Mutex::new(State::new(script, 0, 0)) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a connection, and random numbers of its own.
    pub(super) fn connection(&self) -> (u64, Random) {
        let mut state = self.lock();
        state.connections += 1;
        (state.connections, Random::new(state.script.scenario.seed, state.connections))
    }

    /// The mock's wall clock, Unix milliseconds.
    pub(super) fn wall_ms(&self) -> u64 {
        let state = self.lock();
        let start = state.script.scenario.wall_ms.unwrap_or(self.wall_ms);
        start + millis(clock::now() - state.started)
    }

    pub(super) fn log(&self, connection: u64, what: Happened) {
        let mut state = self.lock();
        let at_ms = millis(clock::now() - state.started);
        state.journal.add(Entry { at_ms, connection, what });
    }

    /// Counts a request; the answer, if there are too many.
    pub(super) fn limit(&self, at: Endpoint, request: &Request, address: &str) -> Option<Response> {
        let key = request.header("x-api-key").or_else(|| request.param("apiKey")).unwrap_or_default();
        let (now, wall_ms) = (clock::now(), self.wall_ms());
        let mut state = self.lock();
        let State { script, windows, .. } = &mut *state;
        let mut longest = None;
        for (limit, windows) in script.scenario.limits.iter().zip(windows) {
            if limit.at.contains(&at)
                && let Some(wait) = windows.hit(limit, key, address, now)
                && longest.as_ref().is_none_or(|(longest, _)| wait > *longest)
            {
                longest = Some((wait, limit));
            }
        }
        let (wait, limit) = longest?;
        let (message, label, headers, max) = (&limit.message, &limit.label, &limit.headers, limit.max);
        Some(TooMany { message, label, headers, wait, max, wall_ms }.response())
    }

    /// Forgets what was: log, rooms, counts. The connections that are open go on.
    pub(super) fn reset(&self) {
        let mut state = self.lock();
        *state = State::new(state.script.clone(), state.epoch + 1, state.connections);
    }

    /// Takes another scenario, and forgets what was.
    pub(super) fn replace(&self, text: &str) -> Result<(), ScenarioError> {
        let scenario = Scenario::parse(text)?;
        let script = Script::load(scenario, &self.folder)
            .map_err(|error| Scenario::error_at_user(text, error.user, &error.message))?;
        let mut state = self.lock();
        *state = State::new(script, state.epoch + 1, state.connections);
        Ok(())
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
