//! Failed attempts: which failures are retried, and when.

use super::*;

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
    let broken = LiveOptions { session_cookie: Some("a\nb".parse().unwrap()), ..options() };
    assert_failed(&run(&Server::new([]), broken).await.1, Code::BadRequest);
}

#[tokio::test(start_paused = true)]
async fn a_broken_sign_server_is_bypassed_but_not_one_that_rejects() {
    let with = |reply: Reply| {
        let socket = vec![Reply::Socket(vec![ended(1), Act::Hang])];
        Server::new([(API, vec![room(2)]), ("/", vec![cookie()]), (SOCKET, socket), (FETCH, vec![reply])])
    };
    let signing =
        || LiveOptions { sign_url: Some(Url::parse("http://sign").unwrap()), attempts_max: 1, ..options() };
    let (items, outcome) = run(&with(status(503, &[], "")), signing()).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    assert_eq!(codes(&items), [(0, "sign_failed", true)]);
    let stub = ok("Connected through Euler Stream fallback proxy");
    let (items, outcome) = run(&with(stub), signing()).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    assert_eq!(codes(&items), [(0, "sign_empty", true)]);
    for (refusal, code) in [
        (429, Code::RateLimited),
        (401, Code::SignUnauthorized),
        (402, Code::SignUnauthorized),
        (403, Code::SignUnauthorized),
    ] {
        let (_, outcome) = run(&with(status(refusal, &[], "")), signing()).await;
        assert_failed(&outcome, code);
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
async fn wait_live_waits_until_the_user_is_live() {
    let socket = vec![Reply::Socket(vec![ended(1), Act::Hang])];
    let server =
        Server::new([(API, vec![room(4), room(4), room(2)]), ("/", vec![cookie()]), (SOCKET, socket)]);
    let waiting = LiveOptions { wait_live: Some(Duration::from_secs(60)), attempts_max: 1, ..options() };
    let (items, outcome) = run(&server, waiting).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    assert_eq!(codes(&items), [(0, "user_offline", true), (60_000, "user_offline", true)]);
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
