//! Ownership of a channel that several nodes share: bytes and times in, actions out. The caller talks to
//! NATS.
//!
//! A channel has one *log*, a subject of a JetStream stream. Its owner appends [records](record) to it, each
//! only if the log still ends where the owner last saw it. So the log decides what happened, and a lease only
//! decides who tries: an owner that was stopped for minutes cannot append anything after its successor's
//! first record. Every node, the owner included, learns of events from its [`Reader`], after they are stored.
//!
//! A [`Member`] is one node's part in a channel: it follows the log, and owns the channel while it holds the
//! lease.
//!
//! It needs neither NATS nor a runtime: its tests build in seconds, and always run.

pub mod member;
pub mod reader;
pub mod record;

pub use member::{
    Action, Input, Lease, LeaseReply, Member, OfferError, Offered, Options, Outcome, StepDown, margin,
};
pub use reader::{Delivery, Fault, Reader};
pub use record::{Body, Closed, Encoded, Epoch, KnownLoss, Piece, Progress, Record, Refused};

#[cfg(test)]
mod tests;
