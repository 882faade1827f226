//! Limits of the system: a full disk (`/dev/full`, or a limit on the size of files), and little memory.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{
    captures::{START_MS, STARTED, URL, frames},
    process::{Running, livetape, program, run, stderr, stdout, text},
    tunnel::{shake, trusting, tunnel_through},
};

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

#[test]
fn an_import_that_could_write_nothing_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.bin");
    let capture = "fixtures/webcast/session-2.jsonl";
    let line = format!("ulimit -f 0; exec {} import {capture} -o {}", program(), text(&file));
    let mut command = Command::new("sh");
    let output = command.args(["-c", &line]).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).ends_with("; no file was written\n"), "{}", stderr(&output));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
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
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = livetape(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{args:?}: {}", stderr(&output));
        assert_eq!(stderr(&output).matches("❌ cannot write to stdout: ").count(), 1, "{}", stderr(&output));
    }
}

/// Also if it ends before anybody heard that its recorder failed.
#[test]
fn a_command_that_cannot_record_says_why() {
    let replay = "--port 0 --speed max --wait-clients 0 --exit-when-done";
    let command = "--speed max --clients 0";
    for (line, end) in [
        (format!("run demo {command} --record"), "-- true"),
        (format!("run demo {command} --log-format json --record"), "-- true"),
        (format!("run demo {command} --log-file LOG --record"), "-- true"),
        (format!("replay demo {replay} --record"), ""),
        (format!("replay demo {replay} -q --record"), ""),
    ] {
        // In blocks of 512 bytes. The demo is larger, but COMMAND may end before it has been played.
        for blocks in [0, 8].into_iter().filter(|blocks| *blocks == 0 || end.is_empty()) {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("show.bin");
            let line = line.replace("LOG", text(&folder.path().join("log")));
            let line = format!("ulimit -f {blocks}; exec {} {line} {} {end}", program(), text(&file));
            let output = Command::new("sh").args(["-c", &line]).output().unwrap();
            let said = stdout(&output) + &stderr(&output);
            assert_eq!(output.status.code(), Some(3), "{line}: {said}");
            assert!(said.contains("⚠️ The recording is incomplete: recording to "), "{line}: {said}");
            assert!(said.contains("💡 check that the disk is not full"), "{line}: {said}");
            if blocks == 0 {
                assert!(said.contains("; nothing was recorded") && !file.exists(), "{line}: {said}");
                continue;
            }
            assert!(said.contains("; the part written so far can be replayed"), "{line}: {said}");
            // It keeps its name, and is unsealed.
            let events = run(&["events", text(&file)]);
            assert_eq!(events.status.code(), Some(3), "{}", stderr(&events));
            assert!(!events.stdout.is_empty(), "{}", stderr(&events));
        }
    }
}

#[test]
fn a_full_disk_ends_watch() {
    let server = Running::start(&["replay", "demo"]);
    let url = format!("ws://{}/", server.address);
    let full = File::options().write(true).open("/dev/full").unwrap();
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

/// Size of the HAR.
const HAR_BYTES: u64 = 36 << 20;
/// Maximum memory, without the pages of the program's own file: how many of them are resident depends on the build.
const MEMORY_BYTES_MAX: u64 = 8 << 20;

/// Writes a HAR of Chrome, repeating the frames of the session.
fn write_har(file: File) {
    let mut out = BufWriter::new(file);
    let frames: Vec<String> = frames().iter().map(|(_, _, bytes)| STANDARD.encode(bytes)).collect();
    let mut time = START_MS as f64 / 1e3;
    let mut written = 0;
    write!(
        out,
        r#"{{"log":{{"creator":{{"name":"WebInspector","version":"1"}},"entries":[{{"_webSocketMessages":["#
    )
    .unwrap();
    for (at, data) in frames.iter().cycle().enumerate() {
        if written > HAR_BYTES {
            break;
        }
        let comma = if at == 0 { "" } else { "," };
        let message =
            format!("{comma}{{\"type\":\"receive\",\"time\":{time},\"opcode\":2,\"data\":\"{data}\"}}\n");
        out.write_all(message.as_bytes()).unwrap();
        (written, time) = (written + message.len() as u64, time + 0.01);
    }
    write!(out, r#"],"request":{{"url":"{URL}"}},"startedDateTime":"{STARTED}"}}]}}}}"#).unwrap();
}

#[test]
fn a_large_har_is_imported_in_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (har, out) = (folder.path().join("large.har"), folder.path().join("large.bin"));
    write_har(File::create(&har).unwrap());
    let mut command = livetape(&["import", har.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let (mut peak, mut looks) = (0, 0);
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        (peak, looks) = (kib.map_or(peak, |kib| peak.max(kib << 10)), looks + 1);
        std::thread::yield_now();
    }
    assert!(child.wait().unwrap().success() && looks > 100 && peak > 0);
    assert!(out.metadata().unwrap().len() > HAR_BYTES / 2);
    println!("{HAR_BYTES} bytes of HAR, {peak} bytes of memory");
    assert!(peak <= MEMORY_BYTES_MAX, "{peak} bytes of memory");
}

const HOST: &str = "www.tiktok.com";
const REQUEST: &[u8] = b"GET /webcast/room/check_alive/?room_ids=1 HTTP/1.1\r\nHost: www.tiktok.com\r\n\r\n";

/// Few enough for the usual limit on open files.
#[tokio::test]
async fn a_connection_needs_little_memory() {
    /// Maximum growth for each connection, in KiB. A development build needs about 25.
    const KIB_MAX: u64 = 48;
    const COUNT: u64 = 200;
    let folder = tempfile::tempdir().unwrap();
    let (ca, ready) = (folder.path().join("ca"), folder.path().join("ready"));
    let args = ["mock", "--proxy-listen", "0", "--ca-dir", text(&ca), "--ready-file", text(&ready)];
    let mock = Running::start(&args);
    let ready: serde_json::Value = serde_json::from_slice(&fs::read(ready).unwrap()).unwrap();
    let proxy = ready["proxy"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let trust = trusting(&fs::read_to_string(ca.join("ca.pem")).unwrap());
    let connect = async || {
        let io = tunnel_through(TcpStream::connect(&proxy).await.unwrap(), "www.tiktok.com:443").await;
        let mut io = shake(&trust, HOST, io).await.unwrap();
        io.write_all(REQUEST).await.unwrap();
        assert_eq!(io.read_u8().await.unwrap(), b'H');
        io
    };
    let mut open = vec![connect().await];
    let before = mock.own_peak_kib();
    for _ in 0..COUNT {
        open.push(connect().await);
    }
    let each = (mock.own_peak_kib() - before) / COUNT;
    assert!((1..=KIB_MAX).contains(&each), "{each} KiB for each connection");
}
