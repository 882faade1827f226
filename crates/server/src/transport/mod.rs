//! Connections below HTTP: tasks that end together, bodies in time, and limits on concurrent connections, in total and for each
//! address, with the 503 beyond them.

#[cfg(feature = "tls")]
pub(super) mod tls;

use std::{
    collections::HashMap,
    future::poll_fn,
    hint::black_box,
    io,
    net::IpAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    http::{HeaderValue, Method, StatusCode, header},
};
use hyper::{
    Request,
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use parking_lot::Mutex;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    select,
    sync::Semaphore,
    time::{Instant, Sleep, sleep_until, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_service::Service as _;

use crate::{
    access::POLICY,
    routes::door::{Door, Stray},
    state::{Asker, Meter, Traffic},
};

use tls::Tls;

/// No TLS: the feature `tls` is off.
#[cfg(not(feature = "tls"))]
pub(super) mod tls {
    use std::future::Ready;

    /// A certificate with its key. Cannot exist without the feature `tls`.
    #[derive(Clone, Debug)]
    pub enum Tls {}

    impl Tls {
        pub(super) fn accept<I>(&self, _: I) -> Ready<Option<I>> {
            match *self {}
        }
    }
}

/// Limits of connections and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub connections_max: usize,
    /// Maximum number of concurrent connections from one public address. An IPv6 /64 network counts as one
    /// address. Behind other addresses, a proxy or a container's network may serve many clients.
    pub connections_per_address_max: usize,
    /// Maximum time for a TLS handshake.
    pub handshake_max: Duration,
    /// Maximum time until a request head has arrived, from the start of the connection or the last response.
    pub head_max: Duration,
    /// Maximum time between two chunks of a request body.
    pub body_gap_max: Duration,
    pub head_bytes_max: usize,
    pub body_bytes_max: usize,
    /// Maximum time for flushing sockets when the server shuts down.
    pub drain_max: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 12_000,
            connections_per_address_max: 256,
            handshake_max: Duration::from_secs(10),
            head_max: Duration::from_secs(30),
            body_gap_max: Duration::from_secs(10),
            head_bytes_max: 16 * 1024,
            body_bytes_max: 64 * 1024,
            drain_max: Duration::from_secs(5),
        }
    }
}

/// All connections of a server. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    /// All tasks that the server waits for at its end, those of upgraded connections included.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when all connections must be dropped.
    pub(crate) abort: CancellationToken,
    admission: Admission,
    bounds: Bounds,
    tls: Option<Tls>,
    strays: Arc<Strays>,
}

/// Notes TLS on ports without it.
#[derive(Debug, Default)]
struct Strays {
    was_logged: AtomicBool,
    door: Option<Door>,
}

impl Strays {
    fn note_tls(&self) {
        if let Some(door) = &self.door {
            door.note_stray(Stray::Tls);
        }
        if !self.was_logged.swap(true, Ordering::Relaxed) {
            let hint = "use ws:// and http://, or set `server.tls_cert` and `server.tls_key`";
            tracing::warn!("❌ A client begins TLS, which this port does not have: {hint}");
        }
    }
}

/// Request extension that drops the connection when cancelled, even with unsent data. Also cancelled when the
/// connection ends or is upgraded.
#[derive(Clone, Debug)]
pub(crate) struct Reset(pub CancellationToken);

/// Everything that a connection needs to serve requests.
#[derive(Clone)]
struct Service {
    router: Router,
    reset: Reset,
    asker: Asker,
    shutdown: CancellationToken,
    bounds: Bounds,
    strays: Arc<Strays>,
}

impl Connections {
    pub(crate) fn new(bounds: Bounds, tls: Option<Tls>, door: Option<Door>) -> Self {
        let admission = Admission::new(&bounds);
        let strays = Arc::new(Strays { door, ..Strays::default() });
        Self { tasks: TaskTracker::new(), abort: CancellationToken::new(), admission, bounds, tls, strays }
    }

    /// Returns the same connections, for a listener that only serves plain HTTP.
    pub(crate) fn without_tls(&self) -> Self {
        Self { tls: None, ..self.clone() }
    }

    /// Serves HTTP on `io` until either side ends it. When `shutdown` is cancelled, the request in progress
    /// is still answered. At the connection limit, the client gets a 503.
    pub(crate) fn spawn<I>(&self, io: I, asker: Option<IpAddr>, router: Router, shutdown: CancellationToken)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let slot = match self.admission.enter(asker) {
            Ok(slot) => slot,
            Err(full) => return self.turn_away(io, full),
        };
        let reset = self.abort.child_token();
        let (bounds, tls, strays) = (self.bounds, self.tls.clone(), Arc::clone(&self.strays));
        self.tasks.spawn(async move {
            let _ended = reset.clone().drop_guard();
            let reset = Reset(reset);
            let asker = Asker(asker);
            let service = Service { router, reset: reset.clone(), asker, shutdown, bounds, strays };
            select! {
                biased;
                () = reset.0.cancelled() => {}
                () = secure(io, slot, tls, service) => {}
            }
        });
    }

    /// Rejects a connection, with a response only without TLS: a handshake costs more than the connection
    /// would.
    fn turn_away<I>(&self, io: I, full: Full)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let refused: u64 = self.admission.refused().iter().map(|(_, count)| count).sum();
        // Log the rejections 1, 2, 4, 8, …, so that a flood does not flood the log, too.
        if refused.is_power_of_two() {
            tracing::warn!(refused, why = full.name(), "❌ Connection rejected: too many");
        }
        if self.tls.is_some() {
            return;
        }
        let Ok(slot) = Arc::clone(&self.admission.rejecting).try_acquire_owned() else { return };
        self.tasks.spawn(self.abort.clone().run_until_cancelled_owned(async move {
            let _slot = slot;
            reject(io, full).await;
        }));
    }

    pub(crate) fn refused(&self) -> [(&'static str, u64); 2] {
        self.admission.refused()
    }

    /// Waits until the last connection has ended.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Runs the TLS handshake if TLS is configured, then serves HTTP.
async fn secure<I>(io: I, slot: ConnectionSlot, tls: Option<Tls>, service: Service)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(tls) = tls else { return converse(io, slot, service).await };
    let shaken = async {
        let deadline = clock::now() + service.bounds.handshake_max;
        select! {
            biased;
            // No request has arrived yet.
            () = service.shutdown.cancelled() => None,
            shaken = timeout_at(deadline, tls.accept(io)) => shaken.ok().flatten(),
        }
    };
    if let Some(io) = shaken.await {
        converse(io, slot, service).await;
    }
}

async fn converse<I>(io: I, slot: ConnectionSlot, service: Service)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Service { router, reset, asker, shutdown, bounds, strays } = service;
    let (unread, traffic) = (Arc::new(AtomicBool::new(false)), Traffic::default());
    let io = Metered::new(io, &traffic, Arc::clone(&unread), slot, strays);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(reset.clone());
        request.extensions_mut().insert(asker);
        request.extensions_mut().insert(traffic.clone());
        // A router is always ready, so `poll_ready` is not needed.
        let is_upload = request.method() == Method::PUT && request.uri().path().starts_with("/recordings/");
        // With `Expect: 100-continue`, reading the body would ask the client to send it.
        let is_sent = !request.headers().contains_key(header::EXPECT);
        let (head, body) = request.into_parts();
        // Requests without a body, such as those for WebSockets, need no memory for it.
        let timed = |body| SharedBody::new(Timed::new(body, is_upload, bounds.body_gap_max));
        let body = (!body.is_end_stream()).then(|| timed(body));
        let sent = body.clone().map_or_else(Body::empty, Body::new);
        let answer = router.clone().call(Request::from_parts(head, sent));
        let unread = Arc::clone(&unread);
        async move {
            let mut answer = answer.await?;
            if let Some(body) = body
                && answer.status() != StatusCode::SWITCHING_PROTOCOLS
                && !body.skip(is_sent).await
            {
                unread.store(true, Ordering::Relaxed);
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        // A client that closes its half after a request still gets the whole answer.
        .half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_max)
        .max_buf_size(bounds.head_bytes_max)
        .serve_connection(TokioIo::new(io), answer)
        .with_upgrades();
    let mut connection = pin!(connection);
    // Errors are caused by the client, which has been notified if possible.
    select! {
        biased;
        _ = connection.as_mut() => return,
        () = shutdown.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Maximum number of bytes read after a response that ends the connection.
const UNREAD_BYTES_MAX: usize = 4 << 20;
/// Maximum time for reading them.
const UNREAD_TIME_MAX: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 8 * 1024;
/// Number of bytes dropped at once that a client sends while it reads `/events`.
const IGNORED_BYTES: usize = 256;

/// Beginning of a TLS handshake: a record of this type, in version 3 (RFC 8446, 5.1).
const TLS_HELLO: [u8; 2] = [22, 3];

/// An accepted connection. It holds its slot until dropped, upgraded or not.
struct Metered<I> {
    io: I,
    meter: Meter,
    /// Whether the connection ends with a request that was not read to its end.
    unread: Arc<AtomicBool>,
    unread_bytes: usize,
    unread_timer: Option<Pin<Box<Sleep>>>,
    /// Until the first bytes have arrived.
    strays: Option<Arc<Strays>>,
    _slot: ConnectionSlot,
}

impl<I> Metered<I> {
    fn new(
        io: I,
        traffic: &Traffic,
        unread: Arc<AtomicBool>,
        slot: ConnectionSlot,
        strays: Arc<Strays>,
    ) -> Self {
        let (meter, strays) = (traffic.meter(), Some(strays));
        Self { io, meter, unread, unread_bytes: 0, unread_timer: None, strays, _slot: slot }
    }
}

impl<I: AsyncRead + Unpin> Metered<I> {
    /// Fails if the client has closed its half. The HTTP library does not read while it answers, so it would notice
    /// only when it writes. What the client sends is dropped, because no request follows.
    fn check_presence(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut ignored = [0; IGNORED_BYTES];
        loop {
            let mut ignored = ReadBuf::new(&mut ignored);
            // Now and then pending, so that a client that sends without pause does not keep the task here.
            match Pin::new(&mut self.io).poll_read(cx, &mut ignored)? {
                Poll::Ready(()) if ignored.filled().is_empty() => {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                Poll::Ready(()) => {}
                Poll::Pending => return Ok(()),
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Metered<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buf);
        let received = &buf.filled()[before..];
        this.meter.received(received.len());
        if let Some(strays) = this.strays.take_if(|_| !received.is_empty())
            && received.starts_with(&TLS_HELLO)
        {
            strays.note_tls();
        }
        read
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Metered<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.meter.sent(Pin::new(&mut this.io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.meter.sent(Pin::new(&mut this.io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        // Shards ask this to load the memory that a write needs.
        black_box(self.meter.reads_lines());
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.meter.reads_lines() {
            this.check_presence(cx)?;
        }
        Pin::new(&mut this.io).poll_flush(cx)
    }

    /// Closing a socket with unread data would discard the response, so this first reads until the client
    /// closes the connection, within limits.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = ready!(Pin::new(&mut this.io).poll_shutdown(cx));
        if !this.unread.load(Ordering::Relaxed) {
            return Poll::Ready(shut);
        }
        let due = || Box::pin(sleep_until(clock::now() + UNREAD_TIME_MAX));
        let timer = this.unread_timer.get_or_insert_with(due);
        while this.unread_bytes < UNREAD_BYTES_MAX && timer.as_mut().poll(cx).is_pending() {
            let mut ignored = [0; READ_BYTES];
            let mut ignored = ReadBuf::new(&mut ignored);
            let read = ready!(Pin::new(&mut this.io).poll_read(cx, &mut ignored));
            if read.is_err() || ignored.filled().is_empty() {
                break;
            }
            this.unread_bytes += ignored.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}

/// Maximum total time for the body of a request.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);
/// Maximum total time for an upload: enough for 2 GiB at 5 Mbit/s.
const UPLOAD_TIME_MAX: Duration = Duration::from_secs(60 * 60);
/// Maximum length of an unread remainder that is skipped, in bytes.
const SKIPPED_BYTES_MAX: u64 = 64 * 1024;

/// A body that the handler reads, and afterwards the connection. Clones share it.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<Timed>>);

impl SharedBody {
    fn new(body: Timed) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Skips what the handler left unread, if it is short and `is_sent`. Returns whether the connection can
    /// serve another request.
    async fn skip(self, is_sent: bool) -> bool {
        let (length, time_max) = {
            let body = self.0.lock();
            if body.is_end_stream() || body.is_failed {
                return body.is_end_stream();
            }
            (body.size_hint().exact(), body.gap_max)
        };
        if !is_sent || length.is_none_or(|bytes| bytes > SKIPPED_BYTES_MAX) {
            return false;
        }
        let skipped = async {
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut *self.0.lock()).poll_frame(cx)).await {
                if frame.is_err() {
                    return false;
                }
            }
            true
        };
        timeout(time_max, skipped).await.unwrap_or(false)
    }
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.0.lock()).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().size_hint()
    }
}

/// A body that fails when no data arrives for too long, or when it takes too long in total.
struct Timed {
    body: Incoming,
    gap_max: Duration,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    is_over: bool,
    is_failed: bool,
}

impl Timed {
    fn new(body: Incoming, is_upload: bool, gap_max: Duration) -> Self {
        let time_max = if is_upload { UPLOAD_TIME_MAX } else { BODY_TIME_MAX };
        let deadline = clock::now() + time_max;
        Self { body, gap_max, deadline, timer: None, is_over: false, is_failed: false }
    }

    fn poll_in_time(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let late = || Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))));
        if clock::now() >= self.deadline {
            return late();
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(axum::Error::new)));
        }
        let (gap_max, deadline) = (self.gap_max, self.deadline);
        let due = || deadline.min(clock::now() + gap_max);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due())));
        ready!(timer.as_mut().poll(cx));
        late()
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = ready!(this.poll_in_time(cx));
        this.is_over |= frame.is_none();
        this.is_failed |= frame.as_ref().is_some_and(Result::is_err);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Counter of open connections. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    all_max: usize,
    per_address_max: usize,
    // Held for a few instructions, never across an `.await`.
    inside: Arc<Mutex<Inside>>,
    /// Slots of connections that are being rejected.
    rejecting: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    /// Number of rejections because of each limit, in the order of [`Full`].
    refused: [u64; 2],
    /// Number of connections for each network. Networks without connections are removed.
    by_network: HashMap<IpAddr, usize>,
}

/// A connection's slot, released on drop.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    inside: Arc<Mutex<Inside>>,
    network: Option<IpAddr>,
}

/// Maximum number of connections that get a rejection response at the same time; others are dropped.
const REJECTING_MAX: usize = 64;

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    All,
    Address,
}

impl Full {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Address => "address",
        }
    }
}

impl Admission {
    pub(crate) fn new(bounds: &Bounds) -> Self {
        let (all_max, per_address_max) = (bounds.connections_max, bounds.connections_per_address_max);
        let rejecting = Arc::new(Semaphore::new(REJECTING_MAX));
        Self { all_max, per_address_max, inside: Arc::default(), rejecting }
    }

    pub(crate) fn enter(&self, address: Option<IpAddr>) -> Result<ConnectionSlot, Full> {
        let network = address.and_then(network);
        let mut inside = self.inside.lock();
        let full = match network {
            _ if inside.all >= self.all_max => Some(Full::All),
            Some(network) if inside.by_network.get(&network) >= Some(&self.per_address_max) => {
                Some(Full::Address)
            }
            _ => None,
        };
        if let Some(full) = full {
            inside.refused[full as usize] += 1;
            return Err(full);
        }
        inside.all += 1;
        if let Some(network) = network {
            *inside.by_network.entry(network).or_default() += 1;
        }
        Ok(ConnectionSlot { inside: Arc::clone(&self.inside), network })
    }

    /// Returns the number of rejections for each limit.
    pub(crate) fn refused(&self) -> [(&'static str, u64); 2] {
        let [all, address] = self.inside.lock().refused;
        [(Full::All.name(), all), (Full::Address.name(), address)]
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut inside = self.inside.lock();
        inside.all -= 1;
        let Some(network) = self.network else { return };
        if let Some(count) = inside.by_network.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                inside.by_network.remove(&network);
            }
        }
    }
}

/// Returns the public network that counts as one address.
fn network(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => (!address.is_private() && !address.is_link_local()).then_some(address.into()),
        IpAddr::V6(address) => {
            let is_local = address.is_unique_local() || address.is_unicast_link_local();
            (!is_local).then(|| IpAddr::V6((u128::from(address) & (u128::MAX << 64)).into()))
        }
    }
}

/// Maximum time for the client to receive the response.
const TIME_MAX: Duration = Duration::from_secs(1);
/// Maximum number of bytes read after the response. Closing a socket with unread data would discard the
/// response.
const READ_BYTES_MAX: u64 = 16 * 1024;

/// Writes the response and closes the connection.
pub(crate) async fn reject<I: AsyncRead + AsyncWrite + Unpin>(mut io: I, full: Full) {
    let deadline = clock::now() + TIME_MAX;
    let told = async {
        io.write_all(refusal(full).as_bytes()).await?;
        io.shutdown().await?;
        let mut ignored = io.take(READ_BYTES_MAX);
        tokio::io::copy(&mut ignored, &mut tokio::io::sink()).await
    };
    // If the client does not read the response, nothing is left to do.
    let _ = timeout_at(deadline, told).await;
}

fn refusal(full: Full) -> String {
    let message = match full {
        Full::All => "too many connections",
        Full::Address => "too many connections from this address",
    };
    let Problem { code, message, hint, .. } = Problem::new(Code::Capacity, message);
    let body = json!({ "error": { "code": code, "message": message, "hint": hint } }).to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         retry-after: 1\r\nx-content-type-options: nosniff\r\ncross-origin-resource-policy: same-site\r\n\
         content-security-policy: {POLICY}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_and_released() {
        let admission = Admission::new(&Bounds {
            connections_max: 4,
            connections_per_address_max: 2,
            ..Bounds::default()
        });
        let enter = |address: &str| admission.enter(Some(address.parse().unwrap()));
        let _first = enter("192.0.2.1").unwrap();
        let second = enter("::ffff:192.0.2.1").unwrap();
        assert_eq!(enter("192.0.2.1").unwrap_err(), Full::Address);
        drop(second);
        let _second = enter("192.0.2.1").unwrap();
        let _third = enter("2001:db8::1").unwrap();
        let fourth = enter("2001:db8::2").unwrap();
        assert_eq!(admission.inside.lock().all, 4);
        assert_eq!(enter("127.0.0.1").unwrap_err(), Full::All);
        drop(fourth);
        let _fourth = enter("2001:db8:0:0:1::").unwrap();
        drop(_third);
        assert_eq!(admission.refused(), [("all", 1), ("address", 1)]);
        let inside = admission.inside.lock();
        assert_eq!((inside.all, inside.by_network.len()), (3, 2));
    }

    #[test]
    fn only_public_addresses_have_a_limit() {
        let admission = Admission::new(&Bounds { connections_per_address_max: 1, ..Bounds::default() });
        let enter = |address: &str| admission.enter(Some(address.parse().unwrap()));
        let local = [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "172.17.0.1",
            "192.168.1.2",
            "169.254.0.1",
            "fd00::1",
            "fe80::1",
        ];
        for address in local {
            let (_first, mapped) = (enter(address).unwrap(), format!("::ffff:{address}"));
            enter(if address.contains(':') { address } else { &mapped }).unwrap();
        }
        for address in ["192.0.2.1", "172.32.0.1", "2001:db8::1", "fec0::1"] {
            let _first = enter(address).unwrap();
            assert_eq!(enter(address).unwrap_err(), Full::Address, "{address}");
        }
    }
}
