//! The mock's end of a connection, and the network that it goes through: packets on their way, in order.
//! Without a network, every call goes straight to the transport.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    select,
    time::{Instant, Sleep, sleep_until},
};

use crate::{
    random::Random,
    scenario::Network,
    state::{
        MockState,
        journal::Happened,
        memory::{Passage, Purpose},
    },
};

/// The mock's end of a connection. Dropping it ends the connection, once everything that was sent has
/// arrived.
pub(super) struct Link<I: Wire>(Arc<Line<I>>);

/// A connection. Its link puts packets on their way, and [`drive`] delivers them.
struct Line<I> {
    connection: ClientConnection,
    state: Mutex<LineState<I>>,
}

/// Returns the mock's end of a connection, and the future that delivers its packets.
pub(super) fn link<I: Wire>(
    io: I,
    connection: &ClientConnection,
) -> (Link<I>, impl Future<Output = ()> + use<I>) {
    let line = Arc::new(Line { connection: connection.clone(), state: Mutex::new(LineState::new(io)) });
    (Link(Arc::clone(&line)), drive(line))
}

/// Delivers packets until the connection has ended.
async fn drive<I: Wire>(line: Arc<Line<I>>) {
    let mut rerouted = line.connection.mock.rerouted();
    loop {
        select! {
            biased;
            Ok(()) = rerouted.changed() => {
                line.reroute();
            }
            finished = poll_fn(|cx| line.state.lock().poll_send(cx)) => {
                if finished == Finished::Cut {
                    line.cut();
                }
                return;
            }
        }
    }
}

impl<I: Wire> Line<I> {
    /// Chooses the network for a new purpose. Returns whether the request that it is from still has to pass
    /// through it.
    fn route(&self, purpose: Purpose) -> bool {
        let mut state = self.state.lock();
        let (had_network, read) = (state.passage.network.is_some(), std::mem::take(&mut state.read));
        state.purpose = Some(purpose);
        let is_new = self.choose(&mut state, false);
        if is_new && !had_network {
            state.send_request(read);
        }
        is_new && !had_network
    }

    /// Chooses again from new networks. Delayed packets arrive no later than if they were sent now.
    fn reroute(&self) {
        let mut state = self.state.lock();
        let is_ending = state.is_ending();
        if self.choose(&mut state, is_ending) {
            state.hurry();
        }
    }

    /// Returns whether the network is another one than before.
    fn choose(&self, state: &mut LineState<I>, is_ending: bool) -> bool {
        let LineState { purpose: Some(purpose), passage, .. } = state else { return false };
        let random = {
            let networks = &mut self.connection.mock.memory.lock().networks;
            networks.choose(purpose, passage, is_ending).then(|| networks.random(passage))
        };
        random.map(|random| state.enter(random)).is_some()
    }

    /// Ends the connection at once.
    fn cut(&self) {
        self.connection.is_cut.store(true, Ordering::Relaxed);
        self.connection.mock.log(self.connection.number, Happened::network_cut());
        self.state.lock().reset();
    }
}

impl<I: Wire> Link<I> {
    /// Chooses the network for the purpose of a request, and waits until the request has passed through it.
    pub(super) async fn route(&self, purpose: Purpose) {
        if self.0.route(purpose) {
            poll_fn(|cx| self.0.state.lock().poll_request(cx)).await;
        }
    }
}

impl<I: Wire> Wire for Link<I> {
    fn reset(self) {
        self.0.state.lock().ends_with_reset = true;
    }
}

impl<I: Wire> Drop for Link<I> {
    fn drop(&mut self) {
        self.0.state.lock().leave();
    }
}

impl<I: Wire> AsyncRead for Link<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0.state.lock().poll_read(cx, buffer)
    }
}

impl<I: Wire> AsyncWrite for Link<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.state.lock().poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.state.lock().poll_flush(cx)
    }

    /// The end arrives like a packet, so this does not wait for it.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.state.lock().end();
        Poll::Ready(Ok(()))
    }
}

/// Minimum write size for throttled output, in bytes.
const DRIBBLE_BYTES_MIN: u32 = 1;

/// Transport of a connection, for [`MockTikTok::serve`](crate::MockTikTok::serve).
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Ends the connection abruptly, with a TCP reset where the transport has one.
    fn reset(self);
}

impl Wire for tokio::net::TcpStream {
    fn reset(self) {
        // With zero linger, dropping the stream sends a reset.
        let _ = self.set_zero_linger();
    }
}

impl Wire for tokio::io::DuplexStream {
    fn reset(self) {}
}

/// A connection, as the handlers see it.
#[derive(Clone, Debug)]
pub(crate) struct ClientConnection {
    pub(crate) mock: Arc<MockState>,
    /// Sequence number among all connections to the mock, from 1.
    pub(crate) number: u64,
    /// Client address without the port; empty in memory.
    pub(crate) address: String,
    pub(crate) random: Random,
    /// Origin of sockets in sign responses, e.g. `ws://127.0.0.1:3100`; `None`: the host of the request.
    pub(crate) sockets: Option<String>,
    /// Whether its network has cut it.
    pub(crate) is_cut: Arc<AtomicBool>,
}

impl ClientConnection {
    /// Counts a new connection to the mock. `address` is that of the client, without the port, and `sockets`
    /// the origin of sockets in sign responses.
    pub(crate) fn new(mock: &Arc<MockState>, address: String, sockets: Option<String>) -> Self {
        let (number, random) = mock.connection();
        Self { mock: Arc::clone(mock), number, address, random, sockets, is_cut: Arc::default() }
    }
}

/// Writes at `bytes_per_ms` bytes per millisecond.
pub(crate) async fn dribble<O: AsyncWrite + Unpin>(
    out: &mut O,
    bytes: &[u8],
    bytes_per_ms: u32,
) -> io::Result<()> {
    let start = clock::now();
    for (part, number) in bytes.chunks(bytes_per_ms.max(DRIBBLE_BYTES_MIN) as usize).zip(0_u64..) {
        sleep_until(start + Duration::from_millis(number)).await;
        out.write_all(part).await?;
        out.flush().await?;
    }
    Ok(())
}

/// How a connection has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finished {
    /// Either side has closed it.
    Closed,
    /// The network cuts it.
    Cut,
}

pub(super) struct LineState<I> {
    /// `None` after the end.
    io: Option<I>,
    pub(super) purpose: Option<Purpose>,
    pub(super) passage: Passage,
    /// Number of bytes read without a network since the last request.
    pub(super) read: usize,
    from_client: Lane,
    to_client: Lane,
    /// Number of bytes that the client may still receive.
    bytes_left: Option<u64>,
    cut: Option<Pin<Box<Sleep>>>,
    /// Whether the mock's end has been dropped.
    is_left: bool,
    ends_with_reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    driver: Option<Waker>,
}

impl<I: Wire> LineState<I> {
    fn new(io: I) -> Self {
        Self {
            io: Some(io),
            purpose: None,
            passage: Passage::default(),
            read: 0,
            from_client: Lane::new(),
            to_client: Lane::new(),
            bytes_left: None,
            cut: None,
            is_left: false,
            ends_with_reset: false,
            reader: None,
            writer: None,
            driver: None,
        }
    }

    /// Starts with the network that was chosen, or without one.
    fn enter(&mut self, [from_client, to_client]: [Random; 2]) {
        (self.from_client.random, self.to_client.random) = (from_client, to_client);
        let network = self.passage.network.as_deref();
        self.bytes_left = network.and_then(|network| network.cut_after_bytes);
        let cut_after = network.and_then(|network| network.cut_after_ms).map(Duration::from_millis);
        self.cut = cut_after.map(|after| Box::pin(sleep_until(clock::now() + after)));
        wake(&mut self.driver);
    }

    /// Sends a request through the network that was already read without one.
    fn send_request(&mut self, length: usize) {
        self.from_client.arrival(length, self.passage.network.as_deref());
    }

    /// Waits for the arrival of that request.
    fn poll_request(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.reader = Some(cx.waker().clone());
        self.from_client.poll_last(cx)
    }

    /// Whether one side has already ended the connection, even if the other cannot know it yet.
    fn is_ending(&mut self) -> bool {
        let reader = self.reader.clone().unwrap_or_else(|| Waker::noop().clone());
        self.receive(&mut Context::from_waker(&reader));
        self.is_left || self.to_client.is_closed || self.from_client.is_closed
    }

    /// Lets packets arrive that would arrive earlier if they were sent now.
    fn hurry(&mut self) {
        let network = self.passage.network.as_deref();
        self.from_client.hurry(network);
        self.to_client.hurry(network);
        wake(&mut self.reader);
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.reader = Some(cx.waker().clone());
        let Some(io) = &mut self.io else { return Poll::Ready(Ok(())) };
        let (network, lane) = (self.passage.network.as_deref(), &mut self.from_client);
        if network.is_none() && lane.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(io).poll_read(cx, buffer))?;
            self.read += buffer.filled().len() - before;
            return Poll::Ready(Ok(()));
        }
        self.receive(cx);
        let packet = ready!(self.from_client.poll_arrived(cx));
        let length = packet.len().min(buffer.remaining());
        buffer.put_slice(&packet[..length]);
        if length > 0 {
            self.from_client.take(length);
        }
        Poll::Ready(Ok(()))
    }

    /// Puts what the client has sent on its way.
    fn receive(&mut self, cx: &mut Context<'_>) {
        let Some(io) = &mut self.io else { return };
        let (network, lane) = (self.passage.network.as_deref(), &mut self.from_client);
        let mut packet = [0; PACKET_BYTES];
        while lane.has_space() {
            let mut packet = ReadBuf::new(&mut packet);
            match Pin::new(&mut *io).poll_read(cx, &mut packet) {
                Poll::Pending => break,
                Poll::Ready(Ok(())) if !packet.filled().is_empty() => _ = lane.send(packet.filled(), network),
                // The mock treats a broken connection as one that has ended.
                Poll::Ready(_) => lane.end(Duration::ZERO, network),
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        let (network, lane) = (self.passage.network.as_deref(), &mut self.to_client);
        if network.is_none() && lane.is_empty() {
            return Pin::new(io).poll_write(cx, bytes);
        }
        if !lane.has_space() {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = lane.send(bytes, network);
        wake(&mut self.driver);
        Poll::Ready(Ok(length))
    }

    /// Without a network, flushes the transport. Otherwise, [`Self::poll_send`] does.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(io) if self.passage.network.is_none() && self.to_client.is_empty() => {
                Pin::new(io).poll_flush(cx)
            }
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Sends the end of the connection.
    fn end(&mut self) {
        let network = self.passage.network.as_deref();
        let close = network.map(|network| Duration::from_millis(network.close_ms)).unwrap_or_default();
        self.to_client.end(close, network);
        wake(&mut self.driver);
    }

    /// Sends the end, after which nothing will be read.
    fn leave(&mut self) {
        self.end();
        self.is_left = true;
    }

    /// Delivers packets that have arrived, until the connection has finished.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Finished> {
        self.driver = Some(cx.waker().clone());
        if self.cut.as_mut().is_some_and(|cut| cut.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Finished::Cut);
        }
        loop {
            let Some(io) = &mut self.io else { return Poll::Ready(Finished::Closed) };
            if self.bytes_left == Some(0) {
                return Poll::Ready(Finished::Cut);
            }
            let Poll::Ready(packet) = self.to_client.poll_arrived(cx) else {
                if self.is_left && self.to_client.is_empty() {
                    return self.finish();
                }
                let _ = Pin::new(io).poll_flush(cx);
                return Poll::Pending;
            };
            if packet.is_empty() {
                if self.ends_with_reset {
                    return self.finish();
                }
                let is_late = self.to_client.poll_late(cx).is_ready();
                if Pin::new(io).poll_shutdown(cx).is_pending() && !is_late {
                    return Poll::Pending;
                }
                self.to_client.take(0);
                continue;
            }
            let most = self.bytes_left.and_then(|left| usize::try_from(left).ok()).unwrap_or(usize::MAX);
            match Pin::new(io).poll_write(cx, &packet[..packet.len().min(most)]) {
                Poll::Ready(Ok(length @ 1..)) => {
                    self.to_client.take(length);
                    self.bytes_left = self.bytes_left.map(|left| left - length as u64);
                    wake(&mut self.writer);
                }
                Poll::Ready(_) => return self.finish(),
                Poll::Pending => {
                    ready!(self.to_client.poll_late(cx));
                    return self.finish();
                }
            }
        }
    }

    /// Ends the connection with a reset.
    fn reset(&mut self) {
        self.ends_with_reset = true;
        let _ = self.finish();
    }

    fn finish(&mut self) -> Poll<Finished> {
        if let Some(io) = self.io.take().filter(|_| self.ends_with_reset) {
            io.reset();
        }
        wake(&mut self.reader);
        wake(&mut self.writer);
        Poll::Ready(Finished::Closed)
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// Maximum length of a packet, in bytes: that of TCP over Ethernet.
const PACKET_BYTES: usize = 1_460;
/// Maximum number of bytes on their way. The sender waits beyond it.
const ON_THEIR_WAY_BYTES_MAX: usize = 256 * 1024;
/// How long a client may take to read the rest after the mock has ended the connection.
const REST_MAX: Duration = Duration::from_secs(30);

struct Lane {
    /// Packets with the time of their arrival. An empty one is the end.
    packets: VecDeque<(Instant, Bytes)>,
    /// Number of bytes in the packets.
    bytes: usize,
    /// When the last packet has left, at the rate of the network.
    left: Option<Instant>,
    /// When the last packet arrives.
    arrives: Option<Instant>,
    pub(super) random: Random,
    /// Whether the end has been sent.
    is_closed: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Lane {
    fn new() -> Self {
        Self {
            packets: VecDeque::new(),
            bytes: 0,
            left: None,
            arrives: None,
            random: Random::new(0, 0),
            is_closed: false,
            timer: None,
        }
    }

    fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    fn has_space(&self) -> bool {
        !self.is_closed && self.bytes < ON_THEIR_WAY_BYTES_MAX
    }

    /// Sends a packet. Returns its length, which may be shorter than that of `bytes`.
    fn send(&mut self, bytes: &[u8], network: Option<&Network>) -> usize {
        let length = bytes.len().min(PACKET_BYTES);
        let arrives = self.arrival(length, network);
        self.packets.push_back((arrives, Bytes::copy_from_slice(&bytes[..length])));
        self.bytes += length;
        length
    }

    /// Sends the end, which arrives with this delay after the last packet.
    fn end(&mut self, delay: Duration, network: Option<&Network>) {
        if !self.is_closed {
            let arrives = self.arrival(0, network) + delay;
            self.packets.push_back((arrives, Bytes::new()));
            (self.arrives, self.is_closed) = (Some(arrives), true);
        }
    }

    /// Returns when a packet arrives that is sent now. Packets never overtake each other.
    fn arrival(&mut self, length: usize, network: Option<&Network>) -> Instant {
        let now = clock::now();
        let mut arrives = now;
        if let Some(network) = network {
            let left = self.left.map_or(now, |left| left.max(now)) + duration(length, network.bytes_per_ms);
            self.left = Some(left);
            let jitter = self.random.next() % (network.jitter_ms + 1);
            arrives = left + Duration::from_millis(network.latency_ms + jitter);
        }
        let arrives = self.arrives.map_or(arrives, |last| last.max(arrives));
        self.arrives = Some(arrives);
        arrives
    }

    /// Lets each packet arrive that would arrive earlier if it were sent now. They stay in order.
    fn hurry(&mut self, network: Option<&Network>) {
        let mut packets = std::mem::take(&mut self.packets);
        let last = self.arrives.take().filter(|last| *last > clock::now());
        self.left = None;
        for (arrives, packet) in &mut packets {
            *arrives = self.arrival(packet.len(), network).min(*arrives);
            self.arrives = Some(*arrives);
        }
        // A request that was read without a network has no packet.
        if let Some(last) = last.filter(|_| packets.is_empty()) {
            self.arrives = Some(self.arrival(0, network).min(last));
        }
        self.packets = packets;
    }

    /// Waits until everything that was sent has arrived.
    fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.arrives.filter(|last| clock::now() < *last) {
            Some(last) => self.poll_until(last, cx),
            None => Poll::Ready(()),
        }
    }

    /// Waits for the arrival of the next packet. An empty one is the end.
    fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<&Bytes> {
        let Some((arrives, _)) = self.packets.front() else { return Poll::Pending };
        let arrives = *arrives;
        if clock::now() < arrives {
            ready!(self.poll_until(arrives, cx));
        }
        self.packets.front().map_or(Poll::Pending, |(_, packet)| Poll::Ready(packet))
    }

    /// After the end has been sent, waits until a client that does not read has had enough time.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.arrives.filter(|_| self.is_closed) {
            Some(end) => self.poll_until(end + REST_MAX, cx),
            None => Poll::Pending,
        }
    }

    fn poll_until(&mut self, time: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(time)));
        if timer.deadline() != time {
            timer.as_mut().reset(time);
        }
        timer.as_mut().poll(cx)
    }

    /// Removes this many bytes of the next packet, or the end.
    fn take(&mut self, length: usize) {
        if let Some((_, packet)) = self.packets.front_mut() {
            packet.advance(length);
            self.bytes -= length;
            if packet.is_empty() {
                self.packets.pop_front();
            }
        }
    }
}

/// Returns how long sending takes.
fn duration(bytes: usize, bytes_per_ms: Option<u32>) -> Duration {
    let nanos = |rate: u32| bytes as u64 * 1_000_000 / u64::from(rate.max(1));
    bytes_per_ms.map(nanos).map(Duration::from_nanos).unwrap_or_default()
}
