//! The arguments of `completions` and `man`.

use clap_complete::Shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  eval \"$(livetape completions bash)\"         in ~/.bashrc
  livetape completions zsh > ~/.zfunc/_livetape
  livetape completions fish > ~/.config/fish/completions/livetape.fish")]
pub(in crate::cli) struct Completions {
    /// Shell to print the script for
    pub(in crate::cli) shell: Shell,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  livetape man | man -l -
  livetape man replay > livetape-replay.1
  livetape man config show | man -l -")]
pub(in crate::cli) struct Man {
    /// Command to print the page of [default: livetape itself]
    pub(in crate::cli) command: Vec<String>,
}
