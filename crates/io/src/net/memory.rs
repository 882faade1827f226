//! A listener without sockets: a server in the caller's memory, exact to the byte under a paused clock.

use std::{io, net::IpAddr};

use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc,
};

use super::accept::Listener;

/// Connections that wait to be accepted.
const WAITING_MAX: usize = 64;

/// A listener, and what connects to it. Each connection holds so many bytes each way that were not read yet.
#[must_use]
pub fn listener(buffer_bytes: usize) -> (MemoryListener, MemoryConnector) {
    let (sender, accepted) = mpsc::channel(WAITING_MAX);
    (MemoryListener { accepted }, MemoryConnector { sender, buffer_bytes })
}

/// The server's end.
#[derive(Debug)]
pub struct MemoryListener {
    accepted: mpsc::Receiver<(DuplexStream, Option<IpAddr>)>,
}

/// The clients' end. Clones connect to the same server.
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
    /// A new connection.
    ///
    /// # Errors
    /// `ConnectionRefused` if the server is gone.
    pub async fn connect(&self) -> io::Result<DuplexStream> {
        self.connect_from(None).await
    }

    /// A new connection from this address, or from none.
    ///
    /// # Errors
    /// As [`MemoryConnector::connect`].
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
            // Nobody can connect any more.
            None => std::future::pending().await,
        }
    }
}
