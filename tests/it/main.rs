//! The integration tests: one binary, a module an area.

mod kinds;
mod payloads;
mod wire;
