//! Shared by all tests: the program, a mock, recordings and what sockets received.
//!
//! Tests of crates take some of these files by their path. Each has a single subject, because a binary warns of what it
//! does not use.

pub(crate) mod demo;
mod log;
pub(crate) mod process;
#[cfg(target_os = "linux")]
pub(crate) mod tunnel;

pub(crate) use livetape_samples::{boundaries, captures, messages, recording, room, session_items};

pub(crate) use log::{close, json, read_all};
