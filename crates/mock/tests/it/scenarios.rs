//! Each file in `fixtures/scenarios/` does what its name says, and the same seed and scenario produce the
//! same bytes in the same order.

use std::{fmt::Write as _, time::Duration};

use futures_util::SinkExt as _;
use livetape_core::wire::{self, Batch};
use livetape_io::clock;
use livetape_mock::{Happened, Scenario, ScenarioFile};
use tokio::io::AsyncWriteExt as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{
    Mock, ROOM, Received, SOCKET, Socket, batch, demo, push, read_for, scenario_names, scenario_path, wait_ms,
};

const LOOKUP: &str = "/api-live/user/room/?aid=1988&uniqueId=demo";
const SIGN: &str = "/webcast/fetch?client=test&unique_id=demo";

#[tokio::test]
async fn every_file_loads_and_is_listed_with_its_purpose() {
    const HEAD: &str = "| scenario | behaviour |\n|---|---|\n";
    assert!(scenario_names().len() >= 50);
    let mut table = String::new();
    let mut files = scenario_names();
    files.sort_by_key(|file| file.strip_suffix(".toml").map(str::to_owned));
    for file in files {
        let path = scenario_path(&file);
        ScenarioFile::read(&path).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        let (name, says) = (file.strip_suffix(".toml").unwrap(), text.lines().next().unwrap());
        let says = says.strip_prefix("# ").unwrap();
        writeln!(table, "| [`{name}`]({file}) | {says} |").unwrap();
    }
    let path = scenario_path("README.md");
    let mut readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(HEAD).unwrap();
    let after = rest.split_once("\n\n").map_or(String::new(), |(_, after)| format!("\n{after}"));
    let expected = [before, HEAD, &table, &after].concat();
    if std::env::var("LIVETAPE_DOCS").is_ok_and(|what| what == "update") {
        std::fs::write(&path, &expected).unwrap();
        readme.clone_from(&expected);
    }
    assert!(readme == expected, "run LIVETAPE_DOCS=update cargo test -p livetape-mock scenario");
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap_or("0").parse().unwrap()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[tokio::test(start_paused = true)]
async fn rate_limits() {
    let rig = Mock::fixture("rate-limited-twice.toml");
    for target in [LOOKUP, SIGN] {
        let (head, body) = rig.get(target).await;
        assert_eq!((status(&head), header(&head, "retry-after")), (429, Some("2")));
        assert_eq!(header(&head, "x-ratelimit-reset"), Some("1767225602"));
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["limit_label"], "rate_limit_account_minute");
        assert!(body["message"].as_str().unwrap().len() >= 19);
    }
    assert_eq!(rig.status(LOOKUP).await, 200);

    let rig = Mock::fixture("rate-limited-forever.toml");
    for _ in 0..7 {
        assert_eq!(rig.status(LOOKUP).await, 429);
    }

    let told = async |name: &str, key: &str| {
        let rig = Mock::fixture(name);
        let (head, _) = rig.get(LOOKUP).await;
        let limits = head.to_lowercase().matches("ratelimit").count();
        let header = header(&head, key).map(str::to_owned);
        assert_eq!((status(&head), rig.status(LOOKUP).await), (429, 200));
        (header, limits)
    };
    let date = Some("Thu, 01 Jan 2026 00:00:03 GMT".to_owned());
    assert_eq!(told("rate-limited-http-date.toml", "retry-after").await, (date, 0));
    let epoch = Some("1767225603".to_owned());
    assert_eq!(told("rate-limited-epoch.toml", "x-ratelimit-reset").await, (epoch, 1));
    let remaining = told("rate-limited-remaining.toml", "ratelimit-remaining").await;
    assert_eq!(remaining, (Some("3".to_owned()), 2));

    let rig = Mock::fixture("rate-limited-untold.toml");
    assert_eq!(header(&rig.get(LOOKUP).await.0, "retry-after"), None);
}

#[tokio::test(start_paused = true)]
async fn windows_are_counted_by_key() {
    let rig = Mock::fixture("rate-limit-window.toml");
    let ask = async |key: &str| {
        let (head, _) = rig.get_with(LOOKUP, &format!("x-api-key: {key}")).await;
        (status(&head), header(&head, "retry-after").map(str::to_owned))
    };
    assert_eq!((ask("a").await.0, ask("a").await.0), (200, 200));
    wait_ms(4_500).await;
    assert_eq!(ask("a").await, (429, Some("6".to_owned())));
    assert_eq!(ask("b").await.0, 200);
    wait_ms(5_500).await;
    assert_eq!(ask("a").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn users_and_states() {
    let of = async |name: &str| Mock::fixture(name).json(LOOKUP).await;
    let offline = of("offline.toml").await;
    assert_eq!(offline["data"]["liveRoom"]["status"], 4);
    assert_eq!(offline["data"]["user"]["roomId"], ROOM.to_string());
    assert_eq!(of("paused.toml").await["data"]["user"]["status"], 3);
    let unknown = of("not-found.toml").await;
    assert_eq!((&unknown["statusCode"], &unknown["message"]), (&19_881_007.into(), &"user_not_found".into()));
    let rig = Mock::fixture("not-found-once.toml");
    assert_eq!(rig.json(LOOKUP).await["statusCode"], 19_881_007);
    assert_eq!(rig.json(LOOKUP).await["data"]["user"]["status"], 2);
    let rig = Mock::fixture("age-restricted.toml");
    assert_eq!(rig.json(LOOKUP).await["data"]["user"]["status"], 2);
    let info = rig.json(&format!("/webcast/room/info/?room_id={ROOM}")).await;
    assert_eq!((&info["status_code"], &info["data"]["prompts"]), (&4_003_110.into(), &"".into()));
}

#[tokio::test(start_paused = true)]
async fn look_ups_and_cookies_fail() {
    let rig = Mock::fixture("captcha.toml");
    for target in [LOOKUP, "/@demo/live"] {
        assert!(String::from_utf8_lossy(&rig.get(target).await.1).contains("tiktok-verify-page"));
    }
    let rig = Mock::fixture("lookup-html.toml");
    assert!(rig.get(LOOKUP).await.1.starts_with(b"<!DOCTYPE html>"));
    assert_eq!(rig.json(LOOKUP).await["statusCode"], 0);
    let rig = Mock::fixture("lookup-stall.toml");
    let head = format!("GET {LOOKUP} HTTP/1.1\r\na: b");
    assert_eq!(rig.bytes(&head, "", Duration::from_secs(600)).await, b"");
    assert_eq!(rig.json(LOOKUP).await["statusCode"], 0);
    let rig = Mock::fixture("lookup-cut.toml");
    let (head, cut) = rig.get(LOOKUP).await;
    let whole = rig.get(LOOKUP).await.1;
    assert_eq!(header(&head, "content-length"), Some(whole.len().to_string().as_str()));
    assert_eq!(cut, whole[..whole.len() / 2]);
    let rig = Mock::fixture("lookup-dribble.toml");
    let start = clock::now();
    let (head, body) = rig.get(LOOKUP).await;
    let took = (clock::now() - start).as_millis() as usize;
    assert_eq!(took, head.len() + body.len() - 1);
    let rig = Mock::fixture("lookup-endless.toml");
    let head = format!("GET {LOOKUP} HTTP/1.1\r\na: b");
    assert!(rig.bytes(&head, "", Duration::from_secs(1)).await.len() >= 1 << 20);
    let rig = Mock::fixture("cookie-missing-twice.toml");
    for expected in [false, false, true] {
        let (head, _) = rig.get("/").await;
        assert_eq!(header(&head, "set-cookie").is_some_and(|it| it.starts_with("ttwid=")), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn sign_requests_fail() {
    let statuses = async |name: &str| {
        let rig = Mock::fixture(name);
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(rig.status(SIGN).await);
        }
        statuses
    };
    assert_eq!(statuses("sign-401.toml").await, [401, 401, 401]);
    assert_eq!(statuses("sign-402.toml").await, [402, 402, 402]);
    assert_eq!(statuses("sign-403.toml").await, [403, 403, 403]);
    assert_eq!(statuses("sign-500-once.toml").await, [500, 200, 200]);
    assert_eq!(statuses("sign-503-twice.toml").await, [503, 503, 200]);
    assert_eq!(statuses("sign-500-then-429.toml").await, [500, 429, 200]);
    assert_eq!(statuses("sign-reset.toml").await, [0, 200, 200]);
    let read = async |name: &str| {
        let (head, body) = Mock::fixture(name).get(SIGN).await;
        assert_eq!(status(&head), 200);
        let mut faults = vec![];
        let Batch { info, messages } = wire::read_batch(&body, &mut faults);
        (head, body.len(), info, messages, faults.len())
    };
    assert_eq!(read("sign-empty.toml").await.1, 0);
    for (name, status, handshake) in
        [("sign-stub.toml", 200, "417 illegal app_id"), ("sign-stub-400.toml", 400, "400 bad request")]
    {
        let (_, bytes, info, messages, _) = read(name).await;
        assert!(bytes < 300 && !info.cursor.is_empty() && !info.route_params.is_empty(), "{bytes} {info:?}");
        assert_eq!(messages[0].method, "Connected through Euler Stream fallback proxy");
        let target = info.push_server.strip_prefix("ws://localhost:1").unwrap();
        let refused = Mock::fixture(name).try_dial(target).await;
        let Err(Error::Http(response)) = refused else { panic!("{refused:?}") };
        let header = |name: &str| response.headers()[name].to_str().unwrap();
        let said = format!("{} {}", header("handshake-status"), header("handshake-msg"));
        assert_eq!((response.status().as_u16(), said.as_str()), (status, handshake));
    }
    assert!(read("sign-html.toml").await.4 > 0);
    assert!(read("sign-bad-protobuf.toml").await.4 > 0);
    assert_eq!(header(&read("sign-missing-cookie.toml").await.0, "x-set-tt-cookie"), None);
    let (head, _, info, ..) = read("sign-missing-cursor.toml").await;
    assert!(info.cursor.is_empty() && !info.push_server.is_empty());
    assert!(header(&head, "x-set-tt-cookie").is_some());
    let head = format!("GET {SIGN} HTTP/1.1\r\na: b");
    assert_eq!(Mock::fixture("sign-stall.toml").bytes(&head, "", Duration::from_secs(600)).await, b"");
    assert!(
        Mock::fixture("sign-endless.toml").bytes(&head, "", Duration::from_secs(1)).await.len() >= 1 << 20
    );
}

#[tokio::test(start_paused = true)]
async fn handshakes_are_rejected() {
    let refused = async |rig: &Mock| {
        let result = rig.try_dial(&format!("{SOCKET}?room_id={ROOM}")).await;
        let Err(Error::Http(response)) = result else { return None };
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        Some((response.status().as_u16(), header("handshake-status"), header("handshake-msg")))
    };
    let expected =
        |status: u16, code: &str, message: &str| Some((status, code.to_owned(), message.to_owned()));
    let rig = Mock::fixture("handshake-blocked.toml");
    for _ in 0..2 {
        assert_eq!(refused(&rig).await, expected(200, "415", "DEVICE_BLOCKED"));
    }
    let rig = Mock::fixture("handshake-blocked-once.toml");
    assert_eq!((refused(&rig).await.is_some(), refused(&rig).await), (true, None));
    let rig = Mock::fixture("handshake-illegal-key.toml");
    assert_eq!(refused(&rig).await, expected(200, "417", "illegal secret key"));
    let rig = Mock::fixture("handshake-400.toml");
    assert_eq!(refused(&rig).await, expected(400, "400", "bad request"));
    let rig = Mock::fixture("handshake-403.toml");
    assert_eq!(refused(&rig).await, expected(403, "403", "forbidden"));
}

const WINDOWS: &str = "user-agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)";

/// Requests an upgrade with these headers, and returns the status.
async fn upgrade(rig: &Mock, query: &str, headers: &str) -> u16 {
    let target = format!("GET {SOCKET}?room_id={ROOM}{query} HTTP/1.1");
    let key = "upgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    let bytes = rig.bytes(&format!("{target}\r\n{key}\r\n{headers}"), "", Duration::from_secs(1)).await;
    status(&String::from_utf8_lossy(&bytes))
}

#[tokio::test(start_paused = true)]
async fn requests_are_refused_that_tiktok_is_said_to_refuse() {
    for name in ["agent-differs.toml", "strict.toml"] {
        let rig = Mock::fixture(name);
        for (parameter, is_answered) in [
            ("browser_platform=Win32", true),
            ("browser_platform=MacIntel", false),
            ("browser_version=5.0+%28X11%29", false),
            ("os=windows&browser_version=5.0+%28Windows%29", true),
            ("aid=1988", true),
        ] {
            for target in [LOOKUP, SIGN] {
                let (head, body) = rig.get_with(&format!("{target}&{parameter}"), WINDOWS).await;
                assert_eq!((status(&head), !body.is_empty()), (200, is_answered), "{name}: {parameter}");
            }
            let expected = if is_answered { 101 } else { 200 };
            let headers = format!("{WINDOWS}\r\ncookie: ttwid=1");
            assert_eq!(upgrade(&rig, &format!("&{parameter}"), &headers).await, expected, "{parameter}");
        }
    }
    let late = Scenario::parse("[[fault]]\nat = \"socket\"\nkind = \"drop\"\nonly = \"no_agent\"\n");
    assert!(late.unwrap_err().message.starts_with("`only` does not apply to \"drop\""));
    let rig = Mock::fixture("strict.toml");
    assert_eq!(upgrade(&rig, "", "cookie: ttwid=1").await, 200);
    assert_eq!(upgrade(&rig, "", WINDOWS).await, 403);
    let headers = format!("{WINDOWS}\r\ncookie: ttwid=1");
    assert_eq!(upgrade(&rig, "&browser_version=5.0+(Windows)", &headers).await, 400);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_connects_too_often_is_flagged_for_an_hour() {
    let rig = Mock::fixture("flagged.toml");
    for _ in 0..15 {
        assert_eq!(upgrade(&rig, "", "cookie: a=b; sessionid=1").await, 101);
    }
    assert_eq!(upgrade(&rig, "", "cookie: sessionid=1").await, 200);
    assert_eq!(upgrade(&rig, "", "cookie: sessionid=2").await, 101);
    assert_eq!(upgrade(&rig, "", "cookie: ttwid=1").await, 101);
    wait_ms(3_600_000).await;
    assert_eq!(upgrade(&rig, "", "cookie: sessionid=1").await, 101);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_socket_sends_nothing() {
    let rig = Mock::fixture("silent.toml");
    let mut socket = rig.dial().await;
    socket.send("hb", b"").await;
    assert_eq!(socket.next_within(60_000).await, Received::Silence);
}

#[tokio::test(start_paused = true)]
async fn a_socket_goes_on_with_the_room_that_its_client_enters() {
    const OTHER: i64 = 7_300_000_000_000_000_002;
    let rig = Mock::fixture("cross-room.toml");
    let mut socket = rig.dial().await;
    socket.0.send(Message::Binary(wire::client::enter_room(OTHER))).await.unwrap();
    let (frames, end) = socket.all().await;
    assert_eq!(end, Received::Close(1000, String::new()));
    assert!(frames.ends_with(&demo()), "{} frames", frames.len());
    let rooms = rig.mock.received().into_iter().filter_map(|entry| match entry.what {
        Happened::Upgrade { room_id, .. } => Some(room_id),
        _ => None,
    });
    assert_eq!(Vec::from_iter(rooms), [ROOM, OTHER]);
}

/// `after_frames` of the scenarios that drop.
const DROPPED_AFTER: usize = 20;

/// Returns the frames before the end, and the end.
async fn first(rig: &Mock) -> (usize, Received) {
    let (frames, end) = rig.dial().await.all().await;
    assert!(frames == demo()[..frames.len()], "frames differ");
    (frames.len(), end)
}

/// After a reconnect: history, then the recorded frames.
async fn joins_now(rig: &Mock) -> usize {
    let mut socket = rig.dial().await;
    let (frames, end) = socket.all().await;
    assert_eq!(end, Received::Close(1000, String::new()));
    assert!(batch(&frames[0]).0.messages.iter().all(|chat| chat.is_history));
    assert!(demo().ends_with(&frames[1..]), "frames differ");
    frames.len() - 1
}

#[tokio::test(start_paused = true)]
async fn sockets_end() {
    for name in ["drop.toml", "drop-mid-frame.toml"] {
        let rig = Mock::fixture(name);
        let (frames, came) = first(&rig).await;
        assert_eq!((frames, came), (DROPPED_AFTER, Received::Broken));
        assert_eq!(joins_now(&rig).await, demo().len() - frames);
    }
    for (name, end) in [
        ("reset.toml", Received::Broken),
        ("stall.toml", Received::Silence),
        ("close-hb.toml", Received::Close(1000, "payload_handler_hb".into())),
    ] {
        let (rig, start) = (Mock::fixture(name), clock::now());
        let mut socket = rig.dial().await;
        let mut frames = 0;
        while let Received::Frame(_) = socket.next_within(30_000).await {
            frames += 1;
        }
        assert!((5..15).contains(&frames), "{name}: {frames}");
        drop(socket);
        let rig = Mock::fixture(name);
        let (count, came) = match end {
            Received::Silence => continue,
            _ => first(&rig).await,
        };
        assert_eq!((count, came), (frames, end));
        assert!(joins_now(&rig).await >= demo().len() - frames - 1, "{name}");
        assert!(clock::now() > start);
    }
    let rig = Mock::fixture("close-4404.toml");
    let (frames, end) = first(&rig).await;
    assert!(frames > 1 && end == Received::Close(4404, "Streamer is not live".into()), "{frames} {end:?}");
    let rig = Mock::fixture("close-third.toml");
    assert_eq!(first(&rig).await.1, Received::Broken);
    assert_eq!(rig.dial().await.all().await.1, Received::Broken);
    let (frames, end) = rig.dial().await.all().await;
    assert_eq!((frames.len(), end), (1, Received::Close(1011, String::new())));
    let rig = Mock::fixture("close-frame.toml");
    let mut socket = rig.dial().await;
    let (frames, _) = socket.all().await;
    assert_eq!((frames.len(), push(&frames[20]).payload_type.as_str()), (21, "close"));
}

async fn some(socket: &mut Socket, count: usize) -> Vec<bytes::Bytes> {
    let mut frames = Vec::new();
    for _ in 0..count {
        frames.push(socket.frame().await);
    }
    frames
}

#[tokio::test(start_paused = true)]
async fn frames_are_faulty() {
    let recorded = demo();
    let play = async |name: &str, count| some(&mut Mock::fixture(name).dial().await, count).await;

    let frames = play("bad-gzip.toml", 22).await;
    assert!(batch(&frames[20]).1 > 0 && push(&frames[20]).compress_type == "gzip");
    assert_eq!(frames[21], recorded[21]);

    let frames = play("truncated-protobuf.toml", 24).await;
    for at in 20..23 {
        assert_eq!(frames[at], recorded[at][..recorded[at].len() / 2]);
    }
    assert_eq!(frames[23], recorded[23]);

    let frames = play("unknown-method.toml", 23).await;
    assert_eq!((&frames[20], &frames[22]), (&recorded[20], &recorded[21]));
    assert_eq!(batch(&frames[21]).0.messages[0].method, "WebcastMockUnknownMessage");

    let frames = play("duplicates.toml", 41).await;
    for at in 0..10 {
        assert_eq!((&frames[20 + 2 * at], &frames[21 + 2 * at]), (&recorded[20 + at], &recorded[20 + at]));
    }
    assert_eq!(frames[40], recorded[30]);

    let frames = play("reordered.toml", 24).await;
    assert_eq!(frames[20..], [22, 21, 20, 23].map(|at: usize| recorded[at].clone()));

    let rig = Mock::fixture("repeated-history.toml");
    let (frames, _) = rig.dial().await.all().await;
    let at = frames.iter().position(|frame| !recorded.contains(frame)).unwrap();
    let history = batch(&frames[at]).0.messages;
    assert!(!history.is_empty() && history.iter().all(|chat| chat.is_history));
    assert_eq!(frames.len(), recorded.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn all_other_faults() {
    let (rig, start) = (Mock::fixture("dribble.toml"), clock::now());
    let mut socket = rig.dial().await;
    let first = some(&mut socket, 3).await;
    let bytes: usize = first.iter().map(bytes::Bytes::len).sum();
    assert!((clock::now() - start).as_millis() as usize >= bytes / 100);
    assert!(first == demo()[..3]);

    for (name, answers) in [("no-heartbeat-reply.toml", 0), ("stays-open.toml", 1)] {
        let rig = Mock::fixture(name);
        let mut socket = rig.dial().await;
        for _ in 0..3 {
            socket.frame().await;
        }
        socket.send("hb", b"").await;
        let mut heartbeats = 0;
        loop {
            match socket.next_within(500_000).await {
                Received::Frame(frame) => heartbeats += usize::from(push(&frame).payload_type == "hb"),
                Received::Silence => {
                    assert_eq!(name, "stays-open.toml");
                    break;
                }
                _ => break,
            }
        }
        assert_eq!(heartbeats, answers, "{name}");
    }

    let rig = Mock::fixture("stream-ended.toml");
    let (frames, end) = rig.dial().await.all().await;
    let last = &batch(frames.last().unwrap()).0.messages[0];
    assert_eq!((last.method.as_str(), end), ("WebcastControlMessage", Received::Close(1000, String::new())));
    assert_eq!(rig.json(LOOKUP).await["data"]["user"]["status"], 4);
}

// The same seed and scenario produce the same bytes in the same order.

/// Returns all bytes for a client that uses every feature.
async fn visit(rig: &Mock) -> Vec<u8> {
    let mut all = Vec::new();
    let targets = [
        "/",
        "/@demo/live",
        "/api-live/user/room/?aid=1988&uniqueId=demo",
        "/api-live/user/room/?uniqueId=demo",
        "/api-live/user/room/?aid=1988&uniqueId=demo&browser_platform=Win32",
        "/webcast/fetch?client=test&unique_id=demo",
        "/webcast/fetch?client=test&unique_id=demo",
    ];
    for target in targets {
        let head =
            format!("GET {target} HTTP/1.1\r\nx-api-key: secret\r\nuser-agent: Mozilla/5.0 (X11; Linux)");
        all.extend(rig.bytes(&head, "", Duration::from_secs(60)).await);
    }
    for seconds in [30, 10, 500] {
        let mut stream = rig.connector.connect().await.unwrap();
        let target = format!("{SOCKET}?room_id={ROOM}&compress=gzip");
        let head = format!(
            "GET {target} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        );
        let key = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        // A heartbeat and a join, masked with zeros.
        let said = b"\x82\x84\0\0\0\0\x3a\x02hb\x82\x8f\0\0\0\0\x3a\x0dim_enter_room";
        stream.write_all(&[head.as_bytes(), key.as_bytes(), said].concat()).await.unwrap();
        all.extend(read_for(&mut stream, Duration::from_secs(seconds), 16 << 20).await);
    }
    // The log also contains the end of the last connection.
    wait_ms(1).await;
    all
}

/// Scenarios that send this visitor the same bytes, because they differ elsewhere.
const ALIKE: [&[&str]; 3] = [
    &[
        "age-restricted.toml",
        "cross-room.toml",
        "dribble.toml",
        "flagged.toml",
        "gifts-403.toml",
        "gifts-null.toml",
        "no-heartbeat-reply.toml",
    ],
    &["deaf.toml", "stall.toml"],
    &["sign-stub-400.toml", "sign-stub.toml"],
];

#[tokio::test(start_paused = true)]
async fn every_scenario_gives_the_same_bytes_twice() {
    let mut sums = std::collections::BTreeMap::<_, Vec<_>>::new();
    for name in scenario_names() {
        // Each mock starts right before its visit, because `Date` shows the time since its start.
        let first = Mock::fixture(&name);
        let one = visit(&first).await;
        let second = Mock::fixture(&name);
        let other = visit(&second).await;
        assert!(one == other, "{name}: {} and {} bytes", one.len(), other.len());
        assert_eq!(first.mock.received(), second.mock.received(), "{name}");
        sums.entry(one).or_default().push(name);
    }
    let mut equal = Vec::from_iter(sums.into_values().filter(|names| names.len() > 1));
    equal.sort();
    assert_eq!(
        equal, ALIKE,
        "these send the same bytes; a new one is another scenario, or belongs on this list"
    );
}

#[tokio::test(start_paused = true)]
async fn another_seed_gives_other_bytes() {
    let of = async |seed: u64| visit(&Mock::toml(&format!("seed = {seed}\nspeed = \"max\"\n"))).await;
    let (one, same, other) = (of(1).await, of(1).await, of(2).await);
    assert!(one == same && one != other);
}
