//! livetape in memory under a paused clock: hub, control and server, and the source that a test starts.

use std::time::Duration;

use livetape_core::recording::Item;
use livetape_engine::{
    channels::Ended,
    source::{Replay, ReplayOptions, Summary, Tape},
};
use livetape_feed::{
    control::{Control, Driver, ReplayOrder, ReplayState},
    hub::{CloseReason, Filter, Hub, Limits, Next},
};
use livetape_io::net::memory;
use livetape_mock::{Happened, MockTikTok};
use livetape_server::Config;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
    time::Instant,
};
use tokio_tungstenite::{client_async, tungstenite::Error};

use super::{
    clients::Socket,
    http::HttpResponse,
    log::{json, read_all},
    mock::Mock,
    recording::recording,
    setup::Setup,
    timeline::{Timeline, outline},
};

/// Capacity of each in-memory connection, in bytes.
pub(crate) const SOCKET_BYTES: usize = 4 * 1024;
/// Maximum time of a request and its answer. Longer than any timeout of the server, so that a test fails
/// instead of hanging.
const EXCHANGE_MAX: Duration = Duration::from_secs(3600);

/// A running server, or one subscriber whose events are logged. Built by [`Setup`].
pub(crate) struct Rig {
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) connector: memory::MemoryConnector,
    pub(crate) serving: JoinHandle<()>,
    pub(super) started: Instant,
    /// Driver of the source, until a source takes it.
    pub(super) driver: Option<Driver>,
    pub(super) timeline: Option<Timeline>,
    pub(super) mock: Option<Mock>,
    pub(crate) channel: Option<JoinHandle<Ended>>,
    pub(super) replay: Option<JoinHandle<Summary>>,
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

    /// Sends requests, each a line `METHOD PATH BODY → MESSAGE → HINT`, and expects this error for each.
    pub(crate) async fn rejects(&self, status: u16, code: &str, rows: &str) {
        for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
            let [request, message, hint] = row.split(" → ").collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            let mut request = request.splitn(3, ' ');
            let [method, path, body] = [(); 3].map(|()| request.next().unwrap_or_default());
            let answer = self.http(method, path, body).await;
            let error = serde_json::json!({ "error": { "code": code, "hint": hint, "message": message } });
            assert_eq!((answer.status, answer.json()), (status, error), "{row}");
            assert_eq!(answer.header("content-type"), Some("application/json"), "{row}");
        }
    }

    /// Sends arbitrary bytes and returns the whole response.
    pub(crate) async fn raw(&self, request: &str) -> HttpResponse {
        let (mut reading, mut writing) = tokio::io::split(self.connect().await);
        let mut answer = Vec::new();
        // The server may respond and close before it has read everything.
        let exchange =
            async { tokio::join!(writing.write_all(request.as_bytes()), reading.read_to_end(&mut answer)) };
        let exchanged = tokio::time::timeout(EXCHANGE_MAX, exchange).await;
        exchanged.unwrap_or_else(|_| panic!("no complete answer to {request:?}")).1.unwrap();
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

    /// Returns the log so far as an [`outline`].
    pub(crate) fn outline(&self) -> Vec<String> {
        outline(&self.log())
    }

    /// Waits for the end of the replay and returns its summary.
    pub(crate) async fn summary(&mut self) -> Summary {
        self.replay.take().unwrap().await.unwrap()
    }

    /// Plays the replay to its end, and returns the log.
    pub(crate) async fn played(mut self) -> Vec<(u64, Value)> {
        self.summary().await;
        self.hub.close(CloseReason { code: 1000, reason: "test".into() });
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
        self.hub.close(CloseReason { code: 1001, reason: "shutting_down".into() });
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
