//! What a server connects to and replays, by the settings: the same for every serving command.

use super::{display, rooms, serving::backlog};
use crate::{
    clock::Waiting,
    sans_io::pace::Speed,
    settings::Settings,
    source::{self, Summary},
    supervisor::{Options, Record},
};

/// Of `user`, if somebody is connected from the start.
pub(super) fn options(settings: &Settings, user: &str) -> Options {
    Options {
        record: settings.live.record.clone().map(Record::File),
        sync: settings.record.sync,
        allow_inject: settings.live.allow_inject,
        warn: |problem| {
            display::say(&format!("⚠️ The recording broke off, serving goes on: {problem}"));
        },
        backlog: backlog(settings),
        play: play(settings),
        on_end: tell,
        wait_clients: settings.live.wait_clients,
        ..Options::new(rooms::options(&settings.live, user, settings.server.seed))
    }
}

fn play(settings: &Settings) -> source::Options {
    let replay = &settings.replay;
    source::Options {
        speed: replay.speed,
        // Without a number, for ever.
        laps: replay.r#loop.map_or(Some(1), |laps| (laps > 0).then_some(laps)),
        start: replay.start,
        end: replay.end,
        idle_limit: replay.idle_limit,
        waiting: if replay.precise { Waiting::Awake } else { Waiting::Kernel },
        wait_clients: replay.wait_clients.unwrap_or(usize::from(replay.speed == Speed::Max)),
        exit_when_done: replay.exit_when_done,
        recordings: settings.server.folder(),
    }
}

fn tell(summary: &Summary) {
    let Summary { recording, events, took, lateness, .. } = summary;
    let late = if lateness.frames() == 0 { String::new() } else { format!(": {lateness}") };
    display::say(&format!("🏁 Replayed {recording}: {events} events in {:.1} s{late}", took.as_secs_f64()));
    if summary.loss.is_some() {
        display::say(&format!("⚠️ Something was lost: {}", summary.loss));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::{
        cli::args::Args,
        secret::Secret,
        settings::{self, KEYS, Key, Sources},
    };

    /// Another value than the default one.
    fn another(key: &Key) -> &'static str {
        match key.path().as_str() {
            "live.upstream" | "live.sign_url" | "live.proxy" => "http://127.0.0.1:3100",
            "live.sign_form" => "connect",
            "live.max_attempts" | "live.wait_clients" | "replay.wait_clients" | "replay.loop" => "3",
            "live.wait_live"
            | "live.offline"
            | "live.stay"
            | "live.allow_inject"
            | "replay.precise"
            | "replay.exit_when_done" => "true",
            "replay.speed" => "4",
            "replay.start" | "replay.end" | "replay.idle_limit" => "9s",
            _ => "another",
        }
    }

    /// Everything that a source is started with; secrets only as whether they are the same.
    fn shown(options: &Options) -> String {
        let Options { live, record, allow_inject, play, wait_clients, ends_with_source, .. } = options;
        let secrets = [&live.sign_key, &live.session_cookie].map(|it| it.as_ref().map(Secret::reveal));
        let urls = (&live.upstream, &live.sign_url, &live.proxy);
        format!(
            "{live:?} {urls:?} {secrets:?} {record:?} {allow_inject} {play:?} {wait_clients} {ends_with_source}"
        )
    }

    /// What the commands themselves read.
    const OF_COMMANDS: [&str; 3] = ["live.user", "live.stay", "replay.recording"];

    #[test]
    fn every_live_and_replay_setting_reaches_the_sources() {
        let of_env = |env: &str, value: &str| {
            let env = |name: &str| match name {
                "LIVETAPE_SEED" => Some("7".into()),
                name => (name == env).then(|| value.into()),
            };
            settings::resolve(&Sources { file: None, env: &env, flags: &[] }).unwrap().settings
        };
        let unset = shown(&options(&of_env("", ""), "ann"));
        for key in KEYS.iter().filter(|key| matches!(key.section, "live" | "replay")) {
            let set = shown(&options(&of_env(key.env, another(key)), "ann"));
            assert_eq!(set == unset, OF_COMMANDS.contains(&key.path().as_str()), "{}", key.path());
        }
    }

    #[test]
    fn every_serving_command_has_a_flag_for_every_setting() {
        let elsewhere = |command: &str| match command {
            "live" => vec![],
            // The command has the terminal, and `run` has its own flag for clients.
            "run" => vec!["offline", "quiet", "stay", "wait-clients"],
            // There is no room to wait for, and they stay anyway.
            _ => vec!["stay"],
        };
        for command in ["live", "serve", "replay", "run"] {
            let args = Args::command();
            let args = args.find_subcommand(command).unwrap();
            let flags: BTreeSet<_> = args.get_arguments().filter_map(|arg| arg.get_long()).collect();
            let sections = ["server", "limits", "log", "live", "replay"];
            for flag in KEYS.iter().filter(|key| sections.contains(&key.section)).filter_map(Key::flag) {
                let has = flags.contains(flag.long);
                assert_eq!(has, !elsewhere(command).contains(&flag.long), "{command} --{}", flag.long);
            }
        }
    }
}
