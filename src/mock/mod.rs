//! A TikTok that any client can connect to: it answers what real clients ask for, and its rooms play recordings.
//!
//! [`MockTikTok::start`] serves on a port of loopback, [`MockTikTok::in_memory`] without sockets, exact under a paused
//! clock. A [`Scenario`] says who exists and what goes wrong. The same seed and scenario give the same bytes in the same
//! order; [`MockTikTok::received`] tells what clients did.

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
mod windows;

use std::{
    fmt, mem,
    net::{Ipv4Addr, SocketAddr},
    panic::Location,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use expect::{Expectation, Wanted};
pub use expect::{Seen, Times};
pub use journal::{By, ENTRIES_MAX, Happened, LogEntry};
use mock_state::{MockState, millis};
pub use scenario::{
    After, Clock, DEFAULT_MESSAGE, End, Endpoint, Fault, FaultKind, Form, FrameFault, Header, Limit, Per,
    Recorded, Refusal, Repeat, Scenario, ScenarioError, Start, State, User,
};
pub use scenario_file::ScenarioFile;
use serve::{accept, stop};
use tokio::time::timeout_at;
use tokio_util::sync::DropGuard;

use crate::{
    clock,
    net::{
        listen::Listening,
        memory::{MemoryConnector, listener},
    },
    sans_io::{error::Problem, recording::Loss},
};

/// What the wall clock of a mock in memory shows when it starts: 2026-01-01T00:00:00Z, Unix milliseconds.
pub const MEMORY_WALL_MS: u64 = 1_767_225_600_000;
/// What a connection in memory holds of what was not read yet, each way, in bytes.
const MEMORY_BUFFER_BYTES: usize = 64 * 1024;
/// How long [`MockTikTok::wait_for`] waits.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A mock that serves until it is dropped.
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
    /// # Errors
    /// `recording_not_found` or `cannot_listen`.
    pub async fn start(scenario: impl Into<ScenarioFile>) -> Result<Self, Problem> {
        Self::start_on(scenario, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Serves on `address`, which is of loopback: on 127.0.0.1 and ::1.
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
        self.mock.lock().script.loss
    }

    /// A user to try, and the id of the room: the first of the scenario, or `demo` where all are live.
    #[must_use]
    pub fn example(&self) -> (String, i64) {
        let known = self.mock.lock().script.example();
        (known.name, known.room_id)
    }

    /// What clients did so far, in order.
    ///
    /// ```
    /// # use livetape::{demo::DEMO_BYTES, mock::*};
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
    pub fn reset(&self) {
        self.mock.reset();
    }

    /// Takes another scenario from TOML, and forgets what was. Connections that are open go on as they were, but for those
    /// to users who are offline or unknown from now on: their stream ends.
    ///
    /// # Errors
    /// What is wrong with it; the old one stays.
    pub fn set_scenario(&self, toml: &str) -> Result<(), ScenarioError> {
        self.mock.replace(toml)
    }

    /// Expects this so often, e.g. `5`, `1..`, `..3` or `2..=4`, until [`MockTikTok::verify`], or else until the mock is
    /// dropped: it panics then if it came less or more often.
    ///
    /// ```
    /// # use livetape::{demo::DEMO_BYTES, mock::*};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// let mock = MockTikTok::in_memory(scenario).unwrap();
    /// mock.expect(Seen::request("/api-live/user/room"), 1..);
    /// mock.expect(Seen::Ack, ..3);
    /// // A client would connect here.
    /// # mock.connector().unwrap().connect().await.unwrap();
    /// let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(mock)));
    /// assert!(failed.is_err());
    /// # }
    /// ```
    #[track_caller]
    pub fn expect(&self, seen: Seen, times: impl Into<Times>) {
        self.expect_that(Wanted::Count(seen, times.into()));
    }

    /// Expects that behind each failure (an error, a fault, the end of a socket) no request comes for so long.
    ///
    /// ```
    /// # use livetape::{demo::DEMO_BYTES, mock::*};
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// let mock = MockTikTok::in_memory(scenario).unwrap();
    /// mock.expect_no_reconnect_before(Duration::from_secs(1));
    /// # }
    /// ```
    #[track_caller]
    pub fn expect_no_reconnect_before(&self, wait: Duration) {
        self.expect_that(Wanted::Pause(wait));
    }

    #[track_caller]
    fn expect_that(&self, wanted: Wanted) {
        let at = Location::caller();
        self.expectations.lock().unwrap_or_else(PoisonError::into_inner).push(Expectation { wanted, at });
    }

    /// Panics unless all that is expected came; nothing is expected any more then.
    ///
    /// ```
    /// # use livetape::{demo::DEMO_BYTES, mock::*};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// let mock = MockTikTok::in_memory(scenario).unwrap();
    /// mock.expect(Seen::Connection, 0);
    /// mock.verify();
    /// # }
    /// ```
    ///
    /// # Panics
    /// With what was expected, and what came.
    #[track_caller]
    pub fn verify(&self) {
        let expectations = mem::take(&mut *self.expectations.lock().unwrap_or_else(PoisonError::into_inner));
        let report = expect::report(&expectations, &self.mock.lock().journal);
        if let Some(report) = report {
            panic!("{report}");
        }
    }

    /// Waits until this came so often, and returns it; for a minute at most, which passes at once under a paused clock.
    ///
    /// ```
    /// # use livetape::{demo::DEMO_BYTES, mock::*};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let scenario = ScenarioFile::from(Scenario::live("ann")).with_recording("demo", DEMO_BYTES);
    /// # use tokio::io::AsyncWriteExt as _;
    /// let mock = MockTikTok::in_memory(scenario).unwrap();
    /// let mut client = mock.connector().unwrap().connect().await.unwrap();
    /// client.write_all(b"GET /live HTTP/1.1\r\n\r\n").await.unwrap();
    /// let requests = mock.wait_for(Seen::request("/live"), 1).await;
    /// assert_eq!(requests[0].connection, 1);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If it comes too often, or not in time: with what came instead.
    #[track_caller]
    pub fn wait_for(&self, seen: Seen, times: impl Into<Times>) -> impl Future<Output = Vec<LogEntry>> {
        let expectation = Expectation { wanted: Wanted::Count(seen, times.into()), at: Location::caller() };
        async move {
            let (deadline, mut happened) = (clock::now() + WAIT_MAX, self.mock.happened());
            loop {
                let checked = expectation.check(&self.mock.lock().journal);
                match checked {
                    Ok(found) => return found,
                    Err(unmet) if unmet.is_final => {}
                    Err(_) => {
                        if timeout_at(deadline, happened.changed()).await.is_ok() {
                            continue;
                        }
                    }
                }
                let report = expect::report(&[expectation], &self.mock.lock().journal);
                panic!("{}", report.unwrap_or_default());
            }
        }
    }
}

/// What is expected is verified, unless the test fails already.
impl Drop for MockTikTok {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.verify();
        }
    }
}

fn mock_state(scenario: ScenarioFile, wall_ms: u64) -> Result<Arc<MockState>, Problem> {
    let (script, recordings) = scenario.load()?;
    Ok(Arc::new(MockState::new(script, recordings, wall_ms)))
}
