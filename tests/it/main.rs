//! The integration tests: one binary, a module an area.

mod access;
mod feed;
mod feed_ends;
mod harness;
mod kinds;
mod listen;
mod payloads;
mod process;
mod recording;
mod replay;
mod rest;
mod sessions;
mod support;
mod tidy;
mod tools;
mod wire;
