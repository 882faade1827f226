//! `livetape replay`: a recording, its server and its display.

use std::time::Duration;

use super::{args, display, stage::Stage};
use crate::{
    sans_io::{
        error::{Code, Problem},
        pace::Speed,
    },
    source::{Options, Summary, Tape, live},
    supervisor::{self, Supervisor},
};

pub(super) async fn replay(args: args::Replay) -> Result<u8, Problem> {
    let options = options(&args)?;
    let tape = Tape::find(&args.recording)?;
    let idle = supervisor::Options {
        live: live::Options::new(""),
        ends_with_source: false,
        record: None,
        record_only: false,
        allow_inject: false,
        warn: |_| (),
    };
    let transport = live::NetTransport::new(&idle.live)?;
    let (stage, driver) = Stage::open(&args.serve, display::Style::Plain, |address| {
        greet(&tape, &options, address);
    })
    .await?;
    let supervisor = Supervisor::new(stage.hub.clone(), &stage.control, driver, transport, idle);
    let ended = supervisor.replay(tape.clone(), options.clone(), tell).await?;
    stage.close().await;
    ended.exit_code()
}

fn options(args: &args::Replay) -> Result<Options, Problem> {
    if args.end.is_some_and(|end| end <= args.start) {
        return Err(Problem::new(Code::BadRequest, "--end is not after --start"));
    }
    if args.idle_limit == Some(Duration::ZERO) {
        let problem = Problem::new(Code::BadRequest, "--idle-limit is 0");
        return Err(problem.hint("--speed max leaves out all waiting"));
    }
    Ok(Options {
        speed: args.speed,
        // Without a number, for ever.
        laps: args.r#loop.map_or(Some(1), |laps| (laps > 0).then_some(laps)),
        start: args.start,
        end: args.end,
        idle_limit: args.idle_limit,
        wait_clients: args.wait_clients.unwrap_or(usize::from(args.speed == Speed::Max)),
        exit_when_done: args.exit_when_done,
    })
}

fn greet(tape: &Tape, options: &Options, address: &str) {
    let length = tape.duration().map(|length| format!(", {}", clock_time(length))).unwrap_or_default();
    let speed = match options.speed {
        Speed::Times(times) => format!("{times}×"),
        Speed::Max => "max".into(),
    };
    display::say(&format!("📼 Replaying {}{length}, speed {speed}", tape.name));
    display::say(&format!("🌐 Serving on ws://{address}/ and http://{address}/"));
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
