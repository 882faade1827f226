//! The options of an app, and what they mean for the server and its sources.

use std::{
    fmt::Display,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    time::Duration,
};

use livetape_core::{error::Problem, pace::Speed, username::normalise};
use livetape_engine::{
    channels::ChannelOptions,
    source::{ReplayOptions, live::LiveOptions},
};
use livetape_server::{Access, HandlerLimits, Recordings, Tokens, lobby};
use serde::Deserialize;

use crate::error::bad;

/// Valid range of `maxMessageBytes`.
const MESSAGE_BYTES: RangeInclusive<usize> = 1..=16 << 20;
/// Valid range of `handlerTimeoutMs`: up to a day.
const HANDLER_TIMEOUT_MS: RangeInclusive<u64> = 1..=24 * 60 * 60 * 1000;
/// Valid range of `maxQueuedBytes`.
const QUEUED_BYTES: RangeInclusive<usize> = 1..=1 << 30;
/// Valid range of the limits that count something.
const COUNT: RangeInclusive<usize> = 1..=1_000_000;
/// Default of `maxMessageBytes`. The queue may hold 256 messages of this length.
const MESSAGE_BYTES_DEFAULT: usize = 64 << 10;

/// Options of `createApp`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AppOptions {
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) replay: Option<String>,
    pub(crate) live: Option<String>,
    speed: Option<SpeedOption>,
    #[serde(default)]
    wait_clients: usize,
    #[serde(default)]
    r#loop: bool,
    recordings: Option<PathBuf>,
    upstream: Option<String>,
    #[serde(default)]
    offline: bool,
    #[serde(default)]
    allow_inject: bool,
    token: Option<String>,
    #[serde(default)]
    origins: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    handler_timeout_ms: Option<u64>,
    #[serde(default)]
    fail_open: bool,
    max_message_bytes: Option<usize>,
    max_queued_bytes: Option<usize>,
    max_connections: Option<usize>,
    messages_per_second: Option<u32>,
    max_queued_events: Option<usize>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum SpeedOption {
    Times(f64),
    Text(String),
}

/// Reads a speed: a number, or text such as `max`.
pub(crate) fn speed(value: &serde_json::Value) -> Result<Speed, Problem> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.parse().map_err(|error: String| bad(error))
}

/// Checks a number.
fn within<T: PartialOrd + Display>(
    name: &str,
    value: Option<T>,
    range: &RangeInclusive<T>,
) -> Result<(), Problem> {
    match value {
        Some(value) if !range.contains(&value) => {
            Err(bad(format!("`{name}` {value} is not from {} to {}", range.start(), range.end())))
        }
        _ => Ok(()),
    }
}

impl AppOptions {
    /// Checks the options that nothing else checks.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if self.replay.is_some() && self.live.is_some() {
            return Err(bad("`replay` and `live` are both set").hint("choose one of them"));
        }
        if let Some(user) = &self.live {
            normalise(user)?;
        }
        within("maxMessageBytes", self.max_message_bytes, &MESSAGE_BYTES)?;
        within("handlerTimeoutMs", self.handler_timeout_ms, &HANDLER_TIMEOUT_MS)?;
        within("maxQueuedBytes", self.max_queued_bytes, &QUEUED_BYTES)?;
        within("maxQueuedEvents", self.max_queued_events, &COUNT)?;
        within("maxConnections", self.max_connections, &COUNT)?;
        within("messagesPerSecond", self.messages_per_second.map(|rate| rate as usize), &COUNT)?;
        if self.token.as_deref().is_some_and(|token| token.len() < 16) {
            return Err(bad("`token` is shorter than 16 characters")
                .hint("use `crypto.randomBytes(24).toString('base64url')`"));
        }
        self.channel().map(drop)
    }

    /// Returns the address to listen on.
    pub(crate) fn address(&self, port: Option<u16>) -> Result<SocketAddr, Problem> {
        let host = self.host.as_deref().unwrap_or("localhost");
        let ip = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            host => host.parse().map_err(|_| {
                bad(format!("`host` `{host}` is not an address")).hint("use localhost, 127.0.0.1 or 0.0.0.0")
            })?,
        };
        if !ip.is_loopback() && self.token.is_none() {
            let problem = bad(format!(
                "{ip} is not a loopback address: anyone who can reach it could stop this server"
            ));
            return Err(problem.hint("set the option `token`, or listen on 127.0.0.1"));
        }
        Ok((ip, port.or(self.port).unwrap_or(0)).into())
    }

    /// Returns the limits of the sockets.
    pub(crate) fn sockets(&self) -> livetape_server::Limits {
        let default = livetape_server::Limits::default();
        livetape_server::Limits {
            message_bytes_max: self.max_message_bytes.unwrap_or(MESSAGE_BYTES_DEFAULT),
            waiting_bytes_max: self.max_queued_bytes.unwrap_or(default.waiting_bytes_max),
            ..default
        }
    }

    /// Returns the limits of rooms and messages between clients.
    pub(crate) fn lobby(&self) -> lobby::Limits {
        let default = lobby::Limits::default();
        lobby::Limits {
            connections_max: self.max_connections.unwrap_or(default.connections_max),
            messages_per_second: self.messages_per_second.unwrap_or(default.messages_per_second),
            ..default
        }
    }

    /// Returns the limits of the handlers' events.
    pub(crate) fn handlers(&self) -> HandlerLimits {
        let default = HandlerLimits::default();
        HandlerLimits {
            events_max: self.max_queued_events.unwrap_or(default.events_max),
            answer_max: self.handler_timeout_ms.map_or(default.answer_max, Duration::from_millis),
            fail_open: self.fail_open,
        }
    }

    /// Returns the options of the server.
    pub(crate) fn server(&self, address: SocketAddr) -> Result<livetape_server::Config, Problem> {
        let access = Access {
            hosts: self.hosts.clone(),
            origins: self.origins.clone(),
            any_address: !address.ip().is_loopback(),
            tokens: Tokens::new(self.token.iter().cloned().map(Into::into).collect()),
        };
        access.check()?;
        let default = livetape_server::Config::default();
        let directory = self.recordings.clone().unwrap_or(default.recordings.directory.clone());
        let recordings = Recordings { directory, ..default.recordings };
        let mut bounds = default.bounds;
        if let Some(connections) = self.max_connections {
            bounds.connections_max = connections;
        }
        Ok(livetape_server::Config { access, recordings, bounds, ..default })
    }

    /// Returns the options of the sources.
    pub(crate) fn channel(&self) -> Result<ChannelOptions, Problem> {
        let mut live = LiveOptions::new(self.live.clone().unwrap_or_default());
        live.offline = self.offline;
        if let Some(upstream) = &self.upstream {
            let url = upstream.parse().map_err(|error| bad(format!("`upstream` `{upstream}`: {error}")))?;
            live.upstream = Some(url);
        }
        let default = ReplayOptions::default();
        let speed = match &self.speed {
            None => default.speed,
            Some(SpeedOption::Times(times)) => speed(&(*times).into())?,
            Some(SpeedOption::Text(text)) => speed(&text.as_str().into())?,
        };
        let play = ReplayOptions {
            speed,
            laps: if self.r#loop { None } else { default.laps },
            wait_clients: self.wait_clients,
            recordings: self.recordings.clone().unwrap_or(default.recordings.clone()),
            ..default
        };
        Ok(ChannelOptions { play, allow_inject: self.allow_inject, ..ChannelOptions::new(live) })
    }
}
