//! The tools as users run them: finding recordings, signals, `scrub` and `audit`. None exits with 0 if part of a recording is
//! missing.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use livetape::cli::command;
use livetape_core::recording::{Flags, Frame, Item, Opcode, What, Writer, records::Header};
use serde_json::Value;

use crate::support::{
    boundaries,
    process::{livetape, program, run, stderr, stdout, text},
};

#[test]
fn names_are_looked_up_in_the_configured_directory() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("shelf");
    fs::create_dir(&shelf).unwrap();
    fs::copy("recordings/short.bin", shelf.join("mine.bin")).unwrap();
    let inside = |args: &[&str]| livetape(args).current_dir(folder.path()).output().unwrap();
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/short.bin");

    let tools: [&[&str]; 3] =
        [&["info", "mine"], &["diff", "mine", here], &["cut", "mine", "--from", "1s", "-o", "cut.bin"]];
    for tool in tools {
        let output = inside(tool);
        // For `diff`, 1 is a difference.
        let failed = if tool[0] == "diff" { 2 } else { 1 };
        assert_eq!(output.status.code(), Some(failed), "{tool:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("recording mine not found"), "{tool:?}: {}", stderr(&output));
        let output = inside(&[tool, &["--recordings", "shelf"]].concat());
        assert_eq!(output.status.code(), Some(0), "{tool:?}: {}", stderr(&output));
    }
    fs::write(folder.path().join("livetape.toml"), "[server]\nrecordings = \"shelf\"\n").unwrap();
    assert_eq!(stdout(&inside(&["events", "mine"])), stdout(&run(&["events", here])));

    // Paths work even with invalid settings; names are not looked up in the wrong folder.
    fs::write(folder.path().join("livetape.toml"), "[server]\nrecordngs = \"shelf\"\n").unwrap();
    assert_eq!(inside(&["info", here]).status.code(), Some(0));
    assert_eq!(inside(&["info", "demo"]).status.code(), Some(0));
    let output = inside(&["info", "mine"]);
    assert!(stderr(&output).contains("unknown key `recordngs`"), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn fields_of_a_message_are_printed() {
    let first = run(&["cat", "demo", "--fields", "--type", "gift", "--at", "30s"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let shown = stdout(&first);
    assert!(
        shown.starts_with("00:00:34.493 1 WebcastGiftMessage, 3,501 bytes\n  1 common: len Common"),
        "{shown}"
    );
    assert!(shown.contains("\n    6 ?: varint 1\n"), "{shown}");
    let json = stdout(&run(&["cat", "demo", "--fields", "--json", "--unknown", "--type", "Chat"]));
    let line: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["method"], &line["fields"][0]["name"]),
        (&"WebcastChatMessage".into(), &"common".into())
    );
}

/// Its batch is intact, but its only message is not.
#[test]
fn a_malformed_message_counts_in_every_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("malformed.bin");
    let bytes = b"\x3a\x03msg\x42\x19\x0a\x17\x0a\x12WebcastChatMessage\x12\x01\x0a";
    let what = What::Frame(Frame { opcode: Opcode::BINARY, bytes: bytes[..].into() });
    let mut writer = Writer::new(fs::File::create(&path).unwrap(), &Header::default()).unwrap();
    writer.write(&Item { offset: Duration::ZERO, conn: 1, flags: Flags::default(), what }).unwrap();
    writer.finish().unwrap();
    for args in [&["verify"][..], &["events"], &["info"], &["cat", "--fields"]] {
        let output = run(&[args, &[text(&path)]].concat());
        assert_eq!(output.status.code(), Some(3), "{args:?}: {}", stderr(&output));
        let said = stdout(&output) + &stderr(&output);
        assert!(said.contains("1 frame or message unreadable"), "{args:?}: {said}");
    }
    assert!(stdout(&run(&["info", text(&path)])).contains("\nmissing      1 frame or message unreadable\n"));
}

#[test]
fn why_no_fields_are_printed_is_explained() {
    for (args, code, words) in [
        (
            &["--type", "Chatt"][..],
            2,
            "❌ demo has no messages of the method `Chatt`\n💡 did you mean `Chat`?\n",
        ),
        (&["--type", "Chat", "--at", "9h"], 2, "❌ 9h is beyond the end of the recording, 6m42.438s\n"),
        (&["--type", "Gift", "--at", "6m42s"], 2, "❌ demo has no such message at 6m42s or later\n"),
        (&["--type", "Poll", "--unknown"], 0, "✅ every field is as in the schema; messages: "),
    ] {
        let output = run(&[&["cat", "demo", "--fields"], args].concat());
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(code), ""), "{args:?}");
        assert!(stderr(&output).starts_with(words), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn changes_of_messages_are_reported() {
    let same = run(&["diff", "demo", "demo", "--fields"]);
    assert_eq!((same.status.code(), stderr(&same).as_str()), (Some(0), ""));
    assert!(stdout(&same).starts_with("✅ no changes in 932 messages of 64 methods\n"), "{}", stdout(&same));
    let since = run(&["diff", "recordings/short.bin", "demo", "--fields", "--markdown"]);
    assert_eq!(since.status.code(), Some(1), "{}", stderr(&since));
    let row = "| low | gone | `WebcastLikeMessage` | `common.11` | `in none of 63 messages, before in 21 of 21` |\n";
    assert!(stdout(&since).contains(row), "{}", stdout(&since));
    assert!(stdout(&since).contains("| baseline | `recordings/short.bin` | 2023-"), "{}", stdout(&since));
    let schema = run(&["diff", "schema", "demo", "--fields", "--json"]);
    assert_eq!(schema.status.code(), Some(0), "{}", stderr(&schema));
    let counts: Value = serde_json::from_str(&stdout(&schema)).unwrap();
    assert_eq!(counts["counts"]["changes"], 0);
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.bin");
    assert_eq!(run(&["cut", "demo", "--to", "1ms", "-o", text(&empty)]).status.code(), Some(0));
    let none = run(&["diff", "schema", text(&empty), "--fields"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(stderr(&none).contains("has no messages of TikTok"), "{}", stderr(&none));
    for args in [&["diff", "demo", "nowhere", "--fields"][..], &["diff", "nowhere", "demo"]] {
        let failed = run(args);
        assert_eq!(failed.status.code(), Some(2), "only differences exit with 1");
        assert!(stderr(&failed).contains("nowhere not found"), "{}", stderr(&failed));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_of_files_need_not_be_unicode() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let name = |bytes: &[u8]| folder.path().join(std::ffi::OsStr::from_bytes(bytes));
    let (show, part) = (name(b"sh\xffow.bin"), name(b"p\xffart.bin"));
    fs::copy("recordings/short.bin", &show).unwrap();
    let cut = livetape(&["cut", "--to", "10s", "-o"]).arg(&part).arg(&show).output().unwrap();
    assert_eq!(cut.status.code(), Some(0), "{}", stderr(&cut));
    let args = ["replay", "--speed", "max", "--wait-clients", "0", "--exit-when-done", "--port", "0"];
    for command in [&["info"][..], &["events"], &["verify"], &args] {
        let output = livetape(command).arg(&part).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", stderr(&output));
    }
    // A scenario is text, in which such a name cannot be written.
    let scenario = folder.path().join("scenario.toml");
    for output in [&scenario, Path::new("-")] {
        let failed = livetape(&["as-scenario", "-o"]).arg(output).arg(&part).output().unwrap();
        assert_eq!((failed.status.code(), &*stdout(&failed)), (Some(1), ""), "{}", stderr(&failed));
        assert!(stderr(&failed).starts_with("❌ the path of the recording is not Unicode: "), "{failed:?}");
        assert!(stderr(&failed).contains("💡 rename the file or its folder"), "{failed:?}");
    }
    assert!(!scenario.exists());
}

/// Runs the program with a file as its standard input.
fn run_on(file: &str, args: &[&str]) -> Output {
    livetape(args).stdin(fs::File::open(file).unwrap()).output().unwrap()
}

#[test]
fn a_recording_is_read_from_standard_input() {
    const SHORT: &str = "recordings/short.bin";
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for command in ["info", "verify", "events", "cat", "audit"] {
        let (named, piped) = (run(&[command, SHORT]), run_on(SHORT, &[command, "-"]));
        assert_eq!(piped.status.code(), named.status.code(), "{command}: {}", stderr(&piped));
        assert_eq!(stdout(&piped), stdout(&named), "{command}");
    }
    let (key, named, piped) = (path("key"), path("named.bin"), path("piped.bin"));
    for (input, output) in [(SHORT, &named), ("-", &piped)] {
        let done = run_on(SHORT, &["scrub", input, "-o", text(output), "--key-file", text(&key)]);
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    }
    assert!(fs::read(named).unwrap() == fs::read(piped).unwrap());
    let capture = "fixtures/webcast/session-3.jsonl";
    let done = run_on(capture, &["import", "-", "-o", text(&path("imported.bin"))]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let nameless = run_on(capture, &["import", "-"]);
    assert_eq!(stderr(&nameless), "❌ a recording from standard input has no name\n💡 set it with -o FILE\n");
    let empty = run_on("/dev/null", &["info", "-"]);
    assert!(stderr(&empty).contains("cannot read standard input"), "{}", stderr(&empty));
    for args in [&["replay", "-"][..], &["run", "-", "--", "true"], &["cut", "-", "--to", "1s", "-o", "x"]] {
        let refused = run_on(SHORT, args);
        assert_eq!(refused.status.code(), Some(2), "{args:?}");
        let expected = "❌ this command cannot read a recording from standard input\n💡 save the recording to a file first\n";
        assert_eq!(stderr(&refused), expected, "{args:?}");
    }
}

#[test]
fn commands_that_start_together_create_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("people.key");
    let scrub = |number: u32| {
        let output = folder.path().join(format!("{number}.bin"));
        let done = run(&["scrub", "recordings/short.bin", "-o", text(&output), "--key-file", text(&key)]);
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        fs::read(output).unwrap()
    };
    let outputs: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..4).map(|number| scope.spawn(move || scrub(number))).collect();
        running.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(outputs.iter().all(|output| *output == outputs[0]), "of several keys");
}

#[test]
fn reports_on_new_files_are_also_json() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("x.bin");
    let done = run(&["cut", "short", "--to", "1s", "-o", text(&output), "--json"]);
    let json: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(json["durationMs"].is_u64() && json["file"] == text(&output), "{json}");
}

/// The names of all files in a folder.
fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

#[cfg(unix)]
#[test]
fn an_interrupted_tool_removes_its_unfinished_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("big.bin");
    for (signal, expected) in [("INT", Some(130)), ("TERM", Some(143)), ("HUP", Some(129)), ("KILL", None)] {
        let mut synth = livetape(&["synth", "--size", "100GB", "-o", text(&file)])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let part = format!(".big.bin.{}.part", synth.id());
        while !names(folder.path()).contains(&part) {
            assert!(synth.try_wait().unwrap().is_none(), "it has ended");
            std::thread::yield_now();
        }
        let id = synth.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
        let output = synth.wait_with_output().unwrap();
        assert_eq!(output.status.code(), expected, "{signal}");
        if expected.is_some() {
            assert_eq!(names(folder.path()), [""; 0], "{signal}");
            assert_eq!(stderr(&output), "❌ stopped by a signal: the unfinished file was removed\n");
        } else {
            assert_eq!(names(folder.path()), [part], "nothing could be removed");
        }
    }
    // The next one with this name removes what is left.
    let next = run(&["synth", "--minutes", "1", "-o", text(&file)]);
    assert_eq!(next.status.code(), Some(0), "{}", stderr(&next));
    assert_eq!(names(folder.path()), ["big.bin"]);
}

#[test]
fn a_recording_is_scrubbed_audited_and_scrubbed_again() {
    let folder = tempfile::tempdir().unwrap();
    let [show, one, two, key, words] =
        ["show.bin", "one.bin", "two.bin", "people.key", "words"].map(|name| folder.path().join(name));
    let show = text(&show);
    assert!(run(&["import", "fixtures/webcast/session-3.jsonl", "-o", show]).status.success());
    let before = run(&["audit", show]);
    assert_eq!(before.status.code(), Some(1), "{}", stderr(&before));
    assert!(stdout(&before).contains("do not share this recording"), "{}", stdout(&before));

    let scrub = |from: &str, to: &str| run(&["scrub", from, "-o", to, "--key-file", text(&key)]);
    let output = scrub(show, text(&one));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&key).unwrap().trim().len(), 64);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let output = scrub(text(&one), text(&two));
    assert!(stdout(&output).contains("copied unchanged"), "{}", stdout(&output));
    assert_eq!(scrub(show, text(&one)).status.code(), Some(1), "it is there already");

    for (content, expected) in [("share/7\nab\n", 2), ("share/7\n", 1), ("", 0)] {
        fs::write(&words, content).unwrap();
        let audit = run(&["audit", text(&one), "--words", text(&words)]);
        assert_eq!(audit.status.code(), Some(expected), "{}{}", stdout(&audit), stderr(&audit));
    }
    let output = run(&["scrub", show, "-o", text(&key), "--key-file", text(&key), "--force"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("is named twice"), "{}", stderr(&output));
    fs::write(&key, "no key").unwrap();
    let output = run(&["scrub", show, "-o", text(&two), "--key-file", text(&key), "--force"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("has no key"), "{}", stderr(&output));
}

#[test]
fn a_recording_is_shared_as_a_page_only_if_nothing_is_found_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let [show, page, words] = ["ann.bin", "ann.html", "words"].map(|name| folder.path().join(name));
    assert!(run(&["import", "fixtures/webcast/session-3.jsonl", "-o", text(&show)]).status.success());
    let output = run(&["share", text(&show)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("ann.html\n") && said.contains("audit: nothing found in "), "{said}");
    let html = fs::read_to_string(&page).unwrap();
    // The name of the file is not scrubbed, so it is not in the page.
    assert!(html.starts_with("<!doctype html>") && !html.contains("ann.bin") && !html.contains("ann.html"));
    let exists = run(&["share", text(&show)]);
    assert_eq!((exists.status.code(), stderr(&exists).contains("already exists")), (Some(1), true));
    let report = run(&["share", text(&show), "--force", "--json", "--title", "The <raid>"]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    let html = fs::read_to_string(&page).unwrap();
    assert_eq!(
        (report["page"]["bytes"].as_u64(), &report["audit"]["counts"]),
        (Some(html.len() as u64), &serde_json::json!({}))
    );
    assert!(html.contains("<title>The &lt;raid&gt;</title>"));

    // Gifts keep their names, so this is found.
    fs::remove_file(&page).unwrap();
    fs::write(&words, "Rose\n").unwrap();
    let refused = run(&["share", "demo", "-o", text(&page), "--words", text(&words)]);
    assert_eq!(refused.status.code(), Some(1));
    let (places, why) = (stdout(&refused), stderr(&refused));
    assert!(places.starts_with("at byte ") && places.ends_with("do not share this recording\n"), "{places}");
    assert!(why.starts_with("❌ ") && why.contains("was not written, because the audit"), "{why}");
    assert_eq!(names(folder.path()), ["ann.bin", "words"]);
}

/// Commands that read recordings; `IN` is the recording, `OUT` a new file, `PROGRAM` livetape.
const READING: [&str; 21] = [
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
    "share IN -o OUT",
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
