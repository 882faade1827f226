//! Who may ask: before anything else, and before a WebSocket's 101.
//!
//! Any page in any browser can send requests to this machine. Its `Origin` gives it away; and where a name of its own
//! leads here (DNS rebinding), the `Host` does.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{answer::Refusal, auth::Tokens, host::Host};
use crate::sans_io::error::{Code, Problem};

/// Whom to let in beside loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Hosts that this server may be called by, without a port: names or addresses (IPv6 in brackets).
    pub hosts: Vec<String>,
    /// Origins of pages that may ask, in full: `https://overlay.example`.
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
/// Origins of pages from files: everywhere, and in OBS, whose older browsers have a scheme of their own for them.
const FROM_FILES: [&str; 2] = ["null", "http://absolute"];
/// The read-only feed, which a page from a file may read.
const FEED: [&str; 2] = ["/", "/events"];

/// Lets a request pass, refuses it with 403, or answers a preflight.
pub(super) async fn check(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    let origin = match access.admit(&request) {
        Ok(origin) => origin,
        Err(problem) => return Refusal::from(problem).into_response(),
    };
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if preflight && origin.is_some() { preflight_answer() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(HEADERS_EXPOSED));
    }
    response
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
            if Host::of_origin(origin).is_none() {
                return bad(format!(
                    "`{origin}` under server.origins is no origin: write it like https://overlay.example"
                ));
            }
        }
        Ok(())
    }

    /// The origin that the answer is for, if there is one.
    fn admit(&self, request: &Request) -> Result<Option<HeaderValue>, Problem> {
        let host = self.host(request)?;
        let Some(origin) = only(request.headers(), &header::ORIGIN) else { return Ok(None) };
        let text = origin.and_then(|origin| origin.to_str().ok()).unwrap_or_default();
        let read_only = request.method() == Method::GET && FEED.contains(&request.uri().path());
        if self.allows_origin(text, &host) || (FROM_FILES.contains(&text) && read_only) {
            return Ok(origin.cloned());
        }
        Err(Problem::new(Code::ForbiddenOrigin, format!("pages of origin `{text}` may not ask this server")))
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
        own || self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    }
}

/// The value of a header that may be there once: `Some(None)` if it is there more often.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a HeaderValue>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(values.next().is_none().then_some(first))
}
