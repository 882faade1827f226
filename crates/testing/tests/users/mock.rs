//! Tests of the mock, written the way its users write theirs.
#![expect(clippy::disallowed_methods, reason = "tests of users read tokio's clock")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use livetape_testing::{
    MockTikTok, Scenario, Seen, Speed,
    mock::{Times, User},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::sleep,
};

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
async fn numbers_and_nouns_agree_in_reports() {
    let seen = [
        (Seen::request("/live"), "request of /live"),
        (Seen::Connection, "connection"),
        (Seen::Enter, "client that enters"),
        (Seen::Heartbeat, "heartbeat"),
        (Seen::Ack, "ack"),
        (Seen::Close(1000), "close with 1000"),
    ];
    for (seen, one) in seen {
        let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
        mock.expect(seen.clone(), 1);
        mock.expect(seen.clone(), 2);
        mock.expect(seen.clone(), 1..);
        let report = report(mock);
        for expected in [format!("expected 1 {one}, "), format!("2 {seen}, "), format!("1 or more {seen}, ")]
        {
            assert!(report.contains(&expected), "{expected}: {report}");
        }
    }
    let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    mock.expect(Seen::request(LOOKUP), ..=1);
    look_up(&mock).await;
    look_up(&mock).await;
    let report = report(mock);
    assert!(report.starts_with("expected at most 1 request of /api-live/user/room, got 2"), "{report}");
}

#[expect(clippy::reversed_empty_ranges, reason = "the mistake under test")]
#[tokio::test(start_paused = true)]
async fn an_empty_range_fails_at_the_line_that_passes_it() {
    let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    for empty in [Times::from(..0), Times::from(3..3), Times::from(5..=2)] {
        let failed = catch_unwind(AssertUnwindSafe(|| mock.expect(Seen::Ack, empty))).unwrap_err();
        assert_eq!(
            failed.downcast_ref::<String>().unwrap(),
            "the number of acks is an empty range: use 0 to expect none"
        );
    }
    mock.verify();
}

#[tokio::test(start_paused = true)]
async fn a_scenario_built_in_code_is_checked_like_one_in_toml() {
    let wrong = |scenario: Scenario| MockTikTok::in_memory(scenario).unwrap_err().to_string();
    for times in [0.0, -1.0, 1e9, f64::NAN] {
        let expected = format!("`{times}` is not a speed: use a number from 0.1 to 1000, or `max`");
        assert_eq!(wrong(Scenario::live("ann").speed(Speed::Times(times))), expected);
        let ben = User::new("ben").speed(Speed::Times(times));
        assert_eq!(wrong(Scenario::live("ann").user(ben)), expected);
    }
    let years = Scenario::live("ann").rate_limited(1, Duration::MAX);
    assert_eq!(wrong(years), "`retry_after` is more than a year");
}
