//! The flags of `info` and `verify`.

use std::path::PathBuf;

use super::flags::{Flags, OfTools};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape info demo
  livetape info show.bin --json | jq .gifts")]
pub(in crate::cli) struct Info {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  livetape verify show.bin || livetape repair show.bin
Exit codes: 0 all is there, 1 nothing can be read, 3 something is missing or
the recording is not sealed")]
pub(in crate::cli) struct Verify {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}
