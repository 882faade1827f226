//! The flags of `record` that attach to a browser.

/// Browser tab to record instead of a room.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Browser {
    /// Record a tab of Chrome through its debugging port
    ///
    /// Start Chrome with --remote-debugging-port=9222 --user-data-dir=NEW_FOLDER first. [env: LIVETAPE_CDP]
    #[arg(
        long,
        value_name = "ADDR",
        env = "LIVETAPE_CDP",
        hide_env = true,
        help_heading = "Instead of a room"
    )]
    pub(in crate::cli) cdp: Option<String>,
    /// Choose a tab by its number [default: the one with TikTok]
    #[arg(long, value_name = "N", requires = "cdp", help_heading = "Instead of a room")]
    pub(in crate::cli) tab: Option<usize>,
}
