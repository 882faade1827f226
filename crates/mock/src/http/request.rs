//! HTTP requests, and the parsing of their heads.

use bytes::Bytes;

use super::percent_decode;

/// Maximum length of a request head, in bytes. It is large because sign requests carry whole cookie jars.
pub(crate) const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Maximum number of headers in a request.
pub(super) const HEADERS_MAX: usize = 100;

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
        let values = self.headers.iter().filter(|(name, _)| name == "connection").map(|(_, value)| value);
        let options: Vec<_> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
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

/// Reason why a request could not be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The client closed the connection, or is gone.
    Ended,
    /// The request is invalid; answer with this status.
    Bad(u16, String),
}

impl ReadError {
    pub(super) fn too_long() -> Self {
        Self::Bad(431, "the head of the request is too long".into())
    }

    pub(super) fn of_head(error: httparse::Error) -> Self {
        if error == httparse::Error::TooManyHeaders {
            return Self::Bad(431, format!("the request has more than {HEADERS_MAX} headers"));
        }
        Self::Bad(400, error.to_string())
    }
}

/// Parses the head at the start of `buffer` and returns it with its length, or `None` if it is incomplete.
pub(super) fn parse(buffer: &[u8]) -> Result<Option<(Request, usize)>, ReadError> {
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
        path: percent_decode(path, false),
        query: read_query(query),
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
