//! How many connections there are, in all and from each address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::limits::Bounds;

/// Counts who is in. Clones count together.
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
    /// Connections that are being rejected.
    rejecting: usize,
    /// How often there was none at all, and none for an address.
    refused: [u64; 2],
    /// Networks without connections are removed.
    by_network: HashMap<IpAddr, usize>,
}

/// A slot of a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    inside: Arc<Mutex<Inside>>,
    network: Option<IpAddr>,
}

/// A slot of a connection that is being rejected, until it is dropped.
#[derive(Debug)]
pub(crate) struct RejectSlot(Arc<Mutex<Inside>>);

/// Maximum number of connections that are being rejected; others are dropped.
const REJECTING_MAX: usize = 64;

/// Why there is no slot.
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

    /// A slot for a connection from `address`.
    pub(crate) fn enter(&self, address: Option<IpAddr>) -> Result<ConnectionSlot, Full> {
        let network = address.and_then(network);
        let mut inside = lock(&self.inside);
        let entered = inside.enter(network, self.all_max, self.per_address_max);
        if let Err(full) = entered {
            inside.refused[full as usize] += 1;
        }
        entered.map(|()| ConnectionSlot { inside: Arc::clone(&self.inside), network })
    }

    /// A slot in which a connection is rejected, if not too many are already.
    pub(crate) fn enter_to_be_rejected(&self) -> Option<RejectSlot> {
        let mut inside = lock(&self.inside);
        let is_free = inside.rejecting < REJECTING_MAX;
        inside.rejecting += usize::from(is_free);
        is_free.then(|| RejectSlot(Arc::clone(&self.inside)))
    }

    /// How often there was no slot, by why.
    pub(crate) fn refused(&self) -> [(&'static str, u64); 2] {
        let [all, address] = lock(&self.inside).refused;
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
        lock(&self.0).rejecting -= 1;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut inside = lock(&self.inside);
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

fn lock(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    // Nothing in here panics.
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What counts as one address; `None` on loopback, where everything is one machine's, and often a proxy's.
fn network(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(address) => Some(IpAddr::V6((u128::from(address) & (u128::MAX << 64)).into())),
        address => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_and_given_back() {
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
        assert_eq!(lock(&admission.inside).all, 4);
        assert_eq!(enter("127.0.0.1").unwrap_err(), Full::All);
        drop(fourth);
        let _fourth = enter("2001:db8:0:0:1::").unwrap();
        drop(_third);
        assert_eq!(admission.refused(), [("all", 1), ("address", 1)]);
        let inside = lock(&admission.inside);
        assert_eq!((inside.all, inside.by_network.len()), (3, 2));
    }

    #[test]
    fn loopback_is_many() {
        let admission = Admission::new(&Bounds { connections_per_address_max: 1, ..Bounds::default() });
        let slots: Vec<_> = ["127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1"]
            .map(|address| admission.enter(Some(address.parse().unwrap())).unwrap())
            .into();
        assert_eq!((slots.len(), lock(&admission.inside).all), (5, 5));
    }
}
