//! The recorder on a simulated disk that fails, and whose process dies in every system call.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{
    error::Problem,
    recording::{
        Error, Flags, Frame, Item, Opcode, Preamble, ReadReport, Reader, Record, What,
        records::{ConnClose, ConnOpen, Header},
    },
};
use livetape_io::{clock, files::Disk};
use livetape_samples::{
    disk::{Fault, Faults, Image, SimulatedDisk, faults},
    paused_clock,
};
use livetape_tools::edit::{self, Input, cut, mark, merge, repair};
use proptest::{collection::vec, option, prelude::*};
use tokio::time::Instant;

use super::{
    Flush, Ready, RecorderOptions, Rotate, Summary, Target,
    writer_thread::{self, Queue, payload_bytes},
};

/// Maximum number of steps of a plan.
const STEPS_MAX: usize = 40;
/// Wall time of the start.
const WALL_NS: i64 = 1_704_067_200_000_000_000;

proptest! {
    // Each runs once for every system call.
    // Each is run again for every system call.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]
    #[test]
    fn simulated_recordings_lose_nothing_that_was_synced(plan in plans()) {
        let run = Run::of(&plan, None);
        check(&plan, &run)?;
        for call in 0..run.disk.calls() {
            check(&plan, &Run::of(&plan, Some(call)))
                .map_err(|error| TestCaseError::fail(format!("crash in system call {call}: {error}")))?;
        }
    }
}

/// It would be in the way of the next attempt, and the hint says that nothing was recorded.
#[test]
fn a_disk_that_fails_leaves_no_file_without_a_record() {
    let steps = (0..3).flat_map(|_| [Step::Record(ItemKind::Frame(300), 600), Step::Write(1)]);
    let steps = Vec::from_iter(steps);
    let (mut empty, mut kept) = (0, 0);
    for rotate in [None, Some(Rotate::Every(Duration::from_secs(1)))] {
        let plan = |calls| Plan {
            flush: Flush::Each,
            sync_every: Duration::ZERO,
            queue_items_max: 8,
            queue_bytes_max: 1 << 20,
            bytes_max: None,
            rotate,
            steps: steps.clone(),
            seal: true,
            faults: Faults { calls, seed: 0 },
        };
        for call in 0..Run::of(&plan(BTreeMap::new()), None).disk.calls() {
            for fault in [Fault::Device, Fault::Full] {
                let run = Run::of(&plan(BTreeMap::from([(call, fault)])), None);
                let Some(Err(problem)) = run.result else { continue };
                let files = run.disk.after_kill();
                for (path, bytes) in &files {
                    let shown = path.display();
                    assert!(read(bytes).unwrap().is_some(), "{shown} after {fault:?} in call {call}");
                }
                if problem.message.contains(" has stopped: ") {
                    let is_empty = problem.hint.ends_with("; nothing was recorded");
                    assert_eq!(is_empty, files.is_empty(), "{problem:?} after {fault:?} in call {call}");
                    *(if is_empty { &mut empty } else { &mut kept }) += 1;
                }
            }
        }
    }
    assert!(empty > 0 && kept > 0, "{empty} and {kept}");
}

/// What happens in a simulation.
#[derive(Clone, Debug)]
struct Plan {
    flush: Flush,
    sync_every: Duration,
    queue_items_max: usize,
    queue_bytes_max: usize,
    bytes_max: Option<u64>,
    rotate: Option<Rotate>,
    steps: Vec<Step>,
    /// Whether the recording is sealed at the end.
    seal: bool,
    faults: Faults,
}

#[derive(Clone, Debug)]
enum Step {
    /// An item, this many milliseconds after the previous one or before it.
    Record(ItemKind, i64),
    /// The thread runs this many times.
    Write(usize),
    /// Time passes, in milliseconds.
    Wait(u64),
}

#[derive(Clone, Copy, Debug)]
enum ItemKind {
    Open,
    Close,
    /// A frame with this many bytes.
    Frame(usize),
}

impl Plan {
    fn options(&self) -> RecorderOptions {
        RecorderOptions {
            flush: self.flush,
            sync_every: self.sync_every,
            queue_items_max: self.queue_items_max,
            queue_bytes_max: self.queue_bytes_max,
            bytes_max: self.bytes_max,
            rotate: self.rotate,
            wall: None,
        }
    }

    /// Whether each item is passed to the operating system immediately.
    fn flushes_each(&self) -> bool {
        self.flush == Flush::Each
    }

    /// Whether data is passed to the operating system while the queue is empty.
    fn flushes_when_idle(&self) -> bool {
        !matches!(self.flush, Flush::Bytes(_))
    }
}

/// The run of a plan.
struct Run {
    disk: SimulatedDisk,
    /// All items that were recorded, by number.
    items: Vec<Item>,
    /// Number of items that were dropped because the queue was full.
    lost: u64,
    /// Items that a killed process, or a power failure, must not lose.
    flushed: Vec<u64>,
    synced: Vec<u64>,
    /// Result of the recorder; `None` if the process died.
    result: Option<Result<Summary, Problem>>,
    /// A broken promise of the recorder.
    broken: Option<String>,
    /// Whether items come in parts.
    has_parts: bool,
    /// Items in the queue; `None` is a gap.
    queue: VecDeque<Option<u64>>,
    has_gap: bool,
    /// Items that were taken from the queue and written, and when.
    handled: Vec<u64>,
    handled_at: Vec<Instant>,
}

impl Run {
    /// Runs a plan, in which the process may die in one system call.
    fn of(plan: &Plan, crash_at: Option<u64>) -> Self {
        let disk = SimulatedDisk::new(&plan.faults, crash_at);
        let mut run = Self {
            disk,
            items: Vec::new(),
            lost: 0,
            flushed: Vec::new(),
            synced: Vec::new(),
            result: None,
            broken: None,
            has_parts: plan.rotate.is_some(),
            queue: VecDeque::new(),
            has_gap: false,
            handled: Vec::new(),
            handled_at: Vec::new(),
        };
        let clock = paused_clock();
        let result = {
            let _context = clock.enter();
            let target = Target::File(path().into());
            let disk: Arc<dyn Disk> = Arc::new(run.disk.clone());
            let header = Header { wall_anchor_ns: Some(WALL_NS), ..Header::default() };
            Ready::on_disk(&disk, &target, header, &plan.options())
        };
        let result = result.and_then(|mut ready| {
            let result = run.steps(plan, &mut ready, &clock);
            let _context = clock.enter();
            let failed = result.is_err();
            let result = ready.writer_thread.conclude("show.bin", result);
            let lost = ready.tap.queue.lost();
            // The item that was being written when the disk failed is not counted: it may be in the file.
            let unhandled = (run.items.len() - run.handled.len()) as u64;
            if failed
                && plan.bytes_max.is_none()
                && !(unhandled.saturating_sub(1)..=unhandled).contains(&lost)
            {
                run.broken = Some(format!("{lost} lost items are counted, not {unhandled}"));
            }
            result
        });
        let died = crash_at.is_some_and(|crash| run.disk.calls() > crash);
        run.result = (!died).then_some(result);
        run
    }

    fn steps(
        &mut self,
        plan: &Plan,
        ready: &mut Ready,
        clock: &tokio::runtime::Runtime,
    ) -> Result<(), Error> {
        let (mut offset_ms, mut conn) = (0_i64, 1);
        {
            let _context = clock.enter();
            ready.writer_thread.begin()?;
        }
        for step in &plan.steps {
            match *step {
                Step::Wait(ms) => clock.block_on(tokio::time::advance(Duration::from_millis(ms))),
                Step::Record(kind, later_ms) => {
                    let _context = clock.enter();
                    offset_ms = (offset_ms + later_ms).max(0);
                    let offset = Duration::from_millis(offset_ms.unsigned_abs());
                    let number = self.items.len() as u64;
                    if let ItemKind::Open = kind {
                        conn += 1;
                    }
                    self.record(plan, ready, item(number, kind, conn, offset));
                }
                Step::Write(times) => {
                    let _context = clock.enter();
                    for _ in 0..times {
                        if self.step(plan, ready)? {
                            return Ok(());
                        }
                    }
                }
            }
        }
        let _context = clock.enter();
        ready.tap.queue.close(plan.seal);
        // Each entry takes one step, and so does the end.
        for _ in 0..self.queue.len() + 2 {
            if self.step(plan, ready)? {
                return Ok(());
            }
        }
        self.broken = Some("the recorder does not end".into());
        Ok(())
    }

    fn record(&mut self, plan: &Plan, ready: &Ready, item: Item) {
        let (number, bytes) = (self.items.len() as u64, payload_bytes(&item.what));
        ready.tap.record(&item);
        self.items.push(item);
        let lost = ready.tap.queue.lost();
        if lost > self.lost {
            (self.lost, self.has_gap) = (lost, true);
        } else if !ready.tap.queue.is_closed() {
            if std::mem::take(&mut self.has_gap) {
                self.queue.push_back(None);
            }
            self.queue.push_back(Some(number));
        }
        let (items, waiting) = ready.tap.queue.waiting();
        let most = plan.queue_bytes_max.max(bytes);
        if items != self.queue.len() || items > plan.queue_items_max + 1 || waiting > most {
            self.broken = Some(format!("{items} items wait with {waiting} bytes"));
        }
    }

    /// Steps the recorder's thread; returns whether it has ended.
    fn step(&mut self, plan: &Plan, ready: &mut Ready) -> Result<bool, Error> {
        let (syncs, files) = (self.disk.syncs(), ready.files.paths().len());
        let is_empty = self.queue.is_empty();
        let step = ready.writer_thread.step()?;
        match step {
            writer_thread::Step::Written if is_empty => self.has_gap = false,
            writer_thread::Step::Written => self.handled.extend(self.queue.pop_front().flatten()),
            writer_thread::Step::Idle(_) | writer_thread::Step::Ended => {}
        }
        self.handled_at.resize(self.handled.len(), clock::now());
        let flushes = match step {
            writer_thread::Step::Written => plan.flushes_each(),
            writer_thread::Step::Idle(_) => plan.flushes_when_idle(),
            writer_thread::Step::Ended => true,
        };
        let syncs = self.disk.syncs() - syncs;
        if syncs > 0 {
            // The end of a part is synced before the item is written to the next one.
            let rotated = ready.files.paths().len() > files && syncs == 1;
            self.synced = self.handled[..self.handled.len() - usize::from(rotated)].to_vec();
        }
        if flushes || syncs > 0 && self.synced.len() == self.handled.len() {
            self.flushed.clone_from(&self.handled);
        }
        if matches!(step, writer_thread::Step::Idle(_)) {
            self.check_idle(plan);
        }
        Ok(matches!(step, writer_thread::Step::Ended))
    }

    /// Nothing that was written longer ago than the interval of syncs is unsynced.
    fn check_idle(&mut self, plan: &Plan) {
        let unsynced = self.handled_at.get(self.synced.len());
        if unsynced.is_some_and(|at| clock::now().duration_since(*at) >= plan.sync_every) {
            self.broken = Some(format!("after {} items, the next should be synced", self.synced.len()));
        }
    }
}

/// The readable records after a crash.
struct Recovered {
    /// Whether all files claim to be complete.
    is_complete: bool,
    /// Number of items that were read, or that a Gap reports.
    accounted: u64,
}

/// The checks of an image, file by file.
#[derive(Default)]
struct Check {
    found: BTreeSet<u64>,
    /// The items in order, with each copy of an opening whose original is lost.
    order: Vec<u64>,
    /// Number of the next item, if nothing is missing.
    next: u64,
    /// Number of items that Gap records reported since the last item.
    in_gaps: u64,
    /// Whether the reader has reported damage since the last item.
    is_damaged: bool,
    last_offset: Duration,
}

impl Check {
    fn file(&mut self, run: &Run, part: usize, records: &[Record]) -> Result<(), TestCaseError> {
        let mut expected = 0;
        for Record { rec_no, item } in records {
            self.is_damaged |= *rec_no != expected;
            expected = rec_no + 1;
            if let What::Gap(gap) = &item.what {
                let (first, last) =
                    (Duration::from_nanos(gap.first_t_ns), Duration::from_nanos(gap.last_t_ns));
                prop_assert!(first <= last && last <= item.offset, "a gap counts from the start of its part");
                self.in_gaps += gap.records;
            }
            if let Some(number) = number(item) {
                // A part begins with copies of the open connections.
                let is_copy = part > 0 && number < self.next && matches!(item.what, What::ConnOpen(_));
                if !is_copy {
                    self.item(run, number, item)?;
                }
                if !is_copy || !self.order.contains(&number) {
                    self.order.push(number);
                }
            }
            self.last_offset = item.offset;
        }
        Ok(())
    }

    fn item(&mut self, run: &Run, number: u64, item: &Item) -> Result<(), TestCaseError> {
        prop_assert!(number >= self.next, "item {} comes after {}", number, self.next);
        if !self.is_damaged {
            prop_assert_eq!(self.next + self.in_gaps, number, "items are missing without a gap");
        }
        let mut original = run.items[number as usize].clone();
        if run.has_parts {
            original.offset = item.offset;
        } else if !self.is_damaged {
            original.offset = original.offset.max(self.last_offset);
        } else {
            prop_assert!(item.offset >= original.offset);
            original.offset = item.offset;
        }
        prop_assert_eq!(&original, item);
        // It may be the copy of a connection whose opening is lost, with more items after it.
        self.is_damaged &= run.has_parts && matches!(item.what, What::ConnOpen(_));
        (self.next, self.in_gaps) = (number + 1, 0);
        self.found.insert(number);
        Ok(())
    }
}

/// Checks a run, and what remains if the process is killed or the power fails at its end.
fn check(plan: &Plan, run: &Run) -> Result<(), TestCaseError> {
    if let Some(broken) = &run.broken {
        return Err(TestCaseError::fail(broken.clone()));
    }
    let images = [
        ("kill", run.disk.after_kill(), &run.flushed),
        ("power failure", run.disk.after_power_failure(), &run.synced),
    ];
    for (how, image, safe) in images {
        check_image(run, &image, safe)
            .and_then(|read| check_end(plan, run, &image, &read))
            .map_err(|error| TestCaseError::fail(format!("after a {how}: {error}")))?;
    }
    Ok(())
}

/// A recorder that reports success has written everything, and one that did not fails only because of the
/// disk.
fn check_end(plan: &Plan, run: &Run, image: &Image, read: &Recovered) -> Result<(), TestCaseError> {
    match &run.result {
        Some(Ok(summary)) => {
            // Items after the maximum length were not wanted.
            prop_assert!(summary.lost == run.lost || summary.is_full && summary.lost < run.lost);
            prop_assert!(plan.bytes_max.is_none_or(|most| summary.bytes <= most), "{} bytes", summary.bytes);
            let bytes: usize = image.values().map(Vec::len).sum();
            prop_assert_eq!(summary.bytes, bytes as u64);
            prop_assert_eq!(read.is_complete, plan.seal || summary.is_full);
        }
        Some(Err(problem)) => prop_assert!(run.disk.failures() > 0, "{}", problem),
        None => {}
    }
    // At the maximum length, the rest was not wanted.
    if read.is_complete && plan.bytes_max.is_none() {
        prop_assert_eq!(read.accounted, run.items.len() as u64);
    }
    Ok(())
}

/// Path of the recording, or the base of its parts.
fn path() -> &'static Path {
    Path::new("show.bin")
}

/// Found by simulation.
#[test]
fn items_in_a_discarded_gap_are_counted_once() {
    let options = RecorderOptions { queue_items_max: 2, ..RecorderOptions::default() };
    let queue = Queue::new(&options);
    let push = |n| queue.push(item(n, ItemKind::Frame(8), 1, Duration::ZERO), None);
    (0..3).for_each(push);
    assert_eq!(queue.lost(), 1);
    // Half of the queue must be empty before it accepts items, behind a gap.
    while queue.waiting().0 > 0 {
        queue.next().unwrap();
    }
    push(3);
    queue.discard();
    assert_eq!(queue.lost(), 2);
}

fn plans() -> impl Strategy<Value = Plan> {
    let flush = prop_oneof![
        Just(Flush::Each),
        (0..500_u64).prop_map(|ms| Flush::Every(Duration::from_millis(ms))),
        (1..10_000_u64).prop_map(Flush::Bytes),
    ];
    let sync_every = prop_oneof![
        1 => Just(Duration::ZERO),
        3 => (0..2000_u64).prop_map(Duration::from_millis),
    ];
    let rotate = prop_oneof![
        (500..20_000_u64).prop_map(Rotate::Bytes),
        (100..5000_u64).prop_map(|ms| Rotate::Every(Duration::from_millis(ms))),
    ];
    let limits = (1..20_usize, 100..200_000_usize, option::weighted(0.2, 5000..100_000_u64));
    let output = (flush, sync_every, option::weighted(0.4, rotate));
    (output, limits, vec(step(), 0..STEPS_MAX), any::<bool>(), faults()).prop_map(
        |(
            (flush, sync_every, rotate),
            (queue_items_max, queue_bytes_max, bytes_max),
            steps,
            seal,
            faults,
        )| Plan {
            flush,
            sync_every,
            queue_items_max,
            queue_bytes_max,
            bytes_max,
            rotate,
            steps,
            seal,
            faults,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![6 => 8..300_usize, 2 => 300..5000_usize, 1 => 60_000..70_000_usize];
    let kind = prop_oneof![8 => size.prop_map(ItemKind::Frame), 1 => Just(ItemKind::Open), 1 => Just(ItemKind::Close)];
    let later_ms = prop_oneof![8 => 0..400_i64, 1 => -300..0_i64, 1 => 50_000..130_000_i64];
    prop_oneof![
        5 => (kind, later_ms).prop_map(|(kind, later_ms)| Step::Record(kind, later_ms)),
        3 => (1..5_usize).prop_map(Step::Write),
        1 => (0..1500_u64).prop_map(Step::Wait),
    ]
}

/// Returns item `n`, which differs from all others, on connection `conn`.
fn item(n: u64, kind: ItemKind, conn: u32, offset: Duration) -> Item {
    let what = match kind {
        ItemKind::Open => What::ConnOpen(ConnOpen { room_id: n as i64, ..ConnOpen::default() }),
        ItemKind::Close => What::ConnClose(ConnClose { reason: n.to_string(), ..ConnClose::default() }),
        ItemKind::Frame(length) => {
            let mut bytes = vec![0xff; length];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            What::Frame(Frame { opcode: Opcode::BINARY, bytes: Bytes::from(bytes) })
        }
    };
    Item { offset, conn, flags: Flags::default(), what }
}

/// Returns the number of an item that was read; `None` for records of the recorder.
fn number(item: &Item) -> Option<u64> {
    match &item.what {
        What::ConnOpen(open) => Some(open.room_id as u64),
        What::ConnClose(close) => close.reason.parse().ok(),
        What::Frame(frame) => Some(u64::from_le_bytes(*frame.bytes.first_chunk()?)),
        _ => None,
    }
}

/// Checks that no item is altered or lost without a report, and that all `safe` ones are readable.
fn check_image(run: &Run, image: &Image, safe: &[u64]) -> Result<Recovered, TestCaseError> {
    let (mut check, mut is_complete) = (Check::default(), !image.is_empty());
    for (part, bytes) in image.values().enumerate() {
        let Some((records, report)) = read(bytes)? else {
            (check.is_damaged, is_complete) = (true, false);
            continue;
        };
        check.file(run, part, &records)?;
        check.is_damaged |= !report.is_whole();
        is_complete &= report.is_whole() && report.missing == 0;
        check_repair(bytes, &records, &report)?;
        check_cut(bytes, &records, &report)?;
    }
    for number in safe {
        prop_assert!(check.found.contains(number), "item {} of {:?} is gone", number, safe);
    }
    check_merge(image, &check)?;
    Ok(Recovered { is_complete, accounted: check.next + check.in_gaps })
}

/// Reads all records; `None` for a file without any.
fn read(bytes: &[u8]) -> Result<Option<(Vec<Record>, ReadReport)>, TestCaseError> {
    let mut reader = match Reader::open(bytes) {
        Err(Error::Empty | Error::NotARecording) => return Ok(None),
        reader => reader.map_err(|error| TestCaseError::fail(error.to_string()))?,
    };
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(record);
    }
    Ok(Some((records, reader.report().clone())))
}

/// A repaired recording is sealed and contains all readable records, and repairing it again changes nothing.
fn check_repair(bytes: &[u8], records: &[Record], report: &ReadReport) -> Result<(), TestCaseError> {
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    repair(bytes, &mut once).unwrap();
    let (mut kept, repaired) = read(&once)?.unwrap();
    let missing = report.missing + u64::from(report.tail_bytes > 0 && !report.sealed);
    prop_assert_eq!((repaired.sealed, repaired.tail_bytes, repaired.damaged_bytes), (true, 0, 0));
    prop_assert_eq!((repaired.preamble, repaired.missing), (Preamble::Intact, missing), "{:?}", report);
    kept.truncate(records.len());
    prop_assert_eq!(&kept, records);
    prop_assert!(!repair(&once[..], &mut twice).unwrap().is_change());
    prop_assert_eq!(once, twice);
    Ok(())
}

/// A cut that excludes nothing, and a marked copy, contain all items, and report all missing records.
fn check_cut(bytes: &[u8], records: &[Record], report: &ReadReport) -> Result<(), TestCaseError> {
    let mut out = Vec::new();
    let result = cut(bytes, &mut out, Duration::ZERO, None).unwrap();
    let (copied, copy) = read(&out)?.unwrap();
    prop_assert_eq!(numbers(&copied), numbers(records));
    prop_assert_eq!(copy.lost_in_gaps, report.missing + report.lost_in_gaps);
    prop_assert_eq!((result.loss, copy.sealed), (report.loss(), report.sealed));
    let mut marked = Vec::new();
    mark(bytes, &mut marked, Duration::ZERO, "mark").unwrap();
    let (copied, copy) = read(&marked)?.unwrap();
    prop_assert_eq!(numbers(&copied), numbers(records));
    prop_assert_eq!(copy.lost_in_gaps, report.missing + report.lost_in_gaps);
    Ok(())
}

/// The merged parts contain all items in order.
fn check_merge(image: &Image, check: &Check) -> Result<(), TestCaseError> {
    let readable = image.iter().filter(|(_, bytes)| Reader::open(&bytes[..]).is_ok());
    let inputs = Vec::from_iter(readable.map(|(path, bytes)| Input {
        name: path.display().to_string(),
        file: &bytes[..],
        offset: None,
    }));
    let mut out = Vec::new();
    if inputs.is_empty() {
        return Ok(());
    }
    match merge(inputs, &mut out, true) {
        // The header of a part is lost.
        Err(edit::Error::NoClock { .. }) => return Ok(()),
        result => drop(result.unwrap()),
    }
    let (merged, report) = read(&out)?.unwrap();
    prop_assert!(report.missing == 0 && report.damaged_bytes == 0);
    let mut merged = numbers(&merged);
    merged.dedup();
    prop_assert_eq!(&merged, &check.order, "merged");
    Ok(())
}

/// What another program does to the file of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Displacement {
    Remove,
    Rename,
    Replace,
}

/// Content of another file.
const OTHER: &[u8] = b"another file";
/// Number of items that are recorded, one each 400 ms.
const ITEMS: u64 = 8;

/// A recording whose file is taken away after some items.
#[derive(Clone, Copy, Debug)]
struct Taken {
    how: Displacement,
    after: u64,
    is_split: bool,
    fault: Option<(u64, Fault)>,
    crash_at: Option<u64>,
}

/// The outcome of a run.
struct Outcome {
    disk: SimulatedDisk,
    /// Path of the file that was taken away; `None` if the recording ended before.
    taken: Option<PathBuf>,
    /// Number of items that the recorder accepted.
    accepted: u64,
    files: Vec<PathBuf>,
    result: Result<Summary, Problem>,
}

impl Taken {
    /// Returns `None` if the recording cannot begin.
    fn run(self) -> Option<Outcome> {
        let calls = self.fault.into_iter().collect();
        let disk = SimulatedDisk::new(&Faults { calls, seed: self.after }, self.crash_at);
        let clock = paused_clock();
        let _context = clock.enter();
        let options = RecorderOptions {
            rotate: self.is_split.then_some(Rotate::Every(Duration::from_secs(1))),
            sync_every: Duration::ZERO,
            wall: None,
            ..RecorderOptions::default()
        };
        let header = Header { wall_anchor_ns: Some(WALL_NS), ..Header::default() };
        let target = Target::File(path().into());
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut ready = Ready::on_disk(&shared, &target, header, &options).ok()?;
        let (mut taken, mut accepted) = (None, 0);
        let mut steps = || {
            ready.writer_thread.begin()?;
            for number in 0..ITEMS {
                if number == self.after {
                    let path = ready.files.paths().pop().unwrap();
                    taken = self.how.apply(&disk, &path).is_ok().then_some(path);
                }
                accepted += u64::from(!ready.tap.queue.is_closed());
                ready.tap.record(&item(number, ItemKind::Frame(300), 1, Duration::from_millis(400 * number)));
                // One step for the item, and one after which the queue is empty.
                ready.writer_thread.step()?;
                ready.writer_thread.step()?;
            }
            ready.tap.queue.close(true);
            while !matches!(ready.writer_thread.step()?, writer_thread::Step::Ended) {}
            Ok(())
        };
        let result = steps();
        let result = ready.writer_thread.conclude("show.bin", result);
        Some(Outcome { disk, taken, accepted, files: ready.files.paths(), result })
    }

    fn check(self) {
        let Some(Outcome { disk, taken, accepted, files, result }) = self.run() else { return };
        let Some(taken) = taken else { return };
        let is_kept = |path: &PathBuf| path.to_str().is_some_and(|path| path.contains(".partial"));
        if self.how == Displacement::Replace {
            assert_eq!(disk.after_kill()[&taken], OTHER, "{self:?}");
        }
        if self.crash_at.is_some() {
            return;
        }
        let problem = result.expect_err("the file is not there").message;
        let is_complete = problem.contains("; what was recorded is in") && !problem.contains("has stopped");
        // If the disk fails while it is copied, it is copied to another folder.
        assert!(is_complete || problem.contains(" has stopped: "), "{self:?}: {problem}");
        assert!(!files.contains(&taken), "{self:?}: {files:?}");
        for image in [disk.after_kill(), disk.after_power_failure()] {
            let files = files.iter().filter_map(|path| Some((path, image.get(path)?)));
            let mut found = Vec::new();
            for (path, bytes) in files.filter(|_| is_complete) {
                let (records, report) = read(bytes).unwrap().unwrap();
                found.extend(numbers(&records));
                assert!(report.sealed && report.is_whole(), "{self:?}: {}", path.display());
            }
            let accepted = Vec::from_iter((0..accepted).filter(|_| is_complete));
            assert_eq!(found, accepted, "{self:?}: {problem}");
        }
        assert_eq!(
            files.iter().filter(|path| is_kept(path)).count(),
            usize::from(problem.contains(".partial"))
        );
    }
}

impl Displacement {
    fn apply(self, disk: &SimulatedDisk, path: &Path) -> io::Result<()> {
        match self {
            Self::Remove => disk.remove(path),
            Self::Rename => disk.rename(path, Path::new("elsewhere.bin"), true),
            Self::Replace => {
                disk.put(path, OTHER);
                Ok(())
            }
        }
    }
}

/// Also if the disk fails in any system call, or the process dies there.
#[test]
fn a_recording_that_is_taken_away_is_kept_beside_the_file_that_took_its_name() {
    for how in [Displacement::Remove, Displacement::Rename, Displacement::Replace] {
        for (after, is_split) in [(0, false), (3, false), (ITEMS - 1, false), (1, true), (3, true), (5, true)]
        {
            let taken = Taken { how, after, is_split, fault: None, crash_at: None };
            taken.check();
            for call in 0..taken.run().unwrap().disk.calls() {
                Taken { crash_at: Some(call), ..taken }.check();
                for fault in [Fault::Device, Fault::Full, Fault::Short(9)] {
                    Taken { fault: Some((call, fault)), ..taken }.check();
                }
            }
        }
    }
}

fn numbers(records: &[Record]) -> Vec<u64> {
    records.iter().filter_map(|record| number(&record.item)).collect()
}
