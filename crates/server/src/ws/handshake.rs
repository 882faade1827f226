//! What the program that embeds the server learns about the request for a socket.

use std::{fmt, net::IpAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use livetape_core::error::{Code, Problem};

use crate::access::bearer::is_token;

/// The request that opened a socket. It may contain credentials, so `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Handshake {
    /// Path and query.
    pub url: String,
    /// Headers in their order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Address of the client; `None` for a connection in memory.
    pub address: Option<IpAddr>,
    /// The subprotocol that the server selected.
    pub protocol: Option<String>,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").finish_non_exhaustive()
    }
}

impl Handshake {
    pub(crate) fn new(uri: &Uri, headers: &HeaderMap, address: Option<IpAddr>) -> Self {
        let url = uri.path_and_query().map_or("/", |it| it.as_str()).to_owned();
        // Bytes beyond ASCII are Latin-1, as in other HTTP servers.
        let text = |value: &HeaderValue| value.as_bytes().iter().copied().map(char::from).collect();
        let header = |(name, value): (&HeaderName, _)| (name.as_str().to_owned(), text(value));
        Self { url, headers: headers.iter().map(header).collect(), address, protocol: None }
    }
}

/// Selects a subprotocol: the first that the client offers and that the program speaks. An empty list means
/// any but those that carry a token.
pub(crate) fn select<'a>(offered: &'a [String], spoken: &[String]) -> Option<&'a String> {
    let is_spoken = |name: &&String| match spoken {
        [] => !is_token(name) && check_protocol(name).is_ok(),
        spoken => spoken.contains(name),
    };
    offered.iter().find(is_spoken)
}

pub(super) fn check_protocol(name: &str) -> Result<(), Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_allowed) {
        return Ok(());
    }
    let problem = Problem::new(Code::BadRequest, format!("`{}` is not a subprotocol", name.escape_debug()));
    Err(problem.hint("use letters, digits and punctuation other than separators: chat.v1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_offered_subprotocol_that_the_program_speaks_is_selected() {
        let selected = |offered: &[&str], spoken: &[&str]| {
            let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
            select(&texts(offered), &texts(spoken)).cloned()
        };
        assert_eq!(selected(&["chat", "other"], &[]).as_deref(), Some("chat"));
        assert_eq!(selected(&["bearer.secret", "", "a b", "livetape"], &[]).as_deref(), Some("livetape"));
        assert_eq!(selected(&["v1", "v2"], &["v2", "v3"]).as_deref(), Some("v2"));
        assert_eq!(selected(&["v1"], &["v2"]), None);
        assert_eq!(selected(&["bearer.secret"], &[]), None);
        assert_eq!(selected(&[], &["v2"]), None);
    }

    #[test]
    fn a_handshake_does_not_show_its_credentials() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", HeaderValue::from_bytes(b"session=secr\xe9t").unwrap());
        let handshake = Handshake::new(&"/chat?ticket=secret".parse().unwrap(), &headers, None);
        assert_eq!(handshake.url, "/chat?ticket=secret");
        assert_eq!(handshake.headers, [("cookie".to_owned(), "session=secr\u{e9}t".to_owned())]);
        assert_eq!(format!("{handshake:?}"), "Handshake { .. }");
    }
}
