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
//! [`hub`] numbers, keeps and fans out events; [`control`] takes orders; [`server`] is HTTP and WebSocket before both.

pub mod sans_io;

pub mod clock;

pub mod hub;

pub mod control;

pub mod server;
