//! The handle that REST, the command line and tests share: it tells what is going on and takes orders.
//!
//! Orders travel over one channel to the task that drives the source, which answers each with the state it led to.
//! Requests for channels beside the main one travel over another, to the task that keeps them: see [`Channels`].

mod channels;
mod orders;
mod registry;
mod state;
mod tokens;
mod upstream;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use channels::{ChannelRequests, Channels, Request};
pub use orders::{Answer, Check, Order, Refusal, ReplayOrder, not_current};
pub use registry::{Channel, ChannelRegistry, Lease, ListedReplay, RegistryEntry, Shared};
pub use state::{Lateness, Mode, ReplayPhase, ReplayState, SourceState, Status};
pub use tokens::{MAX_LIVE, MAX_REPLAYS, Sources, TOKENS_MAX, Token};
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;
use upstream::Tally;
pub use upstream::Upstream;

pub use crate::sans_io::{
    counts::Counts,
    inject::{InjectRequest, Injected, Who},
    pace::Speed,
};
use crate::{
    clock,
    sans_io::{
        error::{Code, Problem},
        inject::Injector,
    },
};

/// Orders that wait while the source is busy; more are refused.
const ORDERS_WAITING_MAX: usize = 64;

/// The handle. Clones share it.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Mutex<SharedStatus>>,
    upstream: Tally,
    orders: mpsc::Sender<Order>,
    shutdown: CancellationToken,
    channels: Channels,
}

/// What the driver of the source writes and everybody reads. The lock is held for copies only, never across an await.
#[derive(Debug, Default)]
struct SharedStatus {
    status: Status,
    /// When the next attempt follows: what is told of it gets less.
    retry_at: Option<Instant>,
    replay: Option<ReplayState>,
    lateness: Lateness,
}

impl SharedStatus {
    fn status(&self) -> Status {
        let left = self.retry_at.map(|at| at.saturating_duration_since(clock::now()).as_millis());
        let next_retry_ms = left.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX));
        Status { mode: self.status.mode(), next_retry_ms, ..self.status.clone() }
    }

    fn update_status(&mut self, change: impl FnOnce(&mut Status)) {
        let before = (self.status.attempt, self.status.next_retry_ms);
        change(&mut self.status);
        let after = (self.status.attempt, self.status.next_retry_ms);
        if after != before {
            self.retry_at = after.1.map(|ms| clock::now() + Duration::from_millis(ms));
        }
    }
}

/// The driver's end.
pub struct Driver {
    shared: Arc<Mutex<SharedStatus>>,
    upstream: Tally,
    orders: mpsc::Receiver<Order>,
    tester: Tester,
    channel_requests: Option<ChannelRequests>,
    /// What is injected has ids that never repeat, whatever runs.
    injector: Injector,
}

/// What a source is doing, for those who only look.
#[derive(Clone, Debug)]
pub struct View {
    shared: Arc<Mutex<SharedStatus>>,
}

impl View {
    /// What the source is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        lock(&self.shared).status()
    }
}

/// Who answers whether a user could be connected. It must not block: orders wait meanwhile.
pub type Tester = Box<dyn Fn(String, Answer<Check>) + Send + Sync>;

impl Control {
    /// A handle and the driver's end of it.
    #[must_use]
    pub fn new() -> (Self, Driver) {
        Self::with(Sources::default()).expect("nothing is wrong with no tokens")
    }

    /// The same, where tokens may start something beside the main channel.
    ///
    /// # Errors
    /// `bad_request` or `invalid_username`, if something is wrong with the tokens.
    pub fn with(sources: Sources) -> Result<(Self, Driver), Problem> {
        Self::under(CancellationToken::new(), Tally::default(), sources)
    }

    fn under(
        shutdown: CancellationToken,
        upstream: Tally,
        sources: Sources,
    ) -> Result<(Self, Driver), Problem> {
        let (sender, orders) = mpsc::channel(ORDERS_WAITING_MAX);
        let shared = Arc::<Mutex<SharedStatus>>::default();
        let (channels, channel_requests) = Channels::new(sources, upstream.clone())?;
        let control = Self {
            shared: Arc::clone(&shared),
            upstream: upstream.clone(),
            orders: sender,
            shutdown,
            channels,
        };
        // Without a source that could connect there is nobody to ask.
        let tester: Tester = Box::new(|user, answer| Order::Test(user, answer).refuse(nothing_connects()));
        let (channel_requests, injector) = (Some(channel_requests), Injector::default());
        Ok((control, Driver { shared, upstream, orders, tester, channel_requests, injector }))
    }

    /// The channels beside the main one.
    #[must_use]
    pub fn channels(&self) -> &Channels {
        &self.channels
    }

    /// What the source is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        lock(&self.shared).status()
    }

    /// The current user's name.
    #[must_use]
    pub fn username(&self) -> Option<String> {
        lock(&self.shared).status.username.clone()
    }

    /// What the replay is doing; `None` if nothing is replayed.
    #[must_use]
    pub fn replay(&self) -> Option<ReplayState> {
        lock(&self.shared).replay.clone()
    }

    /// How late the frames of the replay were.
    #[must_use]
    pub fn lateness(&self) -> Lateness {
        lock(&self.shared).lateness
    }

    /// What was counted of rooms and recorders, on this channel and beside it.
    #[must_use]
    pub fn upstream(&self) -> Upstream {
        self.upstream.lock().clone()
    }

    /// Gives an order to the replay, and the state that it led to.
    ///
    /// # Errors
    /// `no_replay` if nothing is replayed; what else the order itself says. Loading works while idle, too, and is
    /// `room_running` while a room is connected.
    pub async fn order(&self, order: ReplayOrder) -> Result<ReplayState, Problem> {
        if self.replay().is_none() && !matches!(order, ReplayOrder::Load(_)) {
            return Err(nothing_replayed());
        }
        give(&self.orders, |answer| Order::Replay(order, answer)).await.map_err(|refusal| refusal.problem)
    }

    /// Connects a user, and disconnects the one before. Answers when the first attempt has succeeded or failed.
    ///
    /// # Errors
    /// Why the first attempt failed, and whether there will be others.
    pub async fn connect(&self, user: String) -> Result<Status, Refusal> {
        give(&self.orders, |answer| Order::Connect(user, answer)).await
    }

    /// Disconnects the current user.
    ///
    /// # Errors
    /// `not_found` if that is not the current user.
    pub async fn disconnect(&self, user: String) -> Result<Status, Refusal> {
        give(&self.orders, |answer| Order::Disconnect(user, answer)).await
    }

    /// Broadcasts what TikTok did not send, through whatever runs.
    ///
    /// # Errors
    /// `inject_refused` in a live room, unless that is allowed.
    pub async fn inject(&self, request: InjectRequest) -> Result<Injected, Refusal> {
        give(&self.orders, |answer| Order::Inject(request, answer)).await
    }

    /// Says whether a user could be connected, without connecting.
    ///
    /// # Errors
    /// Only if the server is busy or ends: that a user cannot be connected is an answer.
    pub async fn test(&self, user: String) -> Result<Check, Refusal> {
        give(&self.orders, |answer| Order::Test(user, answer)).await
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
    /// The next order, when there is one. Tests are answered beside whatever runs, and never come up here.
    pub async fn next_order(&mut self) -> Option<Order> {
        loop {
            match self.orders.recv().await? {
                Order::Test(user, answer) => (self.tester)(user, answer),
                order => return Some(order),
            }
        }
    }

    /// The end of whoever keeps the channels beside the main one; there is one.
    pub fn take_channel_requests(&mut self) -> Option<ChannelRequests> {
        self.channel_requests.take()
    }

    /// A view of what the source is doing.
    #[must_use]
    pub fn view(&self) -> View {
        View { shared: Arc::clone(&self.shared) }
    }

    /// Who makes what is injected.
    pub fn injector(&mut self) -> &mut Injector {
        &mut self.injector
    }

    /// Leaves tests to `tester`.
    pub fn set_tester(&mut self, tester: Tester) {
        self.tester = tester;
    }

    /// What the source is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        lock(&self.shared).status()
    }

    /// Tells everybody what the source is doing.
    pub fn update_status(&self, change: impl FnOnce(&mut Status)) {
        lock(&self.shared).update_status(change);
    }

    /// Nobody is connected any more; what was counted stays.
    pub fn forget_user(&self) {
        self.update_status(|status| {
            let counts = std::mem::take(&mut status.counts);
            *status = Status { counts, ..Status::default() };
        });
    }

    /// Tells everybody how late the frames of the replay were.
    pub fn set_lateness(&self, lateness: Lateness) {
        lock(&self.shared).lateness = lateness;
    }

    /// Counts what happened to rooms and recorders.
    pub fn update_upstream(&self, change: impl FnOnce(&mut Upstream)) {
        change(&mut self.upstream.lock());
    }

    /// Tells everybody what the replay is doing.
    pub fn set_replay(&self, state: Option<ReplayState>) {
        lock(&self.shared).replay = state;
    }
}

/// Gives an order to whoever takes them, and the answer.
async fn give<O, T>(orders: &mpsc::Sender<O>, order: impl FnOnce(Answer<T>) -> O) -> Result<T, Refusal> {
    let gone = || Problem::new(Code::ShuttingDown, "the server is shutting down");
    let (answer, answered) = Answer::new();
    orders.try_send(order(answer)).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => Problem::new(Code::Capacity, "too many orders at once"),
        mpsc::error::TrySendError::Closed(_) => gone(),
    })?;
    answered.await.unwrap_or_else(|_| Err(gone().into()))
}

fn lock(shared: &Mutex<SharedStatus>) -> MutexGuard<'_, SharedStatus> {
    // Every state that a panicking holder could leave behind is a valid one.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The answer to orders that need a source that connects.
fn nothing_connects() -> Problem {
    Problem::new(Code::NotFound, "this server does not connect to rooms")
}

/// The answer to orders that need a replay.
#[must_use]
pub fn nothing_replayed() -> Problem {
    Problem::new(Code::NoReplay, "nothing is being replayed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_time_to_the_next_attempt_gets_less() {
        let (control, driver) = Control::new();
        let left = || control.status().next_retry_ms;
        let fail = |attempt| {
            driver.update_status(|status| {
                status.attempt = attempt;
                status.next_retry_ms = Some(2000);
            });
        };
        fail(1);
        assert_eq!(left(), Some(2000));
        tokio::time::advance(Duration::from_millis(1500)).await;
        // Counting changes nothing.
        driver.update_status(|status| status.counts.frames += 1);
        assert_eq!(left(), Some(500));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(left(), Some(0));
        fail(2);
        assert_eq!((left(), driver.status().next_retry_ms), (Some(2000), Some(2000)));
        driver.update_status(|status| status.next_retry_ms = None);
        assert_eq!(left(), None);
    }
}
