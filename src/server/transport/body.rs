//! The body of a request, which has to keep coming and to come to its end.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::clock;

/// How long the body of a request may take in all.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);
/// How long an upload may take in all: 2 GiB at 5 Mbit/s.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(60 * 60);

/// A body that fails where nothing comes for too long, or where it takes too long.
pub(crate) struct Timed {
    body: Incoming,
    gap_max: Duration,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Timed {
    /// The body of an upload, or of any other request.
    pub(crate) fn new(body: Incoming, is_upload: bool, gap_max: Duration) -> Self {
        let time_max = if is_upload { UPLOAD_TIME_MAX } else { BODY_TIME_MAX };
        Self { body, gap_max, deadline: clock::now() + time_max, timer: None }
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
        let late = || Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))));
        if clock::now() >= this.deadline {
            return late();
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let (gap_max, deadline) = (this.gap_max, this.deadline);
        let due = || deadline.min(clock::now() + gap_max);
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(due())));
        ready!(timer.as_mut().poll(cx));
        late()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
