//! Everything in livetape between TikTok and the hub.
//!
//! A [`source`] is a live room, a browser tab or a recording; its items go through the [`pipeline`] to the hub, and
//! the [`recorder`] writes them to a file. A `room` is one connection upstream, and [`channels`] are what clients
//! read.

pub mod channels;
pub mod pipeline;
pub mod recorder;
mod room;
pub mod source;

/// The recording that is built in.
pub mod demo {
    pub use livetape_core::recording::DEMO;

    /// Its file, `recordings/demo.bin`.
    pub const DEMO_BYTES: &[u8] = include_bytes!("../recordings/demo.bin");
    // A link is about 30 bytes long.
    const _: () = assert!(
        DEMO_BYTES.len() > 1000,
        "Git has written symbolic links as text: turn on Windows' developer mode, and clone with `--config core.symlinks=true`"
    );
}

/// Targets of lines that the program logs even while the terminal displays events, unless a level is set.
pub mod log_target {
    /// Target of lines about clients that connect and disconnect, and rooms they create.
    pub const CLIENTS: &str = "livetape::clients";

    /// Target of lines about the rooms of tokens: the terminal displays only events of the main channel.
    pub const TOKENS: &str = "livetape::tokens";

    /// Target of lines about secrets that a request to the upstream does not carry.
    pub const SECRETS: &str = "livetape::secrets";

    /// Target of lines about rooms that are not recorded.
    pub const UNRECORDED: &str = "livetape::unrecorded";
}
