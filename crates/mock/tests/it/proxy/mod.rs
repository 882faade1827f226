//! Clients with fixed hosts: the proxy, TLS, and the CA.

mod bad_clients;
mod ca;
mod load;
mod requests;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

use livetape_io::{
    clock,
    net::memory::{MemoryConnector, listener},
};
use livetape_mock::{
    MockTikTok, ScenarioFile,
    proxy::{Ca, Front, Hosts, Mode},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
};
use tokio_rustls::{client::TlsStream, rustls::ClientConfig};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::support::{
    tunnel::{shake, trusting, tunnel_through},
    with_demo,
};

/// Capacity of a connection in memory, in bytes.
const BUFFER_BYTES: usize = 64 << 10;
/// What all fronts reported: a test looks for a host of its own.
static REPORTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A front in memory, before a mock.
struct Proxied {
    connector: MemoryConnector,
    mock: Arc<MockTikTok>,
    trust: ClientConfig,
    accepting: JoinHandle<()>,
    _stop: DropGuard,
}

impl Proxied {
    fn new(scenario: impl Into<ScenarioFile>) -> Self {
        Self::with(scenario, Mode::Proxy, Hosts::default())
    }

    fn with(scenario: impl Into<ScenarioFile>, mode: Mode, hosts: Hosts) -> Self {
        let ca = Ca::generate(clock::wall()).unwrap();
        let mock = Arc::new(MockTikTok::in_memory(with_demo(scenario)).unwrap());
        let trust = trusting(ca.pem());
        let report = |line: &str, _| REPORTED.lock().unwrap().push(line.to_owned());
        let front = Arc::new(Front::new(Arc::clone(&mock), hosts, ca, report).unwrap());
        let ((listener, connector), stop) = (listener(BUFFER_BYTES), CancellationToken::new());
        let accepting = tokio::spawn(front.accept(listener, mode, stop.clone()));
        Self { connector, mock, trust, accepting, _stop: stop.drop_guard() }
    }

    async fn connect(&self) -> DuplexStream {
        self.connector.connect().await.unwrap()
    }

    /// Sends a request to the proxy, and returns everything until the end of the connection.
    async fn answer(&self, request: &[u8]) -> String {
        let mut io = self.connect().await;
        io.write_all(request).await.unwrap();
        read(io).await
    }

    /// Opens a tunnel to a host.
    async fn tunnel(&self, to: &str, from: Option<IpAddr>) -> DuplexStream {
        tunnel_through(self.connector.connect_from(from).await.unwrap(), to).await
    }

    /// Opens a TLS connection to port 443 of a host.
    async fn secure(&self, host: &str, from: Option<IpAddr>) -> TlsStream<DuplexStream> {
        let io = self.tunnel(&format!("{host}:443"), from).await;
        shake(&self.trust, host, io).await.unwrap()
    }
}

/// Reads to the end of a connection. TLS reports an error if the other side does not announce it.
async fn read(mut io: impl AsyncRead + Unpin) -> String {
    let mut text = Vec::new();
    io.read_to_end(&mut text).await.unwrap();
    String::from_utf8_lossy(&text).into_owned()
}
