//! The recording has what the mock's own log has, except for redacted fields.

use std::sync::Arc;

use livetape::{
    clock,
    mock::{Happened, MockTikTok},
    proxy::{Ca, Front, Hosts, Mocked, Mode},
    sans_io::{
        recording::{Flags, Item, What},
        wire,
    },
    source::live::{LiveOptions, Url},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Rig, gaps};
use crate::support::mock::{ROOM, Received, SOCKET, batch, over_tcp};

/// Query parameters whose values are `***` in the recording. All others are recorded as sent.
const REDACTED: [&str; 3] = ["msToken", "apiKey", "X-Bogus"];

/// Sends what a client sends, and returns the frames that it received.
async fn client(rig: &Rig) -> Vec<bytes::Bytes> {
    let gzip = "Accept-Encoding: gzip, deflate, br\r\nCookie: sessionid=planted-session\r\n";
    let (www, webcast) = ("www.tiktok.com", "webcast.tiktok.com");
    let get = async |host: &str, target: &str| {
        let (head, body) = rig.get(host, target, gzip).await;
        assert!(head.starts_with("HTTP/1.1 200") && !body.is_empty(), "{target}: {head}");
    };
    get(www, "/").await;
    get(www, "/@demo/live").await;
    get(www, "/api-live/user/room/?aid=1988&uniqueId=demo&msToken=planted-token").await;
    get(webcast, &format!("/webcast/room/info/?room_id={ROOM}")).await;
    get("tiktok.eulerstream.com", &format!("/webcast/fetch/?room_id={ROOM}&apiKey=planted-key")).await;
    let mut socket = rig.dial().await;
    socket.send("im_enter_room", b"").await;
    socket.send("hb", b"").await;
    let mut frames = Vec::new();
    loop {
        match socket.next().await {
            Received::Frame(frame) => {
                if batch(&frame).0.info.need_ack {
                    socket.ack(&frame).await;
                }
                frames.push(frame);
            }
            end => {
                assert!(matches!(end, Received::Close(1000, _)), "{end:?}");
                return frames;
            }
        }
    }
}

/// Formats an entry of the mock's log: path with query, and status.
fn logged(path: &str, query: &[(String, String)], status: u16) -> String {
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mark = if query.is_empty() { "" } else { "?" };
    format!("GET {path}{mark}{} {status}", query.join("&"))
}

/// Returns what the mock saw.
fn of_mock(entries: Vec<livetape::mock::LogEntry>) -> Vec<String> {
    let line = |what| match what {
        Happened::Request { path, query, status, .. } => Some(logged(&path, &query, status)),
        Happened::Enter => Some("enter".to_owned()),
        Happened::Heartbeat => Some("heartbeat".to_owned()),
        Happened::Ack { log_id, internal_ext } => Some(format!("ack {log_id} {internal_ext}")),
        Happened::Closed { code, .. } => Some(format!("closed {code}")),
        _ => None,
    };
    entries.into_iter().filter_map(|entry| line(entry.what)).collect()
}

/// Returns the recorded activity, in the same form.
fn of_recording(items: &[Item]) -> Vec<String> {
    let target = |url: &str| url.splitn(4, '/').nth(3).map(|target| format!("/{target}")).unwrap();
    let line = |item: &Item| match &item.what {
        What::Http(http) => Some(format!("GET {} {}", target(&http.request_line), http.status)),
        What::ConnOpen(open) => Some(format!("GET {} {}", target(&open.url), open.handshake_status)),
        What::Frame(frame) if item.flags.is_sent() => {
            let push = wire::read_push(&frame.bytes, &mut Vec::new());
            Some(match push.payload_type.as_str() {
                "im_enter_room" => "enter".to_owned(),
                "hb" => "heartbeat".to_owned(),
                "ack" => format!("ack {} {}", push.log_id, String::from_utf8_lossy(&push.payload)),
                other => other.to_owned(),
            })
        }
        What::ConnClose(close) => Some(format!("closed {}", close.code)),
        _ => None,
    };
    items.iter().filter_map(line).collect()
}

/// Returns the names and values of the headers that arrived with a request.
fn arrived(mock: &MockTikTok, path: &str) -> Vec<(String, String)> {
    let found = mock.received().into_iter().find_map(|entry| match entry.what {
        Happened::Request { path: at, headers, .. } if at.starts_with(path) => Some(headers),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no request for {path}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_pass_unchanged_except_for_encodings_that_cannot_be_read() {
    let mock = over_tcp("speed = \"max\"\nend = \"close\"\n").await;
    let rig = Rig::to(&mock.url());
    client(&rig).await;
    let of_get = |host: &str, encodings: &str| {
        [("host", host), ("accept-encoding", encodings), ("cookie", "***")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    assert_eq!(arrived(&mock, "/@demo"), of_get("www.tiktok.com", "gzip, deflate, br"));
    assert_eq!(arrived(&mock, "/webcast/room/info"), of_get("webcast.tiktok.com", "gzip"));
    let names: Vec<_> = arrived(&mock, SOCKET).into_iter().map(|(name, _)| name).collect();
    assert!(
        names.contains(&"upgrade".to_owned()) && names.contains(&"sec-websocket-key".to_owned()),
        "{names:?}"
    );
    assert!(!names.contains(&"sec-websocket-extensions".to_owned()), "compressed frames cannot be recorded");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_to_their_hosts_through_the_outgoing_proxy() {
    let mock = Arc::new(over_tcp("speed = \"max\"\nend = \"close\"\n").await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let ca = Ca::generate(clock::wall()).unwrap();
    let front = Arc::new(Front::new(Mocked(Arc::clone(&mock)), Hosts::default(), ca, |_, _| {}).unwrap());
    let stop = CancellationToken::new();
    tokio::spawn(front.accept(listener, Mode::Proxy, stop.clone()));

    let rig = Rig::with(&LiveOptions { proxy: Some(proxy), ..LiveOptions::new("demo") }, 80);
    client(&rig).await;
    let (head, body) = rig.get("www.example.com", "/", "").await;
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(head.starts_with("HTTP/1.1 502") && body.contains("the proxy rejected the connection"), "{body}");
    let items = rig.end().await;
    stop.cancel();
    assert_eq!(sorted(of_recording(&items)), sorted(of_mock(mock.received())));
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recording_is_the_mocks_log_except_for_redacted_fields() {
    let mock = over_tcp("speed = \"max\"\nend = \"close\"\n").await;
    let rig = Rig::to(&mock.url());
    let received = client(&rig).await;
    let items = rig.end().await;
    let (logged, recorded) = (of_mock(mock.received()), of_recording(&items));
    for name in REDACTED {
        let line = recorded.iter().find(|line| line.contains(&format!("{name}=")));
        assert!(line.is_some_and(|line| line.contains(&format!("{name}=***"))), "{name}: {line:?}");
    }
    assert_eq!(sorted(recorded), sorted(logged));

    let text = format!("{items:?}");
    assert!(!text.contains("planted-") && text.contains("tiktok.eulerstream.com"), "a secret was recorded");
    let frames = items.iter().filter(|item| !item.flags.is_sent()).filter_map(|item| match &item.what {
        What::Frame(frame) => Some(frame.bytes.clone()),
        _ => None,
    });
    assert!(frames.collect::<Vec<_>>() == received, "the same bytes in the same order");
    assert_eq!(gaps(&items), [""; 0]);
    let is_edited = |item: &&Item| item.flags.0 & Flags::EDITED != 0 && matches!(item.what, What::Frame(_));
    assert_eq!(items.iter().find(is_edited), None, "frames contain no secrets");
}
