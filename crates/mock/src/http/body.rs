//! Reads the body of a request.

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::request::{HEAD_BYTES_MAX, HEADERS_MAX, ReadError, Request};

/// Maximum length of a request body, in bytes. The largest is a scenario.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;
const LINE_END: &[u8] = b"\r\n";

/// How the end of a body is found.
#[derive(Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunked,
}

/// Reads the body that follows the head of `request`. Bytes after it stay in `buffer`.
pub(super) async fn read<I>(io: &mut I, buffer: &mut BytesMut, request: &Request) -> Result<Bytes, ReadError>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let length = length(request)?;
    let is_whole = match length {
        Length::Bytes(bytes) => buffer.len() >= bytes,
        Length::Chunked => !buffer.is_empty(),
    };
    if !is_whole && !request.is_http_1_0 && request.header("expect").is_some() {
        io.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(|_| ReadError::Ended)?;
        io.flush().await.map_err(|_| ReadError::Ended)?;
    }
    match length {
        Length::Bytes(bytes) => {
            fill(io, buffer, bytes).await?;
            Ok(buffer.split_to(bytes).freeze())
        }
        Length::Chunked => chunked(io, buffer).await,
    }
}

fn length(request: &Request) -> Result<Length, ReadError> {
    let length = request.header("content-length");
    if let Some(coding) = request.header("transfer-encoding") {
        // A program between client and mock could take another end of the body (RFC 9112 §6.1).
        if length.is_some() || request.is_http_1_0 {
            return Err(bad("`transfer-encoding` needs HTTP/1.1 and no `content-length`"));
        }
        if !coding.eq_ignore_ascii_case("chunked") {
            return Err(ReadError::Bad(501, "the only known `transfer-encoding` is `chunked`".into()));
        }
        return Ok(Length::Chunked);
    }
    // `parse` also accepts a plus sign.
    match length.map(|length| length.parse().ok().filter(|_| !length.starts_with('+'))) {
        None => Ok(Length::Bytes(0)),
        Some(Some(bytes)) if bytes <= BODY_BYTES_MAX => Ok(Length::Bytes(bytes)),
        Some(Some(_)) => Err(too_long()),
        Some(None) => Err(bad("`content-length` is not a number")),
    }
}

async fn chunked<I: AsyncRead + Unpin>(io: &mut I, buffer: &mut BytesMut) -> Result<Bytes, ReadError> {
    let mut body = BytesMut::new();
    loop {
        let length = chunk_bytes(io, buffer).await?;
        if length == 0 {
            skip_trailers(io, buffer).await?;
            return Ok(body.freeze());
        }
        if length > BODY_BYTES_MAX - body.len() {
            return Err(too_long());
        }
        fill(io, buffer, length + LINE_END.len()).await?;
        body.extend_from_slice(&buffer.split_to(length));
        if buffer.split_to(LINE_END.len()) != LINE_END {
            return Err(bad("a chunk of the body is longer than it says"));
        }
    }
}

/// Reads the line before a chunk, and returns the length of the chunk.
async fn chunk_bytes<I: AsyncRead + Unpin>(io: &mut I, buffer: &mut BytesMut) -> Result<usize, ReadError> {
    loop {
        let is_number = buffer.first().is_none_or(u8::is_ascii_hexdigit);
        match httparse::parse_chunk_size(buffer) {
            Ok(httparse::Status::Complete((line, length))) if is_number => {
                buffer.advance(line);
                return usize::try_from(length).map_err(|_| too_long());
            }
            Ok(httparse::Status::Partial) if is_number && buffer.len() <= HEAD_BYTES_MAX => {
                more(io, buffer).await?;
            }
            _ => return Err(bad("the length of a chunk of the body is invalid")),
        }
    }
}

/// Reads and discards the headers after the last chunk, and the empty line after them.
async fn skip_trailers<I: AsyncRead + Unpin>(io: &mut I, buffer: &mut BytesMut) -> Result<(), ReadError> {
    loop {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let parsed = httparse::parse_headers(buffer, &mut headers);
        match parsed.map_err(ReadError::of_head)? {
            httparse::Status::Complete((length, _)) => {
                buffer.advance(length);
                return Ok(());
            }
            httparse::Status::Partial if buffer.len() > HEAD_BYTES_MAX => return Err(ReadError::too_long()),
            httparse::Status::Partial => more(io, buffer).await?,
        }
    }
}

/// Reads until `buffer` has at least this many bytes.
async fn fill<I: AsyncRead + Unpin>(
    io: &mut I,
    buffer: &mut BytesMut,
    bytes: usize,
) -> Result<(), ReadError> {
    while buffer.len() < bytes {
        more(io, buffer).await?;
    }
    Ok(())
}

/// Reads more bytes into `buffer`.
pub(super) async fn more<I: AsyncRead + Unpin>(io: &mut I, buffer: &mut BytesMut) -> Result<(), ReadError> {
    match io.read_buf(buffer).await {
        Ok(0) | Err(_) => Err(ReadError::Ended),
        Ok(_) => Ok(()),
    }
}

fn bad(message: &str) -> ReadError {
    ReadError::Bad(400, message.into())
}

fn too_long() -> ReadError {
    ReadError::Bad(413, format!("the body is longer than {BODY_BYTES_MAX} bytes"))
}
