//! Builder for a [`Rig`].

use std::time::Duration;

use livetape_engine::{
    channels::{Channel, ChannelOptions},
    source::{
        Tape,
        live::{self, MemoryTransport},
    },
};
use livetape_feed::{
    control::{Control, Sources, Token},
    hub::{Filter, Gifts, Hub, Limits},
};
use livetape_io::{clock, net::memory};
use livetape_mock::{MEMORY_WALL_MS, Scenario, ScenarioFile};
use livetape_server::{Config, Server, serve};

use super::{
    mock::Mock,
    repository::repository,
    rig::{Rig, SOCKET_BYTES},
    timeline::Timeline,
};

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
