//! Accepts connections, reads the first request on each, and passes them to the mock once they are decrypted. Reports about
//! clients in lines, limited in number.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use bytes::{Buf as _, BytesMut};
use hyper::Uri;
use livetape_core::{error::Problem, host};
use livetape_io::{
    clock,
    net::{Listener, Peer},
};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    select,
    sync::Semaphore,
    time::timeout_at,
};
use tokio_util::sync::CancellationToken;

use super::{
    ca::Ca,
    hosts::{self, Hosts, PORT, Refused, Route, TLS_PORT, Target},
    tls::{self, Certificates, Prefixed, Stream},
};
use crate::{MockTikTok, Wire};

/// How long a client may take for its first request, including the pause before it.
const HEAD_MAX: Duration = Duration::from_secs(60);
/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Maximum number of concurrent connections. Further ones wait.
const CONNECTIONS_MAX: usize = 10_000;
/// First size of the buffer for a request head, in bytes. That of CONNECT fits.
const HEAD_BYTES: usize = 512;
/// Address of sockets in sign responses for clients on other machines, which reach it through the proxy
/// (docs/protocol.md §1.7).
const REAL_SOCKETS: &str = "wss://webcast-ws.tiktok.com";
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// How clients reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As an HTTP proxy.
    Proxy,
    /// As a TLS server, because the hosts are redirected to it.
    Tls,
}

/// Accepts clients of a mock.
#[derive(Debug)]
pub struct Front {
    mock: Arc<MockTikTok>,
    hosts: Hosts,
    certificates: Certificates,
    reports: Reports,
    places: Arc<Semaphore>,
}

impl Front {
    /// Creates a front that answers with certificates of `ca`. `report` shows why it did not answer a client.
    ///
    /// # Errors
    /// If the system cannot provide random bytes.
    pub fn new(mock: Arc<MockTikTok>, hosts: Hosts, ca: Ca, report: ReportLine) -> Result<Self, Problem> {
        let (certificates, places) = (Certificates::new(ca)?, Arc::new(Semaphore::new(CONNECTIONS_MAX)));
        Ok(Self { mock, hosts, certificates, reports: Reports::new(report), places })
    }

    /// Returns why it did not answer clients, most often; `None` if it answered all.
    #[must_use]
    pub fn why_unanswered(&self) -> Option<String> {
        self.reports.commonest()
    }

    /// Accepts connections until `stop`, which also ends them.
    pub async fn accept<L>(self: Arc<Self>, mut listener: L, mode: Mode, stop: CancellationToken)
    where
        L: Listener<Io: Wire, Addr: Peer>,
    {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let (io, address) = select! {
                biased;
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (front, stop, from) = (Arc::clone(&self), stop.clone(), address.ip());
            tokio::spawn(async move {
                select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = front.serve(io, from, mode) => {}
                }
                drop(place);
            });
        }
    }

    async fn serve<I: Wire>(&self, io: I, from: Option<IpAddr>, mode: Mode) {
        match mode {
            Mode::Proxy => self.proxy(io, from).await,
            Mode::Tls => self.decrypt(Prefixed { read: BytesMut::new(), io }, None, from).await,
        }
    }

    /// Handles a connection to the proxy.
    async fn proxy<I: Wire>(&self, mut io: I, from: Option<IpAddr>) {
        let mut read = BytesMut::with_capacity(HEAD_BYTES);
        let asked = match timeout_at(clock::now() + HEAD_MAX, read_head(&mut io, &mut read)).await {
            Ok(Ok(None)) => return,
            Ok(asked) => asked,
            Err(_) if read.is_empty() => return,
            Err(_) => Err(Refused::Late),
        };
        let opened = match asked {
            Ok(Some(asked)) => self.open(&asked).await.map(|far| (asked, far)),
            Ok(None) => return,
            Err(refused) => Err(refused),
        };
        let (Requested { target, forwarded }, far) = match opened {
            Ok(opened) => opened,
            Err(refused) => {
                self.reports.add(&refused.line());
                let _ = io.write_all(refused.response().as_bytes()).await;
                return;
            }
        };
        let is_connect = forwarded.is_none();
        let mut request_bytes = None;
        match forwarded {
            None if io.write_all(ESTABLISHED).await.is_err() => return,
            None => {}
            Some(Forwarded { head, body }) => {
                request_bytes = body.map(|body| body.saturating_add(head.len() as u64));
                read = BytesMut::from_iter(head.into_iter().chain(read));
            }
        }
        let io = Prefixed { read, io };
        match far {
            // How a tunnel ends only concerns its two sides.
            Some(far) => drop(hosts::copy(io, far, request_bytes).await),
            None if is_connect && target.is_tls => self.decrypt(io, Some(target.host), from).await,
            None => self.answer(from, Stream::plain(io)).await,
        }
    }

    /// Checks the host, and connects to it if it is passed.
    async fn open(&self, asked: &Requested) -> Result<Option<TcpStream>, Refused> {
        let Target { host, port, is_tls } = &asked.target;
        match self.hosts.route(host, *port)? {
            Route::Answer => Ok(None),
            Route::Pass if *is_tls && asked.forwarded.is_some() => {
                Err(Refused::Bad("https:// hosts of --pass need CONNECT"))
            }
            // The end of the request must be known, because the next one could be for another host.
            Route::Pass if asked.forwarded.as_ref().is_some_and(|it| it.body.is_none()) => {
                Err(Refused::Bad("WebSockets and chunked bodies to hosts of --pass need CONNECT"))
            }
            Route::Pass => hosts::connect(&self.hosts, host, *port).await.map(Some),
        }
    }

    /// Runs the handshake, and passes the connection to the mock. `host` is that of CONNECT.
    async fn decrypt<I: Wire>(&self, io: Prefixed<I>, host: Option<String>, from: Option<IpAddr>) {
        // Boxed, so that the larger future of the handshake does not occupy memory during the connection.
        let handshake = Box::pin(self.certificates.accept(io, host.as_deref()));
        match timeout_at(clock::now() + HANDSHAKE_MAX, handshake).await {
            Ok(Ok((host, mut io))) => {
                match timeout_at(clock::now() + HEAD_MAX, io.fill_buf()).await {
                    Ok(Ok([_, ..])) => {}
                    Err(_) => return,
                    Ok(_) => return self.reports.add(&tls::without_request(&host)),
                }
                self.answer(from, Stream::tls(io)).await;
            }
            Ok(Err(Some(line))) => self.reports.add(&line),
            // The client only opened the connection, as browsers and port scanners do.
            Ok(Err(None)) => {}
            Err(_) => {
                let host = host.as_deref().unwrap_or("a TLS client");
                self.reports.add(&format!("{host}: the TLS handshake took longer than {HANDSHAKE_MAX:?}"));
            }
        }
    }

    /// Answers as the mock does on its own port. Many clients do not send sockets through a proxy: on this
    /// machine, sign responses name the mock's own address, because such sockets would leave the machine.
    async fn answer<I: Wire>(&self, from: Option<IpAddr>, io: Stream<I>) {
        let is_local = from.is_none_or(|address| address.is_loopback());
        let sockets =
            if is_local { self.mock.url().replacen("http", "ws", 1) } else { REAL_SOCKETS.to_owned() };
        self.mock.serve(io, from, sockets).await;
    }
}

/// Maximum number of different lines. Further ones count together.
const LINES_MAX: usize = 256;

/// Counts each line, and reports it the first, second, fourth, eighth, … time.
#[derive(Debug)]
struct Reports {
    counts: Mutex<HashMap<String, u64>>,
    report: ReportLine,
}

/// Shows a line, and how often it occurred.
pub type ReportLine = fn(line: &str, count: u64);

impl Reports {
    fn new(report: ReportLine) -> Self {
        Self { counts: Mutex::default(), report }
    }

    fn add(&self, line: &str) {
        if let Some(count) = self.count(line) {
            (self.report)(line, count);
        }
    }

    /// Returns the line that occurred most often.
    fn commonest(&self) -> Option<String> {
        let counts = self.counts.lock();
        let most = counts.iter().filter(|(line, _)| !line.is_empty()).max_by_key(|(_, count)| **count);
        most.map(|(line, _)| line.clone())
    }

    /// Returns the count of a line if it has to be reported.
    fn count(&self, line: &str) -> Option<u64> {
        // Held for a few instructions, never across an `.await`.
        let mut counts = self.counts.lock();
        let line = if counts.contains_key(line) || counts.len() < LINES_MAX { line } else { "" };
        let count = counts.entry(line.to_owned()).or_default();
        *count += 1;
        count.is_power_of_two().then_some(*count)
    }
}

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
async fn read_head<I: AsyncRead + Unpin>(
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

    #[test]
    fn a_line_is_reported_less_and_less_often() {
        let reports = Reports::new(|_, _| {});
        let reported: Vec<_> = (0..100).filter_map(|_| reports.count("a")).collect();
        assert_eq!(reported, [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(reports.count("b"), Some(1));
        let lines = (0..10_000).filter(|at| reports.count(&at.to_string()).is_some()).count();
        assert!(lines < LINES_MAX + 20, "{lines}");
    }

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
        assert_eq!(read_head(&mut tokio::io::empty(), &mut long).await, Err(Refused::TooLong));
        let many = format!("CONNECT a:443 HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(parse(many.as_bytes()), Err(Refused::TooLong));
        assert_eq!(parse(b"CONNECT a:443 HTTP/1.1\r\n"), Ok(None));
    }
}
