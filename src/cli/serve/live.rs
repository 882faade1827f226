//! `livetape live`, `livetape serve` and `livetape replay`.

use std::{path::Path, time::Duration};

use livetape_cases::table::Suite;
use livetape_core::{error::Problem, pace::Speed, terminal::printable};
use livetape_engine::{
    channels::{Channel, ChannelOptions},
    demo::DEMO,
    source::{ReplayOptions, Tape, live::Way},
};
use livetape_server::staged::Staged;

use super::{cluster, drift, stage};
use crate::{
    cli::{
        args,
        options::{
            config,
            serving::{self, Addresses},
            sources,
        },
        process::display,
    },
    log,
};

pub(crate) async fn live(args: args::Live) -> Result<u8, Problem> {
    let resolved = config::resolved(&args.flags)?;
    let settings = &resolved.settings;
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    let tab = sources::tab(args.user.as_deref(), args.tab.number, &resolved)?;
    let user = match &tab {
        Some(tab) => tab.user().to_owned(),
        None => sources::user(args.user.as_deref())?,
    };
    let (watch, last) = drift::start(args.drift.drift.as_deref(), &settings.server.folder())?;
    let mut options =
        ChannelOptions { ends_with_source: !settings.live.stay, watch, ..sources::options(settings, &user)? };
    options.live.tab = sources::way(&user, args.tab.number, &settings.live);
    let wait_clients = options.wait_clients;
    let name = tab.as_ref().map_or(Some(&user), |tab| tab.user.as_ref()).cloned();
    let browser =
        settings.live.cdp.filter(|_| tab.is_some() || settings.live.ways.first() == Some(&Way::Tab));
    let greet = |Addresses { feed, rest, .. }: &Addresses| {
        if let Some(name) = name {
            display::say(&format!("Starting TikTok Live CLI for user: {name}"));
        }
        display::say(&format!("🌐 Serving on {feed} and {rest}/"));
        if wait_clients > 0 {
            return display::say(&display::waiting(wait_clients));
        }
        match browser {
            None => display::say("Connecting to TikTok Live..."),
            Some(browser) => {
                display::say(&format!("Following a tab of the browser at {browser}..."));
                display::say("💡 Reload its page to receive connections from their start");
            }
        }
    };
    let live = |channel: Channel| async {
        Ok(match tab {
            Some(tab) => channel.tab(tab).await,
            None => channel.live(user).await,
        })
    };
    let served =
        stage::serve(settings, &args.lifecycle, display::Style::Live, options, None, live, greet).await;
    last.wait();
    served
}

pub(crate) async fn serve(args: args::ServeIdle) -> Result<u8, Problem> {
    let mut settings = config::settings(&args.flags)?;
    settings.server.port = args.port_first.or(settings.server.port);
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    cluster::check(&settings)?;
    let options = sources::options(&settings, "")?;
    if settings.cluster.nats.is_some() {
        return cluster::serve(&settings, &args.lifecycle, options).await;
    }
    let greet = |Addresses { feed, rest, .. }: &Addresses| {
        display::say(&format!("🌐 Serving on {feed} and {rest}/"));
        display::say(&format!("🔴 Connect a room with: curl -X POST {rest}/connect/USER"));
        display::say("📺 Press Ctrl+C to stop");
    };
    let idle = |channel: Channel| async { Ok(channel.serve().await) };
    stage::serve(&settings, &args.lifecycle, display::Style::Plain, options, None, idle, greet).await
}

pub(crate) async fn replay(args: args::Replay) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    let mut options = sources::options(&settings, "")?;
    let recording = args.recording.as_deref().unwrap_or(Path::new(DEMO));
    let tape = Tape::find_in(&options.play.recordings, recording)?;
    tape.check_within(options.play.start)?;
    if args.case.is_some() {
        // A script waits for clients.
        options.play.wait_clients = options.play.wait_clients.max(1);
    }
    let clients = options.play.wait_clients;
    let stage = |name: &str| Staged::new(Suite::Feed.find_combined(name)?, &tape, clients);
    let staged = args.case.as_deref().map(stage).transpose()?;
    let play = options.play.clone();
    let announce = |addresses: &Addresses| {
        if args.recording.is_none() {
            display::say("💡 No recording given: playing the built-in demo");
        }
        greet(&tape, &play, addresses, serving::subscribers_max(&settings.limits));
        if let Some(staged) = &staged {
            display::say(&format!("🎬 Case {}: {}", staged.case.name, staged.case.what));
        }
    };
    let played = staged.as_ref().map_or(&tape, |staged| &staged.tape);
    let show = |channel: Channel| channel.replay(played.clone());
    let style = display::Style::Plain;
    stage::serve(&settings, &args.lifecycle, style, options, staged.as_ref(), show, announce).await
}

fn greet(
    tape: &Tape,
    options: &ReplayOptions,
    Addresses { feed, rest, .. }: &Addresses,
    subscribers_max: usize,
) {
    let length = tape.duration().map(|length| format!(", {}", clock_time(length))).unwrap_or_default();
    let speed = match options.speed {
        Speed::Times(times) => format!("{times}×"),
        Speed::Max => "max".into(),
    };
    display::say(&format!("📼 Replaying {}{length}, speed {speed}", printable(&tape.name)));
    display::say(&format!("🌐 Serving on {feed} and {rest}/"));
    match options.wait_clients {
        0 => {}
        count if count > subscribers_max => display::say("⏳ Waiting for `POST /replay/play`"),
        count => display::say(&display::waiting(count)),
    }
    display::say("🎉 Ready to receive TikTok Live events!");
    display::say("📺 Press Ctrl+C to stop");
}

/// `6:42`, or `1:02:03`.
fn clock_time(duration: Duration) -> String {
    let secs = duration.as_secs();
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{secs:02}") } else { format!("{minutes}:{secs:02}") }
}
