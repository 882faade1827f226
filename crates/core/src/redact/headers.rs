//! Headers of HTTP answers: those on a list are kept, because nobody can list the dangerous ones.

use crate::recording::records::HttpHeader;

/// Headers that tell how a connection went, and nothing of who made it.
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

/// Drops the headers that are not on the list; whether there were any.
pub(super) fn retain(headers: &mut Vec<HttpHeader>) -> bool {
    let before = headers.len();
    headers.retain(|header| is_kept(&header.name));
    headers.len() < before
}

fn is_kept(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    KEPT.contains(&name.as_str()) || name.starts_with("handshake-") || is_rate_limit(&name)
}

/// `ratelimit-reset`, `x-ratelimit-remaining-minute`, `x-rate-limit-…`.
fn is_rate_limit(name: &str) -> bool {
    let name = name.strip_prefix("x-").unwrap_or(name);
    name.starts_with("ratelimit") || name.starts_with("rate-limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_on_the_list_are_kept() {
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
