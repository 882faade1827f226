//! Commands that run another command: `run`, and `test`, which judges it.

mod child;
mod folder;
mod proxy_env;
pub(super) mod run;
pub(super) mod test;
mod trial;
