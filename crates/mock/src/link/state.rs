//! The transport of a connection, and the packets on their way.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use livetape_io::clock;
use tokio::{
    io::ReadBuf,
    time::{Sleep, sleep_until},
};

use super::{
    connection::Wire,
    lane::{Lane, PACKET_BYTES},
};
use crate::{
    random::Random,
    state::networks::{Passage, Purpose},
};

/// How a connection has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finished {
    /// Either side has closed it.
    Closed,
    /// The network cuts it.
    Cut,
}

pub(super) struct State<I> {
    /// `None` after the end.
    io: Option<I>,
    pub(super) purpose: Option<Purpose>,
    pub(super) passage: Passage,
    /// Number of bytes read without a network since the last request.
    pub(super) read: usize,
    from_client: Lane,
    to_client: Lane,
    /// Number of bytes that the client may still receive.
    bytes_left: Option<u64>,
    cut: Option<Pin<Box<Sleep>>>,
    /// Whether the mock's end has been dropped.
    is_left: bool,
    pub(super) ends_with_reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    driver: Option<Waker>,
}

impl<I: Wire> State<I> {
    pub(super) fn new(io: I) -> Self {
        Self {
            io: Some(io),
            purpose: None,
            passage: Passage::default(),
            read: 0,
            from_client: Lane::new(),
            to_client: Lane::new(),
            bytes_left: None,
            cut: None,
            is_left: false,
            ends_with_reset: false,
            reader: None,
            writer: None,
            driver: None,
        }
    }

    /// Starts with the network that was chosen, or without one.
    pub(super) fn enter(&mut self, [from_client, to_client]: [Random; 2]) {
        (self.from_client.random, self.to_client.random) = (from_client, to_client);
        let network = self.passage.network.as_deref();
        self.bytes_left = network.and_then(|network| network.cut_after_bytes);
        let cut_after = network.and_then(|network| network.cut_after_ms).map(Duration::from_millis);
        self.cut = cut_after.map(|after| Box::pin(sleep_until(clock::now() + after)));
        wake(&mut self.driver);
    }

    /// Sends a request through the network that was already read without one.
    pub(super) fn send_request(&mut self, length: usize) {
        self.from_client.arrival(length, self.passage.network.as_deref());
    }

    /// Waits for the arrival of that request.
    pub(super) fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reader = Some(cx.waker().clone());
        self.from_client.poll_last(cx)
    }

    /// Whether one side has already ended the connection, even if the other cannot know it yet.
    pub(super) fn is_ending(&mut self) -> bool {
        let reader = self.reader.clone().unwrap_or_else(|| Waker::noop().clone());
        self.receive(&mut Context::from_waker(&reader));
        self.is_left || self.to_client.is_closed || self.from_client.is_closed
    }

    /// Lets packets arrive that would arrive earlier if they were sent now.
    pub(super) fn hurry(&mut self) {
        let network = self.passage.network.as_deref();
        self.from_client.hurry(network);
        self.to_client.hurry(network);
        wake(&mut self.reader);
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reader = Some(cx.waker().clone());
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        let (network, lane) = (self.passage.network.as_deref(), &mut self.from_client);
        if network.is_none() && lane.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(io).poll_read(cx, buffer))?;
            self.read += buffer.filled().len() - before;
            return Poll::Ready(Ok(()));
        }
        self.receive(cx);
        let packet = ready!(self.from_client.poll_arrived(cx));
        let length = packet.len().min(buffer.remaining());
        buffer.put_slice(&packet[..length]);
        if length > 0 {
            self.from_client.take(length);
        }
        Poll::Ready(Ok(()))
    }

    /// Puts what the client has sent on its way.
    fn receive(&mut self, cx: &mut Context<'_>) {
        let Some(io) = &mut self.io else { return };
        let (network, lane) = (self.passage.network.as_deref(), &mut self.from_client);
        let mut packet = [0; PACKET_BYTES];
        while lane.has_space() {
            let mut packet = ReadBuf::new(&mut packet);
            match Pin::new(&mut *io).poll_read(cx, &mut packet) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if !packet.filled().is_empty() => _ = lane.send(packet.filled(), network),
                // The mock treats a broken connection as one that has ended.
                Poll::Ready(_) => lane.end(Duration::ZERO, network),
            }
        }
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let (network, lane) = (self.passage.network.as_deref(), &mut self.to_client);
        if network.is_none() && lane.is_empty() {
            return Pin::new(io).poll_write(cx, bytes);
        }
        if !lane.has_space() {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = lane.send(bytes, network);
        wake(&mut self.driver);
        Poll::Ready(Ok(length))
    }

    /// Without a network, flushes the transport. Otherwise, [`Self::poll_send`] does.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(io) if self.passage.network.is_none() && self.to_client.is_empty() => {
                Pin::new(io).poll_flush(cx)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Sends the end of the connection.
    pub(super) fn end(&mut self) {
        let network = self.passage.network.as_deref();
        let close = network.map(|network| Duration::from_millis(network.close_ms)).unwrap_or_default();
        self.to_client.end(close, network);
        wake(&mut self.driver);
    }

    /// Sends the end, after which nothing will be read.
    pub(super) fn leave(&mut self) {
        self.end();
        self.is_left = true;
    }

    /// Delivers packets that have arrived, until the connection has finished.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Finished> {
        self.driver = Some(cx.waker().clone());
        if self.cut.as_mut().is_some_and(|cut| cut.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Finished::Cut);
        }
        loop {
            let Some(io) = &mut self.io else { return Poll::Ready(Finished::Closed) };
            if self.bytes_left == Some(0) {
                return Poll::Ready(Finished::Cut);
            }
            let Poll::Ready(packet) = self.to_client.poll_arrived(cx) else {
                if self.is_left && self.to_client.is_empty() {
                    return self.finish();
                }
                let _ = Pin::new(io).poll_flush(cx);
                return Poll::Pending;
            };
            if packet.is_empty() {
                if self.ends_with_reset {
                    return self.finish();
                }
                let is_late = self.to_client.poll_late(cx).is_ready();
                if Pin::new(io).poll_shutdown(cx).is_pending() && !is_late {
                    return Poll::Pending;
                }
                self.to_client.take(0);
                continue;
            }
            let most = self.bytes_left.and_then(|left| usize::try_from(left).ok()).unwrap_or(usize::MAX);
            match Pin::new(io).poll_write(cx, &packet[..packet.len().min(most)]) {
                Poll::Ready(Ok(length @ 1..)) => {
                    self.to_client.take(length);
                    self.bytes_left = self.bytes_left.map(|left| left - length as u64);
                    wake(&mut self.writer);
                }
                Poll::Ready(_) => return self.finish(),
                Poll::Pending => {
                    ready!(self.to_client.poll_late(cx));
                    return self.finish();
                }
            }
        }
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(&mut self) {
        self.ends_with_reset = true;
        let _ = self.finish();
    }

    fn finish(&mut self) -> Poll<Finished> {
        if let Some(io) = self.io.take().filter(|_| self.ends_with_reset) {
            io.reset();
        }
        wake(&mut self.reader);
        wake(&mut self.writer);
        Poll::Ready(Finished::Closed)
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}
