//! The program `livetape`, as a library for its tests: the [command line](cli), its [`settings`], its own [`log`], and
//! a [`webhook`] for events. What it serves, plays and judges is in the crates below it.

pub mod cli;
pub mod log;
mod mask;
pub mod settings;
pub mod webhook;
