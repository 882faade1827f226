//! The flags of the tools that make recordings of recordings.

use std::{path::PathBuf, time::Duration};

use super::flags::{Flags, OfTools};
use crate::sans_io::offset;

/// What a command writes that needs a name for it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct NewRecording {
    /// The recording to write
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: PathBuf,
    /// Write over a file that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Records keep their numbers and times; what is missing stays known as missing.
What needs no repair is left alone.

Examples:
  livetape repair show.bin                 writes show.repaired.bin
  livetape repair show.bin -o good.bin
Exit code 3: repaired, but something is lost for good, or may be")]
pub(in crate::cli) struct Repair {
    /// The recording: a file, or the name of one under recordings/
    pub(in crate::cli) recording: PathBuf,
    /// The recording to write [default: the recording's name, ending in .repaired.bin]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The new recording begins at 0. What stood open at the start of the range is opened at its
beginning.

Examples:
  livetape cut show.bin --start 12m --end 15m30s -o raid.bin
  livetape cut show.bin --around raid --before 20s --after 2m -o raid.bin"
)]
pub(in crate::cli) struct Cut {
    /// The recording: a file, the name of one under recordings/, or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// Where the range begins, e.g. 90s, 1m30s or 00:01:30 [default: the start]
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) start: Option<Duration>,
    /// Where it ends: what lies there is not in it [default: the end]
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) end: Option<Duration>,
    /// The range around the first marker with this label
    #[arg(long, value_name = "MARKER", conflicts_with_all = ["start", "end"])]
    pub(in crate::cli) around: Option<String>,
    /// How long before the marker
    #[arg(long, value_name = "D", default_value = "10s", value_parser = offset::parse, requires = "around")]
    pub(in crate::cli) before: Duration,
    /// How long after the marker
    #[arg(long, value_name = "D", default_value = "10s", value_parser = offset::parse, requires = "around")]
    pub(in crate::cli) after: Duration,
    #[command(flatten)]
    pub(in crate::cli) new: NewRecording,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Recordings are laid on one clock by their wall times. The parts of a rotated recording become
the whole again. Several rooms stay apart: each has connections of its own.

Examples:
  livetape merge ann.bin bob.bin -o both.bin
  livetape merge show.000.bin show.001.bin show.002.bin -o show.bin
  livetape merge a.bin b.bin --offset 1m30s -o both.bin    b begins 1m30s after a"
)]
pub(in crate::cli) struct Merge {
    /// The recordings: files, or names of those under recordings/
    #[arg(required = true, num_args = 2.., value_name = "RECORDING")]
    pub(in crate::cli) inputs: Vec<PathBuf>,
    /// How far a recording begins after the first, whatever wall times say; once for each after the first
    #[arg(long, value_name = "D", value_parser = offset::parse)]
    pub(in crate::cli) offset: Vec<Duration>,
    /// The recording to write
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: PathBuf,
    /// Write over a file that is there, and merge recordings that begin more than 7 days apart
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape mark show.bin --at 12m30s raid
  livetape mark show.bin --at 12m30s raid -o marked.bin
  livetape cut show.bin --around raid -o raid.bin")]
pub(in crate::cli) struct Mark {
    /// The recording: a file, or the name of one under recordings/
    pub(in crate::cli) recording: PathBuf,
    /// The label
    pub(in crate::cli) label: String,
    /// Where, e.g. 90s, 1m30s or 00:01:30
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) at: Duration,
    /// The recording to write [default: the same; it must be whole and sealed]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Write over another file that is there
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}
