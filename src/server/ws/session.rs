//! A conversation over a WebSocket, whatever it is about: `/`, `/ws` and `/ws/echo` share its reading, its writing, its
//! pings and its end.

use std::{io, pin::pin, time::Duration};

use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
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

use super::{end::End, registry::SocketHandle, socket_writer, stream::WsStream, wake_filter::WakeFilter};
use crate::{
    clock,
    hub::{MAX_STALL, Subscriber},
    sans_io::error::{Code, Problem, close},
};

/// How long a close frame has to arrive before the reset that follows where the client's own words may be unread.
const LINGER: Duration = Duration::from_millis(250);
/// How many messages are read of a client that was told to go: a flood of small ones takes long to read.
const AFTER_CLOSE_MESSAGES_MAX: usize = 1024;

/// A socket that is let in.
pub(crate) struct Session {
    pub(crate) handle: SocketHandle,
    /// What it reads.
    pub(crate) feed: Option<Subscriber>,
}

/// A socket that is not, and what it is told beside the close code.
pub(crate) struct TurnedAway {
    pub(crate) problem: Problem,
    pub(crate) told: Option<Message>,
}

/// Writes and reads until one side ends it; then closes it in order, within [`MAX_STALL`].
pub(crate) async fn converse(stream: WsStream, session: Result<Box<Session>, Box<TurnedAway>>) {
    let shared = stream.shared_sink();
    let (mut sink, mut stream) = stream.split();
    let end = match session {
        Err(turned_away) => {
            let TurnedAway { problem, told } = *turned_away;
            if let Some(told) = told {
                // Whoever does not take it will not take the close frame either.
                let _ = timeout(MAX_STALL, sink.send(told)).await;
            }
            End::of(problem.code)
        }
        Ok(mut session) => {
            let Session { handle, feed } = &mut *session;
            let listening = pin!(listen(&mut stream, handle));
            let mut listening = WakeFilter::new(listening);
            let end = select! {
                biased;
                end = &mut listening => end,
                end = socket_writer::speak(&mut sink, handle, feed, &shared) => end,
            };
            handle.log(&end);
            // Nothing of the feed follows the close frame.
            shared.end();
            end
        }
    };
    // Who does not take its close frame by then is reset, as the socket is dropped.
    let _ = timeout_at(clock::now() + MAX_STALL, part(sink, stream, end)).await;
}

/// Reads what the client sends, until it closes, breaks the rules or falls silent.
async fn listen(stream: &mut SplitStream<WsStream>, handle: &SocketHandle) -> End {
    while let Ok(message) = timeout(handle.limits().silence_max(), stream.next()).await {
        let Some(message) = message else { return End::Left };
        match message {
            Err(error) => return refusal(&error),
            Ok(message @ (Message::Text(_) | Message::Binary(_))) if handle.echoes() => {
                handle.outbox().push(message);
                // What comes next is read when this is written: nothing piles up.
                if timeout(MAX_STALL, handle.outbox().written()).await.is_err() {
                    return End::of(Code::SlowConsumer);
                }
            }
            Ok(Message::Text(text)) => handle.text(&text),
            Ok(Message::Binary(bytes)) => handle.binary(bytes),
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => handle.heard(),
            Ok(Message::Close(_)) => {}
        }
        // Who never stops must not keep what is said to it, and its close, from being written.
        yield_now().await;
    }
    End::Over
}

fn refusal(error: &Error) -> End {
    let (code, reason) = match error {
        Error::Capacity(_) => (close::TOO_LARGE, Code::TooLarge.name()),
        Error::Utf8(_) => (close::NOT_TEXT, "not_utf8"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return End::Over,
        Error::Protocol(_) => (close::PROTOCOL, "protocol_error"),
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => (close::PROTOCOL, "protocol_error"),
        _ => return End::Over,
    };
    End::Refuse(CloseFrame { code: code.into(), reason: reason.into() })
}

/// Sends the answer to the client's close, which is queued. A message that was about to be sent does not follow that, and
/// would be an error that hides it.
async fn answer(sink: SplitSink<WsStream, Message>, stream: SplitStream<WsStream>) {
    let Ok(mut socket) = sink.reunite(stream) else { return };
    // Who takes nothing any more does not take the answer either.
    let _ = socket.flush().await;
}

/// Sends the close frame behind what is queued, and waits for the answer to it.
async fn part(mut sink: SplitSink<WsStream, Message>, mut stream: SplitStream<WsStream>, end: End) {
    let (frame, unread) = match end {
        End::Over => return,
        End::Left => return answer(sink, stream).await,
        End::Close(frame) => (frame, false),
        End::Refuse(frame) => (frame, true),
    };
    if sink.send(Message::Close(Some(frame))).await.is_err() {
        // The client closed it at the same time.
        return answer(sink, stream).await;
    }
    let mut is_answered = false;
    for _ in 0..AFTER_CLOSE_MESSAGES_MAX {
        let Some(Ok(message)) = stream.next().await else { break };
        is_answered |= message.is_close();
        // Others go on meanwhile, and a server that ends drops who takes too long.
        yield_now().await;
    }
    if unread || !is_answered {
        sleep_until(clock::now() + LINGER).await;
    }
}
