//! Shared by these tests: recordings, captures and decoded events.

#[path = "../../../../tests/it/support/filtered.rs"]
mod filtered;

pub(crate) use livetape_samples::{
    assert_same, boundaries, captures, expected_session, fixture, item, messages, recording, repository,
    seed, session_items,
};

pub(crate) use filtered::{decode, filtered};
