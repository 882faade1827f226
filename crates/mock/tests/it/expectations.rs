//! Expectations about clients.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Duration,
};

use livetape_io::clock;
use livetape_mock::{Scenario, Seen};

use crate::support::{Mock, wait_ms};

const LOOKUP: &str = "/api-live/user/room/?aid=1988&uniqueId=demo";

/// Returns the panic message, without lines and columns of this file.
fn report(fails: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(fails)).unwrap_err();
    let Some(text) = panic.downcast_ref::<String>() else { resume_unwind(panic) };
    let lines = text.lines().map(|line| match line.split_once(file!()) {
        Some((before, _)) => format!("{before}{}", file!()),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn failed_expectations_report_the_actual_requests() {
    let rig = Mock::fixture("rate-limited-twice.toml");
    rig.get(LOOKUP).await;
    wait_ms(2000).await;
    rig.get(LOOKUP).await;
    wait_ms(1500).await;
    rig.get(LOOKUP).await;
    let mock = &rig.mock;
    mock.expect(Seen::request("/api-live/user/room"), 3);
    mock.expect_no_reconnect_before(Duration::from_millis(1500));
    mock.verify();
    mock.expect_no_reconnect_before(Duration::from_secs(2));
    mock.expect(Seen::request("/api-live/users/room"), 1);
    mock.expect(Seen::Ack, 2..=4);
    mock.expect(Seen::Heartbeat, ..3);
    insta::assert_snapshot!(report(|| mock.verify()));
    // An expectation that has failed is removed.
    mock.verify();
    mock.reset();
    assert_eq!(mock.received(), []);
    assert_eq!(rig.status(LOOKUP).await, 429);
}

#[tokio::test(start_paused = true)]
async fn expectations_are_verified_when_the_mock_is_dropped() {
    let rig = Mock::new(Scenario::default());
    rig.mock.expect(Seen::request("/live"), 1);
    let text = report(|| drop(rig));
    assert_eq!(text, format!("expected 1 request of /live, got 0\n  at {}\nreceived nothing", file!()));
    let rig = Mock::new(Scenario::default());
    rig.mock.expect(Seen::request("/live"), 1);
    rig.get("/live").await;
    drop(rig);
}

#[tokio::test(start_paused = true)]
async fn a_failing_test_does_not_panic_twice() {
    let rig = Mock::new(Scenario::default());
    rig.mock.expect(Seen::Connection, 3);
    let text = report(|| {
        let _rig = rig;
        let first = String::from("this");
        panic!("{first} comes first");
    });
    assert_eq!(text, "this comes first");
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_as_soon_as_the_expectation_is_met() {
    let (rig, start) = (Mock::new(Scenario::default()), clock::now());
    let asks = async {
        for _ in 0..3 {
            wait_ms(1500).await;
            rig.get("/live").await;
        }
    };
    let waits = async {
        let entries = rig.mock.wait_for(Seen::request("/live/"), 2..).await;
        (entries.iter().map(|entry| entry.at_ms).collect::<Vec<_>>(), clock::now() - start)
    };
    let ((), waited) = tokio::join!(asks, waits);
    assert_eq!(waited, (vec![1500, 3000], Duration::from_millis(3000)));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_times_out_reports_the_actual_requests() {
    let (rig, start) = (Mock::new(Scenario::default()), clock::now());
    rig.get("/live").await;
    let mut waits = Box::pin(rig.mock.wait_for(Seen::request("/lives"), 1));
    let failed = std::future::poll_fn(|context| {
        match catch_unwind(AssertUnwindSafe(|| waits.as_mut().poll(context))) {
            Ok(poll) => poll.map(|_| String::new()),
            Err(panic) => std::task::Poll::Ready(report(|| resume_unwind(panic))),
        }
    });
    let text = failed.await;
    assert!(text.starts_with("expected 1 request of /lives, got 0\n  nearest:"), "{text}");
    assert!(text.contains(file!()) && text.contains("GET /live → 200"), "{text}");
    assert_eq!(clock::now() - start, Duration::from_secs(60));
}
