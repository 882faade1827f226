//! A mock TikTok server for tests. It answers the requests of real TikTok LIVE clients and plays recordings
//! in its rooms.
//!
//! [`MockTikTok::start`] listens on a loopback port. [`MockTikTok::in_memory`] needs no sockets and is exact
//! under a paused clock. A [`Scenario`] defines the users and the faults; a [`ScenarioFile`] adds the
//! recordings that they play. The same seed and scenario always produce the same bytes in the same order.
//! [`MockTikTok::received`] returns a log of client activity.

#![deny(clippy::wildcard_enum_match_arm)]
#![warn(missing_docs)]

mod answers;
mod check;
mod http;
mod link;
#[cfg(feature = "proxy")]
pub mod proxy;
mod random;
mod room;
mod scenario;
mod serve;
mod socket;
mod state;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    panic::Location,
    sync::Arc,
    time::Duration,
};

use check::Expectation;
pub use check::{Seen, Times};
#[doc(hidden)]
pub use link::Wire;
use livetape_core::{error::Problem, recording::Loss};
use livetape_io::{
    clock,
    net::{
        Listening,
        memory::{MemoryConnector, listener},
    },
};
use parking_lot::Mutex;
pub use room::script::ScenarioFile;
use room::script::{Recordings, Script};
pub use scenario::{
    After, Change, Clock, Compress, DEFAULT_MESSAGE, Effect, End, Endpoint, Fault, FaultKind, Form, Header,
    Limit, Network, Only, Per, Recorded, Scenario, ScenarioError, State, User,
};
use serve::{accept, stop};
#[doc(hidden)]
pub use state::journal::Sent;
pub use state::journal::{By, ENTRIES_MAX, Happened, LogEntry};
use state::{MockState, millis};
use tokio::io::DuplexStream;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Wall clock of an in-memory mock at its start, in Unix milliseconds: 2026-01-01T00:00:00Z.
///
/// ```
/// assert_eq!(livetape_mock::MEMORY_WALL_MS % 86_400_000, 0);
/// ```
pub const MEMORY_WALL_MS: u64 = 1_767_225_600_000;
/// Capacity of an in-memory connection in each direction, in bytes.
const MEMORY_BUFFER_BYTES: usize = 64 * 1024;

/// A running mock server. It stops when it is dropped.
///
/// ```
/// # use livetape_mock::*;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mock = MockTikTok::start(Scenario::live("ann")).await.unwrap();
/// // Point the client under test at this URL.
/// assert!(mock.url().starts_with("http://127.0.0.1:"));
/// # }
/// ```
pub struct MockTikTok {
    mock: Arc<MockState>,
    addresses: Vec<SocketAddr>,
    connector: Option<MemoryConnector>,
    expectations: Mutex<Vec<Expectation>>,
    stop: CancellationToken,
    _stop: DropGuard,
}

impl fmt::Debug for MockTikTok {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockTikTok").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl MockTikTok {
    /// Starts a server on a free loopback port, in the caller's runtime.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::start(Scenario::live("ann")).await.unwrap();
    /// assert!(mock.address().unwrap().port() > 0);
    /// # }
    /// ```
    ///
    /// # Errors
    /// Fails with `recording_not_found` or `cannot_listen`, or with `bad_request` for a mistake in the
    /// scenario.
    pub async fn start(scenario: impl Into<ScenarioFile>) -> Result<Self, Problem> {
        Self::start_on(scenario, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a server on `address`. For a loopback address, it listens on both 127.0.0.1 and ::1.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::start_on(Scenario::live("ann"), "127.0.0.1:0".parse().unwrap()).await.unwrap();
    /// assert!(mock.address().unwrap().ip().is_loopback());
    /// # }
    /// ```
    ///
    /// # Errors
    /// Fails with `recording_not_found`, `port_in_use` or `cannot_listen`, or with `bad_request` for a
    /// mistake in the scenario.
    pub async fn start_on(scenario: impl Into<ScenarioFile>, address: SocketAddr) -> Result<Self, Problem> {
        let loaded = scenario.into().load()?;
        let listening = Listening::bind(address).await?;
        let addresses = listening.addresses();
        let mock = mock_state(loaded, millis(clock::wall()), &addresses);
        let (stop, guard) = stop();
        tokio::spawn(accept(listening, Arc::clone(&mock), stop.clone(), |address: SocketAddr| {
            address.ip().to_string()
        }));
        Ok(Self { mock, addresses, connector: None, expectations: Mutex::default(), stop, _stop: guard })
    }

    /// Starts a server without sockets, in the caller's runtime. Connect to it with [`MockTikTok::connect`].
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// let stream = mock.connect().await;
    /// # }
    /// ```
    ///
    /// # Errors
    /// Fails with `recording_not_found`, or with `bad_request` for a mistake in the scenario.
    ///
    /// # Panics
    /// If called outside a tokio runtime.
    #[track_caller]
    pub fn in_memory(scenario: impl Into<ScenarioFile>) -> Result<Self, Problem> {
        let mock = mock_state(scenario.into().load()?, MEMORY_WALL_MS, &[]);
        let (listener, connector) = listener(MEMORY_BUFFER_BYTES);
        let (stop, guard) = stop();
        tokio::spawn(accept(listener, Arc::clone(&mock), stop.clone(), |_| String::new()));
        Ok(Self {
            mock,
            addresses: vec![],
            connector: Some(connector),
            expectations: Mutex::default(),
            stop,
            _stop: guard,
        })
    }

    /// Returns the address of the server, or `None` in memory.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert_eq!(MockTikTok::in_memory(Scenario::live("ann")).unwrap().address(), None);
    /// # }
    /// ```
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.addresses.first().copied()
    }

    /// Returns the base URL for clients, without a trailing slash. In memory, it is a placeholder.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert_eq!(MockTikTok::in_memory(Scenario::live("ann")).unwrap().url(), "http://localhost");
    /// # }
    /// ```
    #[must_use]
    pub fn url(&self) -> String {
        self.address().map_or_else(|| "http://localhost".into(), |address| format!("http://{address}"))
    }

    /// Opens a connection to a mock [in memory](Self::in_memory). It reads and writes like a socket.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    ///
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// let mut stream = mock.connect().await;
    /// stream.write_all(b"GET / HTTP/1.1\r\nHost: www.tiktok.com\r\nConnection: close\r\n\r\n").await.unwrap();
    /// let mut answer = String::new();
    /// stream.read_to_string(&mut answer).await.unwrap();
    /// assert!(answer.starts_with("HTTP/1.1 200 OK"));
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the mock listens on a port.
    #[track_caller]
    pub fn connect(&self) -> impl Future<Output = DuplexStream> + use<> {
        let at = Location::caller();
        let connector = self.connector.clone();
        async move {
            let stream = match connector {
                Some(connector) => connector.connect().await.map_err(|error| error.to_string()),
                None => Err("this mock listens on a port: use its `url()`".to_owned()),
            };
            stream.unwrap_or_else(|why| panic!("{why}\n  called from {at}"))
        }
    }

    /// Returns the connector of a mock in memory, for a client that connects by itself, or `None` for a mock on a
    /// port.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert!(MockTikTok::start(Scenario::live("ann")).await.unwrap().connector().is_none());
    /// # }
    /// ```
    #[must_use]
    pub fn connector(&self) -> Option<MemoryConnector> {
        self.connector.clone()
    }

    /// Reports the data missing from the recordings of the scenario.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert!(!MockTikTok::in_memory(Scenario::live("ann")).unwrap().loss().is_some());
    /// # }
    /// ```
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.mock.memory.lock().script.loss
    }

    /// Returns a user name to try and its room id: the first user of the scenario, or `demo` if every user is
    /// live.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// assert_eq!(MockTikTok::in_memory(Scenario::live("ann")).unwrap().example().0, "ann");
    /// # }
    /// ```
    #[must_use]
    pub fn example(&self) -> (String, i64) {
        let state = self.mock.memory.lock();
        let known = state.script.example(self.mock.since_start(&state));
        (known.name, known.room_id)
    }

    /// Returns the log of client activity, in order.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// assert_eq!(mock.received(), []);
    /// # }
    /// ```
    #[must_use]
    pub fn received(&self) -> Vec<LogEntry> {
        self.mock.memory.lock().journal.entries.clone()
    }

    /// Removes the entries from the log, and returns them. Hidden, because only the judge of `livetape` reads
    /// the log again and again, also in shows that are too long for it.
    #[doc(hidden)]
    #[must_use]
    pub fn take_received(&self) -> Vec<LogEntry> {
        self.mock.memory.lock().journal.take()
    }

    /// Remembers what clients are sent from now on, until the next reset. Hidden, because only the judge of
    /// `livetape` asks for it.
    #[doc(hidden)]
    pub fn keep_sent(&self) {
        self.mock.memory.lock().sent = Some(Vec::new());
    }

    /// Returns what clients were sent.
    #[doc(hidden)]
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.mock.memory.lock().sent.clone().unwrap_or_default()
    }

    /// Returns the time in the recording of what clients were sent last.
    #[doc(hidden)]
    #[must_use]
    pub fn sent_until(&self) -> Duration {
        let state = self.mock.memory.lock();
        state.sent.as_ref().and_then(|sent| sent.last()).map(|sent| sent.offset).unwrap_or_default()
    }

    /// Whether the room of [`example`](Self::example) has played its recording and is offline.
    #[doc(hidden)]
    #[must_use]
    pub fn is_over(&self) -> bool {
        let mut state = self.mock.memory.lock();
        let known = state.script.example(self.mock.since_start(&state));
        state.room(&known).is_over(self.mock.clock.now())
    }

    /// Returns whether a client has sent anything since the mock was started. Unlike the log, a reset keeps
    /// it.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// assert!(!mock.was_used());
    /// # }
    /// ```
    #[must_use]
    pub fn was_used(&self) -> bool {
        self.mock.memory.lock().was_used
    }

    /// Returns the last entries of the log, at most `max`, and the number of all entries, including those
    /// that did not fit.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// assert_eq!(mock.last_received(10), (vec![], 0));
    /// # }
    /// ```
    #[must_use]
    pub fn last_received(&self, max: usize) -> (Vec<LogEntry>, u64) {
        let state = self.mock.memory.lock();
        let entries = &state.journal.entries;
        let last = entries[entries.len().saturating_sub(max)..].to_vec();
        (last, entries.len() as u64 + state.journal.dropped)
    }

    /// Clears the log, the rooms and the counters of faults, networks and rate limits. The users change their
    /// states again as from the start.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// mock.reset();
    /// assert_eq!(mock.received(), []);
    /// # }
    /// ```
    pub fn reset(&self) {
        self.mock.reset();
    }

    /// Replaces the scenario with one parsed from TOML, and resets the mock. Open connections continue,
    /// except to users who are offline or unknown in the new scenario: for them, the stream ends.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// assert!(mock.set_scenario("others = \"offline\"").is_ok());
    /// assert!(mock.set_scenario("sed = 1").is_err());
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first mistake in the TOML. The old scenario stays in place.
    pub fn set_scenario(&self, toml: &str) -> Result<(), ScenarioError> {
        self.mock.replace(toml)
    }

    /// Replaces the networks with those parsed from TOML, also for open connections, until the next reset or
    /// scenario. An empty text removes them.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// assert!(mock.set_networks("[[network]]\nlatency_ms = 2000").is_ok());
    /// assert!(mock.set_networks("[[network]]\nlatency = 2000").is_err());
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first mistake in the TOML. The old networks stay in place.
    pub fn set_networks(&self, toml: &str) -> Result<(), ScenarioError> {
        self.mock.set_networks(toml)
    }
}

fn mock_state(
    (script, recordings): (Script, Recordings),
    wall_ms: u64,
    addresses: &[SocketAddr],
) -> Arc<MockState> {
    Arc::new(MockState::new(script, recordings, wall_ms, addresses))
}

#[cfg(test)]
mod tests {
    use livetape_io::clock;

    use super::*;
    use crate::state::{journal::Journal, memory::Windows};

    /// A bound: what it limits, the largest number that fits, and whether so many fit.
    type Row = (&'static str, usize, fn(usize) -> bool);

    /// Bounds at their edges. The numbers are repeated here, so that nobody changes one by accident.
    const ROWS: &[Row] = &[
        ("chats of the history", 100, |chats| is_valid(&format!("history = {chats}"))),
        ("milliseconds before a close", 366 * 24 * 3_600_000, |ms| {
            is_valid(&format!("close_after_ms = {ms}"))
        }),
        ("seconds of a window", 366 * 24 * 3_600, |seconds| {
            is_valid(&format!("[[limit]]\nmax = 1\nseconds = {seconds}"))
        }),
        ("seconds of a stated wait", 366 * 24 * 3_600, |seconds| {
            is_valid(&format!(
                "[[fault]]\nat = \"sign\"\nkind = \"status\"\nstatus = 429\nretry_after = {seconds}"
            ))
        }),
        ("milliseconds until a fault", 366 * 24 * 3_600_000, |ms| {
            is_valid(&format!("[[fault]]\nat = \"socket\"\nkind = \"drop\"\nafter_ms = {ms}"))
        }),
        ("bytes of a close reason", 123, |bytes| {
            let reason = "x".repeat(bytes);
            is_valid(&format!("[[fault]]\nat = \"socket\"\nkind = \"close\"\nreason = \"{reason}\""))
        }),
        ("frames of a fault", 1_000, |frames| {
            is_valid(&format!("[[fault]]\nat = \"socket\"\nkind = \"duplicate\"\ncount = {frames}"))
        }),
        ("milliseconds of a delay", 600_000, |ms| is_valid(&format!("[[network]]\nlatency_ms = {ms}"))),
        ("networks", 1_000, |networks| {
            let network = |attempt: usize| format!("[[network]]\nattempt = {attempt}\nlatency_ms = 1\n");
            is_valid(&(1..=networks).map(network).collect::<String>())
        }),
        ("changes of a user", 1_000, |changes| {
            let change = |second: usize| format!("[[user.change]]\nat = {second}\nstate = \"paused\"\n");
            is_valid(&format!("[[user]]\nname = \"ann\"\n{}", (1..=changes).map(change).collect::<String>()))
        }),
        ("entries of the log", 50_000, |entries| {
            let mut journal = Journal::default();
            for connection in 1..=entries as u64 {
                journal.add(LogEntry { at_ms: 0, connection, what: Happened::Heartbeat });
            }
            journal.dropped == 0
        }),
        ("clients that are counted separately", 10_000, |clients| {
            let limit = &Scenario::parse("[[limit]]\nmax = 1\nseconds = 60").unwrap().limits[0];
            let (mut windows, now) = (Windows::default(), clock::now());
            let mut hit = |client: usize| windows.hit(limit, &format!("{client:05}"), "", now).is_some();
            (1..=clients).for_each(|client| assert!(!hit(client)));
            hit(1)
        }),
    ];

    fn is_valid(scenario: &str) -> bool {
        Scenario::parse(scenario).is_ok()
    }

    #[test]
    fn each_bound_holds_at_its_edge() {
        let moved = ROWS.iter().filter(|(_, bound, fits)| !fits(*bound) || fits(bound + 1));
        assert_eq!(moved.map(|(name, ..)| name).collect::<Vec<_>>(), [&""; 0]);
    }
}
