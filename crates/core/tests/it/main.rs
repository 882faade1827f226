//! Tests of the core that need recorded data, or several of its parts.

mod decoder;
mod kinds;
mod recording;
mod redaction;
mod support;
mod wire;
