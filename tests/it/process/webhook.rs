//! A webhook, over the network.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use ring::hmac;
use serde_json::Value;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::support::process::{livetape, stderr, stdout};

#[tokio::test(flavor = "multi_thread")]
async fn events_are_posted_and_redirects_are_not_followed() {
    let server = MockServer::start().await;
    let moved = ResponseTemplate::new(302).insert_header("location", format!("{}/elsewhere", server.uri()));
    Mock::given(method("POST")).respond_with(moved).up_to_n_times(1).mount(&server).await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let url = format!("{}/hook", server.uri());
    let args = ["replay", "demo", "--speed", "max", "--wait-clients", "0", "--exit-when-done", "--port", "0"];
    let mut replay = livetape(&args);
    replay.args(["--webhook", &url]);
    replay.env("LIVETAPE_WEBHOOK_TYPES", "connection_created,disconnected");
    replay.env("LIVETAPE_WEBHOOK_SECRET", "key");
    let output = tokio::task::spawn_blocking(move || replay.output().unwrap()).await.unwrap();
    let said = stdout(&output);
    assert!(said.contains("Events not delivered to the webhook: 1"), "{said}");
    assert_eq!(output.status.code(), Some(3));
    let requests = server.received_requests().await.unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
    let received = requests.iter().map(|request| {
        let hex: String =
            hmac::sign(&key, &request.body).as_ref().iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(request.headers["x-livetape-signature"], format!("sha256={hex}"));
        let event: Value = serde_json::from_slice(&request.body).unwrap();
        (request.url.path(), event["type"].as_str().unwrap().to_owned())
    });
    let expected = ["connection_created", "disconnected"].map(|kind| ("/hook", kind.to_owned()));
    assert_eq!(received.collect::<Vec<_>>(), expected);
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

/// Plays the demo with a webhook that accepts `events` and gets one attempt for each. Returns the exit code,
/// and the terminal's and the log's text.
fn play(url: &str, events: &str) -> (Option<i32>, String, String) {
    let args = ["replay", "demo", "--speed", "max", "--wait-clients", "0", "--exit-when-done", "--port", "0"];
    let mut replay = livetape(&args);
    replay.args(["--webhook", url, "--max-attempts", "1"]);
    let output = replay.env("LIVETAPE_WEBHOOK_TYPES", events).output().unwrap();
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn the_status_decides_whatever_the_body_is() {
    const ENDLESS: &[u8] = &[b'x'; 8192];
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cut_off = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort";
    let huge = "HTTP/1.1 200 OK\r\ncontent-length: 9000000000000\r\n\r\n";
    for (answer, more) in [(chunked, &b""[..]), (cut_off, b""), (huge, ENDLESS)] {
        let (code, said, _) = play(&hostile(answer, more), "connection_created,disconnected");
        assert_eq!(code, Some(0), "{answer} {said}");
    }
}

#[test]
fn broken_responses_fail_with_a_line_in_the_log() {
    let nothing = "";
    let half = "HTTP/1.1 20";
    let endless = "HTTP/1.1 200 OK\r\n";
    let nonsense = "SSH-2.0-OpenSSH\r\n";
    for (answer, more) in [(nothing, &b""[..]), (half, b""), (endless, b"x-more: yes\r\n"), (nonsense, b"")] {
        let (code, said, logged) = play(&hostile(answer, more), "connection_created,disconnected");
        assert_eq!(code, Some(3), "{answer} {said}");
        assert!(said.contains("Events not delivered to the webhook: 2"), "{answer} {said}");
        assert!(logged.contains("Webhook rejected an event or cannot be reached"), "{answer} {logged}");
    }
}

#[test]
fn a_dead_webhook_is_reported_at_the_first_attempt_and_its_events_at_the_end() {
    // Bound, so that no other program has it, and not listening.
    let reserved = tokio::net::TcpSocket::new_v4().unwrap();
    reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/hook", reserved.local_addr().unwrap());
    let args = ["replay", "demo", "--speed", "max", "--wait-clients", "0", "--exit-when-done", "--port", "0"];
    let mut replay = livetape(&args);
    replay.args(["--webhook", &url]).env("LIVETAPE_WEBHOOK_TYPES", "connection_created,disconnected");
    let output = replay.output().unwrap();
    let (said, logged) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(3), "{said} {logged}");
    assert!(said.contains("⚠️ Events not delivered to the webhook: 2"), "{said}");
    assert_eq!(logged.matches("🪝 Webhook cannot be reached: trying again").count(), 1, "{logged}");
}
