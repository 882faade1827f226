//! `kill -9` at any time: items received more than one flush window before the kill are intact.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    path::Path,
    process::{ChildStdout, Command, Stdio},
    time::Duration,
};

use livetape_core::recording::{Frame, Item, Opcode, What};
use livetape_engine::recorder::{FLUSH_EVERY, Recorder, RecorderOptions, Target};
use livetape_io::clock;
use livetape_tools::edit::repair;

use super::read;
use crate::support::{item, seed};

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
    let mut bytes = super::not_ascii(n).to_vec();
    bytes.extend((0..n * 37 % 100).map(|at| 0x80 | (at ^ n) as u8));
    Item { offset, ..item(0, What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes.into() })) }
}

/// Runs in the child: records bursts until killed, and prints the time of each item before recording it.
#[test]
fn child() {
    let Some(path) = std::env::var_os(PATH) else { return };
    let recorder =
        Recorder::start(&Target::File(path.into()), super::live_header("ann"), &RecorderOptions::default())
            .unwrap();
    let rate: u32 = std::env::var(RATE).unwrap().parse().unwrap();
    let began = clock::now();
    let (mut n, mut out) = (0, std::io::stdout());
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
    command.args(["--exact", "recorder::kill::child", "--nocapture"]).env(PATH, &path);
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
    let bytes = std::fs::read(&path).unwrap();
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
