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
pub(crate) struct Metrics(Arc<Mutex<Counts>>);

#[derive(Clone, Debug, Default)]
struct Counts {
    /// By route, method and status.
    requests: BTreeMap<[String; 3], u64>,
    /// By code and cause.
    refused: BTreeMap<[&'static str; 2], u64>,
}

impl Metrics {
    pub(crate) fn count_refused(&self, code: Code, cause: &'static str) {
        self.with(|counts| *counts.refused.entry([code.name(), cause]).or_default() += 1);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
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
        proto::{
            Counter, Gauge as GaugeValue, LabelPair, Metric, MetricFamily, MetricType, Quantile, Summary,
        },
    };

    use super::{App, Counts};

    const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
    const REQUESTS: &str = "livetape_http_requests_total";
    const REFUSED: &str = "livetape_http_refused_total";

    pub(crate) async fn metrics(State(app): State<App>) -> Response {
        let mut sheet = Sheet::default();
        source(&mut sheet, &app);
        upstream(&mut sheet, &app);
        nodes(&mut sheet, &app);
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
        sheet.counter("livetape_frames_total", "Frames received from the source.", None, counts.frames);
        sheet.counter("livetape_messages_total", "Messages received from the source.", None, counts.messages);
        sheet.each(
            "livetape_events_total",
            "Events decoded from the source, by type.",
            "type",
            &counts.events,
        );
        sheet.each(
            "livetape_duplicates_total",
            "Messages dropped as duplicates, by reason.",
            "reason",
            &counts.duplicates,
        );
        sheet.each(
            "livetape_decode_faults_total",
            "Data that could not be decoded, by kind of fault.",
            "kind",
            &counts.faults,
        );
        for (method, count) in counts.unknown_by_app_method() {
            // Senders can invent names, so only those of TikTok's app are labels; `/status` lists all.
            let (name, help) = ("livetape_unknown_methods_total", "Messages without a schema, by method.");
            sheet.counter(name, help, Some(("method", method)), count);
        }
        sheet.counter(
            "livetape_records_missing_total",
            "Records missing in the recording.",
            None,
            counts.records_missing,
        );
        for state in SourceState::ALL {
            let is_now = f64::from(u8::from(state == status.state));
            sheet.gauge(
                "livetape_source_state",
                "State of the source: 1 for the current state.",
                Some(("state", state.name())),
                is_now,
            );
        }
        sheet.gauge(
            "livetape_source_attempt",
            "Number of the connection attempt, from 1; 0 before the first.",
            None,
            f64::from(status.attempt),
        );
        let lateness = app.shared.control.lateness();
        sheet.lateness(&lateness);
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point")]
    fn upstream(sheet: &mut Sheet, app: &App) {
        let told = app.shared.control.upstream();
        sheet.counter("livetape_reconnects_total", "Reconnects to rooms.", None, told.reconnects);
        for (code, count) in &told.failures {
            let help = "Failed attempts and connections, by code.";
            sheet.counter("livetape_upstream_failures_total", help, Some(("code", code.name())), *count);
        }
        let help = "Rooms refused after their order or socket was accepted, by code and cause.";
        sheet.by_cause("livetape_rooms_refused_total", help, &told.refused);
        let lookups = app.shared.control.limit().state();
        let outcomes =
            [("made", lookups.made), ("refused", lookups.refused), ("remembered", lookups.remembered)];
        for (outcome, count) in outcomes {
            let help = "Look-ups at the upstream, refused because of the budget, or answered from memory.";
            sheet.counter("livetape_lookups_total", help, Some(("outcome", outcome)), count);
        }
        let (name, help) = ("livetape_lookups_waiting", "Look-ups that wait for their turn.");
        sheet.gauge(name, help, None, f64::from(lookups.waiting));
        let (items, bytes) = told.recorder.as_ref().map(|queue| queue.waiting()).unwrap_or_default();
        sheet.gauge("livetape_recorder_waiting_items", "Items queued for the disk.", None, items as f64);
        sheet.gauge("livetape_recorder_waiting_bytes", "Bytes queued for the disk.", None, bytes as f64);
        let lost = told.recorder_lost + told.recorder.as_ref().map_or(0, |queue| queue.lost());
        sheet.counter(
            "livetape_recorder_lost_total",
            "Items lost because the disk was too slow.",
            None,
            lost,
        );
        let (name, help) = ("livetape_recorder_failures_total", "Recordings that failed.");
        sheet.counter(name, help, None, told.recorder_failures);
        let drift = told.drift.map_or(0, |findings| findings.load(Ordering::Relaxed));
        let (name, help) = ("livetape_drift_total", "Differences of messages from the baseline of --drift.");
        sheet.counter(name, help, None, drift);
        for (outcome, count) in told.webhook.iter().flat_map(|counts| counts.by_outcome()) {
            let help = "Events for the webhook, by outcome.";
            sheet.counter("livetape_webhook_events_total", help, Some(("outcome", outcome)), count);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point")]
    fn nodes(sheet: &mut Sheet, app: &App) {
        for Figure { name, help, labels, value } in
            app.shared.control.nodes().into_iter().flat_map(|it| it.figures)
        {
            if name.ends_with("_total") {
                sheet.count(name, help, &labels, value);
            } else {
                sheet.level(name, help, &labels, value as f64);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point")]
    fn readers(sheet: &mut Sheet, app: &App) {
        let hub = &app.shared.hub;
        sheet.gauge("livetape_subscribers", "Subscribers of the feed.", None, hub.subscriber_count() as f64);
        let observers = hub.observer_count() as f64;
        sheet.gauge("livetape_observers", "Observers of the feed.", None, observers);
        sheet.counter("livetape_feed_events_total", "Events broadcast on the feed.", None, hub.head());
        sheet.counter(
            "livetape_feed_bytes_total",
            "Bytes sent to subscribers of the feed.",
            None,
            hub.bytes_read(),
        );
        sheet.counter(
            "livetape_slow_consumers_total",
            "Subscribers closed because they fell behind.",
            None,
            hub.slow_count(),
        );
        let (stats, counts) = app.sockets.with(|lobby| (lobby.stats(), lobby.counts().clone()));
        sheet.gauge("livetape_connections", "Open WebSockets.", None, stats.total_connections as f64);
        sheet.gauge("livetape_rooms", "Rooms.", None, stats.total_rooms as f64);
        sheet.counter("livetape_connections_opened_total", "WebSockets accepted.", None, counts.opened);
        sheet.counter(
            "livetape_client_messages_total",
            "Messages received from clients.",
            None,
            counts.received,
        );
        sheet.counter(
            "livetape_room_messages_total",
            "Messages sent to clients, except events.",
            None,
            counts.sent,
        );
        if let Some(peers) = app.sockets.peers() {
            let (name, help) = (
                "livetape_peer_messages_lost_total",
                "Messages between clients of different nodes, lost because NATS or a node was away or too slow.",
            );
            sheet.counter(name, help, None, peers.lost());
        }
        for (code, count) in counts.refused {
            sheet.counter(
                "livetape_refused_total",
                "Client messages rejected, by code.",
                Some(("code", code.name())),
                count,
            );
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floating point")]
    fn process(sheet: &mut Sheet, app: &App) {
        let version = Some(("version", env!("CARGO_PKG_VERSION")));
        sheet.gauge(
            "livetape_build_info",
            "Version of livetape, as a label; the value is always 1.",
            version,
            1.0,
        );
        let (name, help) = ("livetape_log_lines_lost_total", "Log lines that could not be written.");
        sheet.counter(name, help, None, (app.lost_log_lines)());
        for (why, count) in app.connections.refused() {
            let help = "Connections rejected because of limits, by reason.";
            sheet.counter("livetape_connections_refused_total", help, Some(("reason", why)), count);
        }
        let uptime = (clock::now() - app.shared.started).as_secs_f64();
        sheet.gauge("livetape_uptime_seconds", "Time since the start, in seconds.", None, uptime);
        if let Some(memory) = memory_stats::memory_stats() {
            sheet.gauge(
                "process_resident_memory_bytes",
                "Resident memory.",
                None,
                memory.physical_mem as f64,
            );
        }
    }

    fn requests(sheet: &mut Sheet, counts: &Counts) {
        for ([route, method, status], count) in &counts.requests {
            let labels = [("route", route.as_str()), ("method", method), ("status", status)];
            sheet.count(REQUESTS, "Requests, by route, method and status.", &labels, *count);
        }
        sheet.by_cause(REFUSED, "Requests rejected, by code and cause.", &counts.refused);
    }

    /// The metrics of one response. Those of one name are added one after the other.
    #[derive(Default)]
    struct Sheet(Vec<MetricFamily>);

    type Labelled<'a> = Option<(&'static str, &'a str)>;

    impl Sheet {
        fn counter(&mut self, name: &'static str, help: &'static str, label: Labelled<'_>, count: u64) {
            self.count(name, help, label.as_slice(), count);
        }

        fn by_cause(&mut self, name: &str, help: &str, counts: &BTreeMap<[&str; 2], u64>) {
            for ([code, cause], count) in counts {
                self.count(name, help, &[("code", code), ("cause", cause)], *count);
            }
        }

        fn each<'a>(
            &mut self,
            name: &'static str,
            help: &'static str,
            label: &'static str,
            counts: impl IntoIterator<Item = (&'a &'static str, &'a u64)>,
        ) {
            for (value, count) in counts {
                self.counter(name, help, Some((label, value)), *count);
            }
        }

        #[expect(clippy::cast_precision_loss, reason = "Prometheus reads counters as floating point")]
        fn count(&mut self, name: &str, help: &str, labels: &[(&str, &str)], count: u64) {
            let mut counter = Counter::default();
            counter.set_value(count as f64);
            self.metric(name, help, MetricType::COUNTER, labels).set_counter(counter);
        }

        fn gauge(&mut self, name: &'static str, help: &'static str, label: Labelled<'_>, value: f64) {
            self.level(name, help, label.as_slice(), value);
        }

        fn level(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
            let mut gauge = GaugeValue::default();
            gauge.set_value(value);
            self.metric(name, help, MetricType::GAUGE, labels).set_gauge(gauge);
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
