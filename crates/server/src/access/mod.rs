//! Access control. Runs before every handler and before the 101 of a WebSocket.
//!
//! Any page in any browser can send requests to this machine. `Origin` identifies such pages; requests
//! without one (images, scripts, links) are identified by `Sec-Fetch-Site`. The `Host` header reveals DNS
//! rebinding, where a foreign domain name resolves to this machine.

pub(super) mod bearer;
mod origin;
mod refused;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use livetape_core::error::{Code, Problem};
use livetape_engine::log_target::CLIENTS;
use tracing::warn;

use super::{
    access::{
        bearer::Tokens,
        origin::{Host, canonical},
        refused::Logged,
    },
    state::refusal::Refusal,
};

/// Hosts, origins and tokens that are allowed in addition to loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Host names or addresses that clients may use for this server, without a port; IPv6 addresses in
    /// brackets.
    pub hosts: Vec<String>,
    /// Allowed origins of pages, in full: `https://overlay.example`. With `null`, pages from disk and all
    /// sandboxed frames may read the feed.
    pub origins: Vec<String>,
    /// Whether any IP address is accepted as host, for servers that listen beyond loopback. DNS rebinding
    /// needs a name, so addresses are safe.
    pub any_address: bool,
    /// Bearer tokens, one of which each request must carry. If empty, no token is required.
    pub tokens: Tokens,
    pub listed: OriginSetting,
}

/// The setting that lists the allowed origins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OriginSetting {
    #[default]
    Server,
    /// Of the listener in TikFinity's format.
    Tikfinity,
}

impl OriginSetting {
    fn setting(self) -> &'static str {
        match self {
            Self::Server => "server.origins",
            Self::Tikfinity => "tikfinity.origins",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Server => Code::ForbiddenOrigin.hint(),
            Self::Tikfinity => {
                "open the page from a loopback address, or add its origin to `tikfinity.origins` (LIVETAPE_TIKFINITY_ORIGINS)"
            }
        }
    }
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
const HINT_OPAQUE_UNLISTED: &str = "serve the page from a loopback address: pages opened from disk cannot use this address, and can only read the feed if `server.origins` (LIVETAPE_ORIGINS) lists `null`";
/// Origin of local files in OBS, whose embedded browser uses a scheme of its own for them. No web page has
/// this origin.
const OBS_FILE: &str = "http://absolute";
/// Paths of the read-only feed. Pages from disk may read nothing else, even if `null` is listed.
const FEED: [&str; 2] = ["/", "/events"];
/// Prefix of GET requests that contact TikTok. No other site may trigger one, not even by a link.
const LOOK_UPS: &str = "/test/";
/// Content security policy of all responses except pages and their files: allows nothing.
pub(crate) const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Middleware that forwards a request, rejects it with 403, or answers a preflight.
pub(crate) async fn check(
    State((access, logged)): State<(Arc<Access>, Arc<Logged>)>,
    request: Request,
    next: Next,
) -> Response {
    let (origin, mut response) = match access.admit(&request, &logged) {
        Err(problem) => (None, Refusal::from(problem).into_response()),
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
            if has_port || Host::parse(host).is_none() {
                return bad(format!(
                    "`{host}` in server.hosts is not a host: write a name or an address, without a port"
                ));
            }
        }
        for origin in &self.origins {
            if !is_origin(origin) {
                return bad(format!(
                    "`{origin}` in {} is not an origin: write it like https://overlay.example",
                    self.listed.setting()
                ));
            }
        }
        Ok(())
    }

    /// Returns the origin to allow in the response, if the request names one. `Sec-Fetch-Site` is only
    /// checked if the request has no `Origin`.
    fn admit(&self, request: &Request, logged: &Logged) -> Result<Option<HeaderValue>, Problem> {
        let host = self.host(request)?;
        let Some(origin) = only(request.headers(), &header::ORIGIN) else {
            if is_cross_site(request) {
                let message = "a page of another site sent a request without an origin";
                return Err(Problem::new(Code::ForbiddenOrigin, message)
                    .hint("send it with `fetch` or a WebSocket, and add the page to `server.origins` (LIVETAPE_ORIGINS)"));
            }
            return Ok(None);
        };
        let text = origin.and_then(|origin| origin.to_str().ok()).unwrap_or_default();
        let read_only = request.method() == Method::GET && FEED.contains(&request.uri().path());
        let is_listed = self.lists(text);
        let is_file = text == OBS_FILE || (text == OPAQUE && is_listed);
        if is_own(text, &host) || (text != OPAQUE && is_listed) || (is_file && read_only) {
            return Ok(origin.cloned());
        }
        // No setting lets pages from disk do more than read the feed.
        let hint = match text == OPAQUE && !read_only {
            true if is_listed => HINT_OPAQUE,
            true => HINT_OPAQUE_UNLISTED,
            false => self.listed.hint(),
        };
        if logged.is_news(text) {
            let what = if text == OPAQUE { "a page opened from disk" } else { "a page" };
            warn!(target: CLIENTS, origin = text, "❌ Rejected {what}: {hint}");
        }
        let message = format!("origin `{text}` is not allowed");
        Err(Problem::new(Code::ForbiddenOrigin, message).hint(hint))
    }

    fn host(&self, request: &Request) -> Result<Host, Problem> {
        let named = only(request.headers(), &header::HOST).flatten().and_then(|host| host.to_str().ok());
        let text = named.unwrap_or_default();
        // A request target in absolute form names the host a second time.
        let target = request.uri().authority().map(|authority| Host::parse(authority.as_str()));
        match Host::parse(text) {
            Some(host) if self.allows_host(&host) && target.is_none_or(|it| it.as_ref() == Some(&host)) => {
                Ok(host)
            }
            _ => Err(Problem::new(Code::ForbiddenHost, format!("host `{text}` is not allowed"))),
        }
    }

    fn allows_host(&self, host: &Host) -> bool {
        let by_address = self.any_address && matches!(host, Host::Address(_));
        host.is_loopback()
            || by_address
            || self.hosts.iter().any(|allowed| Host::parse(allowed).as_ref() == Some(host))
    }

    fn lists(&self, origin: &str) -> bool {
        let origin = canonical(origin);
        self.origins.iter().any(|allowed| canonical(allowed) == origin)
    }
}

/// Whether a text can be the origin of a page: one with a host, or `null`.
fn is_origin(text: &str) -> bool {
    text == OPAQUE || Host::of_origin(text).is_some()
}

/// Whether the host of an origin is a loopback address, or the host in the request's `Host` header.
fn is_own(origin: &str, asked: &Host) -> bool {
    Host::of_origin(origin).is_some_and(|host| host.is_loopback() || host == *asked)
}

/// Whether a page of another site sends this request. Navigating to one of our pages does not count.
fn is_cross_site(request: &Request) -> bool {
    let says = |name: &str, value: &str| request.headers().get_all(name).iter().any(|it| it == value);
    let opens_page = request.method() == Method::GET
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
        && !request.uri().path().starts_with(LOOK_UPS);
    says("sec-fetch-site", "cross-site") && !opens_page
}

/// Returns the value of a header that may occur at most once: `None` if absent, `Some(None)` if repeated.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(values.next().is_none().then_some(first))
}
