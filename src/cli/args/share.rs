//! The flags of `scrub` and `audit`.

use std::path::PathBuf;

use super::{
    edit::NewRecording,
    flags::{Flags, OfTools},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "People become made-up ones, the same wherever they occur. Counts, times, gifts
and the order of everything stay; docs/sharing.md says what does not.

Examples:
  livetape scrub show.bin -o share.bin && livetape audit share.bin
  livetape scrub show.bin -o share.bin --key-file people.key
      with one key, somebody is the same in several recordings")]
pub(in crate::cli) struct Scrub {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) new: NewRecording,
    /// The key: made and kept there if there is none [default: one that is thrown away]
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key_file: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 nothing found, 1 something found, 3 nothing found but a part
cannot be read

Examples:
  livetape audit share.bin
  livetape audit share.bin --words names.txt
      names.txt: a name, an id or a phrase a line, which must not occur
  livetape audit share.bin --json | jq .counts")]
pub(in crate::cli) struct Audit {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// What must not occur: a word a line
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) words: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}
