//! Requests that the HTTP library rejects by itself, as their head is malformed or too long: it writes a bare status
//! line, and here the client gets the same answer as everywhere else.

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

/// Bytes that are read after the answer: a socket that is closed with something unread loses what was written.
const READ_BYTES_MAX: usize = 64 * 1024;
/// Bytes that are read at once.
const READ_BYTES: usize = 1024;
/// Where the status stands in the library's answer: `HTTP/1.1 400 Bad Request`.
const STATUS: std::ops::Range<usize> = 9..12;

/// A connection whose bare answers are replaced. Whatever the library writes between two answers of the router is one:
/// it flushes each before it reads on.
pub(super) struct Unparsed<I> {
    io: I,
    pace: Pace,
    /// How many requests were answered when all answers were written; `None` while one is on its way.
    flushed: Option<u32>,
    /// The answer that replaces the library's, as far as it is not written yet.
    answer: Option<Bytes>,
    /// How much is still read after it, in bytes.
    unread: usize,
}

impl<I> Unparsed<I> {
    pub(super) fn new(io: I, pace: Pace) -> Self {
        Self { io, pace, flushed: Some(0), answer: None, unread: READ_BYTES_MAX }
    }

    /// Whether what is written now comes from the library itself.
    fn is_bare(&self) -> bool {
        self.answer.is_some() || (self.flushed.is_some() && self.flushed == self.pace.answered())
    }

    /// Takes all of it.
    fn replace(&mut self, bare: &[u8]) {
        self.answer.get_or_insert_with(|| answer(bare).into());
    }
}

/// The answer instead of a bare one.
fn answer(bare: &[u8]) -> String {
    let status = bare.get(STATUS).and_then(|status| StatusCode::from_bytes(status).ok());
    let status = status.unwrap_or(StatusCode::BAD_REQUEST);
    let problem = match status {
        StatusCode::URI_TOO_LONG => Problem::new(Code::TooLarge, "the address is too long"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Problem::new(Code::TooLarge, "the head of the request is too long")
                .hint("send fewer or shorter headers")
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

    /// The library flushes only what it has written completely.
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
        if this.answer.is_none() {
            return Poll::Ready(shut);
        }
        // The client ends it, or is late: that is the pace's matter.
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
