//! `livetape run`: the command that it runs, with its environment and its exit code.

mod child;
mod proxy_env;
pub(super) mod run;
