//! Sockets to listen on. Loopback means 127.0.0.1 and ::1: `localhost` may be either.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use tokio::{
    net::{TcpListener, TcpStream},
    select,
};

use super::accept::Listener;
use crate::sans_io::error::{Code, Problem};

/// How many free ports are tried until one is free on 127.0.0.1 and ::1.
const PORT_TRIES: usize = 8;

/// What the system takes for a socket beyond what is on its way to the client, in bytes (Linux). Left alone it takes up to
/// 4 MB of each that reads nothing, and whoever falls behind is noticed that much later.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 256 << 10;

/// One socket, or one for each address of loopback.
#[derive(Debug)]
pub struct Listening {
    first: TcpListener,
    second: Option<TcpListener>,
    /// Whose turn it is, so that neither keeps the other waiting.
    second_first: bool,
}

impl Listening {
    /// Listens on `address`; where that is 127.0.0.1 or ::1, on both, as far as this machine has both. Port 0 is any
    /// that is free, the same on both if possible.
    ///
    /// # Errors
    /// `port_in_use`, also where only one of both is taken: somebody else would answer half of the clients.
    /// `cannot_listen`, if the system says no.
    pub async fn bind(address: SocketAddr) -> Result<Self, Problem> {
        let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            let first = bind(address).await?;
            let bound = first.local_addr().map_err(|error| cannot_listen(address, &error))?;
            let second = match sibling(bound) {
                None => Ok(None),
                Some(sibling) => bind_sibling(sibling).await,
            };
            match second {
                Ok(second) => return Ok(Self { first, second, second_first: false }),
                Err(_) if tries > 0 => {}
                Err(_) if address.port() == 0 => {
                    return Ok(Self { first, second: None, second_first: false });
                }
                Err(problem) => return Err(problem),
            }
        }
    }

    /// What is listened on: the address that was asked for first, with its real port.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let sockets = std::iter::once(&self.first).chain(&self.second);
        sockets.filter_map(|socket| socket.local_addr().ok()).collect()
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Problem> {
    let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            Problem::new(Code::PortInUse, format!("port {} is in use on {}", address.port(), address.ip()))
        }
        _ => cannot_listen(address, &error),
    })?;
    bound_what_is_unsent(&listener);
    Ok(listener)
}

/// For all sockets that it will accept. A system that does not know this holds more, as it would anyway.
fn bound_what_is_unsent(listener: &TcpListener) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(listener).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    #[cfg(not(target_os = "linux"))]
    let _ = listener;
}

/// `None` if this machine does not have the address.
async fn bind_sibling(address: SocketAddr) -> Result<Option<TcpListener>, Problem> {
    match bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(problem) if problem.code == Code::PortInUse => Err(problem),
        Err(_) => Ok(None),
    }
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Problem {
    Problem::new(Code::CannotListen, format!("cannot listen on {address}: {error}"))
}

/// The other address of loopback.
fn sibling(address: SocketAddr) -> Option<SocketAddr> {
    let other = match address.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => return None,
    };
    Some(SocketAddr::new(other, address.port()))
}

impl Listener for Listening {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        self.second_first = !self.second_first;
        let (socket, address) = match &mut self.second {
            None => Listener::accept(&mut self.first).await,
            Some(second) if self.second_first => either(second, &mut self.first).await,
            Some(second) => either(&mut self.first, second).await,
        };
        // Without this, events wait for the acknowledgement of those before them: 30 ms instead of 1.5.
        let _ = socket.set_nodelay(true);
        (socket, address)
    }
}

async fn either(one: &mut TcpListener, other: &mut TcpListener) -> (TcpStream, SocketAddr) {
    select! {
        biased;
        accepted = Listener::accept(one) => accepted,
        accepted = Listener::accept(other) => accepted,
    }
}
