//! Hosts that clients may connect to.

use std::net::{IpAddr, SocketAddr};

use super::{
    domains::{PORT, TLS_PORT, is_answered},
    refused::Refused,
};
use crate::sans_io::host::HostPort;

/// Whether a connection is answered or passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The handler answers.
    Answer,
    /// Tunnelled to the actual host.
    Pass,
}

/// The rules for one proxy.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Hosts that clients reach through the proxy, unchanged (`--pass`); without a port, on 80 and 443.
    pub pass: Vec<HostPort>,
    /// Addresses that this process listens on.
    pub own: Vec<SocketAddr>,
}

impl Hosts {
    /// Returns how to treat a connection to a valid host name or an IP address.
    pub(super) fn route(&self, host: &str, port: u16) -> Result<Route, Refused> {
        if self.is_own(host, port) {
            return Err(Refused::Itself);
        }
        if host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return Err(Refused::Address(host.to_owned()));
        }
        let is_usual = [PORT, TLS_PORT].contains(&port);
        let is_passed = |pass: &HostPort| pass.host == host && pass.port.map_or(is_usual, |it| it == port);
        if self.pass.iter().any(is_passed) {
            return Ok(Route::Pass);
        }
        match (is_answered(host), is_usual) {
            (true, true) => Ok(Route::Answer),
            (true, false) => Err(Refused::Port(host.to_owned(), port)),
            (false, _) => Err(Refused::Host(host.to_owned(), port)),
        }
    }

    fn is_own(&self, host: &str, port: u16) -> bool {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let is_local =
            host == "localhost" || address.is_some_and(|it| it.is_loopback() || it.is_unspecified());
        self.own.iter().any(|own| own.port() == port && (is_local || address == Some(own.ip())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(host: &str, port: u16) -> Result<Route, Refused> {
        let pass = ["example.com", "other.example:8443"].map(|pass| pass.parse().unwrap());
        let own = vec!["127.0.0.1:3128".parse().unwrap(), "192.0.2.1:3128".parse().unwrap()];
        Hosts { pass: pass.into(), own }.route(host, port)
    }

    #[test]
    fn only_hosts_of_tiktok_and_sign_servers_are_answered() {
        for host in ["tiktok.com", "www.tiktok.com", "webcast-ws.eu.tiktok.com", "tiktok.eulerstream.com"] {
            assert_eq!(route(host, 443), Ok(Route::Answer), "{host}");
            assert_eq!(route(host, 80), Ok(Route::Answer), "{host}");
            assert_eq!(route(host, 22), Err(Refused::Port(host.into(), 22)));
        }
        for host in ["nottiktok.com", "tiktok.com.example", "www.example.com", "localhost"] {
            assert_eq!(route(host, 443), Err(Refused::Host(host.into(), 443)));
        }
    }

    #[test]
    fn passed_hosts_have_their_ports() {
        assert_eq!(route("example.com", 443), Ok(Route::Pass));
        assert_eq!(route("example.com", 22), Err(Refused::Host("example.com".into(), 22)));
        assert_eq!(route("other.example", 8443), Ok(Route::Pass));
        assert_eq!(route("other.example", 443), Err(Refused::Host("other.example".into(), 443)));
    }

    #[test]
    fn addresses_and_the_proxy_itself_are_refused() {
        for host in ["127.0.0.1", "[::1]", "localhost", "0.0.0.0", "192.0.2.1"] {
            assert_eq!(route(host, 3128), Err(Refused::Itself), "{host}");
        }
        for host in ["127.0.0.1", "[::1]", "192.0.2.9"] {
            assert_eq!(route(host, 443), Err(Refused::Address(host.into())), "{host}");
        }
    }
}
