//! Recordings: the file format over any `Read` and `Write`. `docs/format.md` is its specification.

mod item;
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub mod records;

pub use item::{Flags, Frame, Item, Opcode, Record, What};
