//! Limits on concurrent connections, in total and for each address, and the 503 beyond them.

use std::{collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use parking_lot::Mutex;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout_at,
};

use super::Bounds;
use crate::access::POLICY;

/// Counter of open connections. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    all_max: usize,
    per_address_max: usize,
    // Held for a few instructions, never across an `.await`.
    inside: Arc<Mutex<Inside>>,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    rejecting: usize,
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

/// The slot of a connection that is being rejected, released on drop.
#[derive(Debug)]
pub(crate) struct RejectSlot(Arc<Mutex<Inside>>);

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
        Self { all_max, per_address_max, inside: Arc::default() }
    }

    pub(crate) fn enter(&self, address: Option<IpAddr>) -> Result<ConnectionSlot, Full> {
        let network = address.and_then(network);
        let mut inside = self.inside.lock();
        let entered = inside.enter(network, self.all_max, self.per_address_max);
        if let Err(full) = entered {
            inside.refused[full as usize] += 1;
        }
        entered.map(|()| ConnectionSlot { inside: Arc::clone(&self.inside), network })
    }

    /// Takes a slot for rejecting a connection, unless too many are taken.
    pub(crate) fn enter_to_be_rejected(&self) -> Option<RejectSlot> {
        let mut inside = self.inside.lock();
        let is_free = inside.rejecting < REJECTING_MAX;
        inside.rejecting += usize::from(is_free);
        is_free.then(|| RejectSlot(Arc::clone(&self.inside)))
    }

    /// Returns the number of rejections for each limit.
    pub(crate) fn refused(&self) -> [(&'static str, u64); 2] {
        let [all, address] = self.inside.lock().refused;
        [(Full::All.name(), all), (Full::Address.name(), address)]
    }
}

impl Inside {
    fn enter(&mut self, network: Option<IpAddr>, all_max: usize, per_address_max: usize) -> Result<(), Full> {
        if self.all >= all_max {
            return Err(Full::All);
        }
        if let Some(network) = network {
            let count = self.by_network.entry(network).or_default();
            if *count >= per_address_max {
                return Err(Full::Address);
            }
            *count += 1;
        }
        self.all += 1;
        Ok(())
    }
}

impl Drop for RejectSlot {
    fn drop(&mut self) {
        self.0.lock().rejecting -= 1;
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

/// Returns the network that counts as one address. Returns `None` for loopback, which has no limit because a
/// local proxy may serve many clients.
fn network(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(address) => Some(IpAddr::V6((u128::from(address) & (u128::MAX << 64)).into())),
        address => Some(address),
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
    fn loopback_has_no_limit_per_address() {
        let admission = Admission::new(&Bounds { connections_per_address_max: 1, ..Bounds::default() });
        let slots: Vec<_> = ["127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1"]
            .map(|address| admission.enter(Some(address.parse().unwrap())).unwrap())
            .into();
        assert_eq!((slots.len(), admission.inside.lock().all), (5, 5));
    }
}
