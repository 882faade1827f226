//! The feed that a subscriber receives, over WebSocket and as NDJSON.

use std::time::Duration;

use futures_util::SinkExt as _;
use livetape_core::event::{ConnectionCreated, Data, Gift, Unknown};
use livetape_feed::hub::{CloseReason, Limits};
use livetape_io::clock;
use livetape_server::{Bounds, Config};

use crate::support::{Rig, chat, chats, event, is_quiet, json, read, read_all, seqs, wait};

fn done() -> CloseReason {
    CloseReason { code: 1000, reason: "recording_ended".into() }
}

fn connected() -> livetape_core::event::Event {
    event(Data::ConnectionCreated(ConnectionCreated::default()))
}

/// Returns the published events that a subscriber with `query` receives.
async fn all(rig: &Rig, query: &str) -> Vec<u64> {
    read_all(&mut rig.ws(query).await).await.seqs()
}

#[tokio::test(start_paused = true)]
async fn a_joiner_gets_the_state_and_then_new_events() {
    let rig = Rig::start();
    rig.hub.publish(&[connected(), chat("old")]);
    let mut socket = rig.ws("").await;
    rig.hub.publish(&[chat("new")]);
    assert_eq!(seqs(&read(&mut socket, 2).await), [1, 3]);
    assert!(is_quiet(&mut socket));
}

#[tokio::test(start_paused = true)]
async fn since_resumes_after_the_given_position() {
    let rig = Rig::ring(8);
    rig.hub.publish(&chats(12));
    rig.hub.close(done());
    assert_eq!(all(&rig, "?since=0").await, [5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(all(&rig, "?since=s:10").await, [11, 12]);
    assert_eq!(all(&rig, "?since=s%3A12").await, [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_position_closes_4001() {
    let rig = Rig::ring(8);
    rig.hub.publish(&chats(12));
    for since in ["s:13", "s:3", "t:10"] {
        let log = read_all(&mut rig.ws(&format!("?since={since}")).await).await;
        assert_eq!((log.texts.len(), log.close), (0, Some((4001, "unknown_position".to_owned()))), "{since}");
        let answer = rig.http("GET", &format!("/events?since={since}"), "").await;
        assert_eq!((answer.status, answer.code().as_str()), (410, "unknown_position"), "{since}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gap_is_reported_on_request() {
    let rig = Rig::ring(8);
    rig.hub.publish(&chats(12));
    rig.hub.close(done());
    let log = read_all(&mut rig.ws("?since=s:2&on_gap=skip").await).await;
    assert_eq!(log.texts[0], r#"{"type":"gap","from":3,"to":4}"#);
    assert_eq!(seqs(&log.texts[1..]), [5, 6, 7, 8, 9, 10, 11, 12]);
}

#[tokio::test(start_paused = true)]
async fn types_gifts_and_raw_filter_events() {
    let rig = Rig::start();
    let gift = |gift| event(Data::Gift(gift));
    rig.hub.publish(&[
        chat("hi"),
        event(Data::Unknown(Unknown::default())),
        gift(Gift { repeat_count: 1, repeat_delta: 1, ..Gift::default() }),
        gift(Gift { repeat_count: 1, ..Gift::default() }),
        gift(Gift {
            repeat_count: 1,
            is_final: true,
            inferred: true,
            delta_since_final: 1,
            ..Gift::default()
        }),
    ]);
    rig.hub.close(done());
    assert_eq!(all(&rig, "?since=0").await, [1, 3, 4]);
    assert_eq!(all(&rig, "?since=0&raw=1").await, [1, 2, 3, 4]);
    assert_eq!(all(&rig, "?since=0&types=gift&gifts=delta").await, [3, 5]);
    assert_eq!(all(&rig, "?since=0&types=chat,gift&gifts=final").await, [1, 5]);
    let log = read_all(&mut rig.ws("?since=0&types=gift&gifts=final").await).await;
    assert_eq!(json(&log.texts[0])["data"]["repeatDelta"], 1);
}

#[tokio::test(start_paused = true)]
async fn two_subscribers_and_ndjson_get_the_same_bytes() {
    let rig = Rig::start();
    rig.hub.publish(&chats(600));
    rig.hub.close(done());
    let one = read_all(&mut rig.ws("?since=0").await).await;
    let two = read_all(&mut rig.ws("?since=0").await).await;
    assert_eq!(one, two);
    assert_eq!(one.close, Some((1000, "recording_ended".to_owned())));
    let answer = rig.http("GET", "/events?since=0", "").await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(answer.body.lines().collect::<Vec<_>>(), one.texts);
    assert!(answer.body.ends_with('\n'));
}

#[tokio::test(start_paused = true)]
async fn a_head_request_does_not_subscribe() {
    let rig = Rig::start();
    rig.hub.publish(&chats(1));
    let answer = rig.http("HEAD", "/events?since=0", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(rig.hub.subscriber_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_bad_query_is_reported_over_the_socket_because_browsers_hide_other_rejections() {
    let rig = Rig::start();
    for query in ["?typs=gift", "?types=gfit", "?since=7", "?gifts=all", "?format=tikfinty", "?raw=1&raw=0"] {
        let started = clock::now();
        let log = read_all(&mut rig.ws(query).await).await;
        let error = json(&log.texts[0]);
        assert_eq!(
            (&error["type"], &error["data"]["code"]),
            (&"error".into(), &"bad_request".into()),
            "{query}"
        );
        assert_eq!((log.texts.len(), log.close), (1, Some((1008, "bad_request".to_owned()))), "{query}");
        assert!(clock::now() - started < Duration::from_secs(1), "{query}");
        let answer = rig.http("GET", &format!("/events{query}"), "").await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{query}");
        assert_eq!(answer.json()["error"]["message"], error["data"]["message"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_with_a_bad_query_takes_a_slot_until_it_ends() {
    let bounds = Bounds { connections_max: 1, ..Bounds::default() };
    let rig = Rig::with(Limits::default(), Config { bounds, ..Config::default() });
    let mut silent = rig.ws("?types=gfit").await;
    assert_eq!(rig.http("GET", "/health", "").await.status, 503);
    read_all(&mut silent).await;
    wait(Duration::from_millis(1)).await;
    assert_eq!(rig.http("GET", "/health", "").await.status, 200);
    // The server does not wait for a client that never answers.
    let _deaf = rig.ws("?types=gfit").await;
    wait(Duration::from_secs(11)).await;
    assert_eq!(rig.http("GET", "/health", "").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_pings_stays() {
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    let reading = tokio::spawn(async move { read(&mut socket, 1).await });
    wait(Duration::from_secs(600)).await;
    assert_eq!(rig.hub.subscriber_count(), 1);
    rig.hub.publish(&chats(1));
    assert_eq!(seqs(&reading.await.unwrap()), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_ignores_pings_is_dropped_after_a_minute() {
    let rig = Rig::start();
    let _socket = rig.ws("").await;
    wait(Duration::from_millis(59_900)).await;
    assert_eq!(rig.hub.subscriber_count(), 1);
    wait(Duration::from_millis(200)).await;
    assert_eq!(rig.hub.subscriber_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn messages_from_clients_are_ignored_up_to_16_kib() {
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    socket.send("x".repeat(16 * 1024).into()).await.unwrap();
    socket.send(vec![1, 2, 3].into()).await.unwrap();
    rig.hub.publish(&chats(1));
    assert_eq!(seqs(&read(&mut socket, 1).await), [1]);
    socket.feed("x".repeat(16 * 1024 + 1).into()).await.unwrap();
    // The server stops reading before the end.
    let _ = tokio::time::timeout(Duration::from_millis(1), socket.flush()).await;
    assert_eq!(read_all(&mut socket).await.close, Some((1009, "too_large".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_client_may_leave() {
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    socket.close(None).await.unwrap();
    let log = read_all(&mut socket).await;
    assert_eq!((log.texts.len(), log.close), (0, Some((1005, String::new()))));
    wait(Duration::from_millis(1)).await;
    assert_eq!(rig.hub.subscriber_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_beyond_the_limit_gets_the_reason() {
    let rig = Rig::with(Limits::default(), Config { subscribers_max: 1, ..Config::default() });
    let socket = rig.ws("").await;
    let log = read_all(&mut rig.ws("").await).await;
    assert_eq!(log.close, Some((4102, "capacity".to_owned())));
    assert_eq!(rig.http("GET", "/events", "").await.status, 503);
    drop(socket);
    wait(Duration::from_millis(1)).await;
    let _socket = rig.ws("").await;
    assert_eq!(rig.hub.subscriber_count(), 1);
}
