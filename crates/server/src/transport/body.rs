//! Request bodies with time limits. If a handler does not read a body to its end, a short remainder is
//! skipped; a long one ends the connection.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// Maximum total time for the body of a request.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);
/// Maximum total time for an upload: enough for 2 GiB at 5 Mbit/s.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// Maximum length of an unread remainder that is skipped, in bytes.
const SKIPPED_BYTES_MAX: u64 = 64 * 1024;

/// A body that the handler reads, and afterwards the connection. Clones share it.
#[derive(Clone)]
pub(crate) struct SharedBody(Arc<Mutex<Timed>>);

impl SharedBody {
    pub(crate) fn new(body: Timed) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Skips what the handler left unread, if it is short and `is_sent`. Returns whether the connection can
    /// serve another request.
    pub(crate) async fn skip(self, is_sent: bool) -> bool {
        let (length, time_max) = {
            let body = self.0.lock();
            if body.is_end_stream() || body.is_failed {
                return body.is_end_stream();
            }
            (body.size_hint().exact(), body.gap_max)
        };
        if !is_sent || length.is_none_or(|bytes| bytes > SKIPPED_BYTES_MAX) {
            return false;
        }
        let skipped = async {
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut *self.0.lock()).poll_frame(cx)).await {
                if frame.is_err() {
                    return false;
                }
            }
            true
        };
        timeout(time_max, skipped).await.unwrap_or(false)
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.0.lock()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}

/// A body that fails when no data arrives for too long, or when it takes too long in total.
pub(crate) struct Timed {
    body: Incoming,
    gap_max: Duration,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    is_over: bool,
    is_failed: bool,
}

impl Timed {
    pub(crate) fn new(body: Incoming, is_upload: bool, gap_max: Duration) -> Self {
        let time_max = if is_upload { UPLOAD_TIME_MAX } else { BODY_TIME_MAX };
        Self {
            body,
            gap_max,
            deadline: clock::now() + time_max,
            timer: None,
            is_over: false,
            is_failed: false,
        }
    }

    fn poll_in_time(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let late = || Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))));
        if clock::now() >= self.deadline {
            return late();
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let (gap_max, deadline) = (self.gap_max, self.deadline);
        let due = || deadline.min(clock::now() + gap_max);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due())));
        ready!(timer.as_mut().poll(cx));
        late()
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(this.poll_in_time(cx));
        this.is_over |= frame.is_none();
        this.is_failed |= frame.as_ref().is_some_and(Result::is_err);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
