//! Shared by these tests: [`Rig`] is livetape in memory, [`Setup`] configures it, `Served` is a server on a port.

#[path = "../../../../../tests/it/support/captured.rs"]
mod captured;
mod clients;
#[path = "../../../../../tests/it/support/decoded.rs"]
mod decoded;
#[path = "../../../../../tests/it/support/demo.rs"]
pub(crate) mod demo;
mod events;
#[path = "../../../../../tests/it/support/expected.rs"]
pub(crate) mod expected;
#[path = "../../../../../tests/it/support/filtered.rs"]
mod filtered;
#[path = "../../../../../tests/it/support/fixture.rs"]
mod fixture;
mod http;
#[path = "../../../../../tests/it/support/items.rs"]
mod items;
#[path = "../../../../../tests/it/support/log.rs"]
mod log;
#[path = "../../../../../tests/it/support/make.rs"]
pub(crate) mod make;
#[path = "../../../../../tests/it/support/messages.rs"]
pub(crate) mod messages;
#[path = "../../../../../tests/it/support/mock.rs"]
pub(crate) mod mock;
#[path = "../../../../../tests/it/support/payloads.rs"]
pub(crate) mod payloads;
#[path = "../../../../../tests/it/support/recording.rs"]
mod recording;
#[path = "../../../../../tests/it/support/repository.rs"]
pub(crate) mod repository;
mod rig;
#[path = "../../../../../tests/it/support/same.rs"]
mod same;
#[path = "../../../../../tests/it/support/scenarios.rs"]
pub(crate) mod scenarios;
#[path = "../../../../../tests/it/support/seed.rs"]
mod seed;
#[path = "../../../../../tests/it/support/sessions.rs"]
mod sessions;
mod setup;
mod shipped;
pub(crate) mod tcp;
mod timeline;

pub(crate) use clients::{Socket, eventually, is_quiet, read, seqs, told, wait};
pub(crate) use events::{chat, chats, event};
pub(crate) use filtered::decode;
pub(crate) use http::HttpResponse;
pub(crate) use items::item;
pub(crate) use log::{Log, close, json, read_all};
pub(crate) use recording::recording;
pub(crate) use rig::Rig;
pub(crate) use same::assert_same;
pub(crate) use seed::seed;
pub(crate) use sessions::session_items;
pub(crate) use setup::{As, ROOMS, Setup, UPSTREAM, short, tokens};
pub(crate) use shipped::shipped_recordings;
