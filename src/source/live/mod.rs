//! A live room as a source: connects, keeps the conversation going, comes back after failures, and hands out everything
//! that happened as [`Item`]s.
//!
//! ```text
//! lookup → (sign server | cookie) → socket → session ⟲ frames → items
//!    ▲                                            │
//!    └──────────────── retry ◄────────────────────┘
//! ```

mod bounds;
mod check;
mod direct;
mod driver;
mod failure;
mod lookup;
mod options;
mod redact;

mod sign;
mod socket;
mod transport;
mod upstream;
mod url;

pub use crate::secret::Secret;
pub use bounds::{BODY_BYTES_MAX, FRAME_BYTES_MAX, RECORDER_BYTES_MAX};
pub use check::{Check, check};
pub use options::{LiveOptions, SignForm, Url, WAIT_LIVE_MIN};
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};
pub use transport::{
    Answer, Counted, MemoryTransport, NetTransport, OpenError, Opened, Received, Request, Transport,
    Unreached,
};
pub use upstream::{HTTP_TIMEOUT, OPEN_TIMEOUT};

use crate::{
    clock,
    sans_io::{
        error::Problem,
        recording::{
            Item, USER_TAG,
            records::{
                Header,
                header::{Privacy, Timing},
            },
        },
        username,
    },
};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The room ended; the reason is what `disconnected` says.
    Ended(&'static str),
    /// There is nothing more to try.
    Failed(Problem),
    /// [`Live::stop`] was called.
    Stopped,
}

/// A live room.
///
/// # Items
/// In the order in which they happened, offsets counted from the start. Connections are numbered from 1; what comes
/// before a connection is opened has the number that it will have.
///
/// - `Http`: look-ups, what the sign server said (without its body), cookies (without the page), refused upgrades;
/// - `ConnOpen` once the socket is open, then the sign server's batch as `Http` with the role `INITIAL_BATCH`;
/// - `Frame`s of both directions, ours with [`crate::sans_io::recording::Flags::SENT`];
/// - `ConnClose`, and `Status` for each failed attempt, the last one too (`retrying: false`).
///
/// No item holds a key, a cookie or a signature, but for bodies and the frames themselves.
#[derive(Debug)]
pub struct Live {
    header: Header,
    items: mpsc::Receiver<Item>,
    task: JoinHandle<Outcome>,
    stop: CancellationToken,
    /// When offset 0 was.
    started: Instant,
    /// Whoever drops it stops it.
    _guard: DropGuard,
}

impl Live {
    /// Starts to connect, on the caller's runtime.
    #[must_use]
    pub fn start<T: Transport>(options: LiveOptions, transport: T) -> Self {
        let wall_anchor = options.wall_anchor.unwrap_or_else(clock::wall);
        let header = header(&LiveOptions { wall_anchor: Some(wall_anchor), ..options.clone() });
        let (sender, items) = mpsc::channel(bounds::WAITING_MAX);
        let stop = CancellationToken::new();
        let driver = driver::Driver::new(options, transport, wall_anchor, sender, stop.clone());
        let task = tokio::spawn(driver.run());
        Self::over(header, items, task, stop)
    }

    /// A source of the same kind that another task drives.
    pub(crate) fn over(
        header: Header,
        items: mpsc::Receiver<Item>,
        task: JoinHandle<Outcome>,
        stop: CancellationToken,
    ) -> Self {
        let started = clock::now();
        Self { header, items, task, stop: stop.clone(), started, _guard: stop.drop_guard() }
    }

    /// The same, whose offsets count from `started`.
    pub(crate) fn started_at(self, started: Instant) -> Self {
        Self { started, ..self }
    }

    /// The time of offset 0.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// What a decoder and a recording begin with: the wall time of offset 0, and the user (tag [`USER_TAG`]).
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next item; `None` when it is over. Cancelling it loses nothing. While nobody takes items, the connection is
    /// kept alive and nothing more is read from it.
    pub async fn next(&mut self) -> Option<Item> {
        self.items.recv().await
    }

    /// Ends it: the socket is closed politely, for at most two seconds. What is left comes out of [`Live::next`].
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// How it ended; to be asked after [`Live::next`] gave `None`. Before, it is the end.
    pub async fn outcome(self) -> Outcome {
        drop(self.items);
        match self.task.await {
            Ok(outcome) => outcome,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Outcome::Stopped,
        }
    }
}

/// [`Live::header`] before anything is started; `wall_anchor_ns` is that of the options.
#[must_use]
pub fn header(options: &LiveOptions) -> Header {
    let wall_anchor_ns = options.wall_anchor.and_then(|wall| i64::try_from(wall.as_nanos()).ok());
    let user = username::normalise(&options.user).unwrap_or_default();
    Header {
        tool: env!("CARGO_PKG_NAME").to_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        source: "live".to_owned(),
        wall_anchor_ns,
        timing: Timing::Original.into(),
        privacy: Privacy::Private.into(),
        tags: [(USER_TAG.to_owned(), user)].into(),
        ..Header::default()
    }
}
