//! A WebSocket over any connection: messages in both directions. Prepared frames of events bypass it and go
//! directly into its queue.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{Sink, Stream};
use hyper::upgrade::Upgraded;
use tokio::io::AsyncWrite as _;
use tokio_tungstenite::WebSocketStream;
use tungstenite::{
    Message,
    error::Error,
    protocol::{
        Role, WebSocketConfig,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use super::{queued_io::QueuedIo, shared_sink::SharedSink};

/// Reads messages, and answers pings and close frames. All writes go through one queue, frame by frame.
pub(crate) struct WsStream {
    /// Boxed, because a future stores its arguments twice: as captures and as locals.
    socket: Box<WebSocketStream<QueuedIo>>,
    /// Whether the library may have something to write.
    is_owing: bool,
}

impl WsStream {
    pub(crate) async fn new(io: Upgraded, config: WebSocketConfig) -> Self {
        // The queue already joins writes. With another buffer in front of it, frames would overtake messages.
        let config = config.write_buffer_size(0);
        let socket = WebSocketStream::from_raw_socket(QueuedIo::new(io), Role::Server, Some(config)).await;
        Self { socket: Box::new(socket), is_owing: false }
    }

    /// Returns the sink that event frames are written to.
    pub(super) fn shared_sink(&self) -> SharedSink {
        self.socket.get_ref().sink()
    }
}

impl Stream for WsStream {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The library does not report empty frames. Report each before the next message.
        if self.socket.get_mut().take_empty() {
            return Poll::Ready(Some(Ok(empty())));
        }
        let next = Pin::new(&mut *self.socket).poll_next(cx);
        if next.is_pending() && self.socket.get_mut().take_empty() {
            return Poll::Ready(Some(Ok(empty())));
        }
        self.is_owing |= matches!(next, Poll::Ready(Some(Ok(Message::Close(_) | Message::Ping(_)))));
        // No event may follow the reply, which the library writes when it is polled again.
        if matches!(next, Poll::Ready(Some(Ok(Message::Close(_))))) {
            self.socket.get_ref().end_events();
        }
        next
    }
}

impl Sink<Message> for WsStream {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.socket.get_ref().is_full() {
            ready!(self.as_mut().poll_flush(cx))?;
        }
        Pin::new(&mut *self.socket).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        // Bypass the library, which would copy the payload: twice the longest echo.
        let Some(message) = self.socket.get_ref().put(message)? else { return Ok(()) };
        self.is_owing = true;
        if message.is_close() {
            self.socket.get_mut().end_reading();
        }
        Pin::new(&mut *self.socket).start_send(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_owing {
            ready!(Pin::new(&mut *self.socket).poll_flush(cx))?;
            self.is_owing = false;
        }
        // After a close frame the library has nothing to flush, but its reply is still queued.
        Pin::new(self.socket.get_mut()).poll_flush(cx).map_err(Error::Io)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_flush(cx)
    }
}

/// An empty frame that does not end a message.
fn empty() -> Message {
    Message::Frame(Frame::message(Vec::new(), OpCode::Data(Data::Continue), false))
}
