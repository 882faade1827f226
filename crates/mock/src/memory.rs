//! What a mock remembers: rooms, windows, which faults were used up, the log.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::{
    journal::Journal,
    random::Random,
    room::{Joined, RoomState},
    scenario::{Endpoint, Fault, FaultKind, Repeat},
    script::{Known, Script},
    windows::Windows,
};
use crate::clock;

/// Most rooms that are remembered; of more the first is forgotten, and starts anew if it is asked for again.
const ROOMS_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Memory {
    pub(super) script: Script,
    pub(super) journal: Journal,
    pub(super) started: Instant,
    /// Counts resets and changes of the scenario: what is of an earlier one has no say any more.
    pub(super) epoch: u64,
    pub(super) connections: u64,
    /// Requests, for ids.
    requests: u64,
    rooms: BTreeMap<i64, RoomState>,
    /// By the number of a limit.
    pub(super) windows: Vec<Windows>,
    /// By the number of a fault: how often it could have come, and how often it came.
    faults: Vec<(u32, u32)>,
    /// Users who were not found once.
    pub(super) looked_up: BTreeSet<String>,
}

impl Memory {
    pub(super) fn new(script: Script, epoch: u64, connections: u64) -> Self {
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
    pub(super) fn room(&mut self, known: &Known) -> &mut RoomState {
        if self.rooms.len() >= ROOMS_MAX && !self.rooms.contains_key(&known.room_id) {
            self.rooms.pop_first();
        }
        self.rooms.entry(known.room_id).or_insert_with(|| RoomState::new(known.settings.clone()))
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

    /// Lets a socket into a room. Its faults, by number, are those that are not used up.
    pub(super) fn join(&mut self, known: &Known, is_signed: bool) -> (u64, Joined, Vec<(usize, Fault)>) {
        let joined = self.room(known).join(clock::now(), is_signed);
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

    /// The room that was joined, unless it was forgotten since.
    pub(super) fn joined(&mut self, epoch: u64, known: &Known) -> Option<&mut RoomState> {
        self.rooms.get_mut(&known.room_id).filter(|_| epoch == self.epoch)
    }

    /// Counts a fault on a socket; whether it is still to come.
    pub(super) fn fire(&mut self, epoch: u64, index: usize) -> bool {
        let faults = self.script.scenario.faults.iter().zip(&mut self.faults);
        let Some((fault, (_, fired))) = faults.into_iter().nth(index).filter(|_| epoch == self.epoch) else {
            return false;
        };
        let is_due = !matches!(fault.repeat, Repeat::Times(times) if *fired >= times);
        *fired += u32::from(is_due);
        is_due
    }
}

/// Whether a fault concerns a user or room.
fn concerns(fault: &Fault, known: Option<&Known>) -> bool {
    let Some(user) = &fault.user else { return true };
    known.is_some_and(|known| known.name.eq_ignore_ascii_case(user) || known.room_id.to_string() == *user)
}
