//! The flags of `cat`, `diff`, `export` and `as-scenario`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::flags::{Flags, OfTools};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape cat show.bin | less
  livetape cat show.bin --json | jq 'select(.type == \"connClose\")'
  livetape cat show.bin --follow                 while it is recorded, until its end")]
pub(in crate::cli) struct Cat {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// All of every record, as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    /// Wait for what is written next, until the recording is sealed
    #[arg(long, short)]
    pub(in crate::cli) follow: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Events are the same if type and id are; when they were received does not count.

Examples:
  livetape diff before.bin after.bin
  livetape diff before.bin after.bin --json | jq .change
One recording under two builds:
  livetape-old events show.bin > old.jsonl; livetape events show.bin > new.jsonl
  livetape diff --events old.jsonl new.jsonl
Exit codes: 0 no difference, 1 differences, 3 something was lost or unreadable")]
pub(in crate::cli) struct Diff {
    /// The first recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) before: PathBuf,
    /// The second
    pub(in crate::cli) after: PathBuf,
    /// Both are files of `livetape events`, one event a line
    #[arg(long)]
    pub(in crate::cli) events: bool,
    /// Each difference as a JSON line
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Forms:
  har        as Chrome saves it: for browsers\' tools, and back through import
  jsonl      {\"offset_ms\":350,\"conn\":1,\"frame\":\"<base64>\"} a line
  piratetok  each frame behind its length in 4 bytes; no times

Examples:
  livetape export har show.bin                   writes show.har
  livetape export jsonl show.bin -o - | head")]
pub(in crate::cli) struct Export {
    /// The form
    pub(in crate::cli) form: Form,
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// The file to write; - is stdout [default: the recording's name with the form's ending]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Only this connection; jsonl and piratetok know one
    #[arg(long, value_name = "N")]
    pub(in crate::cli) conn: Option<u32>,
    /// Write over a file that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Form {
    Har,
    Jsonl,
    Piratetok,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "The mock then plays the recording to any client, and fails and closes where it did.

Examples:
  livetape as-scenario show.bin                  writes show.toml
  livetape mock --scenario show.toml")]
pub(in crate::cli) struct AsScenario {
    /// The recording: a file, or the name of one under recordings/
    pub(in crate::cli) recording: PathBuf,
    /// The scenario to write; - is stdout [default: the recording's name, ending in .toml]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}
