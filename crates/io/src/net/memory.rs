//! A listener without sockets, for servers and clients in one process. Exact to the byte under a paused
//! clock.

use std::{io, net::IpAddr};

use tokio::{
    io::{DuplexStream, duplex},
    sync::mpsc,
};

use super::accept::Listener;

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
