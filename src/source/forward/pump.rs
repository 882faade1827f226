//! An open WebSocket: its bytes pass by in both directions, and its messages are observed.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::OwnedSemaphorePermit,
    time::Instant,
};

use super::{
    Forward,
    tap::{Heard, Tap},
};
use crate::{
    clock,
    sans_io::{
        error::close,
        observer::{Lost, Observer, Socket},
        recording::records::{ConnClose, conn_close::Who},
    },
};

/// Number of bytes to read at a time.
const READ_BYTES: usize = 16 << 10;
/// Maximum time for the other direction to end after one has ended.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Time without a byte in either direction after which a socket counts as dead: a client may be gone without notice.
const SILENCE_MAX: Duration = Duration::from_secs(600);
/// Close code of a socket without a close frame (RFC 6455 §7.4.1).
const ABNORMAL: u16 = 1006;

/// A socket that was opened on both sides.
pub(super) struct Pump {
    pub(super) forward: Forward,
    pub(super) socket: Socket,
    pub(super) client: OnUpgrade,
    pub(super) upstream: OnUpgrade,
    pub(super) place: OwnedSemaphorePermit,
}

/// A side of the socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Upstream,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Upstream,
            Self::Upstream => Self::Client,
        }
    }
}

impl Pump {
    /// Passes bytes on until the socket ends or the recording is stopped.
    pub(super) async fn run(self) {
        let Self { forward, socket, client, upstream, place } = self;
        let socket = Mutex::new(socket);
        let ways = Ways { forward: &forward, socket: &socket, active: Mutex::new(clock::now()) };
        let ended = match tokio::try_join!(client, upstream) {
            Ok((client, upstream)) => ways.pass(client, upstream).await,
            Err(_) => (!forward.0.stop.is_cancelled()).then_some(Side::Client),
        };
        ways.close(ended).await;
        drop(place);
    }
}

/// Both directions of a socket.
struct Ways<'a> {
    forward: &'a Forward,
    socket: &'a Mutex<Socket>,
    /// When the last bytes arrived.
    active: Mutex<Instant>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ways<'_> {
    /// Returns the side that ended the socket; `None` if the recording was stopped.
    async fn pass(&self, client: Upgraded, upstream: Upgraded) -> Option<Side> {
        let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
        let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
        let mut up = std::pin::pin!(self.one_way(from_client, to_upstream, Side::Client));
        let mut down = std::pin::pin!(self.one_way(from_upstream, to_client, Side::Upstream));
        let (by, is_down) = tokio::select! { biased;
            () = self.forward.0.stop.cancelled() => return None,
            by = &mut down => (by, true),
            by = &mut up => (by, false),
            () = self.silence() => return Some(Side::Upstream),
        };
        self.close(Some(by)).await;
        let until = clock::now() + CLOSE_TIMEOUT;
        // The socket has ended: what arrives now is only passed on.
        let _ = if is_down {
            tokio::time::timeout_at(until, up).await
        } else {
            tokio::time::timeout_at(until, down).await
        };
        Some(by)
    }

    /// Waits until both directions are silent.
    async fn silence(&self) {
        loop {
            let until = *lock(&self.active) + SILENCE_MAX;
            if clock::now() >= until {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }

    /// Passes the bytes of a side on, and returns the side that ended that.
    async fn one_way(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        side: Side,
    ) -> Side {
        let (mut tap, mut buffer) = (Tap::default(), vec![0; READ_BYTES]);
        // A broken connection ends like a closed one.
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            *lock(&self.active) = clock::now();
            // Observed before it is passed on, so that it precedes the answer.
            self.hear(tap.read(&buffer[..count]), side).await;
            if to.write_all(&buffer[..count]).await.is_err() || to.flush().await.is_err() {
                return side.other();
            }
        }
        if let Some(bytes) = tap.unfinished() {
            self.hear(vec![Heard::Unread(bytes, "the socket was cut in the middle of a message")], side)
                .await;
        }
        // If the other side is gone, there is nobody to tell.
        let _ = to.shutdown().await;
        side
    }

    async fn hear(&self, heard: Vec<Heard>, side: Side) {
        if heard.is_empty() {
            return;
        }
        let is_sent = side == Side::Client;
        self.note(|observer, offset, socket| {
            for heard in heard {
                match heard {
                    Heard::Message(opcode, bytes) => observer.frame(offset, socket, is_sent, opcode, bytes),
                    Heard::Unread(bytes, why) => {
                        if let Some(conn) = socket.conn() {
                            observer.lost(offset, conn, Lost { is_sent, bytes, why: why.to_owned() });
                        }
                    }
                }
            }
        })
        .await;
    }

    /// Reports the end, unless a close frame did.
    async fn close(&self, by: Option<Side>) {
        let (code, who, reason) = match by {
            None => (close::NORMAL, Who::Us, "stopped"),
            Some(Side::Client) => (ABNORMAL, Who::Us, "the client left without a close frame"),
            Some(Side::Upstream) => (ABNORMAL, Who::Network, "closed without a close frame"),
        };
        let close =
            ConnClose { code: code.into(), reason: reason.to_owned(), who: who.into(), will_retry: false };
        self.note(|observer, offset, socket| observer.close(offset, socket, close)).await;
    }

    async fn note(&self, observe: impl FnOnce(&mut Observer, Duration, &mut Socket)) {
        let observe = |observer: &mut Observer, offset| {
            observe(observer, offset, &mut lock(self.socket));
        };
        self.forward.note(observe).await;
    }
}
