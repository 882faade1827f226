//! Accepts connections, and passes them to the mock once they are decrypted. Reports about clients in lines,
//! limited in number.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use livetape_core::error::Problem;
use livetape_io::{
    clock,
    net::{Listener, Peer},
};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    select,
    sync::Semaphore,
    time::timeout_at,
};
use tokio_util::sync::CancellationToken;

use super::{
    ca::Ca,
    head::{self, Forwarded, Requested},
    hosts::{self, Hosts, Refused, Route, Target},
    tls::{self, Certificates, Prefixed, Stream},
};
use crate::{MockTikTok, Wire};

/// How long a client may take for its first request, including the pause before it.
const HEAD_MAX: Duration = Duration::from_secs(60);
/// How long a TLS handshake may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Maximum number of concurrent connections. Further ones wait.
const CONNECTIONS_MAX: usize = 10_000;
/// First size of the buffer for a request head, in bytes. That of CONNECT fits.
const HEAD_BYTES: usize = 512;
/// Address of sockets in sign responses for clients on other machines, which reach it through the proxy
/// (docs/protocol.md §1.7).
const REAL_SOCKETS: &str = "wss://webcast-ws.tiktok.com";
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// How clients reach a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As an HTTP proxy.
    Proxy,
    /// As a TLS server, because the hosts are redirected to it.
    Tls,
}

/// Accepts clients of a mock.
#[derive(Debug)]
pub struct Front {
    mock: Arc<MockTikTok>,
    hosts: Hosts,
    certificates: Certificates,
    reports: Reports,
    places: Arc<Semaphore>,
}

impl Front {
    /// Creates a front that answers with certificates of `ca`. `report` shows why it did not answer a client.
    ///
    /// # Errors
    /// If the system cannot provide random bytes.
    pub fn new(mock: Arc<MockTikTok>, hosts: Hosts, ca: Ca, report: Report) -> Result<Self, Problem> {
        let (certificates, places) = (Certificates::new(ca)?, Arc::new(Semaphore::new(CONNECTIONS_MAX)));
        Ok(Self { mock, hosts, certificates, reports: Reports::new(report), places })
    }

    /// Accepts connections until `stop`, which also ends them.
    pub async fn accept<L>(self: Arc<Self>, mut listener: L, mode: Mode, stop: CancellationToken)
    where
        L: Listener<Io: Wire, Addr: Peer>,
    {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            let (io, address) = select! {
                biased;
                () = stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (front, stop, from) = (Arc::clone(&self), stop.clone(), address.ip());
            tokio::spawn(async move {
                select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = front.serve(io, from, mode) => {}
                }
                drop(place);
            });
        }
    }

    async fn serve<I: Wire>(&self, io: I, from: Option<IpAddr>, mode: Mode) {
        match mode {
            Mode::Proxy => self.proxy(io, from).await,
            Mode::Tls => self.decrypt(Prefixed { read: BytesMut::new(), io }, None, from).await,
        }
    }

    /// Handles a connection to the proxy.
    async fn proxy<I: Wire>(&self, mut io: I, from: Option<IpAddr>) {
        let mut read = BytesMut::with_capacity(HEAD_BYTES);
        let asked = match timeout_at(clock::now() + HEAD_MAX, head::read(&mut io, &mut read)).await {
            Ok(Ok(None)) => return,
            Ok(asked) => asked,
            Err(_) if read.is_empty() => return,
            Err(_) => Err(Refused::Late),
        };
        let opened = match asked {
            Ok(Some(asked)) => self.open(&asked).await.map(|far| (asked, far)),
            Ok(None) => return,
            Err(refused) => Err(refused),
        };
        let (Requested { target, forwarded }, far) = match opened {
            Ok(opened) => opened,
            Err(refused) => {
                self.reports.add(&refused.line());
                let _ = io.write_all(refused.response().as_bytes()).await;
                return;
            }
        };
        let is_connect = forwarded.is_none();
        let mut request_bytes = None;
        match forwarded {
            None if io.write_all(ESTABLISHED).await.is_err() => return,
            None => {}
            Some(Forwarded { head, body }) => {
                request_bytes = body.map(|body| body.saturating_add(head.len() as u64));
                read = BytesMut::from_iter(head.into_iter().chain(read));
            }
        }
        let io = Prefixed { read, io };
        match far {
            // How a tunnel ends only concerns its two sides.
            Some(far) => drop(hosts::copy(io, far, request_bytes).await),
            None if is_connect && target.is_tls => self.decrypt(io, Some(target.host), from).await,
            None => self.answer(from, Stream::plain(io)).await,
        }
    }

    /// Checks the host, and connects to it if it is passed.
    async fn open(&self, asked: &Requested) -> Result<Option<TcpStream>, Refused> {
        let Target { host, port, is_tls } = &asked.target;
        match self.hosts.route(host, *port)? {
            Route::Answer => Ok(None),
            Route::Pass if *is_tls && asked.forwarded.is_some() => {
                Err(Refused::Bad("https:// hosts of --pass need CONNECT"))
            }
            // The end of the request must be known, because the next one could be for another host.
            Route::Pass if asked.forwarded.as_ref().is_some_and(|it| it.body.is_none()) => {
                Err(Refused::Bad("WebSockets and chunked bodies to hosts of --pass need CONNECT"))
            }
            Route::Pass => hosts::connect(&self.hosts, host, *port).await.map(Some),
        }
    }

    /// Runs the handshake, and passes the connection to the mock. `host` is that of CONNECT.
    async fn decrypt<I: Wire>(&self, io: Prefixed<I>, host: Option<String>, from: Option<IpAddr>) {
        // Boxed, so that the larger future of the handshake does not occupy memory during the connection.
        let handshake = Box::pin(self.certificates.accept(io, host.as_deref()));
        match timeout_at(clock::now() + HANDSHAKE_MAX, handshake).await {
            Ok(Ok((host, mut io))) => {
                match timeout_at(clock::now() + HEAD_MAX, io.fill_buf()).await {
                    Ok(Ok([_, ..])) => {}
                    Err(_) => return,
                    Ok(_) => return self.reports.add(&tls::without_request(&host)),
                }
                self.answer(from, Stream::tls(io)).await;
            }
            Ok(Err(Some(line))) => self.reports.add(&line),
            // The client only opened the connection, as browsers and port scanners do.
            Ok(Err(None)) => {}
            Err(_) => {
                let host = host.as_deref().unwrap_or("a TLS client");
                self.reports.add(&format!("{host}: the TLS handshake took longer than {HANDSHAKE_MAX:?}"));
            }
        }
    }

    /// Answers as the mock does on its own port. Many clients do not send sockets through a proxy: on this
    /// machine, sign responses name the mock's own address, because such sockets would leave the machine.
    async fn answer<I: Wire>(&self, from: Option<IpAddr>, io: Stream<I>) {
        let is_local = from.is_none_or(|address| address.is_loopback());
        let sockets =
            if is_local { self.mock.url().replacen("http", "ws", 1) } else { REAL_SOCKETS.to_owned() };
        self.mock.serve(io, from, sockets).await;
    }
}

/// Maximum number of different lines. Further ones count together.
const LINES_MAX: usize = 256;

/// Counts each line, and reports it the first, second, fourth, eighth, … time.
#[derive(Debug)]
struct Reports {
    counts: Mutex<HashMap<String, u64>>,
    report: Report,
}

/// Shows a line, and how often it occurred.
pub type Report = fn(line: &str, count: u64);

impl Reports {
    fn new(report: Report) -> Self {
        Self { counts: Mutex::default(), report }
    }

    fn add(&self, line: &str) {
        if let Some(count) = self.count(line) {
            (self.report)(line, count);
        }
    }

    /// Returns the count of a line if it has to be reported.
    fn count(&self, line: &str) -> Option<u64> {
        // Held for a few instructions, never across an `.await`.
        let mut counts = self.counts.lock();
        let line = if counts.contains_key(line) || counts.len() < LINES_MAX { line } else { "" };
        let count = counts.entry(line.to_owned()).or_default();
        *count += 1;
        count.is_power_of_two().then_some(*count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_reported_less_and_less_often() {
        let reports = Reports::new(|_, _| {});
        let reported: Vec<_> = (0..100).filter_map(|_| reports.count("a")).collect();
        assert_eq!(reported, [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(reports.count("b"), Some(1));
        let lines = (0..10_000).filter(|at| reports.count(&at.to_string()).is_some()).count();
        assert!(lines < LINES_MAX + 20, "{lines}");
    }
}
