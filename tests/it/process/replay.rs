//! `livetape replay` as users run it: ports, an independent WebSocket client, signals.

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{
    assert_expected,
    process::{Running, run, stderr, stdout, text},
};

const MAX: [&str; 6] = ["--speed", "max", "--wait-clients", "1", "--exit-when-done", "--quiet"];

/// Reads to the end; returns all events and the close code.
async fn read(url: String) -> (Vec<Value>, u16) {
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut events = Vec::new();
    while let Some(message) = socket.next().await {
        match message.unwrap() {
            Message::Text(json) => events.push(serde_json::from_str(&json).unwrap()),
            Message::Close(frame) => return (events, frame.unwrap().code.into()),
            _ => {}
        }
    }
    panic!("closed without a code after {} events", events.len());
}

#[tokio::test]
async fn a_client_gets_the_expected_events_in_order_and_then_1000() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    assert!(run(&["import", "fixtures/webcast/session-1.jsonl", "-o", text(&file)]).status.success());
    let server = Running::start(&[&["replay", text(&file)], &MAX[..]].concat());
    let (events, code) = read(format!("ws://{}/", server.address)).await;
    assert_expected(1, &events);
    assert_eq!((code, events.last().unwrap()["type"].as_str()), (1000, Some("disconnected")));
    let (status, lines) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(lines.iter().any(|line| line.contains("🏁 Replayed show")), "{lines:?}");
}

#[tokio::test]
async fn served_events_equal_the_output_of_events() {
    let server = Running::start(&[&["replay", "demo", "--seed", "7"], &MAX[..]].concat());
    let (served, _) = read(format!("ws://{}/?raw=1&gifts=delta", server.address)).await;
    let printed = stdout(&run(&["events", "demo", "--raw", "--gifts", "delta"]));
    let mut printed: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for event in &mut printed {
        event["stream"] = "0000000000000007".into();
    }
    assert_eq!(served.len(), printed.len());
    for (served, printed) in served.iter().zip(&printed) {
        assert_eq!(served, printed);
    }
}

#[test]
fn an_imported_session_prints_exactly_the_expected_events() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("x.bin");
    let session = "fixtures/webcast/session-2.jsonl";
    let imported = run(&["import", session, "-o", text(&out)]);
    assert_eq!(imported.status.code(), Some(0), "{}", stderr(&imported));
    let printed = run(&["events", text(&out)]);
    assert_eq!(printed.status.code(), Some(0));
    let events: Vec<Value> =
        stdout(&printed).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_expected(2, &events);
    assert_eq!(events[0]["username"], "session-2");
    assert_eq!(events[0]["data"]["roomId"], "7289906237748364091");
}

#[cfg(unix)]
#[tokio::test]
async fn signals_stop_a_replay_gracefully() {
    for signal in ["INT", "TERM"] {
        let server = Running::start(&["replay", "demo", "--quiet"]);
        let url = format!("ws://{}/", server.address);
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        assert!(socket.next().await.unwrap().unwrap().is_text());
        server.signal(signal);
        let code = loop {
            if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
                break u16::from(frame.unwrap().code);
            }
        };
        assert_eq!(code, 1001, "SIG{signal}");
        assert_eq!(server.wait().0.code(), Some(0), "SIG{signal}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_interrupt_stops_a_replay_at_once() {
    let server = Running::start(&["replay", "demo", "--speed", "1000", "--loop", "--quiet"]);
    // A client that never reads delays the shutdown.
    let url = format!("ws://{}/", server.address);
    let (_socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    server.signal("INT");
    let id = server.id().to_string();
    let mut tries = 0..1_000;
    // Pending signals merge, so the second one is sent until the process exits.
    while tries.next().is_some() {
        let sent = std::process::Command::new("kill").args(["-INT", &id]).output().unwrap();
        if !sent.status.success()
            || std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|s| s.contains(") Z "))
        {
            break;
        }
    }
    assert_eq!(server.wait().0.code(), Some(130));
}

#[test]
fn the_terminal_shows_the_lines_of_the_seeds() {
    let args = ["replay", "demo", "--speed", "max", "--wait-clients", "0", "--exit-when-done"];
    let server = Running::start(&args);
    assert!(server.greeting.iter().any(|line| line.contains("🎉 Ready to receive TikTok Live events!")));
    let (status, lines) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(lines.iter().all(|line| line.starts_with("[20") && !line.contains('\u{1b}')), "{lines:?}");
    for shown in [
        "✅ Connected to lilac_tunnel6448 (Room ID: 7240536397118808469)",
        "🎁 ",
        "💬 ",
        "❤️ ",
        "👥 ",
        "➕ ",
        "🔁 ",
    ] {
        assert!(lines.iter().any(|line| line.contains(shown)), "{shown}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_replay_that_no_client_can_start_waits_for_play() {
    let args = ["replay", "demo", "--wait-clients", "4294967295", "--quiet"];
    let server = Running::start(&args);
    assert!(
        server.greeting.iter().any(|line| line.ends_with("⏳ Waiting for `POST /replay/play`")),
        "{:?}",
        server.greeting
    );
    server.signal("TERM");
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
    let url = |path: &str| format!("http://{}{path}", server.address);
    let client = reqwest::Client::new();
    let json = async |answer: reqwest::Response| -> Value {
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    let list = json(client.get(url("/recordings")).send().await.unwrap()).await;
    let names: Vec<_> =
        list["recordings"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["demo", "one", "two"]);
    for (name, status) in [("two", 200), ("short", 404)] {
        let body = format!(r#"{{"recording":"{name}"}}"#);
        let loaded = client.post(url("/replay/load")).body(body).send().await.unwrap();
        assert_eq!(loaded.status(), status, "{name}");
    }
    let (events, code) = read(format!("ws://{}/ws/test/stage-left?speed=max", server.address)).await;
    assert_eq!((code, events.last().unwrap()["type"].as_str()), (1000, Some("disconnected")));
    let output = run(&["replay", "short", "--recordings", text(&shelf), "--port", "0"]);
    assert_eq!(output.status.code(), Some(1), "not beside the program");
}

#[tokio::test]
async fn the_length_of_the_backlog_is_configurable() {
    let env = [("LIVETAPE_BACKLOG_EVENTS", "64")];
    let args = ["replay", "demo", "--speed", "max", "--wait-clients", "1", "--quiet"];
    let server = Running::start_with(&args, &env, "Press Ctrl+C");
    let read = async |is_first: bool| {
        let (mut socket, _) =
            tokio_tungstenite::connect_async(format!("ws://{}/?since=0", server.address)).await.unwrap();
        loop {
            let message = socket.next().await.unwrap().unwrap();
            let Message::Text(json) = message else { continue };
            let event: Value = serde_json::from_str(&json).unwrap();
            if is_first || event["type"] == "disconnected" {
                return event["seq"].as_u64().unwrap();
            }
        }
    };
    let last = read(false).await;
    assert_eq!(read(true).await, last - 63);
}
