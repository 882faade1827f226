//! No command exits with 0 if part of a recording is missing.

use std::{fs, path::Path};

use livetape::cli::command;

use crate::support::process::{program, run, stderr, stdout, text};

/// Commands that read recordings; `IN` is the recording, `OUT` a new file, `PROGRAM` livetape.
const READING: [&[&str]; 21] = [
    &["replay", "IN", "--port", "0", "--speed", "1000", "--exit-when-done", "--quiet"],
    &["replay", "IN", "--port", "0", "--speed", "max", "--wait-clients", "0", "--exit-when-done"],
    &["run", "IN", "--clients", "0", "--", "true"],
    &["test", "IN", "--case", "ends", "--", "PROGRAM", "watch"],
    &[
        "shrink", "IN", "-o", "OUT", "--runs", "4", "--case", "ends", "--expect", "none", "--", "PROGRAM",
        "watch",
    ],
    &["events", "IN"],
    &["info", "IN"],
    &["info", "IN", "--json"],
    &["verify", "IN"],
    &["repair", "IN", "-o", "OUT"],
    &["cut", "IN", "--from", "0", "--to", "1h", "-o", "OUT"],
    &["merge", "IN", "recordings/short.bin", "--offset", "1s", "-o", "OUT"],
    &["mark", "IN", "here", "--at", "0", "-o", "OUT"],
    &["scrub", "IN", "-o", "OUT"],
    &["audit", "IN"],
    &["cat", "IN"],
    &["diff", "IN", "IN"],
    &["export", "har", "IN", "-o", "OUT"],
    &["export", "jsonl", "IN", "-o", "-"],
    &["export", "piratetok", "IN", "-o", "OUT"],
    &["as-scenario", "IN", "-o", "OUT"],
];
/// Those that read each kind of damage: as a source, as a tool, and for a copy.
const SOME: [&str; 4] = ["replay", "events", "verify", "cut"];
/// Commands that read no recordings or run until stopped.
const OTHERS: [&str; 14] = [
    "live",
    "serve",
    "record",
    "mock",
    "ca",
    "trigger",
    "watch",
    "import",
    "synth",
    "config",
    "doctor",
    "token",
    "completions",
    "man",
];

/// Runs a command on `input` and returns its exit code and output.
fn exit_code(args: &[&str], input: &Path, folder: &Path) -> (Option<i32>, String) {
    let output = folder.join("out");
    let word = |arg: &&str| match *arg {
        "IN" => text(input).to_owned(),
        "OUT" => text(&output).to_owned(),
        "PROGRAM" => program(),
        arg => arg.to_owned(),
    };
    let words = Vec::from_iter(args.iter().map(word));
    let done = run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    drop(fs::remove_file(output));
    (done.status.code(), stdout(&done) + &stderr(&done))
}

#[test]
fn every_command_is_classified_by_whether_it_reads_recordings() {
    for subcommand in command().get_subcommands() {
        let name = subcommand.get_name();
        let is_known = READING.iter().any(|args| args[0] == name) || OTHERS.contains(&name);
        assert!(is_known, "`{name}` is new: does it exit with 3 where something is missing?");
    }
}

#[test]
fn no_command_exits_with_0_if_data_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = run(&["synth", "--minutes", "1", "--profile", "quiet", "-o", text(&file("whole.bin"))]);
    assert!(made.status.success(), "{}", stderr(&made));
    let whole = fs::read(file("whole.bin")).unwrap();
    let ends = ends_of_records(&whole);
    let middle = ends[ends.len() / 2];
    let mut random = whole[..middle + 7].to_vec();
    random.extend((0..whole.len() - random.len()).map(|at| (at * 7 + at / 251 * 13) as u8));
    let mut flipped = whole.clone();
    flipped[middle + 40] ^= 1;
    let damaged = [
        ("without the end.bin", whole[..ends[ends.len() - 2]].to_vec()),
        ("cut between records.bin", whole[..middle].to_vec()),
        ("cut in a record.bin", whole[..middle + 20].to_vec()),
        ("random in the second half.bin", random),
        ("a flipped bit.bin", flipped),
        ("more behind the end.bin", [&whole[..], b"more"].concat()),
    ];
    for args in READING {
        let (code, said) = exit_code(args, &file("whole.bin"), folder.path());
        assert_eq!(code, Some(0), "{args:?}: {said}");
    }
    for (name, bytes) in &damaged {
        fs::write(file(name), bytes).unwrap();
        // All commands read with the same code, which tells damage from an end that is missing.
        let is_ordinary = matches!(*name, "without the end.bin" | "a flipped bit.bin");
        for args in READING.iter().filter(|args| is_ordinary || SOME.contains(&args[0])) {
            let (code, said) = exit_code(args, &file(name), folder.path());
            assert_eq!(code, Some(3), "{args:?} of {name}: {said}");
        }
    }
    let unsealed = text(&file("without the end.bin")).to_owned();
    let lines = stderr(&run(&["events", &unsealed]));
    let expected = format!("⚠️ {} is incomplete: not sealed: the end may be missing\n", "without the end");
    assert_eq!(lines, expected);
}

#[test]
fn damage_outside_a_range_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let made = run(&["synth", "--minutes", "1", "--profile", "quiet", "-o", text(&file("whole.bin"))]);
    assert!(made.status.success(), "{}", stderr(&made));
    let mut bytes = fs::read(file("whole.bin")).unwrap();
    let ends = ends_of_records(&bytes);
    let damaged = [&bytes[..], b"more"].concat();
    // Damage one record soon after the header, and one shortly before the records that end the show.
    for (name, record) in [("early.bin", 2), ("late.bin", ends.len() - 6)] {
        let mut flipped = bytes.clone();
        flipped[ends[record] + 20] ^= 1;
        fs::write(file(name), flipped).unwrap();
    }
    bytes.truncate(ends[ends.len() - 2]);
    fs::write(file("unsealed.bin"), bytes).unwrap();
    fs::write(file("more.bin"), damaged).unwrap();
    let ranges: [&[&str]; 5] = [
        &["cut", "IN", "--from", "20s", "--to", "30s", "-o", "OUT"],
        &[
            "replay",
            "IN",
            "--start",
            "20s",
            "--end",
            "30s",
            "--speed",
            "1000",
            "--exit-when-done",
            "--port",
            "0",
        ],
        &["cut", "IN", "--from", "1s", "--to", "10s", "-o", "OUT"],
        &["replay", "IN", "--end", "10s", "--speed", "1000", "--exit-when-done", "--port", "0"],
        &[
            "replay",
            "IN",
            "--start",
            "1s",
            "--end",
            "10s",
            "--speed",
            "max",
            "--wait-clients",
            "0",
            "--loop",
            "2",
            "--exit-when-done",
            "--port",
            "0",
        ],
    ];
    for args in ranges {
        for (name, expected, loss) in [
            ("whole.bin", 0, ""),
            ("unsealed.bin", 3, "not sealed: the end may be missing"),
            ("more.bin", 3, "4 bytes unreadable"),
            ("early.bin", 3, "1 record missing"),
            ("late.bin", 3, "1 record missing"),
        ] {
            let (code, said) = exit_code(args, &file(name), folder.path());
            assert_eq!(code, Some(expected), "{args:?} of {name}: {said}");
            assert!(said.contains(loss), "{args:?} of {name}: {said}");
        }
    }
    let part = file("part.bin");
    run(&["cut", text(&file("unsealed.bin")), "--to", "10s", "-o", text(&part)]);
    let verified = run(&["verify", text(&part)]);
    assert_eq!(verified.status.code(), Some(0), "the range is whole: {}", stdout(&verified));
}

/// Returns the end of each record.
fn ends_of_records(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![16];
    while let Some(length) = bytes.get(ends[ends.len() - 1] + 4..).and_then(|rest| rest.first_chunk()) {
        ends.push(ends[ends.len() - 1] + 16 + u32::from_le_bytes(*length) as usize);
    }
    ends
}
