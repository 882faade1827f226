//! The arguments of `scrub` and `audit`.

use std::path::PathBuf;

use super::{
    edit::NewRecording,
    flags::{Flags, OfTools},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Each person gets an invented name and invented ids, which stay the same
throughout the recording. Counts, times, gifts and order are kept. What
cannot be read is dropped and counted (exit code 3).

Examples:
  livetape scrub show.bin -o share.bin && livetape audit share.bin
  livetape scrub show.bin -o share.bin --key-file people.key
      with the same key, people stay the same across recordings")]
pub(in crate::cli) struct Scrub {
    /// Recording to scrub: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) new: NewRecording,
    /// Use the key in this file, created if missing [default: a one-time key]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key_file: Option<PathBuf>,
    /// Print a summary as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape audit share.bin
  livetape audit share.bin --words names.txt
      names.txt: names, ids or phrases that must not occur, one per line
  livetape audit share.bin --json | jq .counts

Exit codes: 0 nothing found, 1 something found, 3 nothing found but a part is
unreadable")]
pub(in crate::cli) struct Audit {
    /// Recording to search: a file, a name under recordings/, `demo`, or - for stdin
    pub(in crate::cli) recording: PathBuf,
    /// Also search for the words in this file, one per line
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) words: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}
