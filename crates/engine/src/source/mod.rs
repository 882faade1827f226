//! Sources of items: live rooms, browser tabs and recordings.

pub mod browser;
pub mod live;
mod replay;
mod tape;

pub use replay::{Lateness, Left, Position, Replay, ReplayOptions, Summary};
pub use tape::{Events, Gates, OFFLINE, RawBytes, STDIN, Step, Tape, missing, unreadable};

pub(crate) use tape::{Loading, in_time, load, shown_name};
