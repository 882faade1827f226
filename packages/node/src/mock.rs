//! The mock TikTok.

use std::path::PathBuf;

use livetape_core::error::{Code, Problem};
use livetape_engine::demo::{DEMO, DEMO_BYTES};
use livetape_mock::{MockTikTok, Scenario, ScenarioFile, Seen};
use napi_derive::napi;
use parking_lot::Mutex;

use crate::{
    app::runtime,
    error::{OrError as _, bad, error, json},
};

/// A mock TikTok on a port.
#[napi]
pub struct NativeMock {
    mock: Mutex<Option<MockTikTok>>,
}

/// Starts a mock: with the scenario in a file, in TOML, or of a user who is live.
#[napi]
pub async fn start_mock(kind: String, scenario: String) -> napi::Result<NativeMock> {
    let file = match kind.as_str() {
        "file" => ScenarioFile::read(&PathBuf::from(scenario)),
        "toml" => Scenario::parse(&scenario)
            .map(ScenarioFile::from)
            .map_err(|error| bad(error).hint("correct this line of the scenario")),
        _ => Ok(Scenario::live(scenario).into()),
    };
    let file = file.or_error()?.with_recording(DEMO, DEMO_BYTES);
    let started = runtime().or_error()?.spawn(MockTikTok::start(file)).await;
    let mock = started.map_err(|failed| error(&Problem::new(Code::Io, failed)))?.or_error()?;
    Ok(NativeMock { mock: Mutex::new(Some(mock)) })
}

fn seen(what: &str) -> Result<Seen, Problem> {
    let close = what.strip_prefix("close:").map(|code| code.parse().map(Seen::Close));
    Ok(match what {
        "connection" => Seen::Connection,
        "enter" => Seen::Enter,
        "heartbeat" => Seen::Heartbeat,
        "ack" => Seen::Ack,
        path if path.starts_with('/') => Seen::request(path),
        other => match close {
            Some(Ok(seen)) => seen,
            _ => {
                let hint = "use connection, enter, heartbeat, ack, close:CODE or a path";
                return Err(bad(format!("`{other}` cannot be expected")).hint(hint));
            }
        },
    })
}

impl NativeMock {
    fn with<T>(&self, f: impl FnOnce(&MockTikTok) -> T) -> napi::Result<T> {
        let mock = self.mock.lock();
        mock.as_ref().map(f).ok_or_else(|| error(&Problem::new(Code::ShuttingDown, "the mock is closed")))
    }
}

#[napi]
impl NativeMock {
    /// Returns its URL, for `upstream`.
    #[napi(getter)]
    pub fn url(&self) -> napi::Result<String> {
        self.with(MockTikTok::url)
    }

    /// Returns the log of requests and connections, as JSON.
    #[napi]
    pub fn received(&self) -> napi::Result<String> {
        json(&self.with(MockTikTok::received)?)
    }

    /// Expects something to happen from `min` to `max` times.
    #[napi]
    pub fn expect(&self, what: String, min: u32, max: Option<u32>) -> napi::Result<()> {
        let seen = seen(&what).or_error()?;
        self.with(|mock| match max {
            None => mock.expect(seen, min as usize..),
            Some(max) => mock.expect(seen, min as usize..=max as usize),
        })
    }

    /// Verifies and forgets the expectations. Returns a report of those that are not met.
    #[napi]
    pub fn verify(&self) -> napi::Result<Option<String>> {
        let unmet = self.with(MockTikTok::unmet)?;
        // The mock reports lines of Rust, which are those of this file.
        let is_of_caller = |line: &&str| !line.starts_with("  at ");
        Ok(unmet.map(|unmet| unmet.lines().filter(is_of_caller).collect::<Vec<_>>().join("\n")))
    }

    /// Forgets the log and all rooms.
    #[napi]
    pub fn reset(&self) -> napi::Result<()> {
        self.with(MockTikTok::reset)
    }

    /// Stops the server.
    #[napi]
    pub fn close(&self) {
        let mock = self.mock.lock().take();
        // Otherwise it would panic about expectations that JavaScript did not verify.
        drop(mock.as_ref().and_then(MockTikTok::unmet));
    }
}

impl Drop for NativeMock {
    fn drop(&mut self) {
        // JavaScript may forget the mock, or exit, without closing it.
        self.close();
    }
}
