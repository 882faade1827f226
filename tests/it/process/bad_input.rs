//! User errors: one clear line, the right exit code, no panic.

use std::{fs, path::PathBuf};

use crate::support::{
    Reserved,
    process::{livetape, run, stderr, stdout, text},
};

/// Asserts that the first line of output contains `message` and that the exit code is `code`.
#[track_caller]
fn check(args: &[&str], code: i32, message: &str) {
    let output = run(args);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    assert!(said.lines().next().unwrap_or_default().contains(message), "{args:?}: {said}");
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
fn invalid_flags_are_usage_errors() {
    check(&["replay", "demo", "--speeed", "2"], 2, "unexpected argument '--speeed'");
    check(&["replay", "demo", "--speed", "-1"], 2, "invalid value '-1'");
    check(&["replay", "demo", "--speed", "fast"], 2, "invalid value 'fast'");
    check(&["replay", "demo", "--start", "-5s"], 2, "invalid value '-5s'");
    check(&["replay", "demo", "--loop", "-1"], 2, "");
    check(&["replay", "demo", "--loop", "0"], 2, "`0` is neither a whole number from 1");
    check(&["watch", "99999"], 2, "99999 is not a port");
    check(&["watch", "0"], 2, "0 is not a port");
    check(&["watch", "ws://99999/"], 2, "99999 is not a port");
    check(&["watch", "127.0.0.1:99999"], 2, "ws://127.0.0.1:99999 is not a valid address: invalid port");
    check(&["replay", "demo", "--port", "65536"], 2, "invalid value '65536'");
    check(
        &["replay", "demo", "--start", "5s", "--end", "5s"],
        2,
        "the end of the range, 5s, is not after its start, 5s",
    );
    check(&["replay", "demo", "--idle-limit", "0s"], 2, "--idle-limit is 0");
    check(&["replay", "demo", "--listen", "nowhere"], 2, "nowhere");
    check(
        &["replay", "demo", "--start", "9h", "--exit-when-done"],
        2,
        "9h is beyond the end of the recording",
    );
    check(&["live"], 2, "no user name given");
    check(&["diff", "--events", "-", "x"], 2, "this command cannot read events from standard input");
    check(&["replay", "demo", "--listen", "0.0.0.0:0"], 2, "0.0.0.0 is not a loopback address");
    check(&["replay", "demo", "--tls-cert", "c.pem"], 2, "--tls-key");
    check(&["replay", "demo", "--config", "no-such.toml"], 2, "no-such.toml");
    check(&["replay", ""], 2, "a value is required");
    check(&["events", ""], 2, "a value is required");
    check(&["events", "demo", "--types", "gfit"], 2, "unknown type `gfit`; did you mean `gift`?");
    check(&["watch", "ftp://127.0.0.1/"], 2, "ftp://");
    check(&["no-such-command"], 2, "no-such-command");
    check(&["run", "--clients", "-1", "--", "true"], 2, "invalid value '-1'");
    check(&["trigger", "chat", "--repeat", "2", "--every", "-1s"], 2, "invalid value '-1s'");
    check(&["trigger", "chat", "--every", "1s"], 2, "--repeat");
    check(&["trigger", "raw"], 2, "`--method` is missing");
    check(&["watch", "--url", "99999"], 2, "99999 is not a port");
}

#[test]
fn recordings_are_not_written_to_a_file_named_dash() {
    for args in [
        &["import", "fixtures/webcast/session-3.jsonl"][..],
        &["scrub", "demo"],
        &["cut", "demo", "--to", "1s"],
        &["merge", "demo", "recordings/short.bin"],
        &["mark", "recordings/demo.bin", "--at", "1s", "here"],
        &["repair", "recordings/demo.bin"],
        &["synth", "--minutes", "1"],
    ] {
        let args = [args, &["-o", "-"]].concat();
        check(&args, 2, "- is not the name of a file");
        assert!(!PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/-")).exists(), "{args:?}");
    }
    let said = stderr(&run(&["scrub", "demo", "-o", "-"]));
    assert!(said.contains("💡 name a file; write ./- if its name is -"), "{said}");
}

#[test]
fn a_missing_recording_is_reported_with_a_hint() {
    for command in ["replay", "events", "info", "verify"] {
        check(&[command, "no-such.bin"], 1, "recording no-such.bin not found");
    }
    let said = stderr(&run(&["replay", "batle"]));
    assert!(said.contains("💡 did you mean `battle`? choose one of: demo, battle"), "{said}");
    let said = stderr(&run(&["replay", "no/such.bin"]));
    assert!(said.contains("recording no/such.bin not found\n💡 check the path\n"), "{said}");
    check(&["replay", "src"], 1, "src is a directory");
    check(&["import", "no-such.jsonl"], 1, "no-such.jsonl");
    check(&["import", "src"], 1, "src");
}

#[test]
fn the_built_in_recording_is_found_by_its_file_name_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |args: &[&str]| livetape(args).current_dir(folder.path()).output().unwrap();
    assert_eq!(stdout(&inside(&["info", "demo.bin"])), stdout(&run(&["info", "demo"])));
    let said = stderr(&inside(&["info", "demmo.bin"]));
    assert!(
        said.contains("recording demmo.bin not found") && said.contains("`demo`? choose one of: demo"),
        "{said}"
    );
}

#[test]
fn watching_fails_if_no_server_listens() {
    let closed = Reserved::new();
    let port = closed.address.port();
    let message = format!("cannot connect to ws://127.0.0.1:{port}/: no server listens there");
    check(&["watch", &port.to_string()], 1, &message);
}

#[test]
fn files_that_are_not_recordings_are_distinguished() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.bin");
    fs::write(&empty, "").unwrap();
    for command in ["replay", "events", "info", "verify"] {
        check(&[command, "README.md"], 1, "not a livetape recording");
        check(&[command, text(&empty)], 1, "empty.bin: the file is empty");
        check(&[command, "fixtures/golden/newer-major.bin"], 1, "too new");
        check(&[command, "fixtures/golden/older-major.bin"], 1, "never released");
    }
}

#[test]
fn errors_of_the_command_line_look_like_all_others() {
    let said = stderr(&run(&["replay", "demo", "--speeed", "2"]));
    assert!(said.starts_with("❌ unexpected argument '--speeed' found\n💡 "), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
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
    for args in [&["verify", file][..], &["info", file]] {
        assert_eq!(run(args).status.code(), Some(1), "{args:?}");
    }
    check(&["events", file], 1, "nothing in");
    check(&["replay", file, "--port", "0"], 1, "nothing in");
    check(&["run", file, "--clients", "0", "--", "true"], 1, "nothing in");
}

#[test]
fn a_damaged_recording_is_read_as_far_as_possible() {
    let folder = tempfile::tempdir().unwrap();
    let whole = stdout(&run(&["events", "demo"]));
    let cut = damaged(&folder, "cut.bin", |bytes| bytes.truncate(bytes.len() / 2));
    let flipped = damaged(&folder, "flipped.bin", |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 16;
    });
    let preamble = damaged(&folder, "preamble.bin", |bytes| bytes[8] ^= 1);

    let output = run(&["events", text(&flipped)]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 record missing"), "{}", stderr(&output));
    let (ours, all) = (stdout(&output).lines().count(), whole.lines().count());
    assert!(all - 40 < ours && ours <= all, "{ours} of {all} events");

    // The number of records lost from a truncated recording is unknown.
    let output = run(&["events", text(&cut)]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("not sealed: the end may be missing"), "{}", stderr(&output));

    let output = run(&["events", text(&preamble)]);
    assert_eq!(stdout(&output), whole);
}

#[test]
fn a_port_in_use_is_reported_with_a_hint() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["replay", "demo", "--port", &port]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains(&port) && said.contains("--port"), "{said}");
    let mut tikfinity = livetape(&["replay", "demo", "--port", "0", "--tikfinity"]);
    let output = tikfinity.env("LIVETAPE_TIKFINITY_LISTEN", &port).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(said.contains(&port) && said.contains("LIVETAPE_TIKFINITY_LISTEN"), "{said}");
}

#[test]
fn files_are_overwritten_only_with_force() {
    let folder = tempfile::tempdir().unwrap();
    let (capture, out) = ("fixtures/webcast/session-3.jsonl", folder.path().join("out.bin"));
    fs::write(&out, "precious").unwrap();
    check(&["import", capture, "-o", text(&out)], 1, "out.bin");
    check(&["synth", "--size", "10KB", "-o", text(&out)], 1, "out.bin");
    assert_eq!(fs::read(&out).unwrap(), b"precious");
    assert!(run(&["import", capture, "-o", text(&out), "--force"]).status.success());
    assert!(fs::read(&out).unwrap().starts_with(b"\x89LTAP"));
}

#[test]
fn captures_that_cannot_be_imported_are_reported_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let capture = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let har = |producer: &str, entries: &str| {
        format!(r#"{{"log":{{"creator":{{"name":"{producer}","version":"1"}},"entries":[{entries}]}}}}"#)
    };
    let firefox = capture("firefox.har", &har("Firefox", ""));
    check(&["import", text(&firefox)], 1, "Firefox does not save them, Chrome does");
    let chat = r#"{"_resourceType":"websocket","_webSocketMessages":[{"type":"send","time":1,"opcode":1,"data":"hi"}],"request":{"url":"wss://chat.example/?token=planted"}}"#;
    let unsure = capture("unsure.har", &har("WebInspector", chat));
    check(&["import", text(&unsure)], 1, "  1: wss://chat.example/, 1 message");
    let said = stderr(&run(&["import", text(&unsure)]));
    assert!(said.contains("choose a connection with --entry N") && !said.contains("planted"), "{said}");
    let output = run(&["import", text(&unsure), "--entry", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    check(&["import", text(&unsure), "--entry", "9", "--force"], 1, "unknown connection 9");
    check(
        &["import", "recordings/short.bin", "-o", text(&folder.path().join("x.bin"))],
        1,
        "already a recording",
    );
    check(&["import", text(&unsure), "--rate", "0"], 2, "invalid value '0'");
    check(&["import", text(&unsure), "--format", "pcap"], 2, "invalid value 'pcap'");
}

#[test]
fn only_a_browser_on_this_machine_is_recorded() {
    check(&["record", "--cdp", "192.0.2.1:9222"], 2, "192.0.2.1 is not a loopback address");
    check(&["record", "--cdp", "browser"], 2, "`browser` is not the address of a browser");
    check(&["record", "--cdp", "127.0.0.1:9"], 1, "no browser responded at 127.0.0.1:9");
    check(&["record"], 2, "no user name given");
    check(&["record", "ann", "--tab", "1"], 2, "required");
}

#[test]
fn an_unknown_connection_is_reported_with_those_that_exist() {
    let folder = tempfile::tempdir().unwrap();
    for form in ["jsonl", "piratetok"] {
        let file = folder.path().join(form);
        for output in ["-", text(&file)] {
            let args = ["export", form, "demo", "--conn", "99", "-o", output];
            check(&args, 2, "demo has no connection 99");
            assert!(stderr(&run(&args)).contains("💡 choose one of: 1\n"), "{}", stderr(&run(&args)));
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
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
fn help_fits_80_columns_on_a_wider_terminal_and_shows_examples() {
    for command in
        ["replay", "live", "serve", "record", "mock", "watch", "events", "import", "synth", "config"]
    {
        let help = stdout(&livetape(&[command, "--help"]).env("COLUMNS", "200").output().unwrap());
        assert!(help.contains("Example"), "{command}");
        let long = help.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{command}");
    }
}

#[test]
fn shells_get_completions_and_man_gets_pages() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&run(&["completions", shell]));
        assert!(script.contains("as-scenario") && script.contains("exit-when-done"), "{shell}: {script}");
        // clap_complete lists the values of arguments for two shells only.
        let lists_kinds = script.contains("envelope") && script.contains("room_user");
        assert!(lists_kinds || !matches!(shell, "bash" | "zsh"), "{shell}: {script}");
    }
    let page = stdout(&run(&["man", "replay"]));
    assert!(page.contains(".TH livetape-replay 1") && page.contains("exit\\-when\\-done"), "{page}");
    let unknown = run(&["man", "reply"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert_eq!(stderr(&unknown), "❌ unknown command `reply`\n💡 did you mean `replay`?\n");
}
