//! The flags of `record` for a browser.

/// A tab instead of a room.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Browser {
    /// Record what a tab of Chrome shows, which was started with --remote-debugging-port=9222
    #[arg(long, value_name = "ADDR", env = "LIVETAPE_CDP")]
    pub(in crate::cli) cdp: Option<String>,
    /// The tab, as it is listed [default: the one that shows TikTok]
    #[arg(long, value_name = "N", requires = "cdp")]
    pub(in crate::cli) tab: Option<usize>,
}
