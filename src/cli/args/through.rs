//! The flag of `record` for clients of a proxy.

use crate::settings::Listen;

/// Clients of a proxy to record instead of a room.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Through {
    /// Record the clients of an HTTP proxy on this port
    ///
    /// ADDR is a port or HOST:PORT. It passes their requests and sockets on to TikTok and to sign servers, and refuses other hosts. Clients use it as their
    /// proxy and trust its CA: `livetape ca` explains how. [env: LIVETAPE_PROXY_LISTEN]
    #[arg(
        long,
        value_name = "ADDR",
        env = "LIVETAPE_PROXY_LISTEN",
        hide_env = true,
        help_heading = "Instead of a room"
    )]
    #[arg(value_parser = Listen::parse, conflicts_with = "cdp")]
    pub(in crate::cli) proxy_listen: Option<Listen>,
}
