//! `--ready-file` and `--exit-with-stdin` of every serving command.

use std::{
    fs,
    io::pipe,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::process::{Running, livetape, run, stderr, text};

/// Every serving command, and a part of its line when it is ready; `run` has its own tests.
const SERVING: [(&[&str], &str); 4] = [
    (&["replay", "demo"], "Ctrl+C"),
    (&["live", "ann", "--upstream", "http://127.0.0.1:9", "--wait-clients", "1"], "Waiting"),
    (&["serve"], "Ctrl+C"),
    (&["mock"], "Ctrl+C"),
];

#[test]
fn the_ready_file_has_the_addresses_and_the_end_of_input_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    for (args, last) in SERVING {
        fs::write(&file, "left by an earlier process").unwrap();
        let (input, end) = pipe().unwrap();
        let flags = ["--port", "0", "--ready-file", text(&file), "--exit-with-stdin"];
        let server = Running::spawn(livetape(&[args, &flags].concat()).stdin(input), last);
        let ready: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let http = ready["http"].as_str().unwrap();
        let port = http.strip_prefix("http://127.0.0.1:").unwrap();
        assert!(port.parse::<u16>().unwrap() > 0, "{ready}");
        assert_eq!(ready["ws"], format!("ws://127.0.0.1:{port}/"));
        let version = env!("CARGO_PKG_VERSION");
        let others = [&ready["pid"], &ready["version"], &ready["apiVersion"], &ready["mock"]];
        assert_eq!(others, [&server.id().into(), &version.into(), &1.into(), &Value::Null]);
        drop(end);
        assert_eq!(server.wait().0.code(), Some(0), "{args:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }
}

#[tokio::test]
async fn a_replay_takes_requests_as_soon_as_the_ready_file_exists() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    let args = ["replay", "demo", "--wait-clients", "1", "--quiet", "--port", "0", "--exit-with-stdin"];
    let mut command = livetape(&[&args[..], &["--ready-file", text(&file)]].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let ready = loop {
        match fs::read(&file) {
            Ok(ready) => break ready,
            Err(_) => assert!(child.try_wait().unwrap().is_none()),
        }
    };
    let ready: Value = serde_json::from_slice(&ready).unwrap();
    let url = format!("{}/replay/play", ready["http"].as_str().unwrap());
    assert_eq!(reqwest::Client::new().post(url).send().await.unwrap().status(), 200);
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_ready_file_of_run_names_the_mock() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ready.json");
    let args = ["run", "demo", "--mock", "demo", "--ready-file", text(&file), "--", "cat", text(&file)];
    let output = run(&args);
    let ready: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(ready["mock"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{ready}");
}

#[cfg(unix)]
#[test]
fn a_ready_file_that_cannot_be_written_is_reported() {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    let folder = tempfile::tempdir().unwrap();
    let [missing, fifo, link, target] =
        ["missing/ready.json", "fifo", "link", "target"].map(|name| folder.path().join(name));
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    fs::write(&target, "other data").unwrap();
    symlink(&target, &link).unwrap();
    for (file, message) in [
        (text(folder.path()), "is a directory\n💡 use another path for --ready-file"),
        (text(&missing), "create the directory first"),
        (text(&fifo), "is not a regular file"),
        (text(&link), "is not a regular file"),
    ] {
        let run_args = ["run", "demo", "--clients", "0", "--ready-file", file, "--", "true"];
        for args in [&run_args[..], &["serve", "--port", "0", "--ready-file", file]] {
            let output = run(args);
            assert!(output.status.code() != Some(0) && stderr(&output).contains(message), "{output:?}");
        }
    }
    assert!(fifo.symlink_metadata().unwrap().file_type().is_fifo());
    assert!(link.is_symlink());
}
