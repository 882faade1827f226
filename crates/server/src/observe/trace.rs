//! Request ids and request log lines. Of queries, only those of clients are logged, without values that may be
//! secret.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use livetape_engine::log_target::CLIENTS;
use livetape_io::clock;
use tracing::{Instrument as _, debug, error_span, info, warn};

use crate::{
    routes::{fallback::masked, metrics::Metrics, query},
    state::{
        refusal::Refused,
        traffic::{Asker, Traffic},
    },
};

/// Maximum length of a logged path, in characters.
const PATH_CHARS_MAX: usize = 1_000;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Generator of request ids: unique within a process, and globally in combination with the stream name.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    process: Arc<str>,
    next: Arc<AtomicU64>,
    metrics: Metrics,
}

impl Ids {
    pub(crate) fn new(stream: &str, metrics: Metrics) -> Self {
        Self { process: stream.into(), next: Arc::new(AtomicU64::new(1)), metrics }
    }

    fn take(&self) -> String {
        format!("{}-{}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Middleware that counts, runs and logs a request.
pub(crate) async fn trace(State(ids): State<Ids>, request: Request, next: Next) -> Response {
    let id = ids.take();
    let started = clock::now();
    let method = request.method().clone();
    let uri = request.uri().clone();
    let path: String = masked(uri.path()).chars().take(PATH_CHARS_MAX).collect();
    let from = request.extensions().get::<Asker>().and_then(|asker| asker.0);
    let from = from.map(|from| from.to_string()).unwrap_or_default();
    let traffic = request.extensions().get::<Traffic>().cloned().unwrap_or_default();
    // At the highest level, so that every line logged inside carries the id.
    let span = error_span!("request", id = %id);
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let took_ms = u64::try_from((clock::now() - started).as_millis()).unwrap_or(u64::MAX);
    let status = response.status();
    let refused = response.extensions().get::<Refused>().copied();
    if let Some(Refused { code, cause }) = refused {
        ids.metrics.count_refused(code, cause);
    }
    let _inside = span.enter();
    let (status_code, code) = (status.as_u16(), refused.map_or("", |refused| refused.code.name()));
    let cause = refused.map_or("", |refused| refused.cause);
    let reads_lines = path == "/events" && method == Method::GET && status == StatusCode::OK;
    if status == StatusCode::SWITCHING_PROTOCOLS || reads_lines {
        traffic.is_client(span.clone());
        let query = uri.query().filter(|query| !query.is_empty());
        let query = query.map(|query| format!("?{}", query::shown(query))).unwrap_or_default();
        info!(target: CLIENTS, path = path + &query, from, "✅ Client connected");
    } else if status.is_server_error() && code.is_empty() {
        warn!(%method, path, status = status_code, from, took_ms, "❌ Request failed");
    } else if !code.is_empty() {
        info!(%method, path, status = status_code, code, cause, from, took_ms, "❌ Request rejected");
    } else if matches!(method, Method::GET | Method::HEAD | Method::OPTIONS) {
        debug!(%method, path, status = status_code, from, took_ms, "📨 Request");
    } else {
        info!(%method, path, status = status_code, from, took_ms, "📨 Request");
    }
    response
}
