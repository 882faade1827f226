//! Recordings: the file format over any `Read` and `Write`, as specified in `docs/format.md`.
//!
//! [`Writer`] appends one record per call; everything written before a crash stays readable. [`Reader`]
//! returns the intact records, continues after damage, and lists the missing data in its [`ReadReport`].

mod item;
mod layout;
mod reader;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
#[path = "../generated/records.rs"]
#[rustfmt::skip]
pub mod records;
mod writer;

pub use item::{
    DEMO, FOLDER, Flags, Frame, Item, NAME_BYTES_MAX, Opcode, PART_OF_TAG, PART_TAG, Record, Snapshot,
    USER_TAG, What, is_plain_name, why_not_on_windows,
};
pub use layout::{BODY_BYTES_MAX, Body, Error, MAGIC, MAJOR, MINOR, record_type, write_payload};
pub use reader::{DAMAGE_LISTED_MAX, Damage, Head, Loss, Preamble, ReadReport, Reader};
pub use writer::{HEADER_EVERY, HTTP_BODY_BYTES_MAX, Writer};
