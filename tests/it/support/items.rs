//! Items of recordings.

use std::time::Duration;

use livetape_core::recording::{Flags, Item, What};

/// Builds an item of connection 1.
pub(crate) fn item(offset_ms: u64, what: What) -> Item {
    Item { offset: Duration::from_millis(offset_ms), conn: 1, flags: Flags::default(), what }
}
