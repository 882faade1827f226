//! The state shared by all connections of a mock.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    http::{Request, Response},
    journal::{Happened, LogEntry},
    memory::Memory,
    random::Random,
    scenario::{Endpoint, Scenario, ScenarioError},
    script::{Recordings, Script},
    windows::TooMany,
};
use crate::clock;

/// Shared state. The lock is only held briefly, and never across an await.
#[derive(Debug)]
pub(super) struct MockState {
    /// Recordings that a later scenario can play.
    recordings: Recordings,
    /// Wall clock at the start unless the scenario sets it, in Unix milliseconds.
    wall_ms: u64,
    memory: Mutex<Memory>,
    /// Notifies open sockets of a new scenario.
    replaced: watch::Sender<()>,
    /// Notifies waiting tests of a new log entry.
    happened: watch::Sender<()>,
}

impl MockState {
    pub(super) fn new(script: Script, recordings: Recordings, wall_ms: u64) -> Self {
        Self {
            recordings,
            wall_ms,
            memory: Mutex::new(Memory::new(script, 0, 0)),
            replaced: watch::Sender::new(()),
            happened: watch::Sender::new(()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of a new connection, and its random numbers.
    pub(super) fn connection(&self) -> (u64, Random) {
        let mut memory = self.lock();
        memory.connections += 1;
        (memory.connections, Random::new(memory.script.scenario.seed, memory.connections))
    }

    /// Returns the mock's wall clock, in Unix milliseconds.
    pub(super) fn wall_ms(&self) -> u64 {
        let memory = self.lock();
        let start = memory.script.scenario.wall_ms.unwrap_or(self.wall_ms);
        start.saturating_add(millis(clock::now() - memory.started))
    }

    pub(super) fn log(&self, connection: u64, what: Happened) {
        let mut memory = self.lock();
        let at_ms = millis(clock::now() - memory.started);
        memory.journal.add(LogEntry { at_ms, connection, what });
        drop(memory);
        self.happened.send_replace(());
    }

    /// Returns a receiver that is notified of each log entry from now on.
    pub(super) fn happened(&self) -> watch::Receiver<()> {
        self.happened.subscribe()
    }

    /// Counts a request against the limits. Returns the 429 answer if one is exceeded.
    pub(super) fn limit(&self, at: Endpoint, request: &Request, address: &str) -> Option<Response> {
        let key = request.header("x-api-key").or_else(|| request.param("apiKey")).unwrap_or_default();
        let (now, wall_ms) = (clock::now(), self.wall_ms());
        let mut memory = self.lock();
        let Memory { script, windows, .. } = &mut *memory;
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

    /// Clears log, rooms and counters. Open connections continue.
    pub(super) fn reset(&self) {
        let mut memory = self.lock();
        *memory = Memory::new(memory.script.clone(), memory.epoch + 1, memory.connections);
    }

    /// Replaces the scenario and resets the state. Rooms whose user is gone end; other open connections
    /// continue.
    pub(super) fn replace(&self, text: &str) -> Result<(), ScenarioError> {
        let scenario = Scenario::parse(text)?;
        let script = Script::load(scenario, &self.recordings)
            .map_err(|error| Scenario::error_at_user(text, error.user, &error.message))?;
        let mut memory = self.lock();
        *memory = Memory::new(script, memory.epoch + 1, memory.connections);
        drop(memory);
        self.replaced.send_replace(());
        Ok(())
    }

    /// Returns a receiver that is notified once at the start, and then of each scenario change.
    pub(super) fn replaced(&self) -> watch::Receiver<()> {
        let mut replaced = self.replaced.subscribe();
        replaced.mark_changed();
        replaced
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
