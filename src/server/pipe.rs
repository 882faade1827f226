//! A connection that joins what is written, as a stream of bytes both ways.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use hyper::upgrade::Upgraded;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{flow::Flow, station::Station};

/// What the socket's task reads and writes. With it goes the connection.
pub(super) struct Pipe(Station);

impl Pipe {
    pub(super) fn new(io: Upgraded) -> Self {
        Self(Station::new(Flow::new(io)))
    }

    pub(super) fn station(&self) -> Station {
        self.0.clone()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.lock().is_full()
    }

    /// Lets nothing of a feed follow.
    pub(super) fn end_frames(&self) {
        let mut flow = self.0.lock();
        flow.is_closing = true;
        // This is called by the task itself, which looks at it before it waits.
        flow.is_returned = true;
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.break_off();
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.0.lock().io {
            Some(io) => Pin::new(io).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Pipe {
    /// Takes all of it or nothing: what is queued is whole frames.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut flow = self.0.lock();
        if flow.is_full() {
            ready!(flow.poll_flush(cx))?;
        }
        flow.put(Bytes::copy_from_slice(buf));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0.lock().io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
