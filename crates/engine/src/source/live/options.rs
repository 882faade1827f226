//! Options of a live source.

use std::{fmt, time::Duration};

#[cfg(feature = "live")]
pub use reqwest::Url;

use livetape_core::{
    error::{Code, Problem},
    retry, username,
};
use livetape_feed::control::{LOOKUPS_PER_MINUTE, Limit};
use tokio::time::Instant;

use super::{Secret, url::is_loopback};

#[derive(Clone)]
pub struct LiveOptions {
    /// User as entered: `name`, `@name` or a URL.
    pub user: String,
    /// Server to use instead of TikTok for all requests, such as a mock: `http://127.0.0.1:PORT`.
    pub upstream: Option<Url>,
    /// URL of the sign server. With a URL or a key, the sign server is asked first; with neither, only
    /// TikTok.
    pub sign_url: Option<Url>,
    pub sign_key: Option<Secret>,
    pub sign_form: SignForm,
    /// Value of the `sessionid` cookie of a logged-in user. Sent to TikTok, never to the sign server.
    pub session_cookie: Option<Secret>,
    /// Proxy for requests and sockets: `http://`, `socks5://` or `socks5h://`, optionally with user and
    /// password.
    pub proxy: Option<Url>,
    /// Whether only loopback addresses may be contacted.
    pub offline: bool,
    /// Maximum number of consecutive attempts; at least 1.
    pub attempts_max: u32,
    /// Interval of look-ups until the user is live; with `None`, the source fails if the user is not live.
    pub wait_live: Option<Duration>,
    /// Seed of the waits between attempts: the same seed gives the same waits.
    pub seed: u64,
    /// Wall time of offset 0, since the Unix epoch; `None` reads the clock.
    pub wall_anchor: Option<Duration>,
    /// Whether it continues a room that was connected before: then a user who is offline has ended it.
    pub continues: bool,
    /// Maximum number of look-ups per minute; `None` for the default, and for no limit if all servers are on
    /// loopback.
    pub lookups_per_minute: Option<u32>,
    /// When TikTok may be contacted. Attempts wait for it.
    pub limit: Limit,
    /// When the first look-up may begin, if it was reserved.
    pub turn: Option<Instant>,
    /// Maximum time for the close handshake. Without an answer, the connection is dropped.
    pub close_timeout: Duration,
}

/// A URL. Cannot exist without the feature `live`, because nothing opens connections then.
#[cfg(not(feature = "live"))]
#[derive(Clone)]
pub enum Url {}

#[cfg(not(feature = "live"))]
impl Url {
    pub(super) fn as_str(&self) -> &str {
        match *self {}
    }

    pub(super) fn scheme(&self) -> &str {
        match *self {}
    }

    pub(super) fn host_str(&self) -> Option<&str> {
        match *self {}
    }

    pub(super) fn query_pairs(&self) -> std::iter::Empty<(String, String)> {
        match *self {}
    }
}

/// Request format of a sign server. The response format is the same for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignForm {
    /// `GET /webcast/fetch?room_id=…`: used by most clients.
    #[default]
    Fetch,
    /// `GET /webcast/rooms/{room id}/connect`: used by Node clients since 2.4.
    Connect,
}

/// Default maximum time for the close handshake.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Minimum interval of look-ups while a user is not live.
pub const WAIT_LIVE_MIN: Duration = Duration::from_secs(30);

impl LiveOptions {
    /// Returns the defaults: TikTok itself, no sign server, [`retry::ATTEMPTS`] attempts.
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            upstream: None,
            sign_url: None,
            sign_key: None,
            sign_form: SignForm::default(),
            session_cookie: None,
            proxy: None,
            offline: false,
            attempts_max: retry::ATTEMPTS,
            wait_live: None,
            seed: 0,
            wall_anchor: None,
            continues: false,
            lookups_per_minute: None,
            limit: Limit::default(),
            turn: None,
            close_timeout: CLOSE_TIMEOUT,
        }
    }

    /// Returns the bare user name, if all options are valid.
    pub(super) fn username(&self) -> Result<String, Problem> {
        for url in self.upstream.iter().chain(&self.sign_url) {
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                let problem = Problem::new(Code::BadRequest, "not the address of an upstream or sign server");
                return Err(problem.hint("use an address that starts with http:// or https://"));
            }
        }
        for (secret, name) in [(&self.sign_key, "key"), (&self.session_cookie, "session cookie")] {
            if secret.as_ref().is_some_and(|secret| !secret.is_header_value()) {
                let message = format!("the {name} is empty or has invalid characters");
                return Err(Problem::new(Code::BadRequest, message).hint("use one line of printable ASCII"));
            }
        }
        username::normalise(&self.user)
    }

    /// Returns the session cookie in the form of a `Cookie` header.
    pub(super) fn session_cookie(&self) -> Option<String> {
        Some(format!("sessionid={}", self.session_cookie.as_ref()?.reveal()))
    }

    /// Returns the maximum number of look-ups per minute; `None` for no limit.
    #[must_use]
    pub fn lookup_budget(&self) -> Option<u32> {
        // Without a URL of its own, the sign server has that of the upstream.
        let here =
            |url: &Url| url.host_str().is_some_and(|host| is_loopback(host) || host.ends_with(".localhost"));
        let is_local = self.upstream.as_ref().is_some_and(here) && self.sign_url.as_ref().is_none_or(here);
        self.lookups_per_minute.or((!is_local).then_some(LOOKUPS_PER_MINUTE))
    }

    pub(super) fn uses_sign_server(&self) -> bool {
        self.sign_url.is_some() || self.sign_key.is_some()
    }
}

impl Default for LiveOptions {
    /// Returns the defaults without a user, which the caller must set.
    fn default() -> Self {
        Self::new("")
    }
}

impl fmt::Debug for LiveOptions {
    /// Omits URLs, which may contain passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveOptions")
            .field("user", &self.user)
            .field("sign_form", &self.sign_form)
            .field("offline", &self.offline)
            .field("attempts_max", &self.attempts_max)
            .field("wait_live", &self.wait_live)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Base URLs of the servers, for use with [`url::with_path`](super::url::with_path).
#[derive(Clone)]
pub(super) struct Origins {
    pub(super) www: String,
    pub(super) webcast: String,
    pub(super) socket: String,
    pub(super) sign: String,
}

impl Origins {
    pub(super) fn new(options: &LiveOptions) -> Self {
        let text = |url: &Url| url.as_str().split('#').next().unwrap_or_default().to_owned();
        let upstream = options.upstream.as_ref().map(text);
        let or = |known: &str| upstream.clone().unwrap_or_else(|| known.to_owned());
        let socket = or("https://webcast-ws.tiktok.com").replacen("http", "ws", 1);
        let sign = options.sign_url.as_ref().map_or_else(|| or("https://api.eulerstream.com"), text);
        let webcast = or("https://webcast.tiktok.com");
        Self { www: or("https://www.tiktok.com"), webcast, socket, sign }
    }
}
