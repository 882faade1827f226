//! A minimal HTTP/1.1 server. It controls every byte that it sends, as faults require.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tungstenite::http::StatusCode;

use crate::scenario::Only;

/// Maximum length of a request head, in bytes. It is large because sign requests carry whole cookie jars.
pub(crate) const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Maximum number of headers in a request.
const HEADERS_MAX: usize = 100;

/// A complete request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Whether it is a request of HTTP/1.0, after which a connection usually ends.
    pub(crate) is_http_1_0: bool,
    /// Whether its address is absolute, as in `GET http://www.tiktok.com/@ann`. Its host is then also the
    /// header `host`.
    pub(crate) is_absolute: bool,
    /// Percent-decoded path, without the query.
    pub(crate) path: String,
    /// Decoded parameters, in order. A name can occur more than once.
    pub(crate) query: Vec<(String, String)>,
    /// Whether the query has a bracket that is not percent-encoded.
    pub(crate) has_brackets: bool,
    /// Headers in order, with lowercase names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// Origin of sockets in sign responses, if the connection decides it.
    pub(crate) sockets: Option<String>,
}

impl Request {
    /// Returns the first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the last non-empty value of a query parameter: client libraries append a parameter to override
    /// it.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let mut values = self.query.iter().filter(|(key, value)| key == name && !value.is_empty());
        values.next_back().map(|(_, value)| value.as_str())
    }

    /// Returns the value of a cookie, if it is not empty.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.header("cookie").unwrap_or_default().split(';');
        let mut pairs = cookies.filter_map(|cookie| cookie.trim().split_once('='));
        pairs.find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// Whether the request is one of these.
    pub(crate) fn is(&self, only: Only) -> bool {
        let agent = self.header("user-agent").unwrap_or_default();
        match only {
            Only::AgentDiffers => {
                let named = ["browser_platform", "browser_version", "os"].iter();
                let mut systems = named.filter_map(|name| system(self.param(name)?));
                systems.any(|it| Some(it) != system(agent))
            }
            Only::NoAgent => agent.is_empty(),
            Only::NoCookie => self.cookie("ttwid").is_none(),
            Only::Unencoded => self.has_brackets,
        }
    }

    /// Whether the client requests a WebSocket.
    pub(crate) fn is_upgrade(&self) -> bool {
        self.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
    }

    /// Whether the client asks to close the connection after the answer.
    pub(crate) fn wants_close(&self) -> bool {
        let options: Vec<_> =
            self.values("connection").flat_map(|value| value.split(',')).map(str::trim).collect();
        let has = |option: &str| options.iter().any(|it| it.eq_ignore_ascii_case(option));
        // RFC 9112 §9.3
        has("close") || self.is_http_1_0 && !has("keep-alive")
    }

    /// Returns the origin of sockets in sign responses: by default, the host that the client uses for this
    /// server.
    pub(crate) fn socket_origin(&self) -> String {
        self.sockets.clone().unwrap_or_else(|| format!("ws://{}", self.host()))
    }

    /// Returns the host name that the client uses for this server.
    pub(crate) fn host(&self) -> &str {
        self.header("host").unwrap_or("127.0.0.1")
    }

    /// Returns the host without its port, and without the brackets of IPv6.
    pub(crate) fn host_name(&self) -> &str {
        let host = self.host();
        match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((address, _)) => address,
            None => host.split(':').next().unwrap_or_default(),
        }
    }
}

/// Returns the operating system that a user agent or a parameter names.
fn system(text: &str) -> Option<&'static str> {
    const SYSTEMS: [(&str, &str); 8] = [
        ("android", "linux"),
        ("iphone", "ios"),
        ("ipad", "ios"),
        ("mac", "mac"),
        ("darwin", "mac"),
        ("win", "windows"),
        ("linux", "linux"),
        ("x11", "linux"),
    ];
    let text = text.to_ascii_lowercase();
    SYSTEMS.iter().find(|(part, _)| text.contains(part)).map(|(_, system)| *system)
}

/// Reason why a request could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The client closed the connection, or is gone.
    Ended,
    /// The request is invalid; answer with this status.
    Bad(u16, String),
}

impl ReadError {
    fn too_long() -> Self {
        Self::Bad(431, "the head of the request is too long".into())
    }

    fn of_head(error: httparse::Error) -> Self {
        if error == httparse::Error::TooManyHeaders {
            return Self::Bad(431, format!("the request has more than {HEADERS_MAX} headers"));
        }
        Self::Bad(400, error.to_string())
    }
}

/// Parses the head at the start of `buffer` and returns it with its length, or `None` if it is incomplete.
fn parse(buffer: &[u8]) -> Result<Option<(Request, usize)>, ReadError> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let parsed = head.parse(buffer).map_err(ReadError::of_head)?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let (authority, target) = split_absolute(head.path.unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = if path.is_empty() { "/" } else { path };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let mut headers: Vec<_> =
        head.headers.iter().map(|it| (it.name.to_ascii_lowercase(), text(it.value))).collect();
    if let Some(authority) = authority {
        headers.retain(|(name, _)| name != "host");
        headers.insert(0, ("host".to_owned(), authority.to_owned()));
    }
    let request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        is_http_1_0: head.version == Some(0),
        is_absolute: authority.is_some(),
        path: decoded(path),
        query: read_query(query),
        has_brackets: query.contains(['(', ')']),
        headers,
        body: Bytes::new(),
        sockets: None,
    };
    Ok(Some((request, length)))
}

/// Splits an absolute address into its host and port, and the rest. A path has no host.
fn split_absolute(target: &str) -> (Option<&str>, &str) {
    let Some((scheme, rest)) = target.split_once("://") else { return (None, target) };
    if !["http", "https", "ws", "wss"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return (None, target);
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    (Some(host), path)
}

fn read_query(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let text = |text: &str| decoded(&text.replace('+', " "));
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (text(k), text(v))).collect()
}

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
    request.body = read(io, buffer, &request).await?;
    Ok(request)
}

/// Maximum length of a request body, in bytes. The largest is a scenario.
const BODY_BYTES_MAX: usize = 1 << 20;
const LINE_END: &[u8] = b"\r\n";

/// How the end of a body is found.
#[derive(Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunked,
}

/// Reads the body that follows the head of `request`. Bytes after it stay in `buffer`.
async fn read<I>(io: &mut I, buffer: &mut BytesMut, request: &Request) -> Result<Bytes, ReadError>
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
    // A header that is repeated is a list (RFC 9110 §5.3), which neither a length nor `chunked` is.
    let list = |name| request.header(name).map(|_| request.values(name).collect::<Vec<_>>().join(", "));
    let length = list("content-length");
    if let Some(coding) = list("transfer-encoding") {
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
async fn more<I: AsyncRead + Unpin>(io: &mut I, buffer: &mut BytesMut) -> Result<(), ReadError> {
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

/// A response. Header names are sent exactly as given.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// How long it tells the client to wait.
    pub(crate) wait: Option<Duration>,
}

impl Response {
    /// Creates a response with this content type.
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into(), wait: None }
    }

    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    /// Creates a 200 without a body.
    pub(crate) fn empty() -> Self {
        Self::new(200, "application/protubuf", "")
    }

    pub(crate) fn html(body: impl Into<Bytes>) -> Self {
        Self::new(200, "text/html; charset=utf-8", body)
    }

    pub(crate) fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Returns the head for a body of `length` bytes. `None` declares a body that ends with the connection.
    pub(crate) fn head(&self, length: Option<usize>) -> String {
        let mut head = self.bare_head();
        head.truncate(head.len() - 2);
        match length {
            Some(length) => head.push_str(&format!("Content-Length: {length}\r\n\r\n")),
            None => head.push_str("Connection: close\r\n\r\n"),
        }
        head
    }

    /// Returns the head without any header about the body.
    pub(crate) fn bare_head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            // A value from a scenario must not break out of its line.
            let value: String = value.chars().filter(|c| !c.is_control()).collect();
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head
    }

    /// Returns head and body.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head(Some(self.body.len())).into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Status")
}

/// Decodes percent-encoding. Invalid escapes stay unchanged.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
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
    fn an_absolute_address_replaces_the_host() {
        let read = |target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nHost: other\r\nHost: more\r\n\r\n");
            let (request, _) = parse(head.as_bytes()).unwrap().unwrap();
            let hosts = request.headers.iter().filter(|(name, _)| name == "host").count();
            assert_eq!(
                (request.is_absolute, hosts),
                if request.is_absolute { (true, 1) } else { (false, 2) }
            );
            (request.host().to_owned(), request.host_name().to_owned(), request.path)
        };
        let all = |host: &str, name: &str, path: &str| (host.to_owned(), name.to_owned(), path.to_owned());
        assert_eq!(read("http://a.b:80/@c/live?d=e"), all("a.b:80", "a.b", "/@c/live"));
        assert_eq!(read("WSS://u:p@[::1]:3?d=/e"), all("[::1]:3", "::1", "/"));
        assert_eq!(read("https://a.b"), all("a.b", "a.b", "/"));
        assert_eq!(read("/?url=http://a.b/"), all("other", "other", "/"));
        assert_eq!(read("ftp://a.b/"), all("other", "other", "ftp://a.b/"));
    }

    #[test]
    fn invalid_requests_are_rejected() {
        assert!(matches!(parse(b"GET /a"), Ok(None)));
        assert!(matches!(parse(b"\x16\x03\x01\x00\xa5 tls"), Err(ReadError::Bad(400, _))));
        let with = |headers: usize| {
            parse(format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(headers)).as_bytes())
        };
        assert!(matches!(with(100), Ok(Some(_))));
        assert!(matches!(with(101), Err(ReadError::Bad(431, _))));
    }
}
