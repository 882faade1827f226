//! The arguments of `cat`, `diff`, `export` and `as-scenario`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::flags::{Flags, OfTools};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape cat show.bin | less
  livetape cat show.bin --json | jq 'select(.type == \"connClose\")'
  livetape cat show.bin --follow                 while it is being recorded")]
pub(in crate::cli) struct Cat {
    /// Recording to print: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    /// Print every field of each record, as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Wait for new records until the recording is sealed
    #[arg(long, short)]
    pub(in crate::cli) follow: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Events match if their type and id match; the time of receipt is ignored.

Examples:
  livetape diff before.bin after.bin
  livetape diff before.bin after.bin --json | jq .change

Compare two builds on one recording:
  livetape-old events show.bin > old.jsonl; livetape events show.bin > new.jsonl
  livetape diff --events old.jsonl new.jsonl

Exit codes: 0 equal, 1 different, 3 records are missing or unreadable")]
pub(in crate::cli) struct Diff {
    /// First recording: a file, a name under recordings/ or `demo`
    pub(in crate::cli) before: PathBuf,
    /// Second recording
    pub(in crate::cli) after: PathBuf,
    /// Compare two files that `livetape events` wrote
    #[arg(long)]
    pub(in crate::cli) events: bool,
    /// Print each difference as a line of JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape export har show.bin                   writes show.har
  livetape export jsonl show.bin -o - | head")]
pub(in crate::cli) struct Export {
    /// Format to write
    #[arg(value_name = "FORMAT")]
    pub(in crate::cli) form: Form,
    /// Recording to convert: a file, a name under recordings/ or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// Write to this file, or - for stdout [default: RECORDING.har, .jsonl or .piratetok.bin]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Export only this connection [jsonl and piratetok only]
    #[arg(long, value_name = "N")]
    pub(in crate::cli) conn: Option<u32>,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Form {
    /// As Chrome saves it, for browser tools and `livetape import`
    Har,
    /// One frame per line: {"offset_ms":350,"conn":1,"frame":"<base64>"}
    Jsonl,
    /// Frames without times, each preceded by its length in 4 bytes
    Piratetok,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "With this scenario, the mock plays the recording to any client, and repeats the
recorded failures and disconnects.

Examples:
  livetape as-scenario show.bin                  writes show.toml
  livetape mock --scenario show.toml")]
pub(in crate::cli) struct AsScenario {
    /// Recording to convert: a file or a name under recordings/
    pub(in crate::cli) recording: PathBuf,
    /// Write to this file, or - for stdout [default: RECORDING.toml]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}
