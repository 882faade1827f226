//! Lateness of the program at speed 1 with a thousand sockets, compared with a bare timer for the same deadlines. Then the time
//! to play a recording of an hour at speed `max`, without subscribers and over a WebSocket, compared with decoding alone.
//!
//! With `--memory`: memory while playing two recordings of 24 hours and one of 1 GB, at speed `max`. `--days`
//! omits the one of 1 GB, `--large FILE` replaces it with an existing recording.

mod audience;
mod memory;
mod reader;

use std::{hint::black_box, process::ExitCode, time::Duration};

use crate::support::{Args, Match, Report, now};
use livetape_core::{
    decoder::{self, Decoder},
    pace::Speed,
};
use livetape_engine::source::{Lateness, Replay, ReplayOptions, Step, Summary, Tape};
use livetape_feed::{
    control::Control,
    hub::{Filter, Hub, Limits},
};
use livetape_io::clock;
use livetape_tools::synth::{self, Length, Profile};
use tempfile::NamedTempFile;

/// Number of subscribers.
const SUBSCRIBERS: usize = 1_000;
/// Offset in the recording where a round ends.
const END: Duration = Duration::from_secs(5);

/// Length of the recording played at speed `max`.
const HOUR: Length = Length::Minutes(60);

pub(crate) fn run() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut report = Report::begin(&args, "replay");
    let is_in_bounds = if args.has("--memory") {
        memory::run(&args, &mut report)
    } else {
        lateness(&runtime, &mut report);
        as_fast_as_possible(&runtime, &mut report);
        true
    };
    report.end();
    if is_in_bounds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn lateness(runtime: &tokio::runtime::Runtime, report: &mut Report) {
    let (file, tape) = made_up(Profile::Busy, Length::Minutes(1));
    let (mut p99s, mut drifts) = (vec![], vec![]);
    let end = format!("{}s", END.as_secs());
    let ours = || {
        let late = audience::play(file.path(), SUBSCRIBERS, &end);
        p99s.push(late.p99);
        drifts.push(late.drift.abs());
        late.p50
    };
    let floor = || runtime.block_on(timer(&tape)).quantile_ms(0.5);
    let what = Match { name: "replay", unit: "ms late, p50", beside: "bare timer", bar: 1.2 };
    report.compare(&what, ours, floor);
    report.figure("replay, p99", "ms late", &p99s, 4.0);
    report.figure("replay, drift", "ms", &drifts, 0.5);
}

fn as_fast_as_possible(runtime: &tokio::runtime::Runtime, report: &mut Report) {
    let (file, tape) = made_up(Profile::Busy, HOUR);
    let mut alone = vec![];
    let ours = || {
        let (summary, ms) = timed(|| runtime.block_on(replay(tape.clone())));
        assert!(summary.events > 0 && !summary.loss.is_some());
        alone.push(ms / 1e3);
        ms
    };
    let what = Match { name: "an hour at speed max", unit: "ms", beside: "decoding alone", bar: 1.5 };
    report.compare(&what, ours, || timed(|| decoding(&tape)).1);
    report.figure("an hour of a busy room at speed max, without subscribers", "s", &alone, 1.0);
    let over_socket: Vec<f64> =
        (0..report.rounds()).map(|_| reader::play(file.path(), usize::MAX).seconds).collect();
    report.figure("an hour of a busy room at speed max, over a WebSocket", "s", &over_socket, 1.0);
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = now();
    let result = work();
    (result, now().duration_since(started).as_secs_f64() * 1e3)
}

/// Reads, decodes and encodes to JSON, without subscribers.
fn decoding(tape: &Tape) {
    let mut decoder = Decoder::new(decoder::DecoderOptions { replay: true, dedup: true });
    let (mut json, mut seq) = (Vec::new(), 0);
    for step in tape.steps().expect("a recording") {
        if let Step::Item(item) = step {
            decoder.handle(&item);
        }
        for event in decoder.take_events() {
            seq += 1;
            json.clear();
            Filter::default().encode("bench", seq, &event, &mut json);
            black_box(&json);
        }
    }
}

fn made_up(profile: Profile, length: Length) -> (NamedTempFile, Tape) {
    let file = NamedTempFile::new().expect("a temporary file");
    let writer = std::io::BufWriter::new(file.reopen().expect("a temporary file"));
    synth::synth(writer, &synth::SynthOptions { seed: 1, profile, length }).expect("a recording");
    let tape = Tape::find(file.path()).expect("a recording");
    (file, tape)
}

/// Runs the replay at speed `max`, without subscribers.
async fn replay(tape: Tape) -> Summary {
    let options = ReplayOptions { speed: Speed::Max, exit_when_done: true, ..ReplayOptions::default() };
    let (control, mut driver) = Control::new();
    let hub = Hub::new("bench".into(), Limits::default());
    let shutdown = control.shutdown().clone();
    let replay = Replay::new(tape, options, hub, &mut driver, shutdown, |_| ()).expect("a recording");
    replay.run().await
}

/// The floor: waits for the deadlines with a bare timer.
async fn timer(tape: &Tape) -> Lateness {
    let mut lateness = Lateness::default();
    let started = clock::now();
    for step in tape.steps().expect("a recording") {
        let Step::Item(item) = step else { continue };
        if item.offset >= END {
            break;
        }
        let due = started + item.offset;
        tokio::time::sleep_until(due).await;
        lateness.record(clock::now().saturating_duration_since(due));
    }
    lateness
}
