//! `livetape mock`.

use std::io::{Read as _, Write as _};

use livetape::settings::{KEYS, Key};

use crate::support::process::{Running, run, stderr, text};

fn get(address: &str, target: &str) -> String {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Variables of the server may be set in the same shell.
#[test]
fn the_mock_ignores_variables_of_the_server_explains_how_to_connect_and_stops_gracefully() {
    let is_read = |key: &Key| {
        matches!(key.section, "mock" | "log")
            || ["server.recordings", "limits.shutdown_time"].contains(&key.path().as_str())
    };
    let env: Vec<_> = KEYS.iter().filter(|key| !is_read(key)).map(|key| (key.env, "wrong")).collect();
    assert!(env.iter().any(|(name, _)| *name == "LIVETAPE_SPEED"));
    let args = ["mock", "--scenario", "fixtures/scenarios/offline.toml"];
    let mock = Running::start_with(&args, &env, "Press Ctrl+C");
    let greeting = mock.greeting.join("\n");
    for words in
        ["SIGN_API_URL = 'http://", "WebDefaults.tiktok_sign_url", "livetape live demo --upstream http://"]
    {
        assert!(greeting.contains(words), "{greeting}");
    }
    let answer = get(&mock.address, "/api-live/user/room/?aid=1988&uniqueId=demo");
    assert!(answer.contains("\"status\":4"), "{answer}");
    mock.signal("INT");
    assert_eq!(mock.wait().0.code(), Some(0));
}

#[test]
fn one_recording_is_played_in_every_room() {
    let mock = Running::start(&["mock", "--play", "recordings/gifts.bin", "--speed", "max"]);
    assert!(mock.greeting[0].contains("gifts.bin"));
    let answer = get(&mock.address, "/@ann/live");
    assert!(answer.contains("\"uniqueId\":\"ann\""), "{answer}");
}

#[test]
fn invalid_scenarios_and_missing_recordings_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    std::fs::write(&file, "seed = 1\nsped = 2\n").unwrap();
    for (flag, file, code, said) in [
        ("--scenario", text(&file), 2, "s.toml: line 2, column 1: unknown field `sped`"),
        ("--play", "none.bin", 1, "recording none.bin not found"),
    ] {
        let output = run(&["mock", "--port", "0", flag, file]);
        assert_eq!(output.status.code(), Some(code));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}
