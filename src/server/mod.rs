//! HTTP and WebSocket: the event feed and REST, before the hub and the control handle.
//!
//! [`serve`] takes a listener that the caller has bound: [`listen::Listening`] for sockets, [`memory::listener`] for
//! tests. Each request passes [`access`](Access) first.

mod access;
mod observe;
mod router;
mod routes;
mod state;
mod transport;
mod ws;

use std::{sync::Arc, time::Duration};

pub use access::{Access, bearer::Tokens};
use observe::statistics;
pub use routes::recordings::Recordings;
use routes::{App, metrics::Metrics, recordings::Shelf};
use state::Shared;
use tokio::{
    select,
    time::{Interval, MissedTickBehavior, interval_at, timeout_at},
};
use tracing::{info, warn};
use transport::connections::Connections;
pub use transport::{limits::Bounds, tls::Tls};
pub use ws::limits::Limits;
use ws::{feeds::Feeds, registry::Sockets};

pub use crate::net::{accept::Listener, listen, memory, peer::Peer};
use crate::{
    clock,
    control::Control,
    files,
    hub::{CloseReason, Hub},
    lobby,
    sans_io::error::close,
};

/// What is served.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where events come from.
    pub hub: Hub,
    /// Where orders go.
    pub control: Control,
    /// What is allowed.
    pub config: Config,
}

/// What is allowed.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may ask.
    pub access: Access,
    /// What connections may cost.
    pub bounds: Bounds,
    /// The certificate of `https://` and `wss://`; without one there is neither.
    pub tls: Option<Tls>,
    /// How many may read the feed at a time. More get `capacity`: close 4102, or 503.
    pub subscribers_max: usize,
    /// What a socket may cost.
    pub sockets: Limits,
    /// What clients may say and keep.
    pub lobby: lobby::Limits,
    /// Which recordings there are, and what may be uploaded.
    pub recordings: Recordings,
    /// How often the statistics of the broadcast are logged; zero for never.
    pub statistics: Duration,
}

/// How many may read the feed at a time, unless told otherwise.
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
            recordings: Recordings::default(),
            statistics: Duration::ZERO,
        }
    }
}

/// Serves until [`Control::shutdown`] is cancelled. Then nobody is let in any more, every socket gets what is queued
/// and a close 1001, and whoever takes longer than [`Bounds::drain_max`] for that is dropped.
///
/// What is to be broadcast last has to be published before the cancellation.
pub async fn serve<L: Listener<Addr: Peer>>(mut listener: L, server: Server) {
    let Server { hub, control, config } = server;
    let bounds = config.bounds;
    let connections = Connections::new(bounds, config.tls);
    let shutdown = control.shutdown().clone();
    let started = clock::now();
    let feeds = Feeds::new(hub.clone(), control.clone());
    let sockets = Sockets::new(feeds, config.sockets, config.lobby, started);
    let folder = config.recordings.directory.clone();
    // Nobody waits for it.
    drop(tokio::task::spawn_blocking(move || files::remove_left_parts(&folder)));
    let shared = Shared {
        hub: hub.clone(),
        control,
        started,
        subscribers_max: config.subscribers_max,
        client_id_chars_max: config.lobby.client_id_chars_max,
    };
    let app = App {
        shared,
        connections: connections.clone(),
        sockets: sockets.clone(),
        shelf: Arc::new(Shelf::new(config.recordings)),
        metrics: Metrics::default(),
    };
    let router = router::router(app.clone(), config.access, bounds.body_bytes_max);
    let mut heartbeat = every(config.sockets.heartbeat_interval());
    let mut statistics = (!config.statistics.is_zero()).then(|| every(config.statistics));
    loop {
        select! {
            biased;
            () = shutdown.cancelled() => break,
            _ = heartbeat.tick() => sockets.heartbeat(),
            () = tick(statistics.as_mut()) => statistics::log(&app),
            (io, peer) = listener.accept() => connections.spawn(io, peer.ip(), router.clone(), shutdown.clone()),
        }
    }
    drop(listener);
    info!("🔔 Shutting down");
    statistics::log(&app);
    sockets.shut_down();
    hub.close(CloseReason { code: close::GOING_AWAY, reason: "shutting_down".into() });
    let deadline = clock::now() + bounds.drain_max;
    if timeout_at(deadline, connections.ended()).await.is_err() {
        warn!("❌ Connections that did not end in time are dropped");
        connections.abort();
        connections.ended().await;
    }
    info!("🔔 Stopped");
}

/// The first tick comes after the first interval.
fn every(interval: Duration) -> Interval {
    let mut ticks = interval_at(clock::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => _ = interval.tick().await,
        None => std::future::pending().await,
    }
}
