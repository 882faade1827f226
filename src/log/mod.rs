//! Log of the server, as text or JSON, on stderr or in a rotated file.
//!
//! Logging never blocks: lines go through a bounded queue to a thread. Lines that do not fit in the queue, or
//! that cannot be written, are counted.

#[cfg(feature = "cli")]
mod rotate;
#[cfg(feature = "cli")]
mod start;
#[cfg(feature = "cli")]
mod writer;

#[cfg(feature = "cli")]
pub use start::{Guard, start};

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

/// Returns the number of lost lines.
#[must_use]
pub fn lost() -> u64 {
    #[cfg(feature = "cli")]
    return writer::lost();
    #[cfg(not(feature = "cli"))]
    0
}
