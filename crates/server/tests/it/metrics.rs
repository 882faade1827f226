//! `/metrics`.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use livetape_core::error::Code;
use livetape_feed::{
    control::{Figure, Nodes},
    hub::Limits,
};

use crate::support::{Rig, chats, read, read_all};

/// Returns the value of a metric.
fn value(text: &str, line: &str) -> Option<f64> {
    text.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(' ')?.parse().ok())
}

async fn scrape(rig: &Rig) -> String {
    let answer = rig.http("GET", "/metrics", "").await;
    let content_type = Some("text/plain; version=0.0.4; charset=utf-8");
    assert_eq!((answer.status, answer.header("content-type")), (200, content_type));
    answer.body
}

#[tokio::test(start_paused = true)]
async fn activity_is_counted() {
    let rig = Rig::start();
    crate::rest::connect(rig.driver());
    rig.driver().update_status(|status| {
        status.counts.duplicates.insert("gift_final", 3);
        status.counts.count_unknown("WebcastMadeUp\"\n{}");
    });
    let webhook = Arc::<livetape_feed::control::WebhookCounts>::default();
    webhook.delivered.store(7, Ordering::Relaxed);
    webhook.failed.store(2, Ordering::Relaxed);
    rig.driver().update_upstream(|upstream| {
        upstream.reconnects = 4;
        upstream.failures.insert(Code::RateLimited, 2);
        upstream.recorder_lost = 6;
        upstream.webhook = Some(webhook);
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
        ("livetape_unknown_methods_total", 1.0),
        ("livetape_source_state{state=\"connected\"}", 1.0),
        ("livetape_source_state{state=\"idle\"}", 0.0),
        ("livetape_reconnects_total", 4.0),
        ("livetape_upstream_failures_total{code=\"rate_limited\"}", 2.0),
        ("livetape_recorder_lost_total", 6.0),
        ("livetape_recorder_waiting_items", 0.0),
        ("livetape_recorder_failures_total", 0.0),
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
async fn servers_in_one_process_do_not_mix() {
    let (one, other) = (Rig::start(), Rig::start());
    one.http("GET", "/health", "").await;
    let requests = "livetape_http_requests_total{route=\"/health\",method=\"GET\",status=\"200\"}";
    assert_eq!(value(&scrape(&one).await, requests), Some(1.0));
    assert_eq!(value(&scrape(&other).await, requests), None);
}

#[tokio::test(start_paused = true)]
async fn subscribers_that_fall_behind_are_counted() {
    let rig = Rig::with(Limits { events_max: 8, ..Limits::default() }, Default::default());
    let _socket = rig.ws("").await;
    for _ in 0..40 {
        rig.hub.publish(&chats(8));
        tokio::task::yield_now().await;
    }
    assert_eq!(value(&scrape(&rig).await, "livetape_slow_consumers_total"), Some(1.0));
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
