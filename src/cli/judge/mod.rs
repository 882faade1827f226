//! Commands that run another command: `run`, `test`, which judges it, and `shrink`, which does so with smaller
//! and smaller recordings.

mod child;
mod feed;
mod folder;
mod plan;
mod proxy_env;
mod room;
pub(super) mod run;
pub(super) mod shrink;
pub(super) mod test;
mod trial;
mod watch;
mod whole;
