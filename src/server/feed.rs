//! `/`: the event feed over a WebSocket. It is read only: what a client sends keeps the socket alive, no more.

use std::time::Duration;

use axum::{
    extract::{
        State,
        ws::{
            CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
        },
    },
    http::{HeaderMap, Uri, header},
    response::Response,
};
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    select,
    time::{MissedTickBehavior, interval_at, timeout, timeout_at},
};
use tungstenite::error::{Error, ProtocolError};

use super::{App, answer::Refusal, page, query};
use crate::{
    clock,
    hub::{MAX_STALL, Next, Subscriber},
    sans_io::error::{Code, Problem, close},
};

/// Axum's own is 128 KiB and filled with zeros at each poll: half of the CPU time.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What is fed before the socket is written to without a flush.
const WRITE_BUFFER_BYTES: usize = 32 * 1024;
/// The longest message that a client may send, in bytes.
const INBOUND_BYTES_MAX: usize = 16 * 1024;
/// How often a client is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// A client from which nothing came for so long is dead.
const SILENCE_MAX: Duration = PING_INTERVAL.saturating_mul(2);
/// How long a close frame has to arrive before the reset that follows where the client's own words were left unread.
const LINGER: Duration = Duration::from_secs(1);

type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// `GET /`: the feed, or for those who ask for no upgrade a page.
pub(super) async fn root(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Upgrade,
) -> Result<Response, Refusal> {
    if !headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket")) {
        return Ok(page::page(&headers));
    }
    let join = query::join(&uri)?;
    let upgrade = upgrade.map_err(|rejection| {
        let message = rejection.body_text();
        Problem::new(Code::BadRequest, message).hint("open it with a WebSocket client, version 13")
    })?;
    // Joined before the 101: nothing that is published after a client has read that is missing.
    let joined = app.join(&join);
    let token = app.connections.token();
    let aborted = app.connections.aborted().clone();
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(INBOUND_BYTES_MAX)
        .max_frame_size(INBOUND_BYTES_MAX);
    Ok(upgrade.on_upgrade(async move |socket| {
        let _token = token;
        select! {
            biased;
            () = aborted.cancelled() => {}
            () = converse(socket, joined) => {}
        }
    }))
}

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
    fn close(code: u16, reason: impl Into<Utf8Bytes>) -> Self {
        Self::Close(CloseFrame { code, reason: reason.into() })
    }

    fn of(code: Code) -> Self {
        Self::close(code.close_code(), code.name())
    }
}

async fn converse(socket: WebSocket, joined: Result<Subscriber, Problem>) {
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
            None => sink.send(Message::Ping(axum::body::Bytes::new())).await,
            Some(Next::Events) => write(sink, &mut batch).await,
            Some(Next::Closed(reason)) => return End::close(reason.code, reason.reason.as_ref()),
            Some(Next::Slow) => return End::of(Code::SlowConsumer),
        };
        if written.is_err() {
            return End::Over;
        }
    }
}

async fn write(
    sink: &mut SplitSink<WebSocket, Message>,
    batch: &mut Vec<axum::body::Bytes>,
) -> Result<(), axum::Error> {
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
        tokio::time::sleep_until(clock::now() + LINGER).await;
    }
}
