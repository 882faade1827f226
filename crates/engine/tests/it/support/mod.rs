//! Shared by these tests: a scripted server, and items.

#[path = "../../../../../tests/it/support/reserved.rs"]
mod reserved;
pub(crate) mod scripted;

pub(crate) use livetape_samples::{item, messages, seed, session_items};

pub(crate) use reserved::Reserved;
