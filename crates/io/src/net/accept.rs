//! Accepting connections.

use std::{
    future::Future,
    io::{Error, ErrorKind},
    net::SocketAddr,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::sleep_until,
};

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
        loop {
            match Self::accept(self).await {
                Ok(accepted) => return accepted,
                Err(error) if is_about_one_connection(&error) => {}
                Err(_) => sleep_until(clock::now() + FAILURE_PAUSE).await,
            }
        }
    }
}

fn is_about_one_connection(error: &Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}
