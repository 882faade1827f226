//! Shared by all tests: the rig and its clients, a mock, the program, recordings and decoded events.

mod clients;
mod events;
mod http;
pub(crate) mod messages;
pub(crate) mod mock;
pub(crate) mod payloads;
pub(crate) mod process;
mod recordings;
mod rig;
pub(crate) mod scripted;
mod setup;
pub(crate) mod tcp;
mod timeline;

pub(crate) use clients::{Log, Socket, close, eventually, is_quiet, json, read, read_all, seqs, told, wait};
pub(crate) use events::{assert_same, chat, chats, event};
pub(crate) use http::HttpResponse;
pub(crate) use recordings::{
    decode, expected_session, item, recording, session_items, shipped_recordings, take,
};
pub(crate) use rig::Rig;
pub(crate) use setup::{As, ROOMS, Setup, UPSTREAM, short, tokens};

/// Seed of all random choices: that of the proptests, fixed by day and fresh at night.
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("PROPTEST_RNG_SEED").expect("`cargo test` sets it");
    println!("PROPTEST_RNG_SEED={seed}");
    seed.parse().unwrap()
}
