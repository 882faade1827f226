//! The body of a response, passed on while it is kept for the recording.

use std::{error::Error, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use tokio::sync::OwnedSemaphorePermit;

use super::{BODIES_MAX, Forward};
use crate::sans_io::{
    observer::{Lost, Observer},
    recording::{Flags, HTTP_BODY_BYTES_MAX, records::Http},
    wire,
};

/// Body of a response to the client.
pub(super) type Body = UnsyncBoxBody<Bytes, Failed>;
/// Why a body ended early.
pub(super) type Failed = Box<dyn Error + Send + Sync>;

/// An exchange whose body is passing by.
pub(super) struct Passing {
    forward: Forward,
    body: Incoming,
    /// `None` after it was reported.
    http: Option<Http>,
    /// Why the body is not kept.
    unread: Option<String>,
    /// Frees its place when the body has passed.
    _place: Option<OwnedSemaphorePermit>,
    kept: BytesMut,
    /// Total length so far.
    length: u64,
    /// The last chunk, passed on once the exchange was reported: what the client does next is reported later.
    held: Option<Bytes>,
    failed: Option<Failed>,
}

/// Passes a body on, and reports the exchange before the last chunk. The body is not kept if there is a reason in `unread`.
pub(super) fn keep(forward: Forward, http: Http, unread: Option<String>, body: Incoming) -> Body {
    let place = forward.0.bodies.clone().try_acquire_owned().ok();
    let full = || format!("livetape reads at most {BODIES_MAX} responses at a time");
    let passing = Passing {
        forward,
        body,
        http: Some(http),
        unread: unread.or_else(|| place.is_none().then(full)),
        _place: place,
        kept: BytesMut::new(),
        length: 0,
        held: None,
        failed: None,
    };
    StreamBody::new(futures_util::stream::unfold(passing, Passing::next)).boxed_unsync()
}

impl Passing {
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, Failed>, Self)> {
        if let Some(failed) = self.failed.take() {
            // The server writes what it has before it learns of the failure, which ends the connection.
            tokio::task::yield_now().await;
            return Some((Err(failed), self));
        }
        while self.http.is_some() {
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    // Trailers are not passed on.
                    let Ok(chunk) = frame.into_data() else { continue };
                    self.keep(&chunk);
                    if let Some(before) = self.held.replace(chunk) {
                        return Some((Ok(Frame::data(before)), self));
                    }
                }
                None => self.report(false).await,
                Some(Err(error)) => {
                    self.report(true).await;
                    self.failed = Some(error.into());
                }
            }
        }
        match (self.held.take(), self.failed.take()) {
            (Some(last), failed) => {
                self.failed = failed;
                Some((Ok(Frame::data(last)), self))
            }
            (None, Some(failed)) => Some((Err(failed), self)),
            (None, None) => None,
        }
    }

    fn keep(&mut self, chunk: &Bytes) {
        self.length += chunk.len() as u64;
        if self.length > HTTP_BODY_BYTES_MAX as u64 {
            self.unread.get_or_insert_with(too_long);
        }
        match self.unread {
            None => self.kept.extend_from_slice(chunk),
            Some(_) => self.kept = BytesMut::new(),
        }
    }

    /// Reports the exchange. Of a body that ended early, keeps the beginning.
    async fn report(&mut self, is_cut: bool) {
        if let Some(observe) = self.take(is_cut).map(observed) {
            self.forward.note(observe).await;
        }
    }

    /// Returns the exchange with its body, or with a reason why the body is missing.
    fn take(&mut self, is_cut: bool) -> Option<(Http, u8, Option<Lost>)> {
        let http = self.http.take()?;
        let (body, damage) = wire::unzip_body(std::mem::take(&mut self.kept).freeze(), HTTP_BODY_BYTES_MAX);
        let is_long = damage == Some(wire::BODY_TOO_LONG);
        let unread = self.unread.take().or_else(|| is_long.then(too_long));
        let body = if unread.is_some() { Bytes::new() } else { body };
        // The compression of a body that ended early is cut with it.
        let why = unread.or_else(|| damage.filter(|_| !is_cut).map(str::to_owned));
        let flags = if is_cut || why.is_some() { Flags::TRUNCATED } else { 0 };
        let lost = why.map(|why| Lost { is_sent: false, bytes: self.length, why });
        Some((Http { body, ..http }, flags, lost))
    }
}

/// Reports an exchange, and what is missing of it.
fn observed((http, flags, lost): (Http, u8, Option<Lost>)) -> impl FnOnce(&mut Observer, Duration) {
    move |observer, offset| {
        observer.exchange(offset, http, flags);
        if let Some(lost) = lost {
            observer.lost(offset, 0, lost);
        }
    }
}

fn too_long() -> String {
    "the body of a response is longer than 1 MiB".to_owned()
}

/// Reports the exchange of a client that left before the end of the body.
impl Drop for Passing {
    fn drop(&mut self) {
        let Some(observe) = self.take(true).map(observed) else { return };
        let forward = self.forward.clone();
        tokio::spawn(async move { forward.note(observe).await });
    }
}
