//! Bytes ⇄ push frame, batch, messages. Reading is total: any bytes give what could be read, plus [`Fault`]s.

mod batch;
pub mod client;
pub mod compose;
mod fault;
mod fields;
mod kinds;
mod merge;
mod push;
#[path = "../generated/schema.rs"]
mod schema;
mod unzip;
mod view;
#[allow(unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic, reason = "generated")]
#[path = "../generated/views.rs"]
mod views;
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated; much is only read, as views"
)]
#[path = "../generated/webcast.rs"]
mod webcast;

pub use batch::{Batch, BatchInfo, Message, read_batch, write_batch};
pub use fault::{Fault, FaultKind};
pub use fields::{Field, Kind, Schema};
pub use kinds::{Known, Reading, is_known, known_methods, millis, read_message};
pub use push::{Push, read_push, write_push};
pub(crate) use unzip::gzip_length;
pub use unzip::{Unzipper, unzip, zip};

/// Largest batch after decompression. The largest real one seen is 120 KB.
pub const UNZIPPED_BYTES_MAX: usize = 2 << 20;
/// Largest payload of one message: a small one can decode to a hundred times its size.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Most messages that are read from one batch. Real batches hold tens.
pub const BATCH_MESSAGES_MAX: usize = 10_000;
/// Most entries in the lists of a batch's messages, all together: badges, pictures, viewers and the like.
pub const BATCH_ENTRIES_MAX: usize = 50_000;

/// Reads the messages of a batch, whose lists have at most [`BATCH_ENTRIES_MAX`] entries together; a message with more
/// cannot be read.
pub fn limit_entries<T>(read: impl FnOnce() -> T) -> T {
    view::with_entries(BATCH_ENTRIES_MAX, read)
}
