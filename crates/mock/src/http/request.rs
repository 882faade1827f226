//! Reads and parses HTTP requests.

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::percent_decode;

/// Maximum length of a request head, in bytes. It is large because sign requests carry whole cookie jars.
pub(crate) const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Maximum length of a request body, in bytes. The largest is a scenario.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Maximum number of headers in a request.
const HEADERS_MAX: usize = 100;

/// A complete request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Percent-decoded path, without the query.
    pub(crate) path: String,
    /// Decoded parameters, in order. A name can occur more than once.
    pub(crate) query: Vec<(String, String)>,
    /// Headers in order, with lowercase names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// Origin of sockets in sign responses, if the connection decides it.
    pub(crate) sockets: Option<String>,
}

impl Request {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the last non-empty value of a query parameter: client libraries append a parameter to override
    /// it.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let mut values = self.query.iter().filter(|(key, value)| key == name && !value.is_empty());
        values.next_back().map(|(_, value)| value.as_str())
    }

    /// Whether the client requests a WebSocket.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }

    /// Whether the client asks to close the connection after the answer.
    pub(crate) fn wants_close(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// Returns the origin of sockets in sign responses: by default, the host that the client uses for this server.
    pub(crate) fn socket_origin(&self) -> String {
        self.sockets.clone().unwrap_or_else(|| format!("ws://{}", self.host()))
    }

    /// Returns the host name that the client uses for this server.
    pub(crate) fn host(&self) -> &str {
        self.header("host").unwrap_or("127.0.0.1")
    }
}

/// Reason why a request could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The client closed the connection, or is gone.
    Ended,
    /// The request is invalid; answer with this status.
    Bad(u16, String),
}

/// Reads the next request. Bytes after it stay in `buffer`.
pub(crate) async fn read_request<I>(io: &mut I, buffer: &mut BytesMut) -> Result<Request, ReadError>
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let (mut request, head_bytes) = loop {
        if let Some(parsed) = parse(buffer)? {
            break parsed;
        }
        if buffer.len() > HEAD_BYTES_MAX {
            return Err(ReadError::Bad(431, "the head of the request is too long".into()));
        }
        more(io, buffer).await?;
    };
    buffer.advance(head_bytes);
    let length = body_bytes(&request)?;
    if length > buffer.len() && request.header("expect").is_some() {
        io.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(|_| ReadError::Ended)?;
        io.flush().await.map_err(|_| ReadError::Ended)?;
    }
    while buffer.len() < length {
        more(io, buffer).await?;
    }
    request.body = buffer.split_to(length).freeze();
    Ok(request)
}

async fn more<I: AsyncRead + Unpin>(io: &mut I, buffer: &mut BytesMut) -> Result<(), ReadError> {
    match io.read_buf(buffer).await {
        Ok(0) | Err(_) => Err(ReadError::Ended),
        Ok(_) => Ok(()),
    }
}

fn body_bytes(request: &Request) -> Result<usize, ReadError> {
    if request.header("transfer-encoding").is_some() {
        return Err(ReadError::Bad(411, "the request has no content-length".into()));
    }
    let Some(length) = request.header("content-length") else { return Ok(0) };
    match length.parse() {
        Ok(length) if length <= BODY_BYTES_MAX => Ok(length),
        Ok(_) => Err(ReadError::Bad(413, format!("the body is longer than {BODY_BYTES_MAX} bytes"))),
        Err(_) => Err(ReadError::Bad(400, "`content-length` is not a number".into())),
    }
}

/// Parses the head at the start of `buffer` and returns it with its length, or `None` if it is incomplete.
fn parse(buffer: &[u8]) -> Result<Option<(Request, usize)>, ReadError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let parsed = head.parse(buffer).map_err(|error| ReadError::Bad(400, error.to_string()))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let target = head.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        path: percent_decode(path, false),
        query: read_query(query),
        headers: head.headers.iter().map(|it| (it.name.to_ascii_lowercase(), text(it.value))).collect(),
        body: Bytes::new(),
        sockets: None,
    };
    Ok(Some((request, length)))
}

fn read_query(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decode = |text| percent_decode(text, true);
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(k, v)| (decode(k), decode(v)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_may_use_any_order_and_encoding_and_repeat_parameters() {
        let head = b"GET /@a%62c/live?version_code=1&room_id=&room_id=7&x=a+b%2Bc(d)%zz&version_code=2&flag HTTP/1.1\r\n\
            Host: h:1\r\nX-Api-Key:  k \r\n\r\nrest";
        let (request, length) = parse(head).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.param("room_id")), ("/@abc/live", Some("7")));
        assert_eq!((request.param("version_code"), request.param("x")), (Some("2"), Some("a b+c(d)%zz")));
        assert_eq!((request.header("x-api-key"), request.param("flag")), (Some("k"), None));
        assert_eq!(&head[length..], b"rest");
    }

    #[test]
    fn invalid_requests_are_rejected() {
        assert!(matches!(parse(b"GET /a"), Ok(None)));
        assert!(matches!(parse(b"\x16\x03\x01\x00\xa5 tls"), Err(ReadError::Bad(400, _))));
    }
}
