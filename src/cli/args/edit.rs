//! The arguments of `repair`, `cut`, `merge` and `mark`.

use std::{path::PathBuf, time::Duration};

use livetape_core::offset;

use super::flags::{Flags, OfTools};

/// Output file of a command that has no default name for it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct NewRecording {
    /// Write the recording to this file
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Records keep their numbers and times, and gaps stay marked as missing. Without
-o, a recording that needs no repair is not copied.

Examples:
  livetape repair show.bin                 writes show.repaired.bin
  livetape repair show.bin -o good.bin

Exit code 3: repaired, but records are lost or may be lost")]
pub(in crate::cli) struct Repair {
    /// Recording to repair: a file or a name under recordings/
    pub(in crate::cli) recording: PathBuf,
    /// Write the result to this file [default: RECORDING.repaired.bin]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "The new recording starts at offset 0. Connections that were open at the start of
the range are open at offset 0.

Examples:
  livetape cut show.bin --from 12m --to 15m30s -o raid.bin
  livetape cut show.bin --around raid --before 20s --after 2m -o raid.bin")]
pub(in crate::cli) struct Cut {
    /// Recording to copy from: a file, a name under recordings/ or `demo`
    pub(in crate::cli) recording: PathBuf,
    /// Start of the range, e.g. 90s, 1m30s or 00:01:30 [default: 0]
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) from: Option<Duration>,
    /// End of the range, exclusive [default: the end]
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) to: Option<Duration>,
    /// Copy the range around the first marker with this label
    #[arg(long, value_name = "MARKER", conflicts_with_all = ["from", "to"])]
    pub(in crate::cli) around: Option<String>,
    /// Start this long before the marker
    #[arg(long, value_name = "D", default_value = "10s", value_parser = offset::parse, requires = "around")]
    pub(in crate::cli) before: Duration,
    /// End this long after the marker
    #[arg(long, value_name = "D", default_value = "10s", value_parser = offset::parse, requires = "around")]
    pub(in crate::cli) after: Duration,
    /// Print a summary as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
    #[command(flatten)]
    pub(in crate::cli) new: NewRecording,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Recordings are aligned by the wall time at which they start. The files of a
rotated recording become one again. Rooms stay separate: each keeps its own
connections.

Examples:
  livetape merge ann.bin bob.bin -o both.bin
  livetape merge show.000.bin show.001.bin show.002.bin -o show.bin
  livetape merge a.bin b.bin --offset 1m30s -o both.bin    b starts 1m30s later")]
pub(in crate::cli) struct Merge {
    /// Recordings to merge: files or names under recordings/
    #[arg(required = true, num_args = 2.., value_name = "RECORDING")]
    pub(in crate::cli) inputs: Vec<PathBuf>,
    /// Start a recording this long after the first, ignoring wall times
    ///
    /// Repeat the flag for each recording after the first.
    #[arg(long, value_name = "D", value_parser = offset::parse)]
    pub(in crate::cli) offset: Vec<Duration>,
    /// Write the recording to this file
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: PathBuf,
    /// Overwrite an existing file, and merge across gaps of more than 7 days
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
    /// Recording to mark: a file or a name under recordings/
    pub(in crate::cli) recording: PathBuf,
    /// Label of the marker
    pub(in crate::cli) label: String,
    /// Offset of the marker, e.g. 90s, 1m30s or 00:01:30
    #[arg(long, value_name = "OFFSET", value_parser = offset::parse)]
    pub(in crate::cli) at: Duration,
    /// Write the result to this file [default: RECORDING itself]
    ///
    /// Only a complete, sealed recording is changed in place.
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Overwrite an existing file
    #[arg(long)]
    pub(in crate::cli) force: bool,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfTools>,
}
