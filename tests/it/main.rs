//! The integration tests: one binary, a module an area.

mod access;
mod channels;
mod decoder;
mod feed;
mod feed_ends;
mod harness;
mod kinds;
mod listen;
mod live;
mod live_http;
mod mock;
mod payloads;
mod process;
mod recorder;
mod recording;
mod replay;
mod replay_rig;
mod rest;
mod rest_rooms;
mod rooms;
mod sessions;
mod show;
mod support;
mod tidy;
mod tools;
mod wire;
