//! Listeners: TCP sockets and in-memory connections.

use std::{
    future::Future,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use livetape_core::error::{Code, Problem};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    select,
    time::{sleep_until, timeout, timeout_at},
};
use tracing::error;

use crate::clock;

/// Pause after a failure that is not about one connection, such as too many open files.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Listener that accepts connections and retries after failures.
pub trait Listener: Send + 'static {
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    type Addr: Send;

    fn accept(&mut self) -> impl Future<Output = (Self::Io, Self::Addr)> + Send;
}

impl Listener for TcpListener {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let mut has_failed = false;
        loop {
            match Self::accept(self).await {
                Ok(accepted) => return accepted,
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut has_failed, true) {
                        let hint = if cfg!(unix) { "; see `ulimit -n`" } else { "" };
                        error!(why = %error, "❌ New connections wait: the system refuses them{hint}");
                    }
                    sleep_until(clock::now() + FAILURE_PAUSE).await;
                }
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

pub trait Peer {
    fn ip(&self) -> Option<IpAddr>;
}

impl Peer for SocketAddr {
    fn ip(&self) -> Option<IpAddr> {
        Some(self.ip().to_canonical())
    }
}

impl Peer for Option<IpAddr> {
    fn ip(&self) -> Option<IpAddr> {
        *self
    }
}

/// Number of attempts to find a port that is free on both 127.0.0.1 and ::1.
const PORT_TRIES: usize = 8;

/// Maximum unsent data that the kernel buffers per socket, in bytes (Linux). The default is up to 4 MB, which
/// would delay the detection of slow clients accordingly.
#[cfg(target_os = "linux")]
const UNSENT_BYTES_MAX: u32 = 256 << 10;

/// One listening socket, or one for each loopback address.
#[derive(Debug)]
pub struct Listening {
    first: TcpListener,
    second: Option<TcpListener>,
    /// Whether the second socket is next, so that neither is starved.
    second_first: bool,
}

impl Listening {
    /// Listens on `address`. For 127.0.0.1 or ::1, listens on both if the machine supports both. Port 0
    /// selects any free port, the same for both if possible.
    ///
    /// # Errors
    /// `port_in_use`, even if only one of the two addresses is in use, because another server would receive
    /// half of the clients. `cannot_listen` for other errors of the system.
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

    /// Returns the addresses with their actual ports, the requested one first.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let sockets = std::iter::once(&self.first).chain(&self.second);
        sockets.filter_map(|socket| socket.local_addr().ok()).collect()
    }

    /// Resets the first connection to this or to the other listener, of which it `tells`, and all others for some time
    /// after it. Without a time, it resets none.
    pub async fn refuse(&mut self, mut other: Option<&mut Self>, time: Duration, tell: impl FnOnce()) {
        if time.is_zero() {
            return;
        }
        let first = self.accept_either(other.as_deref_mut()).await;
        tell();
        reset(first).await;
        let until = clock::now() + time;
        while let Ok(socket) = timeout_at(until, self.accept_either(other.as_deref_mut())).await {
            reset(socket).await;
        }
    }

    async fn accept_either(&mut self, other: Option<&mut Self>) -> TcpStream {
        let Some(other) = other else { return self.accept().await.0 };
        tokio::select! { biased;
            (socket, _) = self.accept() => socket,
            (socket, _) = other.accept() => socket,
        }
    }
}

/// Maximum time for a client to begin its request: on a busy machine, a program that starts takes seconds.
const BEGIN_MAX: Duration = Duration::from_secs(10);

/// Resets a connection once its client has begun its request: the WebSocket of Node 20 sometimes ends without an event if it
/// is reset before.
async fn reset(socket: TcpStream) {
    // Unlike `readable`, it does not end without data.
    let _ = timeout(BEGIN_MAX, socket.peek(&mut [0])).await;
    let _ = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Problem> {
    let listener = TcpListener::bind(address).await.map_err(|error| cannot_bind(address, &error))?;
    limit_unsent_data(&listener);
    Ok(listener)
}

/// Applies to all accepted sockets. Systems without this option buffer more.
fn limit_unsent_data(listener: &TcpListener) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(listener).set_tcp_notsent_lowat(UNSENT_BYTES_MAX);
    #[cfg(not(target_os = "linux"))]
    let _ = listener;
}

/// Returns `None` if the machine does not have the address.
async fn bind_sibling(address: SocketAddr) -> Result<Option<TcpListener>, Problem> {
    match bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(problem) if problem.code == Code::PortInUse => Err(problem),
        Err(_) => Ok(None),
    }
}

fn cannot_bind(address: SocketAddr, error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Problem::new(Code::PortInUse, format!("port {} is in use on {}", address.port(), address.ip()))
        }
        _ => cannot_listen(address, error),
    }
}

/// `WSAEACCES` of Windows.
const NOT_PERMITTED: i32 = 10013;

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Problem {
    let problem = Problem::new(Code::CannotListen, format!("cannot listen on {address}: {error}"));
    // No other system has errors of this number.
    if error.raw_os_error() == Some(NOT_PERMITTED) {
        return problem.hint(
            "Windows has reserved this port, or another program holds it alone: choose one that \
             `netsh int ipv4 show excludedportrange tcp` does not list",
        );
    }
    problem
}

/// Returns the other loopback address.
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
        // Without this, each event waits until the previous ones are acknowledged: 30 ms instead of 1.5 ms.
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

/// A listener without sockets, for servers and clients in one process. Exact to the byte under a paused clock.
pub mod memory {
    use std::{io, net::IpAddr};

    use tokio::{
        io::{DuplexStream, duplex},
        sync::mpsc,
    };

    use super::Listener;

    /// Maximum number of connections waiting to be accepted.
    const WAITING_MAX: usize = 64;

    /// Returns a listener and its connector. Each connection buffers up to `buffer_bytes` unread bytes in each
    /// direction.
    #[must_use]
    pub fn listener(buffer_bytes: usize) -> (MemoryListener, MemoryConnector) {
        let (sender, accepted) = mpsc::channel(WAITING_MAX);
        (MemoryListener { accepted }, MemoryConnector { sender, buffer_bytes })
    }

    #[derive(Debug)]
    pub struct MemoryListener {
        accepted: mpsc::Receiver<(DuplexStream, Option<IpAddr>)>,
    }

    /// Opens connections to a server in the same process. Clones connect to the same server.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let (listener, connector) = livetape_io::net::memory::listener(1024);
    /// let stream = connector.connect().await.unwrap();
    /// drop(listener);
    /// assert!(connector.connect().await.is_err());
    /// # }
    /// ```
    #[derive(Clone, Debug)]
    pub struct MemoryConnector {
        sender: mpsc::Sender<(DuplexStream, Option<IpAddr>)>,
        buffer_bytes: usize,
    }

    impl MemoryConnector {
        /// # Errors
        /// `ConnectionRefused` if the server is gone.
        pub async fn connect(&self) -> io::Result<DuplexStream> {
            self.connect_from(None).await
        }

        /// Opens a connection that appears to come from this address, or from none.
        ///
        /// # Errors
        /// See [`MemoryConnector::connect`].
        pub async fn connect_from(&self, address: Option<IpAddr>) -> io::Result<DuplexStream> {
            let (client, server) = duplex(self.buffer_bytes);
            self.sender.send((server, address)).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
            Ok(client)
        }
    }

    impl Listener for MemoryListener {
        type Io = DuplexStream;
        type Addr = Option<IpAddr>;

        async fn accept(&mut self) -> (DuplexStream, Option<IpAddr>) {
            match self.accepted.recv().await {
                Some(accepted) => accepted,
                // All connectors are gone.
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_windows_has_reserved_is_said_to_be() {
        let address = SocketAddr::from(([127, 0, 0, 1], 3000));
        let problem = |number| cannot_bind(address, &io::Error::from_raw_os_error(number));
        let reserved = problem(NOT_PERMITTED);
        assert_eq!(reserved.code, Code::CannotListen);
        assert!(reserved.hint.contains("`netsh int ipv4 show excludedportrange tcp`"), "{reserved:?}");
        assert_eq!(problem(1).hint, Code::CannotListen.hint());
    }
}
