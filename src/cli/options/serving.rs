//! Options of the server and the webhook, from the settings. Reads tokens and certificates.

use std::{ops::RangeInclusive, path::Path, sync::Arc};

use bytes::Bytes;
use livetape_core::{
    error::{Code, Problem},
    retry_after,
    secret::Secret,
};
use livetape_engine::source::live::{LiveOptions, NetTransport, Request};
use livetape_feed::{
    control::{Sources, TOKENS_MAX, Token, WebhookState},
    hub::{self, Filter, Gifts, Hub},
};
use livetape_io::{clock, files, net::Listening};
use livetape_server::{Access, Bounds, Config, Recordings, Tikfinity, Tls, Tokens, lobby};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    cli::{
        args,
        process::{display, output::warn, signals},
    },
    log,
    settings::{self, Address, Limits, READ_ONLY, Settings, TOKEN_HINT, wrong_with},
    webhook::{Options, Post, Response, deliver},
};

/// Of this many connections, one is no subscriber's, but left for requests and `/ws`.
const CONNECTIONS_PER_OTHER: usize = 6;
/// Bytes of JSON in a backlog for each of its events.
const BACKLOG_EVENT_BYTES: u64 = 512;
/// Range of a backlog, in bytes of JSON. The minimum holds the events of any frame.
const BACKLOG_BYTES: RangeInclusive<u64> = 256 << 10..=1 << 30;
/// Mode bits that let the group or everyone read a file.
#[cfg(unix)]
const OTHERS_MAY_READ: u32 = 0o044;

pub(crate) fn config(settings: &Settings) -> Result<Config, Problem> {
    let server = &settings.server;
    let tokens = tokens(settings)?;
    if tokens.only_read() {
        return Err(Problem::new(Code::BadConfig, "all tokens only read, and none can control the server")
            .hint("add a token without `read:`"));
    }
    let access = Access {
        hosts: server.hosts.clone(),
        origins: server.origins.clone(),
        any_address: !server.address().ip().is_loopback(),
        tokens,
    };
    access.check()?;
    let limits = &settings.limits;
    let bounds = Bounds {
        connections_max: limits.connections,
        drain_max: signals::drain_time(limits.shutdown_time),
        ..Bounds::default()
    };
    Ok(Config {
        access,
        bounds,
        tls: tls(settings)?,
        subscribers_max: subscribers_max(limits),
        sockets: livetape_server::Limits {
            heartbeat_interval: server.heartbeat,
            ..livetape_server::Limits::default()
        },
        lobby: lobby::Limits { connections_max: limits.connections, ..lobby::Limits::default() },
        lost_log_lines: log::lost,
        recordings: Recordings { directory: server.folder(), ..Recordings::default() },
        ..Config::default()
    })
}

/// Listens for clients of TikFinity, if the settings say so.
pub(crate) async fn tikfinity(settings: &Settings) -> Result<Option<Tikfinity<Listening>>, Problem> {
    let settings::Tikfinity(Some(listen)) = settings.server.tikfinity else { return Ok(None) };
    let access = Access {
        hosts: settings.server.hosts.clone(),
        origins: settings.server.origins.clone(),
        any_address: !listen.0.ip().is_loopback(),
        tokens: Tokens::default(),
    };
    access.check()?;
    let hint = "end the other program, TikFinity or another livetape, or use another port: --tikfinity=PORT";
    let listener = Listening::bind(listen.0).await.map_err(|problem| match problem.code {
        Code::PortInUse => problem.hint(hint),
        _ => problem,
    })?;
    let url = format!("ws://{}/", listener.addresses()[0]);
    Ok(Some(Tikfinity { listener, url, access }))
}

/// Returns the sources that tokens may start.
pub(crate) fn token_sources(settings: &Settings) -> Sources {
    let token = |token: &settings::Token| Token {
        secret: token.token.clone(),
        client: token.name.clone(),
        user: token.user.clone(),
        recording: token.recording.clone(),
    };
    Sources {
        tokens: settings.tokens.iter().map(token).collect(),
        max_live: settings.server.max_live,
        recordings: settings.server.folder(),
        tell: display::say,
        ..Sources::default()
    }
}

/// Returns the maximum number of subscribers.
pub(crate) fn subscribers_max(limits: &Limits) -> usize {
    limits.connections - limits.connections / CONNECTIONS_PER_OTHER
}

/// Returns the limits of each channel's backlog.
pub(crate) fn backlog(settings: &Settings) -> hub::Limits {
    let events_max = settings.limits.backlog_events as u64;
    let bytes_max = (events_max * BACKLOG_EVENT_BYTES).clamp(*BACKLOG_BYTES.start(), *BACKLOG_BYTES.end());
    hub::Limits { events_max, bytes_max, ..hub::Limits::default() }
}

/// Returns the tokens of the settings, and of their file.
pub(crate) fn tokens(settings: &Settings) -> Result<Tokens, Problem> {
    if let Some(path) = settings.server.token_file.as_deref().filter(|path| others_may_read(path)) {
        let path = path.display();
        warn(format_args!("⚠️ Other users can read the tokens in {path}: run `chmod 600 {path}`"));
    }
    let (mut full, mut read) = (Vec::new(), Vec::new());
    for token in all_tokens(&settings.server)? {
        match token.strip_prefix(READ_ONLY) {
            Some(token) => read.push(Secret::from(token.to_owned())),
            None => full.push(Secret::from(token)),
        }
    }
    if read.iter().any(|token| full.contains(token)) {
        return Err(Problem::new(Code::BadConfig, "a token is there twice, with `read:` and without")
            .hint("choose another token for one of them: `livetape token` generates one"));
    }
    Ok(Tokens::new(full).with_read_only(read))
}

/// Returns the tokens as written, first those of the setting.
fn all_tokens(server: &settings::Server) -> Result<Vec<String>, Problem> {
    let mut tokens: Vec<_> = server.tokens().map(str::to_owned).collect();
    let Some(path) = &server.token_file else { return Ok(tokens) };
    let text = read_text(path)?;
    let before = tokens.len();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(why) = wrong_with(line) {
            // The message must not repeat it.
            return Err(bad(&format!("{}:{}: the token {why}", path.display(), index + 1)).hint(TOKEN_HINT));
        }
        tokens.push(line.to_owned());
    }
    if tokens.len() == before {
        return Err(bad(&format!("no token in {}", path.display())).hint(TOKEN_HINT));
    }
    if tokens.len() - before > TOKENS_MAX {
        let message = format!("more than {TOKENS_MAX} tokens in {}", path.display());
        return Err(bad(&message).hint(format!("keep at most {TOKENS_MAX} tokens in the file")));
    }
    Ok(tokens)
}

/// Bytes of the hash of all tokens that nodes of a cluster compare: too few to find a token with it.
#[cfg(feature = "nats")]
const TOKENS_HASH_BYTES: usize = 4;

/// Returns what the nodes of a cluster must have in common.
#[cfg(feature = "nats")]
pub(crate) fn shared(settings: &Settings) -> Result<livetape_cluster::Settings, Problem> {
    let server = &settings.server;
    let tokens = all_tokens(server)?.into_iter().map(|token| format!("token {token}"));
    let rooms = settings.tokens.iter().map(|settings::Token { token, name, user, recording }| {
        format!("room {} {name:?} {user:?} {recording:?}", token.reveal())
    });
    let mut all: Vec<_> = tokens.chain(rooms).collect();
    all.sort_unstable();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, settings.cluster.name.as_bytes());
    let hash = ring::hmac::sign(&key, all.join("\n").as_bytes());
    let tokens = hash.as_ref().iter().take(TOKENS_HASH_BYTES).map(|byte| format!("{byte:02x}")).collect();
    Ok(livetape_cluster::Settings { tokens, max_live: server.max_live })
}

pub(super) fn others_may_read(path: &Path) -> bool {
    #[cfg(unix)]
    return path.metadata().is_ok_and(|metadata| {
        metadata.is_file()
            && std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & OTHERS_MAY_READ != 0
    });
    #[cfg(not(unix))]
    return {
        let _ = path;
        false
    };
}

fn tls(settings: &Settings) -> Result<Option<Tls>, Problem> {
    let (Some(certificates), Some(key)) = (&settings.server.tls_cert, &settings.server.tls_key) else {
        return Ok(None);
    };
    Tls::from_pem(read_text(certificates)?.as_bytes(), read_text(key)?.as_bytes()).map(Some)
}

/// Reads a text file that people write.
pub(crate) fn read_text(path: &Path) -> Result<String, Problem> {
    files::read_text(path).map_err(|error| bad(&format!("cannot read {}: {error}", path.display())))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    files::read_small(path).map_err(|error| bad(&format!("cannot read {}: {error}", path.display())))
}

fn bad(message: &str) -> Problem {
    Problem::new(Code::BadConfig, message).hint("check the path and the permissions of the file")
}

/// Addresses of the server, as shown to users.
pub(crate) struct Addresses {
    pub(crate) feed: String,
    /// Address of the REST API, without a trailing slash.
    pub(crate) rest: String,
    /// Address of the feed in TikFinity's format.
    pub(crate) tikfinity: Option<String>,
}

impl Addresses {
    pub(crate) fn new(settings: &Settings, address: &str, tikfinity: Option<&Tikfinity<Listening>>) -> Self {
        let s = if settings.server.tls_cert.is_some() { "s" } else { "" };
        let tikfinity = tikfinity.map(|it| it.url.clone());
        Self { feed: format!("ws{s}://{address}/"), rest: format!("http{s}://{address}"), tikfinity }
    }
}

/// A webhook that is ready to receive events.
pub(crate) struct Webhook {
    options: Options,
    post: Network,
    pub(crate) counts: Arc<WebhookState>,
}

/// Sends requests over the network, without the proxy for TikTok.
struct Network {
    transport: NetTransport,
    url: String,
}

impl Post for Network {
    async fn post(&self, body: Bytes, signature: Option<String>) -> Result<Response, String> {
        let agent = concat!("livetape/", env!("CARGO_PKG_VERSION")).to_owned();
        let headers = [("content-type".into(), "application/json".to_owned()), ("user-agent".into(), agent)];
        let signature = signature.map(|signature| ("x-livetape-signature".into(), signature));
        let request =
            Request { url: self.url.clone(), headers: headers.into_iter().chain(signature).collect() };
        let answer = self.transport.post(&request, body).await.map_err(|error| error.why)?;
        let retry_after = retry_after::read(|name| answer.header(name), clock::wall());
        Ok(Response { status: answer.status, retry_after })
    }
}

impl Webhook {
    /// Returns the webhook of the settings, if there is one.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, Problem> {
        let Some(Address(url)) = &settings.webhook.url else { return Ok(None) };
        // The settings contain only known types. An empty list means all of them.
        let types = settings.webhook.types.join(",").parse().unwrap_or_default();
        let live = LiveOptions { offline: settings.live.offline, ..LiveOptions::new("") };
        let transport = NetTransport::new(&live)?;
        transport.check(url)?;
        Ok(Some(Self {
            options: Options {
                filter: Filter { types, gifts: Gifts::Delta, ..Filter::default() },
                secret: settings.webhook.secret.clone(),
                attempts_max: settings.live.max_attempts,
                seed: settings.server.seed.unwrap_or_else(args::random),
                drain_max: signals::drain_time(settings.limits.shutdown_time),
            },
            post: Network { transport, url: url.to_string() },
            counts: Arc::default(),
        }))
    }

    /// Starts to deliver events.
    pub(crate) fn start(self, hub: Hub, shutdown: CancellationToken, tasks: &TaskTracker) {
        let Self { options, post, counts } = self;
        tasks.spawn(async move { deliver(hub, options, post, &counts, shutdown).await });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_files_that_others_cannot_read_are_safe() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (mode, open) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(file.path(), mode).unwrap();
            assert_eq!(others_may_read(file.path()), open);
        }
    }

    #[test]
    fn default_settings_keep_the_default_backlog() {
        assert_eq!(backlog(&Settings::default()), hub::Limits::default());
    }
}
