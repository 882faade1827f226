//! Flags of serving commands for the program that starts them.

use std::path::PathBuf;

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
