//! `/metrics`: counters and gauges in the Prometheus text format.
//!
//! Values that other modules track are looked up on each scrape; only requests are counted here. Each server
//! has its own counters, so several in one process do not mix.

#[cfg(feature = "metrics")]
pub(crate) mod export;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use livetape_core::error::{Code, Problem};
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
    turned_away: BTreeMap<[&'static str; 2], u64>,
}

impl Metrics {
    pub(crate) fn count_refused(&self, code: Code, cause: &'static str) {
        self.with(|counts| *counts.refused.entry([code.name(), cause]).or_default() += 1);
    }

    /// Counts a WebSocket that was opened only to report its rejection.
    pub(crate) fn count_turned_away(&self, problem: &Problem) {
        let key = [problem.code.name(), problem.cause()];
        self.with(|counts| *counts.turned_away.entry(key).or_default() += 1);
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
