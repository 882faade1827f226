//! Shared by all tests: the rig and its clients, a mock, the program, recordings and decoded events.
//!
//! Tests of crates take some of these files by their path. Each has a single subject, because a binary warns of what it
//! does not use.

pub(crate) mod boundaries;
mod clients;
mod decoded;
mod events;
pub(crate) mod expected;
mod filtered;
mod fixture;
mod http;
mod items;
pub(crate) mod make;
pub(crate) mod messages;
pub(crate) mod mock;
pub(crate) mod payloads;
pub(crate) mod process;
mod recording;
mod repository;
mod reserved;
mod rig;
mod same;
pub(crate) mod scenarios;
mod seed;
mod sessions;
mod setup;
mod shipped;
pub(crate) mod tcp;
mod timeline;
#[cfg(target_os = "linux")]
pub(crate) mod tunnel;

pub(crate) use clients::{Log, Socket, close, eventually, is_quiet, json, read, read_all, seqs, told, wait};
pub(crate) use events::{chat, chats, event};
pub(crate) use filtered::decode;
pub(crate) use http::HttpResponse;
pub(crate) use items::item;
pub(crate) use recording::recording;
pub(crate) use reserved::Reserved;
pub(crate) use rig::Rig;
pub(crate) use same::assert_same;
pub(crate) use seed::seed;
pub(crate) use sessions::session_items;
pub(crate) use setup::{As, ROOMS, Setup, UPSTREAM, short, tokens};
pub(crate) use shipped::shipped_recordings;
