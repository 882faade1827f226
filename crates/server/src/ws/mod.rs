//! WebSockets: the registry of open sockets, and the tasks that read and write.
//!
//! Each socket has a task, a [`session`], that reads its stream. A [`shard`] writes to all of its sockets, one
//! after the other. Everything else that is sent waits in the socket's outbox there.

pub(super) mod connection;
pub(super) mod hooks;
pub(super) mod registry;
pub(super) mod session;
mod shard;
