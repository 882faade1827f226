//! Options of rooms and replays, from the settings. All serving commands share them.

use std::sync::Arc;

use livetape_core::{
    error::{Code, Problem},
    pace::Speed,
};
use livetape_engine::{
    channels::{ChannelOptions, Record},
    source::{
        self, Summary,
        browser::{self, Browser, TabOptions},
        live::{self, Way},
    },
};
use livetape_io::{clock, files};

use super::serving::{self, backlog};
use crate::{
    cli::{args::random, process::display},
    settings::{self, Laps, Resolved, Settings},
};

/// Returns the options of the channel; `user` is empty if no room is connected at the start.
pub(crate) fn options(settings: &Settings, user: &str) -> Result<ChannelOptions, Problem> {
    Ok(ChannelOptions {
        allow_inject: settings.live.allow_inject,
        warn: |problem| {
            display::say(&format!("⚠️ The recording is incomplete: {problem}; still serving"));
        },
        backlog: backlog(settings),
        play: play(settings),
        on_end: tell,
        wait_clients: settings.server.wait_clients.unwrap_or_default(),
        browser: settings.live.cdp.map(Browser::from),
        ..recorded(settings, live_options(settings, user, settings.server.seed)?)
    })
}

/// Returns options that record as the settings say, and are the default otherwise.
pub(crate) fn recorded(settings: &Settings, live: live::LiveOptions) -> ChannelOptions {
    ChannelOptions {
        record: settings.live.record.clone().map(Record::File),
        rotate: settings.record.rotate,
        record_bytes_max: settings.record.max_size.map(|size| size.0 as u64),
        ..ChannelOptions::new(live)
    }
}

fn play(settings: &Settings) -> source::ReplayOptions {
    let replay = &settings.replay;
    source::ReplayOptions {
        speed: replay.speed,
        laps: match replay.r#loop {
            None => Some(1),
            Some(Laps::Times(times)) => Some(times.get()),
            Some(Laps::Endless) => None,
        },
        start: replay.start,
        end: replay.end,
        idle_limit: replay.idle_limit,
        is_exact: true,
        wait_clients: settings.server.wait_clients.unwrap_or(usize::from(replay.speed == Speed::Max)),
        exit_when_done: replay.exit_when_done,
        recordings: settings.server.folder(),
        show: None,
    }
}

fn tell(summary: &Summary) {
    let Summary { recording, events, took, lateness, .. } = summary;
    let late = if lateness.frames() == 0 { String::new() } else { format!(": {lateness}") };
    display::say(&format!("🏁 Replayed {recording}: {events} events in {:.1} s{late}", took.as_secs_f64()));
    if summary.loss.is_some() {
        display::say(&format!("⚠️ The recording is incomplete: {}", summary.loss));
    }
}

/// # Errors
/// If the session cannot be used.
pub(crate) fn live_options(
    settings: &Settings,
    user: &str,
    seed: Option<u64>,
) -> Result<live::LiveOptions, Problem> {
    let Settings { live: settings, request, .. } = settings;
    let url = |address: &Option<settings::Address>| address.as_ref().map(|address| address.0.clone());
    Ok(live::LiveOptions {
        upstream: url(&settings.upstream),
        ways: settings.ways.clone(),
        tab: way(user, None, settings),
        sign_url: url(&settings.sign_url),
        sign_key: settings.sign_key.clone(),
        proxy: url(&settings.proxy),
        offline: settings.offline,
        attempts_max: settings.max_attempts,
        wait_live: settings.wait_live.then_some(live::WAIT_LIVE_MIN),
        seed: seed.unwrap_or_else(random),
        // Checked with the other settings.
        requests: Arc::new(request.requests().unwrap_or_default()),
        session: settings.session_cookie.as_ref().map(session).transpose()?,
        ..live::LiveOptions::new(user)
    })
}

/// Reads the cookies of a session.
fn session(session: &settings::Session) -> Result<live::Cookies, Problem> {
    let Some(path) = session.path() else {
        return live::Cookies::parse(session.0.reveal(), "live.session_cookie", clock::wall());
    };
    if !path.exists() {
        // The path may be a mistaken cookie.
        return Err(Problem::new(Code::BadConfig, "the file with the session does not exist")
            .hint("check its path; cookies are written as name=value"));
    }
    let shown = path.display();
    if serving::others_may_read(path) {
        return Err(Problem::new(Code::BadConfig, format!("other users can read the session in {shown}"))
            .hint(format!("run `chmod 600 {shown}`")));
    }
    let text = files::read_text(path).map_err(|error| {
        Problem::new(Code::BadConfig, format!("cannot read the session in {shown}: {error}"))
            .hint("check the path; cookies are written as name=value")
    })?;
    let cookies = live::Cookies::parse(&text, &format!("the session in {shown}"), clock::wall())?;
    let live::Cookies { others, expired, .. } = cookies;
    let count = cookies.count();
    let s = if count == 1 { "" } else { "s" };
    display::say(&format!(
        "🍪 Session: {count} cookie{s} of TikTok; ignored {others} of other sites, {expired} expired"
    ));
    Ok(cookies)
}

/// Returns the tab as a way into the room of `user`, if the settings name a browser.
pub(crate) fn way(user: &str, number: Option<usize>, settings: &settings::Live) -> Option<live::Tab> {
    let browser = Browser::from(settings.cdp?);
    Some(browser::way(TabOptions { browser, user: Some(user.to_owned()), number }))
}

/// Returns the tab to follow, if the settings name a browser and no other ways beside it. `number` is from the command
/// line.
pub(crate) fn tab(
    user: Option<&str>,
    number: Option<usize>,
    resolved: &Resolved,
) -> Result<Option<TabOptions>, Problem> {
    let settings = &resolved.settings.live;
    let Some(browser) = settings.cdp.map(Browser::from) else {
        return match number {
            None => Ok(None),
            Some(_) => Err(Problem::new(Code::BadRequest, "--tab needs a browser")
                .hint("name the debugging port of Chrome: --cdp 9222")),
        };
    };
    let is_one_of_several =
        settings.ways.contains(&Way::Tab) && settings.ways.iter().any(|way| *way != Way::Tab);
    if is_one_of_several || resolved.leaves_out_tab() {
        return Ok(None);
    }
    let user = user.map(livetape_core::username::normalise).transpose()?;
    Ok(Some(TabOptions { browser, user, number }))
}

/// Returns the user to connect to.
pub(crate) fn user(given: Option<&str>) -> Result<String, Problem> {
    let user = given.ok_or_else(|| {
        Problem::new(Code::InvalidUsername, "no user name given").hint("name a user on the command line")
    })?;
    livetape_core::username::normalise(user)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use clap::CommandFactory as _;

    use crate::{
        cli::args::Args,
        settings::{self, KEYS, Key, Sources},
    };

    use super::*;

    #[test]
    fn a_session_is_read_from_a_file_of_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cookies.txt");
        let read = || session(&settings::Session(path.to_str().unwrap().to_owned().into()));
        assert_eq!(read().unwrap_err().code, Code::BadConfig);
        let text = ".tiktok.com\tTRUE\t/\tTRUE\t0\tsessionid\tplanted\n";
        std::fs::write(&path, format!("{text}.bank.example\tTRUE\t/\tTRUE\t0\ta\tb\n")).unwrap();
        #[cfg(unix)]
        {
            let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(&path, mode(0o640)).unwrap();
            let problem = read().unwrap_err();
            assert!(problem.hint.starts_with("run `chmod 600 "), "{problem:?}");
            std::fs::set_permissions(&path, mode(0o600)).unwrap();
        }
        let good = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, "[{}]").unwrap();
        let problem = read().unwrap_err();
        let message = format!("the session in {}, read as JSON: ", path.display());
        assert!(problem.message.starts_with(&message), "{problem:?}");
        std::fs::write(&path, good).unwrap();
        let cookies = read().unwrap();
        assert_eq!((cookies.header("").as_str(), cookies.others), ("sessionid=planted", 1));
    }

    #[test]
    fn every_serving_command_has_every_flag_of_a_server() {
        let elsewhere = |command: &str| match command {
            "live" => vec![],
            // `run` has its own flag for clients, and leaves the terminal to its command.
            "run" => vec!["offline", "quiet", "stay", "wait-clients"],
            // These commands always stay.
            _ => vec!["stay"],
        };
        for command in ["live", "serve", "replay", "run"] {
            let args = Args::command();
            let args = args.find_subcommand(command).unwrap();
            let flags: BTreeSet<_> = args.get_arguments().filter_map(|arg| arg.get_long()).collect();
            let sections = ["server", "limits", "log", "live", "replay", "record"];
            for flag in KEYS.iter().filter(|key| sections.contains(&key.section)).filter_map(Key::flag) {
                let has = flags.contains(flag.long);
                assert_eq!(has, !elsewhere(command).contains(&flag.long), "{command} --{}", flag.long);
            }
        }
    }

    #[test]
    fn ways_named_nearer_to_the_command_leave_out_the_tab_of_a_file() {
        let follows = |file: &str, flags: &[(&str, &str)]| {
            let flag = |(path, value): &(&str, &str)| {
                (KEYS.iter().find(|key| key.path() == *path).unwrap(), value.into())
            };
            let flags = Vec::from_iter(flags.iter().map(flag));
            let file = Some((Path::new("livetape.toml"), file));
            let resolved = settings::resolve(&Sources { file, env: &|_| None, flags: &flags }).unwrap();
            tab(Some("ann"), None, &resolved).unwrap().is_some()
        };
        let (cdp, ways) = ("[live]\ncdp = 9222\n", "[live]\nways = [\"direct\", \"sign\"]\n");
        assert!(follows(cdp, &[]) && follows(ways, &[("live.cdp", "9222")]));
        assert!(follows(cdp, &[("live.ways", "tab")]));
        assert!(!follows(cdp, &[("live.ways", "direct")]) && !follows(ways, &[]));
    }
}
