//! The recording that is built in.

pub use livetape_core::recording::DEMO;

/// Its file, `recordings/demo.bin`.
pub const DEMO_BYTES: &[u8] = include_bytes!("../recordings/demo.bin");
