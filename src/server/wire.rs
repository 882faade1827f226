//! A WebSocket over any connection: messages both ways, and frames that are made already one way.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::Bytes;
use futures_util::{Sink, Stream};
use hyper::upgrade::Upgraded;
use tokio::io::AsyncWrite as _;
use tokio_tungstenite::WebSocketStream;
use tungstenite::{
    Message,
    error::{Error, ProtocolError},
    protocol::{Role, WebSocketConfig},
};

use super::pipe::Pipe;

/// What is written.
pub(super) enum Out {
    Message(Message),
    /// Whole frames.
    Frames(Vec<Bytes>),
}

/// Reads messages, and answers pings and closes. What is written goes through one queue, frame by frame.
pub(super) struct Wire {
    /// On the heap: a task holds what it was given twice, where it was captured and where it went.
    socket: Box<WebSocketStream<Pipe>>,
    /// The client has closed it: nothing may follow the answer to that.
    is_closing: bool,
    /// The library may have something to write.
    is_owing: bool,
}

impl Wire {
    pub(super) async fn new(io: Upgraded, config: WebSocketConfig) -> Self {
        // The pipe joins what is written. With a buffer before it frames would overtake messages.
        let config = config.write_buffer_size(0);
        let socket = WebSocketStream::from_raw_socket(Pipe::new(io), Role::Server, Some(config)).await;
        Self { socket: Box::new(socket), is_closing: false, is_owing: false }
    }
}

impl Stream for Wire {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(Pin::new(&mut *self.socket).poll_next(cx));
        self.is_closing |= matches!(next, Some(Ok(Message::Close(_))));
        self.is_owing |= matches!(next, Some(Ok(Message::Close(_) | Message::Ping(_))));
        Poll::Ready(next)
    }
}

impl Sink<Out> for Wire {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.socket.get_ref().is_full() {
            ready!(self.as_mut().poll_flush(cx))?;
        }
        Pin::new(&mut *self.socket).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, out: Out) -> Result<(), Error> {
        match out {
            Out::Message(message) => {
                self.is_owing = true;
                Pin::new(&mut *self.socket).start_send(message)
            }
            Out::Frames(_) if self.is_closing => Err(ProtocolError::SendAfterClosing.into()),
            Out::Frames(frames) => {
                self.socket.get_mut().put(frames);
                Ok(())
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_owing {
            ready!(Pin::new(&mut *self.socket).poll_flush(cx))?;
            self.is_owing = false;
        }
        // Behind a close there is nothing to be flushed for the library, but its answer is in the pipe.
        Pin::new(self.socket.get_mut()).poll_flush(cx).map_err(Error::Io)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_flush(cx)
    }
}
