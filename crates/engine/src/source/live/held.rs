//! Items that were recorded but not sent yet. They are sent together, because a task switch for each is what
//! a flood of small frames would cost most.

use livetape_core::recording::{Item, What};

use super::bounds::{HELD_BYTES_MAX, HELD_ITEMS_MAX};

/// Held items, in order, and the size of their frames in bytes.
#[derive(Default)]
pub(super) struct Held {
    items: Vec<Item>,
    bytes: usize,
}

impl Held {
    pub(super) fn push(&mut self, item: Item) {
        if let What::Frame(frame) = &item.what {
            self.bytes += frame.bytes.len();
        }
        self.items.push(item);
    }

    pub(super) fn take(&mut self) -> Vec<Item> {
        std::mem::take(self).items
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the socket must not be read until items are sent.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= HELD_ITEMS_MAX || self.bytes >= HELD_BYTES_MAX
    }
}
