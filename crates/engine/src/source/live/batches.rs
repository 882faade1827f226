//! Batches of items: what the driver held is passed on as a whole, to the room and to each of its channels.

use std::collections::VecDeque;

use livetape_core::recording::Item;
use tokio::sync::mpsc;

use super::bounds::BATCHES_WAITING_MAX;

/// The receiving end, which also returns items one by one.
#[derive(Debug)]
pub(crate) struct Batches {
    receiver: mpsc::Receiver<Vec<Item>>,
    /// Received items that were not returned yet.
    items: VecDeque<Item>,
}

impl Batches {
    pub(crate) fn channel() -> (mpsc::Sender<Vec<Item>>, Self) {
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
        (sender, Self { receiver, items: VecDeque::new() })
    }

    /// Returns the next item, or `None` at the end. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        while self.items.is_empty() {
            self.receive().await?;
        }
        self.items.pop_front()
    }

    /// Returns the items that were received together, or `None` at the end. Cancel safe.
    pub(crate) async fn next_batch(&mut self) -> Option<Vec<Item>> {
        if self.items.is_empty() {
            return self.receiver.recv().await;
        }
        Some(std::mem::take(&mut self.items).into())
    }

    /// Receives a batch to return later, or returns `None` at the end. Cancel safe.
    pub(crate) async fn receive(&mut self) -> Option<()> {
        self.items.extend(self.receiver.recv().await?);
        Some(())
    }

    /// Takes no further batches. Those that wait are still returned.
    pub(crate) fn close(&mut self) {
        self.receiver.close();
    }
}
