//! Accepts connections. Each one is a task that answers requests until it becomes a WebSocket or ends.

mod admin;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use livetape_io::{clock, net::Listener};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    join, select,
    sync::Semaphore,
    time::{sleep_until, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    MockTikTok,
    answers::{Action, Delivery, answer, purpose},
    http::{HEAD_BYTES_MAX, ReadError, Request, Response, read_request},
    link::{
        Link,
        connection::{ClientConnection, Wire, dribble},
        link,
    },
    scenario::FaultKind,
    socket,
    state::{
        MockState,
        journal::{Happened, bounded, bounded_pairs},
        windows::http_date,
    },
};

/// How long a client may take for a request, including the pause before it.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// How long a client may send the rest of a request that was rejected.
const REST_MAX: Duration = Duration::from_secs(10);
/// Limit of an endless body, in bytes, so that it cannot fill the client's disk. One part a millisecond takes
/// 65 s, on any machine.
const ENDLESS_BYTES_MAX: usize = 1 << 30;
/// Maximum number of concurrent connections. Further ones wait.
const CONNECTIONS_MAX: usize = 10_000;

/// Returns a token that is cancelled when the guard is dropped.
pub(crate) fn stop() -> (CancellationToken, DropGuard) {
    let stop = CancellationToken::new();
    (stop.clone(), stop.drop_guard())
}

/// Accepts connections until the mock is dropped, which also ends them.
pub(crate) async fn accept<L>(
    mut listener: L,
    mock: Arc<MockState>,
    stop: CancellationToken,
    name: fn(L::Addr) -> String,
) where
    L: Listener<Io: Wire>,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (io, address) = select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let connection = ClientConnection::new(&mock, name(address), None);
        let stop = stop.clone();
        tokio::spawn(async move {
            select! {
                biased;
                () = stop.cancelled() => {}
                () = serve(io, connection) => {}
            }
            drop(place);
        });
    }
}

impl MockTikTok {
    /// Serves a connection that the caller accepted, such as a decrypted one, until it or the mock ends.
    /// `client` is the address to log. Sign responses send its socket to the origin `sockets`, e.g.
    /// `wss://webcast-ws.tiktok.com`. Hidden, because only the proxy needs it.
    ///
    /// ```
    /// # use livetape_mock::*;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    /// let mock = MockTikTok::in_memory(Scenario::live("ann")).unwrap();
    /// let (mut client, io) = tokio::io::duplex(1 << 16);
    /// client.write_all(b"GET / HTTP/1.1\r\nHost: www.tiktok.com\r\nConnection: close\r\n\r\n").await.unwrap();
    /// mock.serve(io, None, "wss://webcast-ws.tiktok.com".into()).await;
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer).await.unwrap();
    /// assert!(answer.starts_with("HTTP/1.1 200 OK"));
    /// # }
    /// ```
    #[doc(hidden)]
    pub async fn serve(&self, io: impl Wire, client: Option<IpAddr>, sockets: String) {
        let address = client.map(|address| address.to_string()).unwrap_or_default();
        let connection = ClientConnection::new(&self.mock, address, Some(sockets));
        select! {
            biased;
            () = self.stop.cancelled() => {}
            () = serve(io, connection) => {}
        }
    }
}

/// Answers the requests of a connection, through the network of the scenario.
async fn serve<I: Wire>(io: I, connection: ClientConnection) {
    let (link, drive) = link(io, &connection);
    join!(biased; answer_all(link, connection), drive);
}

async fn answer_all<I: Wire>(mut io: Link<I>, connection: ClientConnection) {
    let mut buffer = BytesMut::with_capacity(HEAD_BYTES_MAX);
    loop {
        let mut request = match timeout_at(clock::now() + IDLE_MAX, read_request(&mut io, &mut buffer)).await
        {
            Ok(Ok(request)) => request,
            Ok(Err(ReadError::Bad(status, message))) => {
                let response = Response::text(status, message).with("Connection", "close");
                return refuse(&mut io, &response).await;
            }
            Ok(Err(ReadError::Ended)) | Err(_) => return,
        };
        request.sockets = connection.sockets.clone();
        if let Some(response) = admin::answer(&connection, &request) {
            if whole(&mut io, &persistent(response, &request)).await.is_err() || request.wants_close() {
                return;
            }
            continue;
        }
        io.route(purpose(&connection.mock, &request)).await;
        let (answer, fault) = answer(&connection.mock, &request, &connection.address);
        log(&connection, &request, &answer, fault.as_ref());
        match answer {
            Action::Send(response, delivery) => {
                let mut response = response.with("Date", http_date(connection.mock.wall_ms() / 1000));
                if delivery == Delivery::Whole {
                    response = persistent(response, &request);
                }
                let sent = send(&mut io, &response, delivery).await;
                if sent.is_err() || delivery != Delivery::Whole || request.wants_close() {
                    return;
                }
            }
            Action::Upgrade(known) => return socket::open(io, buffer, connection, &request, &known).await,
            Action::Stall => return wait_for_the_end(&mut io).await,
            Action::Reset => return io.reset(),
        }
    }
}

fn log(connection: &ClientConnection, request: &Request, answer: &Action, fault: Option<&FaultKind>) {
    let (status, wait) = match answer {
        Action::Send(response, _) => (response.status, response.wait),
        Action::Upgrade(_) => (101, None),
        Action::Stall | Action::Reset => (0, None),
    };
    let happened = Happened::Request {
        method: bounded(&request.method),
        path: bounded(&request.path),
        query: bounded_pairs(&request.query),
        headers: bounded_pairs(&request.headers),
        status,
        fault: fault.map(FaultKind::name),
        wait,
    };
    connection.mock.log(connection.number, happened);
}

/// Adds whether the connection persists, unless the client expects it. Otherwise, clients that pool
/// connections would send their next request on one that ends.
fn persistent(response: Response, request: &Request) -> Response {
    match (request.wants_close(), request.is_http_1_0) {
        (true, _) => response.with("Connection", "close"),
        (false, true) => response.with("Connection", "keep-alive"),
        (false, false) => response,
    }
}

/// Rejects a request, and ends the connection. A client that still sends a body would lose the response if
/// that were not read.
async fn refuse<I: AsyncRead + AsyncWrite + Unpin>(io: &mut I, response: &Response) {
    if whole(io, response).await.is_ok() && io.shutdown().await.is_ok() {
        let _ = timeout_at(clock::now() + REST_MAX, wait_for_the_end(io)).await;
    }
}

/// Reads and discards until the client is gone.
async fn wait_for_the_end<I: AsyncRead + Unpin>(io: &mut I) {
    let mut nowhere = [0; 1024];
    while matches!(io.read(&mut nowhere).await, Ok(1..)) {}
}

/// Sends a complete response. TLS needs the flush.
async fn whole<I: AsyncWrite + Unpin>(io: &mut I, response: &Response) -> io::Result<()> {
    io.write_all(&response.bytes()).await?;
    io.flush().await
}

async fn send<I: AsyncWrite + Unpin>(io: &mut I, response: &Response, delivery: Delivery) -> io::Result<()> {
    match delivery {
        Delivery::Whole => io.write_all(&response.bytes()).await?,
        Delivery::Half => {
            let bytes = response.bytes();
            io.write_all(&bytes[..bytes.len() - response.body.len().div_ceil(2)]).await?;
        }
        Delivery::Slow(bytes_per_ms) => dribble(io, &response.bytes(), bytes_per_ms).await?,
        Delivery::Endless => {
            io.write_all(response.head(None).as_bytes()).await?;
            let start = clock::now();
            for number in 0..ENDLESS_BYTES_MAX / response.body.len() {
                sleep_until(start + Duration::from_millis(number as u64)).await;
                io.write_all(&response.body).await?;
                io.flush().await?;
            }
        }
    }
    io.flush().await
}
