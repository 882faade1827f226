//! The WebSocket handshake, and the messages that a client sends. What the library answers goes into the outbox,
//! like everything that the server sends.

use std::{
    future::poll_fn,
    io::{self, Read, Write},
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::{FromRequestParts, ws::WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::upgrade::OnUpgrade;
use livetape_core::{
    error::{Code, Problem},
    ws_frame::HEAD_BYTES_MAX,
};
use tokio::io::ReadBuf;
use tungstenite::{
    Message,
    error::Error,
    handshake::derive_accept_key,
    protocol::{
        CloseFrame, Role, WebSocketConfig, WebSocketContext,
        frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use super::shard::Outbox;
use crate::{
    access::bearer::MaskedQuery,
    state::{Asker, Refusal, Traffic},
};

/// Protocol version of RFC 6455.
const VERSION: &str = "13";
/// Length of a decoded `Sec-WebSocket-Key`, in bytes.
const KEY_BYTES: usize = 16;

/// Maximum length of a header that says what the client is, in bytes; the rest is cut off.
const SAID_BYTES_MAX: usize = 256;

/// A valid request for a WebSocket upgrade.
pub(crate) struct Upgrade {
    accept: String,
    on_upgrade: Option<OnUpgrade>,
    /// The query as the client sent it, except for tokens of this server.
    pub(crate) query: String,
    /// Address of the client; `None` for a connection in memory.
    pub(crate) address: Option<IpAddr>,
    /// Headers of the request that say what the client is; empty if absent.
    pub(crate) origin: String,
    pub(crate) agent: String,
    pub(crate) traffic: Traffic,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let on_upgrade = parts.extensions.get::<OnUpgrade>().cloned();
        check_version(&parts.headers)?;
        let key = parts.headers.get(header::SEC_WEBSOCKET_KEY).cloned();
        let bad = |message: String| {
            Problem::new(Code::BadRequest, message).hint("connect with a WebSocket client, version 13")
        };
        let checked = WebSocketUpgrade::from_request_parts(parts, state).await;
        let _checked = checked.map_err(|rejection| bad(rejection.body_text()))?;
        let key = key.as_ref().map(HeaderValue::as_bytes).unwrap_or_default();
        if !STANDARD.decode(key).is_ok_and(|key| key.len() == KEY_BYTES) {
            return Err(bad(format!("`Sec-WebSocket-Key` is not {KEY_BYTES} bytes in base64")).into());
        }
        let said = |name| {
            let value = parts.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
            let value = String::from_utf8_lossy(&value[..value.len().min(SAID_BYTES_MAX)]);
            value.into_owned()
        };
        let extensions = &parts.extensions;
        let masked = extensions.get::<MaskedQuery>().map(|query| query.0.as_str());
        Ok(Self {
            accept: derive_accept_key(key),
            on_upgrade,
            origin: said(header::ORIGIN),
            agent: said(header::USER_AGENT),
            query: masked.or(parts.uri.query()).unwrap_or_default().to_owned(),
            address: extensions
                .get::<Asker>()
                .and_then(|asker| asker.0)
                .map(|address| address.to_canonical()),
            traffic: extensions.get::<Traffic>().cloned().unwrap_or_default(),
        })
    }
}

/// Rejects versions other than the supported one, which the response names. A missing version is left to
/// axum.
fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(other) = headers.get(header::SEC_WEBSOCKET_VERSION).filter(|version| *version != VERSION) else {
        return Ok(());
    };
    let other = String::from_utf8_lossy(other.as_bytes());
    Err(Problem::new(Code::WebsocketVersion, format!("WebSocket version `{other}` is not supported")))
}

impl Upgrade {
    /// Responds with 101 and then runs `conversation`. The client is sent what `outbox` has.
    pub(crate) fn answer<F>(
        self,
        config: WebSocketConfig,
        outbox: Arc<Outbox>,
        conversation: impl FnOnce(WsStream) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let on_upgrade = self.on_upgrade;
        tokio::spawn(async move {
            let Some(on_upgrade) = on_upgrade else { return };
            // The client may be gone by now.
            let Ok(io) = on_upgrade.await else { return };
            // Spawn another task: this one would keep the memory of the handshake for the whole session.
            outbox.connection.open(io);
            tokio::spawn(conversation(WsStream::new(outbox, config)));
        });
        let headers = [
            (header::CONNECTION, "upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_ACCEPT, &self.accept),
        ];
        (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
    }
}

/// Reads messages, and answers pings and close frames. Dropping it closes the connection.
pub(crate) struct WsStream {
    /// Boxed, because a future stores its arguments twice: as captures and as locals.
    socket: Box<Socket>,
}

struct Socket {
    library: WebSocketContext,
    io: OutboxIo,
    is_over: bool,
}

impl WsStream {
    fn new(outbox: Arc<Outbox>, config: WebSocketConfig) -> Self {
        // The outbox already joins writes. With another buffer in front of it, frames would overtake messages.
        let library = WebSocketContext::new(Role::Server, Some(config.write_buffer_size(0)));
        let io = OutboxIo { outbox, heads: Heads::default(), is_malformed: false, readable: usize::MAX };
        Self { socket: Box::new(Socket { library, io, is_over: false }) }
    }

    pub(super) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.socket.io.outbox)
    }

    /// Returns the next message; `None` once the socket is closed.
    pub(super) async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let Socket { library, io, is_over } = &mut *self.socket;
        if *is_over {
            return Poll::Ready(None);
        }
        // The library does not report empty frames. Report each before the next message.
        if io.heads.take_empty() {
            return Poll::Ready(Some(Ok(empty())));
        }
        match ready_or_pending(library.read(&mut Polled { io, cx })) {
            Poll::Pending if io.heads.take_empty() => Poll::Ready(Some(Ok(empty()))),
            Poll::Ready(Err(error)) => {
                *is_over = true;
                let is_closed = matches!(error, Error::ConnectionClosed | Error::AlreadyClosed);
                Poll::Ready((!is_closed).then_some(Err(error)))
            }
            polled => polled.map(Some),
        }
    }

    /// Queues a close frame.
    ///
    /// # Errors
    /// If the client has closed the socket.
    pub(super) async fn close(&mut self, frame: CloseFrame) -> Result<(), Error> {
        self.socket.io.readable = self.socket.io.readable.min(AFTER_CLOSE_BYTES_MAX);
        // The library would put an answer to a ping behind the close frame.
        self.write(|library, io| library.flush(io)).await?;
        self.write(|library, io| library.close(io, Some(frame.clone()))).await
    }

    /// Writes what the library and the outbox have.
    pub(super) async fn flush(&mut self) {
        // If the client no longer reads, it is lost; nothing can be done.
        let _ = self.write(|library, io| library.flush(io)).await;
        self.socket.io.outbox.written().await;
    }

    /// Repeats `write` until the outbox has taken everything.
    async fn write(
        &mut self,
        write: impl Fn(&mut WebSocketContext, &mut Polled<'_, '_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Socket { library, io, .. } = &mut *self.socket;
        poll_fn(|cx| ready_or_pending(write(library, &mut Polled { io, cx }))).await
    }
}

fn ready_or_pending<T>(result: Result<T, Error>) -> Poll<Result<T, Error>> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// An empty frame that does not end a message.
fn empty() -> Message {
    Message::Frame(Frame::message(Vec::new(), OpCode::Data(Data::Continue), false))
}

/// Maximum number of bytes read from a client after our close frame, which it may not have seen yet.
const AFTER_CLOSE_BYTES_MAX: usize = 256 << 10;

/// What the library reads from and writes to.
struct OutboxIo {
    outbox: Arc<Outbox>,
    heads: Heads,
    /// Whether the input is malformed, so that reading cannot continue.
    is_malformed: bool,
    /// Number of bytes that may still be read.
    readable: usize,
}

impl Drop for OutboxIo {
    fn drop(&mut self) {
        self.outbox.connection.close();
        self.outbox.call();
    }
}

/// What the library sees of it during one poll.
struct Polled<'a, 'b> {
    io: &'a mut OutboxIo,
    cx: &'a mut Context<'b>,
}

impl Read for Polled<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Self { io, cx } = self;
        if io.is_malformed {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if io.heads.has_empty() {
            cx.waker().wake_by_ref();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if io.readable == 0 {
            return Ok(0);
        }
        let mut buf = ReadBuf::new(buf);
        let Poll::Ready(read) = io.outbox.connection.poll_read(cx, &mut buf) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        read?;
        let received = buf.filled();
        io.readable = io.readable.saturating_sub(received.len());
        let Some(good) = io.heads.read(received) else { return Ok(received.len()) };
        io.is_malformed = true;
        if good > 0 { Ok(good) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl Write for Polled<'_, '_> {
    /// Queues all of `buf` or nothing, so that the queue holds whole frames only.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self.io.outbox.poll_put(self.cx, buf) {
            Poll::Ready(()) => Ok(buf.len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Length of the mask after the head of a masked frame, in bytes.
const MASK_BYTES: u64 = 4;

/// Checks the heads of a client's frames, in arbitrary chunks, for two things that the library ignores: lengths
/// encoded in more bytes than necessary, and empty continuation frames, which a client could send endlessly.
#[derive(Debug, Default)]
struct Heads {
    head: [u8; HEAD_BYTES_MAX],
    /// Number of head bytes read so far.
    length: usize,
    /// Number of bytes left in the frame after its head.
    payload_left: u64,
    /// Number of empty, non-final continuation frames that are not taken yet.
    empty: u32,
}

impl Heads {
    /// Reads the next chunk. Returns `None` if all its heads are valid, otherwise the number of
    /// bytes before a length that is encoded longer than necessary. The library must see only those bytes.
    fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            let left = (bytes.len() - at) as u64;
            if self.payload_left > 0 {
                let skipped = self.payload_left.min(left);
                self.payload_left -= skipped;
                at += usize::try_from(skipped).unwrap_or(usize::MAX);
                continue;
            }
            self.head[self.length] = bytes[at];
            self.length += 1;
            let Some((payload, shortest)) = self.payload() else {
                at += 1;
                continue;
            };
            if payload < shortest {
                return Some(at);
            }
            self.begin(payload);
            at += 1;
        }
        None
    }

    /// Takes one of the empty frames. Returns `false` if there is none.
    fn take_empty(&mut self) -> bool {
        let is_there = self.empty > 0;
        self.empty -= u32::from(is_there);
        is_there
    }

    fn has_empty(&self) -> bool {
        self.empty > 0
    }

    /// Starts the payload after a complete head.
    fn begin(&mut self, payload: u64) {
        let goes_on = self.head[0] & 0x8f == 0;
        self.empty += u32::from(goes_on && payload == 0);
        let is_masked = self.head[1] & 0x80 != 0;
        self.payload_left = payload.saturating_add(if is_masked { MASK_BYTES } else { 0 });
        self.length = 0;
    }

    /// Returns the payload length and the minimum for its encoding, or `None` while the head is incomplete.
    fn payload(&self) -> Option<(u64, u64)> {
        let head = &self.head[..self.length];
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        match head.get(1)? & 0x7f {
            126 => Some((number(head.get(2..4)?), 126)),
            127 => Some((number(head.get(2..10)?), 1 << 16)),
            length => Some((length.into(), 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};
    use tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };

    use super::*;

    /// Builds a client's continuation frame.
    fn frame(payload: usize, is_final: bool) -> Vec<u8> {
        let mut frame = Frame::message(vec![0; payload], OpCode::Data(Data::Continue), is_final);
        frame.header_mut().mask = Some([1, 2, 3, 4]);
        let mut bytes = Vec::new();
        frame.format(&mut bytes).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn well_formed_frames_pass_in_any_chunks_and_empty_ones_are_counted(
            frames in vec((prop_oneof![Just(0), 1..300_usize, 65_000..66_000_usize], any::<bool>()), 0..6),
            piece in 1..5_000_usize,
        ) {
            let bytes: Vec<u8> = frames.iter().flat_map(|&(payload, is_final)| frame(payload, is_final)).collect();
            let mut heads = Heads::default();
            for piece in bytes.chunks(piece) {
                prop_assert_eq!(heads.read(piece), None);
            }
            let empty = frames.iter().filter(|&&(payload, is_final)| payload == 0 && !is_final).count();
            for _ in 0..empty {
                prop_assert!(heads.take_empty());
            }
            prop_assert!(!heads.has_empty() && !heads.take_empty());
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..200)) {
            let good = Heads::default().read(&bytes);
            prop_assert!(good.is_none_or(|good| good < bytes.len()));
        }
    }

    #[test]
    fn an_overlong_length_is_found_before_the_head_is_complete() {
        let before = frame(3, true);
        for bad in [&[0x82, 0xfe, 0, 125][..], &[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]] {
            let bytes = [&before[..], bad, &[0; 8]].concat();
            assert_eq!(Heads::default().read(&bytes), Some(before.len() + bad.len() - 1));
        }
        for good in [&[0x82, 0xfe, 0, 126][..], &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0], &[0x82, 0x80]] {
            assert_eq!(Heads::default().read(good), None);
        }
    }
}
