//! Checks across settings, those of a cluster included.

use std::{ops::RangeInclusive, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    event::KINDS,
    nearest,
    offset::check_range,
    secret::is_plain,
};
use livetape_engine::source::live::{Broken, Group, Requests, Way};

use crate::mask;

use super::{
    Limits, Settings,
    table::{Cluster, Replay, Request, Server, Webhook},
    value::Address,
};

const BEARER_BYTES_MIN: usize = 16;

/// Valid range of a backlog, in events. Half of the minimum exceeds the events of a typical frame.
const BACKLOG_EVENTS: RangeInclusive<usize> = 64..=1 << 22;

/// Shorter heartbeats would flood clients, and one of zero would never end.
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);

/// Returns every conflict and every value out of range.
pub(super) fn check(settings: &Settings) -> Vec<Problem> {
    let Settings { server, limits, replay, live, .. } = settings;
    let mut problems = Vec::new();
    let mut bad = |message: &str, hint: &str| {
        problems.push(Problem::new(Code::BadConfig, message).hint(hint));
    };
    if server.tls_cert.is_some() != server.tls_key.is_some() {
        bad("only one of --tls-cert and --tls-key is set", "set both, or neither");
    }
    let address = server.address().ip();
    if !address.is_loopback() && server.token.is_none() && server.token_file.is_none() {
        bad(
            &format!("{address} is not a loopback address: anyone who can reach it could stop this server"),
            "set a token with LIVETAPE_TOKEN or LIVETAPE_TOKEN_FILE=FILE (run `livetape token` for one), or listen on 127.0.0.1",
        );
    }
    let count = server.tokens().count();
    for (at, why) in server.tokens().enumerate().filter_map(|(at, token)| Some((at, wrong_with(token)?))) {
        let which = if count == 1 { String::new() } else { format!(" {} of {count}", at + 1) };
        bad(&format!("bearer token{which} in server.token (LIVETAPE_TOKEN) {why}"), TOKEN_HINT);
    }
    if server.heartbeat < HEARTBEAT_MIN {
        bad("server.heartbeat is shorter than 100ms", "choose a longer one");
    }
    webhook_problems(&settings.webhook, &mut bad);
    settings.cluster.problems(&mut bad);
    replay_problems(replay, &mut bad);
    if live.ways.contains(&Way::Tab) && live.cdp.is_none() {
        bad(
            "live.ways has `tab`, but no browser is named",
            "set live.cdp (--cdp) to the debugging port of Chrome, such as 9222, or remove `tab`",
        );
    }
    limit_problems(limits, &mut bad);
    problems
}

/// Returns everything that breaks the protocol. `path` is the settings file, which keys may be `of_file`.
pub(super) fn check_request(request: &Request, path: &str, of_file: impl Fn(&str) -> bool) -> Vec<Problem> {
    let broken = request.requests().err().unwrap_or_default();
    let problem = |Broken { key, message, hint }: Broken| {
        let key = format!("live.request.{key}");
        let place = if of_file(&key) { format!("{path}: ") } else { String::new() };
        Problem::new(Code::BadConfig, format!("{place}{key}: {message}")).hint(hint)
    };
    broken.into_iter().map(problem).collect()
}

pub const TOKEN_HINT: &str =
    "use 16 to 256 letters, digits or -._~, or run `livetape token` to generate a token";

/// Start of a bearer token that only reads.
pub const READ_ONLY: &str = "read:";

/// Returns what is wrong with a bearer token, perhaps behind [`READ_ONLY`], without repeating it: it has to be valid in a
/// header, a query and a WebSocket subprotocol.
#[must_use]
pub fn wrong_with(token: &str) -> Option<String> {
    let token = token.strip_prefix(READ_ONLY).unwrap_or(token);
    let is_invalid = |c: char| !is_plain(c.encode_utf8(&mut [0; 4]));
    let count = token.chars().count();
    if let Some((at, c)) = token.chars().enumerate().find(|(_, c)| is_invalid(*c)) {
        return Some(format!("has the invalid character {c:?} in place {}", at + 1));
    }
    match count {
        0 => Some("is empty".to_owned()),
        1..BEARER_BYTES_MIN => {
            Some(format!("is too short: {count} of at least {BEARER_BYTES_MIN} characters"))
        }
        _ if !is_plain(token) => Some(format!("is too long: {count} characters")),
        _ => None,
    }
}

impl Server {
    /// Returns the bearer tokens of the setting, as written.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.token.iter().flat_map(|token| token.reveal().split(',')).map(str::trim)
    }
}

impl Request {
    /// Returns what requests contain.
    ///
    /// # Errors
    /// Returns every setting that breaks the protocol.
    pub fn requests(&self) -> Result<Requests, Vec<Broken>> {
        let changes = [
            (Group::Hosts, &self.hosts),
            (Group::Paths, &self.paths),
            (Group::Headers, &self.headers),
            (Group::SocketHeaders, &self.socket_headers),
            (Group::Lookup, &self.lookup),
            (Group::RoomInfo, &self.room_info),
            (Group::Socket, &self.socket),
            (Group::Signed, &self.signed),
            (Group::SignFetch, &self.sign_fetch),
            (Group::SignConnect, &self.sign_connect),
        ];
        Requests::new(self.user_agent.as_deref(), &changes)
    }
}

fn webhook_problems(webhook: &Webhook, bad: &mut impl FnMut(&str, &str)) {
    if let Some(Address(url)) = &webhook.url
        && !matches!(url.scheme(), "http" | "https")
    {
        bad(&format!("webhook.url has the scheme `{}`", url.scheme()), "use http:// or https://");
    }
    for name in webhook.types.iter().filter(|name| !KINDS.contains(&name.as_str())) {
        bad(
            &format!("webhook.types has the unknown type `{}`", mask::argument(name)),
            &nearest::hint(name, KINDS),
        );
    }
}

fn replay_problems(replay: &Replay, bad: &mut impl FnMut(&str, &str)) {
    if let Err(range) = check_range(replay.start, replay.end) {
        bad(&range.to_string(), "choose a later --end");
    }
    if replay.idle_limit == Some(Duration::ZERO) {
        bad("--idle-limit is 0", "use --speed max to skip all waiting");
    }
}

fn limit_problems(limits: &Limits, bad: &mut impl FnMut(&str, &str)) {
    if !BACKLOG_EVENTS.contains(&limits.backlog_events) {
        bad("limits.backlog_events is not between 64 and 4194304", "choose a value in this range");
    }
    if limits.connections == 0 {
        bad("limits.connections is 0: clients would be rejected", "choose a larger value");
    }
    if limits.shutdown_time.is_zero() {
        bad("limits.shutdown_time is 0: no shutdown would be graceful", "choose a longer one");
    }
}

const NAME_BYTES_MAX: usize = 32;
/// Valid range of a lease.
const LEASE: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(60);
/// Valid number of NATS servers that store a message.
const REPLICAS: RangeInclusive<usize> = 1..=5;

impl Cluster {
    /// Passes every value out of range, and what to do, to `bad`.
    pub(super) fn problems(&self, bad: &mut impl FnMut(&str, &str)) {
        let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !(1..=NAME_BYTES_MAX).contains(&self.name.len()) || !is_plain(&self.name) {
            bad("--cluster is not a valid name", "use 1 to 32 letters, digits and dashes");
        }
        if !LEASE.contains(&self.lease) {
            bad("cluster.lease is not between 500ms and 1m", "choose a value in this range");
        }
        if !REPLICAS.contains(&self.replicas) {
            bad("cluster.replicas is not between 1 and 5", "choose 1, 3 or 5");
        }
    }

    /// Rejects settings without effect. Only for commands that can join a cluster: others read the same file.
    ///
    /// # Errors
    /// `bad_config`.
    pub fn check_nats(&self) -> Result<(), Problem> {
        if self.nats.is_some() || *self == Self::default() {
            return Ok(());
        }
        Err(Problem::new(Code::BadConfig, "there are settings of a cluster, but --nats is missing")
            .hint("set --nats, LIVETAPE_NATS or cluster.nats to nats://HOST:4222, or remove the other settings of a cluster"))
    }
}
