//! The integration tests: one binary, a module an area.

mod kinds;
mod payloads;
mod process;
mod recording;
mod replay;
mod sessions;
mod support;
mod tidy;
mod tools;
mod wire;
