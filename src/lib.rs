//! livetape records a TikTok LIVE once, so that you can test overlays, bots and games against it, offline.
//!
//! # The flow
//!
//! ```text
//! source (live or replay) → tap → decode → dedup → events → hub → subscribers
//! ```
//!
//! # Layout
//!
//! [`sans_io`] (`crates/core`) is everything that needs no socket, file or clock, and [`clock`] reads the clock.
//! [`settings`] is the configuration, and [`log`] the server's own log. A [`source`] is a live room, a browser tab or a
//! recording; its items go through the [`pipeline`] to the [`hub`], which numbers, stores and fans out
//! events. The
//! [`recorder`] writes the items to a file. [`lobby`] holds the rooms and messages of clients. A `room` is one connection upstream, and
//! [`channels`] are what clients read: the main one obeys [`control`]. [`server`] provides HTTP and WebSocket. [`mock`] is a mock
//! TikTok server, and [`proxy`] its front for clients whose hosts are fixed. [`tools`] work on recordings
//! offline. [`cli`] is the command line, and [`terminal`] formats events for it.

pub use livetape_cases as cases;
#[cfg(feature = "nats")]
pub use livetape_cluster as cluster;
pub use livetape_core as sans_io;
pub use livetape_core::{secret, terminal};
pub use livetape_feed::{control, hub};
pub use livetape_io::{clock, net};
#[cfg(feature = "cli")]
pub use livetape_mock as mock;

pub mod demo;

pub mod recorder;

#[cfg(feature = "cli")]
pub mod settings;

pub mod log;

pub mod lobby;

pub mod pipeline;
pub mod source;

/// Offline work on recordings and files.
pub mod tools {
    pub use livetape_io::files;
    pub use livetape_tools::*;
}
pub use livetape_io::files;

#[cfg(feature = "cli")]
pub mod proxy;

mod room;

pub mod channels;

pub mod server;

pub mod staged;

#[cfg(feature = "cli")]
pub mod webhook;

#[cfg(feature = "cli")]
pub mod cli;

#[cfg(all(test, feature = "cli"))]
mod fuzz;
#[cfg(test)]
mod simulation;
