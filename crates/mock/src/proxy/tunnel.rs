//! Connections to hosts of `--pass`, unchanged.

use std::{io, net::SocketAddr, time::Duration};

use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    net::{TcpStream, lookup_host},
    time::{Instant, timeout_at},
    try_join,
};

use super::{hosts::Hosts, refused::Refused};

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
