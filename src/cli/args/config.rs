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
    /// Check the settings and report every error
    Check {
        #[arg(
            help = "Settings file to check [default: livetape.toml]",
            long_help = "Settings file to check\n\n[default: livetape.toml, here or in the user's folder for configuration] [env: LIVETAPE_CONFIG]"
        )]
        file: Option<PathBuf>,
        /// Settings file to check, instead of the argument FILE
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
    },
    /// Print the settings in effect and their origins, with secrets masked
    Show(Flags<OfNone>),
    /// Print a settings file with every key and its default
    Example,
}
