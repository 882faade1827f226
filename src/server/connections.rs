//! The connections of a server: each is a task, all of them end together.

use std::{pin::pin, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    select,
};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tower_service::Service as _;

/// How long a client may take for the head of a request, and between requests.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// How long the head of a request may be, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// All connections of a server. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    tasks: TaskTracker,
    abort: CancellationToken,
}

/// In the extensions of a request: drops its connection when cancelled, whatever is still to be written to it.
/// Cancelled also when the connection ends or is upgraded.
#[derive(Clone, Debug)]
pub(super) struct Reset(pub CancellationToken);

impl Connections {
    /// Speaks HTTP on `io`, until either side ends it. When `shutdown` is cancelled the request at hand is answered.
    pub(super) fn spawn<I>(&self, io: I, router: Router, shutdown: CancellationToken)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let reset = self.abort.child_token();
        self.tasks.spawn(async move {
            let _ended = reset.clone().drop_guard();
            select! {
                biased;
                () = reset.cancelled() => {}
                () = converse(io, router, Reset(reset.clone()), &shutdown) => {}
            }
        });
    }

    /// Makes the server wait for an upgraded connection until this is dropped.
    pub(super) fn token(&self) -> TaskTrackerToken {
        self.tasks.token()
    }

    /// Cancelled when connections are to be dropped.
    pub(super) fn aborted(&self) -> &CancellationToken {
        &self.abort
    }

    /// Drops every connection.
    pub(super) fn abort(&self) {
        self.abort.cancel();
    }

    /// Waits until the last connection has ended.
    pub(super) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Runs `task` as long as there are connections to wait for.
    pub(super) fn spawn_beside(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }
}

async fn converse<I>(io: I, router: Router, reset: Reset, shutdown: &CancellationToken)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(reset.clone());
        // A router is always ready.
        router.clone().call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(io), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // An error is the client's doing, and it has been told where that was possible.
    select! {
        biased;
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
