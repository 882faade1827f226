//! Bearer tokens: in `Authorization`, in a WebSocket's subprotocol, or in the query.
//!
//! Browser scripts cannot set any WebSocket header except the subprotocol, and a page opened from a link
//! is requested without custom headers.

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, Uri,
        header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, UPGRADE, WWW_AUTHENTICATE},
        uri::PathAndQuery,
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use livetape_core::{
    error::{Code, Problem},
    secret::Secret,
};
use subtle::{Choice, ConstantTimeEq as _};

use super::Guard;
use crate::{
    handlers::select_protocol,
    routes::status::HealthResponse,
    state::{ErrorResponse, Json},
};

/// Subprotocol that the server selects when a client offers it along with its token.
const PROTOCOL: &str = "livetape";
/// Prefix of a subprotocol that carries a token.
const PROTOCOL_OF_TOKEN: &str = "bearer.";
const PARAMETER: &str = "token";
/// Longest token, in bytes. Tokens are padded to this length before they are compared.
const TOKEN_BYTES_MAX: usize = 256;

/// Tokens that grant access. An empty list lets everyone in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    all: Vec<Secret>,
    read_only: Vec<Secret>,
}

impl Tokens {
    /// Tokens longer than 256 bytes never match.
    #[must_use]
    pub fn new(tokens: Vec<Secret>) -> Self {
        Self { all: tokens, read_only: Vec::new() }
    }

    /// Also accepts these tokens, for requests that only read.
    #[must_use]
    pub fn with_read_only(self, tokens: Vec<Secret>) -> Self {
        Self { read_only: tokens, ..self }
    }

    /// Whether requests need no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.read_only.is_empty()
    }

    /// Whether none of them can control the server.
    #[must_use]
    pub fn only_read(&self) -> bool {
        self.all.is_empty() && !self.read_only.is_empty()
    }

    /// Returns the token that a client of these settings sends.
    #[must_use]
    pub fn first(&self) -> Option<&Secret> {
        self.all.first().or(self.read_only.first())
    }

    /// Whether `given` is one of the tokens. Takes constant time, so that timing reveals nothing about them.
    fn allow(&self, given: &str) -> bool {
        is_one(&self.all, given)
    }
}

fn is_one(tokens: &[Secret], given: &str) -> bool {
    let Some(given) = padded(given) else { return false };
    let is_equal =
        |token: &Secret| padded(token.reveal()).map_or(Choice::from(0), |token| token.ct_eq(&given));
    tokens.iter().fold(Choice::from(0), |found, token| found | is_equal(token)).into()
}

/// Pads a token with zeros, which no token contains. Returns `None` for an empty or overlong token.
fn padded(token: &str) -> Option<[u8; TOKEN_BYTES_MAX]> {
    let mut padded = [0; TOKEN_BYTES_MAX];
    padded.get_mut(..token.len())?.copy_from_slice(token.as_bytes());
    (!token.is_empty() && !token.contains('\0')).then_some(padded)
}

/// Request extension: the request carries a valid token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Authenticated;

/// Request extension: the address and `Authorization` header of a request for a socket, before [`check`]
/// removes its token. Present if the server requires no token: the request's token may then be meant for the
/// program that embeds the server.
#[derive(Clone)]
pub(crate) struct Removed {
    pub(crate) uri: Uri,
    pub(crate) authorization: Option<HeaderValue>,
}

/// Request extension: the query of a request for a socket, with `***` for its tokens. Present if it had any.
#[derive(Clone)]
pub(crate) struct MaskedQuery(pub(crate) String);

pub(crate) fn is_token(protocol: &str) -> bool {
    protocol.starts_with(PROTOCOL_OF_TOKEN)
}

/// Response extension: the socket is of a path that the program handles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handled;

/// Request extension: the token of the request allows reading only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadOnly;

/// Request extension: the request carries no valid token, although others need one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anonymous;

/// Middleware that admits requests with a valid token and removes the token from them.
pub(crate) async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let acts = guard.acts(&request);
    let access = &guard.access;
    let uri = request.headers().contains_key(UPGRADE).then(|| request.uri().clone());
    let mut shown = take_parameter(request.uri_mut());
    if let Some(query) = uri.as_ref().filter(|_| !shown.is_empty()).and_then(Uri::query) {
        request.extensions_mut().insert(masked(query));
    }
    let authorization = request.headers_mut().remove(AUTHORIZATION);
    shown.extend(authorization.as_ref().and_then(bearer));
    if let Some(uri) = uri.filter(|_| access.tokens.is_empty()) {
        request.extensions_mut().insert(Removed { uri, authorization });
    }
    let offered = protocols(request.headers());
    shown.extend(offered.iter().filter_map(|name| name.strip_prefix(PROTOCOL_OF_TOKEN)).map(str::to_owned));
    let is_allowed = access.tokens.is_empty() || shown.iter().any(|token| access.tokens.allow(token));
    let may_read = !is_allowed && shown.iter().any(|token| is_one(&access.tokens.read_only, token));
    if may_read && acts {
        return ErrorResponse::from(Problem::new(Code::ReadOnlyToken, "this token can only read"))
            .into_response();
    }
    if !is_allowed && !may_read {
        if !is_page(&request) {
            return refuse(&request, shown.is_empty());
        }
        request.extensions_mut().insert(Anonymous);
    }
    if (is_allowed && !access.tokens.is_empty()) || may_read {
        request.extensions_mut().insert(Authenticated);
    }
    if may_read {
        request.extensions_mut().insert(ReadOnly);
    }
    next.run(request).await
}

/// Middleware that selects one of the subprotocols that a client offers, because browsers and some libraries fail the
/// connection otherwise.
pub(crate) async fn select(request: Request, next: Next) -> Response {
    let offered = protocols(request.headers());
    let mut response = next.run(request).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(chosen) = choose(&offered, response.extensions().get::<Handled>().is_some())
    {
        response.headers_mut().entry(SEC_WEBSOCKET_PROTOCOL).or_insert(chosen);
    }
    response
}

/// Paths of pages and their files, those that redirect to pages, and `/ready` for load balancers.
const PAGES: [&str; 7] = ["/ready", "/", "/try", "/try/", "/try.js", "/overlays", "/livetape-client.js"];
/// Prefixes of further ones.
const PAGE_FOLDERS: [&str; 2] = ["/assets/", "/overlays/"];

/// Maximum number of slashes in the path of a page: settings of overlays have one more.
const PAGE_SLASHES_MAX: usize = 3;

/// Whether the request loads a page, whose files are the same for everyone, or `/ready`. They reveal nothing
/// about the source. The page itself asks for a token, and a saved overlay then has its settings.
fn is_page(request: &Request) -> bool {
    let path = request.uri().path();
    let is_in_folder = path.matches('/').count() <= PAGE_SLASHES_MAX
        && PAGE_FOLDERS.iter().any(|folder| path.starts_with(folder));
    let is_page = PAGES.contains(&path) || is_in_folder;
    is_read_only(request) && is_page && !request.headers().contains_key(UPGRADE)
}

/// Whether the method only reads.
fn is_read_only(request: &Request) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}

/// Rejects a request without a valid token. `/health` still reports that the server is up, without details.
fn refuse(request: &Request, no_token: bool) -> Response {
    if is_read_only(request) && request.uri().path() == "/health" {
        return Json(HealthResponse::UP).into_response();
    }
    let message = if no_token { "this server requires a bearer token" } else { "the bearer token is wrong" };
    let mut response = ErrorResponse::from(Problem::new(Code::Unauthorized, message)).into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"livetape\""));
    response
}

fn bearer(header: &HeaderValue) -> Option<String> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Subprotocols that the client offers.
pub(crate) fn protocols(headers: &HeaderMap) -> Vec<String> {
    if !headers.contains_key(UPGRADE) {
        return Vec::new();
    }
    let values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|name| name.trim().to_owned()).collect()
}

/// Selects one of the offered subprotocols. The token is only echoed if the client offers nothing else. The paths that a program handles speak what it lists.
fn choose(offered: &[String], is_handled: bool) -> Option<HeaderValue> {
    let first = select_protocol(offered, &[]).filter(|_| !is_handled);
    let known = first.or_else(|| offered.iter().find(|name| *name == PROTOCOL));
    let chosen = known.or_else(|| offered.iter().find(|name| is_token(name)))?;
    HeaderValue::from_str(chosen).ok()
}

/// Removes all `token` parameters from the query, so that later layers cannot log them.
fn take_parameter(uri: &mut Uri) -> Vec<String> {
    let Some(query) = uri.query() else { return Vec::new() };
    let (tokens, others): (Vec<&str>, Vec<&str>) = query.split('&').partition(|pair| has_token(pair));
    if tokens.is_empty() {
        return Vec::new();
    }
    let tokens = tokens.iter().filter_map(|pair| Some(pair.split_once('=')?.1.to_owned())).collect();
    let question = if others.is_empty() { "" } else { "?" };
    let rest = format!("{}{question}{}", uri.path(), others.join("&"));
    let mut parts = std::mem::take(uri).into_parts();
    // The path and query come from a valid URI, so this cannot fail.
    parts.path_and_query = PathAndQuery::try_from(rest).ok();
    *uri = Uri::from_parts(parts).unwrap_or_default();
    tokens
}

fn has_token(pair: &str) -> bool {
    pair.split_once('=').is_some_and(|(key, _)| key == PARAMETER)
}

fn masked(query: &str) -> MaskedQuery {
    let pairs = query.split('&').map(|pair| if has_token(pair) { "token=***" } else { pair });
    MaskedQuery(pairs.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_tokens_are_accepted() {
        let tokens =
            Tokens::new(["0123456789abcdef", "second-of-two-tokens"].map(|it| it.to_owned().into()).into());
        for good in ["0123456789abcdef", "second-of-two-tokens"] {
            assert!(tokens.allow(good));
        }
        let long = "0".repeat(300);
        for bad in
            ["", "0", "0123456789abcde", "0123456789abcdef0", "0123456789abcdef\0", "0123456789ABCDEF", &long]
        {
            assert!(!tokens.allow(bad), "{bad:?}");
        }
        assert!(!Tokens::new(vec![String::new().into()]).allow(""));
    }

    #[test]
    fn the_token_is_removed_from_the_query() {
        for (before, after, found) in [
            ("/events?since=0&token=a&raw=1", "/events?since=0&raw=1", vec!["a"]),
            ("/?token=a", "/", vec!["a"]),
            ("/?token=a&token=b", "/", vec!["a", "b"]),
            ("http://localhost:1/x?token=", "http://localhost:1/x", vec![""]),
            ("/x?tokens=a&token", "/x?tokens=a&token", vec![]),
            ("/x", "/x", vec![]),
        ] {
            let mut uri: Uri = before.parse().unwrap();
            assert_eq!(take_parameter(&mut uri), found, "{before}");
            assert_eq!(uri.to_string(), after);
        }
    }
}
