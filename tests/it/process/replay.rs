//! `livetape replay` as users run it. What it plays is in the tests of livetape-core and livetape-server.

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::support::{
    json,
    process::{Running, text},
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

#[cfg(unix)]
#[test]
fn a_replay_that_no_client_can_start_waits_for_play_and_an_interrupt_ends_it() {
    let server = Running::start(&["replay", "demo", "--wait-clients", "4294967295", "--quiet"]);
    let is_said = server.greeting.iter().any(|line| line.ends_with("⏳ Waiting for `POST /replay/play`"));
    assert!(is_said, "{:?}", server.greeting);
    server.signal("INT");
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
        let load = reqwest::Client::new().post(format!("http://{}/replay/load", server.address));
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
