//! Commands that run another command: `run`, `test`, which judges it, and `shrink`, which does so with smaller
//! and smaller recordings.

mod child;
mod feed;
mod journal;
pub(super) mod page;
mod plan;
mod proxies;
mod random;
mod reach;
mod room;
pub(super) mod run;
pub(super) mod shrink;
pub(super) mod test;
mod trial;
mod watch;
