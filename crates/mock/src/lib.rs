//! A TikTok that any client can connect to: it answers what real clients ask for, and its rooms play recordings.
//!
//! [`MockTikTok::start`] serves on a port of loopback, [`MockTikTok::in_memory`] without sockets, exact under a paused
//! clock. A [`Scenario`] says who exists and what goes wrong; a [`ScenarioFile`] has the recordings for it. The same seed
//! and scenario give the same bytes in the same order; [`MockTikTok::received`] tells what clients did.

#![deny(clippy::wildcard_enum_match_arm)]

mod admin;
mod answers;
mod connection;
mod expect;
mod http;
mod journal;
mod memory;
mod mock_state;
mod random;
mod reading;
mod room;
mod scenario;
mod scenario_file;
mod script;
mod serve;
mod show;
mod socket;
mod time;
mod verify;
mod windows;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use expect::Expectation;
pub use expect::{Seen, Times};
pub use journal::{By, ENTRIES_MAX, Happened, LogEntry};
use mock_state::{MockState, millis};
pub use scenario::{
    After, Clock, DEFAULT_MESSAGE, End, Endpoint, Fault, FaultKind, Form, FrameFault, Header, Limit, Per,
    Recorded, Refusal, Repeat, Scenario, ScenarioError, Start, State, User,
};
pub use scenario_file::ScenarioFile;
use serve::{accept, stop};
use tokio_util::sync::DropGuard;

use livetape_core::{self as sans_io, error::Problem, recording::Loss};
use livetape_io::{
    clock,
    net::{
        listen::Listening,
        memory::{MemoryConnector, listener},
    },
};

/// What the wall clock of a mock in memory shows when it starts: 2026-01-01T00:00:00Z, Unix milliseconds.
///
/// ```
/// assert_eq!(livetape_mock::MEMORY_WALL_MS % 86_400_000, 0);
/// ```
pub const MEMORY_WALL_MS: u64 = 1_767_225_600_000;
/// What a connection in memory holds of what was not read yet, each way, in bytes.
const MEMORY_BUFFER_BYTES: usize = 64 * 1024;

/// A mock that serves until it is dropped.
///
/// ```
/// # use livetape_mock::*;
/// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
/// let mock = MockTikTok::start(scenario).await.unwrap();
/// // A client would be pointed at it here.
/// assert!(mock.url().starts_with("http://127.0.0.1:"));
/// # }
/// ```
pub struct MockTikTok {
    mock: Arc<MockState>,
    addresses: Vec<SocketAddr>,
    connector: Option<MemoryConnector>,
    expectations: Mutex<Vec<Expectation>>,
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
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// let mock = MockTikTok::start(scenario).await.unwrap();
    /// assert!(mock.address().unwrap().port() > 0);
    /// # }
    /// ```
    ///
    /// # Errors
    /// `recording_not_found` or `cannot_listen`.
    pub async fn start(scenario: impl Into<ScenarioFile>) -> Result<Self, Problem> {
        Self::start_on(scenario, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Serves on `address`, which is of loopback: on 127.0.0.1 and ::1.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// let mock = MockTikTok::start_on(scenario, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    /// assert!(mock.address().unwrap().ip().is_loopback());
    /// # }
    /// ```
    ///
    /// # Errors
    /// `recording_not_found`, `port_in_use` or `cannot_listen`.
    pub async fn start_on(scenario: impl Into<ScenarioFile>, address: SocketAddr) -> Result<Self, Problem> {
        let mock = mock_state(scenario.into(), millis(clock::wall()))?;
        let listening = Listening::bind(address).await?;
        let addresses = listening.addresses();
        let (stop, guard) = stop();
        tokio::spawn(accept(listening, Arc::clone(&mock), stop, |address: SocketAddr| {
            address.ip().to_string()
        }));
        Ok(Self { mock, addresses, connector: None, expectations: Mutex::default(), _stop: guard })
    }

    /// Serves in memory, in the caller's runtime: [`MockTikTok::connector`] connects to it.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// let mock = MockTikTok::in_memory(scenario).unwrap();
    /// let stream = mock.connector().unwrap().connect().await.unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    /// `recording_not_found`.
    pub fn in_memory(scenario: impl Into<ScenarioFile>) -> Result<Self, Problem> {
        let mock = mock_state(scenario.into(), MEMORY_WALL_MS)?;
        let (listener, connector) = listener(MEMORY_BUFFER_BYTES);
        let (stop, guard) = stop();
        tokio::spawn(accept(listener, Arc::clone(&mock), stop, |_| String::new()));
        Ok(Self {
            mock,
            addresses: vec![],
            connector: Some(connector),
            expectations: Mutex::default(),
            _stop: guard,
        })
    }

    /// The address; `None` in memory.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// assert_eq!(MockTikTok::in_memory(scenario).unwrap().address(), None);
    /// # }
    /// ```
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.addresses.first().copied()
    }

    /// What clients are pointed at, without a slash at the end; in memory a name that means nothing elsewhere.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// assert_eq!(MockTikTok::in_memory(scenario).unwrap().url(), "http://localhost");
    /// # }
    /// ```
    #[must_use]
    pub fn url(&self) -> String {
        self.address().map_or_else(|| "http://localhost".into(), |address| format!("http://{address}"))
    }

    /// What connects to a mock in memory; `None` to one on a port.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// assert!(MockTikTok::start(scenario).await.unwrap().connector().is_none());
    /// # }
    /// ```
    #[must_use]
    pub fn connector(&self) -> Option<MemoryConnector> {
        self.connector.clone()
    }

    /// What is missing in the recordings of its scenario.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// assert!(!MockTikTok::in_memory(scenario).unwrap().loss().is_some());
    /// # }
    /// ```
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.mock.lock().script.loss
    }

    /// A user to try, and the id of the room: the first of the scenario, or `demo` where all are live.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// assert_eq!(MockTikTok::in_memory(scenario).unwrap().example().0, "ann");
    /// # }
    /// ```
    #[must_use]
    pub fn example(&self) -> (String, i64) {
        let known = self.mock.lock().script.example();
        (known.name, known.room_id)
    }

    /// What clients did so far, in order.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// let mock = MockTikTok::in_memory(scenario).unwrap();
    /// assert_eq!(mock.received(), []);
    /// # }
    /// ```
    #[must_use]
    pub fn received(&self) -> Vec<LogEntry> {
        self.mock.lock().journal.entries.clone()
    }

    /// Forgets what was: the log, the rooms, what faults were used up.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// let mock = MockTikTok::in_memory(scenario).unwrap();
    /// mock.reset();
    /// assert_eq!(mock.received(), []);
    /// # }
    /// ```
    pub fn reset(&self) {
        self.mock.reset();
    }

    /// Takes another scenario from TOML, and forgets what was. Connections that are open go on as they were, but for those
    /// to users who are offline or unknown from now on: their stream ends.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # const DEMO_BYTES: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/demo.bin"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// let mock = MockTikTok::in_memory(scenario).unwrap();
    /// assert!(mock.set_scenario("others = \"offline\"").is_ok());
    /// assert!(mock.set_scenario("sed = 1").is_err());
    /// # }
    /// ```
    ///
    /// # Errors
    /// What is wrong with it; the old one stays.
    pub fn set_scenario(&self, toml: &str) -> Result<(), ScenarioError> {
        self.mock.replace(toml)
    }
}

fn mock_state(scenario: ScenarioFile, wall_ms: u64) -> Result<Arc<MockState>, Problem> {
    let (script, recordings) = scenario.load()?;
    Ok(Arc::new(MockState::new(script, recordings, wall_ms)))
}
