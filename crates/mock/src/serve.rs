//! Accepts connections. Each one is a task that answers requests until it becomes a WebSocket or ends.
//! `/__admin/` lets programs on this machine read the log, change the scenario and the network, and advance
//! the clock.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use bytes::BytesMut;
use livetape_io::{clock, net::Listener};
use serde::Deserialize;
use serde_json::json;
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
    link::{ClientConnection, Link, Wire, dribble, link},
    scenario::{FaultKind, ScenarioError},
    socket,
    state::{
        MockState,
        journal::{Happened, LogEntry, bounded, bounded_pairs},
        memory::http_date,
        millis,
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
        if let Some(response) = administer(&connection, &request) {
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
            Action::Upgrade(known, delay) => {
                if delay.is_zero() || is_patient(&mut io, &mut buffer, delay).await {
                    socket::open(io, buffer, connection, &request, &known).await;
                }
                return;
            }
            Action::Stall => return wait_for_the_end(&mut io).await,
            Action::Reset => return io.reset(),
        }
    }
}

fn log(connection: &ClientConnection, request: &Request, answer: &Action, fault: Option<&FaultKind>) {
    let (status, wait) = match answer {
        Action::Send(response, _) => (response.status, response.wait),
        Action::Upgrade(..) => (101, None),
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

/// Waits before an answer. Returns whether the client is still there.
async fn is_patient<I: AsyncRead + Unpin>(io: &mut I, buffer: &mut BytesMut, delay: Duration) -> bool {
    let deadline = clock::now() + delay;
    loop {
        select! {
            biased;
            read = io.read_buf(buffer), if buffer.is_empty() => if !matches!(read, Ok(1..)) { return false },
            () = sleep_until(deadline) => return true,
        }
    }
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

const PREFIX: &str = "/__admin/";

/// Answers a request to `/__admin/`; returns `None` for any other path.
fn administer(connection: &ClientConnection, request: &Request) -> Option<Response> {
    let what = request.path.strip_prefix(PREFIX)?;
    if !is_local(connection, request) {
        return Some(error(403, "only programs on this machine may use the admin API"));
    }
    let mock = &connection.mock;
    Some(match (request.method.as_str(), what) {
        ("GET", "log") => read_log(connection, request),
        ("GET", "scenario") => toml(mock.memory.lock().script.scenario.to_toml()),
        ("PUT", "scenario") => change(request, |text| mock.replace(text)),
        ("GET", "network") => toml(mock.memory.lock().networks.to_toml()),
        ("PUT", "network") => change(request, |text| mock.set_networks(text)),
        ("DELETE", "network") => change(request, |_| mock.set_networks("")),
        ("GET", "clock") => clock(mock),
        ("POST", "clock") => advance(mock, &request.body),
        ("POST", "reset") => {
            mock.reset();
            Response::json(200, &json!({ "ok": true }))
        }
        (_, "log") => error(405, "use GET"),
        (_, "scenario") => error(405, "use GET or PUT"),
        (_, "network") => error(405, "use GET, PUT or DELETE"),
        (_, "clock") => error(405, "use GET or POST"),
        (_, "reset") => error(405, "use POST"),
        _ => error(404, "unknown path: use log, scenario, network, clock or reset"),
    })
}

fn toml(text: String) -> Response {
    Response::new(200, "application/toml", text)
}

/// Applies the TOML in the body of a request.
fn change(request: &Request, apply: impl FnOnce(&str) -> Result<(), ScenarioError>) -> Response {
    let Ok(text) = std::str::from_utf8(&request.body) else {
        return error(422, "the body is not UTF-8 text");
    };
    match apply(text) {
        Ok(()) => Response::json(200, &json!({ "ok": true })),
        Err(wrong) => error(422, &wrong.to_string()),
    }
}

/// Body of `POST /__admin/clock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

fn advance(mock: &MockState, body: &[u8]) -> Response {
    let Advance { advance_ms } = match serde_json::from_slice(body) {
        Ok(advance) => advance,
        Err(wrong) => {
            return error(
                422,
                &format!("send {{\"advance_ms\": 30000}}, a whole number, 0 or more: {wrong}"),
            );
        }
    };
    if mock.advance(Duration::from_millis(advance_ms)) {
        clock(mock)
    } else {
        error(422, "the clock can be advanced by at most a year after the start or a reset")
    }
}

fn clock(mock: &MockState) -> Response {
    let (elapsed_ms, advanced_ms) = {
        let memory = mock.memory.lock();
        (millis(mock.since_start(&memory)), millis(mock.clock.advanced() - memory.advanced))
    };
    let clock = json!({ "elapsed_ms": elapsed_ms, "wall_ms": mock.wall_ms(), "advanced_ms": advanced_ms });
    Response::json(200, &clock)
}

/// Returns the log. The parameter `what` limits it to a comma-separated list of [`Happened`] kinds.
fn read_log(connection: &ClientConnection, request: &Request) -> Response {
    let wanted: Vec<&str> = request.param("what").map(|what| what.split(',').collect()).unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|name| !Happened::NAMES.contains(name)) {
        let names = Happened::NAMES.join(", ");
        return error(400, &format!("`what` has the unknown value `{unknown}`: use {names}"));
    }
    let state = connection.mock.memory.lock();
    let is_wanted = |entry: &&LogEntry| wanted.is_empty() || wanted.contains(&entry.what.name());
    let entries: Vec<&LogEntry> = state.journal.entries.iter().filter(is_wanted).collect();
    Response::json(200, &json!({ "entries": entries, "dropped": state.journal.dropped }))
}

/// Whether a program on this machine sent the request. Web pages are rejected even in a local browser: they
/// send an `Origin`, or use a foreign host name that resolves to this server.
fn is_local(connection: &ClientConnection, request: &Request) -> bool {
    let address =
        connection.address.parse().map_or(connection.address.is_empty(), |it: IpAddr| it.is_loopback());
    let name = request.host_name();
    let named = name == "localhost" || name.parse().is_ok_and(|it: IpAddr| it.is_loopback());
    address && named && request.header("origin").is_none()
}

fn error(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "error": message }))
}
