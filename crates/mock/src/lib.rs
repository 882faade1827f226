//! A TikTok that any client can connect to: it answers what real clients ask for, and its rooms play recordings.
//!
//! [`MockTikTok::start`] serves on a port of loopback, [`MockTikTok::in_memory`] without sockets, exact under a paused
//! clock. A [`Scenario`] says who exists and what goes wrong. The same seed and scenario give the same bytes in the same
//! order; [`MockTikTok::log`] tells what clients did.

mod admin;
mod answers;
mod expect;
mod http;
mod journal;
mod random;
mod reading;
mod room;
mod scenario;
mod script;
mod serve;
mod setting;
mod show;
mod socket;
mod state;
mod time;
mod visit;
mod windows;
mod world;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    ops::RangeBounds,
    sync::Arc,
    time::Duration,
};

pub use journal::{By, ENTRIES_MAX, Entry, Happened};
pub use scenario::{
    After, Clock, DEFAULT_MESSAGE, End, Endpoint, Fault, FaultKind, Form, Header, Limit, Per, Recorded,
    Scenario, ScenarioError, State, User,
};
use script::Script;
use serve::{accept, stop};
pub use setting::{Folder, Setting};
use tokio_util::sync::DropGuard;
use world::{World, millis};

use livetape_core::{
    self as sans_io,
    error::{Code, Problem},
    recording::Loss,
};
use livetape_io::{
    clock,
    net::{
        listen::Listening,
        memory::{self, MemoryConnector},
    },
};

/// What the wall clock of a mock in memory shows when it starts: 2026-01-01T00:00:00Z, Unix milliseconds.
pub const MEMORY_WALL_MS: u64 = 1_767_225_600_000;
/// What a connection in memory holds of what was not read yet, each way, in bytes.
const MEMORY_BUFFER_BYTES: usize = 64 * 1024;

/// A mock that serves until it is dropped.
pub struct MockTikTok {
    world: Arc<World>,
    addresses: Vec<SocketAddr>,
    connector: Option<MemoryConnector>,
    _stop: DropGuard,
}

impl fmt::Debug for MockTikTok {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockTikTok").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl MockTikTok {
    /// Serves on a port of loopback that is free, in the caller's runtime.
    ///
    /// # Errors
    /// `recording_not_found` or `cannot_listen`.
    pub async fn start(setting: impl Into<Setting>) -> Result<Self, Problem> {
        Self::start_on(setting, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Serves on `address`, which is of loopback: on 127.0.0.1 and ::1.
    ///
    /// # Errors
    /// `recording_not_found`, `port_in_use` or `cannot_listen`.
    pub async fn start_on(setting: impl Into<Setting>, address: SocketAddr) -> Result<Self, Problem> {
        let world = world(setting.into(), millis(clock::wall()))?;
        let listening = Listening::bind(address).await?;
        let addresses = listening.addresses();
        let (stop, guard) = stop();
        tokio::spawn(accept(listening, Arc::clone(&world), stop, |address: SocketAddr| {
            address.ip().to_string()
        }));
        Ok(Self { world, addresses, connector: None, _stop: guard })
    }

    /// Serves in memory, in the caller's runtime: [`MockTikTok::connector`] connects to it.
    ///
    /// # Errors
    /// `recording_not_found`.
    pub fn in_memory(setting: impl Into<Setting>) -> Result<Self, Problem> {
        let world = world(setting.into(), MEMORY_WALL_MS)?;
        let (listener, connector) = memory::listener(MEMORY_BUFFER_BYTES);
        let (stop, guard) = stop();
        tokio::spawn(accept(listener, Arc::clone(&world), stop, |_| String::new()));
        Ok(Self { world, addresses: vec![], connector: Some(connector), _stop: guard })
    }

    /// The address; `None` in memory.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.addresses.first().copied()
    }

    /// What clients are pointed at, without a slash at the end; in memory a name that means nothing elsewhere.
    #[must_use]
    pub fn url(&self) -> String {
        self.address().map_or_else(|| "http://localhost".into(), |address| format!("http://{address}"))
    }

    /// What connects to a mock in memory; `None` to one on a port.
    #[must_use]
    pub fn connector(&self) -> Option<MemoryConnector> {
        self.connector.clone()
    }

    /// What is missing in the recordings of its scenario.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.world.lock().script.loss
    }

    /// A user to try, and the id of the room: the first of the scenario, or `demo` where all are live.
    #[must_use]
    pub fn example(&self) -> (String, i64) {
        let known = self.world.lock().script.example();
        (known.name, known.room_id)
    }

    /// What clients did so far, in order.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.world.lock().journal.entries.clone()
    }

    /// Forgets what was: the log, the rooms, what faults were used up.
    pub fn reset(&self) {
        self.world.reset();
    }

    /// Takes another scenario from TOML, and forgets what was. Connections that are open go on as they were, but for those
    /// to users who are offline or unknown from now on: their stream ends.
    ///
    /// # Errors
    /// What is wrong with it; the old one stays.
    pub fn set_scenario(&self, toml: &str) -> Result<(), ScenarioError> {
        self.world.replace(toml)
    }

    /// That so many acks came, e.g. `40..`.
    ///
    /// # Errors
    /// A text that says what came instead.
    pub fn expect_acks(&self, count: impl RangeBounds<usize>) -> Result<(), String> {
        expect::count(&self.whole_log()?, "acks", &count, |it| matches!(it, Happened::Ack { .. }))
    }

    /// That so many heartbeats came.
    ///
    /// # Errors
    /// As [`MockTikTok::expect_acks`].
    pub fn expect_heartbeats(&self, count: impl RangeBounds<usize>) -> Result<(), String> {
        expect::count(&self.whole_log()?, "heartbeats", &count, |it| matches!(it, Happened::Heartbeat))
    }

    /// That `path` was asked for so often; with or without a slash at the end is the same.
    ///
    /// # Errors
    /// As [`MockTikTok::expect_acks`].
    pub fn expect_requests(&self, path: &str, count: usize) -> Result<(), String> {
        let wanted = path.trim_end_matches('/');
        let is = |it: &Happened| matches!(it, Happened::Request { path, .. } if path.trim_end_matches('/') == wanted);
        expect::count(&self.whole_log()?, &format!("requests of {path}"), &(count..=count), is)
    }

    /// That behind each failure (an error, a fault, the end of a socket) no request came for so long.
    ///
    /// # Errors
    /// As [`MockTikTok::expect_acks`].
    pub fn expect_no_reconnect_before(&self, wait: Duration) -> Result<(), String> {
        expect::no_reconnect_before(&self.whole_log()?, wait)
    }

    /// The log, if nothing is missing from it: expectations about a part of it would mean nothing.
    fn whole_log(&self) -> Result<Vec<Entry>, String> {
        let dropped = self.world.lock().journal.dropped;
        match dropped {
            0 => {}
            dropped => {
                return Err(format!("the log is full: {dropped} entries are missing; reset it in between"));
            }
        }
        Ok(self.log())
    }
}

fn world(setting: Setting, wall_ms: u64) -> Result<Arc<World>, Problem> {
    let Setting { scenario, folder } = setting;
    let script = Script::load(scenario, &folder)
        .map_err(|error| Problem::new(Code::RecordingNotFound, error.message).hint(""))?;
    Ok(Arc::new(World::new(script, folder, wall_ms)))
}
