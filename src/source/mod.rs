//! Sources of items: live rooms, browser tabs and recordings.

#[cfg(feature = "live")]
pub mod browser;
mod lateness;
pub mod live;
mod replay;
mod tape;

pub use lateness::Lateness;
pub use replay::{Left, Position, Replay, ReplayOptions, Summary};
#[cfg(feature = "cli")]
pub(crate) use tape::STDIN;
#[cfg(feature = "cli")]
pub(crate) use tape::unreadable;
pub(crate) use tape::{Gates, Loaded, in_time, load, shown_name};
pub use tape::{Step, Tape};
