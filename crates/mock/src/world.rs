//! What the connections of a mock share.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    http::{Request, Response},
    journal::{Entry, Happened},
    random::Random,
    scenario::{Endpoint, Scenario, ScenarioError},
    script::Script,
    setting::Folder,
    state::State,
    windows::TooMany,
};
use crate::clock;

/// All that is shared. Locks are held for a moment, and never while something is awaited.
#[derive(Debug)]
pub(super) struct World {
    /// Where recordings are.
    pub(super) folder: Folder,
    /// The wall clock at the start, unless the scenario says; Unix milliseconds.
    wall_ms: u64,
    state: Mutex<State>,
    /// Tells open sockets that another scenario has been taken.
    replaced: watch::Sender<()>,
}

impl World {
    pub(super) fn new(script: Script, folder: Folder, wall_ms: u64) -> Self {
        Self {
            folder,
            wall_ms,
            state: Mutex::new(State::new(script, 0, 0)),
            replaced: watch::Sender::new(()),
        }
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
        start.saturating_add(millis(clock::now() - state.started))
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

    /// Takes another scenario, and forgets what was. Open rooms whose user is no longer there end; the others go on.
    pub(super) fn replace(&self, text: &str) -> Result<(), ScenarioError> {
        let scenario = Scenario::parse(text)?;
        let script = Script::load(scenario, &self.folder)
            .map_err(|error| Scenario::error_at_user(text, error.user, &error.message))?;
        let mut state = self.lock();
        *state = State::new(script, state.epoch + 1, state.connections);
        drop(state);
        self.replaced.send_replace(());
        Ok(())
    }

    /// Reports each change of the scenario, and one to begin with.
    pub(super) fn replaced(&self) -> watch::Receiver<()> {
        let mut replaced = self.replaced.subscribe();
        replaced.mark_changed();
        replaced
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
