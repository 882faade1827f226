//! `livetape replay`: a recording, its server and its display.

use std::time::Duration;

use super::{
    args, config, display,
    serving::{Addresses, backlog},
    stage::Stage,
};
use crate::{
    clock::Waiting,
    log,
    sans_io::{
        error::{Code, Problem},
        pace::Speed,
    },
    settings,
    source::{Options, Summary, Tape, live},
    supervisor::{self, Supervisor},
};

pub(super) async fn replay(args: args::Replay) -> Result<u8, Problem> {
    let settings = config::settings(&args.flags)?;
    let _log = log::start(&settings.log, !settings.server.quiet)?;
    let options = Options { recordings: settings.server.folder(), ..options(&settings.replay) };
    let recording = args.recording.or(settings.replay.recording.clone().map(Into::into)).ok_or_else(|| {
        Problem::new(Code::BadRequest, "no recording is given")
            .hint("name one: `livetape replay demo`, LIVETAPE_RECORDING, or `recording` under [replay] in livetape.toml")
    })?;
    let tape = Tape::find_in(&options.recordings, recording)?;
    let idle = supervisor::Options {
        backlog: backlog(&settings),
        ..supervisor::Options::new(live::Options::new(""))
    };
    let transport = live::NetTransport::new(&idle.live)?;
    let (stage, driver) = Stage::open(&settings, display::Style::Plain, |addresses| {
        greet(&tape, &options, addresses);
    })
    .await?;
    let supervisor = Supervisor::new(stage.hub.clone(), &stage.control, driver, transport, idle);
    let ended = supervisor.replay(tape.clone(), options.clone(), tell).await?;
    stage.close().await;
    ended.exit_code()
}

fn options(settings: &settings::Replay) -> Options {
    Options {
        speed: settings.speed,
        // Without a number, for ever.
        laps: settings.r#loop.map_or(Some(1), |laps| (laps > 0).then_some(laps)),
        start: settings.start,
        end: settings.end,
        idle_limit: settings.idle_limit,
        waiting: if settings.precise { Waiting::Awake } else { Waiting::Kernel },
        wait_clients: settings.wait_clients.unwrap_or(usize::from(settings.speed == Speed::Max)),
        exit_when_done: settings.exit_when_done,
        ..Options::default()
    }
}

fn greet(tape: &Tape, options: &Options, Addresses { feed, rest }: &Addresses) {
    let length = tape.duration().map(|length| format!(", {}", clock_time(length))).unwrap_or_default();
    let speed = match options.speed {
        Speed::Times(times) => format!("{times}×"),
        Speed::Max => "max".into(),
    };
    display::say(&format!("📼 Replaying {}{length}, speed {speed}", tape.name));
    display::say(&format!("🌐 Serving on {feed} and {rest}/"));
    if options.wait_clients > 0 {
        let (count, plural) = (options.wait_clients, if options.wait_clients == 1 { "" } else { "s" });
        display::say(&format!("⏳ Waiting for {count} subscriber{plural}"));
    }
    display::say("🎉 Ready to receive TikTok Live events!");
    display::say("📺 Press Ctrl+C to stop");
}

fn tell(summary: &Summary) {
    let Summary { recording, events, took, lateness, .. } = summary;
    let late = if lateness.frames() == 0 { String::new() } else { format!(": {lateness}") };
    display::say(&format!("🏁 Replayed {recording}: {events} events in {:.1} s{late}", took.as_secs_f64()));
    if summary.is_lossy {
        let (missing, unreadable) = (summary.records_missing, summary.unreadable);
        let lost = format!("{missing} records are missing, {unreadable} frames or messages not readable");
        display::say(&format!("⚠️ Something was lost: {lost}"));
    }
}

/// `6:42`, or `1:02:03`.
fn clock_time(duration: Duration) -> String {
    let secs = duration.as_secs();
    let (hours, minutes, secs) = (secs / 3600, secs / 60 % 60, secs % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{secs:02}") } else { format!("{minutes}:{secs:02}") }
}
