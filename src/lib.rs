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
//! [`sans_io`] holds all that can be computed without a socket, a file or a clock; [`clock`] reads the clock;
//! [`settings`] is the configuration, [`log`] what is written down about the server itself; [`hub`] numbers, keeps and fans out events; [`lobby`] is what clients say to
//! each other; a [`source`] is a room or a recording, and its items go through the
//! [`pipeline`] into the hub; the [`recorder`] writes them down; [`control`] is where orders are given, and
//! [`supervisor`] who starts, stops and replaces sources; [`server`] is HTTP and WebSocket before both; [`mock`] is a
//! TikTok to connect to; [`tools`] work on recordings offline; [`terminal`] and [`cli`] are for people.

pub mod sans_io;

pub mod clock;
pub mod demo;
pub mod secret;
#[cfg(feature = "cli")]
pub mod settings;

pub mod log;

pub mod hub;
pub mod lobby;

pub mod control;

pub mod pipeline;
pub mod source;

pub mod tools;

pub mod recorder;

pub mod supervisor;

pub mod net;
pub mod server;

pub mod mock;

#[cfg(feature = "cli")]
pub mod cli;
pub mod terminal;
