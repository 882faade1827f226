//! Hosts and ports that the mock answers for, hosts that clients may connect to, and why a connection is
//! refused.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

pub use livetape_core::host::DOMAINS;
use livetape_core::host::{HostPort, is_in};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
    try_join,
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

/// Port of `http://` and `ws://`.
pub(super) const PORT: u16 = 80;
/// Port of `https://` and `wss://`.
pub(super) const TLS_PORT: u16 = 443;

/// Where a client wants to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Host name, in lower case.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether the client expects TLS on the way to the host.
    pub is_tls: bool,
}

/// Whether the mock answers for a host.
#[must_use]
pub fn is_answered(host: &str) -> bool {
    DOMAINS.iter().any(|domain| is_in(host, domain))
}

/// Why the proxy does not connect a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The client sent no request that a proxy can read.
    Bad(&'static str),
    /// The head of the request is too long, or has too many headers.
    TooLong,
    /// The client did not send the request in time.
    Late,
    /// The host is neither answered nor passed. The last field is how to pass it, without the host.
    Host(String, u16, &'static str),
    /// The host is an IP address.
    Address(String),
    /// The host is answered, but not on this port.
    Port(String, u16),
    /// The host is this proxy.
    Itself,
    /// A passed host cannot be reached.
    Unreachable(String, String),
}

impl Refused {
    /// Stable code, HTTP status and its usual phrase.
    fn row(&self) -> (&'static str, u16) {
        match self {
            Self::Bad(_) => ("bad_request", 400),
            Self::TooLong => ("too_large", 431),
            Self::Late => ("too_slow", 408),
            Self::Host(..) => ("host_refused", 502),
            Self::Address(_) => ("address_refused", 403),
            Self::Port(..) => ("port_refused", 403),
            Self::Itself => ("loop_refused", 403),
            Self::Unreachable(..) => ("host_unreachable", 502),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Host(host, 80 | 443, how) => {
                format!("to let requests to it leave this machine, {how}{host}")
            }
            Self::Host(host, port, how) => {
                format!("to let requests to it leave this machine, {how}{host}:{port}")
            }
            Self::Address(_) | Self::Itself => {
                "add local addresses to NO_PROXY, so that clients connect to them directly".to_owned()
            }
            Self::Port(..) => "use https:// or http:// without a port".to_owned(),
            Self::Bad(_) => "use this address as an HTTP proxy, for example as HTTPS_PROXY".to_owned(),
            Self::TooLong => "send fewer or shorter headers".to_owned(),
            Self::Late => "send the complete head of the request within 60 s".to_owned(),
            Self::Unreachable(..) => "check the name and the network of this machine".to_owned(),
        }
    }

    /// Returns the response. Many clients print only the status line, so the message is its reason.
    pub(super) fn response(&self) -> String {
        let ((code, status), hint) = (self.row(), self.hint());
        let body = format!("{self}\n{hint}\n");
        format!(
            "HTTP/1.1 {status} {self}\r\nLivetape-Error: {code}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// Returns the message and the hint as one line of the log.
    pub(super) fn line(&self) -> String {
        format!("{self}; {}", self.hint())
    }
}

/// In one line of ASCII: hosts are checked, and reasons of the system are reduced to it.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bad(why) => write!(f, "not a request to a proxy: {why}"),
            Self::TooLong => write!(f, "the head of the request is too long, or has too many headers"),
            Self::Late => write!(f, "the request did not arrive in time"),
            Self::Host(host, ..) => {
                write!(f, "refused {host}: livetape answers only for {}", DOMAINS.join(" and "))
            }
            Self::Address(host) => {
                write!(f, "refused {host}: livetape answers for host names, not for IP addresses")
            }
            Self::Port(host, port) => {
                write!(f, "refused port {port} of {host}: livetape answers on 80 and 443")
            }
            Self::Itself => write!(f, "refused a connection to the proxy itself"),
            Self::Unreachable(host, why) => {
                let why: String = why.chars().filter(|c| c.is_ascii() && !c.is_control()).collect();
                write!(f, "cannot connect to {host}: {why}")
            }
        }
    }
}

/// How long connecting to the host may take, including the look-up of its name.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long both sides may be silent.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// Size of the buffer of each direction, in bytes.
const BUFFER_BYTES: usize = 8 << 10;

/// Connects to a host.
pub(super) async fn connect(hosts: &Hosts, host: &str, port: u16) -> Result<TcpStream, Refused> {
    let unreachable = |why: &dyn ToString| Refused::Unreachable(host.to_owned(), why.to_string());
    let connect = async {
        let addresses: Vec<_> =
            lookup_host((host, port)).await.map_err(|error| unreachable(&error))?.collect();
        if addresses.iter().any(|address| is_own(hosts, *address)) {
            return Err(Refused::Itself);
        }
        TcpStream::connect(&addresses[..]).await.map_err(|error| unreachable(&error))
    };
    timeout_at(clock::now() + CONNECT_MAX, connect)
        .await
        .unwrap_or_else(|_| Err(unreachable(&"it does not respond")))
}

fn is_own(hosts: &Hosts, address: SocketAddr) -> bool {
    hosts.route(&bracketed(address), address.port()) == Err(Refused::Itself)
}

fn bracketed(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// Copies both directions until both ended, either failed, or neither sent anything for a long time. With
/// `from_client_max`, the host gets only that many bytes, and then the end: the rest is dropped.
pub(super) async fn copy(
    client: impl AsyncRead + AsyncWrite,
    host: impl AsyncRead + AsyncWrite,
    from_client_max: Option<u64>,
) -> io::Result<()> {
    let ((from_client, to_client), (from_host, to_host)) = (split(client), split(host));
    let active = Mutex::new(clock::now());
    let requests = pump(from_client, to_host, from_client_max.unwrap_or(u64::MAX), &active);
    try_join!(requests, pump(from_host, to_client, u64::MAX, &active)).map(drop)
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut left: u64,
    active: &Mutex<Instant>,
) -> io::Result<()> {
    // Held for a few instructions, never across an `.await`.
    let lock = || active.lock();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let deadline = *lock() + IDLE_MAX;
        let count = match timeout_at(deadline, from.read(&mut buffer)).await {
            Ok(count) => count?,
            Err(_) if *lock() + IDLE_MAX > deadline => continue,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        *lock() = clock::now();
        if count == 0 {
            return to.shutdown().await;
        }
        let allowed = usize::try_from(left).unwrap_or(count).min(count);
        left -= allowed as u64;
        timeout_at(clock::now() + IDLE_MAX, to.write_all(&buffer[..allowed])).await??;
        if allowed < count {
            to.shutdown().await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

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

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_ends_after_both_sides_or_after_a_long_silence() {
        let ((mut client, near), (far, mut host)) = (duplex(64), duplex(64));
        let tunnel = tokio::spawn(copy(near, far, None));
        client.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = String::new();
        host.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "hello");
        host.write_all(b"bye").await.unwrap();
        drop(host);
        heard.clear();
        client.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "bye");
        tunnel.await.unwrap().unwrap();

        let ((client, near), (far, mut host)) = (duplex(64), duplex(64));
        let started = clock::now();
        let tunnel = tokio::spawn(copy(near, far, None));
        tokio::time::sleep_until(started + IDLE_MAX / 2).await;
        host.write_all(b"x").await.unwrap();
        let error = tunnel.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!((clock::now() - started).as_secs(), (IDLE_MAX + IDLE_MAX / 2).as_secs());
        drop(client);
    }
}
