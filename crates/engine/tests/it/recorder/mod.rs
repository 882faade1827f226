//! The recorder reports every loss and never blocks its callers. After `kill -9` at any time, items received more than one
//! flush window before are intact.

mod secrets;

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Lines, Write},
    path::Path,
    process::{ChildStdout, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{
    error::Code,
    recording::{Flags, Frame, Item, Opcode, ReadReport, Reader, Record, What, records},
};
use livetape_engine::{
    recorder::{FLUSH_EVERY, Flush, Output, Recorder, RecorderOptions, Rotate, Target, check_new},
    source,
};
use livetape_feed::control::RecorderQueue as _;
use livetape_io::clock;
use livetape_tools::edit::{Input, merge, repair};

use crate::support::{item, messages::show, seed, session_items};

/// The header of a recording of this user's room.
fn live_header(user: &str) -> records::Header {
    source::live::header(&source::live::LiveOptions::new(user))
}

/// A file in memory that can be slow or full.
#[derive(Clone, Default)]
struct Disk {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Whether writes block.
    stuck: Arc<(Mutex<bool>, Condvar)>,
    /// Free space in bytes; `None` is unlimited.
    room: Option<usize>,
    syncs: Arc<AtomicU64>,
}

impl Disk {
    fn stuck() -> Self {
        let disk = Self::default();
        *disk.stuck.0.lock().unwrap() = true;
        disk
    }

    fn go_on(&self) {
        *self.stuck.0.lock().unwrap() = false;
        self.stuck.1.notify_all();
    }

    fn holding(path: &Path) -> Self {
        Self { bytes: Arc::new(Mutex::new(fs::read(path).unwrap())), ..Self::default() }
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    fn items(&self) -> Vec<Item> {
        if self.bytes().is_empty() { vec![] } else { read(&self.bytes()).0 }
    }
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stuck = self.stuck.0.lock().unwrap();
        drop(self.stuck.1.wait_while(stuck, |stuck| *stuck).unwrap());
        let mut file = self.bytes.lock().unwrap();
        let room = self.room.map_or(bytes.len(), |room| bytes.len().min(room - file.len()));
        file.extend_from_slice(&bytes[..room]);
        if room == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(room) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for Disk {
    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn start(disk: &Disk, options: &RecorderOptions) -> Recorder {
    Recorder::over(disk.clone(), "a disk", live_header("ann"), options).unwrap()
}

/// Records without a wall clock, so the time of day does not matter.
fn options() -> RecorderOptions {
    RecorderOptions { wall: None, ..RecorderOptions::default() }
}

/// A received frame of 100 bytes with its number `n`, at `n` ms after the start. Without ASCII characters,
/// which could look like a name with a secret.
fn numbered(n: u64) -> Item {
    let mut bytes = vec![0xff; 100];
    bytes[..8].copy_from_slice(&not_ascii(n));
    item(n, What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes.into() }))
}

/// Returns the lower 56 bits of a number in eight bytes that are not ASCII.
fn not_ascii(n: u64) -> [u8; 8] {
    std::array::from_fn(|at| 0x80 | (n >> (7 * at)) as u8)
}

/// Returns the items of a recording, except those that the recorder adds, and the reader's findings.
fn read(bytes: &[u8]) -> (Vec<Item>, ReadReport) {
    let (records, report) = read_all(bytes);
    let is_ours = |item: &Item| {
        matches!(item.what, What::Header(_) | What::ClockAnchor(_) | What::Checkpoint(_) | What::End(_))
    };
    (records.into_iter().map(|record| record.item).filter(|item| !is_ours(item)).collect(), report)
}

fn read_all(bytes: &[u8]) -> (Vec<Record>, ReadReport) {
    let mut reader = Reader::open(bytes).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record);
    }
    (records, reader.report().clone())
}

#[track_caller]
fn eventually(holds: impl Fn() -> bool) {
    let deadline = clock::now() + Duration::from_secs(10);
    while !holds() {
        assert!(clock::now() < deadline, "this takes too long");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

#[test]
fn recorded_items_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::Folder { folder: folder.path().join("new/recordings"), user: "host_078".into() };
    let recorder = Recorder::start(&target, live_header("host_078"), &RecorderOptions::default()).unwrap();
    let path = recorder.path().unwrap();
    let items = session_items(1);
    items.iter().for_each(|item| recorder.record(item));
    let summary = recorder.finish().unwrap();

    let bytes = fs::read(&path).unwrap();
    let (read_back, report) = read(&bytes);
    assert_eq!(read_back, items);
    assert!(report.sealed && report.is_whole(), "{report:?}");
    assert_eq!((summary.bytes, summary.records), (bytes.len() as u64, report.records));
    assert_eq!((summary.gaps, summary.lost, summary.duration), (0, 0, items.last().unwrap().offset));
    let What::Header(header) = read_all(&bytes).0.remove(0).item.what else { panic!("no header") };
    assert_eq!((header.source.as_str(), header.tool.as_str()), ("live", "livetape"));
    assert!(header.wall_anchor_ns.is_some());
}

#[test]
fn a_full_queue_leaves_one_gap_without_blocking() {
    let disk = Disk::stuck();
    let recorder = start(&disk, &RecorderOptions { queue_items_max: 8, ..options() });
    // If one of these waited for the disk, it would wait until `go_on`, which comes later.
    (0..20_000).for_each(|n| recorder.record(&numbered(n)));

    let gauge = recorder.gauge();
    assert_eq!((gauge.waiting(), gauge.lost()), ((8, 800), 19_992));

    disk.go_on();
    eventually(|| disk.items().len() == 9);
    assert_eq!((gauge.waiting(), gauge.lost()), ((0, 0), 19_992));
    (20_000..20_004).for_each(|n| recorder.record(&numbered(n)));
    let summary = recorder.finish().unwrap();
    let (items, report) = read(&disk.bytes());
    let gap = records::Gap {
        first_t_ns: 8_000_000,
        last_t_ns: 19_999_000_000,
        records: 19_992,
        bytes: 1_999_200,
        direction: records::gap::Direction::Received.into(),
        reason: "the disk is too slow".into(),
    };
    let gap = Item { conn: 0, ..item(19_999, What::Gap(gap)) };
    let expected = (0..8).map(numbered).chain([gap]).chain((20_000..20_004).map(numbered));
    assert_eq!(items, Vec::from_iter(expected));
    assert!(report.sealed && report.is_whole());
    assert_eq!((summary.gaps, summary.lost), (1, 19_992));
}

#[test]
fn the_queue_is_bounded_by_bytes_and_a_gap_at_the_end_is_reported() {
    let disk = Disk::stuck();
    let recorder = start(&disk, &RecorderOptions { queue_bytes_max: 350, ..options() });
    let sent = Item { flags: Flags(Flags::SENT), ..numbered(4) };
    [numbered(0), numbered(1), numbered(2), numbered(3), sent].iter().for_each(|item| recorder.record(item));
    let tap = recorder.tap();
    disk.go_on();
    recorder.finish().unwrap();
    tap.record(&numbered(5));
    let items = disk.items();
    let What::Gap(gap) = &items[3].what else { panic!("{items:?}") };
    // Of the frame that was sent, only `***` was queued.
    assert_eq!((items.len(), gap.records, gap.bytes, gap.direction), (4, 2, 103, 0));
}

#[test]
fn an_oversized_item_becomes_a_gap() {
    let disk = Disk::default();
    let recorder = start(&disk, &RecorderOptions { queue_bytes_max: usize::MAX, ..options() });
    let bytes = Bytes::from(vec![0; 17 << 20]);
    recorder.record(&item(7, What::Frame(Frame { opcode: Opcode::BINARY, bytes })));
    recorder.record(&numbered(8));
    assert_eq!(recorder.finish().unwrap().lost, 1);
    let items = disk.items();
    assert!(matches!(&items[0].what, What::Gap(gap) if gap.reason.contains("larger")), "{:?}", items[0]);
    assert_eq!(items[1], numbered(8));
}

#[tokio::test]
async fn a_full_disk_keeps_the_beginning() {
    let disk = Disk { room: Some(20_000), ..Disk::default() };
    let recorder = start(&disk, &options());
    let mut watch = recorder.watch();
    assert_eq!(recorder.failure(), None);
    (0..1000).for_each(|n| recorder.record(&numbered(n)));
    let failed = watch.wait_for(Option::is_some).await.unwrap().clone();
    (1000..1010).for_each(|n| recorder.record(&numbered(n)));
    assert_eq!(recorder.failure(), failed);

    let problem = recorder.finish().unwrap_err();
    assert_eq!((problem.code, Some(&problem)), (Code::Io, failed.as_ref()));
    assert_eq!(problem.message, "recording to a disk has stopped: writing failed: no storage space");
    let (items, report) = read(&disk.bytes());
    assert!(items.len() > 100 && !report.sealed && report.missing == 0, "{report:?}");
    assert_eq!(items, Vec::from_iter((0..items.len() as u64).map(numbered)));
}

#[test]
fn an_unresponsive_disk_does_not_block_the_stream() {
    let disk = Disk::stuck();
    let recorder = start(&disk, &options());
    recorder.record(&numbered(0));
    let problem = recorder.finish_within(Duration::from_millis(20)).unwrap_err();
    assert_eq!(problem.message, "the disk does not respond: the recording is not sealed");
    // The recording is sealed anyway if the disk recovers before the process ends.
    disk.go_on();
    eventually(|| !disk.bytes().is_empty() && read(&disk.bytes()).1.sealed);
}

#[test]
fn wall_time_and_counts_are_written_each_minute_and_when_the_clock_jumps() {
    static WALL: AtomicU64 = AtomicU64::new(0);
    let wall = || Duration::from_secs(1_700_000_000 + WALL.load(Ordering::Relaxed));
    let disk = Disk::default();
    let recorder = start(&disk, &RecorderOptions { wall: Some(wall), ..RecorderOptions::default() });
    for (second, wall) in [(0, 0), (59, 59), (60, 60), (90, 93), (100, 103), (130, 133), (151, 154)] {
        WALL.store(wall, Ordering::Relaxed);
        recorder.record(&numbered(second * 1000));
    }
    recorder.finish().unwrap();
    let mut times = (vec![], vec![]);
    for record in read_all(&disk.bytes()).0 {
        let second = record.item.offset.as_secs();
        match record.item.what {
            What::ClockAnchor(anchor) => {
                times.0.push((second, anchor.wall_ns / 1_000_000_000 - 1_700_000_000));
            }
            What::Checkpoint(checkpoint) => {
                times.1.push((second, checkpoint.counts.unwrap().frames_received));
            }
            _ => {}
        }
    }
    assert_eq!(times, (vec![(60, 60), (90, 93), (151, 154)], vec![(60, 2), (130, 5)]));
}

#[test]
fn a_dropped_recorder_writes_queued_items_and_does_not_seal() {
    let disk = Disk::default();
    let recorder = start(&disk, &options());
    (0..5).for_each(|n| recorder.record(&numbered(n)));
    drop(recorder);
    eventually(|| disk.items().len() == 5);
    assert!(!read(&disk.bytes()).1.sealed);
}

#[test]
fn injected_items_are_not_recorded() {
    let disk = Disk::default();
    let recorder = start(&disk, &options());
    recorder.record(&Item { flags: Flags(Flags::INJECTED), ..numbered(1) });
    recorder.record(&item(2, What::End(records::End::default())));
    recorder.record(&item(2, What::Checkpoint(records::Checkpoint::default())));
    recorder.record(&item(3, What::Marker(records::Marker { label: "🎁".into() })));
    recorder.finish().unwrap();
    assert_eq!(disk.items(), [item(3, What::Marker(records::Marker { label: "🎁".into() }))]);
}

#[test]
fn existing_files_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let start = |target: &Target| Recorder::start(target, live_header("ann"), &options());
    let target = Target::Folder { folder: folder.path().into(), user: "../ann".into() };
    let recorders = Vec::from_iter((0..5).map(|_| start(&target).unwrap()));
    let paths: std::collections::BTreeSet<_> =
        recorders.iter().map(|recorder| recorder.path().unwrap()).collect();
    assert_eq!(paths.len(), 5);
    assert!(paths.iter().all(|path| path.parent() == Some(folder.path())), "{paths:?}");

    let path = folder.path().join("kept.bin");
    fs::write(&path, "kept").unwrap();
    let refused = start(&Target::File(path.clone())).unwrap_err();
    assert_eq!((refused.code, refused.hint.as_str()), (Code::OutputExists, "choose another name"));
    assert_eq!(fs::read(&path).unwrap(), b"kept");
    let refused = start(&Target::File(Path::new("no/such/folder.bin").into())).unwrap_err();
    assert!(refused.message.contains("does not exist"), "{refused}");
}

#[test]
fn a_recording_stops_before_it_is_too_long_and_is_sealed() {
    const MOST: u64 = 64 << 10;
    const FRAME: u64 = 1000;
    let disk = Disk::default();
    let options = RecorderOptions { bytes_max: Some(MOST), ..RecorderOptions::default() };
    let recorder = Recorder::over(disk.clone(), "memory", live_header("ann"), &options).unwrap();
    for n in 0..1000 {
        let frame = Frame { opcode: Opcode::BINARY, bytes: Bytes::from(vec![7; FRAME as usize]) };
        let flags = Flags::default();
        recorder.record(&Item { offset: Duration::from_millis(n), conn: 1, flags, what: What::Frame(frame) });
    }
    let summary = recorder.finish().unwrap();
    assert_eq!((summary.is_full, summary.lost, summary.bytes), (true, 0, disk.bytes().len() as u64));
    // The next frame would not leave enough space for the end.
    assert!((MOST - (4 << 10) - FRAME + 1..=MOST).contains(&summary.bytes), "{}", summary.bytes);
    let (_, report) = read(&disk.bytes());
    assert!(report.is_whole() && report.sealed);
}

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
fn a_recording_is_synced_at_intervals() {
    let disk = Disk::default();
    // Syncing also flushes.
    let (sync_every, flush) = (Duration::from_millis(20), Flush::Bytes(1 << 20));
    let recorder = start(&disk, &RecorderOptions { sync_every, flush, ..options() });
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
fn the_end_of_a_recording_is_synced() {
    let syncs = |sync_every| {
        let disk = Disk::default();
        let recorder = start(&disk, &RecorderOptions { sync_every, ..options() });
        (0..3).for_each(|n| recorder.record(&numbered(n)));
        recorder.finish().unwrap();
        disk.syncs.load(Ordering::Relaxed)
    };
    assert_eq!(syncs(Duration::from_secs(3600)), 1);
    assert_eq!(syncs(RecorderOptions::default().sync_every), 1, "by default as well");
    assert!(syncs(Duration::ZERO) > 3, "after each record");
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

/// Starts to record into `show.bin` in a folder, each second in a file of its own if it is split.
fn start_in(folder: &Path, is_split: bool) -> Recorder {
    let rotate = is_split.then_some(Rotate::Every(Duration::from_secs(1)));
    let options = RecorderOptions { rotate, flush: Flush::Each, ..options() };
    Recorder::start(&Target::File(folder.join("show.bin")), live_header("ann"), &options).unwrap()
}

#[cfg(unix)]
type Displace = fn(&Path);

/// What another program does to a recording, and what the recorder says of it.
#[cfg(unix)]
const DISPLACED: [(&str, Displace, &str); 6] = [
    ("rm", |path| fs::remove_file(path).unwrap(), "was removed or renamed"),
    ("mv", |path| fs::rename(path, path.with_file_name("elsewhere.bin")).unwrap(), "was removed or renamed"),
    ("rm, then a new file", |path| put(path, OTHER), "was replaced"),
    ("mv of another file", |path| fs::rename(other(path), path).unwrap(), "was replaced"),
    ("a link to another file", |path| link(&other(path), path), "was replaced"),
    (
        "mv of the folder",
        |path| fs::rename(folder_of(path), folder_of(path).with_file_name("old")).unwrap(),
        "was removed or renamed",
    ),
];
#[cfg(unix)]
const OTHER: &str = "another file";

#[cfg(unix)]
fn put(path: &Path, text: &str) {
    fs::remove_file(path).unwrap();
    fs::write(path, text).unwrap();
}

#[cfg(unix)]
fn other(path: &Path) -> std::path::PathBuf {
    let other = path.with_file_name("other.bin");
    fs::write(&other, OTHER).unwrap();
    other
}

#[cfg(unix)]
fn link(to: &Path, path: &Path) {
    fs::remove_file(path).unwrap();
    std::os::unix::fs::symlink(to, path).unwrap();
}

#[cfg(unix)]
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap()
}

#[cfg(unix)]
#[test]
fn a_recording_that_is_displaced_meanwhile_is_kept_under_another_name() {
    for (how, displace, what) in DISPLACED {
        for is_split in [false, true] {
            let parent = tempfile::tempdir().unwrap();
            let folder = parent.path().join("recordings");
            fs::create_dir(&folder).unwrap();
            let recorder = start_in(&folder, is_split);
            let (path, files) = (recorder.path().unwrap(), recorder.files());
            recorder.record(&numbered(1));
            eventually(|| Disk::holding(&path).items().len() == 1);
            displace(&path);
            recorder.record(&numbered(2));
            let problem = recorder.finish().unwrap_err();
            let name = if is_split { "show.000.partial.bin" } else { "show.partial.bin" };
            let kept = path.with_file_name(name);
            let message = format!(
                "{} {what} while it was written; what was recorded is in {}",
                path.display(),
                kept.display()
            );
            assert_eq!((problem.code, problem.message), (Code::Io, message), "{how}");
            let (items, report) = read(&fs::read(&kept).unwrap());
            assert_eq!((items, report.sealed), (vec![numbered(1), numbered(2)], true), "{how}");
            assert_eq!(files.paths(), [kept], "{how}");
            if what == "was replaced" {
                assert_eq!(fs::read_to_string(&path).unwrap(), OTHER, "{how}");
            }
        }
    }
}

/// The recorder looks at intervals, also while nothing is recorded.
#[cfg(unix)]
#[test]
fn a_displaced_recording_is_reported_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let options = RecorderOptions { sync_every: Duration::from_millis(20), ..options() };
    let target = Target::File(folder.path().join("show.bin"));
    let recorder = Recorder::start(&target, live_header("ann"), &options).unwrap();
    recorder.record(&numbered(1));
    fs::remove_file(recorder.path().unwrap()).unwrap();
    eventually(|| recorder.failure().is_some());
    let problem = recorder.failure().unwrap();
    assert!(problem.message.contains("was removed or renamed while it was written"), "{problem}");
    let kept = folder.path().join("show.partial.bin");
    assert_eq!(read(&fs::read(kept).unwrap()).0, [numbered(1)]);
    assert_eq!(recorder.finish().unwrap_err(), problem);
}

/// A symbolic link on the way to the file leads elsewhere.
#[cfg(unix)]
#[test]
fn a_folder_that_is_retargeted_displaces_the_recording() {
    let parent = tempfile::tempdir().unwrap();
    let [today, tomorrow, current] = ["today", "tomorrow", "current"].map(|name| parent.path().join(name));
    for folder in [&today, &tomorrow] {
        fs::create_dir(folder).unwrap();
    }
    std::os::unix::fs::symlink(&today, &current).unwrap();
    let recorder = start_in(&current, false);
    recorder.record(&numbered(1));
    link(&tomorrow, &current);
    recorder.finish().unwrap_err();
    assert_eq!(read(&fs::read(tomorrow.join("show.partial.bin")).unwrap()).0, [numbered(1)]);
    assert!(read(&fs::read(today.join("show.bin")).unwrap()).1.sealed);
}

#[cfg(unix)]
#[test]
fn a_recording_that_another_program_writes_to_is_not_a_success() {
    for (content, what) in
        [(vec![], "shortened it"), (vec![7; 50], "shortened it"), (vec![7; 9000], "written to it")]
    {
        for is_last in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let recorder = start_in(folder.path(), false);
            let path = recorder.path().unwrap();
            recorder.record(&numbered(1));
            eventually(|| Disk::holding(&path).items().len() == 1);
            fs::write(&path, &content).unwrap();
            if !is_last {
                recorder.record(&numbered(2));
            }
            let problem = recorder.finish().unwrap_err();
            assert!(problem.message.contains(&format!("another program has {what}")), "{problem}");
            assert_eq!(fs::read(&path).unwrap(), content, "nothing is added to what it wrote");
        }
    }
}

/// As `dd conv=notrunc` does.
#[cfg(unix)]
#[test]
fn a_recording_that_another_program_overwrites_in_place_is_not_a_success() {
    for is_split in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let recorder = start_in(folder.path(), is_split);
        let path = recorder.path().unwrap();
        recorder.record(&numbered(1));
        eventually(|| Disk::holding(&path).items().len() == 1);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"other", 20).unwrap();
        recorder.record(&numbered(2));
        let problem = recorder.finish().unwrap_err();
        assert!(problem.message.contains("another program has written to it"), "{problem}");
    }
}

#[test]
fn a_part_that_exists_is_found_before_anything_begins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("show.bin");
    for other in ["show.bin", "show.x.bin", "show.03.bin", "shows.003.bin", "show.003.txt"] {
        fs::write(folder.path().join(other), "").unwrap();
        check_new(&path, true).unwrap();
    }
    fs::write(folder.path().join("show.003.bin"), "").unwrap();
    let problem = check_new(&path, true).unwrap_err();
    assert!(problem.message.contains("show.003.bin already exists"), "{problem}");
}

#[test]
fn finished_parts_may_be_moved_away() {
    let folder = tempfile::tempdir().unwrap();
    let target = Target::File(folder.path().join("show.bin"));
    let options = RecorderOptions { rotate: Some(Rotate::Every(Duration::from_secs(60))), ..options() };
    let recorder = Recorder::start(&target, live_header("ann"), &options).unwrap();
    for seconds in [0, 61, 122] {
        recorder.record(&Item { offset: Duration::from_secs(seconds), ..numbered(1) });
    }
    eventually(|| recorder.files().paths().len() == 3);
    fs::remove_file(recorder.path().unwrap()).unwrap();
    recorder.finish().unwrap();
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

fn record(path: &Path, items: &[Item], rotate: Option<Rotate>) -> Vec<std::path::PathBuf> {
    let options = RecorderOptions { rotate, wall: None, ..RecorderOptions::default() };
    let header = records::Header { wall_anchor_ns: Some(1_704_067_200_123_456_789), ..live_header("ann") };
    let recorder = Recorder::start(&Target::File(path.into()), header, &options).unwrap();
    items.iter().for_each(|item| recorder.record(item));
    let files = recorder.files();
    let summary = recorder.finish().unwrap();
    assert_eq!((summary.lost, summary.duration), (0, items.last().unwrap().offset));
    files.paths()
}

/// Returns the items, without the metadata of each file.
fn happened(bytes: &[u8]) -> Vec<Item> {
    let (items, report) = read(bytes);
    assert!(report.is_whole() && report.sealed);
    let is_of_the_file = |item: &Item| {
        matches!(item.what, What::Header(_) | What::Checkpoint(_) | What::End(_) | What::ClockAnchor(_))
    };
    items.into_iter().filter(|item| !is_of_the_file(item)).collect()
}

fn check(items: &[Item], rotate: Rotate, parts_min: usize) {
    let folder = tempfile::tempdir().unwrap();
    let whole = record(&folder.path().join("whole.bin"), items, None);
    let parts = record(&folder.path().join("show.bin"), items, Some(rotate));
    assert!(parts.len() >= parts_min, "{rotate:?}: {} parts", parts.len());
    for (at, part) in parts.iter().enumerate() {
        assert_eq!(part.file_name().unwrap().to_str().unwrap(), format!("show.{at:03}.bin"));
        let first = happened(&fs::read(part).unwrap()).remove(0);
        assert!(matches!(first.what, What::ConnOpen(_)), "{}: {first:?}", part.display());
    }
    let input = |path: &std::path::PathBuf| Input {
        name: path.display().to_string(),
        file: fs::File::open(path).unwrap(),
        offset: None,
    };
    let mut merged = Vec::new();
    merge(parts.iter().map(input).collect(), &mut merged, false).unwrap();
    assert_eq!(happened(&merged), happened(&fs::read(&whole[0]).unwrap()), "{rotate:?}");
    let header = |bytes: &[u8]| match read_all(bytes).0.remove(0).item.what {
        What::Header(header) => header,
        other => panic!("{other:?}"),
    };
    assert_eq!(header(&merged), header(&fs::read(&whole[0]).unwrap()));
}

#[test]
fn parts_by_size_add_up_to_the_whole() {
    check(&session_items(1), Rotate::Bytes(64 << 10), 8);
}

#[test]
fn parts_by_time_add_up_to_the_whole() {
    check(&session_items(2), Rotate::Every(Duration::from_secs(20)), 5);
    // With a closed and an open connection.
    check(&show()[..12], Rotate::Every(Duration::from_secs(1)), 4);
}

#[test]
fn an_existing_part_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("show.001.bin");
    fs::write(&taken, "mine").unwrap();
    let options =
        RecorderOptions { rotate: Some(Rotate::Every(Duration::from_secs(1))), ..RecorderOptions::default() };
    let target = Target::File(folder.path().join("show.bin"));
    let recorder = Recorder::start(&target, live_header("ann"), &options).unwrap();
    session_items(2).iter().for_each(|item| recorder.record(item));
    let problem = recorder.finish().unwrap_err();
    assert!(problem.message.contains("show.001.bin already exists"), "{problem}");
    assert_eq!(fs::read(&taken).unwrap(), b"mine");
    let first = fs::read(folder.path().join("show.000.bin")).unwrap();
    assert!(read(&first).1.records > 2, "earlier records stay");
}

/// Environment variable with the output path of a child process.
const PATH: &str = "RECORDER_KILL_TEST";
/// Environment variable with the number of items per second. With few items, the recorder only flushes by
/// time.
const RATE: &str = "RECORDER_KILL_TEST_RATE";
const KILLS: u64 = 20;
/// Number of child processes at a time.
const CHILDREN: u64 = 4;
/// Items per second of a child. One with few items only flushes by time; it is every fifth.
const RATES: [&str; 5] = ["100", "2000", "2000", "2000", "2000"];

/// All items are different.
fn nth(n: u64, offset: Duration) -> Item {
    let mut bytes = not_ascii(n).to_vec();
    bytes.extend((0..n * 37 % 100).map(|at| 0x80 | (at ^ n) as u8));
    Item { offset, ..item(0, What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes.into() })) }
}

/// Runs in the child: records bursts until killed, and prints the time of each item before recording it.
#[test]
fn child() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let recorder =
        Recorder::start(&Target::File(path.into()), live_header("ann"), &RecorderOptions::default()).unwrap();
    let rate: u32 = std::env::var(RATE).unwrap().parse().unwrap();
    let began = clock::now();
    let (mut n, mut out) = (0, io::stdout());
    while clock::now().duration_since(began) < Duration::from_secs(20) {
        let due = (clock::now().duration_since(began) * rate).as_secs();
        while n < due {
            writeln!(out, "#{}", clock::wall().as_nanos()).unwrap();
            recorder.record(&nth(n, clock::now().duration_since(began)));
            n += 1;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The machine may delay any recorder for any length of time, so the loss of a single one proves nothing; but
/// it does not delay most of them.
#[test]
fn a_killed_recorder_loses_no_more_than_the_flush_window() {
    let seed = seed();
    let folder = tempfile::tempdir().unwrap();
    let lost = std::thread::scope(|scope| {
        let folder = folder.path();
        let kill_some = move |of: u64| {
            let numbers = (of..KILLS).step_by(CHILDREN as usize);
            Vec::from_iter(numbers.map(|n| (rate(n), kill_one(folder, seed, n))))
        };
        let threads = Vec::from_iter((0..CHILDREN).map(|of| scope.spawn(move || kill_some(of))));
        Vec::from_iter(threads.into_iter().flat_map(|thread| thread.join().unwrap()))
    });
    for rate in ["100", "2000"] {
        let mut lost = Vec::from_iter(lost.iter().filter(|it| it.0 == rate).map(|it| it.1));
        lost.sort_unstable();
        eprintln!("{rate} items per second: the oldest item that was lost had come so long before: {lost:?}");
        let median = lost.get(lost.len().saturating_sub(1) / 2);
        assert!(median.is_none_or(|median| *median <= FLUSH_EVERY), "seed {seed}: {lost:?}");
    }
}

fn rate(nth_kill: u64) -> &'static str {
    RATES[nth_kill as usize % RATES.len()]
}

/// Kills a child; returns the age of the oldest missing item.
fn kill_one(folder: &Path, seed: u64, nth_kill: u64) -> Duration {
    let path = folder.join(format!("{nth_kill}.bin"));
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "recorder::child", "--nocapture"]).env(PATH, &path);
    command.env(RATE, rate(nth_kill));
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = next_time(&mut lines).unwrap();
    let rest = std::thread::spawn(move || Vec::from_iter(std::iter::from_fn(|| next_time(&mut lines))));

    let random = (seed + nth_kill).wrapping_mul(6_364_136_223_846_793_005).rotate_left(17);
    let millis = 20 + random % 900;
    let due = clock::now() + Duration::from_millis(millis);
    while clock::now() < due {
        std::thread::park_timeout(due.duration_since(clock::now()));
    }
    let killed = clock::wall();
    child.kill().unwrap();
    child.wait().unwrap();

    let received = [vec![first], rest.join().unwrap()].concat();
    let bytes = fs::read(&path).unwrap();
    let items = if bytes.is_empty() { vec![] } else { read(&bytes).0 };
    for (n, item) in items.iter().enumerate() {
        assert_eq!(item, &nth(n as u64, item.offset), "seed {seed}: item {n} is wrong");
    }
    if !bytes.is_empty() {
        check_repair(&bytes);
    }
    received.get(items.len()).map_or(Duration::ZERO, |time| killed.saturating_sub(*time))
}

/// A recording of a killed process can be sealed without losing data.
fn check_repair(bytes: &[u8]) {
    let mut repaired = Vec::new();
    assert!(repair(bytes, &mut repaired).unwrap().is_change());
    let (items, report) = read(&repaired);
    assert!(report.is_whole() && report.sealed);
    assert_eq!(items, read(bytes).0);
}

/// Reads the time of the next item; `None` when the child is dead.
fn next_time(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<Duration> {
    loop {
        let line = lines.next()?.ok()?;
        // A line truncated by the kill would contain a wrong, much earlier time.
        if let Some(time) = line.split_once('#').filter(|(_, time)| time.len() == 19) {
            return Some(Duration::from_nanos(time.1.parse().ok()?));
        }
    }
}
