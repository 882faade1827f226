//! `livetape record`: records a room, or a tab of a browser, to a file, without a server.

use livetape_core::error::{Code, Problem, exit};
use livetape_engine::{
    channels::{Channel, ChannelOptions, Ended, Record},
    source::{
        browser::{Page, TabOptions, UNKNOWN_USER, attach, choose},
        live::NetTransport,
    },
};
use livetape_feed::{
    control::Control,
    hub::{CloseReason, Hub, Limits},
};

use super::{
    drift,
    stage::{advise, conclude},
};
use crate::{
    cli::{
        args,
        options::{config, sources},
        process::{display, output::warn, signals},
    },
    log,
    settings::Settings,
};

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

/// Prints `lines`, then records and displays the source that `start` runs on a channel.
async fn into_file<E: Future<Output = Ended>>(
    settings: &Settings,
    args: &args::RecordRoom,
    user: &str,
    lines: &[String],
    start: impl FnOnce(Channel) -> E,
) -> Result<Ended, Problem> {
    let folder = || Record::Folder(settings.server.folder());
    let mut live = sources::live_options(settings, user, None)?;
    live.tab = sources::way(user, args.tab.number, &settings.live);
    let (watch, last) = drift::start(args.drift.drift.as_deref(), &settings.server.folder())?;
    let options = ChannelOptions {
        ends_with_source: true,
        record: Some(settings.record.output.clone().map_or_else(folder, Record::File)),
        rotate: settings.record.rotate,
        sync: settings.record.sync,
        record_bytes_max: settings.record.max_size.map(|size| size.0 as u64),
        record_only: true,
        watch,
        ..ChannelOptions::new(live)
    };
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
