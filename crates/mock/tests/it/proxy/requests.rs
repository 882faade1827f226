//! Requests and sockets of well-behaved clients.

use std::{net::IpAddr, time::Duration};

use futures_util::StreamExt as _;
use livetape_core::{pace::Speed, wire};
use livetape_io::clock;
use livetape_mock::{
    Endpoint, Fault, FaultKind, Happened, Scenario,
    proxy::{Hosts, Mode},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use super::{Proxied, read};
use crate::support::{ROOM, SOCKET, demo, tunnel::shake};

fn get(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

#[tokio::test(start_paused = true)]
async fn requests_for_tiktok_and_sign_servers_reach_the_mock() {
    let proxied = Proxied::new(Scenario::live("ann"));
    for (host, path) in [
        ("www.tiktok.com", "/@ann/live"),
        ("webcast.tiktok.com", "/webcast/room/check_alive/?room_ids=1"),
        ("tiktok.eulerstream.com", "/webcast/rate_limits"),
    ] {
        let mut io = proxied.secure(host, None).await;
        // The first request keeps the connection.
        io.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.unwrap();
        io.write_all(get(host, path).as_bytes()).await.unwrap();
        assert_eq!(read(io).await.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{host}");
    }
    let hosts: Vec<_> =
        proxied.mock.received().into_iter().filter_map(|entry| host_of(&entry.what)).collect();
    assert_eq!(hosts.len(), 6);
    assert_eq!(hosts[5], "tiktok.eulerstream.com");
}

fn host_of(what: &Happened) -> Option<String> {
    let Happened::Request { headers, .. } = what else { return None };
    headers.iter().find(|(name, _)| name == "host").map(|(_, host)| host.clone())
}

#[tokio::test(start_paused = true)]
async fn requests_with_absolute_addresses_reach_the_mock() {
    let proxied = Proxied::new(Scenario::live("ann"));
    // axios sends the second form.
    for scheme in ["http", "https"] {
        let request = format!(
            "GET {scheme}://www.tiktok.com/@ann/live HTTP/1.1\r\nHost: www.tiktok.com\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n"
        );
        let answer = proxied.answer(request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("SIGI_STATE"), "{answer}");
        // Otherwise the client would keep the connection for its next request, which can be for another host.
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    }
    let log = format!("{:?}", proxied.mock.received());
    assert!(log.contains("/@ann/live") && !log.to_lowercase().contains("proxy"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn sockets_carry_every_frame_through_the_proxy() {
    let proxied = Proxied::new(Scenario::live("ann").speed(Speed::Max));
    let host = "webcast-ws.tiktok.com";
    let path = format!("{SOCKET}?room_id={ROOM}&compress=gzip");
    let secure = proxied.secure(host, None).await;
    let (secure, _) = client_async(format!("wss://{host}{path}"), secure).await.unwrap();
    assert_eq!(frames(secure).await, demo());
    proxied.mock.reset();
    let plain = proxied.tunnel(&format!("{host}:80"), None).await;
    let (plain, _) = client_async(format!("ws://{host}{path}"), plain).await.unwrap();
    assert_eq!(frames(plain).await, demo());
}

async fn frames<I>(mut socket: tokio_tungstenite::WebSocketStream<I>) -> Vec<bytes::Bytes>
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut frames = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Binary(bytes) = message {
            frames.push(bytes);
        }
    }
    frames
}

/// Many clients do not send sockets through a proxy, so a client on this machine gets the mock's own address.
#[tokio::test(start_paused = true)]
async fn sign_responses_send_sockets_to_an_address_that_the_client_can_reach() {
    let proxied = Proxied::new(Scenario::live("ann"));
    let own: Option<IpAddr> = Some("127.0.0.1".parse().unwrap());
    let other: Option<IpAddr> = Some("192.0.2.7".parse().unwrap());
    assert_eq!(push_server(&proxied, own).await, format!("ws://localhost{SOCKET}"));
    assert_eq!(push_server(&proxied, other).await, format!("wss://webcast-ws.tiktok.com{SOCKET}"));
    let scenario = Scenario::parse("push_server = \"wss://webcast-ws.eu.tiktok.com/socket\"").unwrap();
    let proxied = Proxied::new(scenario);
    assert_eq!(push_server(&proxied, own).await, "wss://webcast-ws.eu.tiktok.com/socket");
}

async fn push_server(proxied: &Proxied, from: Option<IpAddr>) -> String {
    let host = "tiktok.eulerstream.com";
    let mut io = proxied.secure(host, from).await;
    io.write_all(get(host, &format!("/webcast/fetch?room_id={ROOM}")).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    io.read_to_end(&mut answer).await.unwrap();
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    wire::read_batch(&bytes::Bytes::from(answer).slice(body..), &mut Vec::new()).info.push_server
}

/// The same faults as without the proxy: responses that are cut short, throttled or never come.
#[tokio::test(start_paused = true)]
async fn faults_happen_behind_the_proxy_too() {
    for (kind, expected) in [
        (FaultKind::CutBody, "HTTP/1.1 200"),
        (FaultKind::Dribble { bytes_per_ms: 1 }, "SIGI_STATE"),
        (FaultKind::Reset, ""),
    ] {
        let proxied = Proxied::new(Scenario::live("ann").fault(Fault::new(Endpoint::Page, kind)));
        let mut io = proxied.secure("www.tiktok.com", None).await;
        io.write_all(get("www.tiktok.com", "/@ann/live").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let end = io.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.contains(expected) && (end.is_ok() || expected.is_empty()), "{end:?} {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn redirected_hosts_are_answered_by_their_name_in_the_handshake() {
    let proxied = Proxied::with(Scenario::live("ann"), Mode::Tls, Hosts::default());
    for host in ["www.tiktok.com", "tiktok.com", "webcast-ws.us.tiktok.com", "api.eulerstream.com"] {
        let mut io = shake(&proxied.trust, host, proxied.connect().await).await.unwrap();
        assert_eq!(io.get_ref().1.alpn_protocol(), None);
        io.write_all(get(host, "/@ann/live").as_bytes()).await.unwrap();
        assert!(read(io).await.contains("SIGI_STATE"), "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn browsers_negotiate_http_1() {
    let mut proxied = Proxied::new(Scenario::live("ann"));
    proxied.trust.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let io = proxied.secure("www.tiktok.com", None).await;
    assert_eq!(io.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

/// The host is this machine, so that the test stays on it.
#[tokio::test]
async fn passed_hosts_are_reached_unchanged() {
    let host = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = host.local_addr().unwrap().port();
    let pass = vec![format!("localhost:{port}").parse().unwrap()];
    let proxied = Proxied::with(Scenario::live("ann"), Mode::Proxy, Hosts { pass, ..Hosts::default() });
    let mut client = proxied.tunnel(&format!("LOCALHOST:{port}"), None).await;
    let (mut server, _) = host.accept().await.unwrap();
    client.write_all(b"\x00anything").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read(&mut server).await, "\x00anything");
    server.write_all(b"answer").await.unwrap();
    drop(server);
    assert_eq!(read(client).await, "answer");

    let forwarded = async {
        let (mut server, _) = host.accept().await.unwrap();
        let mut head = vec![0; 256];
        let count = server.read(&mut head).await.unwrap();
        server.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        String::from_utf8(head[..count].to_vec()).unwrap()
    };
    let request = format!("GET http://localhost:{port}/a?b HTTP/1.1\r\nAccept: */*\r\n\r\n");
    let (answer, head) = tokio::join!(proxied.answer(request.as_bytes()), forwarded);
    assert_eq!(answer, "HTTP/1.1 204 No Content\r\n\r\n");
    let expected =
        format!("GET /a?b HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nAccept: */*\r\n\r\n");
    assert_eq!(head, expected);
}

/// A client that uses the connection again, for another host, must not reach the passed one with it.
#[tokio::test]
async fn a_passed_host_gets_one_request_of_a_connection() {
    let host = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = host.local_addr().unwrap().port();
    let pass = vec![format!("localhost:{port}").parse().unwrap()];
    let proxied = Proxied::with(Scenario::live("ann"), Mode::Proxy, Hosts { pass, ..Hosts::default() });
    let first = format!(
        "POST http://localhost:{port}/a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nhi"
    );
    let mut client = proxied.connect().await;
    client.write_all(first.as_bytes()).await.unwrap();
    let (mut server, _) = host.accept().await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\nhi") {
        heard.push(server.read_u8().await.unwrap());
    }
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    client.write_all(b"GET http://webcast.tiktok.com/ HTTP/1.1\r\nCookie: a\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut server).await, "");
    drop(server);
    assert_eq!(read(client).await, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    for endless in ["Transfer-Encoding: chunked", "Upgrade: websocket"] {
        let request = format!("POST http://localhost:{port}/ HTTP/1.1\r\n{endless}\r\n\r\n");
        let answer = proxied.answer(request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 not a request to a proxy: WebSockets and chunked"),
            "{answer}"
        );
    }
}

/// Some clients send even a socket on this machine through the proxy.
#[tokio::test(start_paused = true)]
async fn the_address_in_sign_responses_is_reached_through_the_proxy() {
    let direct = Some("127.0.0.1:3100".parse().unwrap());
    let proxied = Proxied::with(Scenario::live("ann"), Mode::Proxy, Hosts { direct, ..Hosts::default() });
    let mut io = proxied.tunnel("127.0.0.1:3100", None).await;
    io.write_all(get("127.0.0.1:3100", "/@ann/live").as_bytes()).await.unwrap();
    assert!(read(io).await.contains("SIGI_STATE"));
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_open_connections() {
    let proxied = Proxied::new(Scenario::live("ann"));
    let mut io = proxied.secure("www.tiktok.com", None).await;
    io.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(io.read_u8().await.unwrap(), b'H');
    let Proxied { _stop: stop, accepting, mock, .. } = proxied;
    drop(stop);
    accepting.await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(1), read(io)).await.unwrap();
    assert!(end.starts_with("TTP/1.1 200 OK"), "{end}");
    // Nothing else holds the mock.
    let mut mock = Some(mock);
    while let Some(shared) = mock.take() {
        match std::sync::Arc::try_unwrap(shared) {
            Ok(mock) => drop(mock),
            Err(shared) => {
                mock = Some(shared);
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_network_affects_tls_too() {
    let proxied = Proxied::new(Scenario::parse("[[network]]\nlatency_ms = 200\n").unwrap());
    let mut io = proxied.secure("www.tiktok.com", None).await;
    let start = clock::now();
    io.write_all(b"GET /live HTTP/1.1\r\nHost: www.tiktok.com\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(read(io).await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!((clock::now() - start).as_millis(), 400);
}
