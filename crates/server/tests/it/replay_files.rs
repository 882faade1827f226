//! Replays of files: loading them, missing records, and their ends.

use std::time::Duration;

use livetape_core::{error::Code, recording::Loss};
use livetape_engine::source::{Replay, ReplayOptions, Tape};
use livetape_feed::{
    control::{Control, ReplayOrder},
    hub::{Filter, Hub, Limits},
};
use tokio::sync::mpsc;

use crate::support::{Rig, recording, repository::repository, session_items};

fn once() -> ReplayOptions {
    ReplayOptions { exit_when_done: true, wait_clients: 1, ..ReplayOptions::default() }
}

/// A web page may load any file in the folder, and other programs may put any file there.
#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn only_regular_files_are_loaded() {
    let (folder, show) = loading();
    let path = |name: &str| folder.path().join(format!("{name}.bin"));
    std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
    std::os::unix::fs::symlink(path("short"), path("link")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::File::create(path("sparse")).unwrap().set_len(2 << 30).unwrap();
    show.ready().await;
    for name in ["zero", "link", "fifo", "folder", "sparse"] {
        let problem = show.control.order(ReplayOrder::Load(name.into())).await.unwrap_err();
        assert_eq!(problem.code, Code::BadRecording, "{name}: {problem}");
        assert!(!problem.message.contains('/'), "{problem}");
    }
    assert_eq!(show.order(ReplayOrder::Load("short".into())).await.recording, "short");
}

/// Queues all three commands before the file can be open, and compares the answers in order, so the speed of
/// the disk does not matter.
#[tokio::test(start_paused = true)]
async fn other_orders_do_not_wait_for_a_recording_to_open() {
    let (_folder, show) = loading();
    show.ready().await;
    let load = || ReplayOrder::Load("short".into());
    let (answers, mut answered) = mpsc::unbounded_channel();
    for (number, order) in [load(), ReplayOrder::Pause, load()].into_iter().enumerate() {
        let (control, answers) = (show.control.clone(), answers.clone());
        tokio::spawn(async move { answers.send((number, control.order(order).await)).unwrap() });
    }
    let mut next = async || {
        let (number, answer) = answered.recv().await.unwrap();
        (number, answer.map(|state| state.recording).map_err(|problem| problem.code))
    };
    assert_eq!(next().await, (1, Ok("test".to_owned())), "the file was waited for");
    assert_eq!(next().await, (0, Err(Code::RecordingBusy)), "only the last one is played");
    assert_eq!(next().await, (2, Ok("short".to_owned())));
}

/// A waiting replay, with a recording `short` to load instead.
fn loading() -> (tempfile::TempDir, Rig) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(repository().join("recordings/short.bin"), folder.path().join("short.bin")).unwrap();
    let recordings = folder.path().to_owned();
    let show = Rig::play(
        &session_items(1),
        ReplayOptions { recordings, wait_clients: 9, ..ReplayOptions::default() },
    );
    (folder, show)
}

/// Plays `bytes` for two laps; returns the counters and the report of the end.
async fn losses_of(bytes: &[u8], options: ReplayOptions) -> (Loss, bool, Loss) {
    let tape = Tape::from_bytes("test", bytes.to_vec().into());
    let mut show = Rig::play_tape(tape, ReplayOptions { laps: Some(2), ..options }, Filter::default());
    let summary = show.summary().await;
    let counts = show.control.status().counts;
    (counts.loss(), counts.unsealed, summary.loss)
}

#[tokio::test(start_paused = true)]
async fn missing_records_are_counted_once_for_any_number_of_laps() {
    let whole = recording(&session_items(3)[..40]);
    // The last record is `End`.
    let end = whole.windows(4).rposition(|word| word == [0xD1, 0xA5, 0x3C, 0x9E]).unwrap();
    assert_eq!(losses_of(&whole, once()).await, (Loss::default(), false, Loss::default()));
    let lost = Loss { bytes: 4, unsealed: true, ..Loss::default() };
    let mut cut = whole[..end].to_vec();
    cut.extend([0; 4]);
    assert_eq!(losses_of(&cut, once()).await, (lost, true, lost));
    let mut flipped = whole.to_vec();
    flipped[whole.len() / 2] ^= 1;
    let (counted, unsealed, _) = losses_of(&flipped, once()).await;
    assert_eq!((counted.records, unsealed), (1, false));
}

#[tokio::test(start_paused = true)]
async fn a_replay_cannot_start_beyond_the_end() {
    let tape = Tape::from_bytes("test", recording(&session_items(3)));
    let end = tape.duration().unwrap();
    let (control, mut driver) = Control::new();
    for (start, is_within) in [(end, true), (end + Duration::from_nanos(1), false)] {
        let hub = Hub::new("test".into(), Limits::default());
        let options = ReplayOptions { start, ..once() };
        let shutdown = control.shutdown().clone();
        let made = Replay::new(tape.clone(), options, hub, &mut driver, shutdown, |_| ());
        assert_eq!(made.err().map(|problem| problem.code), (!is_within).then_some(Code::BadRequest));
    }
}
