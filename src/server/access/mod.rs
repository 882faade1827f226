//! Who may ask: before anything else, and before a WebSocket's 101.
//!
//! Any page in any browser can send requests to this machine. Its `Origin` gives it away, or without one (images,
//! scripts, links) `Sec-Fetch-Site`; and where a name of its own leads here (DNS rebinding), the `Host` does.

pub(super) mod bearer;
mod origin;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{
    access::{bearer::Tokens, origin::Host},
    state::refusal::Refusal,
};
use crate::sans_io::error::{Code, Problem};

/// Whom to let in beside loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Hosts that this server may be called by, without a port: names or addresses (IPv6 in brackets).
    pub hosts: Vec<String>,
    /// Origins of pages that may ask, in full: `https://overlay.example`; with `null`, pages from disk and every
    /// sandboxed frame may read the feed.
    pub origins: Vec<String>,
    /// Whether it may be called by any IP address: where it listens beyond loopback. No DNS leads astray there.
    pub any_address: bool,
    /// The bearer tokens of which one has to be shown; with none, anybody may ask.
    pub tokens: Tokens,
}

/// The headers that scripts on other pages may send.
const HEADERS_ALLOWED: &str = "authorization, content-type";
const METHODS_ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
/// What scripts on other pages may read of an answer's head.
const HEADERS_EXPOSED: &str = "retry-after, x-request-id";
/// The origin of pages from disk, and of every sandboxed frame on any page: only where it is on the list.
const OPAQUE: &str = "null";
/// The origin of local files in OBS, where the browser has a scheme of its own for them. No web page has it.
const OBS_FILE: &str = "http://absolute";
/// The read-only feed, which a page from a file may read.
const FEED: [&str; 2] = ["/", "/events"];
/// The GET requests that reach out to TikTok: no page of another site may cause one, by sending its visitor there either.
const LOOK_UPS: &str = "/test/";
/// What an answer that is not a page of ours may do in a browser: nothing.
pub(crate) const POLICY: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Lets a request pass, refuses it with 403, or answers a preflight.
pub(crate) async fn check(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let (origin, mut response) = match access.admit(&request) {
        Err(problem) => (None, Refusal::from(problem).into_response()),
        Ok(origin) if origin.is_some() && is_preflight(&request) => (origin, preflight_answer()),
        Ok(origin) => (origin, next.run(request).await),
    };
    protect(response.headers_mut(), origin);
    response
}

/// Sets the headers that every answer has; a route's own ones stay.
fn protect(headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    // Embedding is for those who may ask: without an `Origin`, pages of this site.
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
    /// Whether the lists are made of hosts and origins.
    ///
    /// # Errors
    /// `bad_config`, for the first that is none.
    pub fn check(&self) -> Result<(), Problem> {
        let bad = |message: String| Err(Problem::new(Code::BadConfig, message));
        for host in &self.hosts {
            let has_port = !host.ends_with(']') && host.contains(':');
            if has_port || Host::parse(host).is_none() {
                return bad(format!(
                    "`{host}` under server.hosts is no host: write a name or an address, without a port"
                ));
            }
        }
        for origin in &self.origins {
            if origin != OPAQUE && Host::of_origin(origin).is_none() {
                return bad(format!(
                    "`{origin}` under server.origins is not an origin: write it like https://overlay.example"
                ));
            }
        }
        Ok(())
    }

    /// The origin that the answer is for, if there is one. Where there is, it alone decides.
    fn admit(&self, request: &Request) -> Result<Option<HeaderValue>, Problem> {
        let host = self.host(request)?;
        let forbidden = |message: &str| Err(Problem::new(Code::ForbiddenOrigin, message));
        let Some(origin) = only(request.headers(), &header::ORIGIN) else {
            if is_cross_site(request) {
                return forbidden("a page of another site asked without naming its origin");
            }
            return Ok(None);
        };
        let text = origin.and_then(|origin| origin.to_str().ok()).unwrap_or_default();
        let read_only = request.method() == Method::GET && FEED.contains(&request.uri().path());
        let is_file = text == OBS_FILE || (text == OPAQUE && self.lists(OPAQUE));
        if self.allows_origin(text, &host) || (is_file && read_only) {
            return Ok(origin.cloned());
        }
        forbidden(&format!("pages of origin `{text}` may not ask this server"))
    }

    fn host(&self, request: &Request) -> Result<Host, Problem> {
        let named = only(request.headers(), &header::HOST).flatten().and_then(|host| host.to_str().ok());
        let text = named.unwrap_or_default();
        // A target in absolute form names the host once more.
        let target = request.uri().authority().map(|authority| Host::parse(authority.as_str()));
        match Host::parse(text) {
            Some(host) if self.allows_host(&host) && target.is_none_or(|it| it.as_ref() == Some(&host)) => {
                Ok(host)
            }
            _ => Err(Problem::new(Code::ForbiddenHost, format!("this server is not called `{text}`"))),
        }
    }

    fn allows_host(&self, host: &Host) -> bool {
        let by_address = self.any_address && matches!(host, Host::Address(_));
        host.is_loopback()
            || by_address
            || self.hosts.iter().any(|allowed| Host::parse(allowed).as_ref() == Some(host))
    }

    fn allows_origin(&self, origin: &str, asked: &Host) -> bool {
        let own = Host::of_origin(origin).is_some_and(|host| host.is_loopback() || host == *asked);
        own || (origin != OPAQUE && self.lists(origin))
    }

    fn lists(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

/// Whether a page of another site asks, for anything but to be left for a page of ours.
fn is_cross_site(request: &Request) -> bool {
    let says = |name: &str, value: &str| request.headers().get_all(name).iter().any(|it| it == value);
    let opens_page = request.method() == Method::GET
        && says("sec-fetch-mode", "navigate")
        && says("sec-fetch-dest", "document")
        && !request.uri().path().starts_with(LOOK_UPS);
    says("sec-fetch-site", "cross-site") && !opens_page
}

/// The value of a header that may be there once: `Some(None)` if it is there more often.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(values.next().is_none().then_some(first))
}
