//! Whom to connect to, and how.

use std::{fmt, time::Duration};

pub use reqwest::Url;

use super::Secret;
use crate::sans_io::{
    error::{Code, Problem},
    retry, username,
};

/// Whom to connect to, and how.
#[derive(Clone)]
pub struct LiveOptions {
    /// The user, as people give it: `name`, `@name` or an address.
    pub user: String,
    /// Where everything is asked for instead of TikTok, e.g. a mock: `http://127.0.0.1:PORT`.
    pub upstream: Option<Url>,
    /// The sign server. With one, or with a key, it is asked first; without either, TikTok alone.
    pub sign_url: Option<Url>,
    /// The key for the sign server.
    pub sign_key: Option<Secret>,
    /// How the sign server is asked.
    pub sign_form: SignForm,
    /// The cookie `sessionid` of somebody who is logged in. It goes to TikTok, never to the sign server.
    pub session_cookie: Option<Secret>,
    /// A proxy for requests and sockets alike: `http://`, `socks5://` or `socks5h://`, with or without user and password.
    pub proxy: Option<Url>,
    /// Attempts in a row, 1 at least.
    pub attempts_max: u32,
    /// Ask again after so long while the user is not live, for ever; `None` fails then.
    pub wait_live: Option<Duration>,
    /// Where the waits between attempts come from: the same seed, the same waits.
    pub seed: u64,
    /// The wall time of offset 0, since the Unix epoch; `None` reads the clock.
    pub wall_anchor: Option<Duration>,
}

/// How a sign server is asked (the bodies of the answers are the same).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignForm {
    /// `GET /webcast/fetch?room_id=…`: what most clients ask.
    #[default]
    Fetch,
    /// `GET /webcast/rooms/{room id}/connect`: what Node clients ask since 2.4.
    Connect,
}

/// Nobody is asked more often whether they are live.
pub const WAIT_LIVE_MIN: Duration = Duration::from_secs(30);

impl LiveOptions {
    /// The defaults: TikTok itself, without a sign server, [`retry::ATTEMPTS`] attempts.
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            upstream: None,
            sign_url: None,
            sign_key: None,
            sign_form: SignForm::default(),
            session_cookie: None,
            proxy: None,
            attempts_max: retry::ATTEMPTS,
            wait_live: None,
            seed: 0,
            wall_anchor: None,
        }
    }

    /// The name alone, if all else is well too.
    pub(super) fn username(&self) -> Result<String, Problem> {
        for url in self.upstream.iter().chain(&self.sign_url) {
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                let problem =
                    Problem::new(Code::BadRequest, "an upstream or sign server has another address");
                return Err(problem.hint("it begins with http:// or https://"));
            }
        }
        for (secret, name) in [(&self.sign_key, "key"), (&self.session_cookie, "session cookie")] {
            if secret.as_ref().is_some_and(|secret| !secret.is_header_value()) {
                let message = format!("the {name} is empty, or has characters that no {name} has");
                return Err(Problem::new(Code::BadRequest, message));
            }
        }
        username::normalise(&self.user)
    }

    /// The cookie of somebody who is logged in, as it stands in a header.
    pub(super) fn session_cookie(&self) -> Option<String> {
        Some(format!("sessionid={}", self.session_cookie.as_ref()?.reveal()))
    }

    pub(super) fn uses_sign_server(&self) -> bool {
        self.sign_url.is_some() || self.sign_key.is_some()
    }
}

impl Default for LiveOptions {
    /// Whose room is still to be filled in.
    fn default() -> Self {
        Self::new("")
    }
}

impl fmt::Debug for LiveOptions {
    /// Addresses are left out: they may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveOptions")
            .field("user", &self.user)
            .field("sign_form", &self.sign_form)
            .field("attempts_max", &self.attempts_max)
            .field("wait_live", &self.wait_live)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Where each thing is asked for: addresses that [`url::with_path`](super::url::with_path) goes on with.
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
