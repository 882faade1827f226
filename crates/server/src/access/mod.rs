//! Access control. Runs before every handler and before the 101 of a WebSocket.
//!
//! Any page in any browser can send requests to this machine. `Origin` identifies such pages; requests
//! without one (images, scripts, links) are identified by `Sec-Fetch-Site`. The `Host` header reveals DNS
//! rebinding, where a foreign domain name resolves to this machine.
//!
//! Pages of other servers on this machine may read, as may tokens for reading. [`Guard::acts`] says which
//! requests do more.

pub(super) mod bearer;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use bearer::Tokens;
use livetape_core::error::{Code, Problem};
use livetape_engine::log_target::CLIENTS;
use parking_lot::Mutex;
use tracing::warn;

use crate::{handlers::Handlers, state::ErrorResponse};

/// Hosts, origins and tokens that are allowed in addition to loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Host names or addresses that clients may use for this server, without a port; IPv6 addresses in
    /// brackets.
    pub hosts: Vec<String>,
    /// Allowed origins of pages and apps, in full: `https://overlay.example`, `chrome-extension://ID`. With
    /// `null`, pages from disk and all sandboxed frames may read the feed.
    pub origins: Vec<String>,
    /// Whether any IP address is accepted as host, for servers that listen beyond loopback. DNS rebinding
    /// needs a name, so addresses are safe.
    pub any_address: bool,
    /// Bearer tokens, one of which each request must carry. If empty, no token is required.
    pub tokens: Tokens,
}

/// Request headers that scripts on other origins may send.
const HEADERS_ALLOWED: &str = "authorization, content-type";
const METHODS_ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// Response headers that scripts on other origins may read.
const HEADERS_EXPOSED: &str = "retry-after, x-request-id";
/// Origin of pages from disk and of all sandboxed frames on any site; rejected unless listed.
const OPAQUE: &str = "null";
/// Advice for such a page that is listed, at another address than the feed.
const HINT_OPAQUE: &str = "serve the page from a loopback address: pages opened from disk can only read the feed, on `/` and `/events`";
/// The same, if it is not listed.
const HINT_OPAQUE_UNLISTED: &str = "serve the page from a loopback address: pages opened from disk cannot use this address, and can only read the feed with this line of `server.origins` (LIVETAPE_ORIGINS): origins = [\"null\"]";
/// The same at the address of the feed, if it is not listed.
const HINT_OPAQUE_FEED: &str = "serve the page from a loopback address, or add `null` to `server.origins` (LIVETAPE_ORIGINS), with which pages from disk and sandboxed frames of all sites may read the feed: origins = [\"null\"]";
/// Advice for a page without an origin in its request.
const HINT_NAMELESS: &str =
    "send it with `fetch` or a WebSocket, and add the page to `server.origins` (LIVETAPE_ORIGINS)";
/// Origin of local files in OBS, whose embedded browser uses a scheme of its own for them. No web page has
/// this origin.
const OBS_FILE: &str = "http://absolute";
/// Paths of the read-only feed. Pages from disk may read nothing else, even if `null` is listed.
const FEED: [&str; 2] = ["/", "/events"];
/// Prefix of GET requests that contact TikTok.
const LOOK_UPS: &str = "/test/";
/// Path of the sockets that send messages, and prefix of those that open the room of a token.
const TALK: &str = "/ws";
/// Prefixes of sockets there that only read: private replays.
const PRIVATE_REPLAYS: [&str; 2] = ["/ws/test/", "/ws/play/"];
/// Content security policy of all responses except pages and their files: allows nothing.
pub(crate) const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What a listener asks about each request.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    access: Arc<Access>,
    handlers: Option<Handlers>,
    /// Whether the listener speaks TLS itself. A proxy in front of one that does not may do so.
    has_tls: bool,
    logged: Arc<Logged>,
}

/// Middleware that forwards a request, rejects it with 403, or answers a preflight.
pub(crate) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (origin, mut response) = match guard.admit(&request) {
        Err(Rejected { problem, reader }) => (reader, ErrorResponse::from(problem).into_response()),
        Ok(origin) if origin.is_some() && is_preflight(&request) => (origin, preflight_answer()),
        Ok(origin) => (origin, next.run(request).await),
    };
    protect(response.headers_mut(), origin);
    response
}

/// Sets the security headers that every response has; headers set by a route stay.
fn protect(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    // Pages of allowed origins may embed the response; without an `Origin`, only pages of this site.
    let embedders = if origin.is_some() { "cross-origin" } else { "same-site" };
    headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static(embedders));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(HEADERS_EXPOSED));
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight_answer() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS_ALLOWED),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS_ALLOWED),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

impl Access {
    /// Validates the lists of hosts and origins.
    ///
    /// # Errors
    /// `bad_config` for the first invalid entry.
    pub fn check(&self) -> Result<(), Problem> {
        let bad = |message: String| Err(Problem::new(Code::BadConfig, message));
        for host in &self.hosts {
            let has_port = !host.ends_with(']') && host.contains(':');
            if has_port || Authority::parse(host).is_none() {
                return bad(format!(
                    "`{host}` in server.hosts is not a host: write a name or an address, without a port"
                ));
            }
        }
        for origin in &self.origins {
            if !is_origin(origin) {
                // Often it is the address of a page.
                let start =
                    origin.find("://").and_then(|at| origin.get(..at + 3 + origin[at + 3..].find('/')?));
                let like = start.filter(|start| is_origin(start)).unwrap_or("https://overlay.example");
                let (no_wildcard, like) = match origin.split_once("://*") {
                    Some((scheme, _)) if !is_http(scheme) => {
                        (", which has no wildcard", format!("{scheme}://ID"))
                    }
                    _ if origin.contains('*') => (", which has no wildcard", like.to_owned()),
                    _ => ("", like.to_owned()),
                };
                return bad(format!(
                    "`{origin}` in server.origins is not an origin{no_wildcard}: write it like {like}"
                ));
            }
        }
        Ok(())
    }

    fn allows_host(&self, host: &Host) -> bool {
        let by_address = self.any_address && matches!(host, Host::Address(_));
        let is_listed =
            |allowed: &String| Authority::parse(allowed).is_some_and(|allowed| allowed.host == *host);
        host.is_loopback() || by_address || self.hosts.iter().any(is_listed)
    }

    fn lists(&self, origin: &str) -> bool {
        let origin = canonical(origin);
        self.origins.iter().any(|allowed| canonical(allowed) == origin)
    }
}

/// A request that is answered with 403.
struct Rejected {
    problem: Problem,
    /// The origin of the page, if it may read the reason.
    reader: Option<HeaderValue>,
}

impl From<Problem> for Rejected {
    fn from(problem: Problem) -> Self {
        Self { problem, reader: None }
    }
}

impl Guard {
    pub(crate) fn new(access: Access, handlers: Option<Handlers>, has_tls: bool) -> Self {
        Self { access: Arc::new(access), handlers, has_tls, logged: Arc::default() }
    }

    /// Whether a request does more than read: it changes something, sends messages, starts a source, or looks
    /// users up at TikTok. So does a preflight for one.
    fn acts(&self, request: &Request) -> bool {
        let headers = request.headers();
        let asked = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| is_preflight(request));
        let method = asked.map_or(request.method().as_str().as_bytes(), HeaderValue::as_bytes);
        let path = request.uri().path();
        let is_below = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        let talks = path == TALK || is_below(TALK);
        // What the sockets of its paths can do is up to the program that embeds the server.
        let is_handled = || self.handlers.as_ref().is_some_and(|it| it.handles(path));
        ![b"GET".as_slice(), b"HEAD", b"OPTIONS"].contains(&method)
            || path.starts_with(LOOK_UPS)
            || (talks && !PRIVATE_REPLAYS.iter().any(|replays| path.starts_with(replays)))
            || (headers.contains_key(header::UPGRADE) && is_handled())
    }

    /// Returns the host that a request asks for.
    fn asked(&self, request: &Request) -> Result<Authority, Problem> {
        let named = only(request.headers(), &header::HOST).flatten().and_then(|host| host.to_str().ok());
        let text = named.unwrap_or_default();
        // A request target in absolute form names the host a second time.
        let target = request.uri().authority().map(|authority| Authority::parse(authority.as_str()));
        let refused = || Problem::new(Code::ForbiddenHost, format!("host `{text}` is not allowed"));
        match Authority::parse(text) {
            Some(asked) if self.access.allows_host(&asked.host) => match target {
                Some(target) if target.as_ref().map(|target| &target.host) != Some(&asked.host) => {
                    let message =
                        format!("the request's target names another host than its Host header, `{text}`");
                    Err(Problem::new(Code::ForbiddenHost, message))
                }
                _ => Ok(asked),
            },
            Some(Authority { host, .. }) => {
                let hint = format!(
                    "if this machine has that name, add it to `server.hosts` (LIVETAPE_HOSTS): hosts = [\"{host}\"]"
                );
                if self.logged.is_news(&host.to_string()) {
                    warn!(target: CLIENTS, %host, "❌ Rejected a request for another host: {hint}");
                }
                Err(refused().hint(hint))
            }
            None => Err(refused()),
        }
    }

    /// Returns the origin to allow in the response, if the request names one. `Sec-Fetch-Site` is only
    /// checked if the request has no `Origin`.
    fn admit(&self, request: &Request) -> Result<Option<HeaderValue>, Rejected> {
        let asked = self.asked(request)?;
        let acts = self.acts(request);
        let Some(origin) = only(request.headers(), &header::ORIGIN) else {
            return match is_of_other_page(request, acts) {
                None => Ok(None),
                Some(page) => {
                    let message = format!("a page of another {page} sent a request without an origin");
                    Err(Problem::new(Code::ForbiddenOrigin, message).hint(HINT_NAMELESS).into())
                }
            };
        };
        let text = origin.and_then(|origin| origin.to_str().ok()).unwrap_or_default();
        let reads_feed = request.method() == Method::GET && FEED.contains(&request.uri().path());
        let is_listed = self.access.lists(text);
        let is_file = text == OBS_FILE || (text == OPAQUE && is_listed);
        let of = Authority::of_origin(text, self.has_tls);
        let may_read = Host::of_origin(text).is_some_and(|host| host.is_loopback() || host == asked.host);
        let is_own = of.is_some_and(|of| of.is_same_server(&asked));
        if (text != OPAQUE && is_listed) || is_own || (may_read && !acts) || (is_file && reads_feed) {
            return Ok(origin.cloned());
        }
        // No setting lets pages from disk do more than read the feed.
        let hint = match text {
            OPAQUE if reads_feed => HINT_OPAQUE_FEED.to_owned(),
            OPAQUE if is_listed => HINT_OPAQUE.to_owned(),
            OPAQUE => HINT_OPAQUE_UNLISTED.to_owned(),
            _ if is_origin(text) => line_of(text),
            _ => Code::ForbiddenOrigin.hint().to_owned(),
        };
        if self.logged.is_news(text) {
            let what = match text {
                OPAQUE => "a page opened from disk",
                _ if may_read => "a page that may only read",
                _ => "a page",
            };
            warn!(target: CLIENTS, origin = text, "❌ Rejected {what}: {hint}");
        }
        let what = if may_read { "may only read" } else { "is not allowed" };
        let problem = Problem::new(Code::ForbiddenOrigin, format!("origin `{text}` {what}")).hint(hint);
        Err(Rejected { problem, reader: origin.filter(|_| may_read).cloned() })
    }
}

/// Returns the line of the settings that allows an origin.
fn line_of(origin: &str) -> String {
    let origin = canonical(origin);
    format!("if you trust its pages, add it to `server.origins` (LIVETAPE_ORIGINS): origins = [\"{origin}\"]")
}

/// Whether a text can be the origin of a page or an app: a scheme and a host, which schemes other than HTTP
/// need not have, or `null`.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return text == OPAQUE };
    if is_http(scheme) {
        return Authority::parse(authority).is_some();
    }
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':');
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(is_scheme)
        && authority.bytes().all(is_host)
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// Returns which kind of other page sends this request without an `Origin`, if one does and may not: one of
/// another site, or of another port or subdomain, which may only read. Navigating to one of our pages does
/// not count.
fn is_of_other_page(request: &Request, acts: bool) -> Option<&'static str> {
    let says = |name: &str, value: &str| request.headers().get_all(name).iter().any(|it| it == value);
    let opens_page = request.method() == Method::GET
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
        && !acts;
    match () {
        () if says("sec-fetch-site", "cross-site") && !opens_page => Some("site"),
        () if says("sec-fetch-site", "same-site") && acts => Some("server"),
        () => None,
    }
}

/// Returns the value of a header that may occur at most once: `None` if absent, `Some(None)` if repeated.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(values.next().is_none().then_some(first))
}

/// A host, parsed rather than matched by prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    /// In lower case, without a trailing dot.
    Name(String),
}

/// A host with its port, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    host: Host,
    port: Option<u16>,
}

impl Authority {
    /// Parses `host`, `host:port`, `[v6]` or `[v6]:port`. Returns `None` for anything else, including user
    /// names.
    fn parse(authority: &str) -> Option<Self> {
        let (host, port) = match authority.rfind(']') {
            Some(end) => authority.split_at(end + 1),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            None if port.is_empty() => None,
            _ => return None,
        };
        if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            let host = Host::Address(IpAddr::V6(address.parse::<Ipv6Addr>().ok()?).to_canonical());
            return Some(Self { host, port });
        }
        let host = match host.parse() {
            Ok(address) => Host::Address(IpAddr::V4(address)),
            Err(_) => name(host)?,
        };
        Some(Self { host, port })
    }

    /// Parses an HTTP or HTTPS origin such as `http://host:port`, with the default port of its scheme. Returns `None` for
    /// HTTP if it has to be HTTPS.
    fn of_origin(origin: &str, has_tls: bool) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://").filter(|(scheme, _)| is_http(scheme))?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        let Self { host, port } = Self::parse(authority).filter(|_| is_https || !has_tls)?;
        Some(Self { host, port: port.or(Some(if is_https { 443 } else { 80 })) })
    }

    /// Whether an origin is that of the server that a `Host` header names. The server listens on both usual
    /// loopback addresses, so their names stand for each other.
    fn is_same_server(&self, asked: &Self) -> bool {
        let is_same_host = self.host == asked.host || (self.host.is_usual() && asked.host.is_usual());
        let is_same_port = match asked.port {
            Some(_) => self.port == asked.port,
            // The default port of a scheme, which is HTTPS if a proxy in front speaks TLS.
            None => matches!(self.port, Some(80 | 443)),
        };
        is_same_host && is_same_port
    }
}

impl fmt::Display for Host {
    /// Writes the host as in `server.hosts`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Host {
    /// Parses the host of an HTTP or HTTPS origin such as `http://host:port`.
    fn of_origin(origin: &str) -> Option<Self> {
        Authority::of_origin(origin, false).map(|address| address.host)
    }

    /// Whether the host is certainly this machine: a loopback address, `localhost` or a subdomain of it.
    /// Browsers never look these names up in DNS.
    fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }

    /// Whether the host is `localhost`, or an address of that name.
    fn is_usual(&self) -> bool {
        match self {
            Self::Address(address) => {
                [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)].contains(address)
            }
            Self::Name(name) => name == "localhost",
        }
    }
}

/// Returns an origin as browsers write it: in lower case, without the default port.
fn canonical(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let port = match origin.split_once("://") {
        Some(("https", _)) => ":443",
        Some(("http", _)) => ":80",
        _ => return origin,
    };
    origin.strip_suffix(port).map(str::to_owned).unwrap_or(origin)
}

fn name(host: &str) -> Option<Host> {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.split('.').all(label).then_some(Host::Name(name))
}

/// Maximum length of a logged origin, in bytes.
const ORIGIN_BYTES_MAX: usize = 256;
/// Maximum number of rejected origins and hosts to log. A site can have any number of subdomains.
const LOGGED_MAX: usize = 32;

/// Rejected origins and hosts that a listener has logged.
#[derive(Debug, Default)]
pub(crate) struct Logged(Mutex<Vec<String>>);

impl Logged {
    /// Returns whether to log that a request of this origin, or for this host, was rejected: each once.
    fn is_news(&self, origin: &str) -> bool {
        // Browsers send no password in an origin; somebody who does should not find it in a log.
        if origin.is_empty() || origin.len() > ORIGIN_BYTES_MAX || origin.contains('@') {
            return false;
        }
        let origin = canonical(origin);
        let mut logged = self.0.lock();
        let is_news = logged.len() < LOGGED_MAX && !logged.contains(&origin);
        if is_news {
            logged.push(origin);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_hosts_are_recognised() {
        let loopback = [
            "localhost",
            "LocalHost:3000",
            "localhost.",
            "localhost.:3000",
            "a.localhost",
            "A.B.LOCALHOST.:1",
            "127.0.0.1",
            "127.0.0.1:3000",
            "127.9.8.7",
            "[::1]",
            "[::1]:3000",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]:80",
        ];
        for host in loopback {
            assert!(Authority::parse(host).is_some_and(|it| it.host.is_loopback()), "{host}");
        }
    }

    #[test]
    fn lookalikes_of_loopback_are_rejected() {
        let others = [
            "",
            ".",
            "..",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "xlocalhost",
            ".localhost",
            "a..localhost",
            "localhost..",
            "127.0.0.1.",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "0177.0.0.1",
            "0.0.0.0",
            "[::]",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:",
            "[::1%lo]",
            "localhost:",
            "localhost:x",
            "localhost:99999",
            "localhost:-1",
            "localhost:+1",
            "localhost:80:80",
            "localhost@evil.example",
            "evil.example@localhost",
            "user:pw@localhost",
            "localhost/",
            "localhost#",
            "localhost\\",
            "localhost%00",
            "local host",
            "ｌocalhost",
            "localhost,evil.example",
        ];
        for host in others {
            assert!(!Authority::parse(host).is_some_and(|it| it.host.is_loopback()), "{host}");
        }
    }

    #[test]
    fn an_origin_consists_of_a_scheme_and_a_host() {
        let origin = |origin| Host::of_origin(origin).is_some_and(|host| host.is_loopback());
        for good in ["http://localhost", "HTTPS://LOCALHOST:5173", "http://[::1]:5173", "http://127.0.0.1:80"]
        {
            assert!(origin(good), "{good}");
        }
        let bad = [
            "null",
            "",
            "localhost",
            "//localhost",
            "file://localhost",
            "chrome-extension://localhost",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://evil.example@localhost",
            "http://localhost/",
            "http://localhost http://evil.example",
            "http://evil.example",
        ];
        for bad in bad {
            assert!(!origin(bad), "{bad}");
        }
    }

    #[test]
    fn each_rejected_origin_is_logged_once_up_to_a_limit() {
        let logged = Logged::default();
        let is_news = |origin: &str| logged.is_news(origin);
        assert!(is_news("null") && !is_news("null") && is_news("https://a.example"));
        assert!(!is_news("https://A.example:443") && !is_news("") && !is_news(&"x".repeat(257)));
        assert!(!is_news("https://ann:secret@b.example"));
        let logged = (0..100).filter(|number| is_news(&format!("https://{number}.example"))).count();
        assert_eq!((logged, is_news("null")), (LOGGED_MAX - 2, false));
    }
}
