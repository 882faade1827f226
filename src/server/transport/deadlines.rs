//! Deadlines for requests, so that neither idle connections nor slow request heads occupy a slot
//! indefinitely.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use futures_util::task::AtomicWaker;
use hyper::body::{Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep_until},
};

use super::{admission::ConnectionSlot, limits::Bounds};
use crate::{
    clock,
    server::state::traffic::{Meter, Traffic},
};

/// The phases of a connection, which repeat for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No byte of the next request has arrived.
    Idle,
    /// The request head is arriving.
    Head,
    /// The request is being answered.
    PacedBody,
}

/// Counts phases: the count modulo three is the current phase. Clones share the counter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    count: AtomicU32,
    /// Waker of the task that reads during the answer phase, so that it starts the deadline of the next
    /// phase.
    reader: AtomicWaker,
    /// Whether the response says that the connection ends, although the request was not read to its end.
    is_last: AtomicBool,
}

impl Pace {
    fn now(&self) -> (u32, Phase) {
        let count = self.0.count.load(Ordering::Relaxed);
        let phase = [Phase::Idle, Phase::Head, Phase::PacedBody][count as usize % 3];
        (count, phase)
    }

    /// Returns the number of requests that were answered, or `None` while one is in progress.
    pub(super) fn answered(&self) -> Option<u32> {
        let (count, phase) = self.now();
        (phase != Phase::PacedBody).then_some(count / 3)
    }

    /// Whether the connection ends with an unread request.
    pub(super) fn is_last(&self) -> bool {
        self.0.is_last.load(Ordering::Relaxed)
    }

    fn go_on_to(&self, phase: Phase) {
        let (count, now) = self.now();
        let step = (phase as u32 + 3 - now as u32) % 3;
        self.0.count.store(count.wrapping_add(step), Ordering::Relaxed);
    }

    /// Enters the answer phase, which lasts until the returned guard is dropped.
    pub(crate) fn answer(&self) -> Answering {
        self.go_on_to(Phase::PacedBody);
        Answering { pace: self.clone(), ends: true }
    }
}

/// Guard of the answer phase.
pub(crate) struct Answering {
    pace: Pace,
    ends: bool,
}

impl Answering {
    /// Ends the answer phase with the last frame of `body`.
    pub(crate) fn until_sent(self, body: Body) -> Body {
        Body::new(PacedBody { body, _answering: self })
    }

    /// Notes that the connection ends after this response, with an unread request.
    pub(crate) fn ends_connection(&self) {
        self.pace.0.is_last.store(true, Ordering::Relaxed);
    }

    /// Never ends the answer phase, because no request follows an upgrade.
    pub(crate) fn forever(mut self) {
        self.ends = false;
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if self.ends {
            self.pace.go_on_to(Phase::Idle);
            self.pace.0.reader.wake();
        }
    }
}

struct PacedBody {
    body: Body,
    _answering: Answering,
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection with deadlines. It holds its slot until dropped, upgraded or not.
pub(crate) struct Paced<I> {
    io: I,
    pace: Pace,
    idle_max: Duration,
    head_max: Duration,
    /// Deadline of the phase with this number.
    timer: Option<(u32, Pin<Box<Sleep>>)>,
    meter: Meter,
    _slot: ConnectionSlot,
}

impl<I> Paced<I> {
    pub(crate) fn new(io: I, pace: Pace, bounds: &Bounds, traffic: &Traffic, slot: ConnectionSlot) -> Self {
        let (idle_max, head_max) = (bounds.idle_max, bounds.head_max);
        Self { io, pace, idle_max, head_max, timer: None, meter: traffic.meter(), _slot: slot }
    }

    /// Completes when the current phase has taken too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (count, phase) = self.pace.now();
        let max = match phase {
            Phase::Idle => self.idle_max,
            Phase::Head => self.head_max,
            Phase::PacedBody => {
                self.timer = None;
                self.pace.0.reader.register(cx.waker());
                return Poll::Pending;
            }
        };
        if self.timer.as_ref().is_none_or(|(of, _)| *of != count) {
            self.timer = Some((count, Box::pin(sleep_until(clock::now() + max))));
        }
        match &mut self.timer {
            Some((_, timer)) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Paced<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        match Pin::new(&mut this.io).poll_read(cx, buf) {
            Poll::Ready(read) => {
                this.meter.received(buf.filled().len() - before);
                if buf.filled().len() > before && this.pace.now().1 == Phase::Idle {
                    this.pace.go_on_to(Phase::Head);
                }
                // A client that keeps sending bytes would never reach the pending branch below, so check
                // here, too.
                if this.pace.now().1 == Phase::Head {
                    let late = this.poll_late(cx).is_ready();
                    return Poll::Ready(if late { Err(io::ErrorKind::TimedOut.into()) } else { read });
                }
                Poll::Ready(read)
            }
            Poll::Pending => {
                ready!(this.poll_late(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Paced<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.meter.sent(Pin::new(&mut this.io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.meter.sent(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
