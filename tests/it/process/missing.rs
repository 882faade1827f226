//! No command exits with 0 if part of a recording is missing.

use std::{fs, path::Path};

use livetape::cli::command;

use crate::support::{
    boundaries,
    process::{program, run, stderr, stdout, text},
};

/// Commands that read recordings; `IN` is the recording, `OUT` a new file, `PROGRAM` livetape.
const READING: [&str; 20] = [
    "replay IN --port 0 --speed 1000 --exit-when-done --quiet",
    "replay IN --port 0 --speed max --wait-clients 0 --exit-when-done",
    "run IN --clients 0 -- true",
    "test IN --case ends -- PROGRAM watch",
    "shrink IN -o OUT --runs 4 --case ends --expect none -- PROGRAM watch",
    "events IN",
    "info IN",
    "info IN --json",
    "verify IN",
    "repair IN -o OUT",
    "cut IN --from 0 --to 1h -o OUT",
    "merge IN recordings/short.bin --offset 1s -o OUT",
    "mark IN here --at 0 -o OUT",
    "scrub IN -o OUT",
    "audit IN",
    "cat IN",
    "diff IN IN",
    "export har IN -o OUT",
    "export jsonl IN -o -",
    "as-scenario IN -o OUT",
];
/// Commands that read no recordings or run until stopped.
const OTHERS: &str =
    "live serve record mock ca trigger watch import synth config doctor token completions man";

/// Runs a command on `input` and returns its exit code and output.
fn exit_code(line: &str, input: &Path, folder: &Path) -> (Option<i32>, String) {
    let (output, program) = (folder.join("out"), program());
    let words = line.split(' ').map(|word| match word {
        "IN" => text(input),
        "OUT" => text(&output),
        "PROGRAM" => &*program,
        word => word,
    });
    let done = run(&Vec::from_iter(words));
    drop(fs::remove_file(output));
    (done.status.code(), stdout(&done) + &stderr(&done))
}

#[test]
fn every_command_is_classified_by_whether_it_reads_recordings() {
    for subcommand in command().get_subcommands().filter(|it| !it.is_hide_set()) {
        let name = subcommand.get_name();
        let is_known = READING.iter().any(|line| line.split(' ').next() == Some(name))
            || OTHERS.split(' ').any(|other| other == name);
        assert!(is_known, "`{name}` is new: does it exit with 3 where something is missing?");
    }
}

/// Writes a recording to a folder, and returns its bytes and where its records are.
fn made(folder: &Path) -> (Vec<u8>, Vec<usize>) {
    let file = folder.join("whole.bin");
    let made = run(&["synth", "--minutes", "1", "--profile", "quiet", "-o", text(&file)]);
    assert!(made.status.success(), "{}", stderr(&made));
    let whole = fs::read(file).unwrap();
    let records = boundaries(&whole);
    (whole, records)
}

/// Other damage is in `tests/it/missing.rs`.
#[test]
fn no_command_exits_with_0_if_data_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (whole, records) = made(folder.path());
    let mut flipped = whole.clone();
    flipped[records[records.len() / 2] + 40] ^= 1;
    fs::write(file("flipped.bin"), flipped).unwrap();
    fs::write(file("unsealed.bin"), &whole[..records[records.len() - 2]]).unwrap();
    for line in READING {
        for (name, expected) in [("whole.bin", 0), ("flipped.bin", 3), ("unsealed.bin", 3)] {
            let (code, said) = exit_code(line, &file(name), folder.path());
            assert_eq!(code, Some(expected), "{line} of {name}: {said}");
        }
    }
    // What is missing may be what was asked for.
    let (code, said) = exit_code("cat IN --fields --type none", &file("flipped.bin"), folder.path());
    assert_eq!(code, Some(3), "{said}");
    let lines = stderr(&run(&["events", text(&file("unsealed.bin"))]));
    assert_eq!(lines, "⚠️ unsealed is incomplete: not sealed: the end may be missing\n");
}

#[test]
fn damage_outside_a_range_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (mut bytes, records) = made(folder.path());
    fs::write(file("more.bin"), [&bytes[..], b"more"].concat()).unwrap();
    // Damage one record soon after the header, and one shortly before the records that end the show.
    for (name, record) in [("early.bin", 2), ("late.bin", records.len() - 6)] {
        let mut flipped = bytes.clone();
        flipped[records[record] + 20] ^= 1;
        fs::write(file(name), flipped).unwrap();
    }
    bytes.truncate(records[records.len() - 2]);
    fs::write(file("unsealed.bin"), bytes).unwrap();
    let replay =
        "replay IN --start 20s --end 30s --speed max --wait-clients 0 --loop 2 --exit-when-done --port 0";
    for line in ["cut IN --from 20s --to 30s -o OUT", replay] {
        for (name, expected, loss) in [
            ("whole.bin", 0, ""),
            ("unsealed.bin", 3, "not sealed: the end may be missing"),
            ("more.bin", 3, "4 bytes unreadable"),
            ("early.bin", 3, "1 record missing"),
            ("late.bin", 3, "1 record missing"),
        ] {
            let (code, said) = exit_code(line, &file(name), folder.path());
            assert_eq!(code, Some(expected), "{line} of {name}: {said}");
            assert!(said.contains(loss), "{line} of {name}: {said}");
        }
    }
    let part = file("part.bin");
    run(&["cut", text(&file("unsealed.bin")), "--to", "10s", "-o", text(&part)]);
    let verified = run(&["verify", text(&part)]);
    assert_eq!(verified.status.code(), Some(0), "the range is whole: {}", stdout(&verified));
}
