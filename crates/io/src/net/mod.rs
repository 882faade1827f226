//! Listeners, for whoever serves: sockets on loopback, and connections in memory.

pub mod accept;
pub mod listen;
pub mod memory;
pub mod peer;
