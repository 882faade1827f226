//! A webhook, over the network.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
};

use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::support::process::{livetape, stderr, stdout};

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
