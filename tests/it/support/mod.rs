//! Shared by all tests: the program, a mock, recordings and what sockets received.
//!
//! Tests of crates take some of these files by their path. Each has a single subject, because a binary warns of what it
//! does not use.

pub(crate) mod boundaries;
pub(crate) mod captured;
pub(crate) mod demo;
pub(crate) mod expected;
mod fixture;
mod items;
mod log;
pub(crate) mod messages;
pub(crate) mod process;
mod recording;
mod repository;
mod reserved;
pub(crate) mod room;
mod sessions;
#[cfg(target_os = "linux")]
pub(crate) mod tunnel;

pub(crate) use log::{close, json, read_all};
pub(crate) use recording::recording;
pub(crate) use reserved::Reserved;
pub(crate) use sessions::session_items;
