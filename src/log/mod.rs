//! The log: what the server did, in lines for people or in JSON, on stderr or in a file that is rotated.
//!
//! Whoever logs never waits: lines go through a bounded queue to a thread, and those that find no place, or cannot be
//! written, are counted.

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

/// The target of lines about clients that come and go, and the rooms they make: shown beside the display as well.
pub const CLIENTS: &str = "livetape::clients";

/// How many lines were lost: there is one log a process.
static LOST: OnceLock<Arc<AtomicU64>> = OnceLock::new();

/// How many lines of the log were lost.
#[must_use]
pub fn lost() -> u64 {
    LOST.get().map_or(0, |lost| lost.load(Ordering::Relaxed))
}
