//! Lateness of a replay at speed 1, beside a bare timer that waits for the same deadlines; with a timer of the kernel's; an
//! hour at speed `max`, beside its decoding alone. With `--memory`: a day, and 1 GB, at speed `max`.

mod support;

use std::{hint::black_box, time::Duration};

use livetape::{
    clock,
    control::Control,
    hub::{Filter, Hub, Join, Limits, Next},
    sans_io::{
        decoder::{self, Decoder},
        pace::Speed,
    },
    source::{Lateness, Options, Replay, Step, Summary, Tape},
    tools::synth::{self, Length, Profile},
};
use support::{Args, Match, Report, now};
use tempfile::NamedTempFile;

/// Subscribers that read along.
const SUBSCRIBERS: usize = 100;
/// Where a round ends, whatever the recording holds.
const END: Duration = Duration::from_secs(5);

/// The hour that is played at speed `max`, the day, and the large file, whose memory is looked at.
const HOUR: Length = Length::Minutes(60);
const DAY: Length = Length::Minutes(24 * 60);
const LARGE: Length = Length::Bytes(1_000_000_000);
/// How often memory is looked at, in events.
const LOOK_EVERY: u64 = 1000;
/// A day's memory is told at so many points.
const POINTS: usize = 12;

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut report = Report::begin(&args, "replay");
    if args.has("--memory") {
        runtime.block_on(memory(&mut report));
    } else {
        lateness(&runtime, &mut report);
        as_fast_as_possible(&runtime, &mut report);
    }
    report.end();
}

fn lateness(runtime: &tokio::runtime::Runtime, report: &mut Report) {
    let (_file, tape) = made_up(Profile::Busy, Length::Minutes(1));
    let (mut p99s, mut drifts, mut precise, mut precise_p99s) = (vec![], vec![], vec![], vec![]);
    let ours = || {
        let lateness = runtime.block_on(replay(tape.clone(), SUBSCRIBERS, short(false))).lateness;
        p99s.push(lateness.quantile_ms(0.99));
        drifts.push(lateness.drift_ms().abs());
        let exact = runtime.block_on(replay(tape.clone(), SUBSCRIBERS, short(true))).lateness;
        precise.push(exact.quantile_ms(0.5));
        precise_p99s.push(exact.quantile_ms(0.99));
        lateness.quantile_ms(0.5)
    };
    let floor = || runtime.block_on(timer(&tape)).quantile_ms(0.5);
    let what = Match { name: "replay", unit: "ms late, p50", beside: "bare timer", bar: 1.2 };
    report.compare(&what, ours, floor);
    report.figure("replay, p99", "ms late", &p99s, 4.0);
    report.figure("replay, drift", "ms", &drifts, 0.5);
    report.figure("replay --precise, p50", "ms late", &precise, 0.1);
    report.figure("replay --precise, p99", "ms late", &precise_p99s, 0.2);
}

fn as_fast_as_possible(runtime: &tokio::runtime::Runtime, report: &mut Report) {
    let (_file, tape) = made_up(Profile::Busy, HOUR);
    let mut seconds = vec![];
    let ours = || {
        let started = now();
        let summary = runtime.block_on(replay(tape.clone(), 1, fast()));
        assert!(summary.events > 0 && !summary.is_lossy);
        seconds.push(now().duration_since(started).as_secs_f64());
        now().duration_since(started).as_secs_f64() * 1e3
    };
    let what = Match { name: "an hour at speed max", unit: "ms", beside: "decoding alone", bar: 1.5 };
    report.compare(&what, ours, || decoding(&tape));
    report.figure("an hour of a busy room at speed max", "s", &seconds, 1.0);
}

/// Reading, decoding and JSON, without anybody who is told.
fn decoding(tape: &Tape) -> f64 {
    let started = now();
    let mut decoder = Decoder::new(decoder::Options { replay: true, dedup: true });
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
    now().duration_since(started).as_secs_f64() * 1e3
}

/// What the process takes while it plays a day and then a large file: resident, in MiB.
async fn memory(report: &mut Report) {
    for (name, profile, length, bar) in
        [("a quiet day", Profile::Quiet, DAY, 40.0), ("1 GB of a busy room", Profile::Busy, LARGE, 40.0)]
    {
        let (_file, tape) = made_up(profile, length);
        let (control, mut driver) = Control::new();
        let hub = Hub::new("bench".into(), Limits::default());
        let mut subscriber = hub.join(&Join::default()).expect("no position was asked for");
        let looks = tokio::spawn(async move {
            let (mut events, mut looks, mut seen) = (Vec::new(), Vec::new(), 0);
            while let Next::Events = subscriber.next(&mut events).await {
                seen += events.len() as u64;
                events.clear();
                if seen / LOOK_EVERY > looks.len() as u64 {
                    looks.push(resident_mib());
                }
            }
            looks
        });
        let shutdown = control.shutdown().clone();
        let replay = Replay::new(tape, fast(), hub, &mut driver, shutdown, |_| ()).expect("a recording");
        let events = replay.run().await.events;
        let looks = looks.await.expect("the subscriber reads to the end");
        let points: Vec<f64> = (1..=POINTS)
            .filter_map(|n| looks.get((looks.len() * n / POINTS).checked_sub(1)?).copied())
            .collect();
        let shown: Vec<String> = points.iter().map(|mib| format!("{mib:.1}")).collect();
        report.say(&format!("{name}, {events} events, MiB on the way: {}", shown.join(" ")));
        report.figure(&format!("{name} at speed max, memory"), "MiB", &points, bar);
        let growth = points.last().unwrap_or(&0.0) - points.get(POINTS / 4).unwrap_or(&0.0);
        report.figure(
            &format!("{name} at speed max, growth in its last three quarters"),
            "MiB",
            &[growth],
            4.0,
        );
    }
}

fn resident_mib() -> f64 {
    memory_stats::memory_stats().map_or(0.0, |stats| stats.physical_mem as f64 / f64::from(1 << 20))
}

fn made_up(profile: Profile, length: Length) -> (NamedTempFile, Tape) {
    let file = NamedTempFile::new().expect("a temporary file");
    let writer = std::io::BufWriter::new(file.reopen().expect("a temporary file"));
    synth::synth(writer, &synth::Options { seed: 1, profile, length }).expect("a recording");
    let tape = Tape::find(&file.path().to_string_lossy()).expect("a recording");
    (file, tape)
}

fn short(precise: bool) -> Options {
    Options { end: Some(END), exit_when_done: true, precise, ..Options::default() }
}

fn fast() -> Options {
    Options { speed: Speed::Max, exit_when_done: true, ..Options::default() }
}

/// The replay itself, with subscribers that read along.
async fn replay(tape: Tape, subscribers: usize, options: Options) -> Summary {
    let (control, mut driver) = Control::new();
    let hub = Hub::new("bench".into(), Limits::default());
    for _ in 0..subscribers {
        let mut subscriber = hub.join(&Join::default()).expect("no position was asked for");
        tokio::spawn(async move {
            let mut events = Vec::new();
            while let Next::Events = subscriber.next(&mut events).await {
                events.clear();
            }
        });
    }
    let shutdown = control.shutdown().clone();
    let replay = Replay::new(tape, options, hub, &mut driver, shutdown, |_| ()).expect("a recording");
    replay.run().await
}

/// What the clock alone can do.
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
