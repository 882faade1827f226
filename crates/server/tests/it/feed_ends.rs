//! The feed: slow subscribers, pacing and the end.

use std::time::Duration;

use futures_util::StreamExt as _;
use livetape_feed::hub::CloseReason;
use livetape_io::clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{Rig, chats, read, read_all, seqs, wait};

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
    let rig = Rig::ring(128);
    let mut slow = rig.ws("").await;
    publish(&rig, 120).await;
    let log = read_all(&mut slow).await;
    assert_eq!(close(&log), SLOW);
    let mut seen = log.seqs();
    let last = *seen.last().unwrap();
    assert!(last < 120, "{last}");
    rig.hub.close(CloseReason { code: 1000, reason: "".into() });
    seen.extend(read_all(&mut rig.ws(&format!("?since=s:{last}")).await).await.seqs());
    assert_eq!(seen, (1..=120).collect::<Vec<_>>());
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
    let last = crate::support::json(last);
    assert_eq!((&last["type"], &last["data"]["code"]), (&"error".into(), &"slow_consumer".into()));
    let schema = crate::openapi::document(&rig, "/schema/events.json").await;
    crate::openapi::closed(crate::openapi::of_type(&schema, "error")).check(&last).unwrap();
    let lines = body.lines().filter(|line| line.starts_with('{'));
    let seqs: Vec<u64> = lines.map(|line| crate::support::json(line)["seq"].as_u64().unwrap()).collect();
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
async fn pacing_loses_no_events_for_a_slow_reader() {
    let rig = Rig::ring(64);
    let mut slow = rig.ws("").await;
    let start = clock::now();
    let hub = rig.hub.clone();
    let publishing = tokio::spawn(async move {
        for frame in chats(600).chunks(100) {
            hub.publish_paced(frame).await;
        }
        hub.close(CloseReason { code: 1000, reason: "recording_ended".into() });
    });
    let mut seen = Vec::new();
    for _ in 0..12 {
        seen.extend(seqs(&read(&mut slow, 50).await));
        wait(Duration::from_secs(5)).await;
    }
    let end = read_all(&mut slow).await;
    assert_eq!(seen, (1..=600).collect::<Vec<_>>());
    assert_eq!((end.texts.len(), close(&end)), (0, Some((1000, "recording_ended"))));
    assert!(clock::now() - start >= Duration::from_secs(60));
    publishing.await.unwrap();
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
