//! The decrypted connection of a client.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::prefixed::Prefixed;
use crate::Wire;

/// A connection that carries plain HTTP/1.1, whether or not the client used TLS.
#[derive(Debug)]
pub(super) struct Stream<I: Io>(Form<I>);

/// Any transport.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<I: AsyncRead + AsyncWrite + Unpin> Io for I {}

#[derive(Debug)]
enum Form<I: Io> {
    Plain(Prefixed<I>),
    Tls(Tls<I>),
}

/// Boxed, because it is large; `None` only after a reset.
#[derive(Debug)]
struct Tls<I: Io>(Option<Box<TlsStream<Prefixed<I>>>>);

impl<I: Io> Stream<I> {
    pub(super) fn plain(io: Prefixed<I>) -> Self {
        Self(Form::Plain(io))
    }

    pub(super) fn tls(io: TlsStream<Prefixed<I>>) -> Self {
        Self(Form::Tls(Tls(Some(Box::new(io)))))
    }

    fn inner(&mut self) -> Pin<&mut dyn Both> {
        match &mut self.0 {
            Form::Plain(stream) => Pin::new(stream),
            Form::Tls(Tls(stream)) => Pin::new(stream.as_mut().expect("a reset consumes the stream")),
        }
    }
}

trait Both: AsyncRead + AsyncWrite + Unpin {}

impl<I: AsyncRead + AsyncWrite + Unpin> Both for I {}

/// Handlers close a connection by dropping it, but clients of TLS take a connection without this message for
/// a truncated one.
impl<I: Io> Drop for Tls<I> {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.0 {
            // Without waiting: if the client does not read, the message is lost with the rest.
            let _ = Pin::new(stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }
}

impl<I: Wire> Wire for Stream<I> {
    fn reset(self) {
        match self.0 {
            Form::Plain(stream) => stream.io.reset(),
            Form::Tls(mut tls) => {
                if let Some(stream) = tls.0.take() {
                    stream.into_inner().0.io.reset();
                }
            }
        }
    }
}

impl<I: Io> AsyncRead for Stream<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_read(context, to)
    }
}

impl<I: Io> AsyncWrite for Stream<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }
}
