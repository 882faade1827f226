//! Shared by these tests: recordings, captures and decoded events.

#[path = "../../../../tests/it/support/boundaries.rs"]
pub(crate) mod boundaries;
#[path = "../../../../tests/it/support/captured.rs"]
pub(crate) mod captured;
#[path = "../../../../tests/it/support/decoded.rs"]
mod decoded;
#[path = "../../../../tests/it/support/filtered.rs"]
mod filtered;
#[path = "../../../../tests/it/support/fixture.rs"]
pub(crate) mod fixture;
#[path = "../../../../tests/it/support/items.rs"]
mod items;
#[path = "../../../../tests/it/support/make.rs"]
pub(crate) mod make;
#[path = "../../../../tests/it/support/messages.rs"]
pub(crate) mod messages;
#[path = "../../../../tests/it/support/recording.rs"]
mod recording;
#[path = "../../../../tests/it/support/repository.rs"]
pub(crate) mod repository;
#[path = "../../../../tests/it/support/same.rs"]
mod same;
#[path = "../../../../tests/it/support/seed.rs"]
mod seed;
#[path = "../../../../tests/it/support/sessions.rs"]
mod sessions;

pub(crate) use filtered::{decode, filtered};
pub(crate) use items::item;
pub(crate) use recording::recording;
pub(crate) use same::assert_same;
pub(crate) use seed::seed;
pub(crate) use sessions::{expected_session, session_items};
