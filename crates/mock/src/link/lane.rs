//! One direction of a connection: packets on their way, in order.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, Bytes};
use livetape_io::clock;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{random::Random, scenario::Network};

/// Maximum length of a packet, in bytes: that of TCP over Ethernet.
pub(super) const PACKET_BYTES: usize = 1_460;
/// Maximum number of bytes on their way. The sender waits beyond it.
const ON_THEIR_WAY_BYTES_MAX: usize = 256 * 1024;
/// How long a client may take to read the rest after the mock has ended the connection.
const REST_MAX: Duration = Duration::from_secs(30);

pub(super) struct Lane {
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
    pub(super) is_closed: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Lane {
    pub(super) fn new() -> Self {
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

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn has_space(&self) -> bool {
        !self.is_closed && self.bytes < ON_THEIR_WAY_BYTES_MAX
    }

    /// Sends a packet. Returns its length, which may be shorter than that of `bytes`.
    pub(super) fn send(&mut self, bytes: &[u8], network: Option<&Network>) -> usize {
        let length = bytes.len().min(PACKET_BYTES);
        let arrives = self.arrival(length, network);
        self.packets.push_back((arrives, Bytes::copy_from_slice(&bytes[..length])));
        self.bytes += length;
        length
    }

    /// Sends the end, which arrives with this delay after the last packet.
    pub(super) fn end(&mut self, delay: Duration, network: Option<&Network>) {
        if !self.is_closed {
            let arrives = self.arrival(0, network) + delay;
            self.packets.push_back((arrives, Bytes::new()));
            (self.arrives, self.is_closed) = (Some(arrives), true);
        }
    }

    /// Returns when a packet arrives that is sent now. Packets never overtake each other.
    pub(super) fn arrival(&mut self, length: usize, network: Option<&Network>) -> Instant {
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
    pub(super) fn hurry(&mut self, network: Option<&Network>) {
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
    pub(super) fn poll_last(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.arrives.filter(|last| clock::now() < *last) {
            Some(last) => self.poll_until(last, cx),
            None => Poll::Ready(()),
        }
    }

    /// Waits for the arrival of the next packet. An empty one is the end.
    pub(super) fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<&Bytes> {
        let Some((arrives, _)) = self.packets.front() else { return Poll::Pending };
        let arrives = *arrives;
        if clock::now() < arrives {
            ready!(self.poll_until(arrives, cx));
        }
        self.packets.front().map_or(Poll::Pending, |(_, packet)| Poll::Ready(packet))
    }

    /// After the end has been sent, waits until a client that does not read has had enough time.
    pub(super) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
    pub(super) fn take(&mut self, length: usize) {
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
