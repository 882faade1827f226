//! Log of the server, as text or JSON, on stderr or in a rotated file.
//!
//! Logging never blocks: lines go through a bounded queue to a thread. Lines that do not fit in the queue, or
//! that cannot be written, are counted.

mod rotate;
mod start;
mod writer;

pub use start::{Guard, start};
pub use writer::lost;

/// Target of lines about a cluster, such as which node owns a channel: that of its crate. Unless a level is
/// set, they are always logged.
const CLUSTER: &str = "livetape_cluster";
