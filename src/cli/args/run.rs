//! The arguments of `run`.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use livetape_core::offset;

use super::{Flags, Lifecycle, OfRun};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:
  livetape run demo --speed max --exit-when-done -- npm test
  livetape run show.bin --speed max --clients 2 --until-idle 2s -- node bot.js",
    after_long_help = "The environment of COMMAND contains the addresses:
  LIVETAPE_URL        the feed, ws://127.0.0.1:PORT/
  LIVETAPE_HTTP       the REST API, http://127.0.0.1:PORT
  LIVETAPE_MOCK_URL   the mock TikTok, with --mock; also as SIGN_API_URL
  LIVETAPE_TOKEN      the first bearer token of the server, if it has any
  LIVETAPE_OFFLINE    true, if livetape contacts only loopback addresses
  with --mock-proxy   HTTPS_PROXY, HTTP_PROXY, NO_PROXY, SSL_CERT_FILE,
                      REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, NODE_EXTRA_CA_CERTS,
                      NODE_USE_ENV_PROXY, NODE_OPTIONS, JAVA_TOOL_OPTIONS

Without --port or --listen, the server listens on any free port. livetape
contacts only loopback addresses, unless the setting `live.offline`
(LIVETAPE_OFFLINE) is false.

Examples:
  livetape run demo --speed max --exit-when-done -- npm test
  livetape run show.bin --speed max --clients 2 --until-idle 2s -- node bot.js
  livetape run demo --mock demo -- pytest
  livetape run demo --mock-proxy -- java -jar bot.jar

Exit code: that of COMMAND; 1 if it did not connect or used neither mock nor
feed, 126 or 127 if it cannot run, 3 if it succeeded but the recording is damaged"
)]
pub(in crate::cli) struct Run {
    /// Recording to play: a file, a name under recordings/ or `demo`
    ///
    /// [default: demo] [env: LIVETAPE_RECORDING]
    pub(in crate::cli) recording: Option<PathBuf>,
    /// Command to test, with its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(in crate::cli) command: Vec<OsString>,
    /// Also start a mock TikTok with this scenario
    ///
    /// With `demo`, every user is live.
    #[arg(long, value_name = "SCENARIO")]
    pub(in crate::cli) mock: Option<PathBuf>,
    /// Send the requests of COMMAND to TikTok and to sign servers to the mock
    ///
    /// For clients whose hosts cannot be changed. COMMAND gets the variables that curl, Node.js, Python and
    /// Java read, for a proxy and for the certificate of its CA. Starts the mock `demo` without --mock.
    #[arg(long)]
    pub(in crate::cli) mock_proxy: bool,
    /// Start playing once N clients are connected [default: 1; 0 with a mock]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(in crate::cli) clients: Option<usize>,
    /// Fail if the clients are not connected within this time
    #[arg(long, value_name = "D", default_value = "2m", value_parser = offset::parse)]
    pub(in crate::cli) connect_time: Duration,
    /// Send SIGTERM to COMMAND after this long without traffic
    ///
    /// The time starts once the clients are connected and, with --mock, have sent the mock a request. Events,
    /// open private replays and client activity on the mock count as traffic.
    #[arg(long, value_name = "D", value_parser = silence)]
    pub(in crate::cli) until_idle: Option<Duration>,
    #[command(flatten)]
    pub(in crate::cli) lifecycle: Lifecycle,
    #[command(flatten)]
    pub(in crate::cli) flags: Flags<OfRun>,
}

impl Run {
    /// Number of clients to wait for.
    pub(in crate::cli) fn clients(&self) -> usize {
        self.clients.unwrap_or(usize::from(self.mock.is_none() && !self.mock_proxy))
    }
}

fn silence(text: &str) -> Result<Duration, String> {
    match offset::parse(text)? {
        Duration::ZERO => Err("it must be longer than 0s".to_owned()),
        silence => Ok(silence),
    }
}
