//! Responses of each endpoint without faults, and the HTTP of the mock: versions, absolute addresses, bodies and limits; and
//! real sockets, which can be reset.

use std::{io::ErrorKind, time::Duration};

use futures_util::StreamExt as _;
use insta::assert_snapshot;
use livetape_core::wire::{self, BatchInfo};
use livetape_mock::{Endpoint, Fault, FaultKind, MockTikTok, Scenario};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{connect_async, tungstenite::Error};

use crate::support::{Mock, ROOM, SOCKET, read_for, with_demo};

/// Formats a request and its response in one line; protobuf bodies are decoded.
async fn shown(rig: &Mock, target: &str) -> String {
    let (head, body) = rig.get(target).await;
    let status = head.split(' ').nth(1).unwrap();
    let mut headers = Vec::new();
    for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
        match line.split(": ").next() {
            Some("Date" | "Connection" | "Content-Length") => {}
            // Random values.
            Some(name @ ("Set-Cookie" | "x-set-tt-cookie" | "x-request-id")) => headers.push(name),
            _ => headers.push(line),
        }
    }
    let body = if head.contains("protubuf") {
        let wire::Batch { messages, info } = wire::read_batch(&body, &mut vec![]);
        let methods: Vec<_> = messages.iter().map(|message| message.method.as_str()).collect();
        format!("{info:?} {}", methods.join(" "))
    } else {
        String::from_utf8(body.to_vec()).unwrap()
    };
    format!("{target} → {status} {} {body}", headers.join(", "))
}

#[tokio::test(start_paused = true)]
async fn every_endpoint_responds() {
    let rig = Mock::new(Scenario::default());
    let room = ROOM.to_string();
    let targets = [
        "/",
        "/live",
        "/@demo/live",
        "/@demo/live?",
        "/@demo",
        "/api-live/user/room/?aid=1988&uniqueId=demo&sourceType=54",
        "/api-live/user/room?aid=1988&uniqueId=demo",
        "/api-live/user/room/?uniqueId=demo",
        &format!("/webcast/room/check_alive/?aid=1988&room_ids={room},1"),
        &format!("/webcast/room/info/?aid=1988&room_id={room}"),
        "/webcast/room/info_by_user/?unique_id=demo",
        "/webcast/room/info/",
        "/webcast/gift/list/",
        &format!("/webcast/fetch?client=ttlive-node&room_id={room}&unique_id=&cursor="),
        "/webcast/fetch/?client=ttlive-python&unique_id=demo",
        "/webcast/fetch?client=ttlive-node",
        &format!("/webcast/rooms/{room}/connect?client=ttlive-node"),
        "/webcast/room_id?uniqueId=demo",
        "/webcast/anchors/demo/room_id",
        "/webcast/anchors/demo/room_info",
        "/webcast/anchors/demo/gift_gallery",
        &format!("/webcast/rooms/{room}/gifts"),
        "/webcast/sign_url?url=http%3A%2F%2Flocalhost%3A1%2Fwebcast%2Fim%2Ffetch%2F%3Froom_id%3D7",
        &format!("/webcast/im/fetch/?aid=1988&room_id={room}"),
        "/webcast/rate_limits",
        &format!("{SOCKET}?room_id={room}"),
        SOCKET,
        "/nothing",
    ];
    let mut all = Vec::new();
    for target in targets {
        all.push(shown(&rig, target).await);
    }
    assert_snapshot!(all.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn upgrades_echo_the_protocol_if_it_is_offered() {
    let rig = Mock::new(Scenario::default());
    let upgrade = async |query: &str, header: &str| {
        let head = format!(
            "GET {SOCKET}?{query} HTTP/1.1\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-extensions: permessage-deflate\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=={header}"
        );
        let bytes = rig.bytes(&head, "", Duration::from_millis(1)).await;
        crate::support::split(&bytes).0
    };
    let head = upgrade("version_code=180800&room_id=5&internal_ext=a|b%7Cc&version_code=270000", "").await;
    assert_eq!(
        head,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    );
    let head = upgrade("room_id=5", "\r\nsec-websocket-protocol: x, echo-protocol").await;
    assert!(head.contains("Sec-WebSocket-Protocol: echo-protocol\r\n"), "{head}");
    assert!(upgrade("room_id=x", "").await.contains("Handshake-Status: 400\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_for_the_next_request() {
    use tokio::io::AsyncWriteExt as _;
    let rig = Mock::new(Scenario::default());
    let mut stream = rig.connector.connect().await.unwrap();
    let one = "GET /webcast/rate_limits HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(format!("{one}{one}").as_bytes()).await.unwrap();
    let bytes = read_for(&mut stream, Duration::from_secs(1), 1 << 20).await;
    assert_eq!(String::from_utf8(bytes).unwrap().matches("200 OK").count(), 2);
    stream.write_all(b"\x16\x03\x01 no http").await.unwrap();
    let bytes = read_for(&mut stream, Duration::from_secs(1), 1 << 20).await;
    assert!(bytes.starts_with(b"HTTP/1.1 400 "));
}

#[tokio::test(start_paused = true)]
async fn the_sign_response_has_the_fields_that_clients_require() {
    let rig = Mock::new(Scenario::default());
    let (head, body) = rig.get("/webcast/fetch?unique_id=demo").await;
    let mut faults = vec![];
    let BatchInfo { cursor, push_server, route_params, is_first, internal_ext, .. } =
        wire::read_batch(&body, &mut faults).info;
    assert_eq!((faults.len(), is_first), (0, true));
    assert!(!cursor.is_empty() && !internal_ext.is_empty() && !route_params.is_empty());
    assert_eq!(push_server, format!("ws://localhost:1{SOCKET}"));
    assert!(head.contains(&format!("x-room-id: {ROOM}\r\n")) && head.contains("x-set-tt-cookie: ttwid="));
}

async fn post(rig: &Mock, target: &str, body: &str) -> serde_json::Value {
    let head = format!("POST {target} HTTP/1.1\r\ncontent-type: application/json");
    let bytes = rig.bytes(&head, body, Duration::from_secs(1)).await;
    serde_json::from_slice(&crate::support::split(&bytes).1).unwrap()
}

#[tokio::test(start_paused = true)]
async fn signed_urls_match_the_request_and_lead_back_to_the_mock() {
    let rig = Mock::new(Scenario::default());
    let url = "http://localhost:1/webcast/gift/list/?aid=1988&room_id=7";
    let body = format!("{{\"url\":\"{url}\",\"method\":\"GET\",\"userAgent\":\"Test/1\"}}");
    for target in ["/tiktok/sign_url?client=ttlive-node", "/webcast/sign_url?client=ttlive-node"] {
        let answer = post(&rig, target, &body).await;
        assert_eq!((&answer["code"], &answer["response"]["userAgent"]), (&200.into(), &"Test/1".into()));
        let tokens = answer["response"]["tokens"].as_object().unwrap();
        assert!(
            tokens.contains_key("X-Bogus")
                && tokens.contains_key("X-Dynosaur")
                && tokens.contains_key("msToken"),
            "{answer}"
        );
        let signed = answer["response"]["signedUrl"].as_str().unwrap();
        assert!(signed.starts_with(&format!("{url}&")), "{signed}");
        let gifts = rig.json(signed.strip_prefix("http://localhost:1").unwrap()).await;
        assert!(!gifts["data"]["gifts"].as_array().unwrap().is_empty());
    }
    for body in ["", "{}", "[1]", "{\"url\":7}"] {
        assert_eq!(post(&rig, "/tiktok/sign_url", body).await["code"], 400, "{body}");
    }
    // Clients 1.x read the top level of the response.
    let old = rig.json("/webcast/sign_url?url=http%3A%2F%2Flocalhost%3A1%2Fx%3Fa%3Db").await;
    assert!(old["signedUrl"].as_str().unwrap().starts_with("http://localhost:1/x?a=b&"), "{old}");
    assert!(old["User-Agent"].is_string() && old["msToken"].is_string(), "{old}");
}

#[tokio::test(start_paused = true)]
async fn profiles_contain_the_cookie_and_the_state_of_the_page() {
    let rig = Mock::toml("[[user]]\nname = \"demo\"\n");
    let (head, body) = rig.get("/@Demo").await;
    assert!(head.contains("Set-Cookie: ttwid="), "{head}");
    let state = |body: &[u8]| -> serde_json::Value {
        let html = String::from_utf8(body.to_vec()).unwrap();
        let start = "<script id=\"__UNIVERSAL_DATA_FOR_REHYDRATION__\" type=\"application/json\">";
        let json = html.split_once(start).unwrap().1.split_once("</script>").unwrap().0;
        serde_json::from_str(json).unwrap()
    };
    let detail = &state(&body)["__DEFAULT_SCOPE__"]["webapp.user-detail"];
    assert_eq!((&detail["statusCode"], &detail["userInfo"]["user"]["uniqueId"]), (&0.into(), &"demo".into()));
    let detail = &state(&rig.get("/@nobody").await.1)["__DEFAULT_SCOPE__"]["webapp.user-detail"];
    assert_eq!((&detail["statusCode"], detail["userInfo"].is_null()), (&10_221.into(), true));
    let rig = Mock::toml("[[fault]]\nat = \"profile\"\nkind = \"missing_cookie\"\ntimes = 1\n");
    assert!(!rig.get("/@demo").await.0.contains("Set-Cookie"));
    assert!(rig.get("/@demo").await.0.contains("Set-Cookie"));
}

#[tokio::test(start_paused = true)]
async fn the_push_server_and_the_cookie_follow_the_scenario() {
    let sign = async |toml: &str| {
        let (head, body) = Mock::toml(toml).get("/webcast/fetch?unique_id=demo").await;
        (head, wire::read_batch(&body, &mut vec![]).info.push_server)
    };
    let (head, push_server) = sign("").await;
    assert_eq!(push_server, format!("ws://localhost:1{SOCKET}"));
    // Clients bring their own: TikTokLive 6.3.1 to 6.4.5 cannot have two.
    assert!(head.contains("x-set-tt-cookie: ttwid=") && !head.contains("tt-target-idc"), "{head}");
    let (head, push_server) =
        sign("push_server = \"wss://a.example/ws/\"\ntt_target_idc = \"eu-ttp2\"\n").await;
    assert_eq!(push_server, "wss://a.example/ws/");
    assert!(head.contains("; tt-target-idc=eu-ttp2\r\n"), "{head}");
    for wrong in ["push_server = \"a.example\"", "tt_target_idc = \"a; b\""] {
        let error = Scenario::parse(wrong).unwrap_err().to_string();
        assert!(error.contains(wrong.split(' ').next().unwrap()), "{error}");
    }
}

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
        ("chunked", "100001\r\n", "413 Payload Too Large"),
        ("chunked", "ffffffffffffffff\r\n", "413 Payload Too Large"),
        ("chunked", &format!("1;{}", "x".repeat(40_000)), "400 Bad Request"),
        ("chunked", &format!("0\r\n{}\r\n", "a: b\r\n".repeat(101)), "431 Request Header Fields Too Large"),
        ("gzip, chunked", "0\r\n\r\n", "501 Not Implemented"),
        ("chunked\r\nTransfer-Encoding: gzip", "0\r\n\r\n", "501 Not Implemented"),
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
    assert_eq!(status(&rig, longer).await, "HTTP/1.1 413 Payload Too Large");
    let two = longer.replace("1048577", "0\r\nContent-Length: 5");
    assert_eq!(status(&rig, &two).await, "HTTP/1.1 400 Bad Request");
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
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
}

// The mock over real sockets, which can be reset.

fn socket_url(mock: &MockTikTok) -> String {
    format!("{}{SOCKET}?room_id={ROOM}&compress=gzip", mock.url().replace("http", "ws"))
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
        let message = match connect_async(socket_url(&mock)).await {
            Ok((mut socket, _)) => socket.next().await,
            // With a reset, Windows drops the upgrade that was not read yet.
            Err(error) => Some(Err(error)),
        };
        match message {
            Some(Err(Error::Io(error))) => Some(error.kind()),
            Some(Err(Error::Protocol(_))) | None => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ended(FaultKind::Reset).await, Some(ErrorKind::ConnectionReset));
    assert_eq!(ended(FaultKind::Drop).await, None);
}
