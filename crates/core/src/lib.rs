//! The core of livetape: everything that works without tokio, sockets, files or a clock. It turns bytes and
//! offsets into bytes and events.

#![warn(missing_docs)]

pub mod decoder;
pub mod dedup;
pub mod error;
pub mod event;
pub mod host;
pub mod inject;
pub mod json;
pub mod markup;
pub mod nearest;
pub mod observer;
pub mod offset;
pub mod pace;
pub mod recording;
pub mod redact;
pub mod retry;
pub mod retry_after;
pub mod secret;
pub mod session;
pub mod size;
pub mod streak;
pub mod terminal;
pub mod tikfinity;
pub mod truth;
pub mod username;
pub mod wire;
pub mod ws_frame;

#[cfg(test)]
mod tests;
