//! Encodes and decodes push frames, batches and messages. Decoding accepts any bytes: it returns as much as
//! possible, plus [`Fault`]s.

mod batch;
pub mod client;
pub mod compose;
mod entries;
mod fault;
mod fields;
mod kinds;
mod merge;
mod push;
mod raw;
#[path = "../generated/schema.rs"]
mod schema;
mod unzip;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
#[path = "../generated/used.rs"]
mod used;
#[allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated; the library does not set every field"
)]
#[path = "../generated/written.rs"]
mod webcast;

pub use batch::{Batch, BatchInfo, Message, read_batch, unzip_batch, write_batch};
pub use entries::EntriesLeft;
pub use fault::{Fault, FaultKind};
pub use fields::{Field, Kind, Schema};
pub use kinds::{Known, Reading, is_known, known_methods, millis, read_in_batch, read_message};
pub use push::{Push, read_push, without_gzip, write_push};
pub use raw::{RawField, RawFields, RawValue, write_bytes, write_number};
pub use unzip::{BODY_TOO_LONG, Unzipper, gzip_length, unzip, unzip_body, zip};

/// Maximum length of a decompressed batch, in bytes. The largest real one seen has 120 KB.
pub const UNZIPPED_BYTES_MAX: usize = 2 << 20;
/// Maximum length of a message's payload, in bytes. Decoding can increase its size a hundredfold.
pub const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// Maximum number of messages to decode in a batch. Real batches have tens.
pub const BATCH_MESSAGES_MAX: usize = 10_000;
/// Maximum number of list entries in all messages of a batch together: badges, viewers and the like. A message
/// that exceeds it counts as malformed.
pub const BATCH_ENTRIES_MAX: usize = 50_000;
