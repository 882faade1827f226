//! Sources of items: live rooms, browser tabs, clients of a proxy and recordings.

#[cfg(feature = "live")]
pub mod browser;
#[cfg(feature = "live")]
pub mod forward;
mod lateness;
pub mod live;
mod replay;
mod tape;

pub use lateness::Lateness;
pub use replay::{Left, Position, Replay, ReplayOptions, Summary};
#[cfg(feature = "cli")]
pub(crate) use tape::unreadable;
pub(crate) use tape::{Loaded, in_time, load, shown_name};
pub use tape::{Step, Tape};
