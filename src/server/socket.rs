//! A conversation over a WebSocket. It is read only: what a client sends keeps the socket alive, no more.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket},
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    select,
    time::{MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at},
};
use tungstenite::error::{Error, ProtocolError};

use crate::{
    clock,
    hub::{MAX_STALL, Next, Subscriber},
    sans_io::error::{Code, Problem, close},
};

/// How often a client is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// A client from which nothing came for so long is dead.
const SILENCE_MAX: Duration = PING_INTERVAL.saturating_mul(2);
/// How long a close frame has to arrive before the reset that follows where the client's own words were left unread.
const LINGER: Duration = Duration::from_secs(1);
/// The room that a close frame has for its reason, in bytes.
const REASON_BYTES_MAX: usize = 123;

/// How a conversation ends.
enum End {
    /// We close it.
    Close(CloseFrame),
    /// We close it for what the client sent; there may be more of it, unread.
    Refuse(CloseFrame),
    /// The client closed it, or is gone.
    Over,
}

impl End {
    fn close(code: u16, reason: &str) -> Self {
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].into();
        Self::Close(CloseFrame { code, reason })
    }

    fn of(code: Code) -> Self {
        Self::close(code.close_code(), code.name())
    }
}

/// Writes events and reads what comes, until one side ends it; then closes it in order, within [`MAX_STALL`].
pub(super) async fn converse(socket: WebSocket, joined: Result<Subscriber, Problem>) {
    let (mut sink, mut stream) = socket.split();
    let end = match joined {
        Err(problem) => End::of(problem.code),
        Ok(mut subscriber) => {
            let slow = subscriber.slow();
            select! {
                biased;
                // Whoever fell behind may be stuck in a write.
                () = slow.cancelled() => End::of(Code::SlowConsumer),
                end = listen(&mut stream) => end,
                end = speak(&mut sink, &mut subscriber) => end,
            }
        }
    };
    // Who does not take its close frame by then is reset, as the socket is dropped.
    let _ = timeout_at(clock::now() + MAX_STALL, part(sink, stream, end)).await;
}

/// Writes events as they come: all that is queued, then one flush. Its end is the channel's, or the socket's.
async fn speak(sink: &mut SplitSink<WebSocket, Message>, subscriber: &mut Subscriber) -> End {
    let mut ping = interval_at(clock::now() + PING_INTERVAL, PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::new();
    loop {
        let next = select! {
            biased;
            _ = ping.tick() => None,
            next = subscriber.next(&mut batch) => Some(next),
        };
        let written = match next {
            None => sink.send(Message::Ping(Bytes::new())).await,
            Some(Next::Events) => write(sink, &mut batch).await,
            Some(Next::Closed(reason)) => return End::close(reason.code, &reason.reason),
            Some(Next::Slow) => return End::of(Code::SlowConsumer),
        };
        if written.is_err() {
            return End::Over;
        }
    }
}

async fn write(sink: &mut SplitSink<WebSocket, Message>, batch: &mut Vec<Bytes>) -> Result<(), axum::Error> {
    for json in batch.drain(..) {
        let text = Utf8Bytes::try_from(json).map_err(axum::Error::new)?;
        sink.feed(Message::Text(text)).await?;
    }
    sink.flush().await
}

/// Reads and forgets what the client sends, until it closes, breaks the rules or falls silent.
async fn listen(stream: &mut SplitStream<WebSocket>) -> End {
    while let Ok(Some(message)) = timeout(SILENCE_MAX, stream.next()).await {
        if let Err(error) = message {
            return refusal(error);
        }
    }
    End::Over
}

fn refusal(error: axum::Error) -> End {
    let (code, reason) = match error.into_inner().downcast::<Error>().as_deref() {
        Ok(Error::Capacity(_)) => (close::TOO_LARGE, Code::TooLarge.name()),
        Ok(Error::Utf8(_)) => (close::NOT_TEXT, "not_utf8"),
        Ok(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return End::Over,
        Ok(Error::Protocol(_)) => (close::PROTOCOL, "protocol_error"),
        _ => return End::Over,
    };
    End::Refuse(CloseFrame { code, reason: reason.into() })
}

/// Sends the close frame behind what is queued, and waits for the answer to it.
async fn part(mut sink: SplitSink<WebSocket, Message>, mut stream: SplitStream<WebSocket>, end: End) {
    let (frame, unread) = match end {
        End::Over => return,
        End::Close(frame) => (frame, false),
        End::Refuse(frame) => (frame, true),
    };
    if sink.send(Message::Close(Some(frame))).await.is_err() {
        return;
    }
    while let Some(Ok(_)) = stream.next().await {}
    if unread {
        sleep_until(clock::now() + LINGER).await;
    }
}
