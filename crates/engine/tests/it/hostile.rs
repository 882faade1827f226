//! Malicious upstreams that wait or make livetape wait, in memory and to the millisecond. Those that could cost memory
//! attack the program, in the tests of the root.

use Then::{Again, Backoff, GivesUp};
use futures_util::future::join_all;
use livetape_core::{error::Code, recording::What};
use livetape_engine::source::live::{LiveOptions, Outcome, Url};
use tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::{
    live::{API, FETCH, PAGE, SOCKET, assert_failed, codes, cookie, ended, live, msg, options, room, run},
    support::scripted::{Act, Reply, Server, status},
};

const BODY: Reply = Reply::Dribble("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", "x");
const CHUNKS: Reply = Reply::Dribble("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n");
const HEAD: Reply = Reply::Dribble("HTTP/1.1 200 OK\r\n", "x: y\r\n");
const UPGRADE: Reply = Reply::Dribble("HTTP/1.1 101 Switching Protocols\r\n", "x: y\r\n");
const SECONDS: usize = 1_000;

#[tokio::test(start_paused = true)]
async fn no_request_takes_longer_than_its_limit() {
    let slow = [Reply::Silence, BODY, CHUNKS, HEAD];
    let cases = slow.into_iter().flat_map(|slow| {
        // A failed lookup is followed by a request for the page.
        let lookup = Server::new([(API, vec![slow.clone()]), (PAGE, vec![slow.clone()])]);
        let cookie = Server::new([(API, vec![room(2)]), ("/", vec![slow.clone()])]);
        let sign = Server::new([(API, vec![room(2)]), (FETCH, vec![slow]), ("/", vec![Reply::Silence])]);
        [(lookup, 20), (cookie, 10), (sign, 20)]
    });
    let upgrades = [Reply::Silence, UPGRADE, HEAD].map(|slow| (live(vec![slow]), 20));
    join_all(cases.chain(upgrades).map(async |(server, seconds)| {
        let sign_url = server.has(FETCH).then(|| Url::parse("http://sign").unwrap());
        let (items, outcome) = run(&server, LiveOptions { attempts_max: 1, sign_url, ..options() }).await;
        assert_failed(&outcome, Code::ConnectionLost);
        let last = *codes(&items).last().unwrap();
        assert_eq!(last, (seconds * 1_000, "connection_lost", false), "{:?}", server.seen());
    }))
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_socket_without_frames_is_dead_after_half_a_minute_and_later_after_a_minute() {
    let part =
        |opcode, is_final| Act::Message(Message::Frame(Frame::message("x", OpCode::Data(opcode), is_final)));
    let fragment = || part(Data::Continue, false);
    let ping = || Act::Message(Message::Ping("x".into()));
    let pong = || Act::Message(Message::Pong("x".into()));
    let every_second = |start: Option<Act>, act: &dyn Fn() -> Act| {
        let acts = (0..SECONDS).flat_map(|_| [act(), Act::Wait(1_000)]);
        start.into_iter().chain(acts).collect::<Vec<_>>()
    };
    let cases = [
        ("nothing", vec![Act::Hang]),
        ("nothing, and it does not read", vec![Act::Freeze]),
        ("pings", every_second(None, &ping)),
        ("pongs", every_second(None, &pong)),
        ("a message without an end", every_second(Some(part(Data::Binary, false)), &fragment)),
    ];
    for (name, acts) in cases {
        for (first, millis) in [(None, 30_000), (Some(Act::Send(msg(1, vec![]))), 60_000)] {
            let server = live(vec![Reply::Socket(first.into_iter().chain(acts.clone()).collect())]);
            let (items, outcome) = run(&server, LiveOptions { attempts_max: 1, ..options() }).await;
            assert_failed(&outcome, Code::ConnectionLost);
            assert_eq!(codes(&items), [(millis, "connection_lost", false)], "{name}");
        }
    }
}

/// Acks that nobody reads fill the connection, after which nothing can be sent.
#[tokio::test(start_paused = true)]
async fn a_room_that_never_reads_acks_is_abandoned() {
    let sends = (1..=20_000).flat_map(|n| [Act::Send(msg(n, vec![])), Act::Wait(1)]);
    let server = live(vec![Reply::Socket([Act::Deafen].into_iter().chain(sends).collect())]);
    let (items, outcome) = run(&server, LiveOptions { attempts_max: 1, ..options() }).await;
    assert_failed(&outcome, Code::ConnectionLost);
    let (at_ms, code, retrying) = codes(&items)[0];
    assert!((10_000..25_000).contains(&at_ms) && (code, retrying) == ("connection_lost", false), "{at_ms}");
}

/// What a form leads to. The wall time of the response is 2026-11-20T10:00:00Z.
#[derive(Debug, PartialEq)]
enum Then {
    /// The next attempt, after this many seconds.
    Again(u64),
    /// The next attempt, after our own delay, 10 to 20 s.
    Backoff,
    /// No further attempt: the wait is longer than 15 minutes.
    GivesUp,
}

const FORMS: &[(&str, &str, Then)] = &[
    ("retry-after", "30", Again(30)),
    ("retry-after", "  30  ", Again(30)),
    ("retry-after", "30.0", Again(30)),
    ("retry-after", "Fri, 20 Nov 2026 10:00:30 GMT", Again(30)),
    ("retry-after", "Friday, 20-Nov-26 10:00:30 GMT", Again(30)),
    ("retry-after", "Fri Nov 20 10:00:30 2026", Again(30)),
    ("retry-after", "2026-11-20T10:00:30Z", Again(30)),
    ("x-ratelimit-reset", "1795168830", Again(30)),
    ("x-ratelimit-reset", "1795168830000", Again(30)),
    ("ratelimit-reset", "30", Again(30)),
    ("RateLimit-Reset", "1795168830", Again(30)),
    ("retry-after", "900", Again(900)),
    ("retry-after", "901", GivesUp),
    ("retry-after", "99999999999999999999999999", GivesUp),
    ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT", GivesUp),
    ("retry-after", "", Backoff),
    ("retry-after", "0", Backoff),
    ("retry-after", "-30", Backoff),
    ("retry-after", "1e9", Backoff),
    ("retry-after", "30, 60", Backoff),
    ("retry-after", "soon", Backoff),
    ("retry-after", "Thu, 19 Nov 2026 10:00:00 GMT", Backoff),
    ("retry-after", "Fri, 99 Nov 2026 99:99:99 GMT", Backoff),
    ("retry-after", "\u{fffd}", Backoff),
];

#[tokio::test(start_paused = true)]
async fn every_form_of_retry_after_has_a_bounded_wait() {
    for (name, value, expected) in FORMS {
        let socket = vec![Reply::Socket(vec![ended(1), Act::Hang])];
        let api = vec![status(429, &[(name, value)], ""), room(2)];
        let server = Server::new([(API, api), ("/", vec![cookie()]), (SOCKET, socket)]);
        let (items, outcome) = run(&server, options()).await;
        let opened = items.iter().find(|item| matches!(item.what, What::ConnOpen(_)));
        let found = match opened.map(|item| item.offset) {
            None => GivesUp,
            // Random, unlike waits that the server asks for.
            Some(offset) if (10..20).contains(&offset.as_secs()) && offset.subsec_millis() > 0 => Backoff,
            Some(offset) => {
                assert_eq!(offset.subsec_nanos(), 0, "{name}: {value}: {offset:?}");
                Again(offset.as_secs())
            }
        };
        assert_eq!(found, *expected, "{name}: {value}");
        match found {
            GivesUp => assert_failed(&outcome, Code::RateLimited),
            _ => assert_eq!(outcome, Outcome::Ended("stream_ended"), "{name}: {value}"),
        }
    }
}
