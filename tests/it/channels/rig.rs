//! Mock ⇄ supervisor → server → sockets, all in memory and under a paused clock.

use std::time::Duration;

use livetape::{
    control::{Control, Sources, Token},
    hub::{Hub, Limits},
    mock::{Happened, MEMORY_WALL_MS, MockTikTok, Scenario},
    server::{Config, Server, memory, serve},
    source::{
        Tape,
        live::{self, MemoryTransport},
    },
    supervisor::{Ended, Options, Supervisor},
};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_tungstenite::{client_async, tungstenite::Error};

use crate::harness::with_demo;
use crate::{
    harness::{Log, SOCKET_BYTES, Socket, json, read_all},
    rooms::rig::UPSTREAM,
};

/// Rooms that play all at once and stay open, and users who cannot be had.
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

/// What the server is started as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    /// `livetape live ann`
    Live,
    /// `livetape serve`
    Serve,
    /// `livetape replay short`
    Replay,
}

pub(crate) struct Rig {
    pub(crate) mock: MockTikTok,
    pub(crate) control: Control,
    pub(crate) hub: Hub,
    pub(crate) server: JoinHandle<Ended>,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) connector: memory::MemoryConnector,
}

/// `t-<user>` opens the room of each user, `t2-ann` that of ann as well; all of them have a recording for tests.
pub(crate) fn tokens() -> Vec<Token> {
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

impl Rig {
    pub(crate) fn start(start: As) -> Self {
        Self::with(ROOMS, start, |sources| sources)
    }

    /// With so many places for live rooms.
    pub(crate) fn places(start: As, max_live: usize) -> Self {
        Self::with(ROOMS, start, |sources| Sources { max_live, ..sources })
    }

    pub(crate) fn with(scenario: &str, start: As, change: impl FnOnce(Sources) -> Sources) -> Self {
        Self::with_backlog(scenario, start, change, Limits::default())
    }

    /// With channels beside the main one that keep so much.
    pub(crate) fn with_backlog(
        scenario: &str,
        start: As,
        change: impl FnOnce(Sources) -> Sources,
        backlog: Limits,
    ) -> Self {
        let mock = MockTikTok::in_memory(with_demo(Scenario::parse(scenario).unwrap())).unwrap();
        let upstream = mock.connector().unwrap();
        let transport = MemoryTransport::new(move || {
            let upstream = upstream.clone();
            async move { upstream.connect().await }
        });
        let live = live::Options {
            upstream: Some(live::Url::parse(UPSTREAM).unwrap()),
            seed: 7,
            wall_anchor: Some(Duration::from_millis(MEMORY_WALL_MS)),
            ..live::Options::new("")
        };
        let options = Options { ends_with_source: start == As::Live, backlog, ..Options::new(live) };
        let sources = change(Sources { tokens: tokens(), ..Sources::default() });
        let (control, driver) = Control::with(sources).unwrap();
        let hub = Hub::new("main".into(), Limits::default());
        let (listener, connector) = memory::listener(SOCKET_BYTES);
        let server = Server { hub: hub.clone(), control: control.clone(), config: Config::default() };
        let serving = tokio::spawn(serve(listener, server));
        let supervisor = Supervisor::new(hub.clone(), &control, driver, transport, options);
        let server = tokio::spawn(async move {
            match start {
                As::Live => supervisor.live("ann".into()).await,
                As::Serve => supervisor.serve().await,
                As::Replay => {
                    // In memory: the clock does not wait for a thread that reads ahead.
                    let bytes = std::fs::read("recordings/short.bin").unwrap();
                    let tape = Tape::from_bytes("short", bytes.into());
                    supervisor.replay(tape).await.unwrap()
                }
            }
        });
        Self { mock, control, hub, server, serving, connector }
    }

    /// A socket on `path`, which is without its slash at the front.
    pub(crate) async fn ws(&self, path: &str) -> Socket {
        self.try_ws(path).await.unwrap()
    }

    pub(crate) async fn try_ws(&self, path: &str) -> Result<Socket, Error> {
        let stream = self.connector.connect().await.unwrap();
        let (socket, _) = client_async(format!("ws://localhost/{path}"), stream).await?;
        Ok(socket)
    }

    /// A socket on `path`, read to its end: its last `error`, and the close.
    pub(crate) async fn refusal(&self, path: &str) -> (Value, (u16, String)) {
        let log = read_all(&mut self.ws(path).await).await;
        let error = log.texts.iter().map(|text| json(text)).rfind(|event| event["type"] == "error");
        (error.unwrap_or_default()["data"].clone(), log.close.unwrap())
    }

    /// How often a WebSocket to the upstream was opened.
    pub(crate) fn upgrades(&self) -> usize {
        self.mock.received().iter().filter(|entry| matches!(entry.what, Happened::Upgrade { .. })).count()
    }

    /// How much was asked of the upstream.
    pub(crate) fn requests(&self) -> usize {
        self.mock.received().iter().filter(|entry| matches!(entry.what, Happened::Request { .. })).count()
    }

    /// Ends the server, and waits for that.
    pub(crate) async fn end(self) -> Ended {
        self.control.shut_down();
        self.serving.await.unwrap();
        self.control.channels().ended().await;
        self.server.await.unwrap()
    }
}

/// `error` and close, in a line.
pub(crate) fn told((error, (close, reason)): &(Value, (u16, String))) -> String {
    format!("{} retrying={} {close} {reason}", error["code"], error["retrying"])
}

pub(crate) fn close(log: &Log) -> (u16, &str) {
    let (code, reason) = log.close.as_ref().unwrap();
    (*code, reason)
}
