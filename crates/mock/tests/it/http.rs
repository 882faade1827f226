//! The HTTP of the mock: versions, absolute addresses, bodies and limits; and real sockets, which can be
//! reset.

use std::{io::ErrorKind, time::Duration};

use futures_util::StreamExt as _;
use livetape_core::pace::Speed;
use livetape_mock::{Endpoint, Fault, FaultKind, MockTikTok, Scenario};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message},
};

use crate::support::{Mock, ROOM, SOCKET, demo, read_for, with_demo};

/// Less than the time after which the mock ends an idle connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends bytes, and returns what the mock sends until the end of the connection, and whether that came in
/// time.
async fn sent(rig: &Mock, request: &str) -> (String, bool) {
    let mut stream = rig.connector.connect().await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let start = livetape_io::clock::now();
    let answer = read_for(&mut stream, PATIENCE, 1 << 20).await;
    (String::from_utf8_lossy(&answer).into_owned(), livetape_io::clock::now() - start < PATIENCE)
}

/// Returns the status line of the answer to a request that asks for the end of the connection.
async fn status(rig: &Mock, request: &str) -> String {
    let (answer, is_ended) = sent(rig, request).await;
    assert!(is_ended, "{request:.200}: {answer:.200}");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn connections_persist_as_version_and_header_say() {
    let rig = Mock::new(Scenario::default());
    for (path, version, connection, is_ended, says) in [
        ("/live", "1.0", "", true, Some("close")),
        ("/__admin/log", "1.0", "", true, Some("close")),
        ("/live", "1.0", "Connection: Keep-Alive", false, Some("keep-alive")),
        ("/live", "1.1", "", false, None),
        ("/live", "1.1", "Connection: TE, Close", true, Some("close")),
        ("/__admin/log", "1.1", "Connection: close", true, Some("close")),
    ] {
        let request = format!("GET {path} HTTP/{version}\r\nHost: localhost\r\n{connection}");
        let (answer, was_ended) = sent(&rig, &format!("{}\r\n\r\n", request.trim_end())).await;
        let header = answer.lines().find_map(|line| line.strip_prefix("Connection: "));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{request}: {answer}");
        assert_eq!((was_ended, header), (is_ended, says), "{request}");
    }
}

#[tokio::test(start_paused = true)]
async fn absolute_addresses_are_answered_for_tiktok_and_the_mock_itself() {
    let rig = Mock::new(Scenario::live("ann"));
    let ask = async |target: &str| {
        status(&rig, &format!("GET {target} HTTP/1.1\r\nHost: evil.com\r\nConnection: close\r\n\r\n")).await
    };
    for host in ["http://www.tiktok.com", "https://TikTok.com:443", "http://localhost:3100", "http://[::1]:1"]
    {
        assert_eq!(ask(&format!("{host}/@ann/live")).await, "HTTP/1.1 200 OK", "{host}");
    }
    assert_eq!(ask("https://tiktok.eulerstream.com/webcast/rate_limits").await, "HTTP/1.1 200 OK");
    assert_eq!(ask("http://www.tiktok.com").await, "HTTP/1.1 200 OK");
    assert_eq!(ask("http://127.0.0.1/__admin/log").await, "HTTP/1.1 200 OK");
    assert_eq!(ask("http://www.tiktok.com/__admin/log").await, "HTTP/1.1 403 Forbidden");
    let seen = rig.mock.received().len();
    for host in
        ["http://evil.com/", "http://tiktok.com.evil.com/@ann/live", "http://192.0.2.1/live", "http:///"]
    {
        assert_eq!(ask(host).await, "HTTP/1.1 421 Misdirected Request", "{host}");
    }
    let connect =
        "CONNECT www.tiktok.com:443 HTTP/1.1\r\nHost: www.tiktok.com:443\r\nConnection: close\r\n\r\n";
    assert_eq!(status(&rig, connect).await, "HTTP/1.1 405 Method Not Allowed");
    // They are in the log, as requests without a route are.
    assert_eq!(rig.mock.received().len(), seen + 5);
}

#[tokio::test(start_paused = true)]
async fn chunked_bodies_are_read() {
    let rig = Mock::new(Scenario::default());
    let put = async |coding: &str, body: &str| {
        let head = "PUT /__admin/scenario HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
        status(&rig, &format!("{head}Transfer-Encoding: {coding}\r\n\r\n{body}")).await
    };
    let body = "7\r\nseed = \r\n2;name=\"value\"\r\n42\r\n0\r\nTrailer: x\r\n\r\n";
    assert_eq!(put("Chunked", body).await, "HTTP/1.1 200 OK");
    assert!(rig.admin("GET /__admin/scenario", "", "").await.1.contains("seed = 42"));
    for (coding, body, answer) in [
        ("chunked", "2\r\nseed = 1\r\n0\r\n\r\n", "400 Bad Request"),
        ("chunked", "\r\n\r\n", "400 Bad Request"),
        ("chunked", "x\r\n\r\n", "400 Bad Request"),
        ("chunked", "100001\r\n", "413 Content Too Large"),
        ("chunked", "ffffffffffffffff\r\n", "413 Content Too Large"),
        ("chunked", &format!("1;{}", "x".repeat(40_000)), "400 Bad Request"),
        ("chunked", &format!("0\r\n{}\r\n", "a: b\r\n".repeat(101)), "431 Request Header Fields Too Large"),
        ("gzip, chunked", "0\r\n\r\n", "501 Not Implemented"),
        ("chunked\r\nContent-Length: 5", "0\r\n\r\n", "400 Bad Request"),
    ] {
        assert_eq!(put(coding, body).await, format!("HTTP/1.1 {answer}"), "{coding} {:.50}", body);
    }
    // The next request begins after the body.
    let next = "GET /__admin/log HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let first = "POST /live HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
    let (answer, _) = sent(&rig, &format!("{first}{next}")).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{answer}");
    // A client may wait until it is asked for the body.
    let expecting =
        first.replace("Host: a", "Host: a\r\nExpect: 100-continue").replace("1\r\na\r\n0\r\n\r\n", "");
    assert_eq!(sent(&rig, &expecting).await.0, "HTTP/1.1 100 Continue\r\n\r\n");
}

#[tokio::test(start_paused = true)]
async fn limits_of_requests_are_reported() {
    let rig = Mock::new(Scenario::default());
    let most = format!("seed = 7\n#{}", "x".repeat((1 << 20) - 10));
    assert_eq!(rig.admin("PUT /__admin/scenario", "", &most).await, (200, "{\"ok\":true}".into()));
    let longer = "PUT /__admin/scenario HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n";
    assert_eq!(status(&rig, longer).await, "HTTP/1.1 413 Content Too Large");
    let headers = |count: usize| {
        format!("GET /live HTTP/1.1\r\n{}Connection: close\r\n\r\n", "a: b\r\n".repeat(count - 1))
    };
    assert_eq!(status(&rig, &headers(100)).await, "HTTP/1.1 200 OK");
    assert_eq!(status(&rig, &headers(101)).await, "HTTP/1.1 431 Request Header Fields Too Large");
    let long = format!("GET /live HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(40_000));
    assert_eq!(status(&rig, &long).await, "HTTP/1.1 431 Request Header Fields Too Large");
}

#[tokio::test]
async fn a_client_that_still_sends_its_body_reads_the_rejection() {
    let mock = MockTikTok::start(with_demo(Scenario::default())).await.unwrap();
    let stream = TcpStream::connect(mock.address().unwrap()).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let length = 4 << 20;
    let head =
        format!("PUT /__admin/scenario HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    writer.write_all(head.as_bytes()).await.unwrap();
    writer.write_all(&vec![b'#'; length]).await.unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{answer}");
}

// The mock over real sockets, which can be reset.

fn socket_url(mock: &MockTikTok) -> String {
    format!("{}{SOCKET}?room_id={ROOM}&compress=gzip", mock.url().replace("http", "ws"))
}

#[tokio::test]
async fn the_mock_behaves_the_same_over_tcp() {
    let mock = MockTikTok::start(with_demo(Scenario::default().speed(Speed::Max))).await.unwrap();
    let (mut socket, _) = connect_async(socket_url(&mock)).await.unwrap();
    let (mut frames, mut close) = (Vec::new(), None);
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Binary(bytes) => frames.push(bytes),
            Message::Close(frame) => close = frame.map(|frame| u16::from(frame.code)),
            _ => {}
        }
    }
    assert!(frames == demo() && close == Some(1000), "{} frames, {close:?}", frames.len());
}

#[tokio::test]
async fn a_reset_fault_resets_the_connection_and_a_drop_ends_it() {
    let fault = |at, kind| Scenario::default().fault(Fault::new(at, kind));
    let mock = MockTikTok::start(with_demo(fault(Endpoint::Lookup, FaultKind::Reset))).await.unwrap();
    let mut stream = TcpStream::connect(mock.address().unwrap()).await.unwrap();
    stream.write_all(b"GET /api-live/user/room/?aid=1 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let error = stream.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let ended = async |kind| {
        let mock = MockTikTok::start(with_demo(fault(Endpoint::Socket, kind))).await.unwrap();
        let (mut socket, _) = connect_async(socket_url(&mock)).await.unwrap();
        match socket.next().await {
            Some(Err(Error::Io(error))) => Some(error.kind()),
            Some(Err(Error::Protocol(_))) | None => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ended(FaultKind::Reset).await, Some(ErrorKind::ConnectionReset));
    assert_eq!(ended(FaultKind::Drop).await, None);
}
