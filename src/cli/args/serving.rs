//! The arguments of `live`, `serve` and `record`, and flags for the program that starts a server.

use std::path::PathBuf;

use super::{Flags, OfLive, OfRecord, OfServe};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape live clumsyboy_45
  livetape live clumsyboy_45 --record show.bin
  livetape live clumsyboy_45 --wait-clients 1 --stay  clients see every failure
  livetape live ann --cdp 9222                        follow a tab of Chrome
  livetape live ann --upstream http://127.0.0.1:3100  use `livetape mock`")]
pub(in crate::cli) struct Live {
    /// User to connect to: the name in the profile's address
    ///
    /// With or without @.
    pub(in crate::cli) user: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) tab: Tab,
    #[command(flatten)]
    pub(in crate::cli) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(in crate::cli) drift: Drift,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfLive>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape serve
  livetape serve 8080
  curl -X POST localhost:3000/connect/clumsyboy_45")]
pub(in crate::cli) struct ServeIdle {
    /// Port to listen on [default: 3000]
    #[arg(value_name = "PORT")]
    pub(in crate::cli) port_first: Option<u16>,
    #[command(flatten)]
    pub(in crate::cli) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfServe>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape record clumsyboy_45
  livetape record clumsyboy_45 -o show.bin && livetape replay show.bin
  livetape record clumsyboy_45 -o show.bin --rotate 30m
  livetape record clumsyboy_45 --max-size 2GiB
  livetape record clumsyboy_45 --cdp 9222              record a tab of Chrome

No file is kept if the room was never reached. To record failures as well, use
`livetape live USER --record FILE`.")]
pub(in crate::cli) struct RecordRoom {
    /// User to connect to: the name in the profile's address
    ///
    /// With or without @.
    pub(in crate::cli) user: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) tab: Tab,
    #[command(flatten)]
    pub(in crate::cli) drift: Drift,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfRecord>,
}

/// What to compare the messages of a room with.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Drift {
    /// Warn if messages differ from this recording, or from `schema`, as `diff --fields` does
    #[arg(long, value_name = "BASELINE", help_heading = "Live room", hide_short_help = true)]
    pub(in crate::cli) drift: Option<PathBuf>,
}

/// Tab of the browser instead of a room.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Tab {
    /// With --cdp: choose a tab by its number [default: by USER]
    #[arg(id = "tab", long = "tab", value_name = "N", help_heading = "Live room", hide_short_help = true)]
    pub(in crate::cli) number: Option<usize>,
}

#[derive(Debug, Default, clap::Args)]
pub(in crate::cli) struct Lifecycle {
    /// Write the addresses to this file as JSON when the server is ready
    #[arg(long, value_name = "FILE", help_heading = "Server", hide_short_help = true)]
    pub(in crate::cli) ready_file: Option<PathBuf>,
    /// Exit at the end of standard input
    ///
    /// The process then ends with the program that started it.
    #[arg(long, help_heading = "Server", hide_short_help = true)]
    pub(in crate::cli) exit_with_stdin: bool,
}
