//! Shared by these tests: a scripted server, and items.

pub(crate) mod scripted;

pub(crate) use livetape_samples::{item, messages, reserved::Reserved, seed, session_items};
