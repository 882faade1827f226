//! The handle that REST, the command line and tests share: it reports the state and sends orders.
//!
//! Orders travel over one channel to the task that drives the source, which answers each with the resulting
//! state. Requests for additional channels travel over another, to the task that manages them: see
//! [`Channels`].

mod channels;
mod limit;
mod nodes;
mod orders;
mod peers;
mod state;

use std::{sync::Arc, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    inject::Injector,
};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

pub use channels::{
    Beside, ChannelGuard, ChannelRegistry, ChannelRequests, Channels, ListedReplay, MAX_LIVE, MAX_REPLAYS,
    OpenChannel, PrivateReplay, RegistryEntry, Request, Requested, Sources, TOKENS_MAX, Token,
};
pub use limit::{
    ANSWER_KEPT, LOOKUPS_BURST, LOOKUPS_PER_MINUTE, Limit, LookedUp, LookupState, PAUSE_MAX, Pause, Pauses,
    QUEUE_MAX,
};
pub use livetape_core::{
    decoder::Counts,
    inject::{InjectRequest, InjectUser, Injected},
    pace::Speed,
};
pub use nodes::{
    Asked, Claim, ClaimRequest, Claims, Figure, Joined, Joining, NodeState, Nodes, NodesStatus, Term, What,
    followed_user, live_user,
};
pub use orders::{
    Answer, Check, MockRoom, Order, Refusal, ReplayOrder, STEPS_MAX, TabRoom, Unit, not_current,
};
pub use peers::{Incoming, Outgoing, PEER_BYTES_MAX, PeerLink, PeerMessages, Peers, Question};
pub use state::{
    Lateness, Mode, Posting, RecorderQueue, ReplayPhase, ReplayState, SourceState, Status, Upstream,
    UpstreamCounters, WebhookState,
};

/// Maximum number of orders in the queue of a source. Further requests wait until it takes one.
const ORDERS_WAITING_MAX: usize = 64;

/// Handle for a server's sources. Clones share it.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Mutex<SharedStatus>>,
    upstream: UpstreamCounters,
    orders: mpsc::Sender<Order>,
    shutdown: CancellationToken,
    channels: Channels,
    limit: Limit,
}

/// State that the driver of the source writes and everyone reads. The lock is only held for copying, never
/// across an await.
#[derive(Debug, Default)]
struct SharedStatus {
    status: Status,
    /// Time of the next attempt, for the remaining wait in the status.
    retry_at: Option<Instant>,
    /// With the time at which it was so.
    replay: Option<(ReplayState, Instant)>,
    lateness: Lateness,
    nodes: Option<Nodes>,
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

/// The driver's end of the handle.
pub struct Driver {
    shared: Arc<Mutex<SharedStatus>>,
    upstream: UpstreamCounters,
    orders: mpsc::Receiver<Order>,
    pub tester: Tester,
    /// Taken by the task that opens channels.
    pub channel_requests: Option<ChannelRequests>,
    pub limit: Limit,
    /// Connections and slots that are shared with other processes.
    pub claims: Claims,
    /// Creates injected events, with ids that never repeat, even across sources.
    pub injector: Injector,
}

/// Refuses the orders that nobody has taken. One whose answer is dropped was begun.
impl Drop for Driver {
    fn drop(&mut self) {
        self.orders.close();
        while let Ok(order) = self.orders.try_recv() {
            order.refuse(shutting_down());
        }
    }
}

/// Tests whether a user can be connected to. Must not block, because orders wait in the meantime.
pub type Tester = Box<dyn Fn(String, Answer<Check>) + Send + Sync>;

impl Control {
    #[must_use]
    pub fn new() -> (Self, Driver) {
        Self::with(Sources::default()).expect("an empty list of tokens is valid")
    }

    /// Like [`new`](Self::new), with tokens that may open additional channels.
    ///
    /// # Errors
    /// `bad_request` or `invalid_username` if a token is invalid.
    pub fn with(sources: Sources) -> Result<(Self, Driver), Problem> {
        Self::under(CancellationToken::new(), UpstreamCounters::default(), sources)
    }

    fn under(
        shutdown: CancellationToken,
        upstream: UpstreamCounters,
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
            limit: Limit::default(),
        };
        // Default for servers without a source that connects.
        let nothing_connects = || Problem::new(Code::NotFound, "this server does not connect to rooms");
        let tester: Tester =
            Box::new(move |user, answer| Order::Test(user, answer).refuse(nothing_connects()));
        let (limit, claims, injector) = (control.limit.clone(), Claims::default(), Injector::default());
        let channel_requests = Some(channel_requests);
        let driver = Driver { shared, upstream, orders, tester, channel_requests, limit, claims, injector };
        Ok((control, driver))
    }

    #[must_use]
    pub fn channels(&self) -> &Channels {
        &self.channels
    }

    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.lock().status()
    }

    #[must_use]
    pub fn username(&self) -> Option<String> {
        self.shared.lock().status.username.clone()
    }

    #[must_use]
    pub fn replay(&self) -> Option<ReplayState> {
        let (state, at) = self.shared.lock().replay.clone()?;
        Some(state.after(clock::now() - at))
    }

    #[must_use]
    pub fn lateness(&self) -> Lateness {
        self.shared.lock().lateness
    }

    #[must_use]
    pub fn upstream(&self) -> Upstream {
        self.upstream.0.lock().clone()
    }

    /// Sends an order to the replay and returns the resulting state.
    ///
    /// # Errors
    /// `no_replay` if nothing is being replayed, otherwise any error of the order itself. Loading also works
    /// while idle, but fails with `room_running` while a room is connected.
    pub async fn order(&self, order: ReplayOrder) -> Result<ReplayState, Problem> {
        order.check()?;
        // Otherwise, only the owner knows.
        let is_alone = self.nodes().is_none();
        if is_alone && self.replay().is_none() && !matches!(order, ReplayOrder::Load(_)) {
            return Err(nothing_replayed());
        }
        give(&self.orders, |answer| Order::Replay(order, answer)).await.map_err(|refusal| refusal.problem)
    }

    /// Connects to a user. Another user stays connected until this one has been found. Returns once the first attempt
    /// has succeeded or failed.
    ///
    /// # Errors
    /// `replay_running`, or `room_running` while a mock's room is connected; `invalid_username`, `capacity` or
    /// `rate_limited` if nothing was attempted; otherwise why the first attempt failed, and whether it is retried.
    pub async fn connect(&self, user: String) -> Result<Status, Refusal> {
        give(&self.orders, |answer| Order::Connect(user, answer)).await
    }

    /// Connects to a room of a mock. Returns once the first attempt has succeeded or failed.
    ///
    /// # Errors
    /// `room_running` or `replay_running` if anything else is connected or playing, otherwise why the first
    /// attempt failed, and whether it is retried.
    pub async fn connect_mock(&self, room: MockRoom) -> Result<Status, Refusal> {
        give(&self.orders, |answer| Order::ConnectMock(room, answer)).await
    }

    /// Follows a tab of the browser that this server knows. Returns once the first attempt has succeeded or failed.
    ///
    /// # Errors
    /// See [`Control::connect_mock`].
    pub async fn connect_tab(&self, tab: TabRoom) -> Result<Status, Refusal> {
        give(&self.orders, |answer| Order::ConnectTab(tab, answer)).await
    }

    /// # Errors
    /// `not_found` if that is not the current user.
    pub async fn disconnect(&self, user: String) -> Result<Status, Refusal> {
        give(&self.orders, |answer| Order::Disconnect(user, answer)).await
    }

    /// Broadcasts a synthetic event through the current source, or while idle.
    ///
    /// # Errors
    /// `inject_refused` in a live room, unless allowed.
    pub async fn inject(&self, request: InjectRequest) -> Result<Injected, Refusal> {
        give(&self.orders, |answer| Order::Inject(request, answer)).await
    }

    /// Tests whether a user can be connected to, without connecting.
    ///
    /// # Errors
    /// Only if the server is busy or shutting down. A user who cannot be connected to is a result, not an
    /// error.
    pub async fn test(&self, user: String) -> Result<Check, Refusal> {
        give(&self.orders, |answer| Order::Test(user, answer)).await
    }

    #[must_use]
    pub fn limit(&self) -> &Limit {
        &self.limit
    }

    /// Shuts down the server gracefully, like Ctrl-C.
    pub fn shut_down(&self) {
        self.shutdown.cancel();
    }

    #[must_use]
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }
}

impl Driver {
    /// Waits for the next order. Tests are passed to the tester instead and never returned.
    pub async fn next_order(&mut self) -> Option<Order> {
        loop {
            match self.orders.recv().await? {
                Order::Test(user, answer) => (self.tester)(user, answer),
                order => return Some(order),
            }
        }
    }

    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.lock().status()
    }

    pub fn update_status(&self, change: impl FnOnce(&mut Status)) {
        self.shared.lock().update_status(change);
    }

    /// Resets the status to idle, but keeps the counters.
    pub fn forget_user(&self) {
        self.update_status(|status| {
            let counts = std::mem::take(&mut status.counts);
            *status = Status { counts, ..Status::default() };
        });
    }

    pub fn set_lateness(&self, lateness: Lateness) {
        self.shared.lock().lateness = lateness;
    }

    pub fn update_upstream(&self, change: impl FnOnce(&mut Upstream)) {
        self.upstream.update(change);
    }

    /// Returns the counters of rooms.
    #[must_use]
    pub fn tally(&self) -> UpstreamCounters {
        self.upstream.clone()
    }

    pub fn set_replay(&self, state: Option<ReplayState>) {
        self.shared.lock().replay = state.map(|state| (state, clock::now()));
    }
}

/// Sends an order and waits for the answer.
async fn give<O, T>(orders: &mpsc::Sender<O>, order: impl FnOnce(Answer<T>) -> O) -> Result<T, Refusal> {
    let (answer, answered) = Answer::new();
    orders.send(order(answer)).await.map_err(|_| shutting_down())?;
    answered.await.unwrap_or_else(|_| Err(shutting_down().into()))
}

#[must_use]
pub fn shutting_down() -> Problem {
    Problem::new(Code::ShuttingDown, "the server is shutting down")
}

#[must_use]
pub fn nothing_replayed() -> Problem {
    Problem::new(Code::NoReplay, "no replay is running")
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn requests_wait_for_a_busy_source() {
        let (control, mut driver) = Control::new();
        let many = 3 * ORDERS_WAITING_MAX;
        let requests = join_all((0..many).map(|n| control.disconnect(n.to_string())));
        let source = async {
            for _ in 0..many {
                let Some(Order::Disconnect(user, answer)) = driver.next_order().await else { panic!() };
                answer.refuse(not_current(&user));
            }
        };
        let (answers, ()) = tokio::join!(requests, source);
        assert!(answers.into_iter().all(|answer| answer.unwrap_err().problem.code == Code::NotFound));
        drop(driver);
        assert_eq!(control.disconnect("ann".into()).await.unwrap_err().problem.code, Code::ShuttingDown);
    }

    /// Another process may execute it then.
    #[tokio::test]
    async fn an_order_that_nobody_took_is_refused_and_one_that_was_begun_has_no_answer() {
        let (control, mut driver) = Control::new();
        let [(begun, no_answer), (waiting, refusal)] = [(); 2].map(|()| Answer::new());
        control.orders.try_send(Order::Disconnect("ann".into(), begun)).unwrap();
        control.orders.try_send(Order::Disconnect("ben".into(), waiting)).unwrap();
        drop(driver.next_order().await);
        drop(driver);
        no_answer.await.unwrap_err();
        assert_eq!(refusal.await.unwrap().unwrap_err().problem.code, Code::ShuttingDown);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_until_the_next_attempt_counts_down() {
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
        // Updates of counters do not restart the countdown.
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
