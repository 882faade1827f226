//! livetape in memory under a paused clock: hub, control and server, the source that a test starts, and its
//! builder; also a server on a port.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{error::fitting, recording::Item};
use livetape_engine::{
    channels::{Channel, ChannelOptions, Ended},
    source::{
        Replay, ReplayOptions, Summary, Tape,
        live::{self, MemoryTransport},
    },
};
use livetape_feed::{
    control::{Control, Driver, ReplayOrder, ReplayState, Sources, Token},
    hub::{CloseReason, Filter, Gifts, Hub, Join, Limits, Next},
};
use livetape_io::{
    clock,
    net::{Listening, memory},
};
use livetape_mock::{Happened, MEMORY_WALL_MS, MockTikTok, Scenario, ScenarioFile};
use livetape_server::{Config, Server, serve};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
    time::Instant,
};
use tokio_tungstenite::{client_async, tungstenite::Error};

use super::{
    HttpResponse, Socket,
    log::{json, read_all},
    mock::Mock,
    recording, repository,
};

/// Capacity of each in-memory connection, in bytes.
const SOCKET_BYTES: usize = 4 * 1024;
/// Maximum time of a request and its answer. Longer than any timeout of the server, so that a test fails
/// instead of hanging.
const EXCHANGE_MAX: Duration = Duration::from_secs(3600);

/// A running server, or one subscriber whose events are logged. Built by [`Setup`].
pub(crate) struct Rig {
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) connector: memory::MemoryConnector,
    pub(crate) serving: JoinHandle<()>,
    started: Instant,
    /// Driver of the source, until a source takes it.
    driver: Option<Driver>,
    timeline: Option<Timeline>,
    mock: Option<Mock>,
    pub(crate) channel: Option<JoinHandle<Ended>>,
    replay: Option<JoinHandle<Summary>>,
}

impl Rig {
    /// Starts a server without a source.
    pub(crate) fn start() -> Self {
        Setup::default().idle()
    }

    /// Starts a server without a source, with a ring of `events_max` events.
    pub(crate) fn ring(events_max: u64) -> Self {
        Self::with(Limits { events_max, ..Limits::default() }, Config::default())
    }

    pub(crate) fn with(limits: Limits, config: Config) -> Self {
        Setup { limits, config, ..Setup::default() }.idle()
    }

    /// Replays `items` to a subscriber whose events are logged.
    pub(crate) fn play(items: &[Item], options: ReplayOptions) -> Self {
        Self::play_filtered(items, options, Filter::default())
    }

    pub(crate) fn play_filtered(items: &[Item], options: ReplayOptions, filter: Filter) -> Self {
        Self::play_tape(Tape::from_bytes("test", recording(items)), options, filter)
    }

    pub(crate) fn play_tape(tape: Tape, options: ReplayOptions, filter: Filter) -> Self {
        let mut rig = Setup { stream: "test", filter: Some(filter), ..Setup::default() }.idle();
        rig.replay(tape, options);
        rig
    }

    /// Starts a replay on the main channel.
    pub(crate) fn replay(&mut self, tape: Tape, options: ReplayOptions) {
        let mut driver = self.take_driver();
        let (hub, shutdown) = (self.hub.clone(), self.control.shutdown().clone());
        self.replay = Some(tokio::spawn(async move {
            Replay::new(tape, options, hub, &mut driver, shutdown, |_| ()).unwrap().run().await
        }));
    }

    pub(crate) fn driver(&self) -> &Driver {
        self.driver.as_ref().unwrap()
    }

    pub(crate) fn take_driver(&mut self) -> Driver {
        self.driver.take().unwrap()
    }

    pub(crate) fn mock(&self) -> &MockTikTok {
        &self.mock.as_ref().unwrap().mock
    }

    /// Returns the number of WebSockets opened to the upstream.
    pub(crate) fn upgrades(&self) -> usize {
        self.mock().received().iter().filter(|entry| matches!(entry.what, Happened::Upgrade { .. })).count()
    }

    /// Returns the number of requests that the upstream received.
    pub(crate) fn requests(&self) -> usize {
        self.mock().received().iter().filter(|entry| matches!(entry.what, Happened::Request { .. })).count()
    }

    pub(crate) async fn connect(&self) -> DuplexStream {
        self.connector.connect().await.unwrap()
    }

    /// Opens a socket. `path` has no leading slash; for the feed, it is empty or a query such as `?raw=1`.
    pub(crate) async fn ws(&self, path: &str) -> Socket {
        self.try_ws(path).await.unwrap()
    }

    pub(crate) async fn try_ws(&self, path: &str) -> Result<Socket, Error> {
        let (socket, _) = client_async(format!("ws://localhost/{path}"), self.connect().await).await?;
        Ok(socket)
    }

    /// Opens a socket and reads it to its end; returns the last `error` and the close.
    pub(crate) async fn refusal(&self, path: &str) -> (Value, (u16, String)) {
        let log = read_all(&mut self.ws(path).await).await;
        let error = log.texts.iter().map(|text| json(text)).rfind(|event| event["type"] == "error");
        (error.unwrap_or_default()["data"].clone(), log.close.unwrap())
    }

    /// Sends a request with a `Host` header and returns the whole response.
    pub(crate) async fn http(&self, method: &str, target: &str, body: &str) -> HttpResponse {
        let length = body.len();
        let head = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n");
        self.raw(&format!("{head}connection: close\r\n\r\n{body}")).await
    }

    /// Sends arbitrary bytes and returns the whole response.
    pub(crate) async fn raw(&self, request: &str) -> HttpResponse {
        self.raw_from(None, request.as_bytes()).await
    }

    /// Like [`Rig::raw`], from an address.
    pub(crate) async fn raw_from(&self, address: Option<IpAddr>, request: &[u8]) -> HttpResponse {
        Self::exchange(self.connector.clone(), address, request.to_vec()).await
    }

    /// Like [`Rig::raw_from`], for a task of its own.
    pub(crate) async fn exchange(
        connector: memory::MemoryConnector,
        address: Option<IpAddr>,
        request: Vec<u8>,
    ) -> HttpResponse {
        let (mut reading, mut writing) = tokio::io::split(connector.connect_from(address).await.unwrap());
        let mut answer = Vec::new();
        // The server may respond and close before it has read everything.
        let exchange = async { tokio::join!(writing.write_all(&request), reading.read_to_end(&mut answer)) };
        let exchanged = tokio::time::timeout(EXCHANGE_MAX, exchange).await;
        let text = || String::from_utf8_lossy(&request);
        exchanged.unwrap_or_else(|_| panic!("no complete answer to {:?}", text())).1.unwrap();
        HttpResponse::parse(&answer)
    }

    /// Waits until the replay accepts orders.
    pub(crate) async fn ready(&self) {
        while self.control.replay().is_none() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn order(&self, order: ReplayOrder) -> ReplayState {
        self.ready().await;
        self.control.order(order).await.unwrap()
    }

    pub(crate) async fn at_ms(&self, ms: u64) {
        tokio::time::sleep_until(self.started + Duration::from_millis(ms)).await;
    }

    /// Returns the log so far.
    pub(crate) fn log(&self) -> Vec<(u64, Value)> {
        self.timeline.as_ref().unwrap().so_far()
    }

    /// Waits for the end of the replay and returns its summary.
    pub(crate) async fn summary(&mut self) -> Summary {
        self.replay.take().unwrap().await.unwrap()
    }

    /// Plays the replay to its end, and returns the log.
    pub(crate) async fn played(mut self) -> Vec<(u64, Value)> {
        self.summary().await;
        self.hub.close(CloseReason::new(1000, "test"));
        let (log, _, next) = self.timeline.unwrap().finish().await;
        assert!(matches!(next, Next::Closed(_)));
        log
    }

    /// Waits for the end, at most `secs` virtual seconds; returns the log as an [`outline`].
    pub(crate) async fn outlined(self, secs: u64) -> Vec<String> {
        let deadline = self.started + Duration::from_secs(secs);
        let mut channel = self.channel.unwrap();
        let ended = match tokio::time::timeout_at(deadline, &mut channel).await {
            Ok(ended) => ended.unwrap(),
            Err(_) => {
                self.control.shut_down();
                channel.await.unwrap()
            }
        };
        self.hub.close(CloseReason::new(1001, "shutting_down"));
        let (log, ms, next) = self.timeline.unwrap().finish().await;
        let mut lines = outline(&log);
        let close = match next {
            Next::Closed(close) => format!("closed {} {}", close.code, close.reason),
            other => format!("{other:?}"),
        };
        lines.push(format!("{ms:>7} ms  {close}, exit {}", ended.exit_code().unwrap()));
        lines
    }

    /// Shuts down the server and waits until it has ended.
    pub(crate) async fn end(self) -> Ended {
        self.control.shut_down();
        self.serving.await.unwrap();
        self.control.channels().ended().await;
        self.channel.unwrap().await.unwrap()
    }
}

/// Base URL of the in-memory upstream.
pub(crate) const UPSTREAM: &str = "http://mock.localhost";

/// Rooms that play everything at once and stay open, and users who cannot be connected to.
pub(crate) const ROOMS: &str = r#"
speed = "max"
end = "stay"
user = [
    { name = "ann" }, { name = "ben" }, { name = "cid" }, { name = "dan" }, { name = "eve" },
    { name = "offline", state = "offline" },
    { name = "nobody", state = "not_found" },
    { name = "adult", state = "age_restricted" },
]
"#;

/// The command that the server emulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    /// `livetape live USER`
    Live,
    /// `livetape serve`
    Serve,
    /// `livetape replay short`
    Replay,
}

/// Tokens: `t-<user>` opens the room of a user, and so does `t2-ann` for ann. Each has a recording for
/// `/ws/test`.
fn tokens() -> Vec<Token> {
    let token = |secret: &str, user: Option<&str>, recording: Option<&str>| Token {
        secret: secret.to_owned().into(),
        client: format!("client of {}", user.unwrap_or("nobody")),
        user: user.map(str::to_owned),
        recording: recording.map(str::to_owned),
    };
    let demo = Some("demo");
    let mut tokens = vec![
        token("t2-ann", Some("@Ann"), demo),
        token("t-none", None, None),
        token("t-missing", Some(" "), Some("recordings/missing.bin")),
        token("t-bad", None, Some("Cargo.toml")),
    ];
    for user in ["ann", "ben", "cid", "offline", "nobody", "adult"] {
        tokens.push(token(&format!("t-{user}"), Some(user), demo));
    }
    tokens
}

/// Returns a short recording in memory: the paused clock does not wait for a thread that reads ahead.
pub(crate) fn short() -> Tape {
    Tape::from_bytes("short", std::fs::read(repository().join("recordings/short.bin")).unwrap().into())
}

impl Mock {
    /// Returns a transport to the mock, for a live source.
    pub(crate) fn transport(&self) -> MemoryTransport {
        let connector = self.connector.clone();
        MemoryTransport::new(move || {
            let connector = connector.clone();
            async move { connector.connect().await }
        })
    }
}

/// Builder for a [`Rig`]: without a source, or with a channel and a mock.
pub(crate) struct Setup {
    pub(crate) stream: &'static str,
    pub(crate) limits: Limits,
    pub(crate) config: Config,
    pub(crate) sources: Sources,
    /// Filter of the subscriber whose events are logged; `None` starts a server instead.
    pub(crate) filter: Option<Filter>,
    pub(crate) scenario: ScenarioFile,
    /// `USER` of `livetape live USER`.
    pub(crate) user: &'static str,
    pub(crate) options: ChannelOptions,
}

impl Default for Setup {
    fn default() -> Self {
        let live = live::LiveOptions {
            upstream: Some(live::Url::parse(UPSTREAM).unwrap()),
            seed: 7,
            wall_anchor: Some(Duration::from_millis(MEMORY_WALL_MS)),
            ..live::LiveOptions::new("")
        };
        let mut options = ChannelOptions::new(live);
        options.play.recordings = repository().join("recordings");
        Self {
            stream: "s",
            limits: Limits::default(),
            config: Config::default(),
            sources: Sources::default(),
            filter: None,
            scenario: Scenario::default().into(),
            user: "demo",
            options,
        }
    }
}

impl Setup {
    /// A scenario of the mock, with one subscriber whose events are logged.
    pub(crate) fn scenario(scenario: ScenarioFile) -> Self {
        let filter = Filter { raw: true, gifts: Gifts::Delta, ..Filter::default() };
        Self { scenario, filter: Some(filter), ..Self::default() }
    }

    /// Like [`Setup::scenario`], with a file of `fixtures/scenarios`.
    pub(crate) fn fixture(name: &str) -> Self {
        Self::scenario(Mock::scenario(&format!("{name}.toml")))
    }

    /// A main channel `main`, and additional channels for [`tokens`].
    pub(crate) fn channels(toml: &str) -> Self {
        let scenario = Scenario::parse(toml).unwrap().into();
        let sources = Sources { tokens: tokens(), ..Sources::default() };
        Self { stream: "main", user: "ann", scenario, sources, ..Self::default() }
    }

    /// Sets the maximum number of live rooms.
    pub(crate) fn places(self, max_live: usize) -> Self {
        self.sources(|sources| Sources { max_live, ..sources })
    }

    pub(crate) fn sources(mut self, change: impl FnOnce(Sources) -> Sources) -> Self {
        self.sources = change(self.sources);
        self
    }

    pub(crate) fn options(mut self, change: impl FnOnce(ChannelOptions) -> ChannelOptions) -> Self {
        self.options = change(self.options);
        self
    }

    pub(crate) fn sign_url(self, sign_url: Option<live::Url>) -> Self {
        self.options(|options| ChannelOptions {
            live: live::LiveOptions { sign_url, ..options.live },
            ..options
        })
    }

    /// Starts a server without a source; the test gets the driver.
    pub(crate) fn idle(self) -> Rig {
        let hub = Hub::new(self.stream.to_owned(), self.limits);
        let (control, driver) = Control::with(self.sources).unwrap();
        let (listener, connector) = memory::listener(SOCKET_BYTES);
        let started = clock::now();
        let timeline = self.filter.map(|filter| Timeline::of(&hub, filter, started));
        let server = Server { hub: hub.clone(), control: control.clone(), config: self.config };
        // The log is about the source alone: a server would close the hub earlier and send heartbeats.
        let serving = match &timeline {
            Some(_) => tokio::spawn(async {}),
            None => tokio::spawn(serve(listener, server)),
        };
        Rig {
            hub,
            control,
            connector,
            serving,
            started,
            driver: Some(driver),
            timeline,
            mock: None,
            channel: None,
            replay: None,
        }
    }

    /// Starts a server with a mock upstream, and creates its channel.
    pub(crate) fn channel(mut self) -> (Rig, Channel) {
        let mock = Mock::new(std::mem::replace(&mut self.scenario, Scenario::default().into()));
        let (transport, options) = (mock.transport(), self.options.clone());
        let mut rig = self.idle();
        let driver = rig.take_driver();
        rig.mock = Some(mock);
        let channel = Channel::new(rig.hub.clone(), &rig.control, driver, transport, options);
        (rig, channel)
    }

    /// Starts a server with a channel and a mock upstream.
    pub(crate) fn start(mut self, start: As) -> Rig {
        self.options.ends_with_source = start == As::Live;
        let user = self.user.to_owned();
        let (mut rig, channel) = self.channel();
        rig.channel = Some(tokio::spawn(async move {
            match start {
                As::Live => channel.live(user).await,
                As::Serve => channel.serve().await,
                As::Replay => channel.replay(short()).await.unwrap(),
            }
        }));
        rig
    }
}

/// The log of one subscriber: virtual milliseconds and event.
struct Timeline {
    log: Arc<Mutex<Vec<(u64, Value)>>>,
    /// Returns the time and the reason of the end.
    reader: JoinHandle<(u64, Next)>,
}

impl Timeline {
    pub(crate) fn of(hub: &Hub, filter: Filter, started: Instant) -> Self {
        let log = Arc::default();
        let reader = tokio::spawn(read(hub.clone(), filter, started, Arc::clone(&log)));
        Self { log, reader }
    }

    fn so_far(&self) -> Vec<(u64, Value)> {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the hub closes.
    pub(crate) async fn finish(self) -> (Vec<(u64, Value)>, u64, Next) {
        let (ms, next) = self.reader.await.unwrap();
        (std::mem::take(&mut self.log.lock().unwrap()), ms, next)
    }
}

async fn read(hub: Hub, filter: Filter, started: Instant, log: Arc<Mutex<Vec<(u64, Value)>>>) -> (u64, Next) {
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

/// Formats a log: one line for each state event, and one line for all other events in between.
pub(crate) fn outline(log: &[(u64, Value)]) -> Vec<String> {
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
        "error" => {
            let (hint, retrying) = (data["hint"].as_str().unwrap(), data["retrying"] == true);
            // No hint advises a wait that is told or that livetape observes.
            assert_eq!(fitting(hint, retrying, data["retryAfterMs"].is_u64()), hint, "{data}");
            format!(
                "error {} attempt={} retrying={retrying} retryAfterMs={} {}",
                data["code"], data["attempt"], data["retryAfterMs"], data["message"]
            )
        }
        _ => return None,
    })
}

pub(crate) struct Served {
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) driver: Driver,
    pub(crate) address: SocketAddr,
    pub(crate) serving: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(config: Config) -> Self {
        let listener = Listening::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.addresses()[0];
        let (control, driver) = Control::new();
        let hub = Hub::new("s".to_owned(), Limits::default());
        let server = Server { hub: hub.clone(), control: control.clone(), config };
        Self { hub, control, driver, address, serving: tokio::spawn(serve(listener, server)) }
    }
}
