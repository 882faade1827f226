//! Reads HTTP requests.

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    body::{self, more},
    request::{HEAD_BYTES_MAX, ReadError, Request, parse},
};

/// Reads the next request. Bytes after it stay in `buffer`.
pub(crate) async fn read_request<I>(io: &mut I, buffer: &mut BytesMut) -> Result<Request, ReadError>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let (mut request, head_bytes) = loop {
        let parsed = parse(buffer)?;
        if parsed.as_ref().map_or(buffer.len(), |(_, length)| *length) > HEAD_BYTES_MAX {
            return Err(ReadError::too_long());
        }
        if let Some(parsed) = parsed {
            break parsed;
        }
        more(io, buffer).await?;
    };
    buffer.advance(head_bytes);
    request.body = body::read(io, buffer, &request).await?;
    Ok(request)
}
