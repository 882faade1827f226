//! A live room as a source. Connects, keeps the session alive, reconnects after failures, and returns
//! everything that happens as [`Item`]s.
//!
//! ```text
//! lookup → (sign server | cookie) → socket → session ⟲ frames → items
//!    ▲                                            │
//!    └──────────────── retry ◄────────────────────┘
//! ```

mod batches;
mod bounds;
mod check;
mod direct;
mod driver;
mod failure;
mod held;
mod lookup;
mod options;
mod redact;
mod sign;
mod socket;
mod transport;
mod upstream;
mod url;

pub(crate) use batches::Batches;
pub use bounds::{BODY_BYTES_MAX, FRAME_BYTES_MAX, RECORDER_BYTES_MAX};
pub use check::{Check, check};
pub use livetape_core::secret::Secret;
use livetape_core::{
    error::Problem,
    recording::{
        Item, USER_TAG,
        records::{
            Header,
            header::{Privacy, Timing},
        },
    },
    username,
};
use livetape_io::clock;
pub use options::{CLOSE_TIMEOUT, LiveOptions, SignForm, Url, WAIT_LIVE_MIN};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};
#[cfg(feature = "live")]
pub use transport::NetTransport;
pub use transport::{
    Counted, HttpResponse, MemoryTransport, OpenError, Opened, Received, Request, SharedTransport, Stream,
    Transport, Unreached,
};
pub use upstream::{HTTP_TIMEOUT, OPEN_TIMEOUT};

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
    header: Header,
    batches: Batches,
    task: JoinHandle<Outcome>,
    stop: CancellationToken,
    /// Time of offset 0.
    started: Instant,
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
        let driver = driver::Driver::new(options, transport.into(), wall_anchor, sender, stop.clone());
        let task = tokio::spawn(driver.run());
        Self::over(header, batches, task, stop)
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

    /// Returns the time of offset 0.
    pub(crate) fn started(&self) -> Instant {
        self.started
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
