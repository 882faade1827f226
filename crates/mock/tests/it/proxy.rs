//! Clients with fixed hosts: the proxy, TLS, and the CA.

use std::{
    fs,
    net::IpAddr,
    path::Path,
    sync::{Arc, Barrier, Mutex},
    thread,
    time::Duration,
};

use futures_util::StreamExt as _;
use livetape_core::{pace::Speed, wire};
use livetape_io::{
    clock,
    net::memory::{MemoryConnector, listener},
};
use livetape_mock::{
    Endpoint, Fault, FaultKind, Happened, MockTikTok, Scenario, ScenarioFile,
    proxy::{Ca, Front, Hosts, Mode, Opened},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    net::TcpListener,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{client::TlsStream, rustls::ClientConfig};
use tokio_tungstenite::{client_async, tungstenite::Message};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{
    ROOM, Reserved, SOCKET, demo,
    tunnel::{shake, trusting, tunnel_through},
    with_demo,
};

/// Capacity of a connection in memory, in bytes.
const BUFFER_BYTES: usize = 64 << 10;
/// What all fronts reported: a test looks for a host of its own.
static REPORTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A front in memory, before a mock.
struct Proxied {
    connector: MemoryConnector,
    mock: Arc<MockTikTok>,
    trust: ClientConfig,
    accepting: JoinHandle<()>,
    _stop: DropGuard,
}

impl Proxied {
    fn new(scenario: impl Into<ScenarioFile>) -> Self {
        Self::with(scenario, Mode::Proxy, Hosts::default())
    }

    fn with(scenario: impl Into<ScenarioFile>, mode: Mode, hosts: Hosts) -> Self {
        let ca = Ca::generate(clock::wall()).unwrap();
        let mock = Arc::new(MockTikTok::in_memory(with_demo(scenario)).unwrap());
        let trust = trusting(ca.pem());
        let report = |line: &str, _| REPORTED.lock().unwrap().push(line.to_owned());
        let front = Arc::new(Front::new(Arc::clone(&mock), hosts, ca, report).unwrap());
        let ((listener, connector), stop) = (listener(BUFFER_BYTES), CancellationToken::new());
        let accepting = tokio::spawn(front.accept(listener, mode, stop.clone()));
        Self { connector, mock, trust, accepting, _stop: stop.drop_guard() }
    }

    async fn connect(&self) -> DuplexStream {
        self.connector.connect().await.unwrap()
    }

    /// Sends a request to the proxy, and returns everything until the end of the connection.
    async fn answer(&self, request: &[u8]) -> String {
        let mut io = self.connect().await;
        io.write_all(request).await.unwrap();
        read(io).await
    }

    /// Opens a tunnel to a host.
    async fn tunnel(&self, to: &str, from: Option<IpAddr>) -> DuplexStream {
        tunnel_through(self.connector.connect_from(from).await.unwrap(), to).await
    }

    /// Opens a TLS connection to port 443 of a host.
    async fn secure(&self, host: &str, from: Option<IpAddr>) -> TlsStream<DuplexStream> {
        let io = self.tunnel(&format!("{host}:443"), from).await;
        shake(&self.trust, host, io).await.unwrap()
    }
}

/// Reads to the end of a connection. TLS reports an error if the other side does not announce it.
async fn read(mut io: impl AsyncRead + Unpin) -> String {
    let mut text = Vec::new();
    io.read_to_end(&mut text).await.unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

// Requests and sockets of well-behaved clients.

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
    I: AsyncRead + tokio::io::AsyncWrite + Unpin,
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
    let end = timeout(Duration::from_secs(1), read(io)).await.unwrap();
    assert!(end.starts_with("TTP/1.1 200 OK"), "{end}");
    // Nothing else holds the mock.
    let mut mock = Some(mock);
    while let Some(shared) = mock.take() {
        match Arc::try_unwrap(shared) {
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

// Clients that ask for something else, do not trust the CA, or send garbage.

#[tokio::test(start_paused = true)]
async fn every_refusal_has_a_code_a_status_and_a_reason() {
    let own = vec!["127.0.0.1:3128".parse().unwrap()];
    let pass = vec!["passed.invalid".parse().unwrap()];
    let proxied = Proxied::with(Scenario::default(), Mode::Proxy, Hosts { pass, own, ..Hosts::default() });
    for (request, status, code, reason) in [
        (
            "CONNECT example.com:443",
            502,
            "host_refused",
            "refused example.com: livetape answers only for tiktok.com and eulerstream.com",
        ),
        ("GET http://example.com/", 502, "host_refused", "refused example.com: "),
        ("CONNECT 10.0.0.1:443", 403, "address_refused", "refused 10.0.0.1: livetape answers for host names"),
        ("CONNECT www.tiktok.com:22", 403, "port_refused", "refused port 22 of www.tiktok.com: "),
        ("CONNECT 127.0.0.1:3128", 403, "loop_refused", "refused a connection to the proxy itself"),
        ("GET /", 400, "bad_request", "not a request to a proxy: its address has no host"),
        (
            "GET ftp://www.tiktok.com/",
            400,
            "bad_request",
            "not a request to a proxy: its address is not http://",
        ),
        (
            "CONNECT www.tiktok.com",
            400,
            "bad_request",
            "not a request to a proxy: CONNECT needs a host and a port",
        ),
        (
            "GET https://passed.invalid/",
            400,
            "bad_request",
            "not a request to a proxy: https:// hosts of --pass need CONNECT",
        ),
    ] {
        let answer = proxied.answer(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} {reason}")), "{request}: {answer}");
        assert!(answer.contains(&format!("\r\nLivetape-Error: {code}\r\n")), "{request}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body.lines().count(), 2, "the reason and a hint: {body}");
    }
    assert_eq!(proxied.mock.received(), []);
}

#[tokio::test(start_paused = true)]
async fn heads_that_are_too_long_or_are_not_http_are_refused() {
    let proxied = Proxied::new(Scenario::default());
    let long = format!("CONNECT www.tiktok.com:443 HTTP/1.1\r\nA: {}", "a".repeat(40 << 10));
    let answer = proxied.answer(long.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("too_large"), "{answer}");
    let hello = [&[0x16, 0x03, 0x01, 0x02, 0x00][..], &[0; 64]].concat();
    let answer = proxied.answer(&hello).await;
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("HTTPS_PROXY"), "{answer}");
}

#[tokio::test]
async fn a_passed_host_that_cannot_be_reached_is_reported() {
    let closed = Reserved::port();
    let port = closed.address.port();
    let own = vec![format!("127.0.0.1:{port}").parse().unwrap()];
    let pass = vec![format!("localhost:{port}").parse().unwrap()];
    let proxied =
        Proxied::with(Scenario::default(), Mode::Proxy, Hosts { pass: pass.clone(), ..Hosts::default() });
    let request = format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n");
    let answer = proxied.answer(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 502 cannot connect to localhost: "), "{answer}");
    assert!(answer.contains("Livetape-Error: host_unreachable"), "{answer}");
    let proxied = Proxied::with(Scenario::default(), Mode::Proxy, Hosts { pass, own, ..Hosts::default() });
    let answer = proxied.answer(request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 403 refused a connection to the proxy itself"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn clients_that_send_garbage_instead_of_tls_get_an_alert() {
    let proxied = Proxied::new(Scenario::default());
    let mut io = proxied.tunnel("www.tiktok.com:443", None).await;
    io.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut alert = Vec::new();
    io.read_to_end(&mut alert).await.unwrap();
    assert_eq!(alert.first(), Some(&21), "the record type of alerts: {alert:?}");
}

#[tokio::test(start_paused = true)]
async fn silent_clients_are_closed() {
    let proxied = Proxied::new(Scenario::default());
    let started = clock::now();
    let mut silent = proxied.connect().await;
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
    assert_eq!((clock::now() - started).as_secs(), 60);
    // Half a head: the reason is stated.
    let answer = proxied.answer(b"CONNECT www.tiktok.com:443 HTTP/1.1\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    // Half a handshake.
    let mut half = proxied.tunnel("www.tiktok.com:443", None).await;
    half.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    let started = clock::now();
    assert_eq!(half.read(&mut [0]).await.unwrap(), 0);
    assert_eq!((clock::now() - started).as_secs(), 10);
    // They do not delay others.
    assert!(timeout(Duration::from_secs(1), proxied.secure("www.tiktok.com", None)).await.is_ok());
}

/// Some clients check pinned certificates only after the handshake.
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_after_the_handshake_is_reported() {
    let proxied = Proxied::new(Scenario::default());
    drop(proxied.secure("pinned.tiktok.com", None).await);
    let is_reported = || {
        REPORTED.lock().unwrap().iter().any(|line| line.starts_with("pinned.tiktok.com: the client closed"))
    };
    for _ in 0..100_000 {
        if is_reported() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("no line about the client");
}

// Many connections at once.

const HOST: &str = "www.tiktok.com";
const REQUEST: &[u8] = b"GET /webcast/room/check_alive/?room_ids=1 HTTP/1.1\r\nHost: www.tiktok.com\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

#[tokio::test(start_paused = true)]
async fn a_thousand_connections_are_answered_at_once() {
    let proxied = Proxied::new(Scenario::default());
    let mut open = Vec::new();
    for _ in 0..1000 {
        open.push(proxied.secure(HOST, None).await);
    }
    for io in open.iter_mut().rev() {
        io.write_all(REQUEST).await.unwrap();
        let mut answer = [0; OK.len()];
        io.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, OK);
    }
}

// The CA and its folder.

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn open(folder: &Path, now: Duration) -> Opened {
    Ca::open(folder, now).unwrap()
}

fn file(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn the_ca_is_created_at_first_use_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("data/ca");
    let first = open(&inner, clock::wall());
    let again = open(&inner, clock::wall());
    assert_eq!(first.ca.pem(), again.ca.pem());
    assert!(!first.is_renewed && !again.is_renewed);
    assert_eq!(fs::read_to_string(&first.certificate).unwrap(), first.ca.pem());
    assert_eq!(first.ca.pem().lines().next(), Some("-----BEGIN CERTIFICATE-----"));
    assert!(fs::read(&first.trust_store).unwrap().starts_with(&[0xfe, 0xed, 0xfe, 0xed]));
    assert!(first.node_guard.exists());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), clock::wall());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let key = folder.path().join("ca.key");
    assert_eq!((mode(&key), mode(&opened.certificate), mode(&opened.trust_store)), (0o600, 0o644, 0o644));
    for mode in [0o640, 0o604, 0o644] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let problem = Ca::open(folder.path(), clock::wall()).unwrap_err();
        assert_eq!(problem.code.name(), "bad_config");
        assert!(problem.message.starts_with("other users can read the key of the CA"), "{problem}");
        assert!(problem.hint.contains("delete the file"), "{}", problem.hint);
    }
}

/// The key occurs only in its own file.
#[test]
fn the_key_is_not_in_other_files_or_in_debug_output() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path(), clock::wall());
    let text = file(folder.path(), "ca.key");
    let (key, _) = text.split_once("-----END PRIVATE KEY-----").unwrap();
    let (_, key) = key.split_once("-----BEGIN PRIVATE KEY-----").unwrap();
    let key = key.trim().lines().next().unwrap();
    assert!(key.len() >= 60, "{key}");
    assert_eq!(format!("{:?}", opened.ca), "Ca");
    let shown = format!("{opened:?}{}", opened.ca.pem());
    assert!(!shown.contains(key));
    for entry in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        let content = fs::read(entry.path()).unwrap();
        let holds = content.windows(key.len()).any(|part| part == key.as_bytes());
        assert_eq!(holds, entry.file_name() == "ca.key", "{:?}", entry.file_name());
    }
}

#[test]
fn an_expired_ca_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let now = clock::wall();
    let first = open(folder.path(), now);
    assert_eq!(open(folder.path(), now + 29 * DAY).ca.pem(), first.ca.pem());
    let second = open(folder.path(), now + 30 * DAY);
    assert!(second.is_renewed);
    assert_ne!(second.ca.pem(), first.ca.pem());
    assert_eq!(fs::read_to_string(&second.certificate).unwrap(), second.ca.pem());
    let third = open(folder.path(), now + 31 * DAY);
    assert!(!third.is_renewed && third.ca.pem() == second.ca.pem());
}

#[test]
fn processes_that_share_a_folder_share_the_ca() {
    let folder = tempfile::tempdir().unwrap();
    let start = Arc::new(Barrier::new(8));
    let threads = (0..8).map(|_| {
        let (folder, start) = (folder.path().to_owned(), Arc::clone(&start));
        thread::spawn(move || {
            start.wait();
            open(&folder, clock::wall()).ca.pem().to_owned()
        })
    });
    let threads: Vec<_> = threads.collect();
    let pems: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(pems.iter().all(|pem| *pem == pems[0]));
    assert_eq!(file(folder.path(), "ca.pem"), pems[0]);
}

#[test]
fn missing_copies_are_written_again_and_a_damaged_key_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), clock::wall());
    let store = fs::read(&first.trust_store).unwrap();
    fs::remove_file(&first.trust_store).unwrap();
    fs::write(&first.certificate, "other").unwrap();
    let again = open(folder.path(), clock::wall());
    assert_eq!(again.ca.pem(), first.ca.pem());
    assert_eq!(
        (file(folder.path(), "ca.pem"), fs::read(&again.trust_store).unwrap()),
        (first.ca.pem().into(), store)
    );

    let text = file(folder.path(), "ca.key");
    let foreign = tempfile::tempdir().unwrap();
    open(foreign.path(), clock::wall());
    let (_, foreign) = {
        let text = file(foreign.path(), "ca.key");
        let at = text.find("-----BEGIN CERTIFICATE").unwrap();
        (text[..at].to_owned(), text[at..].to_owned())
    };
    let own = &text[..text.find("-----BEGIN CERTIFICATE").unwrap()];
    for damaged in ["", "expires x\n", &text[..text.len() / 2], &text[8..], &format!("{own}{foreign}")] {
        fs::write(folder.path().join("ca.key"), damaged).unwrap();
        let problem = Ca::open(folder.path(), clock::wall()).unwrap_err();
        assert!(problem.message.ends_with("ca.key is damaged"), "{problem}");
    }
}

#[test]
fn a_folder_that_cannot_be_used_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "").unwrap();
    let problem = Ca::open(&path.join("ca"), clock::wall()).unwrap_err();
    assert_eq!(problem.code.name(), "io");
    assert!(problem.hint.contains("--ca-dir") || problem.message.starts_with("cannot read"), "{problem}");
}
