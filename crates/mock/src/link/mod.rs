//! The mock's end of a connection, and the network that it goes through. Without a network, every call goes straight to the
//! transport.

mod lane;
mod state;

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::{Context, Poll},
};

use state::{Finished, State};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    select,
    time::{Instant, sleep_until},
};

use super::{
    connection::{Connection, Wire},
    journal::Happened,
    networks::Purpose,
};

/// The mock's end of a connection. Dropping it ends the connection, once everything that was sent has arrived.
pub(super) struct Link<I: Wire>(Arc<Line<I>>);

/// A connection. Its link puts packets on their way, and [`drive`] delivers them.
struct Line<I> {
    connection: Connection,
    state: Mutex<State<I>>,
}

/// Returns the mock's end of a connection, and the future that delivers its packets.
pub(super) fn link<I: Wire>(io: I, connection: &Connection) -> (Link<I>, impl Future<Output = ()> + use<I>) {
    let line = Arc::new(Line { connection: connection.clone(), state: Mutex::new(State::new(io)) });
    (Link(Arc::clone(&line)), drive(line))
}

/// Delivers packets until the connection has ended.
async fn drive<I: Wire>(line: Arc<Line<I>>) {
    let mut rerouted = line.connection.mock.rerouted();
    loop {
        select! {
            biased;
            Ok(()) = rerouted.changed() => {
                line.route(None);
            }
            finished = poll_fn(|cx| line.lock().poll_send(cx)) => {
                if finished == Finished::Cut {
                    line.cut();
                }
                return;
            }
        }
    }
}

impl<I: Wire> Line<I> {
    fn lock(&self) -> MutexGuard<'_, State<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chooses the network again, for a new purpose or from new networks. Returns when the request arrives that this purpose is
    /// from, if that is later.
    fn route(&self, purpose: Option<Purpose>) -> Option<Instant> {
        let mut state = self.lock();
        let State { purpose: current, passage, read, .. } = &mut *state;
        let (is_request, had_network) = (purpose.is_some(), passage.network.is_some());
        let read = if is_request { std::mem::take(read) } else { 0 };
        *current = purpose.or(current.take());
        let random = {
            let networks = &mut self.connection.mock.lock().networks;
            let is_new = networks.choose(current.as_ref()?, passage);
            is_new.then(|| networks.random(passage))
        };
        state.enter(random?);
        (is_request && !had_network).then(|| state.request_arrival(read))
    }

    /// Ends the connection at once.
    fn cut(&self) {
        self.connection.is_cut.store(true, Ordering::Relaxed);
        self.connection.mock.log(self.connection.number, Happened::network_cut());
        self.lock().reset();
    }
}

impl<I: Wire> Link<I> {
    /// Chooses the network for the purpose of a request, and waits until the request has passed through it.
    pub(super) async fn route(&self, purpose: Purpose) {
        let arrives = self.0.route(Some(purpose));
        if let Some(arrives) = arrives {
            sleep_until(arrives).await;
        }
    }
}

impl<I: Wire> Wire for Link<I> {
    fn reset(self) {
        self.0.lock().ends_with_reset = true;
    }
}

impl<I: Wire> Drop for Link<I> {
    fn drop(&mut self) {
        self.0.lock().leave();
    }
}

impl<I: Wire> AsyncRead for Link<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.lock().poll_read(cx, buffer)
    }
}

impl<I: Wire> AsyncWrite for Link<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().poll_flush(cx)
    }

    /// The end arrives like a packet, so this does not wait for it.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().end();
        Poll::Ready(Ok(()))
    }
}
