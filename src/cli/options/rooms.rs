//! Options of connections to rooms, from the settings.

use livetape_core::error::{Code, Problem};
use livetape_engine::source::live;

use crate::{
    cli::args::random,
    settings::{self, SignForm},
};

pub(crate) fn options(settings: &settings::Live, user: &str, seed: Option<u64>) -> live::LiveOptions {
    let url = |address: &Option<settings::Address>| address.as_ref().map(|address| address.0.clone());
    live::LiveOptions {
        upstream: url(&settings.upstream),
        sign_url: url(&settings.sign_url),
        sign_form: match settings.sign_form {
            SignForm::Fetch => live::SignForm::Fetch,
            SignForm::Connect => live::SignForm::Connect,
        },
        sign_key: settings.sign_key.clone(),
        session_cookie: settings.session_cookie.clone(),
        proxy: url(&settings.proxy),
        offline: settings.offline,
        attempts_max: settings.max_attempts,
        lookups_per_minute: settings.lookups_per_minute,
        wait_live: settings.wait_live.then_some(live::WAIT_LIVE_MIN),
        seed: seed.unwrap_or_else(random),
        ..live::LiveOptions::new(user)
    }
}

/// Returns the user to connect to, from the command line or the settings.
pub(crate) fn user(given: Option<&str>, settings: &settings::Live) -> Result<String, Problem> {
    let user = given.or(settings.user.as_deref()).ok_or_else(|| {
        Problem::new(Code::InvalidUsername, "no user name given").hint(
            "name a user on the command line, in LIVETAPE_USER, or as `user` under [live] in livetape.toml",
        )
    })?;
    livetape_core::username::normalise(user)
}
