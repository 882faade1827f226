//! The flags of `import`, `info` and `verify`.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = "Formats, one JSON object a line:
  {\"offset_ms\":350,\"frame\":\"<base64>\"}
      frame: one binary WebSocket message
  {\"offset_ms\":350,\"method\":\"WebcastChatMessage\",\"payload\":\"<base64>\"}
      payload: one message; with \"host\" several rooms

Examples:
  livetape import capture.jsonl -o show.bin --user ann
  livetape import capture.jsonl && livetape replay capture.bin")]
pub(in crate::cli) struct Import {
    /// The capture
    pub(in crate::cli) file: PathBuf,
    /// The recording to write [default: the capture's name, ending in .bin]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Whose room it is [default: the file's name]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user: Option<String>,
    /// The room's id [default: what the messages say]
    #[arg(long, value_name = "ID")]
    pub(in crate::cli) room: Option<i64>,
    /// Write over a file that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape info demo
  livetape info show.bin --json | jq .gifts")]
pub(in crate::cli) struct Info {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: String,
    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  livetape verify show.bin || livetape repair show.bin
Exit codes: 0 all is there, 1 nothing can be read, 3 something is missing")]
pub(in crate::cli) struct Verify {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: String,
}
