//! Sends requests to the upstream with timeouts, records every exchange without its secrets, and says why one failed.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use livetape_core::{
    error::{Code, Problem, fitting},
    recording::{
        Flags, Item, What,
        records::{Http, HttpHeader, http::Role},
    },
    redact::{Place, is_harmless, redact_text},
    retry_after, wire,
};
use livetape_feed::control::Limit;
use livetape_io::clock;
use tokio::time::{Instant, sleep_until};
use tracing::warn;
use tungstenite::http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    BODY_BYTES_MAX, LiveOptions, Origins, Secret, Url,
    driver::Held,
    request::{Group, Requests},
    secrets::{SecretKind, Secrets, Withheld},
    transport::{HttpResponse, OpenError, Opened, Request, SharedTransport, Unreached},
    url,
};
use crate::log_target::SECRETS;

pub const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time for opening a WebSocket.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(20);
/// Error messages in the wording of other clients, which users know.
pub(super) const RATE_LIMITED: &str = "[Rate Limited] Too many connections started, try again later";
pub(super) const NOT_FOUND: &str = "User not found or invalid";
pub(super) const OFFLINE: &str = "User is not currently live";
/// Advice for a proxy that fails.
pub(super) const PROXY_HINT: &str =
    "check that the proxy in `live.proxy` runs, and its address, user and password";
/// Advice for a server without TLS whose address the user wrote.
const PLAIN_HINT: &str = "write its address with http://, not https://";
/// Advice for a session whose upgrades get silent answers.
const FLAGGED_HINT: &str =
    "use another session or none for an hour: TikTok flags a session that connects about 15 times an hour";
/// Advice for this failure alone, which no other advice replaces.
pub(super) const OWN_HINTS: [&str; 3] = [PROXY_HINT, PLAIN_HINT, FLAGGED_HINT];
/// Value of `handshake-status` for a device that TikTok blocks.
const DEVICE_BLOCKED: &str = "415";
/// Maximum number of redirects of a request.
const REDIRECTS_MAX: usize = 3;
/// Maximum length of a header value and of a failure's detail, in characters.
const TEXT_CHARS_MAX: usize = 500;
/// Minimum length of a secret, in bytes. Shorter ones would match unrelated text.
const SECRET_BYTES_MIN: usize = 4;

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
    pub(super) requests: Arc<Requests>,
    pub(super) redact: Redact,
    pub(super) secrets: Secrets,
    /// A secret that this attempt did not send.
    withheld: Option<Withheld>,
    pub(super) limit: Limit,
    /// When the next look-up may begin.
    pub(super) turn: Turn,
    /// Number of the current connection, from 1.
    pub(super) conn: u32,
    pub(super) held: Held,
    /// Names the proxy, if there is one.
    through: String,
    epoch: Instant,
    wall_anchor: Duration,
}

impl Upstream {
    pub(super) fn new(options: &LiveOptions, transport: SharedTransport, wall_anchor: Duration) -> Self {
        let through = |proxy: &Url| format!(" through the proxy {}", url::host(proxy.as_str()));
        let cookies = options.cookies();
        let secret = cookies.iter().filter(|(name, _)| !is_harmless(Place::Pair, name.as_bytes()));
        let mut redact = Redact::new(options.sign_key.iter().chain(secret.map(|(_, value)| value)));
        for (_, value) in options.upstream.iter().chain(&options.sign_url).flat_map(Url::query_pairs) {
            redact.hide(&value);
        }
        Self {
            transport,
            origins: Origins::new(options),
            requests: Arc::clone(&options.requests),
            redact,
            secrets: Secrets::new(options),
            withheld: None,
            limit: options.limit.clone(),
            turn: options.turn.map_or(Turn::Queue, Turn::Reserved),
            conn: 1,
            held: Held::default(),
            through: options.proxy.as_ref().map_or_else(String::new, through),
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

    /// Sends a GET request and records it, like [`Self::get_once`]. Look-ups follow redirects within the site.
    pub(super) async fn get(
        &mut self,
        role: Role,
        request: &Request,
        with_body: bool,
    ) -> Result<HttpResponse, Failure> {
        let mut request = request.clone();
        let (is_look_up, kinds) = match role {
            Role::Lookup | Role::RoomInfo => (true, SecretKind::OF_TIKTOK),
            Role::Sign => (false, SecretKind::OF_SIGN),
            _ => (false, &[][..]),
        };
        for _ in 0..=REDIRECTS_MAX {
            let mut sent = request.clone();
            self.add_secrets(kinds, &mut sent);
            let answer = self.get_once(role, &sent, with_body).await?;
            let is_redirect = is_look_up && matches!(answer.status, 301 | 302 | 303 | 307 | 308);
            let Some(to) = answer.header("location").filter(|_| is_redirect) else { return Ok(answer) };
            request.url = self.secrets.redirected(&request.url, to).map_err(|to| {
                Failure::new(Code::Blocked, format!("TikTok redirects to {to}, which is not followed"))
            })?;
        }
        Err(Failure::new(Code::Blocked, format!("TikTok redirects more than {REDIRECTS_MAX} times")))
    }

    /// Sends a GET request, decompresses the body and records the exchange, including the body if
    /// `with_body`.
    async fn get_once(
        &mut self,
        role: Role,
        request: &Request,
        with_body: bool,
    ) -> Result<HttpResponse, Failure> {
        let lost = |why: &str| Failure::new(Code::ConnectionLost, why);
        let mut answer = match within(HTTP_TIMEOUT, self.transport.get(request)).await {
            None => {
                let (host, through) = (url::host(&request.url), &self.through);
                return Err(lost(&format!("no response from {host} within 10 s{through}")));
            }
            Some(Err(unreached)) => {
                let is_plain = unreached.is_without_tls();
                let failure = Failure::unreached(unreached, &request.url);
                let hint = is_plain.then(|| PLAIN_HINT.to_owned());
                return Err(Failure { hint: failure.hint.or(hint), ..failure });
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

    /// Opens a WebSocket with the cookies that it needs, and those of the session. Records a rejection. TikTok uses no
    /// subprotocol.
    pub(super) async fn open_socket(&mut self, url: String, cookie: &str) -> Result<Opened, Failure> {
        let headers = self.secrets.shared(Place::Header, self.requests.headers(Group::SocketHeaders), &url);
        let cookie = (!cookie.is_empty()).then(|| ("cookie".into(), cookie.to_owned()));
        let mut request = Request { url, headers: headers.into_iter().chain(cookie).collect() };
        self.add_secrets(SecretKind::OF_TIKTOK, &mut request);
        let has_session = self.secrets.has_session(&request);
        let wall = self.wall();
        match within(OPEN_TIMEOUT, self.transport.open(&request)).await {
            Some(Ok(opened)) => Ok(opened),
            Some(Err(OpenError::Unreached(unreached))) => Err(Failure::unreached(unreached, &request.url)),
            Some(Err(OpenError::Refused(answer))) => {
                self.note_http(Role::Unknown, &request, &answer, true);
                let failure = refusal(&answer, wall);
                let hint = (has_session && is_silent(&answer)).then(|| FLAGGED_HINT.to_owned());
                Err(Failure { hint, ..failure })
            }
            None => {
                let (host, through) = (url::host(&request.url), &self.through);
                let detail = format!("{host}: the WebSocket was not opened within 20 s{through}");
                Err(Failure::new(Code::ConnectionLost, detail))
            }
        }
    }

    /// Adds secrets to a request. Says which of them are withheld.
    fn add_secrets(&mut self, kinds: &[SecretKind], request: &mut Request) {
        let Some(withheld) = self.secrets.add(kinds, request) else { return };
        if self.withheld.as_ref() != Some(&withheld) {
            warn!(target: SECRETS, hint = withheld.hint, "⚠️ {}", withheld.what.replacen("the", "The", 1));
        }
        self.withheld = Some(withheld);
    }

    /// Returns the secret that was withheld since the last call.
    pub(super) fn take_withheld(&mut self) -> Option<Withheld> {
        self.withheld.take()
    }

    /// Adds to a failed attempt which secret it did not send, because that may be why.
    pub(super) fn explain(&mut self, failure: &mut Failure) {
        if let Some(Withheld { what, .. }) = self.take_withheld()
            && !matches!(failure.code, Code::UserOffline | Code::UserNotFound | Code::OfflineMode)
        {
            failure.detail += &format!("; {what}");
        }
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) detail: String,
    /// Time to wait, according to the server.
    pub(super) wait: Option<Duration>,
    /// Whether another way into the room may succeed: looking the user up has.
    pub(super) is_of_way: bool,
    /// Whether this way would fail again: its server cannot be reached, or its socket leads nowhere.
    pub(super) recurs: bool,
    /// Advice, if it is not that of the code.
    pub(super) hint: Option<String>,
}

impl Failure {
    pub(super) fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string(), wait: None, is_of_way: false, recurs: false, hint: None }
    }

    /// No answer from the server of a URL, or from the proxy.
    fn unreached(unreached: Unreached, url: &str) -> Self {
        let Unreached { code, why, is_of_proxy } = unreached;
        let host = url::host(url);
        let names_host = is_of_proxy || why.contains(&format!("`{host}`"));
        let detail = if names_host { why } else { format!("{host}: {why}") };
        Self { hint: is_of_proxy.then(|| PROXY_HINT.to_owned()), ..Self::new(code, detail) }
    }

    /// Too many requests, with the wait time from the response headers. `wall` is the time since the Unix
    /// epoch.
    pub(super) fn rate_limited(answer: &HttpResponse, wall: Duration) -> Self {
        let wait = answer.wait(wall);
        Self { wait, ..Self::new(Code::RateLimited, RATE_LIMITED) }
    }
}

impl HttpResponse {
    /// Time to wait, according to the server.
    pub(super) fn wait(&self, wall: Duration) -> Option<Duration> {
        retry_after::read(|name| self.header(name), wall)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let hint = Some(problem.hint).filter(|hint| hint != problem.code.hint());
        Self { hint, ..Self::new(problem.code, problem.message) }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let Failure { code, detail, wait, hint, .. } = failure;
        let hint = hint.unwrap_or_else(|| code.hint().to_owned());
        let Some(wait) = wait else { return Self::new(code, detail).hint(hint) };
        let message = format!("{detail}; the server requires a wait of {}", length(wait));
        Self::new(code, message).hint(fitting(&hint, false, true))
    }
}

/// Removes known secrets from text of servers, which may quote what they received.
#[derive(Clone, Default)]
pub(super) struct Redact {
    secrets: Vec<String>,
}

impl Redact {
    pub(super) fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut redact = Self::default();
        for secret in secrets {
            redact.hide(secret.reveal());
        }
        redact
    }

    /// Adds a secret. For cookies, each value is added, too.
    pub(super) fn hide(&mut self, secret: &str) {
        let values = secret.split(';').filter_map(|part| part.split_once('=')).map(|(_, value)| value.trim());
        for text in values.chain([secret]) {
            if text.len() >= SECRET_BYTES_MIN && !self.secrets.iter().any(|known| known == text) {
                self.secrets.push(text.to_owned());
            }
        }
    }

    /// Removes known secrets, values whose names are not known to be harmless, and control characters.
    /// Truncates the text to the maximum length.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = redact_text(text).into_owned();
        for secret in &self.secrets {
            text = text.replace(secret, "***");
        }
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_CHARS_MAX).collect()
    }

    /// Returns the headers that may be recorded.
    pub(super) fn headers(&self, headers: &HeaderMap) -> Vec<HttpHeader> {
        let headers = headers.iter().filter(|(name, _)| is_harmless(Place::Header, name.as_str().as_bytes()));
        let header = |(name, value): (&HeaderName, &HeaderValue)| HttpHeader {
            name: name.as_str().to_owned(),
            value: self.text(&String::from_utf8_lossy(value.as_bytes())),
        };
        headers.map(header).collect()
    }
}

/// Returns the result of the future, or `None` after `limit`.
pub(super) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout_at(clock::now() + limit, future).await.ok()
}

/// Formats a duration for people, rounded up.
fn length(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1000);
    if seconds > 120 { format!("{} min", seconds.div_ceil(60)) } else { format!("{seconds} s") }
}

/// Whether TikTok accepts no WebSocket and does not say why, as for sessions that are flagged.
fn is_silent(answer: &HttpResponse) -> bool {
    answer.status == 200 && answer.body.is_empty() && answer.header("handshake-status").is_none()
}

/// Converts a rejection into a failure. TikTok rejects with status 200 and puts the reason into custom
/// headers.
fn refusal(answer: &HttpResponse, wall: Duration) -> Failure {
    let (status, message) = (answer.header("handshake-status"), answer.header("handshake-msg"));
    let said = [status, message].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let separator = if said.is_empty() { "" } else { ": " };
    let detail = format!("TikTok rejected the WebSocket with {}{separator}{said}", answer.status);
    if status == Some(DEVICE_BLOCKED) || message.is_some_and(|message| message.contains("DEVICE_BLOCKED")) {
        return Failure::new(Code::Blocked, detail);
    }
    match answer.status {
        429 => Failure::rate_limited(answer, wall),
        500.. => Failure { wait: answer.wait(wall), ..Failure::new(Code::ConnectionLost, detail) },
        _ => Failure::new(Code::HandshakeRefused, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, headers: &[(&'static str, &str)], code: Code) {
        let mut answer = HttpResponse { status, ..HttpResponse::default() };
        for (name, value) in headers {
            answer.headers.insert(*name, value.parse().unwrap());
        }
        assert_eq!(refusal(&answer, Duration::ZERO).code, code, "{status} {headers:?}");
    }

    #[test]
    fn rejections_map_to_error_codes() {
        check(200, &[("handshake-status", "415"), ("handshake-msg", "DEVICE_BLOCKED")], Code::Blocked);
        check(200, &[("handshake-msg", "DEVICE_BLOCKED")], Code::Blocked);
        check(
            200,
            &[("handshake-status", "417"), ("handshake-msg", "illegal secret key")],
            Code::HandshakeRefused,
        );
        check(
            200,
            &[("handshake-status", "417"), ("handshake-msg", "illegal app_id")],
            Code::HandshakeRefused,
        );
        check(200, &[], Code::HandshakeRefused);
        check(400, &[], Code::HandshakeRefused);
        check(403, &[], Code::HandshakeRefused);
        check(429, &[], Code::RateLimited);
        check(503, &[], Code::ConnectionLost);
    }

    #[test]
    fn secrets_are_removed_from_text_of_servers() {
        let mut redact = Redact::new(&[Secret::from("key-1234".to_owned())]);
        redact.hide("ttwid=abcdef; other=xy");
        let text = redact.text("the key key-1234 and\nabcdef are bad; xy");
        assert_eq!(text, "the key *** and *** are bad; xy");
        let text = redact.text("go to wss://host/?msToken=planted&room_id=7, sessionid=planted");
        assert_eq!(text, "go to wss://host/?msToken=***&room_id=7, sessionid=***");
        assert_eq!(redact.text(&"a".repeat(10_000)).len(), TEXT_CHARS_MAX);
    }

    #[test]
    fn cookies_are_not_recorded() {
        let mut headers = HeaderMap::new();
        for name in ["set-cookie", "x-set-tt-cookie", "authorization", "retry-after", "handshake-msg"] {
            headers.insert(name, "v".parse().unwrap());
        }
        let kept: Vec<_> =
            Redact::default().headers(&headers).into_iter().map(|header| header.name).collect();
        assert_eq!(kept, ["retry-after", "handshake-msg"]);
    }
}
