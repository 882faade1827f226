//! Listeners: TCP sockets and in-memory connections.

pub mod listen;
pub mod memory;
pub mod peer;
