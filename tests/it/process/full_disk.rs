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
    let kept = folder.path().join("out.partial.bin");
    let events = run(&["events", text(&kept)]);
    assert!(stdout(&events).lines().count() > 50, "{}", stderr(&events));
    assert!(!file.exists() && stdout(&output).contains("out.partial.bin"), "{}", stdout(&output));
    let verified = run(&["verify", text(&kept)]);
    assert!(stdout(&verified).contains("not sealed"), "{}", stdout(&verified));
}

/// Redirected standard output is treated like an output file.
#[test]
fn missing_standard_output_counts_as_a_loss() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.jsonl");
    let line = format!("ulimit -f 128; exec {} events demo > {}", program(), text(&file));
    let mut command = Command::new("sh");
    let output = command.args(["-c", &line]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).starts_with("❌ cannot write to stdout: "), "{}", stderr(&output));
    assert!(fs::read_to_string(&file).unwrap().lines().count() > 10, "the written part stays");
    for args in [
        &["events", "demo"][..],
        &["cat", "demo"],
        &["info", "demo"],
        &["verify", "demo"],
        &["diff", "demo", "recordings/short.bin"],
        &["export", "jsonl", "demo", "-o", "-"],
        &["as-scenario", "demo", "-o", "-"],
        &["config", "example"],
        &["token"],
        &["ca", "--ca-dir", env!("CARGO_TARGET_TMPDIR")],
        &["replay", "demo", "--port", "0", "--speed", "1000", "--wait-clients", "0", "--exit-when-done"],
        &["--help"],
        &["--version"],
        &["replay", "--help"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = livetape(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{args:?}: {}", stderr(&output));
        assert_eq!(stderr(&output).matches("❌ cannot write to stdout: ").count(), 1, "{}", stderr(&output));
    }
}

/// A server keeps serving if its display cannot be written, and reports it at its end.
#[test]
fn a_full_disk_ends_watch_and_not_the_server() {
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let server = Running::start(&["replay", "demo"]);
    for json in [&[][..], &["--json"]] {
        let url = format!("ws://{}/", server.address);
        let output = livetape(&["watch", &url, "--since", "0"]).args(json).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{json:?}: {}", stderr(&output));
        assert!(stderr(&output).starts_with("❌ cannot write to stdout: "), "{}", stderr(&output));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shown");
    let args = "replay demo --port 0 --speed 1000 --wait-clients 0 --exit-when-done";
    let line = format!("ulimit -f 4; exec {} {args} > {}", program(), text(&file));
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(fs::read_to_string(&file).unwrap().contains("🎉 Ready"), "the written part stays");
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
    let again = run(&["token", "-o", text(&file)]);
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("token already exists"), "{}", stderr(&again));
}
