//! Headers that a proxy does not pass on unchanged.

use tungstenite::http::{HeaderMap, HeaderValue, header};

/// Headers about one connection instead of the whole way (RFC 9110 §7.6.1), and those that the HTTP library handles.
const OF_CONNECTION: [&str; 7] =
    ["connection", "expect", "keep-alive", "proxy-authorization", "proxy-connection", "te", "upgrade"];
/// Extensions of WebSockets change frames: compressed ones could not be recorded.
const EXTENSIONS: &str = "sec-websocket-extensions";
/// The only encoding of bodies that can be read.
const GZIP: &str = "gzip";

/// Whether a request asks for a WebSocket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// Returns the headers to pass on, in their order.
pub(super) fn passed(headers: &HeaderMap, is_upgrade: bool) -> HeaderMap {
    let is_kept = |name: &str| match name {
        "connection" | "upgrade" => is_upgrade,
        EXTENSIONS => false,
        name => !OF_CONNECTION.contains(&name),
    };
    let kept = headers.iter().filter(|(name, _)| is_kept(name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Asks for a body that can be read: compressed only if the client accepts gzip.
pub(super) fn accept_readable(headers: &mut HeaderMap) {
    let Some(accepted) = headers.get_mut(header::ACCEPT_ENCODING) else { return };
    let has_gzip = accepted.to_str().is_ok_and(|accepted| accepted.contains(GZIP));
    *accepted = HeaderValue::from_static(if has_gzip { GZIP } else { "identity" });
}

/// Returns the encoding of a body that cannot be read.
pub(super) fn unreadable_encoding(headers: &HeaderMap) -> Option<String> {
    let encoding = headers.get(header::CONTENT_ENCODING)?;
    let encoding = String::from_utf8_lossy(encoding.as_bytes()).trim().to_ascii_lowercase();
    (!matches!(encoding.as_str(), "" | "identity" | GZIP | "x-gzip")).then_some(encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_headers_of_the_connection_are_removed() {
        let given = map(&[
            ("host", "www.tiktok.com"),
            ("proxy-connection", "keep-alive"),
            ("connection", "Upgrade"),
            ("cookie", "a=1"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("accept", "*/*"),
        ]);
        assert!(is_upgrade(&given));
        let names = |map: &HeaderMap| map.keys().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(names(&passed(&given, true)), "host connection cookie upgrade accept");
        assert_eq!(names(&passed(&given, false)), "host cookie accept");
    }

    #[test]
    fn bodies_are_requested_in_a_readable_encoding() {
        for (given, expected) in
            [("gzip, deflate, br, zstd", "gzip"), ("br", "identity"), ("identity", "identity")]
        {
            let mut headers = map(&[("accept-encoding", given)]);
            accept_readable(&mut headers);
            assert_eq!(headers["accept-encoding"], expected);
        }
        let mut none = HeaderMap::new();
        accept_readable(&mut none);
        assert!(none.is_empty());
        assert_eq!(unreadable_encoding(&map(&[("content-encoding", "BR")])).as_deref(), Some("br"));
        assert_eq!(unreadable_encoding(&map(&[("content-encoding", "gzip")])), None);
    }
}
