//! `livetape live`, `serve` and `record`: rooms, and their server.

use super::{args, config, display, rooms, serving::Addresses, stage::Stage};
use crate::{
    control::Control,
    hub::{Hub, Limits},
    log,
    sans_io::error::Problem,
    source::live::NetTransport,
    supervisor::{Ended, Options, Record, Supervisor},
};

pub(super) async fn live(args: args::Live) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    let user = rooms::user(args.user.as_deref(), &settings.live)?;
    let options = Options {
        live: rooms::options(&settings.live, &user, settings.server.seed),
        ends_with_source: true,
        record: settings.live.record.clone().map(Record::File),
        rotate: None,
        record_only: false,
        allow_inject: settings.live.allow_inject,
        warn: warn_of_recorder,
    };
    let transport = NetTransport::new(&options.live)?;
    let (stage, driver) = Stage::open(&settings, display::Style::Live, |Addresses { feed, rest }| {
        display::say(&format!("Starting TikTok Live CLI for user: {user}"));
        display::say(&format!("🌐 Serving on {feed} and {rest}/"));
        display::say("Connecting to TikTok Live...");
    })
    .await?;
    let supervisor = Supervisor::new(stage.hub.clone(), &stage.control, driver, transport, options);
    let ended = supervisor.live(user).await;
    stage.close().await;
    conclude(&ended)
}

pub(super) async fn serve(args: args::ServeIdle) -> Result<u8, Problem> {
    let mut settings = config::settings(&args.flags)?;
    settings.server.port = args.port_first.or(settings.server.port);
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    let options = Options {
        live: rooms::options(&settings.live, "", settings.server.seed),
        ends_with_source: false,
        record: settings.live.record.clone().map(Record::File),
        rotate: None,
        record_only: false,
        allow_inject: settings.live.allow_inject,
        warn: warn_of_recorder,
    };
    let transport = NetTransport::new(&options.live)?;
    let (stage, driver) = Stage::open(&settings, display::Style::Plain, |Addresses { feed, rest }| {
        display::say(&format!("🌐 Serving on {feed} and {rest}/"));
        display::say(&format!("🔴 Connect a room with: curl -X POST {rest}/connect/USER"));
        display::say("📺 Press Ctrl+C to stop");
    })
    .await?;
    let supervisor = Supervisor::new(stage.hub.clone(), &stage.control, driver, transport, options);
    let ended = supervisor.serve().await;
    stage.close().await;
    conclude(&ended)
}

fn warn_of_recorder(problem: &Problem) {
    display::say(&format!("⚠️ The recording broke off, serving goes on: {problem}"));
}

/// Without a server: only the file and the terminal.
pub(super) async fn record(args: args::RecordRoom) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    if let Some(address) = &args.browser.cdp {
        return super::browser::record(&args, &settings, address).await;
    }
    let user = rooms::user(args.user.as_deref(), &settings.live)?;
    let folder = || Record::Folder(settings.server.folder());
    let options = Options {
        live: rooms::options(&settings.live, &user, None),
        ends_with_source: true,
        record: Some(settings.record.output.clone().map_or_else(folder, Record::File)),
        rotate: settings.record.rotate,
        record_only: true,
        allow_inject: false,
        warn: |_| (),
    };
    let transport = NetTransport::new(&options.live)?;
    let (control, driver) = Control::new();
    let hub = Hub::new("record".into(), Limits::default());
    super::signals::listen(control.clone());
    display::say(&format!("🔴 Recording @{user}"));
    display::say("📺 Press Ctrl+C to stop");
    let shown =
        (!settings.server.quiet).then(|| tokio::spawn(display::show(hub.clone(), display::Style::Live)));
    let supervisor = Supervisor::new(hub.clone(), &control, driver, transport, options);
    let ended = supervisor.live(user).await;
    hub.close(crate::hub::CloseReason { code: 1000, reason: "recorded".into() });
    if let Some(shown) = shown {
        drop(shown.await);
    }
    conclude(&ended)
}

/// Tells what was recorded, and gives the exit code.
pub(super) fn conclude(ended: &Ended) -> Result<u8, Problem> {
    for recording in &ended.recordings {
        display::say(&format!("📼 {}", recording.display()));
    }
    if let Some(problem) = &ended.recorder {
        // What was written stays, and can be read.
        display::say(&format!("⚠️ The recording broke off: {problem}"));
    }
    ended.exit_code()
}
