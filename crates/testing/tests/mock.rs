//! Tests of the mock, written the way its users write theirs.
#![expect(clippy::disallowed_methods, reason = "tests of users read tokio's clock")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use futures_util::StreamExt as _;
use livetape_testing::{
    MockTikTok, Scenario, Seen,
    mock::{Endpoint, Fault, FaultKind, Happened},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, sleep},
};
use tokio_tungstenite::client_async;

const LOOKUP: &str = "/api-live/user/room";

/// Looks up a user once per second until it succeeds; returns the number of requests.
async fn look_up(mock: &MockTikTok) -> usize {
    for requests in 1.. {
        let mut stream = mock.connector().unwrap().connect().await.unwrap();
        let request = format!("GET {LOOKUP}/?aid=1988&uniqueId=ann HTTP/1.1\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        if response.starts_with("HTTP/1.1 200") {
            return requests;
        }
        sleep(Duration::from_secs(1)).await;
    }
    unreachable!("every other answer returns");
}

/// Returns the panic message from dropping the mock.
fn report(mock: MockTikTok) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(mock))).unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_too_early_is_reported_with_the_line_of_the_test() {
    let mock = MockTikTok::in_memory(Scenario::live("ann").rate_limited(2, Duration::from_secs(2))).unwrap();
    let line = line!() + 1;
    mock.expect_no_reconnect_before(Duration::from_secs(2));
    assert_eq!(look_up(&mock).await, 3);
    let report = report(mock);
    assert!(report.contains("expected no request for 2000 ms after the failure at 0 ms"), "{report}");
    assert!(report.contains("one came after 1000 ms"), "{report}");
    assert!(report.contains(&format!("mock.rs:{line}:")), "{report}");
    assert!(report.contains("GET /api-live/user/room/ → 429 (status)"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_expectation_is_verified_once() {
    let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    mock.expect(Seen::request(LOOKUP), 1..);
    mock.expect(Seen::Connection, 0);
    assert!(catch_unwind(AssertUnwindSafe(|| mock.verify())).is_err());
    mock.verify();
    mock.expect(Seen::request(LOOKUP), 1..);
    look_up(&mock).await;
}

/// A second panic while the first unwinds would abort the process.
#[tokio::test(start_paused = true)]
async fn a_test_that_fails_anyway_fails_with_its_own_message() {
    let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    mock.expect(Seen::Ack, 1);
    let panic = catch_unwind(AssertUnwindSafe(move || {
        let _mock = mock;
        panic!("the assertion of the test");
    }));
    assert_eq!(*panic.unwrap_err().downcast::<&str>().unwrap(), "the assertion of the test");
}

#[tokio::test(start_paused = true)]
async fn a_room_in_memory_is_exact_to_the_millisecond() {
    let close = FaultKind::Close { code: 4404, reason: "not live".into() };
    let close = Fault::new(Endpoint::Socket, close).after(Duration::from_secs(90));
    let mock = MockTikTok::in_memory(Scenario::live("ann").fault(close)).unwrap();
    let (_, room_id) = mock.example();
    let started = Instant::now();
    let url = format!("ws://localhost/webcast/im/ws_proxy/ws_reuse_supplement/?room_id={room_id}");
    let stream = mock.connector().unwrap().connect().await.unwrap();
    let (mut socket, _) = client_async(url, stream).await.unwrap();
    while socket.next().await.is_some_and(|message| message.is_ok_and(|message| !message.is_close())) {}
    assert_eq!(started.elapsed(), Duration::from_secs(90));
    let closed = mock.wait_for(Seen::Close(4404), 1).await;
    assert!(matches!(&closed[0].what, Happened::Closed { frames: 1.., .. }), "{closed:?}");
}
