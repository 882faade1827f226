//! Listeners: TCP sockets and in-memory connections.

pub mod accept;
pub mod listen;
pub mod memory;
pub mod peer;
