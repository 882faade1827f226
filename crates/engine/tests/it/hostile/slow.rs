//! Upstreams that are slow, silent, or alive without saying anything.

use futures_util::future::join_all;
use livetape_core::error::Code;
use livetape_engine::source::live::{LiveOptions, Url};
use tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use crate::{
    live::{API, FETCH, PAGE, assert_failed, codes, live, msg, options, room, run},
    support::scripted::{Act, Reply, Server},
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
async fn a_socket_without_frames_is_dead_after_a_minute() {
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
        let server = live(vec![Reply::Socket(acts)]);
        let (items, outcome) = run(&server, LiveOptions { attempts_max: 1, ..options() }).await;
        assert_failed(&outcome, Code::ConnectionLost);
        assert_eq!(codes(&items), [(60_000, "connection_lost", false)], "{name}");
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
