//! Requests that are not HTTP and upgrades that are not WebSockets get responses in the usual format, with
//! the usual headers.

use livetape::{
    hub::Limits,
    server::{Bounds, Config},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{HttpResponse, Rig, json, read_all, tcp::Served};

/// Asserts that this is our error response and that it closes the connection.
#[track_caller]
fn check(answer: &HttpResponse, status: u16, code: &str, request: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{request:?}: {answer:?}");
    let header = |name| answer.header(name).unwrap_or_else(|| panic!("{request:?}: {answer:?}"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("cross-origin-resource-policy"), "same-site");
    assert!(header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("connection"), "close");
    assert!(!answer.json()["error"]["hint"].as_str().unwrap().is_empty());
}

const BAD: [&str; 6] = [
    "nonsense\r\n\r\n",
    "\u{16}\u{3}\u{1}\u{2}\u{1}\r\n\r\n",
    "GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: many\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    "GET / HTTP/1.1\r\nho st: localhost\r\n\r\n",
];

#[tokio::test(start_paused = true)]
async fn invalid_http_gets_the_usual_headers_and_body() {
    let rig = Rig::start();
    for request in BAD {
        check(&rig.raw(request).await, 400, "bad_request", request);
    }
    let bounds = Bounds { head_bytes_max: 128 * 1024, ..Bounds::default() };
    let roomy = Rig::with(Limits::default(), Config { bounds, ..Config::default() });
    let long = |bytes: usize| format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(bytes));
    check(&rig.raw(&long(17 * 1024)).await, 431, "too_large", "a long head");
    check(&roomy.raw(&long(70 * 1024)).await, 414, "too_large", "a long address");
}

#[tokio::test(start_paused = true)]
async fn earlier_responses_on_the_same_connection_are_unchanged() {
    let rig = Rig::start();
    let good = "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let upload = "POST /replay/seek HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
    for before in [good.to_owned(), good.repeat(3), format!("{good}{upload}"), format!("{upload}{good}")] {
        for bad in BAD {
            let (mut reading, mut writing) = tokio::io::split(rig.connect().await);
            // Sent at once, because the library keeps reading while it answers.
            let request = format!("{before}{bad}");
            let mut bytes = Vec::new();
            let (_, read) =
                tokio::join!(writing.write_all(request.as_bytes()), reading.read_to_end(&mut bytes));
            read.unwrap();
            let text = String::from_utf8(bytes).unwrap();
            let starts = Vec::from_iter(text.match_indices("HTTP/1.1 ").map(|(at, _)| at));
            let (last, others) = starts.split_last().unwrap();
            check(&HttpResponse::parse(&text.as_bytes()[*last..]), 400, "bad_request", &request);
            assert_eq!(others.len(), before.matches("HTTP/1.1").count(), "{text}");
            assert_eq!(text.matches("x-request-id").count(), others.len(), "{text}");
        }
    }
}

#[tokio::test]
async fn over_tcp_the_answer_arrives_although_the_request_is_not_read_to_its_end() {
    let Served { address, control, serving, .. } = Served::start(Config::default()).await;
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(40 * 1024));
    for (request, status) in [(BAD[0], 400), (BAD[2], 400), (&long, 431)] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let code = if status == 400 { "bad_request" } else { "too_large" };
        check(&HttpResponse::parse(&answer), status, code, request);
    }
    control.shut_down();
    serving.await.unwrap();
}

const UPGRADES: [&str; 5] = ["/", "/ws", "/ws/some-token", "/ws/test/some-token", "/ws/echo"];

async fn upgrade(rig: &Rig, path: &str, version: &str, key: &str) -> HttpResponse {
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n");
    rig.raw(&format!("{head}sec-websocket-version: {version}\r\nsec-websocket-key: {key}\r\n\r\n")).await
}

#[tokio::test(start_paused = true)]
async fn another_websocket_version_gets_426_and_an_invalid_key_400() {
    let rig = Rig::start();
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    for path in UPGRADES {
        for version in ["8", "14", "013", ""] {
            let answer = upgrade(&rig, path, version, key).await;
            assert_eq!((answer.status, answer.code().as_str()), (426, "websocket_version"), "{path}");
            assert_eq!(answer.header("sec-websocket-version"), Some("13"));
            assert_eq!(answer.header("upgrade"), Some("websocket"));
        }
        for key in ["", "x", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZSE=", "c2hvcnQ="] {
            let answer = upgrade(&rig, path, "13", key).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{path} {key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_echo_rejects_parameters_like_every_socket() {
    let rig = Rig::start();
    let log = read_all(&mut rig.ws("ws/echo?x=1").await).await;
    let told: serde_json::Value = json(&log.texts[0]);
    assert_eq!((&told["type"], &told["data"]["code"]), (&"error".into(), &"bad_request".into()));
    assert_eq!((log.texts.len(), log.close), (1, Some((1008, "bad_request".to_owned()))));
}
