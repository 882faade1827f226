//! HTTP headers: only those on an allow list are kept, because a list of dangerous ones could never be
//! complete.

use crate::recording::records::HttpHeader;

/// Headers about the exchange that do not identify the client.
const KEPT: &[&str] = &[
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "retry-after",
    "server",
    "server-timing",
    "x-agent-id",
    "x-log-code",
    "x-request-id",
    "x-room-id",
    "x-tt-logid",
];

/// Removes the headers that are not on the list. Returns whether there were any.
pub(super) fn retain(headers: &mut Vec<HttpHeader>) -> bool {
    let before = headers.len();
    headers.retain(|header| is_kept(&header.name));
    headers.len() < before
}

fn is_kept(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    KEPT.contains(&name.as_str()) || name.starts_with("handshake-") || is_rate_limit(&name)
}

/// Matches `ratelimit-reset`, `x-ratelimit-remaining-minute`, `x-rate-limit-…`.
fn is_rate_limit(name: &str) -> bool {
    let name = name.strip_prefix("x-").unwrap_or(name);
    name.starts_with("ratelimit") || name.starts_with("rate-limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_headers_are_kept() {
        for name in
            ["Content-Type", "handshake-msg", "X-RateLimit-Reset", "RateLimit-Remaining", "retry-after"]
        {
            assert!(is_kept(name), "{name}");
        }
        for name in ["cookie", "Set-Cookie", "x-set-tt-cookie", "authorization", "x-api-key", "x-anything"] {
            assert!(!is_kept(name), "{name}");
        }
    }
}
