//! The client of each connection: its address, and traffic counters, logged when it disconnects.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use livetape_engine::log_target::CLIENTS;
use livetape_io::clock;
use tokio::time::Instant;
use tracing::{Span, info};

/// Request extension with the client's address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker(pub Option<IpAddr>);

impl Asker {
    /// Whether the client is on this machine. A connection in memory has no address.
    pub(crate) fn is_local(self) -> bool {
        self.0.is_none_or(|address| address.to_canonical().is_loopback())
    }
}

/// The counters of one connection, in the extensions of its requests. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
    client: OnceLock<Client>,
}

/// A client that opened a WebSocket or reads `/events`.
#[derive(Debug)]
struct Client {
    request: Span,
    since: Instant,
}

/// Held by the connection, upgraded or not. Logs the traffic when dropped.
#[derive(Debug)]
pub(crate) struct Meter(Traffic);

impl Traffic {
    /// Marks the connection as that of a client. `request` is the span of the request that made it one.
    pub(crate) fn is_client(&self, request: Span) {
        // Set only once: no request follows an upgrade or `/events` on the same connection.
        let _ = self.0.client.set(Client { request, since: clock::now() });
    }

    pub(crate) fn sent_bytes(&self) -> u64 {
        self.0.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter(self.clone())
    }
}

impl Meter {
    pub(crate) fn received(&self, bytes: usize) {
        self.0.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts the bytes of a completed write and returns its result.
    pub(crate) fn sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &written {
            self.0.0.sent.fetch_add(*bytes as u64, Ordering::Relaxed);
        }
        written
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let counts = &self.0.0;
        let Some(Client { request, since }) = counts.client.get() else { return };
        let _inside = request.enter();
        let received_bytes = counts.received.load(Ordering::Relaxed);
        let sent_bytes = counts.sent.load(Ordering::Relaxed);
        let seconds = (clock::now() - *since).as_secs();
        info!(target: CLIENTS, received_bytes, sent_bytes, seconds, "❌ Client disconnected");
    }
}
