//! A WebSocket session. `/`, `/ws` and `/ws/echo` share its reading, writing, pings and closing.

use std::{io, pin::pin, sync::Arc, time::Duration};

use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use livetape_core::error::{Code, Problem, close};
use livetape_feed::hub::{MAX_STALL, Subscriber};
use livetape_io::clock;
use tokio::{
    select,
    task::yield_now,
    time::{sleep_until, timeout, timeout_at},
};
use tungstenite::{
    Message,
    error::{Error, ProtocolError},
    protocol::CloseFrame,
};

use super::{
    end::{End, PROTOCOL_ERROR},
    handled,
    registry::{SocketHandle, Unread},
    socket_writer,
    stream::WsStream,
    wake_filter::WakeFilter,
};

/// Time for a close frame to arrive before the connection is dropped. Unread data turns that drop into a
/// reset, which could discard the frame.
const LINGER: Duration = Duration::from_millis(250);

/// An admitted socket.
pub(crate) struct Session {
    pub(crate) handle: SocketHandle,
    /// The feed that it reads, if any.
    pub(crate) feed: Option<Subscriber>,
}

/// A rejected socket, and the message that it gets before the close frame.
pub(crate) struct TurnedAway {
    pub(crate) problem: Problem,
    pub(crate) told: Option<Message>,
}

/// Reads and writes until either side ends the session, then closes it within [`MAX_STALL`].
pub(crate) async fn converse(stream: WsStream, session: Result<Box<Session>, Box<TurnedAway>>) {
    let shared = stream.shared_sink();
    let (mut sink, mut stream) = stream.split();
    let (end, unread, hooked) = match session {
        Err(turned_away) => {
            let TurnedAway { problem, told } = *turned_away;
            if let Some(told) = told {
                // If the client does not read this, it will not read the close frame either.
                let _ = timeout(MAX_STALL, sink.send(told)).await;
            }
            (End::of(problem.code), None, None)
        }
        Ok(mut session) => {
            let Session { handle, feed } = &mut *session;
            let listening = pin!(listen(&mut stream, handle));
            let mut listening = WakeFilter::new(listening);
            let end = select! {
                biased;
                end = &mut listening => end,
                end = socket_writer::write_until_end(&mut sink, handle, feed, &shared) => end,
            };
            handle.log(&end);
            handle.end(&end);
            let last = |hooked| Box::new(handled::last(handle, hooked));
            let hooked = handle.hooked().map(|hooked| (Arc::clone(hooked), handle.ended(), last(hooked)));
            // No event may follow the close frame.
            shared.end();
            let unread = handle.count(&end);
            (end, Some(unread), hooked)
        }
    };
    // If the client does not read the close frame in time, dropping the socket resets the connection.
    let closing = timeout_at(clock::now() + MAX_STALL, close_session(sink, stream, end, unread));
    let Some((hooked, ended, last)) = hooked else { return drop(closing.await) };
    // The program need not wait for the client's reply.
    let _ = tokio::join!(closing, Box::pin(hooked.closed(ended, last)));
}

/// Reads the client's messages until it closes the socket, violates the protocol or falls silent.
async fn listen(stream: &mut SplitStream<WsStream>, handle: &SocketHandle) -> End {
    // Boxed: otherwise, sockets without hooks would take memory for it, too.
    if handle.hooked().is_some()
        && let Err(end) = Box::pin(handled::connect(handle)).await
    {
        return end;
    }
    while let Ok(message) = timeout(handle.limits().silence_max(), stream.next()).await {
        let Some(message) = message else { return End::Left };
        match message {
            Err(error) => return end_for(&error),
            Ok(Message::Close(frame)) => handle.left(frame.as_ref()),
            Ok(message) if handle.hooked().is_some() => {
                if let Err(end) = Box::pin(handled::receive(handle, message)).await {
                    return end;
                }
            }
            Ok(message @ (Message::Text(_) | Message::Binary(_))) if handle.echoes() => {
                handle.outbox().push(message);
                // Read the next message only when this one is written, so that echoes do not pile up.
                if timeout(MAX_STALL, handle.outbox().written()).await.is_err() {
                    return End::of(Code::SlowConsumer);
                }
            }
            Ok(Message::Text(text)) => handle.text(&text),
            Ok(Message::Binary(bytes)) => handle.binary(bytes),
            Ok(Message::Pong(payload)) => handle.answered(&payload),
            Ok(Message::Ping(_) | Message::Frame(_)) => handle.heard(),
        }
        if handle.outbox().is_closing() {
            // The close frame waits behind messages that the client may never read. Reading on would only
            // cost time. Boxed: otherwise, every idle socket would take memory for the timer.
            Box::pin(sleep_until(clock::now() + MAX_STALL)).await;
            return End::of(Code::SlowConsumer);
        }
        // A client that sends without pause must not keep its socket from being written to or closed.
        yield_now().await;
    }
    End::Over
}

fn end_for(error: &Error) -> End {
    let (code, reason) = match error {
        Error::Capacity(_) => (close::TOO_LARGE, Code::TooLarge.name()),
        Error::Utf8(_) => (close::NOT_TEXT, "not_utf8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return End::Over,
        Error::Protocol(_) => (close::PROTOCOL, PROTOCOL_ERROR),
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => (close::PROTOCOL, PROTOCOL_ERROR),
        _ => return End::Over,
    };
    End::Refuse(CloseFrame { code: code.into(), reason: reason.into() })
}

/// Flushes the queued reply to the client's close frame. Reunites the halves first, because flushing the sink
/// would try to send a pending message, and fail.
async fn flush_close_reply(sink: SplitSink<WsStream, Message>, stream: SplitStream<WsStream>) {
    let Ok(mut socket) = sink.reunite(stream) else { return };
    // If the client no longer reads, the reply is lost; nothing can be done.
    let _ = socket.flush().await;
}

/// Sends the close frame after everything queued, and waits for the client's reply. Dropped before its end,
/// it counts the client as unread.
async fn close_session(
    mut sink: SplitSink<WsStream, Message>,
    mut stream: SplitStream<WsStream>,
    end: End,
    unread: Option<Unread>,
) {
    let (frame, has_unread_data) = match end {
        End::Cut | End::Over => return,
        End::Left => return flush_close_reply(sink, stream).await,
        End::Close(frame) => (frame, false),
        End::Refuse(frame) => (frame, true),
    };
    if sink.send(Message::Close(Some(frame))).await.is_err() {
        // The client closed it at the same time.
        if let Some(unread) = unread {
            unread.confirm();
        }
        return flush_close_reply(sink, stream).await;
    }
    let mut is_answered = false;
    while let Some(Ok(message)) = stream.next().await {
        is_answered |= message.is_close();
        // Let other tasks run. A server that shuts down drops sessions that take too long.
        yield_now().await;
    }
    if let Some(unread) = unread {
        unread.confirm();
    }
    if has_unread_data || !is_answered {
        sleep_until(clock::now() + LINGER).await;
    }
}
