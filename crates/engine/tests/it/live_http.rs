//! HTTP requests of the live source over real sockets, against wiremock and with the real clock: every known
//! literal response of TikTok and sign servers.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::{
    error::Code,
    recording::Item,
    wire::{self, Batch, BatchInfo},
};
use livetape_engine::source::live::{
    Check, Live, LiveOptions, NetTransport, OpenError, Outcome, Request, Transport as _, Url, Way, check,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path, matchers::query_param};

use crate::support::Reserved;

const OFFLINE: &str = r#"{"data":{"user":{"id":"6779789250017592326","uniqueId":"isaackogz","nickname":"…","secUid":"MS4w…","roomId":"7684008970436823815","status":4,"followStatus":0},"liveRoom":{"status":4,"startTime":1789072789,"title":"","liveRoomStats":{"enterCount":7,"userCount":1}}},"message":"","statusCode":0}"#;
const UNKNOWN: &str = r#"{"data":null,"message":"user_not_found","extra":{"id":"20260917140427F3E88F9B1E568123511E"},"statusCode":19881007}"#;
const PARAMS: &str = r#"{"data":null,"message":"params_error","extra":{"id":"202609171404081A75491309B5BEE2126C"},"statusCode":19881005}"#;
const AGE: &str = r#"{"data":{"prompts":""},"extra":{"now":1},"status_code":4003110}"#;
const CAPTCHA: &str = r#"{"code":"10000","type":"verify","subtype":"slide"}"#;
const ROOM: i64 = 7_684_008_970_436_823_815;

fn network() -> NetTransport {
    NetTransport::new(&LiveOptions::default()).unwrap()
}

fn options(server: &MockServer) -> LiveOptions {
    let upstream = Some(Url::parse(&server.uri()).unwrap());
    LiveOptions { upstream, attempts_max: 1, ..LiveOptions::new("isaackogz") }
}

async fn answers(at: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path(at)).respond_with(answer).mount(&server).await;
    server
}

fn why(check: Check) -> Option<Code> {
    check.why.map(|problem| problem.code)
}

fn page(state: &str) -> ResponseTemplate {
    let script = format!(r#"<html><script id="SIGI_STATE" type="application/json">{state}</script></html>"#);
    ResponseTemplate::new(200).set_body_string(script)
}

async fn api_live(answer: ResponseTemplate) -> Check {
    let server = answers("/api-live/user/room/", answer).await;
    Mock::given(path("/@isaackogz/live")).respond_with(ResponseTemplate::new(403)).mount(&server).await;
    check(&options(&server), network()).await
}

#[tokio::test]
async fn every_known_api_response_maps_to_a_code() {
    let body = |body: &str| ResponseTemplate::new(200).set_body_string(body);
    let offline = api_live(body(OFFLINE)).await;
    assert_eq!((offline.exists, offline.live, offline.room_id), (Some(true), Some(false), Some(ROOM)));
    assert_eq!(
        (why(offline.clone()), offline.why.unwrap().message.as_str()),
        (Some(Code::UserOffline), "User is not currently live")
    );
    let live = api_live(body(&OFFLINE.replace(r#""status":4"#, r#""status":2"#))).await;
    assert_eq!((live.live, live.can_connect, live.why), (Some(true), true, None));
    // A room ID without a room, although the status says live.
    let never = OFFLINE.replace("7684008970436823815", "").replace(r#""status":4"#, r#""status":2"#);
    assert_eq!(why(api_live(body(&never)).await), Some(Code::UserOffline));
    let unknown = api_live(body(UNKNOWN)).await;
    assert_eq!((unknown.exists, why(unknown.clone())), (Some(false), Some(Code::UserNotFound)));
    assert_eq!(unknown.why.unwrap().message, "User not found or invalid");
    assert_eq!(why(api_live(body(PARAMS)).await), Some(Code::Blocked));
    assert_eq!(why(api_live(body(AGE)).await), Some(Code::AgeRestricted));
    let captcha = api_live(body("<!doctype html><title>Please wait</title>")).await.why.unwrap();
    assert_eq!(captcha.message, "TikTok sent a web page instead of JSON, probably a captcha");
    for wall in ["", CAPTCHA, "<html><title>tiktok-verify-page</title></html>", "{\"data\":", "[]", "null"] {
        assert_eq!(why(api_live(body(wall)).await), Some(Code::Blocked), "{wall}");
    }
    assert_eq!(why(api_live(ResponseTemplate::new(403)).await), Some(Code::Blocked));
    assert_eq!(why(api_live(ResponseTemplate::new(302)).await), Some(Code::Blocked));
    assert_eq!(why(api_live(ResponseTemplate::new(429)).await), Some(Code::RateLimited));
    assert_eq!(why(api_live(ResponseTemplate::new(502)).await), Some(Code::ConnectionLost));
}

#[tokio::test]
async fn every_known_page_maps_to_a_code() {
    let read = async |answer: ResponseTemplate| {
        let server = answers("/@isaackogz/live", answer).await;
        Mock::given(path("/api-live/user/room/"))
            .respond_with(ResponseTemplate::new(403))
            .mount(&server)
            .await;
        check(&options(&server), network()).await
    };
    let state = |id: &str, status: u32| {
        format!(
            r#"{{"LiveRoom":{{"liveRoomUserInfo":{{"user":{{{id}"status":{status}}},"liveRoom":{{"status":{status}}}}}}}}}"#
        )
    };
    let id = format!(r#""roomId":"{ROOM}","#);
    assert_eq!(read(page(&state(&id, 2))).await.room_id, Some(ROOM));
    assert_eq!(why(read(page(&state(&id, 4))).await), Some(Code::UserOffline));
    let older =
        format!(r#"{{"LiveRoom":{{"liveRoomUserInfo":{{"liveRoom":{{"roomId":"{ROOM}","status":2}}}}}}}}"#);
    assert_eq!(read(page(&older)).await.room_id, Some(ROOM));
    assert_eq!(why(read(page("{}")).await), Some(Code::UserNotFound));
    assert_eq!(why(read(page("{\"LiveRoom\"")).await), Some(Code::Blocked));
    for wall in ["<title>tiktok-verify-page</title>", "Please wait...<script id=\"slardar-config\">", ""] {
        let wall = read(ResponseTemplate::new(200).set_body_string(wall)).await;
        assert_eq!(why(wall), Some(Code::Blocked));
    }
    assert_eq!(why(read(ResponseTemplate::new(429)).await), Some(Code::RateLimited));
}

#[tokio::test]
async fn a_compressed_body_is_decompressed_and_an_endless_one_truncated() {
    let zipped = ResponseTemplate::new(200)
        .insert_header("content-encoding", "gzip")
        .set_body_bytes(wire::zip(OFFLINE.as_bytes()).to_vec());
    assert_eq!(why(api_live(zipped).await), Some(Code::UserOffline));
    let long = ResponseTemplate::new(200).set_body_bytes(vec![b' '; 6 << 20]);
    assert_eq!(why(api_live(long).await), Some(Code::Blocked));
}

async fn run(options: LiveOptions) -> (Vec<Item>, Outcome) {
    let mut live = Live::start(options, network());
    let mut items = Vec::new();
    while let Some(item) = live.next().await {
        items.push(item);
    }
    (items, live.outcome().await)
}

/// A user who is live, and a sign server with the given response.
async fn signed(answer: ResponseTemplate) -> (Vec<Item>, Outcome) {
    let server = answers("/webcast/fetch", answer).await;
    let live = OFFLINE.replace(r#""status":4"#, r#""status":2"#);
    let live = ResponseTemplate::new(200).set_body_string(live);
    Mock::given(path("/api-live/user/room/"))
        .and(query_param("uniqueId", "isaackogz"))
        .respond_with(live)
        .mount(&server)
        .await;
    let (ways, sign_url) = (vec![Way::Sign], Some(Url::parse(&server.uri()).unwrap()));
    run(LiveOptions { ways, sign_url, ..options(&server) }).await
}

fn code(outcome: &Outcome) -> Code {
    let Outcome::Failed(problem) = outcome else { panic!("{outcome:?}") };
    problem.code
}

fn first(batch: BatchInfo) -> ResponseTemplate {
    let bytes = wire::write_batch(&Batch { info: batch, ..Default::default() });
    ResponseTemplate::new(200).set_body_bytes(bytes.to_vec()).insert_header("x-set-tt-cookie", "ttwid=1")
}

fn at(address: SocketAddr) -> BatchInfo {
    let route_params = vec![("wrss".into(), "x".into())];
    BatchInfo {
        cursor: "1".into(),
        push_server: format!("ws://{address}/ws"),
        route_params,
        ..Default::default()
    }
}

#[tokio::test]
async fn network_failures_map_to_codes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // The server does not speak TLS.
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // What is left unread would make the end a reset.
        let _ = stream.read(&mut [0; 16 << 10]).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let push_server = format!("wss://{address}/ws");
    let (_, outcome) = signed(first(BatchInfo { push_server, ..at(address) })).await;
    assert_eq!(code(&outcome), Code::ConnectionLost);
    let Outcome::Failed(problem) = outcome else { unreachable!() };
    assert_eq!(problem.message, format!("{address}: the server does not use TLS"));
    server.await.unwrap();
    let closed = Reserved::port();
    let address = closed.address;
    let (_, outcome) = signed(first(at(address))).await;
    assert_eq!(code(&outcome), Code::ConnectionLost);
    let upstream = |host: &str| {
        let upstream = Some(Url::parse(&format!("http://{host}")).unwrap());
        LiveOptions { upstream, attempts_max: 1, ..LiveOptions::new("ann") }
    };
    let (_, outcome) = run(upstream(&address.to_string())).await;
    assert_eq!(code(&outcome), Code::ConnectionLost);
    let Outcome::Failed(problem) = outcome else { unreachable!() };
    assert_eq!(problem.message, format!("{address}: connection refused: no server listens there"));
    let hint = problem.code.terminal_hint(&problem.hint, |_| true);
    assert!(["upstream", "proxy", "network"].iter().all(|it| hint.contains(it)), "{hint}");
    let plain = MockServer::start().await;
    let upstream_of = |url: String| LiveOptions { upstream: Url::parse(&url).ok(), ..upstream("x") };
    let (_, outcome) = run(upstream_of(format!("https://{}", plain.address()))).await;
    let Outcome::Failed(problem) = outcome else { panic!("{outcome:?}") };
    assert_eq!(problem.message, format!("{}: the server does not use TLS", plain.address()));
    assert_eq!(problem.hint, "write its address with http://, not https://");
    // The name is too long for any lookup.
    let name = "a".repeat(64);
    let (_, outcome) = run(upstream(&name)).await;
    let Outcome::Failed(problem) = outcome else { panic!("{outcome:?}") };
    assert_eq!((problem.code, &*problem.code.title()), (Code::DnsFailed, "Name not resolved"));
    assert_eq!(problem.message, format!("cannot resolve the name `{name}`"));
    let through = LiveOptions {
        proxy: Some(Url::parse(&format!("http://{name}:1")).unwrap()),
        ..upstream("x.invalid")
    };
    let asked = NetTransport::new(&through).unwrap();
    let found = check(&through, asked).await.why.unwrap();
    assert_eq!(found.code, Code::DnsFailed, "{found:?}");
}

/// Runs a proxy that answers everything with these bytes.
async fn failing_proxy(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 2048];
            drop(stream.read(&mut request).await);
            drop(stream.write_all(answer).await);
        }
    });
    address
}

#[tokio::test]
async fn a_proxy_that_fails_is_blamed_itself() {
    let closed = Reserved::port();
    let needs_login = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    let cases = [
        (closed.address, "connection refused: no server listens there"),
        (failing_proxy(needs_login).await, "it rejected the connection: status 407"),
        (failing_proxy(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await, "it rejected the connection: status 502"),
        (failing_proxy(b"").await, "closed too early"),
    ];
    for (address, why) in cases {
        for scheme in ["https", "http"] {
            let proxy = Some(Url::parse(&format!("http://me:planted@{address}")).unwrap());
            let upstream = Some(Url::parse(&format!("{scheme}://tiktok.invalid")).unwrap());
            let options = LiveOptions { proxy, upstream, ..LiveOptions::new("ann") };
            let network = NetTransport::new(&options).unwrap();
            if scheme == "https" || address == closed.address {
                let found = check(&options, network.clone()).await.why.unwrap();
                assert_eq!(found.message, format!("no connection through the proxy {address}: {why}"));
                assert!(found.hint.starts_with("check that the proxy in `live.proxy` runs"), "{found:?}");
            }
            let request = Request { url: format!("{scheme}://tiktok.invalid/"), headers: vec![] };
            let request = Request { url: request.url.replacen("http", "ws", 1), ..request };
            let Err(OpenError::Unreached(unreached)) = network.open(&request).await else { panic!("{why}") };
            assert!(unreached.is_of_proxy && unreached.why.ends_with(why), "{unreached:?}");
        }
    }
    // A request that is not encrypted needs no tunnel.
    let proxy = Some(Url::parse(&format!("http://{}", failing_proxy(needs_login).await)).unwrap());
    let upstream = Some(Url::parse("http://tiktok.invalid").unwrap());
    let options = LiveOptions { proxy, upstream, ..LiveOptions::new("ann") };
    let found = check(&options, NetTransport::new(&options).unwrap()).await.why.unwrap();
    assert!(found.message.ends_with(": it requires a login"), "{found:?}");
    // The doctor is to use the proxy, too. A password stays with its owner.
    let of_proxy =
        |proxy: &str| LiveOptions { proxy: Url::parse(proxy).ok(), ..LiveOptions::new("ann") }.flags();
    assert_eq!(of_proxy("socks5://127.0.0.1:1080"), " --proxy socks5://127.0.0.1:1080");
    assert_eq!(of_proxy("http://me:planted@127.0.0.1:3128"), " --proxy URL");
}

/// Runs a proxy that tunnels one connection per CONNECT and counts them.
async fn proxy(login: &'static str) -> (Url, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://me:p%40ss@{}", listener.local_addr().unwrap())).unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.contains(login), "{head}");
        let to = head.split(' ').nth(1).unwrap().to_owned();
        let mut target = tokio::net::TcpStream::connect(to).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut stream, &mut target).await);
    });
    (url, task)
}

#[tokio::test]
async fn a_socket_goes_through_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        socket.next().await
    });
    let (url, task) = proxy("Proxy-Authorization: Basic bWU6cEBzcw==").await;
    let through = |proxy: Url| LiveOptions { proxy: Some(proxy), ..LiveOptions::default() };
    let network = NetTransport::new(&through(url)).unwrap();
    let request = Request { url: format!("ws://{address}/"), headers: vec![] };
    let mut opened = network.open(&request).await.unwrap();
    opened.socket.send(tungstenite::Message::binary(&b"hi"[..])).await.unwrap();
    assert_eq!(server.await.unwrap().unwrap().unwrap().into_data(), &b"hi"[..]);
    drop(opened);
    task.await.unwrap();
    assert!(NetTransport::new(&through(Url::parse("ftp://host").unwrap())).is_err());
}
