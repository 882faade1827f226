//! Host names.

use std::{fmt, net::IpAddr, str::FromStr};

/// Domains of TikTok and of sign servers (docs/protocol.md §1). Each includes its subdomains.
pub const DOMAINS: [&str; 2] = ["tiktok.com", "eulerstream.com"];
/// Domains whose subdomains serve TikTok's pictures: avatars, gifts, badges, emotes. Pages load no others.
pub const PICTURE_DOMAINS: [&str; 4] =
    ["tiktokcdn.com", "tiktokcdn-us.com", "tiktokcdn-eu.com", "ibyteimg.com"];
/// Maximum length of a host name, in bytes (RFC 1035).
const HOST_BYTES_MAX: usize = 253;

/// Returns a host name in lower case without the final dot; `None` if it is not a host name.
#[must_use]
pub fn name(host: &str) -> Option<String> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    (host.len() <= HOST_BYTES_MAX && host.split('.').all(is_label)).then_some(host)
}

/// Whether a host, in lower case, is a domain or one of its subdomains.
#[must_use]
pub fn is_in(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

/// A host name, with a port if it is not one of the usual ones: `example.com` or `example.com:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Host name, in lower case; never an IP address.
    pub host: String,
    /// Port, if there is one.
    pub port: Option<u16>,
}

impl FromStr for HostPort {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port > 0))),
            None => (text, None),
        };
        let is_valid = port != Some(None) && host.parse::<IpAddr>().is_err();
        match name(host).filter(|_| is_valid) {
            Some(host) => Ok(Self { host, port: port.flatten() }),
            None => Err(format!("`{text}` is not a host name, such as example.com or example.com:8443")),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_ports_are_optional() {
        assert_eq!(name("WWW.TikTok.com.").as_deref(), Some("www.tiktok.com"));
        for host in ["", ".", "a..b", "a b", "a/b", "é.com", "a\r\nb", &"a.".repeat(200)] {
            assert_eq!(name(host), None, "{host:?}");
        }
        for text in ["example.com", "example.com:8443"] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
        for text in ["", "a b", "a.com:", "a.com:0", "a.com:x", "10.0.0.1", "[::1]:80", "*.a.com"] {
            assert!(text.parse::<HostPort>().unwrap_err().contains("example.com:8443"), "{text}");
        }
    }
}
