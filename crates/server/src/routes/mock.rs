//! `/mock`: runs a mock TikTok in this process, and connects to its room.

use axum::{
    body::Bytes,
    extract::{State, rejection::BytesRejection},
};
use livetape_core::error::{Code, Problem};
use livetape_engine::demo::{DEMO, DEMO_BYTES};
use livetape_feed::control::{Control, MockRoom, Status};
use livetape_mock::{By, Happened, LogEntry, MockTikTok, Scenario, ScenarioFile};
use parking_lot::Mutex;
use rust_embed::RustEmbed;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{App, parse_body};
use crate::state::{ErrorResponse, Json};

/// Maximum number of log entries in a response.
const ENTRIES_MAX: usize = 200;

/// The scenarios, one file each.
#[derive(RustEmbed)]
#[folder = "fixtures/scenarios"]
struct Files;

/// Days on which something failed for everyone, as scenarios.
#[derive(RustEmbed)]
#[folder = "fixtures/incidents"]
struct Incidents;

/// A mock that this server started.
#[derive(Debug)]
struct Running {
    mock: MockTikTok,
    scenario: String,
}

/// The mock of this server, if one was started.
#[derive(Debug, Default)]
pub(crate) struct MockHost(Mutex<Option<Running>>);

impl MockHost {
    fn view(&self) -> MockView {
        MockView { running: self.0.lock().as_ref().map(Running::view) }
    }

    /// Disconnects the mock's room, then stops the mock.
    async fn stop(&self, control: &Control) {
        let user = self.0.lock().as_ref().map(|running| running.mock.example().0);
        if let Some(user) = user {
            // The room may have been replaced in the meantime.
            drop(control.disconnect(user).await);
        }
        *self.0.lock() = None;
    }
}

impl Running {
    fn view(&self) -> RunningMock {
        let (entries, received) = self.mock.last_received(ENTRIES_MAX);
        RunningMock {
            scenario: self.scenario.clone(),
            user: self.mock.example().0,
            url: self.mock.url(),
            entries: entries.into_iter().map(MockEntry::from).collect(),
            received,
        }
    }
}

/// Response of `GET /mock`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct MockView {
    /// The mock that this server started; `null` if there is none.
    running: Option<RunningMock>,
}

/// A running mock.
#[derive(Serialize, JsonSchema)]
struct RunningMock {
    /// Name of its scenario.
    scenario: String,
    /// User whose room it has.
    user: String,
    /// Its address, for other clients.
    url: String,
    /// The last activities of clients, oldest first.
    entries: Vec<MockEntry>,
    /// Number of all activities.
    received: u64,
}

/// An activity of a client of the mock.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct MockEntry {
    /// Milliseconds since the mock was started.
    at_ms: u64,
    /// Sequence number among all connections to the mock, from 1.
    connection: u64,
    /// Kind of activity.
    what: &'static str,
    /// Method and path of a request, without its query; type of a message, kind of a fault, or side and
    /// reason of a close.
    details: String,
    /// Status of a response, or close code.
    status: Option<u16>,
    /// Name of the fault that shaped the response.
    fault: Option<String>,
}

impl From<LogEntry> for MockEntry {
    fn from(entry: LogEntry) -> Self {
        let what = entry.what.name();
        let (details, status, fault) = match entry.what {
            Happened::Request { method, path, status, fault, .. } => {
                (format!("{method} {path}"), Some(status), fault)
            }
            Happened::Fault { kind } => (String::new(), None, Some(kind)),
            Happened::Closed { by, code, reason, .. } => {
                let by = if by == By::Mock { "mock" } else { "client" };
                (format!("{by} {reason}").trim_end().to_owned(), Some(code), None)
            }
            Happened::Upgrade { room_id, attempt } => {
                (format!("room {room_id}, attempt {attempt}"), None, None)
            }
            Happened::Other { payload_type } => (payload_type, None, None),
            _ => (String::new(), None, None),
        };
        Self { at_ms: entry.at_ms, connection: entry.connection, what, details, status, fault }
    }
}

/// Response of `GET /mock/scenarios`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Scenarios {
    /// `demo`, and then in alphabetical order.
    scenarios: Vec<NamedScenario>,
}

/// A scenario that the mock can run.
#[derive(Serialize, JsonSchema)]
struct NamedScenario {
    name: String,
    /// What it does, in one sentence.
    description: String,
}

/// Body of `POST /mock`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartMock {
    /// Name of the scenario.
    scenario: String,
}

/// What the scenario `demo` does, which is none: as `livetape run --mock demo`.
const WHOLE: &str = "A LIVE without failures: every user is live, and the room plays the demo.";

pub(crate) async fn view(State(app): State<App>) -> Json<MockView> {
    Json(app.mock.view())
}

pub(crate) async fn scenarios() -> Json<Scenarios> {
    let named = |path: &str| {
        let name = path.strip_suffix(".toml")?.to_owned();
        // The first line of each file is a comment that describes it.
        let first = text(&name)?.lines().next().unwrap_or_default().to_owned();
        Some(NamedScenario { name, description: first.trim_start_matches("# ").to_owned() })
    };
    let mut scenarios: Vec<_> = Files::iter().filter_map(|path| named(&path)).collect();
    scenarios.sort_by(|a, b| a.name.cmp(&b.name));
    scenarios.insert(0, NamedScenario { name: DEMO.to_owned(), description: WHOLE.to_owned() });
    Json(Scenarios { scenarios })
}

/// Starts a mock on a free loopback port in place of the last one, and connects to its room. Responds once
/// the first attempt has succeeded or failed.
pub(crate) async fn start(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Status>, ErrorResponse> {
    let StartMock { scenario: name } = parse_body(body)?;
    let missing = || {
        Problem::new(Code::NotFound, format!("unknown scenario `{}`", name.escape_debug()))
            .hint("see GET /mock/scenarios")
    };
    let file = ScenarioFile::from(scenario(&name).ok_or_else(missing)?);
    let mock = MockTikTok::start(file.with_recording(DEMO, DEMO_BYTES)).await?;
    let control = &app.shared.control;
    app.mock.stop(control).await;
    let room = MockRoom { user: mock.example().0, url: mock.url() };
    *app.mock.0.lock() = Some(Running { mock, scenario: name });
    let connected = control.connect_mock(room).await;
    if let Err(refusal) = &connected
        && matches!(refusal.problem.code, Code::RoomRunning | Code::ReplayRunning)
    {
        *app.mock.0.lock() = None;
    }
    Ok(Json(connected?))
}

/// Disconnects the room of the mock, and stops the mock.
pub(crate) async fn stop(State(app): State<App>) -> Json<MockView> {
    app.mock.stop(&app.shared.control).await;
    Json(app.mock.view())
}

/// Returns the names of all included scenarios.
#[must_use]
pub fn scenario_names() -> Vec<String> {
    let names = Files::iter().filter_map(|path| Some(path.strip_suffix(".toml")?.to_owned()));
    Vec::from_iter(names)
}

/// Returns an included scenario or incident; `demo` is the default one.
#[must_use]
pub fn scenario(name: &str) -> Option<Scenario> {
    if name == DEMO {
        return Some(Scenario::default());
    }
    Scenario::parse(&text(name)?).ok()
}

/// Returns the text of an included scenario or incident.
fn text(name: &str) -> Option<String> {
    let name = format!("{name}.toml");
    let file = Files::get(&name).or_else(|| Incidents::get(&name))?;
    String::from_utf8(file.data.into_owned()).ok()
}
