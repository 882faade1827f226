//! Shared by these tests: a scripted server, and items.

#[path = "../../../../../tests/it/support/fixture.rs"]
mod fixture;
#[path = "../../../../../tests/it/support/items.rs"]
mod items;
#[path = "../../../../../tests/it/support/messages.rs"]
pub(crate) mod messages;
#[path = "../../../../../tests/it/support/repository.rs"]
mod repository;
#[path = "../../../../../tests/it/support/reserved.rs"]
mod reserved;
pub(crate) mod scripted;
#[path = "../../../../../tests/it/support/seed.rs"]
mod seed;
#[path = "../../../../../tests/it/support/sessions.rs"]
mod sessions;

pub(crate) use items::item;
pub(crate) use reserved::Reserved;
pub(crate) use seed::seed;
pub(crate) use sessions::session_items;
