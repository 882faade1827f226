//! Lateness of a replay at speed 1, beside a bare timer that waits for the same deadlines.

mod support;

use std::time::Duration;

use livetape::{
    clock,
    control::Control,
    hub::{Hub, Join, Limits, Next},
    source::{Lateness, Options, Replay, Step, Tape},
    tools::synth,
};
use support::{Args, Match, Report};

/// Subscribers that read along.
const SUBSCRIBERS: usize = 100;
/// Where a round ends, whatever the recording holds.
const END: Duration = Duration::from_secs(5);

fn main() {
    let args = Args::parse();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let show = synth::Options { seed: 1, profile: synth::Profile::Busy, length: synth::Length::Minutes(1) };
    synth::synth(file.reopen().expect("a temporary file"), &show).expect("a recording");
    let tape = Tape::find(&file.path().to_string_lossy()).expect("a recording");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let mut report = Report::begin(&args, "replay");
    let (mut p99s, mut drifts) = (Vec::new(), Vec::new());
    let ours = || {
        let lateness = runtime.block_on(replay(tape.clone()));
        p99s.push(lateness.quantile_ms(0.99));
        drifts.push(lateness.drift_ms().abs());
        lateness.quantile_ms(0.5)
    };
    let floor = || runtime.block_on(timer(&tape)).quantile_ms(0.5);
    let what = Match { name: "replay", unit: "ms late, p50", beside: "bare timer", bar: 1.2 };
    report.compare(&what, ours, floor);
    report.figure("replay, p99", "ms late", &p99s, 4.0);
    report.figure("replay, drift", "ms", &drifts, 0.5);
    report.end();
}

/// The replay itself, with subscribers that read along.
async fn replay(tape: Tape) -> Lateness {
    let (control, mut driver) = Control::new();
    let hub = Hub::new("bench".into(), Limits::default());
    for _ in 0..SUBSCRIBERS {
        let mut subscriber = hub.join(&Join::default()).expect("no position was asked for");
        tokio::spawn(async move {
            let mut events = Vec::new();
            while let Next::Events = subscriber.next(&mut events).await {
                events.clear();
            }
        });
    }
    let options = Options { end: Some(END), exit_when_done: true, ..Options::default() };
    let shutdown = control.shutdown().clone();
    let replay = Replay::new(tape, options, hub, &mut driver, shutdown, |_| ()).expect("a recording");
    replay.run().await.lateness
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
