//! The mock's end of a connection, and the network that it goes through. Without a network, every call goes
//! straight to the transport.

pub(crate) mod connection;
mod lane;
mod state;

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use connection::{ClientConnection, Wire};
use parking_lot::Mutex;
use state::{Finished, State};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    select,
};

use crate::state::{journal::Happened, networks::Purpose};

/// The mock's end of a connection. Dropping it ends the connection, once everything that was sent has
/// arrived.
pub(super) struct Link<I: Wire>(Arc<Line<I>>);

/// A connection. Its link puts packets on their way, and [`drive`] delivers them.
struct Line<I> {
    connection: ClientConnection,
    state: Mutex<State<I>>,
}

/// Returns the mock's end of a connection, and the future that delivers its packets.
pub(super) fn link<I: Wire>(
    io: I,
    connection: &ClientConnection,
) -> (Link<I>, impl Future<Output = ()> + use<I>) {
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
                line.reroute();
            }
            finished = poll_fn(|cx| line.state.lock().poll_send(cx)) => {
                if finished == Finished::Cut {
                    line.cut();
                }
                return;
            }
        }
    }
}

impl<I: Wire> Line<I> {
    /// Chooses the network for a new purpose. Returns whether the request that it is from still has to pass
    /// through it.
    fn route(&self, purpose: Purpose) -> bool {
        let mut state = self.state.lock();
        let (had_network, read) = (state.passage.network.is_some(), std::mem::take(&mut state.read));
        state.purpose = Some(purpose);
        let is_new = self.choose(&mut state, false);
        if is_new && !had_network {
            state.send_request(read);
        }
        is_new && !had_network
    }

    /// Chooses again from new networks. Delayed packets arrive no later than if they were sent now.
    fn reroute(&self) {
        let mut state = self.state.lock();
        let is_ending = state.is_ending();
        if self.choose(&mut state, is_ending) {
            state.hurry();
        }
    }

    /// Returns whether the network is another one than before.
    fn choose(&self, state: &mut State<I>, is_ending: bool) -> bool {
        let State { purpose: Some(purpose), passage, .. } = state else { return false };
        let random = {
            let networks = &mut self.connection.mock.memory.lock().networks;
            networks.choose(purpose, passage, is_ending).then(|| networks.random(passage))
        };
        random.map(|random| state.enter(random)).is_some()
    }

    /// Ends the connection at once.
    fn cut(&self) {
        self.connection.is_cut.store(true, Ordering::Relaxed);
        self.connection.mock.log(self.connection.number, Happened::network_cut());
        self.state.lock().reset();
    }
}

impl<I: Wire> Link<I> {
    /// Chooses the network for the purpose of a request, and waits until the request has passed through it.
    pub(super) async fn route(&self, purpose: Purpose) {
        if self.0.route(purpose) {
            poll_fn(|cx| self.0.state.lock().poll_request(cx)).await;
        }
    }
}

impl<I: Wire> Wire for Link<I> {
    fn reset(self) {
        self.0.state.lock().ends_with_reset = true;
    }
}

impl<I: Wire> Drop for Link<I> {
    fn drop(&mut self) {
        self.0.state.lock().leave();
    }
}

impl<I: Wire> AsyncRead for Link<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.state.lock().poll_read(cx, buffer)
    }
}

impl<I: Wire> AsyncWrite for Link<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.state.lock().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.state.lock().poll_flush(cx)
    }

    /// The end arrives like a packet, so this does not wait for it.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.state.lock().end();
        Poll::Ready(Ok(()))
    }
}
