//! WebSockets: the handshake, the registry of open sockets, and the tasks that read and write.
//!
//! Each socket is a task: [`session`] reads, [`socket_writer`] writes. Both use [`stream`] and [`queued_io`],
//! which put all outgoing frames into one [`write_queue`].
//!
//! # Who owns the write half
//!
//! Events take a different path. Waking a task for each socket and event takes a quarter of the delivery
//! cost, so one [`channel_writer`] writes them to all sockets of a channel, directly into each queue.
//! The [`shared_sink`] holds the queue and the subscriber whose events go into it, and tracks who owns both:
//!
//! ```text
//!                    read(feed)                      lend(): nothing new to write
//!     Nobody ────────────────────────► Task ──────────────────────────────────────► Writer
//!        ▲                             │ ▲                                             │
//!        └──── read(None): no feed ────┘ └─────────────────────────────────────────────┘
//!                                          the loan ends: the task has something else to write
//!                                          give_back(): the socket does not take everything at once,
//!                                                       or the feed has ended or fallen behind
//!
//!     any of these ── end(): a close frame came, or is about to be sent; or the connection is gone ──► Ended
//! ```
//!
//! | owner | events | everything else |
//! |---|---|---|
//! | `Nobody` | none: the socket reads no channel | the task queues and flushes |
//! | `Task` | the task queues them and flushes, waiting for the socket | the task queues and flushes |
//! | `Writer` | the channel writer queues them and writes at once, never waiting | the task ends the loan first |
//! | `Ended` | none: no event follows a close frame | the task queues and flushes |
//!
//! Messages wait in an [`outbox`]. While the task does not write and the queue is empty, the sender or a
//! [`message_writer`] writes them at once, with any owner but `Ended`; what the socket does not accept is
//! left to the task.
//!
//! The library itself queues pongs and replies to close frames as whole frames, regardless of the owner. The
//! channel writer starts only if the queue is empty; the task finishes frames that are partly written.

mod channel_writer;
pub(super) mod door;
pub(super) mod end;
pub(super) mod failure;
pub(super) mod feeds;
mod handled;
pub(super) mod handlers;
pub(super) mod handshake;
mod heads;
pub(super) mod hooks;
pub(super) mod left;
pub(super) mod limits;
mod message_writer;
mod outbox;
mod queued_io;
pub(super) mod registry;
pub(super) mod session;
mod shared_sink;
mod socket_writer;
mod stream;
pub(super) mod upgrade;
pub(super) mod wake_filter;
mod write_queue;
