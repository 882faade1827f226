//! What requests come to. What is known anyway is looked up when it is asked for; requests alone are counted as they come.
//! Each server has counts of its own: several in one process do not mix.

#[cfg(feature = "metrics")]
pub(crate) mod export;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};

use super::App;
use crate::sans_io::error::Code;

/// What requests are counted in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(Arc<Mutex<Counts>>);

#[derive(Clone, Debug, Default)]
struct Counts {
    /// By route, method and status.
    requests: BTreeMap<[String; 3], u64>,
    refused: BTreeMap<&'static str, u64>,
    turned_away: BTreeMap<&'static str, u64>,
}

impl Metrics {
    /// A request was refused.
    pub(crate) fn count_refused(&self, code: Code) {
        self.with(|counts| *counts.refused.entry(code.name()).or_default() += 1);
    }

    /// A WebSocket was opened only to be told why not.
    pub(crate) fn count_turned_away(&self, code: Code) {
        self.with(|counts| *counts.turned_away.entry(code.name()).or_default() += 1);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts a request by its route, of which there is a fixed number, and never by its path.
pub(crate) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let method = request.method().as_str().to_owned();
    let response = next.run(request).await;
    let status = response.status().as_str().to_owned();
    app.metrics.with(|counts| *counts.requests.entry([route, method, status]).or_default() += 1);
    response
}
