//! The log, the admin API, and expectations about clients.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Duration,
};

use livetape_io::clock;
use livetape_mock::{Happened, MockTikTok, Scenario, Seen};
use tokio::io::AsyncReadExt as _;

use crate::support::{Mock, split, wait_ms, with_demo};

// Expectations about clients.

const LOOKUP: &str = "/api-live/user/room/?aid=1988&uniqueId=demo";

impl Mock {
    pub(super) async fn admin(&self, request: &str, headers: &str, body: &str) -> (u16, String) {
        let bytes =
            self.bytes(&format!("{request} HTTP/1.1\r\na: b{headers}"), body, Duration::from_secs(1)).await;
        let (head, body) = split(&bytes);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_are_masked() {
    let rig = Mock::new(Scenario::default());
    rig.get_with(
        "/webcast/fetch?unique_id=demo&apiKey=SECRET1&session_id=SECRET2",
        "X-Api-Key: SECRET3\r\nCookie: ttwid=SECRET4\r\nuser-agent: plain",
    )
    .await;
    let log = serde_json::to_string(&rig.mock.received()).unwrap();
    assert!(!log.contains("SECRET") && log.contains("plain") && log.contains("\"***\""), "{log}");
    let entry = &rig.mock.received()[0];
    assert_eq!((entry.at_ms, entry.connection), (0, 1));
    assert!(matches!(&entry.what, Happened::Request { status: 200, fault: None, .. }));
}

#[tokio::test(start_paused = true)]
async fn scenarios_change_while_it_runs() {
    let rig = Mock::new(Scenario::default());
    assert_eq!(rig.status(LOOKUP).await, 200);
    let (status, text) = rig.admin("GET /__admin/scenario", "", "").await;
    assert_eq!((status, Scenario::parse(&text).unwrap()), (200, Scenario::default()));
    let fault = "[[fault]]\nat = \"lookup\"\nkind = \"status\"\nstatus = 503\n";
    assert_eq!(rig.admin("PUT /__admin/scenario", "", fault).await.0, 200);
    assert_eq!(rig.status(LOOKUP).await, 503);
    let (status, text) = rig.admin("PUT /__admin/scenario", "", "sed = 1").await;
    assert!(status == 422 && text.contains("line 1, column 1"), "{text}");
    let (status, _) = rig.admin("PUT /__admin/scenario", "", "recording = \"none.bin\"").await;
    assert_eq!((status, rig.status(LOOKUP).await), (422, 503));
    let (_, log) = rig.admin("GET /__admin/log", "", "").await;
    let log: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert_eq!((log["entries"].as_array().unwrap().len(), &log["entries"][0]["status"]), (2, &503.into()));
    assert_eq!(log["entries"][0]["what"], "request");
    assert_eq!(rig.admin("POST /__admin/reset", "", "").await.0, 200);
    assert_eq!(rig.mock.received(), []);
    assert_eq!(rig.admin("POST /__admin/log", "", "").await.0, 405);
    assert_eq!(rig.admin("GET /__admin/other", "", "").await.0, 404);
    // Browsers send the origin of a page.
    assert_eq!(rig.admin("POST /__admin/reset", "\r\norigin: http://a.example", "").await.0, 403);
}

#[tokio::test(start_paused = true)]
async fn the_log_is_filtered_by_kind() {
    let rig = Mock::new(Scenario::default());
    let mut socket = rig.dial().await;
    socket.send("ack", b"ext").await;
    socket.send("hb", b"").await;
    wait_ms(10).await;
    let log = async |query: &str| {
        let (status, log) = rig.admin(&format!("GET /__admin/log{query}"), "", "").await;
        let log: serde_json::Value = serde_json::from_str(&log).unwrap();
        let what = |entry: &serde_json::Value| entry["what"].as_str().unwrap().to_owned();
        let whats = log["entries"].as_array().map(|entries| entries.iter().map(what).collect::<Vec<_>>());
        (status, whats.unwrap_or_default().join(" "), log["error"].as_str().unwrap_or_default().to_owned())
    };
    let whole = "request upgrade ack heartbeat".to_owned();
    assert_eq!(log("").await, (200, whole, String::new()));
    assert_eq!(log("?what=ack").await.1, "ack");
    assert_eq!(log("?what=upgrade,heartbeat").await.1, "upgrade heartbeat");
    assert_eq!(log("?what=closed").await.1, "");
    let (status, _, error) = log("?what=acks").await;
    assert!(status == 400 && error.contains("`acks`") && error.contains("heartbeat"), "{error}");
}

#[tokio::test]
async fn dropping_the_mock_stops_it() {
    let mock = MockTikTok::start(with_demo(Scenario::default())).await.unwrap();
    let address = mock.address().unwrap();
    assert_eq!(mock.url(), format!("http://127.0.0.1:{}", address.port()));
    let mut open = tokio::net::TcpStream::connect(address).await.unwrap();
    drop(mock);
    // A new connection would prove nothing: another program may have the port by now.
    assert_eq!(open.read(&mut [0]).await.unwrap_or(0), 0);
}

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
