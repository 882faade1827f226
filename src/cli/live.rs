//! `livetape live`, `serve` and `record`: rooms, and their server.

use super::{args, display, stage::Stage};
use crate::{
    control::Control,
    hub::{Hub, Limits},
    sans_io::{error::Problem, username::normalise},
    source::live::NetTransport,
    supervisor::{Ended, Options, Record, Supervisor},
};

pub(super) async fn live(args: args::Live) -> Result<u8, Problem> {
    let user = normalise(&args.user)?;
    let options = Options {
        live: args.upstream.options(&user, args.serve.seed)?,
        ends_with_source: true,
        record: args.record.clone().map(Record::File),
        record_only: false,
        warn: warn_of_recorder,
    };
    let transport = NetTransport::new(&options.live)?;
    let (stage, driver) = Stage::open(&args.serve, display::Style::Live, |address| {
        display::say(&format!("Starting TikTok Live CLI for user: {user}"));
        display::say(&format!("🌐 Serving on ws://{address}/ and http://{address}/"));
        display::say("Connecting to TikTok Live...");
    })
    .await?;
    let supervisor = Supervisor::new(stage.hub.clone(), &stage.control, driver, transport, options);
    let ended = supervisor.live(user).await;
    stage.close().await;
    conclude(&ended)
}

pub(super) async fn serve(mut args: args::ServeIdle) -> Result<u8, Problem> {
    args.serve.port = args.port_first.or(args.serve.port);
    let options = Options {
        live: args.upstream.options("", args.serve.seed)?,
        ends_with_source: false,
        record: args.record.clone().map(Record::File),
        record_only: false,
        warn: warn_of_recorder,
    };
    let transport = NetTransport::new(&options.live)?;
    let (stage, driver) = Stage::open(&args.serve, display::Style::Plain, |address| {
        display::say(&format!("🌐 Serving on ws://{address}/ and http://{address}/"));
        display::say(&format!("🔴 Connect a room with: curl -X POST http://{address}/connect/USER"));
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
    if let Some(address) = &args.browser.cdp {
        return super::browser::record(&args, address).await;
    }
    let user = normalise(&args.user)?;
    let options = Options {
        live: args.upstream.options(&user, None)?,
        ends_with_source: true,
        record: Some(args.output.clone().map_or(Record::Named, Record::File)),
        record_only: true,
        warn: |_| (),
    };
    let transport = NetTransport::new(&options.live)?;
    let (control, driver) = Control::new();
    let hub = Hub::new("record".into(), Limits::default());
    super::signals::listen(control.clone());
    display::say(&format!("🔴 Recording @{user}"));
    display::say("📺 Press Ctrl+C to stop");
    let shown = (!args.quiet).then(|| tokio::spawn(display::show(hub.clone(), display::Style::Live)));
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
