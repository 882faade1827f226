//! The log, the expectations and the admin API.

use std::time::Duration;

use livetape_mock::{Happened, MockTikTok, Scenario};
use tokio::io::AsyncReadExt as _;

use crate::support::{Mock, split, wait_ms, with_demo};

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
