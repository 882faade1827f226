//! A server with a live room, in memory: mock ⇄ live client → hub → one subscriber, under a paused clock.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::harness::with_demo;
use bytes::Bytes;
use livetape::{
    clock,
    control::Control,
    hub::{Filter, Gifts, Hub, Join, Limits, Next},
    mock::{MEMORY_WALL_MS, MockTikTok, ScenarioFile},
    source::{
        Tape,
        live::{self, MemoryTransport},
    },
    supervisor::{Ended, Options, Record, Supervisor},
};
use serde_json::Value;
use tokio::{task::JoinHandle, time::Instant};

/// 2026-01-01T00:00:00Z: what the clock of a mock in memory says at its start.
const WALL: Duration = Duration::from_millis(MEMORY_WALL_MS);

/// Where everything in memory is.
pub(crate) const UPSTREAM: &str = "http://mock.localhost";

/// What one subscriber got: virtual milliseconds and event.
pub(crate) type Log = Arc<Mutex<Vec<(u64, Value)>>>;

pub(crate) struct Rig {
    pub(crate) mock: MockTikTok,
    pub(crate) control: Control,
    pub(crate) hub: Hub,
    pub(crate) log: Log,
    pub(crate) started: Instant,
    pub(crate) reader: JoinHandle<(u64, Next)>,
    pub(crate) server: JoinHandle<Ended>,
}

/// What the server is started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    /// `livetape live demo`
    Live,
    /// `livetape serve`
    Serve,
    /// `livetape replay short`
    Replay,
}

pub(crate) fn scenario(name: &str) -> ScenarioFile {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios").join(format!("{name}.toml"));
    ScenarioFile::read(&path).unwrap_or_else(|problem| panic!("{name}: {problem}"))
}

impl Rig {
    pub(crate) fn start(scenario: ScenarioFile, start: As) -> Self {
        Self::start_with(scenario, start, |options| options)
    }

    pub(crate) fn start_with(
        scenario: ScenarioFile,
        start: As,
        change: impl FnOnce(live::Options) -> live::Options,
    ) -> Self {
        Self::start_recording(scenario, start, change, None)
    }

    pub(crate) fn start_recording(
        scenario: ScenarioFile,
        start: As,
        change: impl FnOnce(live::Options) -> live::Options,
        record: Option<Record>,
    ) -> Self {
        Self::start_as(scenario, start, change, |options| Options { record, ..options })
    }

    pub(crate) fn start_as(
        scenario: ScenarioFile,
        start: As,
        change: impl FnOnce(live::Options) -> live::Options,
        also: impl FnOnce(Options) -> Options,
    ) -> Self {
        let mock = MockTikTok::in_memory(with_demo(scenario)).unwrap();
        let connector = mock.connector().unwrap();
        let transport = MemoryTransport::new(move || {
            let connector = connector.clone();
            async move { connector.connect().await }
        });
        let live = change(live::Options {
            upstream: Some(live::Url::parse(UPSTREAM).unwrap()),
            seed: 7,
            wall_anchor: Some(WALL),
            ..live::Options::new("demo")
        });
        let options = also(Options { ends_with_source: start == As::Live, ..Options::new(live) });
        let (control, driver) = Control::new();
        let hub = Hub::new("test".into(), Limits::default());
        let (started, log) = (clock::now(), Log::default());
        let reader = tokio::spawn(read(hub.clone(), started, Arc::clone(&log)));
        let supervisor = Supervisor::new(hub.clone(), &control, driver, transport, options);
        let server = tokio::spawn(async move {
            match start {
                As::Live => supervisor.live("demo".into()).await,
                As::Serve => supervisor.serve().await,
                As::Replay => {
                    // In memory: the clock does not wait for a thread that reads ahead.
                    let bytes = std::fs::read("recordings/short.bin").unwrap();
                    let tape = Tape::from_bytes("short", bytes.into());
                    supervisor.replay(tape).await.unwrap()
                }
            }
        });
        Self { mock, control, hub, log, started, reader, server }
    }

    pub(crate) async fn at_ms(&self, ms: u64) {
        tokio::time::sleep_until(self.started + Duration::from_millis(ms)).await;
    }

    /// The log so far, outlined.
    pub(crate) fn outline(&self) -> Vec<String> {
        outline(&self.log.lock().unwrap())
    }

    /// Waits for the end, but not longer than so many virtual seconds: how it went, outlined.
    pub(crate) async fn finish(mut self, secs: u64) -> Vec<String> {
        let deadline = self.started + Duration::from_secs(secs);
        let ended = tokio::time::timeout_at(deadline, &mut self.server).await;
        let ended = match ended {
            Ok(ended) => ended.unwrap(),
            Err(_) => {
                self.control.shut_down();
                self.server.await.unwrap()
            }
        };
        self.hub.close(livetape::hub::CloseReason { code: 1001, reason: "shutting_down".into() });
        let (ms, next) = self.reader.await.unwrap();
        let mut lines = outline(&self.log.lock().unwrap());
        let close = match next {
            Next::Closed(close) => format!("closed {} {}", close.code, close.reason),
            other => format!("{other:?}"),
        };
        lines.push(format!("{ms:>7} ms  {close}, exit {}", ended.exit_code().unwrap()));
        lines
    }
}

async fn read(hub: Hub, started: Instant, log: Log) -> (u64, Next) {
    let filter = Filter { raw: true, gifts: Gifts::Delta, ..Filter::default() };
    let mut subscriber = hub.join(&Join { filter, ..Join::default() }).unwrap();
    let mut batch: Vec<Bytes> = Vec::new();
    loop {
        let next = subscriber.next(&mut batch).await;
        let ms = u64::try_from(clock::now().duration_since(started).as_millis()).unwrap();
        let events = batch.drain(..).map(|json| (ms, serde_json::from_slice(&json).unwrap()));
        log.lock().unwrap().extend(events);
        if !matches!(next, Next::Events) {
            return (ms, next);
        }
    }
}

/// A line for each event of state, and one for all between two of them.
fn outline(log: &[(u64, Value)]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut others: Option<(u64, u64, usize, usize)> = None;
    for (ms, event) in log {
        let Some(told) = state(event) else {
            let unknown = usize::from(event["type"] == "unknown" && !event["data"]["fault"].is_null());
            let (first, _, count, faults) = others.unwrap_or((*ms, *ms, 0, 0));
            others = Some((first, *ms, count + 1, faults + unknown));
            continue;
        };
        lines.extend(others.take().map(sum_up));
        lines.push(format!("{ms:>7} ms  {told}"));
    }
    lines.extend(others.map(sum_up));
    lines
}

fn sum_up((first, last, count, faults): (u64, u64, usize, usize)) -> String {
    let faulty = if faults == 0 { String::new() } else { format!(", {faults} of them unreadable") };
    format!("{first:>7} ms  {count} events{faulty}, the last at {last} ms")
}

fn state(event: &Value) -> Option<String> {
    let data = &event["data"];
    Some(match event["type"].as_str()? {
        "connection_created" => format!("connection_created {}", data["roomId"]),
        "connection_closed" => {
            format!("connection_closed {} {} willRetry={}", data["code"], data["reason"], data["willRetry"])
        }
        "disconnected" => format!("disconnected {}", data["reason"]),
        "error" => format!(
            "error {} attempt={} retrying={} retryAfterMs={} {}",
            data["code"], data["attempt"], data["retrying"], data["retryAfterMs"], data["message"]
        ),
        _ => return None,
    })
}
