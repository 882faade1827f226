//! HTTP and WebSocket server: the event feed and the REST API, on top of the hub and the control handle.
//!
//! [`serve`] takes a bound listener: [`Listening`](livetape_io::net::Listening) for sockets,
//! [`memory::listener`](livetape_io::net::memory::listener) for tests. Each request passes [`access`](Access)
//! before its handler. The [`lobby`] holds the rooms and messages of clients, and [`staged`] plays a case.

mod access;
mod handlers;
pub mod lobby;
mod peers;
mod router;
mod routes;
pub mod staged;
mod state;
mod transport;
mod ws;

use std::{sync::Arc, time::Duration};

use access::Guard;
pub use access::{Access, bearer::Tokens};
use axum::Router;
pub use handlers::Handlers;
use livetape_core::error::{Code, Problem, close};
use livetape_feed::{
    control::{Control, Peers},
    hub::{CloseReason, Hub, Join},
};
use livetape_io::{
    clock, files,
    net::{Listener, Peer},
};
#[cfg(feature = "mock")]
pub use routes::mock::{scenario, scenario_names};
use routes::{App, metrics::Metrics, overlays::Overlays, recordings::Shelf};
pub use routes::{
    door::{Attempt, Door, Stray},
    masked,
    recordings::Recordings,
};
use staged::Staged;
pub use state::API_VERSION;
use state::{Feeds, Shared};
use tokio::{
    select,
    time::{Interval, MissedTickBehavior, interval_at, timeout_at},
};
use tracing::{info, warn};
use transport::Connections;
pub use transport::{Bounds, tls::Tls};
use ws::registry::Sockets;
pub use ws::{
    connection::Limits,
    hooks::{Answer, Event, HandledPath, HandlerLimits, Handshake, Last, Reply, Wanted, What},
};

#[derive(Clone, Debug)]
pub struct Server {
    pub hub: Hub,
    pub control: Control,
    pub config: Config,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub access: Access,
    pub bounds: Bounds,
    /// Certificate for `https://` and `wss://`; without one, the server speaks plain HTTP only.
    pub tls: Option<Tls>,
    /// Maximum number of concurrent feed subscribers. Others get `capacity`: close code 4102, or 503.
    pub subscribers_max: usize,
    pub sockets: Limits,
    pub lobby: lobby::Limits,
    /// Returns the number of lines that the log of this process has lost, for statistics and metrics.
    pub lost_log_lines: fn() -> u64,
    pub recordings: Recordings,
    /// The case that is played, which may turn clients away.
    pub staged: Option<Staged>,
    /// The servers of other processes, which share rooms and messages of clients.
    pub peers: Option<Peers>,
    /// Paths that are handled by the program that embeds the server. The limits passed to [`Handlers::new`]
    /// apply to the sockets of all paths: pass the values of `sockets` and `lobby` there too.
    pub handlers: Option<Handlers>,
}

const STATISTICS_INTERVAL: Duration = Duration::from_secs(60);

/// Default maximum number of concurrent feed subscribers.
pub const SUBSCRIBERS_MAX: usize = 10_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            access: Access::default(),
            bounds: Bounds::default(),
            tls: None,
            subscribers_max: SUBSCRIBERS_MAX,
            sockets: Limits::default(),
            lobby: lobby::Limits::default(),
            lost_log_lines: || 0,
            recordings: Recordings::default(),
            staged: None,
            peers: None,
            handlers: None,
        }
    }
}

/// Parses the query parameters of the feed, as in `GET /events`.
///
/// # Errors
/// `bad_request` for unknown keys and values; the hint suggests the nearest known one.
pub fn feed_query(query: &str) -> Result<Join, Problem> {
    let uri = format!("/?{query}").parse();
    routes::query::join(
        &uri.map_err(|_| Problem::new(Code::BadRequest, format!("`{query}` is not a query")))?,
    )
}

/// Maximum time to remove the temporary files of uploads that a shutdown interrupts.
const CLEANUP_MAX: Duration = Duration::from_secs(1);

/// A listener that serves the feed in TikFinity's format, and nothing else.
#[derive(Debug)]
pub struct Tikfinity<L> {
    pub listener: L,
    /// Its URL, which `GET /health` reports.
    pub url: String,
    /// Hosts and origins that are allowed. Clients of TikFinity send no token, so none is required.
    pub access: Access,
}

/// Like [`serve_both`], without TikFinity's format on a second listener.
pub async fn serve<L: Listener<Addr: Peer>>(listener: L, server: Server) {
    serve_both(listener, None, server).await;
}

/// Serves until [`Control::shutdown`] is cancelled. Then the server stops accepting connections, flushes
/// every WebSocket, closes it with 1001, and drops connections that take longer than [`Bounds::drain_max`].
///
/// Publish the last events before cancelling.
pub async fn serve_both<L: Listener<Addr: Peer>>(
    mut listener: L,
    tikfinity: Option<Tikfinity<L>>,
    server: Server,
) {
    let Server { hub, control, config } = server;
    let bounds = config.bounds;
    let guard = Guard::new(config.access, config.handlers.clone(), config.tls.is_some());
    let door = config.staged.as_ref().map(|staged| staged.door.clone());
    let connections = Connections::new(bounds, config.tls, door.clone());
    let shutdown = control.shutdown().clone();
    let started = clock::now();
    let feeds = Feeds::new(hub.clone(), control.clone());
    let own = || Sockets::new(feeds, config.sockets, config.lobby, started);
    let sockets = config.handlers.as_ref().map_or_else(own, |handlers| handlers.sockets.clone());
    if let Some(door) = &door {
        door.attach(&sockets, &control);
    }
    if let Some(peers) = &config.peers {
        peers::span(&sockets, peers, shutdown.clone());
    }
    let folder = config.recordings.directory.clone();
    // Runs detached: startup need not wait for it.
    drop(tokio::task::spawn_blocking(move || files::remove_left_parts(&folder, None)));
    let shared = Shared {
        hub: hub.clone(),
        control,
        started,
        subscribers_max: config.subscribers_max,
        client_id_chars_max: config.lobby.client_id_chars_max,
        tikfinity: tikfinity.as_ref().map(|it| it.url.as_str().into()),
    };
    let app = App {
        table: router::table,
        shared,
        connections: connections.clone(),
        sockets: sockets.clone(),
        overlays: Arc::new(Overlays::new(&config.recordings.directory)),
        shelf: Arc::new(Shelf::new(config.recordings, config.staged.as_ref().map(|it| it.tape.clone()))),
        metrics: Metrics::default(),
        lost_log_lines: config.lost_log_lines,
        door,
        staged: config.staged,
        #[cfg(feature = "mock")]
        mock: Arc::default(),
        handlers: config.handlers,
    };
    let ids = router::Ids::new(&hub.name_here(), app.metrics.clone(), app.door.clone());
    let router = router::router(app.clone(), guard, ids.clone(), bounds.body_bytes_max);
    let (mut tikfinity, tikfinity_router) = match tikfinity {
        Some(Tikfinity { listener, access, .. }) => {
            (Some(listener), router::tikfinity(app.clone(), access, ids))
        }
        None => (None, Router::new()),
    };
    let mut heartbeat = every(config.sockets.heartbeat_interval());
    let mut statistics = every(STATISTICS_INTERVAL);
    loop {
        select! {
            biased;
            () = shutdown.cancelled() => break,
            _ = heartbeat.tick() => sockets.heartbeat(),
            _ = statistics.tick() => log_statistics(&app),
            (io, peer) = listener.accept() => connections.spawn(io, peer.ip(), router.clone(), shutdown.clone()),
            (io, peer) = accept(tikfinity.as_mut()) => {
                connections.without_tls().spawn(io, peer.ip(), tikfinity_router.clone(), shutdown.clone());
            }
        }
    }
    drop((listener, tikfinity));
    info!("🔔 Shutting down");
    log_statistics(&app);
    sockets.shut_down();
    hub.close(CloseReason::new(close::GOING_AWAY, "shutting_down"));
    let deadline = clock::now() + bounds.drain_max;
    if timeout_at(deadline, connections.ended()).await.is_err() {
        warn!("❌ Dropping connections that did not close in time");
        connections.abort.cancel();
        connections.ended().await;
    }
    if timeout_at(clock::now() + CLEANUP_MAX, app.shelf.ended()).await.is_err() {
        warn!("❌ Temporary files of an upload are left behind; the next start removes them");
    }
    info!("🔔 Server stopped");
}

/// Logs what was broadcast so far: at intervals, and at shutdown.
fn log_statistics(app: &App) {
    let hub = &app.shared.hub;
    let (stats, counts) = app.sockets.with(|lobby| (lobby.stats(), lobby.counts().clone()));
    info!(
        connections = stats.total_connections,
        rooms = stats.total_rooms,
        subscribers = app.shared.subscriber_count(),
        events = hub.head(),
        event_bytes = hub.bytes_read(),
        slow = hub.slow_count(),
        received = counts.received + app.sockets.received(),
        sent = counts.sent,
        refused = counts.refused.values().sum::<u64>(),
        turned_away = app.connections.refused().iter().map(|(_, count)| count).sum::<u64>(),
        log_lines_lost = (app.lost_log_lines)(),
        "📡 Broadcast statistics"
    );
}

/// Returns an interval whose first tick comes after one period.
fn every(interval: Duration) -> Interval {
    let mut ticks = interval_at(clock::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn accept<L: Listener<Addr: Peer>>(listener: Option<&mut L>) -> (L::Io, L::Addr) {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}
