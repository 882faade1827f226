//! Requests that are not HTTP, and upgrades that are not WebSockets.

use livetape_feed::hub::Limits;
use livetape_server::{Bounds, Config};

use crate::support::{HttpResponse, Rig, json, read_all};

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
