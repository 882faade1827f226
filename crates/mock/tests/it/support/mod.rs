//! Shared by these tests: a mock in memory, and a client that sees every byte.

mod client;
#[path = "../../../../../tests/it/support/demo.rs"]
mod demo;
#[path = "../../../../../tests/it/support/mock.rs"]
mod mock;
#[path = "../../../../../tests/it/support/recording.rs"]
mod recording;
#[path = "../../../../../tests/it/support/repository.rs"]
mod repository;
#[path = "../../../../../tests/it/support/reserved.rs"]
mod reserved;
#[path = "../../../../../tests/it/support/room.rs"]
mod room;
#[path = "../../../../../tests/it/support/scenarios.rs"]
pub(crate) mod scenarios;
#[path = "../../../../../tests/it/support/tunnel.rs"]
pub(crate) mod tunnel;

pub(crate) use client::{Received, Socket, demo, offsets_ms, push, read_for, split, wait_ms};
pub(crate) use demo::{over_tcp, with_demo};
pub(crate) use mock::Mock;
pub(crate) use recording::recording;
pub(crate) use reserved::Reserved;
pub(crate) use room::{ROOM, SOCKET, batch};
