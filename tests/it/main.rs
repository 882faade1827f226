//! The integration tests: one binary, a module an area.

mod recording;
