//! Where frames come from.

pub mod browser;
mod lateness;
pub mod live;
mod replay;
mod tape;

pub use lateness::Lateness;
pub use replay::{Left, Options, Replay, Summary};
pub use tape::{Step, Tape};
pub(crate) use tape::{in_time, shown_name, unreadable};
