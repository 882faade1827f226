//! The flags of `live`, `serve` and `record`: which room, and how to reach it.

use std::path::PathBuf;

use clap::ValueEnum;

use super::{Serve, random};
use crate::{
    sans_io::error::{Code, Problem},
    source::live,
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape live clumsyboy_45
  livetape live clumsyboy_45 --record show.bin
  livetape live ann --upstream http://127.0.0.1:3100    against `livetape mock`")]
pub(in crate::cli) struct Live {
    /// Whose room: the name in the profile's address, with or without @
    #[arg(env = "LIVETAPE_USER")]
    pub(in crate::cli) user: String,
    #[command(flatten)]
    pub(in crate::cli) serve: Serve,
    #[command(flatten)]
    pub(in crate::cli) upstream: Upstream,
    /// Write every frame to this recording
    #[arg(long, value_name = "FILE", env = "LIVETAPE_RECORD")]
    pub(in crate::cli) record: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape serve
  livetape serve 8080
  curl -X POST localhost:3000/connect/clumsyboy_45")]
pub(in crate::cli) struct ServeIdle {
    /// The port
    #[arg(value_name = "PORT")]
    pub(in crate::cli) port_first: Option<u16>,
    #[command(flatten)]
    pub(in crate::cli) serve: Serve,
    #[command(flatten)]
    pub(in crate::cli) upstream: Upstream,
    /// Write every frame of the first room to this recording
    #[arg(long, value_name = "FILE", env = "LIVETAPE_RECORD")]
    pub(in crate::cli) record: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape record clumsyboy_45
  livetape record clumsyboy_45 -o show.bin && livetape replay show.bin
  livetape record --cdp 9222             what a tab of Chrome shows")]
pub(in crate::cli) struct RecordRoom {
    /// Whose room: the name in the profile's address, with or without @
    #[arg(
        env = "LIVETAPE_USER",
        required_unless_present = "cdp",
        default_value = "",
        hide_default_value = true
    )]
    pub(in crate::cli) user: String,
    #[command(flatten)]
    pub(in crate::cli) browser: super::browser::Browser,
    /// The recording to write [default: recordings/<user>-<utc>.bin]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Show no events in the terminal
    #[arg(long, short, env = "LIVETAPE_QUIET")]
    pub(in crate::cli) quiet: bool,
    #[command(flatten)]
    pub(in crate::cli) upstream: Upstream,
}

/// How to reach TikTok.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Upstream {
    /// Another upstream instead of TikTok, e.g. `livetape mock`
    #[arg(long, value_name = "URL", env = "LIVETAPE_UPSTREAM")]
    pub(in crate::cli) upstream: Option<String>,
    /// Connect through this sign server instead of directly
    #[arg(long, value_name = "URL", env = "LIVETAPE_SIGN_URL")]
    pub(in crate::cli) sign_url: Option<String>,
    /// How the sign server is asked: by /webcast/fetch, or by /webcast/rooms/ID/connect
    #[arg(long, value_name = "FORM", default_value = "fetch", env = "LIVETAPE_SIGN_FORM")]
    pub(in crate::cli) sign_form: SignForm,
    /// Its API key; rather set it in the environment, where nobody sees it
    #[arg(long, value_name = "KEY", env = "LIVETAPE_SIGN_KEY", hide_env_values = true)]
    pub(in crate::cli) sign_key: Option<String>,
    /// A TikTok session cookie, for rooms that need a login; rather set it in the environment
    #[arg(long, value_name = "COOKIE", env = "LIVETAPE_SESSION_COOKIE", hide_env_values = true)]
    pub(in crate::cli) session_cookie: Option<String>,
    /// Attempts in a row before it gives up
    #[arg(long, value_name = "N", default_value_t = 5, env = "LIVETAPE_MAX_ATTEMPTS")]
    pub(in crate::cli) max_attempts: u32,
    /// Wait until the user goes live
    #[arg(long, env = "LIVETAPE_WAIT_LIVE")]
    pub(in crate::cli) wait_live: bool,
    /// A proxy for everything, e.g. http://127.0.0.1:8888 or socks5://127.0.0.1:1080
    #[arg(long, value_name = "URL", env = "LIVETAPE_PROXY", hide_env_values = true)]
    pub(in crate::cli) proxy: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum SignForm {
    Fetch,
    Connect,
}

impl Upstream {
    /// How to connect to `user`.
    pub(in crate::cli) fn options(&self, user: &str, seed: Option<u64>) -> Result<live::Options, Problem> {
        Ok(live::Options {
            upstream: self.upstream.as_deref().map(|url| parse_url(url, "--upstream")).transpose()?,
            sign_url: self.sign_url.as_deref().map(|url| parse_url(url, "--sign-url")).transpose()?,
            sign_form: match self.sign_form {
                SignForm::Fetch => live::SignForm::Fetch,
                SignForm::Connect => live::SignForm::Connect,
            },
            sign_key: self.sign_key.clone().map(live::Secret::from),
            session_cookie: self.session_cookie.clone().map(live::Secret::from),
            proxy: self.proxy.as_deref().map(|url| parse_url(url, "--proxy")).transpose()?,
            attempts_max: self.max_attempts,
            wait_live: self.wait_live.then_some(live::WAIT_LIVE_MIN),
            seed: seed.unwrap_or_else(random),
            ..live::Options::new(user)
        })
    }
}

/// Not repeated: it may hold a password.
fn parse_url(text: &str, flag: &str) -> Result<live::Url, Problem> {
    live::Url::parse(text).map_err(|error| {
        Problem::new(Code::BadRequest, format!("{flag} is no address: {error}"))
            .hint("e.g. http://127.0.0.1:3100")
    })
}
