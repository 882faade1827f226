//! Tests of a project outside the workspace.

use std::time::Duration;

use futures_util::StreamExt as _;
use livetape_testing::{MockTikTok, Scenario, Seen, Speed, Tape};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::sleep,
};

#[path = "../packages/livetape-testing/tests/users/crates.rs"]
mod crates;

/// Looks up a user three times, every two seconds.
async fn look_up(mock: &MockTikTok) {
    for _ in 0..3 {
        let mut stream = mock.connector().unwrap().connect().await.unwrap();
        let request = "GET /api-live/user/room/?uniqueId=ann HTTP/1.1\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn a_client_reads_every_event_of_the_tape() {
    let tape = Tape::replay("demo").speed(Speed::Max).start().await;
    let (socket, _) = tokio_tungstenite::connect_async(tape.ws_url() + "?types=gift&gifts=delta").await.unwrap();
    let reading = tokio::spawn(socket.filter(|message| std::future::ready(message.as_ref().unwrap().is_text())).count());
    let finished = tape.finished().await;
    drop(tape);
    assert_eq!(reading.await.unwrap() as u64, finished.count("gift"));
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_as_long_as_requested() {
    let mock = MockTikTok::in_memory(Scenario::live("ann").rate_limited(2, Duration::from_secs(2))).unwrap();
    mock.expect(Seen::request("/api-live/user/room"), 3);
    mock.expect_no_reconnect_before(Duration::from_secs(2));
    look_up(&mock).await;
}

#[tokio::test(start_paused = true)]
#[should_panic = "expected no request for 3000 ms after the failure at 0 ms; one came after 2000 ms"]
async fn a_client_that_is_too_early_fails_the_test() {
    let mock = MockTikTok::in_memory(Scenario::live("ann").rate_limited(2, Duration::from_secs(3))).unwrap();
    mock.expect_no_reconnect_before(Duration::from_secs(3));
    look_up(&mock).await;
}
