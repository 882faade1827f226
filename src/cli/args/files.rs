//! The arguments of `info` and `verify`.

use std::path::PathBuf;

use super::flags::{Flags, OfTools};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape info demo
  livetape info show.bin --json | jq .gifts
  livetape info demo --totals
  curl -s https://example.org/show.bin | livetape info -")]
pub(in crate::cli) struct Info {
    /// Recording to read: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Print what clients of a replay should have counted, as `GET /truth` does
    #[arg(long)]
    pub(in crate::cli) totals: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape verify show.bin || livetape repair show.bin
  livetape verify show.bin --json | jq .report.missing

Exit codes: 0 complete, 1 unreadable, 3 a part is missing or unreadable, or the
recording is not sealed")]
pub(in crate::cli) struct Verify {
    /// Recording to read: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}
