//! A live room as a source. Connects, keeps the session alive, reconnects after failures, and returns
//! everything that happens as [`Item`]s.
//!
//! ```text
//! lookup → (sign server | cookie) → socket → session ⟲ frames → items
//!    ▲                                            │
//!    └──────────────── retry ◄────────────────────┘
//! ```

mod advice;
mod cookies;
mod doctor;
mod driver;
mod lookup;
mod request;
mod secrets;
mod sign;
mod transport;
mod upstream;
mod url;

use std::{fmt, mem::size_of, sync::Arc, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    recording::{
        Flags, Item, USER_TAG, What,
        records::{
            Header, Status,
            header::{Privacy, Timing},
        },
    },
    retry, username,
};
use livetape_feed::control::{LOOKUPS_PER_MINUTE, Limit, Refusal};
use livetape_io::clock;
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

use url::is_loopback;

pub use cookies::Cookies;
pub use doctor::{Diagnosis, Step, StepResult, diagnose};
pub(crate) use driver::Batches;
pub use livetape_core::secret::Secret;
pub use lookup::{Check, check};
pub use request::{Broken, Group, Pairs, Requests};
#[cfg(feature = "live")]
pub use reqwest::Url;
pub use transport::{
    Counted, HttpResponse, MemoryTransport, OpenError, Opened, Received, Request, SharedTransport, Stream,
    Transport, Unreached,
};
#[cfg(feature = "live")]
pub use transport::{NetTransport, tls};
pub use upstream::{HTTP_TIMEOUT, OPEN_TIMEOUT};

/// Default maximum time for the close handshake.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Minimum interval of look-ups while a user is not live.
pub const WAIT_LIVE_MIN: Duration = Duration::from_secs(30);
/// Maximum length of a WebSocket message or frame, in bytes. The largest one seen in practice is 120 KB.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// Maximum length of a response body, in bytes; the rest is not read. The largest page seen in practice is
/// about 400 KB.
pub const BODY_BYTES_MAX: usize = 2 << 20;
/// Maximum size of unsent data on a socket (acks, heartbeats and pongs), in bytes.
const UNSENT_BYTES_MAX: usize = 256 << 10;
/// Maximum number of held items, and of bytes in their frames. Beyond either, the socket is not read.
const HELD_ITEMS_MAX: usize = 256;
const HELD_BYTES_MAX: usize = 2 << 20;
/// Maximum number of batches, each of what was held, that wait to be received: by the room, and by each of
/// its channels.
pub(crate) const BATCHES_WAITING_MAX: usize = 1;
/// Maximum size of items from a live room that wait for a slow disk, in bytes: four of the largest messages,
/// or a minute of a busy room.
pub const RECORDER_BYTES_MAX: usize = 4 << 20;
/// Frames of a batch: held items, and one frame that exceeds their limit.
const BATCH_BYTES: usize = HELD_BYTES_MAX + FRAME_BYTES_MAX;
/// Number of batches of a room: held, waiting for the room, taken by it, waiting for a channel, and being
/// decoded. Channels share frames.
const BATCHES: usize = 3 + 2 * BATCHES_WAITING_MAX;
/// Memory of a socket: the message being assembled and the frame being read; unsent data; batches.
const SOCKET_BYTES: usize = 2 * FRAME_BYTES_MAX + UNSENT_BYTES_MAX + BATCHES * BATCH_BYTES;
/// Bodies of one attempt: two look-ups, room info and the sign server's batch, plus one of them compressed.
const BODIES_BYTES: usize = 5 * BODY_BYTES_MAX;
const _: () = assert!(
    SOCKET_BYTES + BODIES_BYTES + RECORDER_BYTES_MAX + BATCHES * HELD_ITEMS_MAX * size_of::<Item>()
        <= 32 << 20,
    "more than 32 MiB"
);

/// How a live source ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The room ended; the text is the reason in the `disconnected` event.
    Ended(&'static str),
    /// No further attempt is made.
    Failed(Problem),
    Stopped,
}

/// A live room.
///
/// # Items
/// Items arrive in the order in which they happened, with offsets relative to the start. Connections are
/// numbered from 1; items before a connection opens carry the number of that connection.
///
/// - `Http`: look-ups, responses of the sign server (without body), cookies (without page), rejected
///   upgrades;
/// - `ConnOpen` once the socket is open, then the sign server's batch as `Http` with the role
///   `INITIAL_BATCH`;
/// - `Frame`s in both directions, ours with [`livetape_core::recording::Flags::SENT`];
/// - `ConnClose`, and `Status` for each failed attempt, including the last one (`retrying: false`).
///
/// Keys, cookies and signatures are removed from items, but bodies and frames are kept as they are.
#[derive(Debug)]
pub struct Live {
    pub(crate) header: Header,
    batches: Batches,
    task: JoinHandle<Outcome>,
    stop: CancellationToken,
    /// Time of offset 0.
    pub(crate) started: Instant,
    /// Stops the source on drop.
    _guard: DropGuard,
}

impl Live {
    /// Starts connecting, on the caller's runtime.
    #[must_use]
    pub fn start(options: LiveOptions, transport: impl Into<SharedTransport>) -> Self {
        let wall_anchor = options.wall_anchor.unwrap_or_else(clock::wall);
        let header = header(&LiveOptions { wall_anchor: Some(wall_anchor), ..options.clone() });
        let (sender, batches) = Batches::channel();
        let stop = CancellationToken::new();
        let driver = driver::RoomDriver::new(options, transport.into(), wall_anchor, sender, stop.clone());
        let task = tokio::spawn(driver.run());
        Self::over(header, batches, task, stop)
    }

    /// Returns a source that fails at once, because the upstream refused its user a moment ago.
    pub(crate) fn refused(options: &LiveOptions, refusal: Refusal) -> Self {
        let Refusal { problem, retrying, retry_after } = refusal;
        let status = Status {
            code: problem.code.name().to_owned(),
            attempt: 1,
            retrying,
            retry_after_ms: retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            detail: problem.message.clone(),
            hint: problem.hint.clone(),
        };
        let item =
            Item { offset: Duration::ZERO, conn: 1, flags: Flags::default(), what: What::Status(status) };
        let (sender, batches) = Batches::channel();
        let task = tokio::spawn(async move {
            // Whether anybody receives it does not matter.
            let _ = sender.send(vec![item]).await;
            Outcome::Failed(problem)
        });
        Self::over(header(options), batches, task, CancellationToken::new())
    }

    /// Wraps a source that another task drives.
    pub(crate) fn over(
        header: Header,
        batches: Batches,
        task: JoinHandle<Outcome>,
        stop: CancellationToken,
    ) -> Self {
        let started = clock::now();
        Self { header, batches, task, stop: stop.clone(), started, _guard: stop.drop_guard() }
    }

    /// Header for a decoder and a recording: the wall time of offset 0, and the user (tag [`USER_TAG`]).
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the next item, or `None` at the end. Cancel safe. While no items are taken, the connection is
    /// kept alive but not read.
    pub async fn next(&mut self) -> Option<Item> {
        self.batches.next().await
    }

    /// Returns the items that were sent together, or `None` at the end. Cancel safe.
    pub(crate) async fn next_batch(&mut self) -> Option<Vec<Item>> {
        self.batches.next_batch().await
    }

    /// Stops the source and closes the socket, which takes at most [`LiveOptions::close_timeout`].
    /// [`Live::next`] returns the remaining items.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether [`Self::stop`] was called.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Returns how the source ended. Call this after [`Live::next`] has returned `None`; an earlier call
    /// stops the source.
    pub async fn outcome(self) -> Outcome {
        drop(self.batches);
        match self.task.await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Outcome::Stopped,
        }
    }
}

#[derive(Clone)]
pub struct LiveOptions {
    /// User as entered: `name`, `@name` or a URL.
    pub user: String,
    /// Server to use instead of TikTok for all requests, such as a mock: `http://127.0.0.1:PORT`.
    pub upstream: Option<Url>,
    /// Ways into the room, in this order: one that fails for good hands over to the next. Without any, it is
    /// [`Way::Direct`], and [`Way::Sign`] before it if there is the URL or key of a sign server.
    pub ways: Vec<Way>,
    /// Tab for [`Way::Tab`].
    pub tab: Option<Tab>,
    /// URL of the sign server.
    pub sign_url: Option<Url>,
    pub sign_key: Option<Secret>,
    /// Cookies of a logged-in user. Sent to TikTok's hosts over TLS and to the origin of [`Self::upstream`]; their
    /// session's id also to that of [`Self::sign_url`], but never to a default sign server.
    pub session: Option<Cookies>,
    /// Proxy for requests and sockets: `http://`, `socks5://` or `socks5h://`, optionally with user and
    /// password.
    pub proxy: Option<Url>,
    /// Whether only loopback addresses may be contacted.
    pub offline: bool,
    /// Maximum number of consecutive attempts; at least 1.
    pub attempts_max: u32,
    /// Interval of look-ups until the user is live; with `None`, the source fails if the user is not live.
    pub wait_live: Option<Duration>,
    /// Seed of the waits between attempts: the same seed gives the same waits.
    pub seed: u64,
    /// Wall time of offset 0, since the Unix epoch; `None` reads the clock.
    pub wall_anchor: Option<Duration>,
    /// Whether it continues a room that was connected before: then a user who is offline has ended it.
    pub continues: bool,
    /// Maximum number of look-ups per minute; `None` for the default, and for no limit if all servers are on
    /// loopback. Tests set it.
    pub lookups_per_minute: Option<u32>,
    /// When TikTok may be contacted. Attempts wait for it.
    pub limit: Limit,
    /// When the first look-up may begin, if it was reserved.
    pub turn: Option<Instant>,
    /// Maximum time for the close handshake. Without an answer, the connection is dropped.
    pub close_timeout: Duration,
    /// What requests contain.
    pub requests: Arc<Requests>,
}

/// A URL. Cannot exist without the feature `live`, because nothing opens connections then.
#[cfg(not(feature = "live"))]
#[derive(Clone)]
pub enum Url {}

#[cfg(not(feature = "live"))]
impl Url {
    fn as_str(&self) -> &str {
        match *self {}
    }

    fn scheme(&self) -> &str {
        match *self {}
    }

    fn host_str(&self) -> Option<&str> {
        match *self {}
    }

    fn query_pairs(&self) -> std::iter::Empty<(String, String)> {
        match *self {}
    }
}

/// A way into a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A cookie of TikTok, and a socket without a signature.
    Direct,
    /// A sign server, which returns a signed socket: `GET /webcast/fetch?room_id=…`, used by most clients.
    Sign,
    /// The same, with `GET /webcast/rooms/{room id}/connect`, used by Node clients since 2.4. The answers are alike.
    SignConnect,
    /// A tab of a browser, which needs no request of ours. If another way follows, it fails for good at once.
    Tab,
}

impl Way {
    pub const ALL: &[Self] = &[Self::Direct, Self::Sign, Self::SignConnect, Self::Tab];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Sign => "sign",
            Self::SignConnect => "sign-connect",
            Self::Tab => "tab",
        }
    }

    /// Whether it asks a sign server.
    fn is_signed(self) -> bool {
        matches!(self, Self::Sign | Self::SignConnect)
    }
}

/// A tab of a browser that shows the user's LIVE, as [`super::browser`] follows it.
#[derive(Clone)]
pub struct Tab {
    /// Address of the browser.
    pub(crate) browser: String,
    /// Follows the tab of the user of the options.
    pub(crate) follow: Arc<dyn Fn(&LiveOptions) -> Live + Send + Sync>,
}

impl LiveOptions {
    /// Returns the defaults: TikTok itself, no sign server, [`retry::ATTEMPTS`] attempts.
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            upstream: None,
            ways: Vec::new(),
            tab: None,
            sign_url: None,
            sign_key: None,
            session: None,
            proxy: None,
            offline: false,
            attempts_max: retry::ATTEMPTS,
            wait_live: None,
            seed: 0,
            wall_anchor: None,
            continues: false,
            lookups_per_minute: None,
            limit: Limit::default(),
            turn: None,
            close_timeout: CLOSE_TIMEOUT,
            requests: Arc::default(),
        }
    }

    /// Returns the bare user name, if all options are valid.
    fn username(&self) -> Result<String, Problem> {
        for url in self.upstream.iter().chain(&self.sign_url) {
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                let problem = Problem::new(Code::BadRequest, "not the address of an upstream or sign server");
                return Err(problem.hint("use an address that starts with http:// or https://"));
            }
        }
        if self.sign_key.as_ref().is_some_and(|key| !key.is_header_value()) {
            let message = "the key is empty or has invalid characters";
            return Err(Problem::new(Code::BadRequest, message).hint("use one line of printable ASCII"));
        }
        if self.ways.contains(&Way::Tab) && self.tab.is_none() {
            let problem = Problem::new(Code::BadRequest, "the way `tab` has no browser");
            return Err(problem.hint("set `live.cdp` to the debugging port of Chrome"));
        }
        username::normalise(&self.user)
    }

    /// Returns the cookies of the session; none without a session.
    fn cookies(&self) -> Cookies {
        self.session.clone().unwrap_or_default()
    }

    /// Returns the maximum number of look-ups per minute; `None` for no limit.
    #[must_use]
    pub fn lookup_budget(&self) -> Option<u32> {
        // Without a URL of its own, the sign server has that of the upstream.
        let here =
            |url: &Url| url.host_str().is_some_and(|host| is_loopback(host) || host.ends_with(".localhost"));
        let is_local = self.upstream.as_ref().is_some_and(here) && self.sign_url.as_ref().is_none_or(here);
        self.lookups_per_minute.or((!is_local).then_some(LOOKUPS_PER_MINUTE))
    }

    /// Reserves a look-up like [`Limit::admit`], with advice for these options.
    pub(crate) fn admit(&self, wait_max: Duration) -> Result<Instant, Refusal> {
        self.limit.admit(wait_max).map_err(|refusal| {
            let problem = refusal.problem.clone();
            Refusal { problem: advice::on_refusal(self, problem), ..refusal }
        })
    }

    /// Whether a tab, which needs no look-up, is a way into a room whose look-up failed with this code.
    pub(crate) fn may_follow_tab(&self, code: Code) -> bool {
        let is_final = matches!(
            code,
            Code::UserOffline
                | Code::UserNotFound
                | Code::InvalidUsername
                | Code::BadRequest
                | Code::OfflineMode
        );
        self.ways.contains(&Way::Tab) && !is_final
    }

    /// Returns the host of the sign server, for people.
    fn sign_server(&self) -> String {
        let host = url::host(&Origins::new(self).sign);
        let is_own = self.upstream.is_some() && self.sign_url.is_none();
        let name = host.split(':').next().unwrap_or_default();
        if is_own || is_loopback(name) { host } else { format!("{host}, a third party") }
    }

    /// Returns the ways, each once.
    fn ways(&self) -> Vec<Way> {
        let has_server = self.sign_url.is_some() || self.sign_key.is_some();
        let mut ways: Vec<Way> = Vec::new();
        for way in &self.ways {
            if !ways.contains(way) {
                ways.push(*way);
            }
        }
        match ways[..] {
            [] if has_server => vec![Way::Sign, Way::Direct],
            [] => vec![Way::Direct],
            _ => ways,
        }
    }
}

impl Default for LiveOptions {
    /// Returns the defaults without a user, which the caller must set.
    fn default() -> Self {
        Self::new("")
    }
}

impl fmt::Debug for LiveOptions {
    /// Omits URLs, which may contain passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveOptions")
            .field("user", &self.user)
            .field("offline", &self.offline)
            .field("attempts_max", &self.attempts_max)
            .field("wait_live", &self.wait_live)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Base URLs of the servers, for use with [`url::with_path`].
#[derive(Clone)]
struct Origins {
    www: String,
    webcast: String,
    socket: String,
    sign: String,
}

impl Origins {
    fn new(options: &LiveOptions) -> Self {
        let text = |url: &Url| url.as_str().split('#').next().unwrap_or_default().to_owned();
        let upstream = options.upstream.as_ref().map(text);
        let or = |host: &str| {
            upstream.clone().unwrap_or_else(|| format!("https://{}", options.requests.host(host)))
        };
        let socket = or("socket").replacen("http", "ws", 1);
        let sign = options.sign_url.as_ref().map_or_else(|| or("sign"), text);
        Self { www: or("www"), webcast: or("webcast"), socket, sign }
    }
}

/// Returns the [`Live::header`] before anything is started; `wall_anchor_ns` comes from the options.
#[must_use]
pub fn header(options: &LiveOptions) -> Header {
    let wall_anchor_ns = options.wall_anchor.and_then(|wall| i64::try_from(wall.as_nanos()).ok());
    let user = username::normalise(&options.user).unwrap_or_default();
    Header {
        tool: "livetape".to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        source: "live".to_owned(),
        wall_anchor_ns,
        timing: Timing::Original.into(),
        privacy: Privacy::Private.into(),
        tags: [(USER_TAG.to_owned(), user)].into(),
        ..Header::default()
    }
}
