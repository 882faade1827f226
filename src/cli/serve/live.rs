//! `livetape live`, `livetape serve` and `livetape replay`; and `livetape record`, which records a room, or a tab of a
//! browser, to a file, without a server.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use livetape_cases::table::Suite;
use livetape_core::{
    error::{Code, Problem, exit},
    pace::Speed,
    terminal::printable,
};
use livetape_engine::{
    channels::{Channel, ChannelOptions, Ended, Record},
    demo::DEMO,
    source::{
        ReplayOptions, Tape,
        browser::{Page, TabOptions, UNKNOWN_USER, attach, choose},
        live::{NetTransport, Way},
    },
};
use livetape_feed::{
    control::Control,
    hub::{CloseReason, Hub, Limits},
};
use livetape_server::staged::Staged;

use super::{
    cluster, drift,
    stage::{self, advise, conclude},
};
use crate::{
    cli::{
        args,
        options::{
            config,
            serving::{self, Addresses},
            sources,
        },
        process::{display, output::warn, signals},
    },
    log,
    settings::Settings,
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
    let has_token = settings.server.token.is_some() || settings.server.token_file.is_some();
    let greet = |Addresses { feed, rest, .. }: &Addresses| {
        display::say(&format!("🌐 Serving on {feed} and {rest}/"));
        // No client can connect to the address of all interfaces.
        let here = rest.replacen("0.0.0.0", "127.0.0.1", 1).replacen("[::]", "[::1]", 1);
        // In double quotes, which every system's shell knows.
        let token = if has_token { "-H \"Authorization: Bearer TOKEN\" " } else { "" };
        display::say(&format!("🔴 Connect a room with: curl {token}-X POST {here}/connect/USER"));
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

pub(crate) async fn record(args: args::RecordRoom) -> Result<u8, Problem> {
    let resolved = config::resolved(&args.flags)?;
    let settings = &resolved.settings;
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    if let Some(tab) = sources::tab(args.user.as_deref(), args.tab.number, &resolved)? {
        return record_tab(&args, settings, tab).await;
    }
    let user = sources::user(args.user.as_deref())?;
    let lines = [format!("🔴 Recording @{user}")];
    let ended = into_file(settings, &args, &user, &lines, |channel| channel.live(user.clone())).await?;
    if is_nothing(&ended) {
        display::say(&format!("⚠️ Nothing was recorded: the LIVE of @{user} was not reached"));
    }
    conclude(&ended, exit::DONE)
}

/// Whether there is no file, and nothing that says why.
fn is_nothing(ended: &Ended) -> bool {
    let Ended { problem, refused, recorder, recordings, .. } = ended;
    recordings.is_empty() && problem.is_none() && refused.is_none() && recorder.is_none()
}

/// Returns options that record a room to a file, and do nothing else.
pub(in crate::cli) fn recording(
    settings: &Settings,
    output: Option<PathBuf>,
    user: &str,
) -> Result<ChannelOptions, Problem> {
    let options = sources::recorded(settings, sources::live_options(settings, user, None)?);
    let folder = || Record::Folder(settings.server.folder());
    let record = Some(output.map(Record::File).or(options.record.clone()).unwrap_or_else(folder));
    Ok(ChannelOptions { ends_with_source: true, record_only: true, record, ..options })
}

/// Prints `lines`, then records and displays the source that `start` runs on a channel.
async fn into_file<E: Future<Output = Ended>>(
    settings: &Settings,
    args: &args::RecordRoom,
    user: &str,
    lines: &[String],
    start: impl FnOnce(Channel) -> E,
) -> Result<Ended, Problem> {
    let (watch, last) = drift::start(args.drift.drift.as_deref(), &settings.server.folder())?;
    let mut options = ChannelOptions { watch, ..recording(settings, args.output.clone(), user)? };
    options.live.tab = sources::way(user, args.tab.number, &settings.live);
    options.check_file()?;
    let named = options.live.clone();
    let transport = NetTransport::new(&options.live)?;
    let (control, driver) = Control::new();
    let hub = Hub::new("record".into(), Limits::default());
    signals::listen(control.clone(), settings.limits.shutdown_time);
    display::end_without_reader(control.clone());
    lines.iter().for_each(|line| display::say(line));
    display::say("📺 Press Ctrl+C to stop");
    let shown =
        (!settings.server.quiet).then(|| tokio::spawn(display::show(hub.clone(), display::Style::Recording)));
    let ended = start(Channel::new(hub.clone(), &control, driver, transport, options)).await;
    hub.close(CloseReason::new(1000, "recorded"));
    if let Some(shown) = shown {
        drop(shown.await);
    }
    last.wait();
    advise(&ended, &named);
    Ok(ended)
}

/// Maximum number of tabs in the list to choose from.
const PAGES_MAX: usize = 20;

/// Records a tab of a browser.
async fn record_tab(args: &args::RecordRoom, settings: &Settings, tab: TabOptions) -> Result<u8, Problem> {
    let pages = tab.browser.pages().await?;
    let user = tab.user.as_deref();
    let page = choose(&pages, user, tab.number).inspect_err(|_| list(&pages)).map_err(|problem| {
        match (problem.code, user) {
            (Code::TabNotFound, Some(user)) => problem.hint(format!(
                "open https://www.tiktok.com/@{user}/live in that browser, or choose a tab with --tab N"
            )),
            _ => problem,
        }
    })?;
    let user = user.or(page.user()).unwrap_or(UNKNOWN_USER);
    let live = attach(&tab.browser, page, user).await?;
    let lines = [
        format!("🔴 Recording the tab {}", page.shown()),
        "💡 Reload the page now to record its connections from their start".to_owned(),
    ];
    let show = |channel: Channel| async { channel.show_connected(user, live).await };
    let ended = into_file(settings, args, user, &lines, show).await?;
    if is_nothing(&ended) {
        let message = format!("nothing was recorded: no connection to a LIVE in the tab {}", page.shown());
        return Err(Problem::new(Code::TabSilent, message));
    }
    conclude(&ended, exit::DONE)
}

fn list(pages: &[Page]) {
    for (number, page) in (1..).zip(pages).take(PAGES_MAX) {
        warn(format_args!("  {number}: {}", page.shown()));
    }
}
