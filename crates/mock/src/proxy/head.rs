//! The first request on a connection to the proxy.

use bytes::{Buf as _, BytesMut};
use hyper::Uri;
use livetape_core::host;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::hosts::{PORT, Refused, TLS_PORT, Target};

/// Maximum length of a request head, in bytes. Sign requests carry whole cookie jars.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Maximum number of headers in a request. Two more fit into what the mock accepts, because [`rewritten`] can
/// add so many.
const HEADERS_MAX: usize = 98;
/// Headers for the proxy rather than the host, in lower case. `Host` follows from the address of the request.
const DROPPED: [&str; 6] =
    ["connection", "host", "http2-settings", "keep-alive", "proxy-authorization", "proxy-connection"];

/// The connection that a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Requested {
    pub(super) target: Target,
    /// `GET http://host/…` as the host expects it; `None` for `CONNECT host:port`.
    pub(super) forwarded: Option<Forwarded>,
}

/// A request with an absolute address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Forwarded {
    /// The head, with a path as its address.
    pub(super) head: Vec<u8>,
    /// Length of the body, in bytes; `None` if it is chunked or the client wants a WebSocket.
    pub(super) body: Option<u64>,
}

/// Reads the head of a request. Bytes after it stay in `buffer`.
pub(super) async fn read<I: AsyncRead + Unpin>(
    io: &mut I,
    buffer: &mut BytesMut,
) -> Result<Option<Requested>, Refused> {
    loop {
        let parsed = parse(buffer)?;
        if parsed.as_ref().map_or(buffer.len(), |(_, length)| *length) > HEAD_BYTES_MAX {
            return Err(Refused::TooLong);
        }
        if let Some((asked, length)) = parsed {
            buffer.advance(length);
            return Ok(Some(asked));
        }
        if !matches!(io.read_buf(buffer).await, Ok(1..)) {
            return Ok(None);
        }
    }
}

/// Parses the head at the start of `buffer`, and returns it with its length; `None` if it is incomplete.
fn parse(buffer: &[u8]) -> Result<Option<(Requested, usize)>, Refused> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let parsed = head.parse(buffer).map_err(|error| match error {
        httparse::Error::TooManyHeaders => Refused::TooLong,
        httparse::Error::HeaderName
        | httparse::Error::HeaderValue
        | httparse::Error::NewLine
        | httparse::Error::Status
        | httparse::Error::Token
        | httparse::Error::Version => Refused::Bad("it is not HTTP/1.1"),
    })?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let (method, target) = (head.method.unwrap_or_default(), head.path.unwrap_or_default());
    let uri: Uri = target.parse().map_err(|_| Refused::Bad("its address is invalid"))?;
    let Some(named) = uri.host() else { return Err(Refused::Bad("its address has no host")) };
    let host = match named.starts_with('[') {
        true => named.to_owned(),
        false => host::name(named).ok_or(Refused::Bad("its host is not a host name"))?,
    };
    if method == "CONNECT" {
        let port = uri.port_u16().ok_or(Refused::Bad("CONNECT needs a host and a port"))?;
        let target = Target { host, port, is_tls: port == TLS_PORT };
        return Ok(Some((Requested { target, forwarded: None }, length)));
    }
    // Some libraries, such as axios, send `GET https://…` to a proxy instead of CONNECT.
    let is_tls = match uri.scheme_str() {
        Some("http" | "ws") => false,
        Some("https" | "wss") => true,
        _ => return Err(Refused::Bad("its address is not http:// or https://")),
    };
    let target =
        Target { port: uri.port_u16().unwrap_or(if is_tls { TLS_PORT } else { PORT }), host, is_tls };
    let body = body_bytes(head.headers)?.filter(|_| !is_websocket(head.headers));
    let forwarded = Some(Forwarded { head: rewritten(method, &uri, head.headers), body });
    Ok(Some((Requested { target, forwarded }, length)))
}

fn values<'a>(headers: &'a [httparse::Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

fn is_websocket(headers: &[httparse::Header<'_>]) -> bool {
    values(headers, "upgrade").any(|value| value.eq_ignore_ascii_case(b"websocket"))
}

/// Returns the length of the body; `None` if it is chunked.
fn body_bytes(headers: &[httparse::Header<'_>]) -> Result<Option<u64>, Refused> {
    let mut lengths = values(headers, "content-length");
    match (lengths.next(), lengths.next()) {
        _ if values(headers, "transfer-encoding").next().is_some() => Ok(None),
        (None, _) => Ok(Some(0)),
        (Some(length), None) => {
            let digits = length.iter().all(u8::is_ascii_digit).then_some(length);
            let length = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
            length.map(Some).ok_or(Refused::Bad("its content-length is invalid"))
        }
        _ => Err(Refused::Bad("it has several content-length headers")),
    }
}

/// Returns the head as the host expects it. It asks for the end of the connection after the response, because
/// the client's next request could be for another host.
fn rewritten(method: &str, uri: &Uri, headers: &[httparse::Header<'_>]) -> Vec<u8> {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let host = host.rsplit('@').next().unwrap_or_default();
    // Other upgrades, such as that of curl to HTTP/2, are left out.
    let is_upgrade = is_websocket(headers);
    let connection = if is_upgrade { "Upgrade" } else { "close" };
    let mut head =
        format!("{method} {}{query} HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\n", uri.path())
            .into_bytes();
    for header in headers {
        let name = header.name.to_ascii_lowercase();
        if !DROPPED.contains(&name.as_str()) && (is_upgrade || name != "upgrade") {
            head.extend([header.name.as_bytes(), b": ", header.value, b"\r\n"].concat());
        }
    }
    head.extend(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(host: &str, port: u16) -> Requested {
        Requested { target: Target { host: host.into(), port, is_tls: port == 443 }, forwarded: None }
    }

    #[track_caller]
    fn asked(head: &str) -> Result<Requested, Refused> {
        parse(head.as_bytes()).map(|parsed| {
            let (asked, length) = parsed.expect("the head is complete");
            assert_eq!(length, head.len());
            asked
        })
    }

    #[test]
    fn connect_names_a_host_and_a_port() {
        let head = "CONNECT WWW.TikTok.com.:443 HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(asked(head), Ok(connect("www.tiktok.com", 443)));
        assert_eq!(asked("CONNECT [::1]:80 HTTP/1.0\r\n\r\n"), Ok(connect("[::1]", 80)));
        for target in ["www.tiktok.com", "/", "a b:443", ":443", "www.tiktok.com:99999", "a/b:443"] {
            let head = format!("CONNECT {target} HTTP/1.1\r\n\r\n");
            assert!(matches!(asked(&head), Err(Refused::Bad(_))), "{target}");
        }
    }

    #[test]
    fn requests_with_an_absolute_address_are_rewritten_for_the_host() {
        let head = "GET http://u:p@www.tiktok.com:80?a=%20b HTTP/1.1\r\nhost: other\r\nProxy-Connection: keep-alive\r\n\
                    Proxy-Authorization: Basic x\r\nCookie: a=1\r\nConnection: keep-alive\r\n\r\n";
        let Ok(Requested { target, forwarded: Some(Forwarded { head, body: Some(0) }) }) = asked(head) else {
            panic!("{head}")
        };
        assert_eq!(target, Target { host: "www.tiktok.com".into(), port: 80, is_tls: false });
        let expected =
            "GET /?a=%20b HTTP/1.1\r\nHost: www.tiktok.com:80\r\nConnection: close\r\nCookie: a=1\r\n\r\n";
        assert_eq!(String::from_utf8(head).unwrap(), expected);
        let upgrade =
            "GET wss://webcast-ws.tiktok.com/a HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        let Ok(Requested { target, forwarded: Some(Forwarded { head, body: None }) }) = asked(upgrade) else {
            panic!("{upgrade}")
        };
        assert!(target.is_tls && target.port == 443);
        assert!(
            String::from_utf8(head).unwrap().contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
        );
    }

    #[test]
    fn an_upgrade_to_http_2_is_left_out() {
        let head = "POST http://a.example/ HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                    HTTP2-Settings: AAM\r\nContent-Length: 7\r\n\r\n";
        let Ok(Requested { forwarded: Some(Forwarded { head, body }), .. }) = asked(head) else {
            panic!("{head}")
        };
        let expected = "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: 7\r\n\r\n";
        assert_eq!((String::from_utf8(head).unwrap().as_str(), body), (expected, Some(7)));
        for length in ["x", "-1", "+1", "1\r\nContent-Length: 1"] {
            let head = format!("POST http://a.example/ HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
            assert!(matches!(asked(&head), Err(Refused::Bad(_))), "{length}");
        }
    }

    #[tokio::test]
    async fn other_requests_are_refused() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET ftp://a/ HTTP/1.1\r\n\r\n",
            "\x16\x03\x01\x00\x05",
            "GET http://a%00/ HTTP/1.1\r\n\r\n",
        ] {
            assert!(matches!(parse(head.as_bytes()), Err(Refused::Bad(_))), "{head}");
        }
        let mut long =
            BytesMut::from(&*format!("CONNECT a:443 HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(HEAD_BYTES_MAX)));
        assert_eq!(read(&mut tokio::io::empty(), &mut long).await, Err(Refused::TooLong));
        let many = format!("CONNECT a:443 HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(parse(many.as_bytes()), Err(Refused::TooLong));
        assert_eq!(parse(b"CONNECT a:443 HTTP/1.1\r\n"), Ok(None));
    }
}
