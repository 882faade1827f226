//! Hosts in `Host` and `Origin` headers, parsed rather than matched by prefix.

use std::net::{IpAddr, Ipv6Addr};

/// A host without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    /// In lower case, without a trailing dot.
    Name(String),
}

impl Host {
    /// Parses `host`, `host:port`, `[v6]` or `[v6]:port`. Returns `None` for anything else, including user
    /// names.
    pub(crate) fn parse(authority: &str) -> Option<Self> {
        let (host, port) = match authority.rfind(']') {
            Some(end) => authority.split_at(end + 1),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if !port.is_empty() {
            port.strip_prefix(':')
                .filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?
                .parse::<u16>()
                .ok()?;
        }
        if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            return Some(Self::Address(IpAddr::V6(address.parse::<Ipv6Addr>().ok()?).to_canonical()));
        }
        match host.parse() {
            Ok(address) => Some(Self::Address(IpAddr::V4(address))),
            Err(_) => name(host),
        }
    }

    /// Parses the host of an HTTP or HTTPS origin such as `http://host:port`.
    pub(crate) fn of_origin(origin: &str) -> Option<Self> {
        let (scheme, authority) = origin.split_once("://")?;
        let http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        http.then(|| Self::parse(authority)).flatten()
    }

    /// Whether the host is certainly this machine: a loopback address, `localhost` or a subdomain of it.
    /// Browsers never look these names up in DNS.
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

/// Returns an origin as browsers write it: in lower case, without the default port.
pub(crate) fn canonical(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let port = if origin.starts_with("https:") { ":443" } else { ":80" };
    origin.strip_suffix(port).map(str::to_owned).unwrap_or(origin)
}

fn name(host: &str) -> Option<Host> {
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    name.split('.').all(label).then_some(Host::Name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_hosts_are_recognised() {
        let loopback = [
            "localhost",
            "LocalHost:3000",
            "localhost.",
            "localhost.:3000",
            "a.localhost",
            "A.B.LOCALHOST.:1",
            "127.0.0.1",
            "127.0.0.1:3000",
            "127.9.8.7",
            "[::1]",
            "[::1]:3000",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]:80",
        ];
        for host in loopback {
            assert!(Host::parse(host).is_some_and(|host| host.is_loopback()), "{host}");
        }
    }

    #[test]
    fn lookalikes_of_loopback_are_rejected() {
        let others = [
            "",
            ".",
            "..",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil-localhost",
            "xlocalhost",
            ".localhost",
            "a..localhost",
            "localhost..",
            "127.0.0.1.",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "0177.0.0.1",
            "0.0.0.0",
            "[::]",
            "10.0.0.1",
            "[::2]",
            "[::1",
            "::1",
            "[::1]x",
            "[::1]:",
            "[::1%lo]",
            "localhost:",
            "localhost:x",
            "localhost:99999",
            "localhost:-1",
            "localhost:+1",
            "localhost:80:80",
            "localhost@evil.example",
            "evil.example@localhost",
            "user:pw@localhost",
            "localhost/",
            "localhost#",
            "localhost\\",
            "localhost%00",
            "local host",
            "ｌocalhost",
            "localhost,evil.example",
        ];
        for host in others {
            assert!(!Host::parse(host).is_some_and(|host| host.is_loopback()), "{host}");
        }
    }

    #[test]
    fn an_origin_consists_of_a_scheme_and_a_host() {
        let origin = |origin| Host::of_origin(origin).is_some_and(|host| host.is_loopback());
        for good in ["http://localhost", "HTTPS://LOCALHOST:5173", "http://[::1]:5173", "http://127.0.0.1:80"]
        {
            assert!(origin(good), "{good}");
        }
        let bad = [
            "null",
            "",
            "localhost",
            "//localhost",
            "file://localhost",
            "chrome-extension://localhost",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://evil.example@localhost",
            "http://localhost/",
            "http://localhost http://evil.example",
            "http://evil.example",
        ];
        for bad in bad {
            assert!(!origin(bad), "{bad}");
        }
    }
}
