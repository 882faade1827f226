//! livetape records a TikTok LIVE room once and replays it for ever.
//!
//! # The flow
//!
//! ```text
//! source (live or replay) → tap → decode → dedup → events → hub → subscribers
//! ```
//!
//! # Layout
//!
//! [`sans_io`] (`crates/core`) holds all that can be computed without a socket, a file or a clock; [`clock`] reads the clock;
//! [`settings`] is the configuration, [`log`] what is written down about the server itself; [`hub`] numbers, keeps and fans out events; [`lobby`] is what clients say to
//! each other; a [`source`] is a room or a recording, and its items go through the
//! [`pipeline`] into the hub; the [`recorder`] writes them down; [`control`] is where orders are given, and
//! [`supervisor`] who starts, stops and replaces sources; [`server`] is HTTP and WebSocket before both; [`mock`] is a
//! TikTok to connect to; [`tools`] work on recordings offline; [`terminal`] and [`cli`] are for people.

pub use livetape_core as sans_io;
pub use livetape_core::{secret, terminal};
pub use livetape_io::{clock, net};
#[cfg(feature = "cli")]
pub use livetape_mock as mock;

pub mod demo;
#[cfg(feature = "cli")]
pub mod settings;
// What the recorder needs of them.
#[cfg(not(feature = "cli"))]
#[path = "settings/recording.rs"]
pub mod settings;

pub mod log;

pub mod hub;
pub mod lobby;

pub mod control;

pub mod pipeline;
pub mod source;

/// What is done with recordings offline, and with files.
pub mod tools {
    pub use livetape_io::files;
    pub use livetape_tools::*;
}
pub use livetape_io::files;

pub mod recorder;

pub mod supervisor;

pub mod server;

#[cfg(feature = "cli")]
pub mod cli;
