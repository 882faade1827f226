//! `livetape live` and `record` as users run them, against a mock in this process.

use futures_util::StreamExt as _;
use livetape_core::recording::{Reader, What};
use serde_json::Value;

use crate::support::{
    close,
    demo::over_tcp,
    json,
    process::{DEMO_LAST, finish, livetape, program, run, start, stderr, stdout, text, words},
    read_all,
};

fn limited(times: &str) -> String {
    format!(
        "speed = \"max\"\n[[fault]]\nat = \"lookup\"\nkind = \"status\"\nstatus = 429\nretry_after = 1\n{times}"
    )
}

/// Returns the received events and the close code.
async fn read(address: &str) -> (Vec<Value>, u16) {
    let (mut socket, _) = tokio_tungstenite::connect_async(format!("ws://{address}/?since=0")).await.unwrap();
    let log = read_all(&mut socket).await;
    (log.texts.iter().map(|text| json(text)).collect(), close(&log).0)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_rate_limits_the_room_is_connected() {
    let mock = over_tcp(&limited("times = 2")).await;
    let server = start(words(&["live", "demo", "--upstream", &mock.url()])).await;
    let (events, code) = read(&server.address).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..3], ["error", "error", "connection_created"]);
    assert!(
        events[..2]
            .iter()
            .all(|event| event["data"]["retrying"] == true && event["data"]["retryAfterMs"] == 1_000)
    );
    assert_eq!((code, kinds.last()), (1000, Some(&"disconnected")));
    let (status, lines) = finish(server).await;
    assert_eq!(status.code(), Some(0));
    let shown = [
        "❌ Failed to connect: [Rate Limited] Too many connections started, try again later",
        "✅ Connected to demo (Room ID: ",
        "🎉 Ready",
        "🔌 Disconnected from demo: stream ended",
    ];
    for shown in shown {
        assert!(lines.iter().any(|line| line.contains(shown)), "{shown}: {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_rate_limit_closes_with_1008_and_a_hint() {
    let mock = over_tcp(&limited("")).await;
    let args = ["live", "demo", "--max-attempts", "2", "--sign-form", "connect", "--upstream", &mock.url()];
    let server = start(words(&args)).await;
    let (events, code) = read(&server.address).await;
    assert_eq!((code, &events.last().unwrap()["data"]["retrying"]), (1008, &false.into()));
    let (status, lines) = finish(server).await;
    assert_eq!(status.code(), Some(1));
    let marks =
        lines.iter().filter_map(|line| line.split(' ').find(|word| ["❌", "💡", "⏳"].contains(word)));
    assert_eq!(marks.collect::<Vec<_>>(), ["❌", "⏳", "💡", "❌", "💡"], "{lines:?}");
    let hints: Vec<_> = lines.iter().filter(|line| line.contains("💡")).collect();
    assert!(
        !hints[0].contains("wait") && hints[0].contains("EulerStream"),
        "livetape retries first: {hints:?}"
    );
    assert!(hints[1].contains("wait 5-10 minutes, up to an hour"), "{hints:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlong_wait_is_reported_with_its_end() {
    let fault = "[[fault]]\nat = \"lookup\"\nkind = \"status\"\nstatus = 429\nretry_after = 3900\n";
    let mock = over_tcp(fault).await;
    let server = start(words(&["live", "demo", "--upstream", &mock.url()])).await;
    let (status, lines) = finish(server).await;
    assert_eq!(status.code(), Some(1));
    let wait = lines.iter().find(|line| line.contains("⏳")).unwrap();
    assert!(wait.contains("The server requires a wait of 1 h 5 min, until 20"), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("💡")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offline_user_closes_with_1011() {
    let mock = over_tcp("[[user]]\nname = \"demo\"\nstate = \"offline\"\n").await;
    let (url, folder) = (mock.url(), tempfile::tempdir().unwrap());
    let file = folder.path().join("never.bin");
    let output =
        tokio::task::spawn_blocking(move || run(&["record", "demo", "--upstream", &url, "-o", text(&file)]));
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("❌ User is not currently live"));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 0, "a file without a room in it is left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn record_explains_once_how_to_stop_it() {
    let mock = over_tcp("speed = \"max\"\nend = \"control\"\n").await;
    let (url, folder) = (mock.url(), tempfile::tempdir().unwrap());
    let file = folder.path().join("show.bin");
    let output =
        tokio::task::spawn_blocking(move || run(&["record", "demo", "--upstream", &url, "-o", text(&file)]));
    let said = stdout(&output.await.unwrap());
    let lines = ["📺 Press Ctrl+C to stop", "🎉 Ready to receive"].map(|line| said.matches(line).count());
    assert_eq!(lines, [1, 1], "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn record_stops_at_the_requested_size() {
    let mock = over_tcp("end = \"stay\"\nspeed = \"max\"\n").await;
    let (url, folder) = (mock.url(), tempfile::tempdir().unwrap());
    let file = folder.path().join("show.bin");
    let path = text(&file).to_owned();
    let recorded = tokio::task::spawn_blocking(move || {
        run(&["record", "demo", "--upstream", &url, "--max-size", "100KB", "-q", "-o", &path])
    });
    let output = recorded.await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // The recording stops before the first record that does not fit: the longest frame, and 4 KiB for the
    // end.
    let mut reader = Reader::open(std::fs::File::open("recordings/demo.bin").unwrap()).unwrap();
    let frames = std::iter::from_fn(|| reader.next().unwrap()).map(|record| match record.item.what {
        What::Frame(frame) => frame.bytes.len() as u64,
        _ => 0,
    });
    let (most, longest) = (100_000, frames.max().unwrap());
    let bytes = std::fs::metadata(&file).unwrap().len();
    assert!(bytes <= most && bytes + longest + (4 << 10) > most, "{bytes} bytes, frames of up to {longest}");
    let line = format!("🏁 Stopped at --max-size: {bytes} bytes recorded");
    assert_eq!(stdout(&output).matches(&line).count(), 1, "{}", stdout(&output));
    assert_eq!(run(&["verify", text(&file)]).status.code(), Some(0));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_seals_the_recording() {
    let mock = over_tcp("end = \"stay\"\nspeed = \"max\"\n").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    let server = start(words(&["live", "demo", "--upstream", &mock.url(), "--record", text(&file)])).await;
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{}/?since=0", server.address)).await.unwrap();
    while !socket.next().await.unwrap().unwrap().to_text().unwrap_or_default().contains(DEMO_LAST) {}
    drop(socket);
    server.signal("INT");
    let (status, lines) = finish(server).await;
    assert_eq!(status.code(), Some(0));
    assert!(lines.iter().any(|line| line.contains("📼") && line.contains("show.bin")), "{lines:?}");
    let info = run(&["info", text(&file), "--json"]);
    let info: Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!((&info["sealed"], &info["header"]["source"]), (&true.into(), &"live".into()));
    assert_eq!(info["connections"][0]["user"], "demo");
}

#[test]
fn user_errors_are_reported() {
    for user in ["", "  ", "../etc", "a b"] {
        let output = livetape(&["live", user, "--port", "0"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{user:?}: {}", stderr(&output));
        assert!(stderr(&output).contains("user name"), "{user:?}: {}", stderr(&output));
    }
    let output = run(&["live", "demo", "--record", "README.md", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("README.md"), "{}", stderr(&output));
    let output = run(&["live", "demo", "--upstream", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--upstream: not a valid address"), "{}", stderr(&output));
    // Nothing listens there: fails soon, with a typed error.
    let output =
        run(&["live", "demo", "--upstream", "http://127.0.0.1:9", "--max-attempts", "1", "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
}

/// A limit on the file size simulates a full disk: the written part stays, and losses are reported.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_keeps_the_written_part_and_exits_with_3() {
    let folder = tempfile::tempdir().unwrap();
    for (command, flag) in [("record", "-o"), ("live", "--record")] {
        let mock = over_tcp("speed = \"max\"\n").await;
        let (url, file) = (mock.url(), folder.path().join(format!("{command}.bin")));
        let program = program();
        let port = if command == "live" { "--port 0" } else { "" };
        let line = format!(
            "ulimit -f 128; exec {program} {command} demo {port} --upstream {url} {flag} {}",
            text(&file)
        );
        let run_it = move || std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        let output = tokio::task::spawn_blocking(run_it).await.unwrap();
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(3), "{command}: {said} {}", stderr(&output));
        assert!(said.contains("⚠️ The recording is incomplete"), "{command}: {said}");
        if command == "live" {
            assert!(said.contains("🔌 Disconnected from demo: stream ended"), "serving goes on: {said}");
        }
        let verified = run(&["verify", text(&file)]);
        assert_eq!(verified.status.code(), Some(3), "{}", stdout(&verified));
        assert!(stdout(&verified).contains("decoded: frames"), "{}", stdout(&verified));
    }
}

/// Not even the start of the file fits.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_cannot_start_is_a_failure() {
    let mock = over_tcp("speed = \"max\"\n").await;
    let (url, folder) = (mock.url(), tempfile::tempdir().unwrap());
    let program = program();
    let file = folder.path().join("show.bin");
    let line = format!(
        "ulimit -f 0; {program} record demo --upstream {url} -o {} | cat; exit ${{PIPESTATUS[0]}}",
        text(&file)
    );
    let run_it = move || std::process::Command::new("bash").args(["-c", &line]).output().unwrap();
    let output = tokio::task::spawn_blocking(run_it).await.unwrap();
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(3), "{said} {}", stderr(&output));
    assert!(said.contains("⚠️ The recording is incomplete"), "{said}");
}

/// File names are bytes on Unix, in flags too.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_may_have_any_file_name() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

    let mock = over_tcp("speed = \"max\"\n").await;
    let (url, folder) = (mock.url(), tempfile::tempdir().unwrap());
    let file = folder.path().join(OsStr::from_bytes(b"caf\xe9.bin"));
    let mut command = livetape(&["record", "demo", "--upstream", &url, "-q", "-o"]);
    command.arg(&file);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(file.is_file());
}
