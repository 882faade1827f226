//! The state shared by all connections of a mock, its clock, which tests can advance, and the hosts that it
//! answers for.

pub(crate) mod journal;
pub(crate) mod memory;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use journal::{Happened, LogEntry};
use livetape_core::{host, offset};
use livetape_io::clock;
use memory::{Memory, TooMany};
use parking_lot::Mutex;
use tokio::{
    select,
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    MockTikTok,
    http::{Request, Response},
    random::Random,
    room::script::{Recordings, Resolved, Script},
    scenario::{Endpoint, Per, Scenario, ScenarioError},
};

/// Cookie of clients that are logged in.
pub(crate) const SESSION: &str = "sessionid";

/// Shared state. The lock is only held briefly, and never across an await.
#[derive(Debug)]
pub(crate) struct MockState {
    /// Addresses that it listens on.
    addresses: Vec<IpAddr>,
    /// Recordings that a later scenario can play.
    recordings: Recordings,
    /// Wall clock at the start of the mock unless the scenario sets it, in Unix milliseconds.
    wall_ms: u64,
    /// Start of the mock, by its clock.
    started: Instant,
    pub(crate) clock: MockClock,
    pub(crate) memory: Mutex<Memory>,
    /// Notifies open sockets of a new scenario or a reset.
    replaced: watch::Sender<()>,
    /// Notifies connections of new networks.
    rerouted: watch::Sender<()>,
    /// Notifies waiting tests of a new log entry.
    happened: watch::Sender<()>,
}

impl MockState {
    pub(crate) fn new(
        script: Script,
        recordings: Recordings,
        wall_ms: u64,
        addresses: &[SocketAddr],
    ) -> Self {
        let clock = MockClock::default();
        Self {
            addresses: addresses.iter().map(SocketAddr::ip).collect(),
            recordings,
            wall_ms,
            started: clock.now(),
            memory: Mutex::new(Memory::new(script, &clock)),
            clock,
            replaced: watch::Sender::new(()),
            rerouted: watch::Sender::new(()),
            happened: watch::Sender::new(()),
        }
    }

    /// Returns the number of a new connection, and its random numbers.
    pub(crate) fn connection(&self) -> (u64, Random) {
        let mut memory = self.memory.lock();
        memory.connections += 1;
        (memory.connections, Random::new(memory.script.scenario.seed, memory.connections))
    }

    /// Whether the mock answers for the host of a request.
    pub(crate) fn is_answered(&self, request: &Request) -> bool {
        !request.is_absolute || is_answered(request.host_name(), &self.addresses)
    }

    /// Returns the mock's wall clock, in Unix milliseconds. One that the scenario sets starts again with each
    /// reset; otherwise, it never goes back.
    pub(crate) fn wall_ms(&self) -> u64 {
        let memory = self.memory.lock();
        let (start_ms, elapsed) = match memory.script.scenario.wall_ms {
            Some(start_ms) => (start_ms, self.since_start(&memory)),
            None => (self.wall_ms, self.clock.now() - self.started),
        };
        start_ms.saturating_add(millis(elapsed))
    }

    /// Returns the time since the start, the last reset or the last new scenario.
    pub(crate) fn since_start(&self, memory: &Memory) -> Duration {
        self.clock.now() - memory.started
    }

    /// Advances the clock. Returns whether that stays below the maximum.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        let elapsed = self.since_start(&self.memory.lock());
        elapsed.saturating_add(by) <= ELAPSED_MAX && self.clock.advance(by)
    }

    /// Returns the user with this name, as of now.
    pub(crate) fn by_name(&self, name: &str) -> Resolved {
        let memory = self.memory.lock();
        memory.script.by_name(name, self.since_start(&memory))
    }

    /// Returns the room with this id, as of now.
    pub(crate) fn by_id(&self, room_id: i64) -> Resolved {
        let memory = self.memory.lock();
        memory.script.by_id(room_id, self.since_start(&memory))
    }

    pub(crate) fn log(&self, connection: u64, what: Happened) {
        let mut memory = self.memory.lock();
        let at_ms = millis(self.since_start(&memory));
        memory.was_used = true;
        memory.journal.add(LogEntry { at_ms, connection, what });
        drop(memory);
        self.happened.send_replace(());
    }

    /// Returns a receiver that is notified of each log entry from now on.
    pub(crate) fn happened(&self) -> watch::Receiver<()> {
        self.happened.subscribe()
    }

    /// Counts a request against the limits. Returns the answer if one is exceeded.
    pub(crate) fn limit(&self, at: Endpoint, request: &Request, address: &str) -> Option<Response> {
        let key = request.header("x-api-key").or_else(|| request.param("apiKey")).unwrap_or_default();
        let session = request.cookie(SESSION).unwrap_or_default();
        let (now, wall_ms) = (self.clock.now(), self.wall_ms());
        let mut memory = self.memory.lock();
        let Memory { script, windows, .. } = &mut *memory;
        let mut longest = None;
        for (limit, windows) in script.scenario.limits.iter().zip(windows) {
            let key = if limit.per == Per::Session { session } else { key };
            if limit.at.contains(&at)
                && let Some(wait) = windows.hit(limit, key, address, now)
                && longest.as_ref().is_none_or(|(longest, _)| wait > *longest)
            {
                longest = Some((wait, limit));
            }
        }
        let (wait, limit) = longest?;
        if limit.empty {
            return Some(Response::empty());
        }
        let (message, label, headers, max) = (&limit.message, &limit.label, &limit.headers, limit.max);
        Some(TooMany { message, label, headers, wait, max, wall_ms }.response())
    }

    /// Clears log, rooms and counters. Rooms whose user is not live at the start end; other open connections
    /// continue.
    pub(crate) fn reset(&self) {
        let script = self.memory.lock().script.clone();
        self.start_over(script);
    }

    fn start_over(&self, script: Script) {
        let mut memory = self.memory.lock();
        *memory = memory.start_over(script, &self.clock);
        drop(memory);
        self.replaced.send_replace(());
        self.rerouted.send_replace(());
    }

    /// Replaces the networks until the next reset or scenario.
    pub(crate) fn set_networks(&self, text: &str) -> Result<(), ScenarioError> {
        let networks = Scenario::parse_networks(text)?;
        let mut memory = self.memory.lock();
        memory.networks = memory.networks.replaced(networks, memory.script.scenario.seed);
        drop(memory);
        self.rerouted.send_replace(());
        Ok(())
    }

    /// Replaces the scenario and resets the state. Rooms whose user is gone end; other open connections
    /// continue.
    pub(crate) fn replace(&self, text: &str) -> Result<(), ScenarioError> {
        let scenario = Scenario::parse(text)?;
        let script = Script::load(scenario, &self.recordings)
            .map_err(|error| Scenario::error_at_user(text, error.user, &error.message))?;
        self.start_over(script);
        Ok(())
    }

    /// Returns a receiver that is notified of new networks.
    pub(crate) fn rerouted(&self) -> watch::Receiver<()> {
        self.rerouted.subscribe()
    }

    /// Returns a receiver that is notified once at the start, and then of each new scenario and each reset.
    pub(crate) fn replaced(&self) -> watch::Receiver<()> {
        let mut replaced = self.replaced.subscribe();
        replaced.mark_changed();
        replaced
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Maximum time since the start or the last reset that advancing the clock can reach.
const ELAPSED_MAX: Duration = offset::OFFSET_MAX;
/// Maximum time by which the clock can be advanced, all calls together: times stay in the range of every
/// format.
const ADVANCE_MAX: Duration = offset::OFFSET_MAX.saturating_mul(1_000);

/// The runtime's clock, plus the time by which it was advanced. Rooms, changes of users, rate limits and the
/// wall clock follow it. Timeouts and networks follow the runtime's clock, because they concern real
/// connections.
#[derive(Debug, Default)]
pub(crate) struct MockClock {
    advanced: watch::Sender<Duration>,
}

impl MockClock {
    pub(crate) fn now(&self) -> Instant {
        clock::now() + self.advanced()
    }

    /// Returns the time by which it was advanced.
    pub(crate) fn advanced(&self) -> Duration {
        *self.advanced.borrow()
    }

    /// Advances the clock. Returns whether that stays below the maximum.
    fn advance(&self, by: Duration) -> bool {
        let mut is_valid = true;
        self.advanced.send_if_modified(|advanced| {
            match advanced.checked_add(by).filter(|sum| *sum <= ADVANCE_MAX) {
                Some(sum) => *advanced = sum,
                None => is_valid = false,
            }
            is_valid
        });
        is_valid
    }

    /// Sleeps until the clock shows `deadline`.
    pub(crate) async fn sleep_until(&self, deadline: Instant) {
        let mut advances = self.advanced.subscribe();
        loop {
            let advanced = *advances.borrow_and_update();
            let Some(deadline) = deadline.checked_sub(advanced) else { return };
            select! {
                biased;
                Ok(()) = advances.changed() => {}
                () = sleep_until(deadline) => return,
            }
        }
    }
}

impl MockTikTok {
    /// Advances the mock's clock, as if this time had passed: rooms send the frames that are now due, users
    /// change their state, and rate limits expire. Under a paused clock, advancing the clock of tokio has the
    /// same effect.
    ///
    /// # Panics
    /// If this would be more than a year after the start, the last reset or the last new scenario.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        assert!(self.mock.advance(by), "a mock's clock can be advanced by at most a year after a reset");
    }
}

/// Whether a mock that listens on the addresses `own` answers for a host. Hosts only matter in absolute addresses:
/// `GET http://www.tiktok.com/@ann HTTP/1.1`.
fn is_answered(host: &str, own: &[IpAddr]) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        let is_own = |own: &IpAddr| *own == address || own.is_unspecified();
        return address.is_loopback() || own.iter().any(is_own);
    }
    let is_known = |host: &str| host == "localhost" || host::DOMAINS.iter().any(|it| host::is_in(host, it));
    host::name(host).is_some_and(|host| is_known(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_for_tiktok_sign_servers_and_itself() {
        let own = ["192.0.2.1".parse().unwrap()];
        for host in [
            "tiktok.com",
            "WWW.TikTok.com.",
            "a.eulerstream.com",
            "localhost",
            "127.9.9.9",
            "::1",
            "192.0.2.1",
        ] {
            assert!(is_answered(host, &own), "{host}");
        }
        for host in ["", "evil.com", "tiktok.com.evil.com", "eviltiktok.com", "192.0.2.2", "a b"] {
            assert!(!is_answered(host, &own), "{host}");
        }
        assert!(is_answered("192.0.2.2", &["0.0.0.0".parse().unwrap()]));
    }
}
