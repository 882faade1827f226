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
//! [`hub`] numbers, keeps and fans out events; [`source`] plays recordings through the [`pipeline`] into it;
//! [`control`] takes orders; [`server`] is HTTP and WebSocket before both; [`tools`] work on recordings offline; [`terminal`] and [`cli`] are for people.

pub mod sans_io;

pub mod clock;

pub mod hub;

pub mod control;

pub mod pipeline;
pub mod source;

pub mod net;
pub mod server;

pub mod mock;

pub mod tools;

pub mod cli;
pub mod terminal;
