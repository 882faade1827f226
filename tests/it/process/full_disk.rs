//! A full disk: `/dev/full`, or a limit on the size of files.

use std::{fs, process::Command};

use crate::support::process::{Running, livetape, program, run, stderr, stdout, text};

/// A limit on the file size simulates a full disk: the written part stays and is marked as incomplete.
#[test]
fn an_import_to_a_full_disk_keeps_the_written_part() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.bin");
    let line = format!(
        "ulimit -f 128; exec {} import fixtures/webcast/session-2.jsonl -o {}",
        program(),
        text(&file)
    );
    let mut command = Command::new("sh");
    let output = command.args(["-c", &line]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(
        stderr(&output).starts_with("⚠️ The recording is incomplete: writing failed"),
        "{}",
        stderr(&output)
    );
    assert!(!file.exists() && stdout(&output).contains("out.partial.bin"), "{}", stdout(&output));
    let events = run(&["events", text(&folder.path().join("out.partial.bin"))]);
    assert!(stdout(&events).lines().count() > 50, "{}", stderr(&events));
}

/// Redirected standard output is treated like an output file. A server keeps serving, and reports it at its end.
#[test]
fn missing_standard_output_counts_as_a_loss() {
    for args in [
        &["events", "demo"][..],
        &["cat", "demo"],
        &["diff", "demo", "recordings/short.bin"],
        &["export", "jsonl", "demo", "-o", "-"],
        &["config", "example"],
        &["ca", "--ca-dir", env!("CARGO_TARGET_TMPDIR")],
        &["replay", "demo", "--port", "0", "--speed", "1000", "--wait-clients", "0", "--exit-when-done"],
        &["--help"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = livetape(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{args:?}: {}", stderr(&output));
        assert_eq!(stderr(&output).matches("❌ cannot write to stdout: ").count(), 1, "{}", stderr(&output));
    }
}

#[test]
fn a_full_disk_ends_watch() {
    let server = Running::start(&["replay", "demo"]);
    let url = format!("ws://{}/", server.address);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = livetape(&["watch", &url, "--since", "0"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("❌ cannot write to stdout: "), "{}", stderr(&output));
}

#[test]
fn a_token_on_a_full_disk_leaves_its_name_free() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let line = format!("ulimit -f 0; exec {} token -o {}", program(), text(&file));
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("❌ cannot write "), "{}", stderr(&output));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(run(&["token", "-o", text(&file)]).status.success());
}
