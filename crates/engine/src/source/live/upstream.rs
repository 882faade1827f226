//! Sends requests to the upstream with timeouts, and records every exchange.

use std::{future::Future, time::Duration};

use livetape_core::{
    error::Code,
    recording::{
        Flags, Item, What,
        records::{Http, http::Role},
    },
    wire,
};
use livetape_feed::control::Limit;
use livetape_io::clock;
use tokio::time::{Instant, sleep_until};

use super::{
    LiveOptions,
    bounds::BODY_BYTES_MAX,
    failure::Failure,
    held::Held,
    options::{Origins, Url},
    redact::Redact,
    transport::{HttpResponse, OpenError, Opened, Request, SharedTransport, Unreached},
    url,
};

pub const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time for opening a WebSocket.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(20);

/// User agent of a browser, because TikTok rejects some devices without one.
pub(super) const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/// When a look-up may begin. All count against the budget.
#[derive(Clone, Copy, Debug)]
pub(super) enum Turn {
    /// At the time that was reserved for it.
    Reserved(Instant),
    /// In its turn.
    Queue,
    /// At once, because a connected room depends on it.
    AtOnce,
}

/// The upstream and the exchanges with it.
pub(super) struct Upstream {
    pub(super) transport: SharedTransport,
    pub(super) origins: Origins,
    pub(super) redact: Redact,
    pub(super) limit: Limit,
    /// When the next look-up may begin.
    pub(super) turn: Turn,
    /// Number of the current connection, from 1.
    pub(super) conn: u32,
    pub(super) held: Held,
    epoch: Instant,
    wall_anchor: Duration,
}

impl Upstream {
    pub(super) fn new(options: &LiveOptions, transport: SharedTransport, wall_anchor: Duration) -> Self {
        let mut redact = Redact::new(options.sign_key.iter().chain(&options.session_cookie));
        for (_, value) in options.upstream.iter().chain(&options.sign_url).flat_map(Url::query_pairs) {
            redact.hide(&value);
        }
        Self {
            transport,
            origins: Origins::new(options),
            redact,
            limit: options.limit.clone(),
            turn: options.turn.map_or(Turn::Queue, Turn::Reserved),
            conn: 1,
            held: Held::default(),
            epoch: clock::now(),
            wall_anchor,
        }
    }

    /// Waits until a look-up may begin.
    pub(super) async fn turn(&mut self) {
        let turn = match std::mem::replace(&mut self.turn, Turn::Queue) {
            Turn::Reserved(turn) => turn,
            Turn::Queue => self.limit.queue(),
            Turn::AtOnce => self.limit.overdraw(),
        };
        if turn > clock::now() {
            sleep_until(turn).await;
        }
    }

    /// Returns the time since the start.
    pub(super) fn now(&self) -> Duration {
        clock::now().duration_since(self.epoch)
    }

    pub(super) fn at(&self, offset: Duration) -> Instant {
        self.epoch + offset
    }

    /// Returns the wall time since the Unix epoch, derived from a single reading of the clock.
    pub(super) fn wall(&self) -> Duration {
        self.wall_anchor + self.now()
    }

    pub(super) fn note(&mut self, what: What) {
        self.note_flagged(what, 0);
    }

    pub(super) fn note_flagged(&mut self, what: What, flags: u8) {
        self.held.push(Item { offset: self.now(), conn: self.conn, flags: Flags(flags), what });
    }

    /// Sends a GET request, decompresses the body and records the exchange, including the body if
    /// `with_body`.
    pub(super) async fn get(
        &mut self,
        role: Role,
        request: &Request,
        with_body: bool,
    ) -> Result<HttpResponse, Failure> {
        let lost = |why: &str| Failure::new(Code::ConnectionLost, why);
        let mut answer = match within(HTTP_TIMEOUT, self.transport.get(request)).await {
            None => return Err(lost(&format!("no response from {} within 10 s", host(request)))),
            Some(Err(unreached)) => {
                let (host, why) = (host(request), &unreached.why);
                let names_host = why.contains(&format!("`{host}`"));
                let detail = if names_host { why.clone() } else { format!("{host}: {why}") };
                return Err(Failure::new(unreached.code, detail));
            }
            Some(Ok(answer)) => answer,
        };
        if answer.header("content-encoding").is_some_and(|encoding| encoding.contains("gzip")) {
            answer.body = wire::unzip(answer.body, &mut Vec::new());
            answer.body.truncate(BODY_BYTES_MAX);
        }
        self.note_http(role, request, &answer, with_body);
        Ok(answer)
    }

    /// Opens a WebSocket. Records a rejection.
    pub(super) async fn open(&mut self, request: &Request) -> Result<Opened, OpenError> {
        let result = within(OPEN_TIMEOUT, self.transport.open(request)).await;
        let late = || OpenError::Unreached(Unreached::new("the WebSocket was not opened within 20 s"));
        let result = result.unwrap_or_else(|| Err(late()));
        if let Err(OpenError::Refused(answer)) = &result {
            self.note_http(Role::Unknown, request, answer, true);
        }
        result
    }

    pub(super) fn note_http(
        &mut self,
        role: Role,
        request: &Request,
        answer: &HttpResponse,
        with_body: bool,
    ) {
        let http = Http {
            role: role.into(),
            request_line: format!("GET {}", url::shown(&request.url)),
            status: answer.status.into(),
            headers: self.redact.headers(&answer.headers),
            body: if with_body { answer.body.clone() } else { bytes::Bytes::new() },
        };
        let is_cut = !with_body && !answer.body.is_empty();
        self.note_flagged(What::Http(http), if is_cut { Flags::TRUNCATED } else { 0 });
    }
}

fn host(request: &Request) -> String {
    let shown = url::shown(&request.url);
    shown.split('/').nth(2).unwrap_or_default().to_owned()
}

/// Returns the result of the future, or `None` after `limit`.
pub(super) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(clock::now() + limit, future).await.ok()
}

pub(super) fn browser_headers(cookie: &str) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("user-agent", USER_AGENT.to_owned()),
        ("accept", "text/html,application/json,application/protobuf".to_owned()),
        ("accept-language", "en-US,en;q=0.9".to_owned()),
        ("accept-encoding", "gzip".to_owned()),
        ("cache-control", "max-age=0".to_owned()),
        ("referer", "https://www.tiktok.com/".to_owned()),
        ("origin", "https://www.tiktok.com".to_owned()),
    ];
    if !cookie.is_empty() {
        headers.push(("cookie", cookie.to_owned()));
    }
    headers
}
