//! The recording that is built in.

/// What it is called: `livetape replay demo`.
pub const DEMO: &str = "demo";

/// Its file, `recordings/demo.bin`.
pub const DEMO_BYTES: &[u8] = include_bytes!("../recordings/demo.bin");
