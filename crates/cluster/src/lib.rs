//! Several processes of livetape share their channels over NATS: see `docs/cluster.md`.
//!
//! [`ownership`] decides which process owns a channel, from bytes and times. The rest, behind the feature `nats`,
//! performs what it asks for.

#[cfg(any(test, feature = "nats"))]
#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "its tests need no NATS, and use only a part"))]
mod counts;
#[cfg(feature = "nats")]
mod nats;
pub mod ownership;
#[cfg(any(test, feature = "nats"))]
#[cfg_attr(not(feature = "nats"), expect(dead_code, reason = "its tests need no NATS, and use only a part"))]
mod progress;

#[cfg(feature = "nats")]
pub use nats::{Cluster, Finding, Login, Membership, Options, SLOTS_MAX, Settings, diagnose};
