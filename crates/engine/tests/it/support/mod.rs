//! Shared by these tests: a scripted server, and items.

pub(crate) mod scripted;

pub(crate) use livetape_samples::{Reserved, item, messages, seed, session_items};
