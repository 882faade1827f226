//! WebSockets: the handshake, who is connected, and who writes to them.

pub(super) mod channel_writer;
pub(super) mod failure;
pub(super) mod feeds;
pub(super) mod heads;
pub(super) mod limits;
pub(super) mod outbox;
pub(super) mod queued_io;
pub(super) mod registry;
pub(super) mod session;
pub(super) mod shared_sink;
pub(super) mod socket_writer;
pub(super) mod stream;
pub(super) mod upgrade;
pub(super) mod wake_filter;
pub(super) mod write_queue;
