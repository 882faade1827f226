//! URLs: built with every value encoded, shown without secrets.

use std::net::IpAddr;

use livetape_core::redact::{Place, is_harmless, redact_url};

/// Whether the host of a URL is on loopback, according to its name.
pub(super) fn is_loopback(host: &str) -> bool {
    // IPv6 addresses have brackets in URLs.
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// Appends `path` to the URL's path and keeps its query, which contains the key of some sign servers.
pub(super) fn with_path(base: &str, path: &str) -> String {
    let (address, query) = base.split_once('?').unwrap_or((base, ""));
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{}{path}{mark}{query}", address.trim_end_matches('/'))
}

/// Appends query parameters to the URL. Encodes everything except unreserved characters (RFC 3986 §2.3),
/// because TikTok responds with 400 to a bare space or bracket.
pub(super) fn with_query<'a, V: AsRef<str>>(
    base: &str,
    pairs: impl IntoIterator<Item = (&'a str, V)>,
) -> String {
    let mut url = base.to_owned();
    let mut separator = if base.contains('?') { '&' } else { '?' };
    for (name, value) in pairs {
        url.push(separator);
        encode(name, &mut url);
        url.push('=');
        encode(value.as_ref(), &mut url);
        separator = '&';
    }
    url
}

/// Returns the host and port of a URL, without user and password.
pub(super) fn host(url: &str) -> String {
    shown(url).split('/').nth(2).unwrap_or_default().to_owned()
}

/// Encodes a path segment.
pub(super) fn segment(text: &str) -> String {
    let mut encoded = String::new();
    encode(text, &mut encoded);
    encoded
}

fn encode(text: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(HEX[usize::from(byte >> 4)]));
            into.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Returns the URL without user, password, fragment, and parameters that are not known to be harmless.
pub(super) fn shown(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    let kept = query.split('&').filter(|pair| is_harmless(Place::Pair, name(pair).as_bytes()));
    let kept = kept.collect::<Vec<_>>().join("&");
    let (colon, mark) = (if scheme.is_empty() { "" } else { "://" }, if kept.is_empty() { "" } else { "?" });
    redact_url(&format!("{scheme}{colon}{host}/{path}{mark}{kept}")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_encoded() {
        let pairs = [("a", "x y"), ("b", "5.0 (X11)"), ("c", "é&=?#+/")];
        let url = with_query("ws://host/p", pairs);
        assert_eq!(url, "ws://host/p?a=x%20y&b=5.0%20%28X11%29&c=%C3%A9%26%3D%3F%23%2B%2F");
        assert_eq!(with_query("ws://host/p?token=1", [("a", "")]), "ws://host/p?token=1&a=");
        assert_eq!(segment("../é"), "..%2F%C3%A9");
    }

    #[test]
    fn a_path_is_inserted_before_the_query() {
        for (base, expected) in [
            ("http://host", "http://host/a/b"),
            ("http://host/", "http://host/a/b"),
            ("http://host/x/", "http://host/x/a/b"),
            ("http://host/x?", "http://host/x/a/b"),
            ("http://host/?key=k/?", "http://host/a/b?key=k/?"),
        ] {
            assert_eq!(with_path(base, "/a/b"), expected);
        }
    }

    #[test]
    fn secrets_are_removed_from_urls() {
        let url = "wss://me:pass@host:1/p/q?room_id=7&apiKey=k&session_id=s&msToken=m&aid=1988&X-Bogus=b#f";
        assert_eq!(shown(url), "wss://host:1/p/q?room_id=7&aid=1988");
        assert_eq!(shown("http://host/?msToken=x"), "http://host/");
        assert_eq!(shown("http://host"), "http://host/");
    }
}
