//! All that can be computed without tokio, sockets, files or a clock: bytes and offsets in, bytes and events out.

pub mod error;
pub mod event;
pub mod offset;
pub mod recording;
pub mod wire;
