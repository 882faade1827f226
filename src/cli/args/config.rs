//! The arguments of `config`.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Flags, OfNone};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape config example > livetape.toml
  livetape config check
  livetape config show")]
pub(in crate::cli) struct Config {
    #[command(subcommand)]
    pub(in crate::cli) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Read the settings, and say all that is wrong with them
    Check {
        /// The file [default: livetape.toml, if there is one]
        file: Option<PathBuf>,
        /// The file, as other commands have it [env: LIVETAPE_CONFIG]
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
    },
    /// Say which settings are in effect, and where each comes from; secrets are masked
    Show(Flags<OfNone>),
    /// Print a file with every key and its default
    Example,
}
