//! The connections of a server. Each is a task; all of them end together.

use std::{net::IpAddr, pin::pin};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    http::{HeaderValue, Method, StatusCode, header},
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use livetape_io::clock;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select,
    time::timeout_at,
};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tower_service::Service as _;

use super::{
    admission::{Admission, ConnectionSlot, Full},
    body::{SharedBody, Timed},
    limits::Bounds,
    metered::{Metered, Unread},
    rejected,
    tls::Tls,
};
use crate::state::traffic::{Asker, Traffic};

/// All connections of a server. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    tasks: TaskTracker,
    abort: CancellationToken,
    admission: Admission,
    bounds: Bounds,
    tls: Option<Tls>,
}

/// Request extension that drops the connection when cancelled, even with unsent data. Also cancelled when the
/// connection ends or is upgraded.
#[derive(Clone, Debug)]
pub(crate) struct Reset(pub CancellationToken);

/// Everything that a connection needs to serve requests.
#[derive(Clone)]
struct Service {
    router: Router,
    reset: Reset,
    asker: Asker,
    shutdown: CancellationToken,
    bounds: Bounds,
}

impl Connections {
    pub(crate) fn new(bounds: Bounds, tls: Option<Tls>) -> Self {
        let admission = Admission::new(&bounds);
        Self { tasks: TaskTracker::new(), abort: CancellationToken::new(), admission, bounds, tls }
    }

    /// Returns the same connections, for a listener that only serves plain HTTP.
    pub(crate) fn without_tls(&self) -> Self {
        Self { tls: None, ..self.clone() }
    }

    /// Serves HTTP on `io` until either side ends it. When `shutdown` is cancelled, the request in progress
    /// is still answered. At the connection limit, the client gets a 503.
    pub(crate) fn spawn<I>(&self, io: I, asker: Option<IpAddr>, router: Router, shutdown: CancellationToken)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let slot = match self.admission.enter(asker) {
            Ok(slot) => slot,
            Err(full) => return self.turn_away(io, full),
        };
        let reset = self.abort.child_token();
        let (bounds, tls) = (self.bounds, self.tls.clone());
        self.tasks.spawn(async move {
            let _ended = reset.clone().drop_guard();
            let reset = Reset(reset);
            let service = Service { router, reset: reset.clone(), asker: Asker(asker), shutdown, bounds };
            select! {
                biased;
                () = reset.0.cancelled() => {}
                () = secure(io, slot, tls, service) => {}
            }
        });
    }

    /// Rejects a connection, with a response only without TLS: a handshake costs more than the connection
    /// would.
    fn turn_away<I>(&self, io: I, full: Full)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let refused: u64 = self.admission.refused().iter().map(|(_, count)| count).sum();
        // Log the rejections 1, 2, 4, 8, …, so that a flood does not flood the log, too.
        if refused.is_power_of_two() {
            tracing::warn!(refused, why = full.name(), "❌ Connection rejected: too many");
        }
        let Some(slot) = self.admission.enter_to_be_rejected().filter(|_| self.tls.is_none()) else { return };
        let aborted = self.abort.clone();
        self.tasks.spawn(async move {
            let _slot = slot;
            select! {
                biased;
                () = aborted.cancelled() => {}
                () = rejected::tell(io, full) => {}
            }
        });
    }

    pub(crate) fn refused(&self) -> [(&'static str, u64); 2] {
        self.admission.refused()
    }

    /// Returns a token that keeps the server waiting for an upgraded connection until dropped.
    pub(crate) fn token(&self) -> TaskTrackerToken {
        self.tasks.token()
    }

    /// Cancelled when all connections must be dropped.
    pub(crate) fn aborted(&self) -> &CancellationToken {
        &self.abort
    }

    pub(crate) fn abort(&self) {
        self.abort.cancel();
    }

    /// Waits until the last connection has ended.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Spawns a task that the server waits for as it does for connections.
    pub(crate) fn spawn_beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }
}

/// Runs the TLS handshake if TLS is configured, then serves HTTP.
async fn secure<I>(io: I, slot: ConnectionSlot, tls: Option<Tls>, service: Service)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(tls) = tls else { return converse(io, slot, service).await };
    let shaken = async {
        let deadline = clock::now() + service.bounds.handshake_max;
        select! {
            biased;
            // No request has arrived yet.
            () = service.shutdown.cancelled() => None,
            shaken = timeout_at(deadline, tls.accept(io)) => shaken.ok().flatten(),
        }
    };
    if let Some(io) = shaken.await {
        converse(io, slot, service).await;
    }
}

async fn converse<I>(io: I, slot: ConnectionSlot, service: Service)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Service { router, reset, asker, shutdown, bounds } = service;
    let (unread, traffic) = (Unread::default(), Traffic::default());
    let io = Metered::new(io, &traffic, unread.clone(), slot);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(reset.clone());
        request.extensions_mut().insert(asker);
        request.extensions_mut().insert(traffic.clone());
        // A router is always ready, so `poll_ready` is not needed.
        let is_upload = request.method() == Method::PUT && request.uri().path().starts_with("/recordings/");
        // With `Expect: 100-continue`, reading the body would ask the client to send it.
        let is_sent = !request.headers().contains_key(header::EXPECT);
        let (head, body) = request.into_parts();
        // Requests without a body, such as those for WebSockets, need no memory for it.
        let timed = |body| SharedBody::new(Timed::new(body, is_upload, bounds.body_gap_max));
        let body = (!body.is_end_stream()).then(|| timed(body));
        let sent = body.clone().map_or_else(Body::empty, Body::new);
        let answer = router.clone().call(Request::from_parts(head, sent));
        let unread = unread.clone();
        async move {
            let mut answer = answer.await?;
            if let Some(body) = body
                && answer.status() != StatusCode::SWITCHING_PROTOCOLS
                && !body.skip(is_sent).await
            {
                unread.note();
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_max)
        .max_buf_size(bounds.head_bytes_max)
        .serve_connection(TokioIo::new(io), answer)
        .with_upgrades();
    let mut connection = pin!(connection);
    // Errors are caused by the client, which has been notified if possible.
    select! {
        biased;
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
