//! Behaviour of all serving commands: settings, order of events, and output about clients.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::support::{
    demo::over_tcp,
    process::stderr,
    process::{Running, run, stdout, text},
};

fn start(args: &[&str], env: &[(&str, &str)], last: &str) -> Running {
    tokio::task::block_in_place(|| Running::start_with(args, env, last))
}

/// Sends a request and returns status and body of the response.
async fn ask(server: &Running, method: &str, path: &str, body: &str) -> (u16, Value) {
    let url = format!("http://{}{path}", server.address);
    let request = reqwest::Client::new().request(method.parse().unwrap(), url).body(body.to_owned());
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
}

async fn mode(server: &Running) -> [Value; 2] {
    [ask(server, "GET", "/health", "").await.1, ask(server, "GET", "/status", "").await.1]
        .map(|answer| answer["mode"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_and_an_idle_server_connect_to_the_upstream_of_the_settings() {
    for args in [&["replay", "demo", "--quiet"][..], &["serve", "--quiet"]] {
        let mock = over_tcp("end = \"stay\"\nspeed = \"max\"\n").await;
        let server = start(args, &[("LIVETAPE_UPSTREAM", &mock.url())], "Press Ctrl+C");
        if args[0] == "replay" {
            // The server answers once the replay has started.
            assert_eq!(ask(&server, "POST", "/connect/ann", "").await.0, 409);
            assert_eq!(mode(&server).await, ["replay", "replay"]);
            assert_eq!(ask(&server, "DELETE", "/connect/demo", "").await.0, 200);
        }
        assert_eq!(mode(&server).await, ["idle", "idle"]);
        assert_eq!(ask(&server, "GET", "/test/ann", "").await.1["canConnect"], true);
        assert_eq!(ask(&server, "POST", "/connect/ann", "").await.0, 200);
        assert_eq!(mode(&server).await, ["live", "live"]);
        mock.expect(livetape_mock::Seen::request("/api-live/user/room/"), 2);
        mock.verify();
        let demo = r#"{"recording":"demo"}"#;
        let (status, answer) = ask(&server, "POST", "/replay/load", demo).await;
        assert_eq!((status, &answer["error"]["code"]), (409, &"room_running".into()));
        assert_eq!(ask(&server, "DELETE", "/connect/ann", "").await.0, 200);
        assert_eq!(ask(&server, "POST", "/replay/load", demo).await.0, 200);
        assert_eq!(mode(&server).await, ["replay", "replay"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_runs_a_scenario_and_shows_its_requests_and_faults() {
    let tiktok = over_tcp("end = \"stay\"\nspeed = \"max\"\n").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ann.bin");
    let args = ["serve", "--quiet", "--record", text(&file)];
    let server = start(&args, &[("LIVETAPE_UPSTREAM", &tiktok.url())], "Press Ctrl+C");
    let (_, listed) = ask(&server, "GET", "/mock/scenarios", "").await;
    let files = std::fs::read_dir("fixtures/scenarios").unwrap().count() - 1;
    let listed = listed["scenarios"].as_array().unwrap();
    assert_eq!(listed.len(), files);
    let is_named = |it: &&Value| it["name"] == "rate-limited-forever";
    assert!(listed.iter().find(is_named).unwrap()["description"].as_str().unwrap().contains("429"));
    assert_eq!(ask(&server, "POST", "/mock", r#"{"scenario":"../README"}"#).await.0, 404);
    assert_eq!(ask(&server, "GET", "/mock", "").await.1["running"], Value::Null);

    let (status, answer) = ask(&server, "POST", "/mock", r#"{"scenario":"rate-limited-forever"}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (429, &"rate_limited".into()));
    let running = ask(&server, "GET", "/mock", "").await.1["running"].clone();
    assert_eq!((&running["scenario"], &running["user"]), (&"rate-limited-forever".into(), &"demo".into()));
    let first = &running["entries"][0];
    assert_eq!((&first["what"], &first["status"]), (&"request".into(), &429.into()));
    assert!(first["fault"].is_string() && first["details"].as_str().unwrap().starts_with("GET /"), "{first}");
    assert!(ask(&server, "GET", "/status", "").await.1["nextRetryMs"].is_u64());
    // The mock's limit is not TikTok's, and its room is not replaced by one of TikTok.
    assert_eq!(ask(&server, "GET", "/test/ann", "").await.1["canConnect"], true);
    assert_eq!(ask(&server, "POST", "/connect/ann", "").await.0, 409);

    // Another scenario replaces it, and its room plays.
    assert_eq!(ask(&server, "POST", "/mock", r#"{"scenario":"stays-open"}"#).await.0, 200);
    assert_eq!(mode(&server).await, ["live", "live"]);
    assert_eq!(ask(&server, "DELETE", "/mock", "").await.1["running"], Value::Null);
    assert_eq!(mode(&server).await, ["idle", "idle"]);
    assert!(!file.exists(), "only rooms of TikTok are recorded");
    assert_eq!(ask(&server, "POST", "/connect/ann", "").await.0, 200);
    assert!(file.exists());
    let (status, answer) = ask(&server, "POST", "/mock", r#"{"scenario":"drop"}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &"room_running".into()));
    assert_eq!(ask(&server, "GET", "/mock", "").await.1["running"], Value::Null);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_sees_why_a_room_failed_and_with_stay_the_server_continues() {
    let mock = over_tcp("[[user]]\nname = \"demo\"\nstate = \"offline\"\n").await;
    let url = mock.url();
    let args = ["live", "demo", "--wait-clients", "1", "--upstream", &url];
    for stays in [false, true] {
        let args = [&args[..], if stays { &["--stay"] } else { &[] }].concat();
        let server = start(&args, &[], "⏳ Waiting for 1 subscriber");
        let (mut socket, _) = connect_async(format!("ws://{}/", server.address)).await.unwrap();
        let error = socket.next().await.unwrap().unwrap();
        assert!(error.to_text().unwrap().contains("user_offline"), "{error:?}");
        if stays {
            let gone = socket.next().await.unwrap().unwrap();
            assert!(gone.to_text().unwrap().contains("disconnected"), "{gone:?}");
            assert_eq!(mode(&server).await, ["idle", "idle"]);
            assert_eq!(ask(&server, "POST", "/replay/load", r#"{"recording":"demo"}"#).await.0, 200);
            server.signal("TERM");
        }
        while let Some(Ok(_)) = socket.next().await {}
        let (status, _) = crate::support::process::finish(server).await;
        assert_eq!(status.code(), Some(i32::from(!stays)));
    }
}

#[test]
fn a_replay_without_a_recording_announces_and_plays_the_demo() {
    let server = Running::start(&["replay", "--speed", "max", "--wait-clients", "0", "--exit-when-done"]);
    let greeting = server.greeting.join("\n");
    assert!(
        greeting.contains("playing the built-in demo") && greeting.contains("Replaying demo"),
        "{greeting}"
    );
    assert_eq!(server.wait().0.code(), Some(0));
}

#[test]
fn a_recorded_replay_has_the_same_events() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("again.bin");
    let once = ["--speed", "max", "--wait-clients", "0", "--exit-when-done"];
    let events = |args: &[&str]| {
        let output = run(&[&["events"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let args = [&["replay", "short", "--record", text(&file)], &once[..]].concat();
    let (status, lines) = Running::start(&args).wait();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("📼") && line.contains("again.bin")), "{lines:?}");
    assert!(events(&[text(&file)]) == events(&["short"]));

    // A range starts with the connection that is open there.
    let part = folder.path().join("part.bin");
    let args =
        [&["replay", "short", "--start", "20s", "--record", text(&part), "--loop", "2"], &once[..]].concat();
    assert_eq!(Running::start(&args).wait().0.code(), Some(0));
    let events = events(&[text(&part)]);
    assert!(events.starts_with(r#"{"type":"connection_created""#), "{events}");
    let output = run(&["replay", "short", "--record", text(&part), "--port", "0"]);
    assert_eq!(output.status.code(), Some(1), "nothing is written over");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn clients_and_rooms_are_logged_unless_quiet() {
    for quiet in [false, true] {
        let args = [&["serve"][..], if quiet { &["--quiet"] } else { &[] }].concat();
        let server = start(&args, &[], "Press Ctrl+C");
        let (mut socket, _) = connect_async(format!("ws://{}/ws", server.address)).await.unwrap();
        let join = r#"{"type":"join_room","room_id":"lounge"}"#;
        socket.send(Message::text(join)).await.unwrap();
        while !socket.next().await.unwrap().unwrap().to_text().unwrap().contains("room_joined") {}
        socket.close(None).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
        let url = format!("http://{}/events?since=0&token=s3cret&types=gift", server.address);
        drop(reqwest::get(url).await.unwrap());
        server.signal("TERM");
        let (status, log) = tokio::task::block_in_place(|| server.wait_for_log());
        assert_eq!(status.code(), Some(0));
        let wanted = ["✅ Client connected", "🏠 Room created", "❌ Client disconnected"];
        let counts = wanted.map(|wanted| log.lines().filter(|line| line.contains(wanted)).count());
        assert_eq!(counts, if quiet { [0, 0, 0] } else { [2, 1, 2] }, "{log}");
        assert!(quiet || log.contains("room=\"lounge\""), "{log}");
        assert!(quiet || log.contains("path=\"/events?since=0&token=***&types=gift\""), "{log}");
    }
}
