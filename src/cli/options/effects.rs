//! Each setting that a command reads changes what the command does: what is made of it here, or what another test shows. And a
//! command reads each setting that changes what it does.

use std::{ffi::OsString, fs, path::Path};

use livetape_core::secret::Secret;
use livetape_engine::{
    channels::ChannelOptions,
    source::live::{LiveOptions, Requests},
};

use super::{serving, sources};
use crate::{
    cli::{
        args::{OfDoctor, OfLive, OfMock, OfRecord, OfReplay, OfRun, OfServe, OfTools, OfWatch, Scope},
        judge::run,
        serve::{live::recording, mock},
    },
    settings::{self, KEYS, Key, Resolved, Settings, Sources},
};

/// Settings of which nothing is made here, each with the test that shows what it does.
const SHOWN: [(&str, &str); 26] = [
    ("server.token_file", "a_feed_behind_tls_and_a_token"),
    ("server.tls_cert", "a_feed_behind_tls_and_a_token"),
    ("server.tls_key", "a_feed_behind_tls_and_a_token"),
    ("server.tikfinity", "a_port_in_use_is_reported_with_a_hint"),
    ("server.quiet", "clients_and_rooms_are_logged_unless_quiet"),
    ("webhook.url", "events_are_posted_and_redirects_are_not_followed"),
    ("webhook.secret", "events_are_posted_and_redirects_are_not_followed"),
    ("webhook.types", "events_are_posted_and_redirects_are_not_followed"),
    ("cluster.nats", "the_log_shows_outages_and_owners_by_default"),
    ("cluster.name", "the_log_shows_outages_and_owners_by_default"),
    ("cluster.creds", "an_nkey_is_a_login"),
    ("cluster.lease", "settings_are_compared_with_those_of_the_nodes"),
    ("cluster.replicas", "without_a_majority_of_servers_readers_and_orders_learn_it"),
    ("limits.shutdown_time", "stalled_clients_delay_the_shutdown_only_briefly"),
    ("log.format", "every_line_is_json_if_the_log_is"),
    ("log.level", "every_line_is_json_if_the_log_is"),
    ("log.file", "log_files_rotate_at_ten_mebibytes_and_five_are_kept"),
    ("live.stay", "with_stay_the_server_continues_after_its_room_failed"),
    ("mock.play", "one_recording_is_played_in_every_room"),
    (
        "mock.scenario",
        "the_mock_ignores_variables_of_the_server_explains_how_to_connect_and_stops_gracefully",
    ),
    ("mock.port", "one_recording_is_played_in_every_room"),
    ("mock.proxy_listen", "a_client_reaches_the_mock_through_the_proxy_and_over_tls"),
    ("mock.tls", "a_client_reaches_the_mock_through_the_proxy_and_over_tls"),
    ("mock.pass", "run_passes_no_host_while_it_is_offline"),
    ("mock.ca_dir", "ca_prints_the_certificate_and_how_to_trust_it"),
    ("server.max_live", "settings_are_compared_with_those_of_the_nodes"),
];

/// Returns values of which at least one is not the default.
fn values(key: &Key) -> &'static [&'static str] {
    match key.path().as_str() {
        "server.listen" => &["[::1]:4001"],
        "server.hosts" => &["overlay.example"],
        "server.origins" => &["https://overlay.example"],
        "server.token" => &["another-token-of-more-than-32-bytes"],
        "live.upstream" | "live.sign_url" | "live.proxy" => &["http://127.0.0.1:3100"],
        "live.ways" => &["sign"],
        "live.session_cookie" => &["sessionid=another"],
        "live.cdp" => &["9222"],
        "record.rotate" => &["30m"],
        "record.max_size" => &["1GB"],
        "replay.speed" | "mock.speed" => &["4"],
        "replay.start" | "replay.end" | "replay.idle_limit" | "server.heartbeat" => &["9s"],
        "live.request.user_agent" => &["Mozilla/5.0 (Macintosh)"],
        "live.request.hosts" => &["www=tiktok.example"],
        "live.request.paths" => &["lookup=/another"],
        path if path.starts_with("live.request.") => &["another=1"],
        // Switches, numbers and texts.
        _ => &["true", "false", "3", "777", "another"],
    }
}

/// What a server makes of its settings.
fn served(settings: &Settings) -> String {
    let config = serving::config(settings).unwrap();
    let token = config.access.tokens.first().map(Secret::reveal);
    let sources = serving::token_sources(settings);
    let options = shown(&sources::options(settings, "ann").unwrap());
    format!("{:?} {config:?} {token:?} {sources:?} {options}", settings.server.address())
}

/// What a channel does, also with secrets.
fn shown(options: &ChannelOptions) -> String {
    let live = &options.live;
    let urls = (&live.upstream, &live.sign_url, &live.proxy, &live.ways);
    let key = live.sign_key.as_ref().map(Secret::reveal);
    let session = live.session.as_ref().map(|cookies| cookies.header(""));
    let has_requests = *live.requests != Requests::default();
    format!("{options:?} {urls:?} {key:?} {session:?} {has_requests}")
}

/// The browser whose tab a command follows.
fn browser(resolved: &Resolved) -> String {
    let tab = sources::tab(Some("ann"), None, resolved).unwrap();
    format!("{:?}", tab.map(|tab| tab.browser))
}

fn token(settings: &Settings) -> String {
    let tokens = serving::tokens(settings).unwrap();
    tokens.first().map(Secret::reveal).unwrap_or_default().to_owned()
}

fn folder(settings: &Settings) -> String {
    settings.server.folder().display().to_string()
}

/// Settings from variables and flags, with a seed.
fn resolved(env: Option<(&str, &str)>, flags: &[(&'static Key, OsString)]) -> Option<Resolved> {
    let env = |name: &str| match env {
        Some((variable, value)) if variable == name => Some(value.into()),
        _ => (name == "LIVETAPE_SEED").then(|| "7".into()),
    };
    settings::resolve(&Sources { file: None, env: &env, flags }).ok()
}

/// Checks that each flag of a command changes what is `made` of the settings, and that it reads exactly the variables that do.
fn check<S: Scope>(command: &str, made: impl Fn(Resolved) -> String) {
    let unset = made(resolved(None, &[]).unwrap());
    let differs = |set: Option<Resolved>| set.is_some_and(|set| made(set) != unset);
    assert!(!differs(resolved(None, &[])), "{command}: it is the same each time");
    for key in KEYS.iter().filter(|key| SHOWN.iter().all(|(path, _)| key.path() != *path)) {
        let path = key.path();
        if S::holds(key) && key.flag().is_some() {
            let of_flag = |value: &&str| differs(resolved(None, &[(key, (*value).into())]));
            assert!(values(key).iter().any(of_flag), "`{command}` ignores the flag of {path}");
        }
        let has_effect = values(key).iter().any(|value| differs(resolved(Some((key.env, value)), &[])));
        assert_eq!(S::reads(key), has_effect, "`{command}` reads {path} (left), which has an effect (right)");
    }
}

#[test]
fn a_command_reads_the_settings_that_change_what_it_does() {
    check::<OfLive>("live", |resolved| served(&resolved.settings));
    check::<OfReplay>("replay", |resolved| served(&resolved.settings));
    check::<OfServe>("serve", |resolved| served(&resolved.settings));
    check::<OfRun>("run", |resolved| served(&run::adapted(&resolved, 1)));
    check::<OfRecord>("record", |resolved| {
        let mut options = recording(&resolved.settings, None, "ann").unwrap();
        options.live.seed = 0;
        shown(&options) + &browser(&resolved)
    });
    check::<OfMock>("mock", |Resolved { settings, .. }| {
        format!("{:?} {}", mock::scenario(&settings.mock, Path::new("")), folder(&settings))
    });
    check::<OfDoctor>("doctor", |resolved| {
        let settings = &resolved.settings;
        let live = sources::live_options(settings, "ann", None).unwrap();
        // It tries each way once.
        let live = LiveOptions { seed: 0, attempts_max: 1, wait_live: None, ..live };
        shown(&ChannelOptions::new(live)) + &browser(&resolved) + &token(settings)
    });
    check::<OfWatch>("watch", |resolved| token(&resolved.settings));
    check::<OfTools>("info", |resolved| folder(&resolved.settings));
}

#[test]
fn tests_show_what_the_other_settings_do() {
    fn texts(folder: &Path, found: &mut String) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.extension() {
                _ if entry.is_dir() => texts(&entry, found),
                Some(ending) if ending == "rs" => *found += &fs::read_to_string(&entry).unwrap(),
                _ => {}
            }
        }
    }
    let mut tests = String::new();
    texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"), &mut tests);
    for (path, test) in SHOWN {
        assert!(KEYS.iter().any(|key| key.path() == path), "{path} is gone");
        assert!(tests.contains(&format!("fn {test}()")), "no test {test} for {path}");
    }
}
