//! The live source against a scripted server in memory, under a paused clock: every item, to the millisecond.

use std::{fmt::Write as _, time::Duration};

use bytes::Bytes;
use livetape_core::{
    error::Code,
    event::{Person, compose},
    recording::{Item, What, records::http::Role},
    wire::{self, Batch, BatchInfo, Push, client},
};
use livetape_engine::source::live::{
    Cookies, FRAME_BYTES_MAX, Group, Live, LiveOptions, Outcome, Pairs, Requests, Url, Way, check,
};
use livetape_io::clock;

use crate::support::scripted::{Act, Reply, Seen, Server, ok, status};

pub(crate) const ROOM: i64 = 7_300_000_000_000_000_001;
pub(crate) const API: &str = "/api-live/user/room/";
pub(crate) const PAGE: &str = "/@ann/live";
const INFO: &str = "/webcast/room/info/";
pub(crate) const SOCKET: &str = "/webcast/im/ws_proxy/ws_reuse_supplement/";
pub(crate) const FETCH: &str = "/webcast/fetch";
const NOT_FOUND: &str =
    r#"{"data":null,"message":"user_not_found","extra":{"id":"1"},"statusCode":19881007}"#;

pub(crate) fn room(status: u32) -> Reply {
    ok(format!(
        r#"{{"data":{{"user":{{"roomId":"{ROOM}","status":{status}}},"liveRoom":{{"status":{status}}}}},"statusCode":0}}"#
    ))
}

pub(crate) fn cookie() -> Reply {
    status(200, &[("set-cookie", "ttwid=planted-ttwid; Path=/; HttpOnly")], "<html>a long page</html>")
}

/// A room that is live, joined without a sign server.
pub(crate) fn live(sockets: Vec<Reply>) -> Server {
    Server::new([(API, vec![room(2)]), ("/", vec![cookie()]), (SOCKET, sockets)])
}

pub(crate) fn options() -> LiveOptions {
    LiveOptions {
        upstream: Some(Url::parse("http://mock").unwrap()),
        wall_anchor: Some(Duration::from_secs(1_795_168_800)),
        ..LiveOptions::new("@ann")
    }
}

pub(crate) fn msg(log_id: u64, messages: Vec<wire::Message>) -> Bytes {
    let info = BatchInfo { need_ack: true, internal_ext: format!("ext-{log_id}"), ..Default::default() };
    let payload = wire::write_batch(&Batch { messages, info });
    wire::write_push(&Push { log_id, payload_type: "msg".into(), payload, ..Default::default() })
}

pub(crate) fn ended(log_id: u64) -> Act {
    Act::Send(msg(log_id, vec![compose::control(compose::Stamp::default(), 3)]))
}

pub(crate) async fn run(server: &Server, options: LiveOptions) -> (Vec<Item>, Outcome) {
    let mut live = Live::start(options, server.transport());
    let mut items = Vec::new();
    while let Some(item) = live.next().await {
        items.push(item);
    }
    (items, live.outcome().await)
}

/// Formats items, one per line: virtual time in ms, connection, content.
fn text(items: &[Item]) -> String {
    let mut text = String::new();
    for item in items {
        write!(text, "{:>7} #{} ", item.offset.as_millis(), item.conn).unwrap();
        match &item.what {
            What::Http(http) => {
                let role = Role::try_from(http.role).unwrap().as_str_name();
                let headers: Vec<_> =
                    http.headers.iter().map(|h| format!("{}: {}", h.name, h.value)).collect();
                let (line, status, length) = (&http.request_line, http.status, http.body.len());
                let line = line.chars().take(90).collect::<String>();
                writeln!(text, "{role} {line} -> {status}, {length} bytes {headers:?}").unwrap();
            }
            What::ConnOpen(open) => writeln!(text, "{open:?}").unwrap(),
            What::ConnClose(close) => writeln!(text, "{close:?}").unwrap(),
            What::Status(status) => writeln!(text, "{status:?}").unwrap(),
            What::Frame(frame) => {
                let push = wire::read_push(&frame.bytes, &mut vec![]);
                let way = if item.flags.is_sent() { "sent" } else { "received" };
                writeln!(text, "{way} {} {}", push.payload_type, push.log_id).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    text
}

pub(crate) fn codes(items: &[Item]) -> Vec<(u64, &str, bool)> {
    let status = |item: &Item| item.offset.as_millis() as u64;
    items
        .iter()
        .filter_map(|item| match &item.what {
            What::Status(told) => Some((status(item), told.code.as_str(), told.retrying)),
            _ => None,
        })
        .collect()
}

#[track_caller]
pub(crate) fn assert_failed(outcome: &Outcome, code: Code) {
    assert!(matches!(outcome, Outcome::Failed(problem) if problem.code == code), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn frames_are_acknowledged_and_a_lost_connection_is_restored() {
    let chat = compose::chat(compose::Stamp::default(), &Person::default(), "hi");
    let first = vec![Act::Send(msg(1, vec![chat])), Act::Wait(25_000), Act::Send(msg(2, vec![]))];
    let second = vec![Act::Wait(500), ended(3), Act::Hang];
    let server = live(vec![Reply::Socket(first), Reply::Socket(second)]);
    let (items, outcome) = run(&server, options()).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    insta::assert_snapshot!(text(&items));
    let frames: Vec<_> = server
        .seen()
        .into_iter()
        .filter_map(|seen| match seen {
            Seen::Frame(_, bytes) => Some(bytes),
            Seen::Request(..) => None,
        })
        .collect();
    let (enter, hb) = (client::enter_room(ROOM), |number| client::heartbeat(ROOM, number));
    let acks = |n: u64| client::ack(n, &format!("ext-{n}"));
    assert!(frames.starts_with(&[enter.clone(), hb(1), acks(1), hb(2), hb(3)]), "{frames:?}");
    assert!(frames.ends_with(&[enter, hb(1), acks(3)]), "{frames:?}");
}

/// Found by simulation: an ack that cannot be sent must not hide what arrived before the connection broke.
#[tokio::test(start_paused = true)]
async fn messages_that_arrived_before_a_connection_broke_are_read() {
    let first = (1..=3).map(|n| Act::Send(msg(n, vec![]))).collect();
    let server = live(vec![Reply::Socket(first), Reply::Socket(vec![ended(4), Act::Hang])]);
    let (items, outcome) = run(&server, options()).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    let lines = text(&items);
    let received: Vec<_> = lines.lines().filter_map(|line| line.split_once("received msg ")).collect();
    assert_eq!(
        received.iter().map(|(_, log_id)| *log_id).collect::<Vec<_>>(),
        ["1", "2", "3", "4"],
        "{lines}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_sign_servers_batch_follows_the_opening() {
    let chat = compose::chat(compose::Stamp::default(), &Person::default(), "first");
    let info = BatchInfo {
        cursor: "c".into(),
        push_server: "ws://mock/signed".into(),
        heartbeat_ms: 20_000,
        ..Default::default()
    };
    let batch = wire::write_batch(&Batch { messages: vec![chat], info });
    let cookies = vec![("x-set-tt-cookie", "ttwid=planted-sign; msToken=planted-token".to_owned())];
    for (way, path) in [(Way::Sign, FETCH), (Way::SignConnect, "/webcast/rooms/7300000000000000001/connect")]
    {
        let signed = Reply::Http(200, cookies.clone(), batch.clone());
        let socket = Reply::Socket(vec![Act::Wait(29_000), ended(1), Act::Hang]);
        let server = Server::new([(API, vec![room(2)]), (path, vec![signed]), ("/signed", vec![socket])]);
        let key = Some("planted-key".parse().unwrap());
        let options = LiveOptions { sign_key: key, ways: vec![way], ..options() };
        let (items, outcome) = run(&server, options).await;
        assert_eq!(outcome, Outcome::Ended("stream_ended"));
        let kinds: Vec<_> = items
            .iter()
            .map(|item| match &item.what {
                What::Http(http) => Role::try_from(http.role).unwrap().as_str_name(),
                What::ConnOpen(_) => "open",
                What::Frame(_) => "frame",
                What::ConnClose(_) => "close",
                _ => "other",
            })
            .collect();
        let expected = [
            "ROLE_LOOKUP",
            "ROLE_ROOM_INFO",
            "ROLE_SIGN",
            "open",
            "ROLE_INITIAL_BATCH",
            // The handshake asks for heartbeats every 10 s, before the batch for one every 20 s.
            "frame",
            "frame",
            "frame",
            "frame",
            "frame",
            "frame",
            "close",
        ];
        assert_eq!(kinds, expected);
        assert!(!format!("{items:?}").contains("planted"));
    }
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_any_item() {
    let refusal = status(401, &[], r#"{"message":"The key planted-key is invalid for planted-session"}"#);
    let answers = [(API, vec![room(2)]), ("/", vec![cookie()]), (FETCH, vec![refusal])];
    let secret = |text: &str| Some(text.parse().unwrap());
    let key = secret("planted-key");
    let session = Some(Cookies::parse("sessionid=planted-session", "it", Duration::ZERO).unwrap());
    let ways = vec![Way::Sign];
    let signing = LiveOptions { ways, sign_key: key, session: session.clone(), ..options() };
    let (mut items, outcome) = run(&Server::new(answers), signing.clone()).await;
    assert_failed(&outcome, Code::SignUnauthorized);
    let headers =
        [("handshake-status", "417"), ("handshake-msg", "bad planted-ttwid"), ("set-cookie", "planted-new")];
    let refused = status(200, &headers, "");
    let server = live(vec![Reply::Socket(vec![Act::Close(1000, "planted-session")]), refused]);
    let direct = LiveOptions { session, ..options() };
    let (more, refused) = run(&server, direct).await;
    items.extend(more);
    assert_failed(&refused, Code::HandshakeRefused);
    let seen = format!("{:?}", server.seen());
    assert!(seen.contains("ttwid=planted-ttwid; sessionid=planted-session"), "{seen}");
    let yielded = format!("{items:?} {outcome:?} {refused:?} {signing:?}");
    assert!(!yielded.contains("planted"), "{yielded}");
    assert!(yielded.contains("The key *** is invalid"), "{yielded}");
}

#[tokio::test(start_paused = true)]
async fn requests_contain_what_settings_changed() {
    let pair = |name: &str, value: &str| Pairs(vec![(name.to_owned(), value.to_owned())]);
    let changes = [
        (Group::Paths, &pair("lookup", "/new/room")),
        (Group::Paths, &pair("socket", "/new/socket")),
        (Group::Headers, &pair("x-new", "1")),
        (Group::Lookup, &pair("region", "DE")),
        (Group::Socket, &pair("did_rule", "")),
    ];
    let requests = Requests::new(Some("Mozilla/5.0 (Macintosh) Chrome/150"), &changes).unwrap().into();
    let socket = Reply::Socket(vec![ended(1), Act::Hang]);
    let server =
        Server::new([("/new/room", vec![room(2)]), ("/", vec![cookie()]), ("/new/socket", vec![socket])]);
    let (items, outcome) = run(&server, LiveOptions { requests, ..options() }).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    let seen = format!("{:?}", server.seen());
    for part in ["region=DE", "x-new: 1", "user-agent: Mozilla/5.0 (Macintosh) Chrome/150"] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    let lines = text(&items);
    assert!(lines.contains("browser_platform=MacIntel") && !lines.contains("did_rule"), "{lines}");
    assert!(lines.contains("browser_version=5.0%20%28Macintosh%29%20Chrome%2F150"), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn all_cookies_of_a_session_reach_tiktok_and_only_a_sign_server_that_was_named() {
    let text = "sessionid=planted-session; tt-target-idc=eu-ttp2; ttwid=planted-own; odin_tt=planted-odin";
    let session = Some(Cookies::parse(text, "it", Duration::ZERO).unwrap());
    let direct = LiveOptions { session, ..options() };
    let server = live(vec![Reply::Socket(vec![ended(1), Act::Hang])]);
    let (mut items, outcome) = run(&server, direct.clone()).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    let seen = format!("{:?}", server.seen());
    let all = "ttwid=planted-own; sessionid=planted-session; tt-target-idc=eu-ttp2; odin_tt=planted-odin";
    assert!(seen.contains(&format!("cookie: {all}")), "{seen}");
    // Its own cookie is as good as a new one.
    assert!(!seen.contains("GET / "), "{seen}");
    let refusal = status(401, &[], "planted-session planted-odin");
    for (sign_url, has_session) in [(None, false), (Some(Url::parse("http://mock").unwrap()), true)] {
        let server = Server::new([(API, vec![room(2)]), (FETCH, vec![refusal.clone()])]);
        let key = Some("planted-key".parse().unwrap());
        let ways = vec![Way::Sign];
        let signing = LiveOptions { ways, sign_key: key, sign_url, ..direct.clone() };
        let (more, outcome) = run(&server, signing).await;
        assert_failed(&outcome, Code::SignUnauthorized);
        items.extend(more);
        let seen: Vec<_> = server.seen().iter().map(|seen| format!("{seen:?}")).collect();
        let signing: Vec<_> = seen.iter().filter(|seen| seen.contains(FETCH)).collect();
        assert!(!signing.is_empty());
        for request in signing {
            let sent = request.contains("session_id=planted-session&tt_target_idc=eu-ttp2");
            assert_eq!(sent, has_session, "{request}");
            assert!(!request.contains("planted-odin") && !request.contains("cookie:"), "{request}");
        }
    }
    assert!(!format!("{items:?} {direct:?}").contains("planted"), "{items:?}");
}

#[tokio::test(start_paused = true)]
async fn a_way_that_fails_for_good_hands_over_to_the_next() {
    let ways = |ways: &[Way]| LiveOptions { ways: ways.to_vec(), ..options() };
    let refused = || status(403, &[], "");
    let info = BatchInfo { cursor: "c".into(), push_server: "ws://mock/signed".into(), ..Default::default() };
    let batch = wire::write_batch(&Batch { info, ..Default::default() });
    let cookies = vec![("x-set-tt-cookie", "ttwid=1".to_owned())];
    let good = || Reply::Socket(vec![ended(1), Act::Hang]);
    let silent = || Reply::Socket(vec![Act::Hang]);
    let server = |direct: Reply, sign: Reply, signed: Reply| {
        Server::new([
            (API, vec![room(2)]),
            ("/", vec![cookie()]),
            (SOCKET, vec![direct]),
            (FETCH, vec![sign]),
            ("/signed", vec![signed]),
        ])
    };
    let (signs, denies) = (Reply::Http(200, cookies, batch), status(401, &[], ""));
    let both = ways(&[Way::Direct, Way::Sign, Way::Direct]);
    let other = ways(&[Way::Sign, Way::Direct]);
    // Options, server, whether the room is reached, and the failures that are told.
    for (options, server, is_reached, expected) in [
        (&both, server(refused(), signs.clone(), good()), true, "direct handshake_refused 2"),
        (&both, server(silent(), signs.clone(), good()), true, "direct connection_lost 1"),
        (&both, server(good(), denies.clone(), good()), true, ""),
        (
            &both,
            server(refused(), denies.clone(), good()),
            false,
            "direct handshake_refused 2, sign sign_unauthorized 1",
        ),
        (&other, server(good(), denies.clone(), good()), true, "sign sign_unauthorized 1"),
        (&other, server(good(), signs.clone(), silent()), true, "sign connection_lost 1"),
    ] {
        let (items, outcome) = run(&server, options.clone()).await;
        assert_eq!(outcome == Outcome::Ended("stream_ended"), is_reached, "{outcome:?}");
        let mut told: Vec<(String, usize)> = Vec::new();
        for item in &items {
            let What::Status(status) = &item.what else { continue };
            let way = status.detail.split(':').next().unwrap();
            let line = format!("{way} {}", status.code);
            match told.last_mut().filter(|(last, _)| *last == line) {
                Some((_, times)) => *times += 1,
                None => told.push((line, 1)),
            }
        }
        let told: Vec<_> = told.iter().map(|(line, times)| format!("{line} {times}")).collect();
        assert_eq!(told.join(", "), expected);
    }
    let server = Server::new([(API, vec![room(4)])]);
    let (items, outcome) = run(&server, both).await;
    assert_failed(&outcome, Code::UserOffline);
    assert_eq!(codes(&items).len(), 1, "a user who is offline is so on every way");
}

#[tokio::test(start_paused = true)]
async fn the_hint_names_the_other_way_and_the_third_party() {
    let refused = |options: LiveOptions| async {
        let server = live(vec![status(403, &[], "")]);
        match run(&server, options).await.1 {
            Outcome::Failed(problem) => problem.hint,
            outcome => panic!("{outcome:?}"),
        }
    };
    let hint = refused(LiveOptions { upstream: None, ..options() }).await;
    assert!(hint.contains(r#"set `ways = ["direct", "sign"]` under [live]"#), "{hint}");
    assert!(hint.ends_with("the user agent to api.eulerstream.com, a third party"), "{hint}");
    let both = vec![Way::Direct, Way::Sign];
    let server =
        Server::new([(API, vec![room(2)]), ("/", vec![cookie()]), (SOCKET, vec![status(403, &[], "")])]);
    let (_, outcome) = run(&server, LiveOptions { ways: both, attempts_max: 1, ..options() }).await;
    let next = "try again later, or follow a tab of Chrome that shows the LIVE: set `cdp = 9222` and \
                `ways = [\"direct\", \"sign\", \"tab\"]` under [live] in livetape.toml";
    assert!(matches!(&outcome, Outcome::Failed(problem) if problem.hint == next), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn look_ups_follow_redirects_within_the_site() {
    let to = |path: &str| status(302, &[("location", path)], "");
    let socket = vec![Reply::Socket(vec![ended(1), Act::Hang])];
    let moved =
        [(API, vec![to("/moved")]), ("/moved", vec![room(2)]), ("/", vec![cookie()]), (SOCKET, socket)];
    let (_, outcome) = run(&Server::new(moved), options()).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    for path in ["https://evil.example/", API] {
        let server = Server::new([(API, vec![to(path)]), (PAGE, vec![to(path)]), ("/", vec![cookie()])]);
        let once = LiveOptions { attempts_max: 1, ..options() };
        assert_failed(&run(&server, once).await.1, Code::Blocked);
        let asked = server.seen().iter().filter(|seen| format!("{seen:?}").contains(API)).count();
        assert!(asked <= 8, "{asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_does_not_refill_the_attempts() {
    let frozen = live(vec![Reply::Socket(vec![Act::Freeze])]);
    let (items, _) = run(&frozen, LiveOptions { attempts_max: 3, ..options() }).await;
    assert_eq!(codes(&items).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn stopping_closes_the_socket_in_time() {
    for (last, millis) in [(Act::Hang, 0), (Act::Freeze, 2_000)] {
        let server = live(vec![Reply::Socket(vec![last])]);
        let mut live = Live::start(options(), server.transport());
        while !matches!(live.next().await.unwrap().what, What::Frame(_)) {}
        let stopped = clock::now();
        live.stop();
        let mut last = None;
        while let Some(item) = live.next().await {
            last = Some(item.what);
        }
        assert_eq!(stopped.elapsed().as_millis(), millis);
        assert!(matches!(last, Some(What::ConnClose(close)) if close.code == 1000 && !close.will_retry));
        assert_eq!(live.outcome().await, Outcome::Stopped);
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_interrupts_waits() {
    let server = Server::new([(API, vec![status(429, &[("retry-after", "600")], "")])]);
    let mut live = Live::start(options(), server.transport());
    while !matches!(live.next().await.unwrap().what, What::Status(_)) {}
    live.stop();
    assert!(live.next().await.is_none());
    assert_eq!(live.outcome().await, Outcome::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_sleeping_reader_does_not_lose_the_connection() {
    let sends = (1..2000).map(|n| Act::Send(msg(n, vec![])));
    let acts = sends.chain([Act::Wait(1_000), ended(2000), Act::Hang]).collect();
    let server = live(vec![Reply::Socket(acts)]);
    let mut live = Live::start(options(), server.transport());
    tokio::time::sleep_until(clock::now() + Duration::from_secs(300)).await;
    let mut received = 0;
    while let Some(item) = live.next().await {
        received += u64::from(matches!(&item.what, What::Frame(_)) && !item.flags.is_sent());
    }
    assert_eq!(live.outcome().await, Outcome::Ended("stream_ended"));
    assert_eq!(received, 2000);
    let is_30th =
        |seen: &Seen| matches!(seen, Seen::Frame(_, bytes) if *bytes == client::heartbeat(ROOM, 30));
    assert_eq!(server.seen().iter().filter(|seen| is_30th(seen)).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_overlong_frame_closes_the_connection() {
    let long = Bytes::from(vec![0; FRAME_BYTES_MAX + 1]);
    let server = live(vec![Reply::Socket(vec![Act::Send(long), Act::Hang])]);
    let (items, outcome) = run(&server, LiveOptions { attempts_max: 1, ..options() }).await;
    assert_failed(&outcome, Code::ConnectionLost);
    assert!(items.iter().all(|item| !matches!(&item.what, What::Frame(_)) || item.flags.is_sent()));
    let longest = Bytes::from(vec![0; FRAME_BYTES_MAX]);
    let server = live(vec![Reply::Socket(vec![Act::Send(longest), ended(1), Act::Hang])]);
    assert_eq!(run(&server, options()).await.1, Outcome::Ended("stream_ended"));
}

/// Servers quote what they receive, even in close frames.
#[tokio::test(start_paused = true)]
async fn secrets_quoted_by_the_upstream_are_in_no_item() {
    let quoting = || Act::Close(1000, "see wss://host/?msToken=planted&room_id=7 sessionid=planted");
    // Once for a room that continues, once for one that is over.
    for after in [room(2), room(4)] {
        let socket = vec![Reply::Socket(vec![quoting()]), Reply::Socket(vec![ended(1), Act::Hang])];
        let server = Server::new([(API, vec![room(2), after]), ("/", vec![cookie()]), (SOCKET, socket)]);
        let (items, _) = run(&server, options()).await;
        let yielded = format!("{items:?}");
        assert!(!yielded.contains("planted") && yielded.contains("msToken=***&room_id=7"), "{yielded}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_sends_too_much_is_abandoned() {
    let message = Bytes::from(vec![0; FRAME_BYTES_MAX]);
    let sends = std::iter::repeat_n(Act::Send(message), 80);
    let server = live(vec![Reply::Socket(sends.chain([Act::Hang]).collect())]);
    let (items, outcome) = run(&server, options()).await;
    assert_failed(&outcome, Code::UpstreamFlood);
    assert_eq!(codes(&items), [(0, "upstream_flood", false)]);
    let Outcome::Failed(problem) = outcome else { unreachable!() };
    assert_eq!(problem.message, "the upstream sends more than 8 MiB per second");
    assert!(problem.hint.contains("upstream"), "{}", problem.hint);
    // The same amount within the rate limit is a normal room.
    let sends = (0..80).flat_map(|_| [Act::Send(Bytes::from(vec![0; FRAME_BYTES_MAX])), Act::Wait(150)]);
    let server = live(vec![Reply::Socket(sends.chain([ended(1), Act::Hang]).collect())]);
    assert_eq!(run(&server, options()).await.1, Outcome::Ended("stream_ended"));
}

#[tokio::test(start_paused = true)]
async fn each_failure_is_retried_as_often_as_the_table_says() {
    let api = |reply: Reply| Server::new([(API, vec![reply]), (PAGE, vec![status(403, &[], "")])]);
    let limited = |wait: &str| status(429, &[("retry-after", wait)], "");
    let adults = ok(r#"{"data":{"prompts":""},"extra":{"now":1},"status_code":4003110}"#);
    let for_adults = Server::new([(API, vec![room(2)]), (INFO, vec![adults])]);
    let no_cookie = || Server::new([(API, vec![room(2)]), ("/", vec![ok("page")])]);
    let refused =
        |status_: &str| live(vec![status(200, &[("handshake-status", status_), ("handshake-msg", "X")], "")]);
    let cases = [
        ("not found", api(ok(NOT_FOUND)), Code::UserNotFound),
        ("offline", api(room(4)), Code::UserOffline),
        ("age", api(ok(r#"{"data":{"prompts":""},"status_code":4003110}"#)), Code::AgeRestricted),
        ("age by info", for_adults, Code::AgeRestricted),
        ("limited 7 s", api(limited("7")), Code::RateLimited),
        ("limited 1 h", api(limited("3600")), Code::RateLimited),
        ("captcha", api(ok(r#"{"code":"10000","type":"verify","subtype":"slide"}"#)), Code::Blocked),
        ("no cookie", no_cookie(), Code::Blocked),
        ("device blocked", refused("415"), Code::Blocked),
        ("refused", refused("417"), Code::HandshakeRefused),
        ("dropped", live(vec![Reply::Socket(vec![])]), Code::ConnectionLost),
    ];
    let mut schedule = String::new();
    for (name, server, code) in cases {
        let (items, outcome) = run(&server, options()).await;
        assert_failed(&outcome, code);
        let Outcome::Failed(problem) = outcome else { unreachable!() };
        writeln!(schedule, "{name}: {:?}\n  {} — {}", codes(&items), problem.message, problem.hint).unwrap();
    }
    insta::assert_snapshot!(schedule);
}

#[tokio::test(start_paused = true)]
async fn a_malformed_name_causes_no_request() {
    for user in ["", "a b", "../x"] {
        let (items, outcome) = run(&Server::new([]), LiveOptions { user: user.into(), ..options() }).await;
        assert_failed(&outcome, Code::InvalidUsername);
        assert_eq!(codes(&items), [(0, "invalid_username", false)]);
    }
    let elsewhere = LiveOptions { upstream: Some(Url::parse("ftp://mock").unwrap()), ..options() };
    assert_failed(&run(&Server::new([]), elsewhere).await.1, Code::BadRequest);
    let broken = LiveOptions { sign_key: Some("a\nb".parse().unwrap()), ..options() };
    assert_failed(&run(&Server::new([]), broken).await.1, Code::BadRequest);
}

/// With a sign server, the default ways are the same as `["sign", "direct"]`.
#[tokio::test(start_paused = true)]
async fn a_sign_server_that_fails_hands_over_like_any_way() {
    let sign_url = Some(Url::parse("http://sign.example").unwrap());
    let default = LiveOptions { sign_url, attempts_max: 2, ..options() };
    let named = LiveOptions { ways: vec![Way::Sign, Way::Direct], ..default.clone() };
    let stub = || ok("Connected through Euler Stream fallback proxy");
    for (reply, times, message) in [
        (status(503, &[], ""), 2, "returned 503"),
        (status(401, &[], ""), 1, "returned 401"),
        (stub(), 1, "sent a stub, which leads nowhere"),
        (ok("<html>"), 2, "sent a web page instead of a signature"),
    ] {
        for options in [&default, &named] {
            let socket = vec![Reply::Socket(vec![ended(1), Act::Hang])];
            let replies =
                [(API, vec![room(2)]), ("/", vec![cookie()]), (SOCKET, socket), (FETCH, vec![reply.clone()])];
            let (items, outcome) = run(&Server::new(replies), options.clone()).await;
            assert_eq!(outcome, Outcome::Ended("stream_ended"));
            let told = items.iter().filter_map(|item| match &item.what {
                What::Status(status) => Some(status),
                _ => None,
            });
            let told: Vec<_> = told.collect();
            assert_eq!(told.len(), times, "{told:?}");
            let last = told[times - 1];
            let detail = format!("sign: the sign server sign.example {message}; trying direct next (mock)");
            assert_eq!((last.detail.as_str(), last.retrying), (detail.as_str(), true));
            let is_named = options.ways.contains(&Way::Sign);
            let hint = match last.code.as_str() {
                "sign_unauthorized" => "set an API key of sign.example, a third party: `sign_key`",
                _ => "if it always fails, ",
            };
            assert!(last.hint.starts_with(hint), "{}", last.hint);
            assert_eq!(last.hint.ends_with("if it always fails, leave `sign` out of `ways`"), is_named);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_server_that_refuses_is_named_in_the_failure_and_its_hint() {
    for (code, key) in [401, 402, 403].into_iter().flat_map(|code| [(code, None), (code, Some("key"))]) {
        let server = Server::new([(API, vec![room(2)]), (FETCH, vec![status(code, &[], "")])]);
        let sign_url = Some(Url::parse("http://sign.example:8080").unwrap());
        let sign_key = key.map(|key| key.parse().unwrap());
        let (_, outcome) =
            run(&server, LiveOptions { ways: vec![Way::Sign], sign_url, sign_key, ..options() }).await;
        assert_failed(&outcome, Code::SignUnauthorized);
        let Outcome::Failed(problem) = outcome else { unreachable!() };
        assert_eq!(problem.message, format!("the sign server sign.example:8080 returned {code}"));
        let hint = if key.is_none() { "set an API key of" } else { "check the API key of" };
        assert!(problem.hint.starts_with(&format!("{hint} sign.example:8080, a third party")), "{problem:?}");
    }
}

/// TikTok says nothing about a session that it has flagged.
#[tokio::test(start_paused = true)]
async fn a_session_that_may_be_flagged_has_its_own_hint() {
    let session = || Some(Cookies::parse("sessionid=planted", "it", Duration::ZERO).unwrap());
    let said = [("handshake-status", "417"), ("handshake-msg", "illegal secret key")];
    for (session, answer, is_own) in [
        (session(), status(200, &[], ""), true),
        (session(), status(200, &said, ""), false),
        (session(), status(403, &[], ""), false),
        (None, status(200, &[], ""), false),
    ] {
        let (items, outcome) = run(&live(vec![answer]), LiveOptions { session, ..options() }).await;
        assert_failed(&outcome, Code::HandshakeRefused);
        let Outcome::Failed(problem) = outcome else { unreachable!() };
        assert_eq!(
            problem.hint.starts_with("use another session or none for an hour"),
            is_own,
            "{problem:?}"
        );
        assert_eq!(format!("{items:?}").contains("use another session"), is_own);
    }
}

#[tokio::test(start_paused = true)]
async fn the_page_is_requested_if_the_api_is_blocked() {
    let page = format!(
        r#"<script id="SIGI_STATE" type="application/json">{{"LiveRoom":{{"liveRoomUserInfo":{{"user":{{"roomId":"{ROOM}","status":2}},"liveRoom":{{"status":2}}}}}}}}</script>"#
    );
    let socket = vec![Reply::Socket(vec![ended(1), Act::Hang])];
    let server = Server::new([
        (API, vec![status(403, &[], "")]),
        (PAGE, vec![ok(page)]),
        ("/", vec![cookie()]),
        (SOCKET, socket),
    ]);
    assert_eq!(run(&server, options()).await.1, Outcome::Ended("stream_ended"));
}

#[tokio::test(start_paused = true)]
async fn a_room_that_ended_before_the_connection_was_lost_ends() {
    let server = Server::new([
        (API, vec![room(2), room(4)]),
        ("/", vec![cookie()]),
        (SOCKET, vec![Reply::Socket(vec![])]),
    ]);
    let (items, outcome) = run(&server, options()).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    assert_eq!(codes(&items).len(), 1);
    // A proper close is not an error.
    let goodbye = vec![Reply::Socket(vec![Act::Close(1000, "bye")])];
    let server = Server::new([(API, vec![room(2), room(4)]), ("/", vec![cookie()]), (SOCKET, goodbye)]);
    let (items, outcome) = run(&server, options()).await;
    assert_eq!((outcome, codes(&items)), (Outcome::Ended("stream_ended"), vec![]));
    let Some(What::ConnClose(close)) = items.last().map(|item| &item.what) else { panic!("{items:?}") };
    assert_eq!((close.code, close.reason.as_str(), close.will_retry), (1000, "bye", false));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_fails_has_the_advice_for_the_ways() {
    let captcha = || vec![ok("<html>")];
    let server = Server::new([(API, captcha()), (PAGE, captcha())]);
    let why = check(&options(), server.transport()).await.why.unwrap();
    let ways = "set `cdp = 9222` and `ways = [\"direct\", \"tab\"]` under [live] in livetape.toml";
    assert!(
        why.hint.starts_with("wait a while or connect through a proxy") && why.hint.ends_with(ways),
        "{why:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_check_does_not_connect() {
    let cases = [
        (room(2), (Some(true), Some(true), true, None)),
        (room(3), (Some(true), Some(true), true, None)),
        (room(4), (Some(true), Some(false), false, Some(Code::UserOffline))),
        (ok(NOT_FOUND), (Some(false), Some(false), false, Some(Code::UserNotFound))),
        (status(429, &[], ""), (None, None, false, Some(Code::RateLimited))),
    ];
    for (reply, expected) in cases {
        let server = Server::new([(API, vec![reply])]);
        let check = check(&options(), server.transport()).await;
        assert_eq!(
            (check.exists, check.live, check.can_connect, check.why.map(|problem| problem.code)),
            expected
        );
        assert!(server.seen().len() <= 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_retries_once_if_the_user_is_not_found() {
    let requests =
        |server: &Server| server.seen().iter().filter(|seen| matches!(seen, Seen::Request(..))).count();
    let server = Server::new([(API, vec![ok(NOT_FOUND), room(2)])]);
    let found = check(&options(), server.transport()).await;
    assert_eq!((found.exists, found.can_connect), (Some(true), true), "{found:?}");
    let server = Server::new([(API, vec![ok(NOT_FOUND)])]);
    let found = check(&options(), server.transport()).await;
    assert_eq!((found.exists, requests(&server)), (Some(false), 2));
    // Other failures are reported at once.
    let server = Server::new([(API, vec![status(429, &[], "")])]);
    check(&options(), server.transport()).await;
    assert_eq!(requests(&server), 1);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_attempt_is_retried_with_a_fresh_cookie() {
    let blocked = status(200, &[("handshake-status", "415"), ("handshake-msg", "DEVICE_BLOCKED")], "");
    let server = live(vec![blocked, Reply::Socket(vec![]), Reply::Socket(vec![ended(1), Act::Hang])]);
    let (_, outcome) = run(&server, options()).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    let asked = |start: &str| {
        let is_so = |seen: &Seen| matches!(seen, Seen::Request(_, head) if head.starts_with(start));
        server.seen().iter().filter(|seen| is_so(seen)).count()
    };
    assert_eq!((asked("GET / "), asked(&format!("GET {SOCKET}"))), (2, 3));
}
