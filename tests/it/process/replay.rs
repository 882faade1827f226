//! `livetape replay`, `livetape trigger` and a webhook as users run them. What is played is in the tests of
//! livetape-core and livetape-server.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
};

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite::Message};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::support::{
    json,
    process::{Running, http, livetape, program, run, stderr, stdout, text},
};

/// Reads a feed up to the end of the recording; returns all events.
async fn read(server: &Running, path: &str) -> Vec<Value> {
    let (mut socket, _) = connect_async(format!("ws://{}/{path}", server.address)).await.unwrap();
    let mut events = Vec::<Value>::new();
    while events.last().is_none_or(|event| event["type"] != "disconnected") {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            events.push(json(&text));
        }
    }
    events
}

#[test]
fn a_replay_that_no_client_can_start_waits_for_play_until_it_is_stopped() {
    let server = Running::start(&["replay", "demo", "--wait-clients", "4294967295", "--quiet"]);
    let is_said = server.greeting.iter().any(|line| line.ends_with("⏳ Waiting for `POST /replay/play`"));
    assert!(is_said, "{:?}", server.greeting);
    server.stop();
    assert_eq!(server.wait().0.code(), Some(0));
}

/// Recordings are found by name in the same folder on the command line, over REST and for tokens.
#[tokio::test(flavor = "multi_thread")]
async fn the_directory_of_recordings_is_configurable() {
    let folder = tempfile::tempdir().unwrap();
    let (shelf, config) = (folder.path().join("shelf"), folder.path().join("livetape.toml"));
    std::fs::create_dir(&shelf).unwrap();
    for name in ["one", "two"] {
        std::fs::copy("recordings/short.bin", shelf.join(format!("{name}.bin"))).unwrap();
    }
    let token = "[[tokens]]\ntoken = \"stage-left\"\nname = \"stage\"\nrecording = \"two\"\n";
    std::fs::write(&config, token).unwrap();
    let args = ["replay", "one", "--recordings", text(&shelf), "--config", text(&config)];
    let server = tokio::task::block_in_place(|| Running::start(&args));
    for (name, status) in [("two", 200), ("short", 404)] {
        let load = http().post(format!("http://{}/replay/load", server.address));
        let loaded = load.body(format!(r#"{{"recording":"{name}"}}"#)).send().await.unwrap();
        assert_eq!(loaded.status(), status, "{name}");
    }
    assert!(read(&server, "ws/test/stage-left?speed=max").await.len() > 10);
}

#[tokio::test]
async fn the_length_of_the_backlog_is_configurable() {
    let env = [("LIVETAPE_BACKLOG_EVENTS", "64")];
    let args = ["replay", "demo", "--speed", "max", "--wait-clients", "1", "--quiet"];
    let server = Running::start_with(&args, &env, "Press Ctrl+C");
    let last = read(&server, "?since=0").await.last().unwrap()["seq"].as_u64().unwrap();
    assert_eq!(read(&server, "?since=0").await[0]["seq"], last - 63);
}

fn lines(output: &str) -> Vec<Value> {
    output.lines().map(json).collect()
}

#[test]
fn events_are_injected_at_a_port_or_an_address() {
    let server = Running::start(&["serve", "--quiet"]);
    let folder = tempfile::tempdir().unwrap();
    let payload = folder.path().join("chat.bin");
    std::fs::write(&payload, [0x1a, 2, b'h', b'i']).unwrap();
    let raw = ["trigger", "raw", "--method", "WebcastChatMessage", "--payload", text(&payload)];
    let output = run(&[&raw[..], &["--url", &server.address]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let answer = lines(&stdout(&output)).remove(0);
    assert_eq!((answer["seqs"].as_array().unwrap().len(), &answer["delivered"]), (1, &0.into()), "{answer}");
    assert!(stderr(&output).contains("No client got it"), "{}", stderr(&output));
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let flags = ["--repeat", "3", "--every", "0", "--count", "50", "--combo", "--url", port];
    let output = run(&[&["trigger", "gift"], &flags[..]].concat());
    let repeated = lines(&stdout(&output));
    assert_eq!((output.status.code(), repeated.len()), (Some(0), 3));
    assert!(repeated.iter().all(|answer| answer["seqs"].as_array().unwrap().len() == 51));
}

#[cfg(unix)]
#[test]
fn within_run_the_server_is_found_by_its_variable() {
    let script = format!(
        "{0} watch --json --types like & {0} trigger like --user ann --wait-clients 1 && kill $! && wait $!",
        program()
    );
    let output = run(&["run", "demo", "--clients", "2", "--", "sh", "-c", &script]);
    let printed = lines(&stdout(&output));
    let (answers, events): (Vec<_>, Vec<_>) =
        printed.into_iter().partition(|line| line["delivered"].is_u64());
    assert_eq!(answers.len(), 1, "{}", stderr(&output));
    assert_eq!(answers[0]["delivered"], 1);
    assert!(events.iter().all(|event| event["injected"] == true && event["seq"] == answers[0]["seqs"][0]));
}

#[test]
fn rejections_by_the_server_are_reported() {
    let token = [("LIVETAPE_TOKEN", "0123456789abcdef")];
    let server = Running::start_with(&["serve", "--quiet"], &token, "Press Ctrl+C");
    let args = ["trigger", "chat", "--url", &server.address];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("💡 use the server's token"), "{}", stderr(&output));
    let output = livetape(&args).envs(token).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let mock = Running::start(&["mock"]);
    let output = run(&["trigger", "chat", "--url", &mock.address]);
    assert!(stderr(&output).contains("no livetape server"), "{}", stderr(&output));
}

/// Returns a command that plays the demo with a webhook for two of its events.
fn replay(url: &str) -> Command {
    let args = ["replay", "demo", "--speed", "max", "--wait-clients", "0", "--exit-when-done", "--port", "0"];
    let mut replay = livetape(&[&args[..], &["--webhook", url]].concat());
    replay.env("LIVETAPE_WEBHOOK_TYPES", "connection_created,disconnected");
    replay
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_posted_and_redirects_are_not_followed() {
    let server = MockServer::start().await;
    let moved = ResponseTemplate::new(302).insert_header("location", format!("{}/elsewhere", server.uri()));
    Mock::given(method("POST")).respond_with(moved).up_to_n_times(1).mount(&server).await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let mut replay = replay(&format!("{}/hook", server.uri()));
    replay.env("LIVETAPE_WEBHOOK_SECRET", "key");
    let output = tokio::task::spawn_blocking(move || replay.output().unwrap()).await.unwrap();
    let said = stdout(&output);
    assert!(said.contains("Events not delivered to the webhook: 1"), "{said}");
    assert_eq!(output.status.code(), Some(3));
    let requests = server.received_requests().await.unwrap();
    let is_signed = |request: &wiremock::Request| {
        request.headers["x-livetape-signature"].to_str().unwrap().starts_with("sha256=")
    };
    assert!(requests.iter().all(|request| request.url.path() == "/hook" && is_signed(request)));
    assert_eq!(requests.len(), 2);
}

/// A webhook that answers each request with `answer`, then repeats `more` until the client leaves. Returns
/// its URL.
fn hostile(answer: &'static str, more: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let serve = move |mut socket: TcpStream| {
        let _ = socket.read(&mut [0; 65_536]);
        let _ = socket.write_all(answer.as_bytes());
        while !more.is_empty() && socket.write_all(more).is_ok() {}
    };
    thread::spawn(move || {
        listener.incoming().flatten().for_each(|socket| drop(thread::spawn(move || serve(socket))));
    });
    url
}

#[test]
fn the_status_decides_whatever_the_body_is_and_broken_responses_fail() {
    const ENDLESS: &[u8] = &[b'x'; 8192];
    for (answer, more, code) in [
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", &b""[..], 0),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", b"", 0),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9000000000000\r\n\r\n", ENDLESS, 0),
        ("", b"", 3),
        ("HTTP/1.1 20", b"", 3),
        ("HTTP/1.1 200 OK\r\n", b"x-more: yes\r\n", 3),
        ("SSH-2.0-OpenSSH\r\n", b"", 3),
    ] {
        let output = replay(&hostile(answer, more)).args(["--max-attempts", "1"]).output().unwrap();
        let (said, logged) = (stdout(&output), stderr(&output));
        assert_eq!(output.status.code(), Some(code), "{answer} {said}");
        assert_eq!(said.contains("Events not delivered to the webhook: 2"), code == 3, "{answer} {said}");
        let line = "Webhook rejected an event or cannot be reached";
        assert_eq!(logged.contains(line), code == 3, "{answer} {logged}");
    }
}

#[test]
fn a_dead_webhook_is_reported_at_the_first_attempt_and_its_events_at_the_end() {
    // Bound, so that no other program has it, and not listening.
    let reserved = tokio::net::TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let output = replay(&format!("http://{}/hook", reserved.local_addr().unwrap())).output().unwrap();
    let (said, logged) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(3), "{said} {logged}");
    assert!(said.contains("⚠️ Events not delivered to the webhook: 2"), "{said}");
    assert_eq!(logged.matches("🪝 Webhook cannot be reached: trying again").count(), 1, "{logged}");
}
