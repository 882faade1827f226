//! HTTP and WebSocket: the event feed and REST, before the hub and the control handle.
//!
//! [`serve`] takes a listener that the caller has bound: [`listen::Listening`] for sockets, [`memory::listener`] for
//! tests. Each request passes [`access`](Access) first.

mod access;
mod answer;
mod assets;
mod clients;
mod connect;
mod connections;
mod feed;
mod feeds;
mod host;
mod limits;
mod ndjson;
mod outbox;
mod page;
mod query;
mod recordings;
mod replay;
mod rest;
mod rooms;
mod router;
mod socket;
mod sockets;
mod voice;
mod ws;

use std::{sync::Arc, time::Duration};

pub use access::Access;
use axum::serve::Listener;
use connections::Connections;
use feeds::Feeds;
pub use limits::Limits;
pub use recordings::Recordings;
use recordings::Shelf;
use sockets::Sockets;
use tokio::{
    select,
    time::{Instant, MissedTickBehavior, interval_at, timeout_at},
};

pub use crate::net::{listen, memory};
use crate::{
    clock,
    control::Control,
    hub::{CloseReason, Hub, Join, Subscriber},
    lobby,
    sans_io::error::{Code, Problem, close},
};

/// How long sockets have for what is queued, when the server shuts down.
const DRAIN_MAX: Duration = Duration::from_secs(5);

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who may ask.
    pub access: Access,
    /// How many may read the feed at a time. More get `capacity`: close 4102, or 503.
    pub subscribers_max: usize,
    /// What a socket may cost.
    pub sockets: Limits,
    /// What clients may say and keep.
    pub lobby: lobby::Limits,
    /// Which recordings there are, and what may be uploaded.
    pub recordings: Recordings,
}

/// How many may read the feed at a time, unless told otherwise.
pub const SUBSCRIBERS_MAX: usize = 10_000;

impl Default for Config {
    fn default() -> Self {
        Self {
            access: Access::default(),
            subscribers_max: SUBSCRIBERS_MAX,
            sockets: Limits::default(),
            lobby: lobby::Limits::default(),
            recordings: Recordings::default(),
        }
    }
}

/// What requests share.
#[derive(Clone, Debug)]
struct App {
    hub: Hub,
    control: Control,
    started: Instant,
    connections: Connections,
    subscribers_max: usize,
    sockets: Sockets,
    client_id_chars_max: usize,
    shelf: Arc<Shelf>,
}

impl App {
    /// A subscriber of `hub`.
    fn join(&self, hub: &Hub, join: &Join) -> Result<Subscriber, Problem> {
        if hub.subscriber_count() >= self.subscribers_max {
            return Err(Problem::new(Code::Capacity, "too many are reading already"));
        }
        hub.join(join)
    }
}

/// Serves until [`Control::shutdown`] is cancelled. Then nobody is let in any more, every socket gets what is queued
/// and a close 1001, and whoever takes more than five seconds for that is dropped.
///
/// What is to be broadcast last has to be published before the cancellation.
pub async fn serve<L: Listener>(mut listener: L, server: Server) {
    let Server { hub, control, config } = server;
    let connections = Connections::default();
    let shutdown = control.shutdown().clone();
    let started = clock::now();
    let feeds = Feeds::new(hub.clone(), control.clone());
    let sockets = Sockets::new(feeds, config.sockets, config.lobby, started);
    let app = App {
        hub: hub.clone(),
        control,
        started,
        connections: connections.clone(),
        subscribers_max: config.subscribers_max,
        sockets: sockets.clone(),
        client_id_chars_max: config.lobby.client_id_chars_max,
        shelf: Arc::new(Shelf::new(config.recordings)),
    };
    let router = router::router(app, config.access);
    let every = config.sockets.heartbeat_interval();
    let mut heartbeat = interval_at(started + every, every);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        select! {
            biased;
            () = shutdown.cancelled() => break,
            _ = heartbeat.tick() => sockets.heartbeat(),
            (io, _) = listener.accept() => connections.spawn(io, router.clone(), shutdown.clone()),
        }
    }
    drop(listener);
    sockets.shut_down();
    hub.close(CloseReason { code: close::GOING_AWAY, reason: "shutting_down".into() });
    let deadline = clock::now() + DRAIN_MAX;
    if timeout_at(deadline, connections.ended()).await.is_err() {
        connections.abort();
        connections.ended().await;
    }
}
