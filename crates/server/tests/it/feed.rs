//! The feed over WebSocket and as NDJSON: what subscribers and observers receive, whenever they join, and
//! its end. Rejections and what REST reports of them are in `sessions/feed.snap`, and what starts a replay, and the state
//! after its end, are in `sessions/replay.snap`.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_feed::hub::{CloseReason, Limits};
use livetape_io::clock;
use livetape_server::{Bounds, Config};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Rig, chat, chats, json, read, read_all, seqs, wait};

fn done() -> CloseReason {
    CloseReason::new(1000, "recording_ended")
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

// The feed: slow subscribers, pacing and the end.

const SLOW: Option<(u16, &str)> = Some((4101, "slow_consumer"));

fn close(log: &crate::support::Log) -> Option<(u16, &str)> {
    log.close.as_ref().map(|(code, reason)| (*code, reason.as_str()))
}

/// Publishes frames of four events, one frame per millisecond.
async fn publish(rig: &Rig, count: usize) {
    for frame in chats(count).chunks(4) {
        rig.hub.publish(frame);
        wait(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_is_closed_and_resumes_without_loss() {
    for path in ["", "ws"] {
        let rig = Rig::ring(128);
        let mut slow = rig.ws(path).await;
        if !path.is_empty() {
            read(&mut slow, 1).await;
        }
        publish(&rig, 120).await;
        let log = read_all(&mut slow).await;
        assert_eq!(close(&log), SLOW, "{path}");
        let metrics = rig.http("GET", "/metrics", "").await.body;
        let line = "livetape_sockets_turned_away_total{code=\"slow_consumer\",cause=\"unread_events\"} 1\n";
        assert!(metrics.contains(line), "{path}: {metrics}");
        let events = log.texts.iter().filter_map(|text| json(text)["seq"].as_u64());
        let mut seen = Vec::from_iter(events);
        let last = *seen.last().unwrap();
        assert!(last < 120, "{path}: {last}");
        rig.hub.close(CloseReason::new(1000, ""));
        seen.extend(read_all(&mut rig.ws(&format!("?since=s:{last}")).await).await.seqs());
        assert_eq!(seen, (1..=120).collect::<Vec<_>>(), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_socket_is_reset_after_ten_seconds_and_others_continue() {
    let rig = Rig::ring(128);
    let mut stalled = rig.ws("").await;
    let mut fast = rig.ws("").await;
    let reading = tokio::spawn(async move { read(&mut fast, 400).await });
    publish(&rig, 400).await;
    assert_eq!(seqs(&reading.await.unwrap()), (1..=400).collect::<Vec<_>>());
    wait(Duration::from_secs(11)).await;
    let log = read_all(&mut stalled).await;
    assert_eq!(log.close, None, "the close frame never got through");
    assert!(!log.texts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_resumes_reading_in_time_gets_its_close_frame() {
    let rig = Rig::ring(128);
    let mut stalled = rig.ws("").await;
    publish(&rig, 400).await;
    wait(Duration::from_secs(9)).await;
    assert_eq!(close(&read_all(&mut stalled).await), SLOW);
}

#[tokio::test(start_paused = true)]
async fn a_slow_ndjson_client_gets_a_final_error_line() {
    let rig = Rig::ring(128);
    let mut stream = events(&rig).await;
    publish(&rig, 400).await;
    let mut body = String::new();
    stream.read_to_string(&mut body).await.unwrap();
    let last = body.lines().rfind(|line| line.starts_with('{')).unwrap();
    let last = json(last);
    assert_eq!((&last["type"], &last["data"]["code"]), (&"error".into(), &"slow_consumer".into()));
    let schema = crate::openapi::document(&rig, "/schema/events.json").await;
    crate::openapi::closed(crate::openapi::of_type(&schema, "error")).check(&last).unwrap();
    let lines = body.lines().filter(|line| line.starts_with('{'));
    let seqs: Vec<u64> = lines.map(|line| json(line)["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs[seqs.len() - 2..], [last["seq"].as_u64().unwrap(); 2], "it goes on behind the last one");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_ndjson_connection_is_dropped_after_ten_seconds() {
    let rig = Rig::ring(128);
    let mut stream = events(&rig).await;
    publish(&rig, 2000).await;
    wait(Duration::from_secs(11)).await;
    let mut body = String::new();
    stream.read_to_string(&mut body).await.unwrap();
    assert!(!body.contains("slow_consumer") && !body.ends_with("0\r\n\r\n"), "truncated");
    let gone = stream.write_all(b"x").await.unwrap_err();
    assert_eq!(gone.kind(), std::io::ErrorKind::BrokenPipe);
}

/// Requests the feed without reading the response.
async fn events(rig: &Rig) -> tokio::io::DuplexStream {
    let before = rig.hub.subscriber_count();
    let mut stream = rig.connect().await;
    stream.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    rig.hub.wait_for_subscribers(before + 1).await;
    stream
}

#[tokio::test(start_paused = true)]
async fn shutting_down_delivers_queued_events_and_closes_with_1001() {
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    let mut stream = events(&rig).await;
    rig.hub.publish(&chats(300));
    rig.control.shut_down();
    let log = read_all(&mut socket).await;
    assert_eq!((log.texts.len(), close(&log)), (300, Some((1001, "shutting_down"))));
    let mut body = String::new();
    stream.read_to_string(&mut body).await.unwrap();
    assert!(body.contains("\"seq\":300}") && body.ends_with("0\r\n\r\n"), "{body}");
    rig.serving.await.unwrap();
    assert!(rig.connector.connect().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn clients_that_take_longer_than_five_seconds_are_dropped() {
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    let _stream = events(&rig).await;
    let _idle = rig.connect().await;
    rig.hub.publish(&chats(300));
    let start = clock::now();
    rig.control.shut_down();
    rig.serving.await.unwrap();
    assert_eq!((clock::now() - start).as_secs(), 5);
    while let Some(Ok(message)) = socket.next().await {
        assert!(message.is_text());
    }
}

#[tokio::test(start_paused = true)]
async fn connections_report_how_far_they_have_read() {
    let rig = Rig::start();
    // The first reads nothing, and the second drops all events by its filter.
    let _sockets = [rig.ws("").await, rig.ws("?types=gift").await, rig.ws("ws/echo").await];
    let places = async || {
        wait(Duration::from_millis(1)).await;
        let connections = rig.http("GET", "/connections", "").await.json();
        let place = |it: &Value| [it["position"].as_u64(), it["lag"].as_u64()];
        connections["connections"].as_array().unwrap().iter().map(place).collect::<Vec<_>>()
    };
    assert_eq!(places().await, [[Some(0), Some(0)], [Some(0), Some(0)], [None, None]]);
    let long = vec![chat(&"x".repeat(10_000)); 200];
    rig.hub.publish(&long);
    let found = places().await;
    assert_eq!(found[1..], [[Some(200), Some(0)], [None, None]]);
    let [Some(position), Some(lag)] = found[0] else { panic!("{found:?}") };
    assert!(lag > 50 && position + lag == 200, "{found:?}");
}
