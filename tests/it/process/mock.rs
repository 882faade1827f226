//! `livetape mock`.

use std::io::{Read as _, Write as _};

use livetape::settings::{KEYS, Key};

use crate::support::process::{Running, livetape, run, stderr, text};

fn get(address: &str, target: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_mock_explains_how_to_connect_and_stops_gracefully() {
    let scenario = "fixtures/scenarios/offline.toml";
    let mock = Running::start(&["mock", "--scenario", scenario]);
    let greeting = mock.greeting.join("\n");
    for words in
        ["SIGN_API_URL = 'http://", "WebDefaults.tiktok_sign_url", "livetape live demo --upstream http://"]
    {
        assert!(greeting.contains(words), "{greeting}");
    }
    let answer = get(&mock.address, "/api-live/user/room/?aid=1988&uniqueId=demo");
    assert!(answer.contains("\"status\":4"), "{answer}");
    assert!(get(&mock.address, "/__admin/log").contains("uniqueId"));
    mock.signal("INT");
    assert_eq!(mock.wait().0.code(), Some(0));
}

#[test]
fn watching_a_server_other_than_livetape_reports_its_status() {
    let mock = Running::start(&["mock"]);
    let output = run(&["watch", &format!("ws://{}/nope", mock.address)]);
    let expected = format!(
        "❌ no livetape server at ws://{}/nope: it responded with HTTP 404 Not Found\n💡 check",
        mock.address
    );
    assert!(stderr(&output).starts_with(&expected), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn invalid_scenarios_are_reported_with_their_position() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    std::fs::write(&file, "seed = 1\nsped = 2\n").unwrap();
    let output = run(&["mock", "--scenario", text(&file), "--port", "0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("s.toml: line 2, column 1: unknown field `sped`"),
        "{}",
        stderr(&output)
    );
    std::fs::write(&file, "recording = \"none.bin\"\n").unwrap();
    let output = run(&["mock", "--scenario", text(&file), "--port", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("line 1, column 13: recording "), "{}", stderr(&output));
    let output = run(&["mock", "--play", "none.bin"]);
    assert!(stderr(&output).contains("recording none.bin not found"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn one_recording_is_played_in_every_room() {
    let mock = Running::start(&["mock", "--play", "recordings/gifts.bin", "--speed", "max"]);
    assert!(mock.greeting[0].contains("gifts.bin"));
    for name in ["ann", "bob"] {
        let answer = get(&mock.address, &format!("/@{name}/live"));
        assert!(answer.contains(&format!("\"uniqueId\":\"{name}\"")), "{answer}");
    }
}

/// These variables may be set for a server started from the same shell.
#[test]
fn the_mock_ignores_variables_of_the_server() {
    let is_read = |key: &Key| {
        matches!(key.section, "mock" | "log")
            || ["server.recordings", "limits.shutdown_time"].contains(&key.path().as_str())
    };
    let env: Vec<_> = KEYS.iter().filter(|key| !is_read(key)).map(|key| (key.env, "wrong")).collect();
    assert!(env.iter().any(|(name, _)| *name == "LIVETAPE_SPEED"));
    let mock = Running::start_with(&["mock"], &env, "Press Ctrl+C");
    mock.signal("INT");
    assert_eq!(mock.wait().0.code(), Some(0));
    let output = livetape(&["mock", "--port", "0"]).env("LIVETAPE_MOCK_SPEED", "fast").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("LIVETAPE_MOCK_SPEED: "), "{}", stderr(&output));
}
