//! Recordings: the file format over any `Read` and `Write`, as specified in `docs/format.md`.
//!
//! [`Writer`] appends one record per call; everything written before a crash stays readable. [`Reader`]
//! returns the intact records, continues after damage, and lists the missing data in its [`Report`].

mod body;
mod error;
mod item;
mod layout;
mod loss;
mod name;
mod reader;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
#[path = "../generated/records.rs"]
pub mod records;
mod report;
mod resync;
mod snapshot;
mod window;
mod writer;

pub use body::{Body, record_type, write_payload};
pub use error::Error;
pub use item::{FOLDER, Flags, Frame, Item, Opcode, PART_OF_TAG, PART_TAG, Record, USER_TAG, What};
pub use layout::{BODY_BYTES_MAX, MAGIC, MAJOR, MINOR};
pub use loss::Loss;
pub use name::{DEMO, NAME_BYTES_MAX, is_plain_name};
pub use reader::{Head, Reader};
pub use report::{DAMAGE_LISTED_MAX, Damage, Preamble, Report};
pub use snapshot::Snapshot;
pub use writer::{HEADER_EVERY, HTTP_BODY_BYTES_MAX, Writer};
