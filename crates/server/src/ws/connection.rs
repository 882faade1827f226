//! The connection of a socket, which its task reads and its shard writes to: its limits, and the ways in which it ends.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Bytes;
use bytes::Buf as _;
use hyper::{rt::Write as _, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use livetape_core::{
    error::{Cause, Code, close},
    ws_frame::REASON_BYTES_MAX,
};
use livetape_feed::hub::CloseReason;
use parking_lot::Mutex;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tungstenite::protocol::{
    CloseFrame,
    frame::{FrameHeader, coding::OpCode},
};

/// Limits of each WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum length of a client's message, in bytes. A longer one closes the socket with 1009.
    pub message_bytes_max: usize,
    /// Maximum length of a client's message on `/ws/echo`, in bytes.
    pub echo_bytes_max: usize,
    /// Maximum number of sockets on `/ws/echo` at the same time. Others get `capacity`: close code 4102.
    pub echo_sockets_max: usize,
    /// Maximum size of queued messages for one socket, events excluded, in bytes. More closes it with 4101.
    pub waiting_bytes_max: usize,
    /// Interval between pings. A client that is silent for two intervals counts as dead.
    pub ping_interval: Duration,
    /// Interval between heartbeat messages on `/ws`.
    pub heartbeat_interval: Duration,
}

/// Number of silent ping intervals after which a client counts as dead.
const SILENT_INTERVALS_MAX: u32 = 2;

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 16 * 1024,
            echo_bytes_max: 16 * 1024 * 1024,
            echo_sockets_max: 8,
            waiting_bytes_max: 1024 * 1024,
            ping_interval: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(30),
        }
    }
}

/// Minimum interval: a timer of zero would fire all the time.
const INTERVAL_MIN: Duration = Duration::from_millis(1);

impl Limits {
    pub(super) fn ping_interval(&self) -> Duration {
        self.ping_interval.max(INTERVAL_MIN)
    }

    pub(crate) fn heartbeat_interval(&self) -> Duration {
        self.heartbeat_interval.max(INTERVAL_MIN)
    }

    pub(super) fn silence_max(&self) -> Duration {
        self.ping_interval().saturating_mul(SILENT_INTERVALS_MAX)
    }
}

/// Returns the head of a frame with a payload of `length` bytes.
pub(super) fn head(opcode: OpCode, length: usize) -> Vec<u8> {
    let mut head = Vec::new();
    let header = FrameHeader { opcode, ..Default::default() };
    header.format(length as u64, &mut head).expect("a vector takes every byte");
    head
}

/// Returns the bytes of a frame.
pub(super) fn frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    [&head(opcode, payload.len()), payload].concat().into()
}

/// Reason with which the server closes a socket that violates the WebSocket protocol.
pub(super) const PROTOCOL_ERROR: &str = "protocol_error";

/// Reason with which the server closes a socket if it fails itself.
pub(super) const INTERNAL_ERROR: &str = "internal_error";

#[derive(Debug)]
pub(crate) enum End {
    /// The server closes it, if there is a cause because of that limit.
    Close(CloseFrame, Option<Cause>),
    /// The server cuts the connection without a close frame.
    Cut,
    /// The client closed it; the reply is queued.
    Left,
    /// The connection is gone.
    Over,
}

impl End {
    /// Creates the end with this close code. Without a close frame if it is 1006, which is what clients then
    /// report.
    pub(super) fn close(code: u16, reason: &str) -> Self {
        if code == close::ABNORMAL {
            return Self::Cut;
        }
        let reason = reason[..reason.floor_char_boundary(REASON_BYTES_MAX)].into();
        Self::Close(CloseFrame { code: code.into(), reason }, None)
    }

    /// Returns the close code and reason, if the server ends the socket; 1006 if it cuts it.
    pub(super) fn by_server(&self) -> Option<(u16, String)> {
        match self {
            Self::Close(frame, _) => Some((frame.code.into(), frame.reason.to_string())),
            Self::Cut => Some((close::ABNORMAL, String::new())),
            Self::Left | Self::Over => None,
        }
    }

    pub(super) fn of(code: Code) -> Self {
        Self::close(code.close_code(), code.name())
    }

    /// Creates the end of a socket whose client fell behind.
    pub(super) fn slow(cause: Cause) -> Self {
        let Self::Close(frame, _) = Self::of(Code::SlowConsumer) else { return Self::Cut };
        Self::Close(frame, Some(cause))
    }

    pub(super) fn with_channel(reason: &CloseReason) -> Self {
        match Self::close(reason.code, &reason.reason) {
            Self::Close(frame, _) => Self::Close(frame, reason.cause),
            end => end,
        }
    }
}

/// Maximum number of pieces in one vectored write.
const SLICES_MAX: usize = 64;

/// `None` before the handshake, and once the connection is gone. The lock is held for one system call.
#[derive(Debug, Default)]
pub(super) struct Connection(Mutex<Option<TokioIo<Upgraded>>>);

impl Connection {
    pub(super) fn open(&self, io: Upgraded) {
        *self.0.lock() = Some(TokioIo::new(io));
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Reads memory that a write needs. Returns what keeps the compiler from leaving that out.
    pub(super) fn load(&self) -> bool {
        self.0.try_lock().is_some_and(|io| io.as_ref().is_some_and(|io| io.inner().is_write_vectored()))
    }

    /// Closes the connection immediately.
    pub(super) fn close(&self) {
        let gone = self.0.lock().take();
        drop(gone);
    }

    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self.0.lock() {
            Some(io) => Pin::new(io).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Writes all pieces, as many at once as possible. The first of those that are left may be partly written. Calls
    /// `written` after the last one, before anything that the client answers can be read.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        pieces: &mut VecDeque<Bytes>,
        written: impl FnOnce(),
    ) -> Poll<io::Result<()>> {
        let mut io = self.0.lock();
        let Some(io) = &mut *io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        while !pieces.is_empty() {
            let written = ready!(poll_write(Pin::new(&mut *io), cx, pieces))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            advance(pieces, written);
        }
        ready!(Pin::new(io).poll_flush(cx))?;
        written();
        Poll::Ready(Ok(()))
    }
}

/// Writes as many pieces as fit into one call.
fn poll_write(
    io: Pin<&mut TokioIo<Upgraded>>,
    cx: &mut Context<'_>,
    pieces: &VecDeque<Bytes>,
) -> Poll<io::Result<usize>> {
    if let ([piece], []) = pieces.as_slices() {
        return io.poll_write(cx, piece);
    }
    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
    let count = slices.len().min(pieces.len());
    for (slice, piece) in slices.iter_mut().zip(pieces) {
        *slice = IoSlice::new(piece);
    }
    io.poll_write_vectored(cx, &slices[..count])
}

fn advance(pieces: &mut VecDeque<Bytes>, mut count: usize) {
    while let Some(first) = pieces.front_mut() {
        if first.len() > count {
            first.advance(count);
            return;
        }
        count -= first.len();
        pieces.pop_front();
    }
}
