//! Log of the server, as text or JSON, on stderr or in a rotated file.
//!
//! Logging never blocks: lines go through a bounded queue to a thread. Lines that do not fit in the queue, or
//! that cannot be written, are counted.

#[cfg(feature = "cli")]
mod layer;
#[cfg(feature = "cli")]
mod line;
#[cfg(feature = "cli")]
mod rotate;
#[cfg(feature = "cli")]
mod start;
#[cfg(feature = "cli")]
mod writer;

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

#[cfg(feature = "cli")]
pub use start::start;
#[cfg(feature = "cli")]
pub use writer::Guard;

/// Target of lines about clients that connect and disconnect, and rooms they create. Unless a level is set,
/// these lines are logged even while the terminal displays events.
pub const CLIENTS: &str = "livetape::clients";

/// Target of lines about the rooms of tokens. Unless a level is set, these lines are logged even while the
/// terminal displays events, because it displays only those of the main channel.
pub const TOKENS: &str = "livetape::tokens";

/// Target of lines about a cluster, such as which node owns a channel: that of its crate. Unless a level is
/// set, they are always logged.
#[cfg(feature = "cli")]
const CLUSTER: &str = "livetape_cluster";

/// Number of lost lines, for the one log of the process.
static LOST: OnceLock<Arc<AtomicU64>> = OnceLock::new();

/// Returns the number of lost lines.
#[must_use]
pub fn lost() -> u64 {
    LOST.get().map_or(0, |lost| lost.load(Ordering::Relaxed))
}
