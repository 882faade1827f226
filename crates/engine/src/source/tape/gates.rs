//! Places at which a replay waits until it may go on.

use std::sync::Arc;

use tokio::sync::watch;

/// Places of a tape, in order. Clones share them.
#[derive(Clone, Debug)]
pub struct Gates {
    /// Numbers of items before each gate.
    places: Arc<[usize]>,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Number of gates that a replay has reached.
    reached: usize,
    /// Number of gates that are open.
    open: usize,
}

impl Gates {
    /// Creates closed gates after these numbers of items.
    #[must_use]
    pub fn new(places: impl IntoIterator<Item = usize>) -> Self {
        Self { places: places.into_iter().collect(), state: watch::Sender::default() }
    }

    /// Waits until the replay waits at a gate, counted from 0.
    pub async fn reached(&self, gate: usize) {
        let mut state = self.state.subscribe();
        // The sender lives as long as this.
        let _ = state.wait_for(|state| state.reached > gate).await;
    }

    /// Opens the gates up to this one.
    pub fn open(&self, gate: usize) {
        self.state.send_modify(|state| state.open = state.open.max(gate + 1));
    }

    /// Number of gates up to the place after this number of items.
    fn up_to(&self, items: usize) -> usize {
        self.places.partition_point(|place| *place <= items)
    }

    /// Whether a replay may go on after this number of items.
    pub(super) fn is_open(&self, items: usize) -> bool {
        self.state.borrow().open >= self.up_to(items)
    }

    /// Waits until a replay may go on after this number of items.
    pub(super) async fn pass(&self, items: usize) {
        let here = self.up_to(items);
        let open = self.state.borrow().open;
        for gate in open..here {
            self.state.send_modify(|state| state.reached = state.reached.max(gate + 1));
            let mut state = self.state.subscribe();
            let _ = state.wait_for(|state| state.open > gate).await;
        }
    }
}
