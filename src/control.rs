//! The handle that REST, the command line and tests share: it tells what is going on and takes orders.
//!
//! Orders travel over one channel to the task that drives the source, which answers each with the state it led to.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::sans_io::error::{Code, Problem};
pub use crate::sans_io::{counts::Counts, pace::Speed};

/// Orders that wait while the source is busy; more are refused.
const ORDERS_WAITING_MAX: usize = 64;

/// An order to a replay.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayOrder {
    /// Go on.
    Play,
    /// Stand still; nothing is broadcast until `Play`, `Step` or `Seek`.
    Pause,
    /// Go to an offset; a new generation starts.
    Seek(Duration),
    /// Change the speed.
    Speed(Speed),
    /// While paused: broadcast the next frames that hold something, so many of them, and stand still again.
    Step(u32),
    /// Play the range again and again: `laps` times in all, or for ever.
    Loop {
        /// Laps in all, counting from now; `None` for ever.
        laps: Option<u32>,
        /// Where each lap begins.
        from: Duration,
        /// Where each lap ends; `None` at the end of the recording.
        to: Option<Duration>,
    },
    /// Play another recording, by its name under `recordings/` or `demo`; a new generation starts.
    Load(String),
}

/// What a replay is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayPhase {
    /// Holding the first frame until enough subscribers are there.
    #[default]
    Waiting,
    /// Running.
    Playing,
    /// Standing still.
    Paused,
    /// At the end; a seek starts again.
    Ended,
}

/// The answer of `GET /replay` and of every order.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplayState {
    /// The recording's name.
    pub recording: String,
    /// What it is doing.
    pub state: ReplayPhase,
    /// Where it is, in milliseconds since the start of the recording.
    pub offset_ms: u64,
    /// How long the recording is, where that is known before its end was read.
    pub duration_ms: Option<u64>,
    /// How fast it runs.
    pub speed: Speed,
    /// Which lap this is, from 1.
    pub lap: u32,
    /// How many laps there are; `null` for ever.
    pub laps: Option<u32>,
    /// Counts laps, seeks and loads, from 1.
    pub generation: u32,
}

/// The state of the source: the answer of `GET /status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// What the source is doing.
    pub state: SourceState,
    /// `live`, `replay` or none.
    pub source: Option<&'static str>,
    /// The current user.
    pub username: Option<String>,
    /// The current room.
    pub room_id: Option<String>,
    /// Which attempt to connect this is, from 1; 0 where none was made.
    pub attempt: u32,
    /// When the next attempt follows, in milliseconds.
    pub next_retry_ms: Option<u64>,
    /// What was counted.
    pub counts: Counts,
}

/// What a source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// Nothing is connected.
    #[default]
    Idle,
    /// On the way.
    Connecting,
    /// Frames come in.
    Connected,
    /// Waiting for the next attempt.
    Retrying,
    /// Over.
    Ended,
}

/// The handle. Clones share it.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Mutex<Shared>>,
    orders: mpsc::Sender<(ReplayOrder, Answer)>,
    shutdown: CancellationToken,
}

/// Where the answer to an order goes.
pub type Answer = oneshot::Sender<Result<ReplayState, Problem>>;

/// What the driver of the source writes and everybody reads. The lock is held for copies only, never across an await.
#[derive(Debug, Default)]
struct Shared {
    status: Status,
    replay: Option<ReplayState>,
}

/// The driver's end.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<Mutex<Shared>>,
    orders: mpsc::Receiver<(ReplayOrder, Answer)>,
}

impl Control {
    /// A handle and the driver's end of it.
    #[must_use]
    pub fn new() -> (Self, Driver) {
        let (sender, receiver) = mpsc::channel(ORDERS_WAITING_MAX);
        let shared = Arc::<Mutex<Shared>>::default();
        let control =
            Self { shared: Arc::clone(&shared), orders: sender, shutdown: CancellationToken::new() };
        (control, Driver { shared, orders: receiver })
    }

    /// What the source is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.lock().expect("no holder panics").status.clone()
    }

    /// What the replay is doing; `None` if nothing is replayed.
    #[must_use]
    pub fn replay(&self) -> Option<ReplayState> {
        self.shared.lock().expect("no holder panics").replay.clone()
    }

    /// Gives an order to the replay, and the state that it led to.
    ///
    /// # Errors
    /// `no_replay` if nothing is replayed; what else the order itself says.
    pub async fn order(&self, order: ReplayOrder) -> Result<ReplayState, Problem> {
        let nothing = || Problem::new(Code::NoReplay, "nothing is being replayed");
        if self.replay().is_none() {
            return Err(nothing());
        }
        let (answer, answered) = oneshot::channel();
        self.orders.try_send((order, answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Problem::new(Code::Capacity, "too many orders at once"),
            mpsc::error::TrySendError::Closed(_) => nothing(),
        })?;
        answered.await.unwrap_or_else(|_| Err(nothing()))
    }

    /// Ends the server: graceful, as Ctrl-C.
    pub fn shut_down(&self) {
        self.shutdown.cancel();
    }

    /// Cancelled when the server is to end.
    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }
}

impl Driver {
    /// The next order, when there is one.
    pub async fn next_order(&mut self) -> Option<(ReplayOrder, Answer)> {
        self.orders.recv().await
    }

    /// Tells everybody what the source is doing.
    pub fn update_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.shared.lock().expect("no holder panics").status);
    }

    /// Tells everybody what the replay is doing.
    pub fn set_replay(&self, state: Option<ReplayState>) {
        self.shared.lock().expect("no holder panics").replay = state;
    }
}
