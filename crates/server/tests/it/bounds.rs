//! Floods, half-open connections, slow requests and what is not HTTP: bounded, and without an effect on
//! other clients.

use std::time::Duration;

use livetape_feed::hub::Limits;
use livetape_server::{Bounds, Config, Recordings};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::support::{Rig, chat, is_quiet, read, wait};

/// Maximum number of turns that a response may need once it is due.
const TURNS_MAX: usize = 5_000_000;

fn bounded(bounds: Bounds) -> Rig {
    Rig::with(Limits::default(), Config { bounds, ..Config::default() })
}

/// Reads until the server closes the connection.
async fn rest(stream: &mut DuplexStream) -> String {
    let mut answer = Vec::new();
    // A reset also ends it. The clock is paused: this is the end of a test whose server never answers.
    let read = tokio::time::timeout(Duration::from_secs(3_600), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the connection stays open: {}", String::from_utf8_lossy(&answer));
    String::from_utf8(answer).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_rejected_and_others_are_unaffected() {
    let rig = bounded(Bounds { connections_max: 8, ..Bounds::default() });
    let mut reader = rig.ws("").await;
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..100 {
        let mut stream = rig.connect().await;
        wait(Duration::from_millis(1)).await;
        if held.len() < 7 {
            held.push(stream);
            continue;
        }
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains(r#""code":"capacity""#), "{answer}");
        refused += 1;
    }
    assert_eq!((held.len(), refused), (7, 93));
    rig.hub.publish(&[chat("still here")]);
    assert!(read(&mut reader, 1).await[0].contains("still here"));
    // A freed slot can be used again.
    drop(held.pop());
    wait(Duration::from_millis(1)).await;
    assert_eq!(rig.http("GET", "/health", "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_head_times_out() {
    let rig = bounded(Bounds { head_max: Duration::from_secs(10), ..Bounds::default() });
    let mut reader = rig.ws("").await;
    let mut slow: Vec<_> = Vec::new();
    for _ in 0..50 {
        slow.push(rig.connect().await);
    }
    // One byte per second: never idle, never complete.
    let mut sent = 0;
    for byte in b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: yyyyyyyyyyyyyyyy" {
        let mut alive = 0;
        for stream in &mut slow {
            alive += usize::from(stream.write_all(&[*byte]).await.is_ok());
        }
        if alive == 0 {
            break;
        }
        sent += 1;
        wait(Duration::from_secs(1)).await;
    }
    assert_eq!(sent, 11, "one at once, then one a second for ten seconds");
    assert!(is_quiet(&mut reader));
    assert_eq!(rig.http("GET", "/health", "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_closed() {
    let rig = Rig::start();
    let started = livetape_io::clock::now();
    let mut silent = rig.connect().await;
    assert_eq!(rest(&mut silent).await, "");
    assert_eq!((livetape_io::clock::now() - started).as_secs(), 30);
    // The same limit applies between requests, starting with the last response.
    let mut stream = rig.connect().await;
    for _ in 0..3 {
        wait(Duration::from_secs(29)).await;
        stream.write_all(b"GET /status HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut head = [0; 15];
        stream.read_exact(&mut head).await.unwrap();
        assert_eq!(&head, b"HTTP/1.1 200 OK");
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.unwrap();
        assert!(read > 0);
    }
    let started = livetape_io::clock::now();
    rest(&mut stream).await;
    assert_eq!((livetape_io::clock::now() - started).as_secs(), 30);
}

/// A feed is one long response without a next request.
#[tokio::test(start_paused = true)]
async fn a_subscriber_may_be_silent() {
    let rig = Rig::start();
    let mut stream = rig.connect().await;
    stream.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    wait(Duration::from_secs(3_600)).await;
    rig.hub.publish(&[chat("after an hour")]);
    wait(Duration::from_millis(1)).await;
    let mut got = vec![0; 4096];
    let mut text = String::new();
    while !text.contains("after an hour") {
        let read = stream.read(&mut got).await.unwrap();
        assert!(read > 0, "closed after {text}");
        text.push_str(std::str::from_utf8(&got[..read]).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_times_out() {
    let rig = Rig::start();
    let mut stream = rig.connect().await;
    let head = b"POST /replay/seek HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head).await.unwrap();
    let started = livetape_io::clock::now();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!((livetape_io::clock::now() - started).as_secs() <= 20, "{answer}");
}

/// One byte every nine seconds, so the connection never counts as idle.
async fn trickle(rig: &Rig, request: &str) -> (String, u64) {
    let mut stream = rig.connect().await;
    let head = format!("{request} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 60000\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let started = livetape_io::clock::now();
    let (mut reading, mut writing) = tokio::io::split(stream);
    let write = async {
        while writing.write_all(b" ").await.is_ok() {
            wait(Duration::from_secs(9)).await;
        }
    };
    let mut answer = Vec::new();
    tokio::select! { biased;
        read = reading.read_to_end(&mut answer) => drop(read),
        () = write => {}
    }
    (String::from_utf8(answer).unwrap(), (livetape_io::clock::now() - started).as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_times_out() {
    let rig = Rig::start();
    let (answer, seconds) = trickle(&rig, "POST /replay/seek").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(seconds, 60);
}

#[tokio::test(start_paused = true)]
async fn a_slow_upload_times_out_after_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = Recordings { directory: folder.path().into(), ..Recordings::default() };
    let rig = Rig::with(Limits::default(), Config { recordings, ..Config::default() });
    let drafts = || std::fs::read_dir(folder.path()).unwrap().count();
    // The paused clock does not advance while a thread writes the upload. Once the draft exists, the test
    // advances it by exactly one hour before the response.
    let hour = async {
        while drafts() == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..3_600 / 3 {
            tokio::time::advance(Duration::from_secs(3)).await;
        }
        for _ in 0..TURNS_MAX {
            tokio::task::yield_now().await;
        }
    };
    let (answer, seconds) = tokio::select! { biased;
        cut = trickle(&rig, "PUT /recordings/x") => cut,
        () = hour => panic!("no response after an hour"),
    };
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!((seconds, drafts()), (3_600, 0), "no draft is left behind");
}

#[tokio::test(start_paused = true)]
async fn heads_and_bodies_have_maximum_lengths() {
    let rig = bounded(Bounds { head_bytes_max: 8 * 1024, body_bytes_max: 10, ..Bounds::default() });
    let head = format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(9 * 1024));
    assert_eq!(rig.raw(&head).await.status, 431);
    assert_eq!(rig.http("POST", "/replay/seek", "{\"offset\":\"1m30s\"}").await.code(), "too_large");
}

/// Sends everything and reads all responses.
async fn responses(rig: &Rig, requests: &[u8]) -> String {
    let (mut reading, mut writing) = tokio::io::split(rig.connect().await);
    let mut answers = Vec::new();
    // A server that rejects a body does not read all of it.
    let (_, read) = tokio::join!(writing.write_all(requests), reading.read_to_end(&mut answers));
    read.unwrap();
    String::from_utf8(answers).unwrap()
}

/// The start of an upload that is rejected for its name.
const REJECTED: &str = "PUT /recordings/demo HTTP/1.1\r\nhost: localhost\r\n";
const HEALTH: &str = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_response_that_ends_the_connection_announces_it() {
    let rig = bounded(Bounds { body_bytes_max: 1000, ..Bounds::default() });
    let seek = "POST /replay/seek HTTP/1.1\r\nhost: localhost\r\n";
    let long = format!("content-length: {}\r\n", 3 << 20);
    for (head, status) in [
        (format!("{REJECTED}{long}"), 403),
        (format!("{seek}{long}"), 413),
        (format!("{seek}{long}origin: https://evil.example\r\n"), 403),
        (format!("POST /nowhere HTTP/1.1\r\nhost: localhost\r\n{long}"), 404),
        (format!("{REJECTED}transfer-encoding: chunked\r\n"), 403),
        // The client waits for this response before it sends the body.
        (format!("{REJECTED}content-length: 10\r\nexpect: 100-continue\r\n"), 403),
    ] {
        let body = if head.contains(&long) { vec![b'x'; 3 << 20] } else { Vec::new() };
        let answer = responses(&rig, &[format!("{head}\r\n").as_bytes(), &body].concat()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{head}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_short_rejected_body_the_connection_goes_on() {
    let rig = Rig::start();
    let head = format!("{REJECTED}content-length: 40000\r\n\r\n");
    let body = vec![b'x'; 40_000];
    let close = HEALTH.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let answers = responses(&rig, &[head.as_bytes(), &body, close.as_bytes()].concat()).await;
    assert!(answers.starts_with("HTTP/1.1 403 ") && answers.contains("HTTP/1.1 200 "), "{answers}");
    // The body may also arrive later.
    let mut stream = rig.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    wait(Duration::from_secs(1)).await;
    stream.write_all(&[&body, close.as_bytes()].concat()).await.unwrap();
    let answers = rest(&mut stream).await;
    assert!(answers.starts_with("HTTP/1.1 403 ") && answers.contains("HTTP/1.1 200 "), "{answers}");
    // A body that never arrives does not delay the response forever.
    let mut stream = rig.connect().await;
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

// Requests that are not HTTP, and upgrades that are not WebSockets.

const BAD: [&str; 6] = [
    "nonsense\r\n\r\n",
    "\u{16}\u{3}\u{1}\u{2}\u{1}\r\n\r\n",
    "GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: many\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    "GET / HTTP/1.1\r\nho st: localhost\r\n\r\n",
];

#[tokio::test(start_paused = true)]
async fn invalid_http_gets_a_plain_response() {
    let rig = Rig::start();
    for request in BAD {
        let answer = rig.raw(request).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, ""), "{request:?}: {answer:?}");
    }
    let bounds = Bounds { head_bytes_max: 128 * 1024, ..Bounds::default() };
    let roomy = Rig::with(Limits::default(), Config { bounds, ..Config::default() });
    let long = |bytes: usize| format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(bytes));
    assert_eq!(rig.raw(&long(17 * 1024)).await.status, 431, "a long head");
    assert_eq!(roomy.raw(&long(70 * 1024)).await.status, 414, "a long address");
}

/// Some proxies add a line of their own.
#[tokio::test(start_paused = true)]
async fn an_upgrade_may_list_its_connection_options_in_several_lines() {
    let rig = Rig::start();
    let mut io = rig.connect().await;
    let head = "GET /ws HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: keep-alive\r\nconnection: Upgrade\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    io.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    io.read_exact(&mut status).await.unwrap();
    assert_eq!(str::from_utf8(&status), Ok("HTTP/1.1 101"));
    for other in ["keep-alive", "upgradex", "no-upgrade"] {
        let answer = rig.raw(&head.replace("Upgrade", other)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "upgrade_required"), "{other}");
    }
}
