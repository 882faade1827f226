//! Replaces the HTTP library's own responses to malformed or oversized request heads. The library writes a
//! bare status line; clients get the usual error body instead.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::{body::Bytes, http::StatusCode};
use bytes::Buf as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{deadlines::Pace, rejected};
use crate::sans_io::error::{Code, Problem};

/// Maximum number of bytes read after the response. Closing a socket with unread data would discard the
/// response.
const READ_BYTES_MAX: usize = 4 << 20;
/// Number of bytes read at once.
const READ_BYTES: usize = 8 * 1024;
/// Position of the status in the library's response: `HTTP/1.1 400 Bad Request`.
const STATUS: std::ops::Range<usize> = 9..12;

/// A connection whose bare responses are replaced. Everything that the library writes between two responses
/// of the router is bare, because the library flushes each response before it reads on.
pub(super) struct Unparsed<I> {
    io: I,
    pace: Pace,
    /// Number of answered requests at the last flush; `None` while one is being answered.
    flushed: Option<u32>,
    /// The unwritten rest of the replacement response.
    answer: Option<Bytes>,
    /// Number of bytes that are still read after the response.
    unread: usize,
}

impl<I> Unparsed<I> {
    pub(super) fn new(io: I, pace: Pace) -> Self {
        Self { io, pace, flushed: Some(0), answer: None, unread: READ_BYTES_MAX }
    }

    /// Whether the library itself is writing, rather than the router.
    fn is_bare(&self) -> bool {
        self.answer.is_some() || (self.flushed.is_some() && self.flushed == self.pace.answered())
    }

    /// Replaces the library's response completely.
    fn replace(&mut self, bare: &[u8]) {
        self.answer.get_or_insert_with(|| answer(bare).into());
    }
}

/// Builds the replacement of a bare response.
fn answer(bare: &[u8]) -> String {
    let status = bare.get(STATUS).and_then(|status| StatusCode::from_bytes(status).ok());
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    let problem = match status {
        StatusCode::URI_TOO_LONG => Problem::new(Code::TooLarge, "the URL is too long"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Problem::new(Code::TooLarge, "the request head is too long").hint("send fewer or shorter headers")
        }
        _ => Problem::new(Code::BadRequest, "the request is not valid HTTP/1.1")
            .hint("send a well-formed request"),
    };
    rejected::answer(status, &problem, "")
}

impl<I: AsyncWrite + Unpin> Unparsed<I> {
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(left) = self.answer.as_mut().filter(|left| !left.is_empty()) {
            match ready!(Pin::new(&mut self.io).poll_write(cx, left))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => left.advance(written),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Unparsed<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Unparsed<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_bare() {
            this.replace(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut this.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_bare() {
            this.replace(bufs.iter().find(|buf| !buf.is_empty()).map_or(&[], |buf| buf));
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        Pin::new(&mut this.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// The library flushes only complete responses.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.flushed = this.pace.answered();
        ready!(this.poll_answer(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_answer(cx))?;
        let shut = ready!(Pin::new(&mut this.io).poll_shutdown(cx));
        if this.answer.is_none() && !this.pace.is_last() {
            return Poll::Ready(shut);
        }
        // Read until the client closes the connection or [`Paced`](super::deadlines::Paced) times out.
        while this.unread > 0 {
            let mut ignored = [0; READ_BYTES];
            let mut ignored = ReadBuf::new(&mut ignored);
            let read = ready!(Pin::new(&mut this.io).poll_read(cx, &mut ignored));
            if read.is_err() || ignored.filled().is_empty() {
                break;
            }
            this.unread = this.unread.saturating_sub(ignored.filled().len());
        }
        Poll::Ready(Ok(()))
    }
}
