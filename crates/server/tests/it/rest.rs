//! `/metrics`, and `/connections` while many sockets leave. Other responses are in `sessions/rest.snap`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use livetape_core::error::Code;
use livetape_feed::control::{Driver, Figure, Nodes, ReplayPhase, ReplayState, SourceState, Speed};
use serde_json::json;

use crate::support::{Rig, chats, read, read_all, wait};

pub(crate) fn replaying() -> ReplayState {
    ReplayState {
        recording: "demo".to_owned(),
        state: ReplayPhase::Paused,
        offset_ms: 1500,
        duration_ms: Some(60_000),
        speed: Speed::Times(1.0),
        lap: 1,
        laps: Some(1),
        from_ms: 0,
        to_ms: Some(50_000),
        generation: 1,
        case: None,
        show: None,
        refused: None,
        happened: None,
    }
}

pub(crate) fn connect(driver: &Driver) {
    driver.set_replay(Some(replaying()));
    driver.update_status(|status| {
        status.state = SourceState::Connected;
        status.source = Some("replay");
        status.username = Some("ann".to_owned());
        status.room_id = Some("7548125753365269304".to_owned());
        status.counts.events.insert("chat", 7);
    });
}

#[tokio::test(start_paused = true)]
async fn the_last_hundred_that_have_left_are_listed_in_order() {
    let rig = Rig::start();
    for i in 0..103 {
        let socket = rig.ws(&format!("ws?client_id=c{i}")).await;
        wait(Duration::from_millis(1)).await;
        drop(socket);
        wait(Duration::from_millis(1)).await;
    }
    let all = rig.http("GET", "/connections", "").await.json();
    let left = all["left"].as_array().unwrap();
    assert!(left.iter().all(|it| it["createdAt"].as_str() < it["leftAt"].as_str()), "{all}");
    let names = left.iter().map(|it| it["clientId"].as_str().unwrap().to_owned());
    assert_eq!(names.collect::<Vec<_>>(), (3..103).map(|i| format!("c{i}")).collect::<Vec<_>>());
    assert_eq!(all["connections"], json!([]));
}

/// Sockets may leave at once, while the response is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_are_closed_are_returned_with_their_positions() {
    for _ in 0..20 {
        let rig = Rig::start();
        rig.hub.publish(&chats(3));
        let mut sockets = Vec::new();
        for _ in 0..64 {
            sockets.push(rig.ws("?since=0").await);
        }
        let closed = rig.http("POST", "/connections/close", r#"{"abort":true}"#).await.json();
        let closed = closed["connections"].as_array().unwrap();
        assert_eq!(closed.len(), sockets.len());
        for connection in closed {
            assert_eq!(connection["resent"], 3, "{connection}");
        }
    }
}

// `/metrics`.

/// Returns the value of a metric.
fn value(text: &str, line: &str) -> Option<f64> {
    text.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(' ')?.parse().ok())
}

async fn scrape(rig: &Rig) -> String {
    let answer = rig.http("GET", "/metrics", "").await;
    let content_type = Some("text/plain; version=0.0.4; charset=utf-8");
    assert_eq!((answer.status, answer.header("content-type")), (200, content_type));
    lint(&answer.body);
    answer.body
}

/// Checks the rules of `promtool check metrics` that these metrics could break.
#[track_caller]
fn lint(text: &str) {
    let mut kinds = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<_> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "HELP", _, help] => assert!(!help.is_empty(), "{line}"),
            ["#", "TYPE", name, kind] => {
                assert!(kinds.insert(name, kind).is_none(), "{line}: twice");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                assert!(name.bytes().all(is_plain) && !name.contains(kind), "{line}");
                for word in
                    ["_ms", "_us", "_milliseconds", "_kib", "_mib", "_minutes", "_count", "_sum", "_bucket"]
                {
                    assert!(!name.ends_with(word), "{line}");
                }
            }
            _ => {
                let name = line.split(['{', ' ']).next().unwrap();
                let of = name.strip_suffix("_sum").or(name.strip_suffix("_count")).unwrap_or(name);
                let kind = kinds.get(of).unwrap_or_else(|| panic!("{line}: without a type"));
                assert!(*kind == "summary" || !line.contains("{quantile="), "{line}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn activity_is_counted() {
    let rig = Rig::start();
    connect(rig.driver());
    rig.driver().update_status(|status| {
        status.counts.duplicates.insert("gift_final", 3);
        status.counts.count_unknown("WebcastMadeUp\"\n{}");
        status.counts.count_unknown("WebcastKaraokeReqMessage");
    });
    let webhook = Arc::<livetape_feed::control::WebhookState>::default();
    webhook.delivered.store(7, Ordering::Relaxed);
    webhook.failed.store(2, Ordering::Relaxed);
    rig.driver().update_upstream(|upstream| {
        upstream.reconnects = 4;
        upstream.failures.insert(Code::RateLimited, 2);
        upstream.recorder_lost = 6;
        upstream.webhook = Some(webhook);
        upstream.drift = Some(Arc::new(5.into()));
    });
    let mut socket = rig.ws("").await;
    let events = chats(5);
    rig.hub.publish(&events);
    let bytes: usize = read(&mut socket, 5).await.iter().map(String::len).sum();
    rig.http("GET", "/status/nobody", "").await;
    rig.http("GET", "/status/somebody", "").await;
    rig.http("GET", "/nowhere/1", "").await;
    rig.raw("GET / HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").await;
    read_all(&mut rig.ws("ws/nobody").await).await;
    let text = scrape(&rig).await;
    for (line, expected) in [
        ("livetape_events_total{type=\"chat\"}", 7.0),
        ("livetape_duplicates_total{reason=\"gift_final\"}", 3.0),
        ("livetape_unknown_methods_total{method=\"(others)\"}", 1.0),
        ("livetape_unknown_methods_total{method=\"WebcastKaraokeReqMessage\"}", 1.0),
        ("livetape_source_state{state=\"connected\"}", 1.0),
        ("livetape_source_state{state=\"idle\"}", 0.0),
        ("livetape_reconnects_total", 4.0),
        ("livetape_upstream_failures_total{code=\"rate_limited\"}", 2.0),
        ("livetape_recorder_lost_total", 6.0),
        ("livetape_recorder_waiting_items", 0.0),
        ("livetape_recorder_failures_total", 0.0),
        ("livetape_drift_total", 5.0),
        ("livetape_webhook_events_total{outcome=\"delivered\"}", 7.0),
        ("livetape_webhook_events_total{outcome=\"failed\"}", 2.0),
        ("livetape_webhook_events_total{outcome=\"skipped\"}", 0.0),
        ("livetape_connections_refused_total{reason=\"all\"}", 0.0),
        ("livetape_connections_refused_total{reason=\"address\"}", 0.0),
        ("livetape_http_refused_total{code=\"not_found\",cause=\"not_found\"}", 3.0),
        ("livetape_http_refused_total{code=\"forbidden_host\",cause=\"forbidden_host\"}", 1.0),
        ("livetape_sockets_turned_away_total{code=\"unauthorized\",cause=\"unauthorized\"}", 1.0),
        ("livetape_subscribers", 1.0),
        ("livetape_connections", 1.0),
        ("livetape_feed_events_total", 5.0),
        ("livetape_feed_bytes_total", bytes as f64),
        ("livetape_slow_consumers_total", 0.0),
        ("livetape_http_requests_total{route=\"/status/{user}\",method=\"GET\",status=\"404\"}", 2.0),
        (concat!("livetape_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1.0),
    ] {
        assert_eq!(value(&text, line), Some(expected), "{line}\n{text}");
    }
    assert!(!text.contains("nowhere") && !text.contains("MadeUp"), "user-controlled names are never labels");
    // OpenMetrics names the family of a counter without `_total`.
    let types = || text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let families: BTreeSet<_> =
        types().map(|(name, _)| name.strip_suffix("_total").unwrap_or(name)).collect();
    assert_eq!(families.len(), types().count(), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn figures_of_processes_that_share_channels_are_shown() {
    let rig = Rig::start();
    let figure = |name, labels, value| Figure { name, help: "Help.", labels, value };
    let figures = vec![
        figure("livetape_planted_lag", vec![("channel", "main"), ("node", "a")], 7),
        figure("livetape_planted_total", vec![("channel", "main"), ("outcome", "stored")], 0),
    ];
    rig.control.set_nodes(Nodes { figures, ..Nodes::default() });
    let text = scrape(&rig).await;
    for (line, expected) in [
        ("livetape_planted_lag{channel=\"main\",node=\"a\"}", 7.0),
        ("livetape_planted_total{channel=\"main\",outcome=\"stored\"}", 0.0),
    ] {
        assert_eq!(value(&text, line), Some(expected), "{text}");
    }
    assert!(text.contains("# TYPE livetape_planted_lag gauge\n"), "{text}");
    assert!(text.contains("# TYPE livetape_planted_total counter\n"), "{text}");
}
