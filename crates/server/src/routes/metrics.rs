//! `/metrics`: counters and gauges in the Prometheus text format.
//!
//! Values that other modules track are looked up on each scrape; only requests are counted here. Each server
//! has its own counters, so several in one process do not mix.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use livetape_core::error::Code;
use parking_lot::Mutex;

use super::App;

/// Request counters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(Arc<Mutex<RequestCounts>>);

#[derive(Clone, Debug, Default)]
struct RequestCounts {
    /// By route, method and status.
    requests: BTreeMap<[String; 3], u64>,
    /// By code and cause.
    refused: BTreeMap<[&'static str; 2], u64>,
}

impl Metrics {
    pub(crate) fn count_refused(&self, code: Code, cause: &'static str) {
        self.with(|counts| *counts.refused.entry([code.name(), cause]).or_default() += 1);
    }

    fn with<T>(&self, act: impl FnOnce(&mut RequestCounts) -> T) -> T {
        act(&mut self.0.lock())
    }
}

/// Counts a request by its route rather than its path, because the number of routes is fixed.
pub(crate) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let method = request.method().as_str().to_owned();
    let response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    app.metrics.with(|counts| *counts.requests.entry([route, method, status]).or_default() += 1);
    response
}

/// `GET /metrics`: all counts, in Prometheus' text format.
#[cfg(feature = "metrics")]
pub(crate) mod export {
    #![expect(clippy::cast_precision_loss, reason = "Prometheus reads all numbers as floating point")]

    use std::{collections::BTreeMap, sync::atomic::Ordering, time::Duration};

    use axum::{
        extract::State,
        http::header,
        response::{IntoResponse as _, Response},
    };
    use livetape_feed::control::{Figure, Lateness, SourceState};
    use livetape_io::clock;
    use prometheus::{
        TextEncoder,
        proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary},
    };

    use super::{App, RequestCounts};

    const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    pub(crate) async fn metrics(State(app): State<App>) -> Response {
        let mut sheet = Sheet::default();
        source(&mut sheet, &app);
        upstream(&mut sheet, &app);
        for Figure { name, help, labels, value } in
            app.shared.control.nodes().into_iter().flat_map(|it| it.figures)
        {
            sheet.add(name, help, &labels, value as f64);
        }
        readers(&mut sheet, &app);
        process(&mut sheet, &app);
        requests(&mut sheet, &app.metrics.with(|counts| counts.clone()));
        let help = "WebSockets refused after the upgrade, or closed because of a limit, by code and cause.";
        sheet.by_cause("livetape_sockets_turned_away_total", help, &app.sockets.turned_away());
        // Fails only for a family without a metric, and `Sheet` adds each family with its first metric.
        let text = TextEncoder::new().encode_to_string(&sheet.0).unwrap_or_default();
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
    }

    fn source(sheet: &mut Sheet, app: &App) {
        let status = app.shared.control.status();
        let counts = &status.counts;
        sheet.rows([
            ("livetape_frames_total", "Frames received from the source.", counts.frames as f64),
            ("livetape_messages_total", "Messages received from the source.", counts.messages as f64),
        ]);
        let maps = [
            ("livetape_events_total", "Events decoded from the source, by type.", "type", &counts.events),
            (
                "livetape_duplicates_total",
                "Messages dropped as duplicates, by reason.",
                "reason",
                &counts.duplicates,
            ),
            (
                "livetape_decode_faults_total",
                "Data that could not be decoded, by kind of fault.",
                "kind",
                &counts.faults,
            ),
        ];
        for (name, help, label, counts) in maps {
            sheet.each(name, help, label, counts.iter().map(|(value, count)| (*value, *count)));
        }
        // Senders can invent names, so only those of TikTok's app are labels; `/status` lists all.
        let (name, help) = ("livetape_unknown_methods_total", "Messages without a schema, by method.");
        sheet.each(name, help, "method", counts.unknown_by_app_method());
        let missing = counts.records_missing as f64;
        sheet.rows([("livetape_records_missing_total", "Records missing in the recording.", missing)]);
        let (name, help) = ("livetape_source_state", "State of the source: 1 for the current state.");
        let states =
            SourceState::ALL.into_iter().map(|state| (state.name(), u64::from(state == status.state)));
        sheet.each(name, help, "state", states);
        let help = "Number of the connection attempt, from 1; 0 before the first.";
        sheet.rows([("livetape_source_attempt", help, status.attempt.into())]);
        sheet.lateness(&app.shared.control.lateness());
    }

    fn upstream(sheet: &mut Sheet, app: &App) {
        let upstream = app.shared.control.upstream();
        sheet.rows([("livetape_reconnects_total", "Reconnects to rooms.", upstream.reconnects as f64)]);
        let failures = upstream.failures.iter().map(|(code, count)| (code.name(), *count));
        let help = "Failed attempts and connections, by code.";
        sheet.each("livetape_upstream_failures_total", help, "code", failures);
        let help = "Rooms refused after their order or socket was accepted, by code and cause.";
        sheet.by_cause("livetape_rooms_refused_total", help, &upstream.refused);
        let lookups = app.shared.control.limit().state();
        let outcomes =
            [("made", lookups.made), ("refused", lookups.refused), ("remembered", lookups.remembered)];
        let help = "Look-ups at the upstream, refused because of the budget, or answered from memory.";
        sheet.each("livetape_lookups_total", help, "outcome", outcomes);
        let (items, bytes) = upstream.recorder.as_ref().map(|queue| queue.waiting()).unwrap_or_default();
        let lost = upstream.recorder_lost + upstream.recorder.as_ref().map_or(0, |queue| queue.lost());
        let drift = upstream.drift.map_or(0, |findings| findings.load(Ordering::Relaxed));
        sheet.rows([
            ("livetape_lookups_waiting", "Look-ups that wait for their turn.", lookups.waiting.into()),
            ("livetape_recorder_waiting_items", "Items queued for the disk.", items as f64),
            ("livetape_recorder_waiting_bytes", "Bytes queued for the disk.", bytes as f64),
            ("livetape_recorder_lost_total", "Items lost because the disk was too slow.", lost as f64),
            (
                "livetape_recorder_failures_total",
                "Recordings that failed.",
                upstream.recorder_failures as f64,
            ),
            ("livetape_drift_total", "Differences of messages from the baseline of --drift.", drift as f64),
        ]);
        let outcomes = upstream.webhook.iter().flat_map(|counts| counts.by_outcome());
        let help = "Events for the webhook, by outcome.";
        sheet.each("livetape_webhook_events_total", help, "outcome", outcomes);
    }

    fn readers(sheet: &mut Sheet, app: &App) {
        let hub = &app.shared.hub;
        let (stats, counts) = app.sockets.with(|lobby| (lobby.stats(), lobby.counts().clone()));
        let (subscribers, observers) = (hub.subscriber_count() as f64, hub.observer_count() as f64);
        let (bytes, slow) = (hub.bytes_read() as f64, hub.slow_count() as f64);
        sheet.rows([
            ("livetape_subscribers", "Subscribers of the feed.", subscribers),
            ("livetape_observers", "Observers of the feed.", observers),
            ("livetape_feed_events_total", "Events broadcast on the feed.", hub.head() as f64),
            ("livetape_feed_bytes_total", "Bytes sent to subscribers of the feed.", bytes),
            ("livetape_slow_consumers_total", "Subscribers closed because they fell behind.", slow),
            ("livetape_connections", "Open WebSockets.", stats.total_connections as f64),
            ("livetape_rooms", "Rooms.", stats.total_rooms as f64),
            ("livetape_connections_opened_total", "WebSockets accepted.", counts.opened as f64),
            ("livetape_client_messages_total", "Messages received from clients.", counts.received as f64),
            ("livetape_room_messages_total", "Messages sent to clients, except events.", counts.sent as f64),
        ]);
        if let Some(peers) = app.sockets.peers() {
            let help = "Messages between clients of different nodes, lost because NATS or a node was away or too slow.";
            sheet.rows([("livetape_peer_messages_lost_total", help, peers.lost() as f64)]);
        }
        let refused = counts.refused.iter().map(|(code, count)| (code.name(), *count));
        sheet.each("livetape_refused_total", "Client messages rejected, by code.", "code", refused);
    }

    fn process(sheet: &mut Sheet, app: &App) {
        let version = [(env!("CARGO_PKG_VERSION"), 1)];
        let help = "Version of livetape, as a label; the value is always 1.";
        sheet.each("livetape_build_info", help, "version", version);
        let lost = (app.lost_log_lines)() as f64;
        sheet.rows([("livetape_log_lines_lost_total", "Log lines that could not be written.", lost)]);
        let help = "Connections rejected because of limits, by reason.";
        sheet.each("livetape_connections_refused_total", help, "reason", app.connections.refused());
        let uptime = (clock::now() - app.shared.started).as_secs_f64();
        sheet.rows([("livetape_uptime_seconds", "Time since the start, in seconds.", uptime)]);
        if let Some(memory) = memory_stats::memory_stats() {
            let bytes = memory.physical_mem as f64;
            sheet.rows([("process_resident_memory_bytes", "Resident memory.", bytes)]);
        }
    }

    fn requests(sheet: &mut Sheet, counts: &RequestCounts) {
        let (name, help) = ("livetape_http_requests_total", "Requests, by route, method and status.");
        for ([route, method, status], count) in &counts.requests {
            sheet.add(name, help, &[("route", route), ("method", method), ("status", status)], *count as f64);
        }
        let help = "Requests rejected, by code and cause.";
        sheet.by_cause("livetape_http_refused_total", help, &counts.refused);
    }

    /// The metrics of one response. Those of one name are added one after the other.
    #[derive(Default)]
    struct Sheet(Vec<MetricFamily>);

    impl Sheet {
        /// Adds metrics without labels: their names, descriptions and values.
        fn rows<const N: usize>(&mut self, rows: [(&str, &str, f64); N]) {
            for (name, help, value) in rows {
                self.add(name, help, &[], value);
            }
        }

        /// Adds a metric for each value of a label.
        fn each<'a>(
            &mut self,
            name: &str,
            help: &str,
            label: &str,
            values: impl IntoIterator<Item = (&'a str, u64)>,
        ) {
            for (value, count) in values {
                self.add(name, help, &[(label, value)], count as f64);
            }
        }

        fn by_cause(&mut self, name: &str, help: &str, counts: &BTreeMap<[&str; 2], u64>) {
            for ([code, cause], count) in counts {
                self.add(name, help, &[("code", code), ("cause", cause)], *count as f64);
            }
        }

        /// Adds a counter, as the end of its name says, or a gauge.
        fn add(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
            if name.ends_with("_total") {
                let mut counter = Counter::default();
                counter.set_value(value);
                self.metric(name, help, MetricType::COUNTER, labels).set_counter(counter);
            } else {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                self.metric(name, help, MetricType::GAUGE, labels).set_gauge(gauge);
            }
        }

        fn lateness(&mut self, lateness: &Lateness) {
            let mut summary = Summary::default();
            summary.set_sample_count(lateness.frames);
            summary.set_sample_sum(lateness.sum.as_secs_f64());
            let quantiles = [(0.5, lateness.median), (0.99, lateness.p99), (1.0, lateness.max)];
            let quantile = |(of, late): (f64, Duration)| {
                let mut quantile = Quantile::default();
                quantile.set_quantile(of);
                quantile.set_value(late.as_secs_f64());
                quantile
            };
            summary.set_quantile(quantiles.map(quantile).into());
            let (name, help) =
                ("livetape_replay_lateness_seconds", "Lateness of replayed frames, in seconds.");
            self.metric(name, help, MetricType::SUMMARY, &[]).set_summary(summary);
        }

        fn metric(
            &mut self,
            name: &str,
            help: &str,
            kind: MetricType,
            labels: &[(&str, &str)],
        ) -> &mut Metric {
            if self.0.last().is_none_or(|family| family.name() != name) {
                let mut family = MetricFamily::default();
                family.set_name(name.to_owned());
                family.set_help(help.to_owned());
                family.set_field_type(kind);
                self.0.push(family);
            }
            let metrics = self.0.last_mut().expect("pushed above").mut_metric();
            metrics.push(Metric::from_label(labels.iter().map(pair).collect()));
            metrics.last_mut().expect("pushed above")
        }
    }

    fn pair((name, value): &(&str, &str)) -> LabelPair {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    }
}
