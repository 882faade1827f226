//! Behaviour of all serving commands: settings, order of events, and output about clients.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::support::{
    demo::over_tcp,
    process::{Running, finish, run, stdout, text},
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

async fn mode(server: &Running) -> Value {
    ask(server, "GET", "/status", "").await.1["mode"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn rest_runs_a_scenario_and_shows_its_requests_and_faults() {
    let tiktok = over_tcp("end = \"stay\"\nspeed = \"max\"\n").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ann.bin");
    let args = ["serve", "--quiet", "--record", text(&file)];
    let server = start(&args, &[("LIVETAPE_UPSTREAM", &tiktok.url())], "Press Ctrl+C");
    let listed = ask(&server, "GET", "/mock/scenarios", "").await.1;
    assert!(listed["scenarios"].as_array().unwrap().iter().any(|it| it["name"] == "rate-limited-forever"));
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
    assert_eq!(mode(&server).await, "live");
    assert_eq!(ask(&server, "DELETE", "/mock", "").await.1["running"], Value::Null);
    assert_eq!(mode(&server).await, "idle");
    assert!(!file.exists(), "only rooms of TikTok are recorded");
    assert_eq!(ask(&server, "POST", "/connect/ann", "").await.0, 200);
    assert!(file.exists());
    let (status, answer) = ask(&server, "POST", "/mock", r#"{"scenario":"drop"}"#).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &"room_running".into()));
    assert_eq!(ask(&server, "GET", "/mock", "").await.1["running"], Value::Null);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn with_stay_the_server_continues_after_its_room_failed() {
    let mock = over_tcp("[[user]]\nname = \"demo\"\nstate = \"offline\"\n").await;
    let url = mock.url();
    let args = ["live", "demo", "--stay", "--wait-clients", "1", "--upstream", &url];
    let server = start(&args, &[], "⏳ Waiting for 1 subscriber");
    let (mut socket, _) = connect_async(format!("ws://{}/", server.address)).await.unwrap();
    for expected in ["user_offline", "disconnected"] {
        let event = socket.next().await.unwrap().unwrap();
        assert!(event.to_text().unwrap().contains(expected), "{event:?}");
    }
    assert_eq!(ask(&server, "POST", "/replay/load", r#"{"recording":"demo"}"#).await.0, 200);
    server.signal("TERM");
    while let Some(Ok(_)) = socket.next().await {}
    assert_eq!(finish(server).await.0.code(), Some(0));
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
    let replay = ["replay", "short", "--speed", "max", "--wait-clients", "0", "--exit-when-done", "--record"];
    let (status, lines) = Running::start(&[&replay[..], &[text(&file)]].concat()).wait();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("📼") && line.contains("again.bin")), "{lines:?}");
    assert!(stdout(&run(&["events", text(&file)])) == stdout(&run(&["events", "short"])));
    let output = run(&["replay", "short", "--record", text(&file), "--port", "0"]);
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
        let counts = wanted.map(|wanted| log.matches(wanted).count());
        assert_eq!(counts, if quiet { [0, 0, 0] } else { [2, 1, 2] }, "{log}");
        for part in ["room=\"lounge\"", "path=\"/events?since=0&token=***&types=gift\""] {
            assert!(quiet || log.contains(part), "{log}");
        }
    }
}
