//! Hosts that clients may connect to.

use std::net::{IpAddr, SocketAddr};

use livetape_core::host::HostPort;

use super::{
    domains::{PORT, TLS_PORT, is_answered},
    refused::Refused,
};

/// Whether a connection is answered or passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// The mock answers.
    Answer,
    /// Tunnelled to the actual host.
    Pass,
}

/// The rules for one proxy.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Hosts that clients reach through the proxy, unchanged (`--pass`); without a port, on 80 and 443.
    pub pass: Vec<HostPort>,
    /// Address of the mock's own port, which sign responses name: clients reach it through the proxy too.
    pub direct: Option<SocketAddr>,
    /// Addresses that this process listens on.
    pub own: Vec<SocketAddr>,
    /// How to pass a refused host, for the hint: the host follows.
    pub how_to_pass: &'static str,
}

impl Hosts {
    /// Returns how to treat a connection to a valid host name or an IP address.
    pub(super) fn route(&self, host: &str, port: u16) -> Result<Route, Refused> {
        if self.direct.is_some_and(|it| is_at(it, host, port)) {
            return Ok(Route::Answer);
        }
        if self.own.iter().any(|own| is_at(*own, host, port)) {
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
            (false, _) => Err(Refused::Host(host.to_owned(), port, self.how_to_pass)),
        }
    }
}

/// Whether a host and port reach a socket that listens at `listening`.
fn is_at(listening: SocketAddr, host: &str, port: u16) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let is_local = host == "localhost" || address.is_some_and(|it| it.is_loopback() || it.is_unspecified());
    listening.port() == port && (is_local || address == Some(listening.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: &str = "add --pass ";

    fn route(host: &str, port: u16) -> Result<Route, Refused> {
        let pass = ["example.com", "other.example:8443"].map(|pass| pass.parse().unwrap());
        let own = vec!["127.0.0.1:3128".parse().unwrap(), "192.0.2.1:3128".parse().unwrap()];
        let direct = Some("127.0.0.1:3100".parse().unwrap());
        Hosts { pass: pass.into(), direct, own, how_to_pass: HOW }.route(host, port)
    }

    #[test]
    fn only_hosts_of_tiktok_and_sign_servers_are_answered() {
        for host in ["tiktok.com", "www.tiktok.com", "webcast-ws.eu.tiktok.com", "tiktok.eulerstream.com"] {
            assert_eq!(route(host, 443), Ok(Route::Answer), "{host}");
            assert_eq!(route(host, 80), Ok(Route::Answer), "{host}");
            assert_eq!(route(host, 22), Err(Refused::Port(host.into(), 22)));
        }
        for host in ["nottiktok.com", "tiktok.com.example", "www.example.com", "localhost"] {
            assert_eq!(route(host, 443), Err(Refused::Host(host.into(), 443, HOW)));
        }
    }

    #[test]
    fn passed_hosts_have_their_ports() {
        assert_eq!(route("example.com", 443), Ok(Route::Pass));
        assert_eq!(route("example.com", 22), Err(Refused::Host("example.com".into(), 22, HOW)));
        assert_eq!(route("other.example", 8443), Ok(Route::Pass));
        assert_eq!(route("other.example", 443), Err(Refused::Host("other.example".into(), 443, HOW)));
    }

    #[test]
    fn the_address_in_sign_responses_is_answered() {
        assert_eq!(route("127.0.0.1", 3100), Ok(Route::Answer));
        assert_eq!(route("192.0.2.9", 3100), Err(Refused::Address("192.0.2.9".into())));
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
