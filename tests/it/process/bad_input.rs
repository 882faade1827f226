//! User errors: one clear line, the right exit code, no panic.

use std::{fs, path::PathBuf};

use livetape_core::error::START_CHROME;
use tokio::net::TcpSocket;

use crate::support::process::{livetape, run, stderr, stdout, text};

/// Asserts that a command prints only an error with `message`, and that the exit code is `code`.
#[track_caller]
fn check(args: &[&str], code: i32, message: &str) {
    let output = run(args);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    assert!(said.starts_with("❌ ") && said.contains(message), "{args:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(stdout(&output).is_empty(), "{args:?}");
}

fn damaged(folder: &tempfile::TempDir, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/demo.bin");
    let mut bytes = fs::read(demo).unwrap();
    change(&mut bytes);
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn each_kind_of_error_has_its_exit_code() {
    let usage = "❌ unexpected argument '--sped' found\n💡 did you mean '--speed'?\n";
    assert_eq!(stderr(&run(&["replay", "demo", "--sped", "2"])), usage);
    for (args, code, message) in [
        (&["replay", "demo", "--speed", "fast"][..], 2, "invalid value 'fast'"),
        (&["replay", "demo", "--start", "9h"], 2, "9h is beyond the end of the recording"),
        (&["replay", "demo", "--config", "no-such.toml"], 2, "no-such.toml"),
        (&["live"], 2, "no user name given"),
        (&["info", "http://h/?token=planted"], 1, "recording http://h/?*** not found"),
        (&["live", "../etc", "--port", "0"], 2, "user name"),
        (&["mock", "--port", "0", "--pass", "10.0.0.1"], 2, "`10.0.0.1` is not"),
        (&["watch", "99999"], 2, "99999 is not a port"),
        (
            &["watch", "9"],
            1,
            "cannot connect to ws://127.0.0.1:9/: connection refused: no server listens there",
        ),
        (
            &["diff", "schema", "demo"],
            2,
            "`schema` can only be OLD, and needs --fields\n💡 run `livetape diff schema demo --fields`\n",
        ),
        (&["diff", "demo", "schema"], 2, "needs --fields\n💡 run `livetape diff schema demo --fields`\n"),
        (&["diff", "demo", "schema", "--fields"], 2, "can only be OLD"),
        (&["share", "demo", "-o", "-"], 2, "- is not the name of a file"),
        (&["share", "demo", "-o", "no/such.html"], 1, "the directory of no/such.html does not exist"),
        (&["share", "demo", "--from", "9h"], 2, "9h is beyond the end of the recording"),
        (&["share", "demo", "--from", "9s", "--to", "9s"], 2, "the end of the range, 9s, is not after"),
        (&["share", "README.md"], 1, "not a livetape recording"),
        (&["scrub", "demo", "-o", "-"], 2, "- is not the name of a file, and this file cannot be written"),
        // On Windows, a drive.
        #[cfg(unix)]
        (
            &["scrub", "demo", "-o", "a:b"],
            2,
            "Windows does not allow `:` in names of files: a:b\n💡 choose another name",
        ),
        (
            &["cut", "demo", "--to", "1s", "-o", "con.bin"],
            2,
            "`con` is a device on Windows: con.bin\n💡 choose another name",
        ),
        (&["record", "--cdp", "192.0.2.1:9222"], 2, "192.0.2.1 is not a loopback address"),
        (&["record", "--cdp", "127.0.0.1:9"], 1, "no browser responded at 127.0.0.1:9"),
        (&["live", "--cdp", "192.0.2.1:9222"], 2, "192.0.2.1 is not a loopback address"),
        (
            &["live", "ann", "--way", "direct", "--way", "tab"],
            2,
            "live.ways has `tab`, but no browser is named",
        ),
        (&["live", "ann", "--tab", "1"], 2, "--tab needs a browser"),
        (&["trigger", "chat", "--url", "9"], 1, "cannot connect to http://127.0.0.1:9"),
        (
            &["test", "demo", "--case", "sign-html", "--", "true"],
            2,
            "unknown case \"sign-html\"\n💡 sign-html is a scenario of the mock: `livetape run --mock sign-html -- COMMAND`",
        ),
        (&["trigger", "gfit"], 2, "did you mean `gift`?"),
        (&["trigger", "gift", "--gift", "Rsoe"], 2, "unknown gift `Rsoe`\n💡 did you mean `Rose`?"),
        (&["trigger", "raw", "--method", "M", "--payload", "no-such-file"], 2, "no-such-file"),
        (&["replay", "batle"], 1, "recording batle not found\n💡 did you mean `battle`? choose one of: demo"),
        (&["replay", "no/such.bin"], 1, "recording no/such.bin not found\n💡 check the path\n"),
        (&["replay", "src"], 1, "src is a directory"),
        (&["verify", "README.md"], 1, "not a livetape recording"),
        (&["import", "no-such.jsonl"], 1, "no-such.jsonl"),
        (&["import", "src"], 1, "src"),
    ] {
        check(args, code, message);
    }
}

#[test]
fn the_built_in_recording_is_found_by_its_file_name_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |args: &[&str]| livetape(args).current_dir(folder.path()).output().unwrap();
    assert_eq!(stdout(&inside(&["info", "demo.bin"])), stdout(&run(&["info", "demo"])));
}

#[test]
fn a_repaired_recording_has_gaps_but_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let flipped = damaged(&folder, "flipped.bin", |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 16;
    });
    let repaired = folder.path().join("repaired.bin");
    check(&["mark", text(&flipped), "--at", "1s", "x"], 2, "flipped is damaged");
    assert_eq!(run(&["repair", text(&flipped), "-o", text(&repaired)]).status.code(), Some(3));
    check(&["mark", text(&repaired), "--at", "1s", "x"], 2, "repaired has missing records");
}

#[test]
fn a_recording_without_a_readable_record_is_a_failure_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let zeros = damaged(&folder, "zeros.bin", |bytes| bytes[64..].fill(0));
    let file = text(&zeros);
    assert_eq!(run(&["verify", file]).status.code(), Some(1));
    let info = run(&["info", file]);
    assert_eq!(info.status.code(), Some(1));
    let told = stderr(&info);
    assert!(told.contains("unreadable; not sealed") && told.contains("❌ nothing in"), "{told}");
    check(&["share", file], 1, "cannot share zeros: the recording is unreadable");
    check(&["events", file], 1, "nothing in");
    check(&["replay", file, "--port", "0"], 1, "nothing in");
    check(&["run", file, "--clients", "0", "--", "true"], 1, "nothing in");
}

#[test]
fn live_says_how_to_start_chrome() {
    let reserved = TcpSocket::new_v4().unwrap();
    reserved.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let browser = reserved.local_addr().unwrap().to_string();
    let output = run(&["live", "--cdp", &browser, "--port", "0", "--max-attempts", "1"]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("no browser responded at {browser}")), "{said}");
    let hint = format!("start Chrome with `{START_CHROME}`; with port 0");
    assert!(said.contains(&hint), "{said}");
}

#[test]
fn a_port_in_use_is_reported_with_a_hint() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let tikfinity = format!("--tikfinity={port}");
    for (args, hint) in [
        (&["replay", "demo", "--port", &port][..], "--port"),
        (&["replay", "demo", "--port", "0", &tikfinity], "--tikfinity=PORT"),
        (&["mock", "--port", "0", "--ca-dir", text(folder.path()), "--tls", &port], "with --tls ADDR"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.contains(&port) && said.contains(hint), "{said}");
    }
}

#[test]
fn connections_of_a_capture_are_listed_to_choose_from() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unsure.har");
    let chat = r#"{"_resourceType":"websocket","_webSocketMessages":[{"type":"send","time":1,"opcode":1,"data":"hi"}],"request":{"url":"wss://chat.example/?token=planted"}}"#;
    let har =
        format!(r#"{{"log":{{"creator":{{"name":"WebInspector","version":"1"}},"entries":[{chat}]}}}}"#);
    fs::write(&file, har).unwrap();
    let output = run(&["import", text(&file)]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.starts_with("  1: wss://chat.example/, 1 message\n") && !said.contains("planted"), "{said}");
    assert!(said.contains("choose a connection with --entry N"), "{said}");
    let output = run(&["import", text(&file), "--entry", "1"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stdout(&output).contains("⚠️ Nothing could be decoded\n"), "{}", stdout(&output));
}

#[test]
fn decoded_events_are_not_a_capture() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    fs::write(&file, run(&["events", "demo"]).stdout).unwrap();
    let output = run(&["import", text(&file)]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains("it holds decoded events of livetape, and a recording needs the frames"), "{said}");
    assert!(said.contains("💡 replay the recording that they came from"), "{said}");
    assert_eq!(folder.path().read_dir().unwrap().count(), 1, "nothing is written");
}

#[test]
fn the_command_that_keeps_a_clock_or_cuts_a_silence_is_said_and_works() {
    let folder = tempfile::tempdir().unwrap();
    let [file, out] = ["a show.jsonl", "a show.bin"].map(|name| folder.path().join(name));
    let lines: Vec<String> = [0_i64, 1000, -3_598_000, -3_597_000, 7_200_000]
        .iter()
        .map(|ms| {
            format!(
                r#"{{"ts_ms":{},"method":"WebcastChatMessage","payload":"CgQQBRgJ"}}"#,
                1_757_443_489_000 + ms
            )
        })
        .collect();
    fs::write(&file, lines.join("\n")).unwrap();
    let output = run(&["import", text(&file), "--user", "ann"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let [said, hints] = [stdout(&output), stderr(&output)];
    assert!(
        said.contains("⚠️ The clock goes back by 01:00:00.000 at 00:00:02.000: what follows is shifted\n"),
        "{said}"
    );
    assert!(said.contains("Silence of 02:59:57.000 at 00:00:03.000\n"), "{said}");
    let again =
        format!("`livetape import \"{}\" -o \"{}\" --force --user ann", file.display(), out.display());
    for (flag, expected) in [("--keep-clock", "back"), ("--idle-limit 10s", "shifted")] {
        assert!(hints.contains(&format!("{again} {flag}`\n")), "{hints}");
        let flags = flag.split(' ').collect::<Vec<_>>();
        let args =
            [&["import", text(&file), "-o", text(&out), "--force", "--user", "ann"], &flags[..]].concat();
        let output = run(&args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(expected), "{}", stdout(&output));
    }
}

#[test]
fn text_files_have_a_maximum_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let file = text(&path);
    for (args, code) in [
        (&["mock", "--scenario", file][..], 1),
        (&["config", "check", file], 2),
        (&["serve", "--token-file", file], 2),
        (&["serve", "--tls-cert", file, "--tls-key", file], 2),
    ] {
        let output = run(args);
        let said = stderr(&output);
        assert!(said.contains(&format!("{file}: the file is larger than 1 MiB\n")), "{args:?}: {said}");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    }
}

#[test]
fn shells_get_completions() {
    let script = stdout(&run(&["completions", "bash"]));
    for word in ["as-scenario", "exit-when-done", "envelope", "room_user"] {
        assert!(script.contains(word), "{word}: {script}");
    }
}
