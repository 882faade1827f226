//! A forwarding proxy as a source: passes the requests and sockets of any client on to the real hosts, and observes
//! them.
//!
//! ```text
//! client ⇄ Connection ⇄ the real host, or --upstream
//!              └─► Watch ─► Observer ─► items
//! ```
//!
//! Bytes of sockets are passed on unchanged, and HTTP exchanges almost: a request asks only for encodings that
//! can be read, and a socket is opened without compression.

mod body;
mod connection;
mod headers;
mod pump;
mod tap;
mod watch;

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Semaphore, mpsc},
};
use tokio_util::sync::CancellationToken;

use self::{connection::Connection, watch::Watch};
use super::live::{Live, LiveOptions, NetTransport, Outcome, Url};
use crate::{
    clock,
    sans_io::{
        error::Problem,
        observer::Observer,
        recording::{
            USER_TAG,
            records::{
                Header,
                header::{Privacy, Timing},
            },
        },
    },
};

/// Maximum number of sockets at a time: each can hold four of the largest messages, 4 MiB.
const SOCKETS_MAX: usize = 32;
/// Maximum number of bodies to keep at a time, each of at most 1 MiB. Others pass, and count as missing.
const BODIES_MAX: usize = 64;
/// Maximum number of items that wait to be received.
const WAITING_MAX: usize = 16;
/// Maximum time to wait for the last items of sockets when the source is stopped.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// The server that a client means to talk to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Host name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the client uses TLS.
    pub is_tls: bool,
}

/// Passes connections on. Clones share the recording.
#[derive(Clone)]
pub struct Forward(Arc<Shared>);

impl fmt::Debug for Forward {
    /// Omits the upstream's URL, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forward")
    }
}

struct Shared {
    transport: NetTransport,
    /// Server to use instead of the real hosts.
    upstream: Option<Url>,
    watch: Watch,
    /// Places for sockets.
    places: Arc<Semaphore>,
    /// Places for bodies.
    bodies: Arc<Semaphore>,
    stop: CancellationToken,
}

impl Forward {
    /// Starts a recording of the clients of a proxy. `options.user` is the recorded user; if it is empty, each
    /// connection has the user that a client asked for last.
    ///
    /// # Errors
    /// If the transport rejects the options.
    pub fn start(options: &LiveOptions) -> Result<(Self, Live), Problem> {
        let transport = NetTransport::new(options)?;
        let (sender, items) = mpsc::channel(WAITING_MAX);
        let stop = CancellationToken::new();
        let watch = Watch::new(Observer::new(&options.user), sender, options.user.is_empty(), stop.clone());
        let [places, bodies] = [SOCKETS_MAX, BODIES_MAX].map(|most| Arc::new(Semaphore::new(most)));
        let upstream = options.upstream.clone();
        let forward =
            Self(Arc::new(Shared { transport, upstream, watch, places, bodies, stop: stop.clone() }));
        let user = Some(&options.user).filter(|user| !user.is_empty());
        let header = Header {
            tool: env!("CARGO_PKG_NAME").to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            source: "proxy".to_owned(),
            wall_anchor_ns: i64::try_from(clock::wall().as_nanos()).ok(),
            timing: Timing::Original.into(),
            privacy: Privacy::Private.into(),
            tags: user.map(|user| (USER_TAG.to_owned(), user.clone())).into_iter().collect(),
            ..Header::default()
        };
        let task = tokio::spawn(forward.clone().until_stopped());
        let started = forward.0.watch.started();
        Ok((forward, Live::over(header, items, task, stop).started_at(started)))
    }

    /// Serves a decrypted connection of a client, until it ends or the recording is stopped.
    pub async fn serve<I>(&self, io: I, origin: Origin)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stop = self.0.stop.clone();
        let connection = Arc::new(Connection::new(self.clone(), origin));
        tokio::select! { biased;
            () = stop.cancelled() => {}
            () = connection.serve(io) => {}
        }
        if let Some(pump) = connection.take_socket().await {
            pump.run().await;
        }
    }

    /// Reports what a connection observes now.
    async fn note(&self, observe: impl FnOnce(&mut Observer, Duration)) {
        self.0.watch.note(clock::now(), observe).await;
    }

    /// Waits until the source is stopped, and then for the last items of its sockets.
    async fn until_stopped(self) -> Outcome {
        self.0.stop.cancelled().await;
        let all = self.0.places.acquire_many(SOCKETS_MAX as u32);
        // A socket that does not end in time has no end in the recording either.
        let _ = tokio::time::timeout_at(clock::now() + STOP_TIMEOUT, all).await;
        self.0.watch.finish().await;
        Outcome::Stopped
    }
}
