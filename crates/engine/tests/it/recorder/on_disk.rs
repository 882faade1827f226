//! When data reaches the disk, and who can read it.

use std::time::Duration;

use livetape_feed::control::RecorderQueue as _;

use super::{
    Disk, Flush, Ordering, Recorder, RecorderOptions, Sync, Target, eventually, live_header, numbered,
    options, read, start,
};

#[test]
fn records_are_flushed_when_due() {
    let long = Duration::from_secs(3600);
    for (flush, is_held_back) in
        [(Flush::Each, false), (Flush::Every(long), false), (Flush::Bytes(4000), true)]
    {
        let disk = Disk::default();
        let recorder = start(&disk, &RecorderOptions { flush, ..options() });
        eventually(|| !disk.bytes().is_empty());
        (0..5).for_each(|n| recorder.record(&numbered(n)));
        if is_held_back {
            std::thread::park_timeout(Duration::from_millis(20));
            assert_eq!(disk.items(), []);
            (5..40).for_each(|n| recorder.record(&numbered(n)));
        }
        eventually(|| disk.items().len() >= 5);
        drop(recorder);
    }
}

#[test]
fn a_recording_is_synced_if_configured() {
    let disk = Disk::default();
    // Syncing also flushes.
    let (sync, flush) = (Sync::Every(Duration::from_millis(20)), Flush::Bytes(1 << 20));
    let recorder = start(&disk, &RecorderOptions { sync, flush, ..options() });
    let syncs = || disk.syncs.load(Ordering::Relaxed);
    for n in 0..3 {
        let before = syncs();
        recorder.record(&numbered(n));
        eventually(|| syncs() > before && disk.items().len() as u64 > n);
    }
    let before = syncs();
    recorder.finish().unwrap();
    assert!(syncs() > before, "the end is not synced");
}

#[test]
fn the_end_of_a_recording_is_synced_unless_disabled() {
    let syncs = |sync| {
        let disk = Disk::default();
        let recorder = start(&disk, &RecorderOptions { sync, ..options() });
        (0..3).for_each(|n| recorder.record(&numbered(n)));
        recorder.finish().unwrap();
        disk.syncs.load(Ordering::Relaxed)
    };
    assert_eq!(syncs(Sync::Every(Duration::from_secs(3600))), 1);
    assert_eq!(syncs(RecorderOptions::default().sync), 1, "by default as well");
    assert!(syncs(Sync::Each) > 3);
    assert_eq!(syncs(Sync::Off), 0);
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Folder { folder: folder.path().into(), user: "ann".into() };
    let recorder = Recorder::start(&target, live_header("ann"), &options()).unwrap();
    let permissions = recorder.path().unwrap().metadata().unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&permissions) & 0o777, 0o600);
}

#[tokio::test]
async fn a_gauge_seals_the_recording_of_a_process_that_exits_at_once() {
    let disk = Disk::default();
    let recorder = start(&disk, &options());
    (0..5).for_each(|n| recorder.record(&numbered(n)));
    recorder.gauge().seal().await;
    assert!(read(&disk.bytes()).1.sealed);
    assert_eq!(disk.items().len(), 5);
}
