//! The single fan-out point. A channel is a ring of encoded events; each subscriber has a cursor in it.
//!
//! Each event is numbered and encoded once, and subscribers share its bytes. Publishing never waits: a
//! subscriber that lags more than half the ring gets [`Next::Slow`] at once, while its unread events are
//! still available for resuming. Only [`Hub::publish_paced`] waits for the slowest cursor.

mod entry;
mod relay;
mod ring;

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{
    error::{Cause, Code, Problem},
    event::Event,
    truth::Truth,
};
use livetape_io::clock;
use parking_lot::{Mutex, RwLock};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};

use entry::{Audience, Encoder, Line};
use relay::Relay;
use ring::{ChannelState, Cursor, Ring};

pub use entry::{Filter, Format, Gifts, OnGap, Since, Types};
pub use relay::{EVENT_BYTES_MAX, Encoding, Mark, Unfit, Unpublished};
pub use ring::{Batches, Next, Progress, Subscriber};

/// Maximum to encode at once; any real frame fits. Entries are slices of one allocation, which the last of
/// them keeps alive.
const PART: Window = Window { events: u64::MAX, bytes: 1 << 20 };
/// A mark that no cursor can reach, for waiting until all cursors have left.
const BEYOND_ALL: u64 = u64::MAX;
/// Default maximum number of events in the ring.
pub const BACKLOG_EVENTS_MAX: u64 = 16_384;
/// Default maximum size of the ring, in bytes.
pub const BACKLOG_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Default time without progress after which a subscriber is no longer waited for.
pub const MAX_STALL: Duration = Duration::from_secs(10);

/// A channel. Clones share it.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limits: Limits,
    /// Where events wait until they are stored for other processes. Without it, they enter the ring at once.
    relay: Option<Relay>,
    /// Held while a batch is numbered, encoded and pushed. Orders publishers without blocking readers.
    /// Nothing is awaited while it is held.
    encoder: Mutex<Encoder>,
    /// Shared by readers, exclusive for publishing and joining. Nothing is awaited or encoded while it is
    /// held.
    state: RwLock<ChannelState>,
    notices: AtomicU64,
    /// Wakes all subscribers when events are published, the channel closes or a subscriber falls behind.
    news: watch::Sender<()>,
    present: watch::Sender<Present>,
    pacing: Pacing,
    traffic: Traffic,
    /// Locked only while it is read or updated.
    tally: Mutex<EndedClients>,
}

/// Number of subscribers by role, displays excluded.
#[derive(Clone, Copy, Debug, Default)]
struct Present {
    clients: usize,
    clients_peak: usize,
    observers: usize,
    observers_peak: usize,
}

/// Traffic counters. Each subscriber updates them once per batch.
#[derive(Debug, Default)]
struct Traffic {
    bytes: AtomicU64,
    slow: AtomicU64,
}

/// Why a channel was closed: a WebSocket close code and a short reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseReason {
    /// WebSocket close code; 1006 to end connections without a close frame.
    pub code: u16,
    /// Reason; at most 123 bytes, the limit of a close frame.
    pub reason: Cow<'static, str>,
    /// The limit that was reached, if that is why.
    pub cause: Option<Cause>,
}

impl CloseReason {
    /// Creates a reason other than a limit.
    pub fn new(code: u16, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason: reason.into(), cause: None }
    }
}

impl From<&Problem> for CloseReason {
    fn from(problem: &Problem) -> Self {
        let (code, reason) = (problem.code.close_code(), problem.code.name().into());
        Self { code, reason, cause: problem.cause }
    }
}

#[derive(Debug)]
pub struct News(watch::Receiver<()>);

impl News {
    /// Waits until events are published, the channel closes or a subscriber falls behind.
    pub async fn wait(&mut self) {
        // An error means that the channel is gone, so nothing follows.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Hub {
    /// Creates an empty channel. `stream` names it in every event. Use a random name for each channel and
    /// process, because positions are only valid within one stream.
    #[must_use]
    pub fn new(stream: String, limits: Limits) -> Self {
        Self::with(stream, limits, None)
    }

    /// Creates an empty channel that several processes share: events enter the ring only through
    /// [`Hub::accept`]. `name_here` replaces the stream's name in names that must be different in each process.
    #[must_use]
    pub fn relayed(stream: String, name_here: String, limits: Limits) -> Self {
        Self::with(stream, limits, Some(Relay::new(name_here, limits)))
    }

    fn with(stream: String, limits: Limits, relay: Option<Relay>) -> Self {
        let limits = limits.at_least_workable();
        Self {
            shared: Arc::new(Shared {
                limits,
                relay,
                encoder: Mutex::default(),
                state: RwLock::new(ChannelState::new(stream.into(), limits)),
                notices: AtomicU64::new(0),
                news: watch::Sender::new(()),
                present: watch::Sender::default(),
                pacing: Pacing::default(),
                traffic: Traffic::default(),
                tally: Mutex::default(),
            }),
        }
    }

    /// Name of this channel in every event.
    #[must_use]
    pub fn stream(&self) -> Arc<str> {
        Arc::clone(&self.shared.state.read().stream)
    }

    /// Name of the channel, or of this process if several share the channel.
    #[must_use]
    pub fn name_here(&self) -> Arc<str> {
        self.shared.relay.as_ref().map_or_else(|| self.stream(), |relay| Arc::clone(&relay.name_here))
    }

    /// Sequence number of the newest event; 0 before the first.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.shared.state.read().ring.head()
    }

    /// Subscribes to news, for writers that poll [`frames`](Subscriber::frames) of subscribers.
    #[must_use]
    pub fn news(&self) -> News {
        News(self.shared.news.subscribe())
    }

    /// Number of current subscribers, observers excluded.
    #[must_use]
    pub fn subscriber_count(&self) -> usize {
        self.shared.present.borrow().clients
    }

    /// Highest number of simultaneous subscribers so far, observers excluded.
    #[must_use]
    pub fn subscriber_peak(&self) -> usize {
        self.shared.present.borrow().clients_peak
    }

    #[must_use]
    pub fn observer_count(&self) -> usize {
        self.shared.present.borrow().observers
    }

    #[must_use]
    pub fn observer_peak(&self) -> usize {
        self.shared.present.borrow().observers_peak
    }

    /// Total size of all events delivered to subscribers, in bytes.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.shared.traffic.bytes.load(Ordering::Relaxed)
    }

    /// Number of subscribers that fell behind so far, displays excluded.
    #[must_use]
    pub fn slow_count(&self) -> u64 {
        self.shared.traffic.slow.load(Ordering::Relaxed)
    }

    /// Waits until the channel has at least `n` subscribers, observers excluded.
    pub async fn wait_for_subscribers(&self, n: usize) {
        let mut present = self.shared.present.subscribe();
        let waited = present.wait_for(|present| present.clients >= n).await;
        waited.expect("the sender lives as long as the hub");
    }

    /// Waits until the channel has no subscribers, observers excluded.
    pub async fn wait_for_nobody(&self) {
        let mut present = self.shared.present.subscribe();
        let waited = present.wait_for(|present| present.clients == 0).await;
        waited.expect("the sender lives as long as the hub");
    }

    /// Closes the channel. Subscribers, later ones included, receive all events published so far and then
    /// `reason`. Later events are discarded. Only the first reason counts.
    pub fn close(&self, reason: CloseReason) {
        self.shared.state.write().closed.get_or_insert(reason);
        self.shared.news.send_replace(());
    }

    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        self.shared.state.read().closed.as_ref().map(|reason| reason.code)
    }

    /// Disconnects all current clients at once, with `reason`, but no observers and displays. The channel
    /// stays open, and they may join again.
    pub fn dismiss(&self, reason: &CloseReason) {
        let dismissed = self.shared.state.write().dismiss(reason, |reader| reader == Reader::Client);
        self.shared.remove_present(&dismissed);
        self.shared.news.send_replace(());
    }

    /// Adds a subscriber. Its backlog and later events are contiguous.
    ///
    /// # Errors
    /// `unknown_position` if `since` belongs to another stream, lies beyond the head, or is no longer in the
    /// backlog.
    pub fn join(&self, join: &Join) -> Result<Subscriber, Problem> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state.write();
        let mut start = shared.start(&state, join)?;
        // The permitted lag counts from now. Copy everything that could be evicted before the subscriber
        // exceeds it.
        let floor = state.ring.floor(shared.limits.lag());
        let evictable = state.ring.after(start.position).take_while(|&(seq, _)| seq <= floor);
        start.first.extend(evictable.filter_map(|(_, entry)| entry.shown_to(&join.filter)).cloned());
        let read = start.position.max(floor);

        // A current notice is new to it.
        let noticed = shared.notices.load(Ordering::SeqCst) - u64::from(state.notice.is_some());
        let head = state.ring.head();
        let cursor = Arc::new(Cursor::new(head, head - start.position, join, clock::now()));
        let id = state.add(Arc::clone(&cursor));
        drop(state);
        shared.count_joined(join.reader);
        let first = (!start.first.is_empty()).then(|| Box::new(start.first));
        let filter = join.filter;
        Ok(Subscriber { shared, cursor, id, filter, first, read, noticed })
    }

    /// Numbers and stores `events` and wakes all subscribers once. Never waits: a subscriber that lags too
    /// far gets [`Next::Slow`]. Pass all events of a frame in one call.
    pub fn publish(&self, events: &[Event]) {
        let mut rest = events;
        while !rest.is_empty() {
            let published = self.shared.publish_within(rest, PART, None);
            rest = &rest[published..];
        }
    }

    /// Broadcasts a message of a type that livetape does not have, and from now on adds members to each event. Both
    /// are JSON without the braces; `members` begins with a comma.
    pub fn publish_foreign(&self, message: &str, members: &'static str) {
        let mut encoder = self.shared.encoder.lock();
        let (head, stream) = {
            let state = self.shared.state.read();
            (state.ring.head(), Arc::clone(&state.stream))
        };
        let entry = encoder.encode_foreign(message, members, &stream, head + 1);
        let mut state = self.shared.state.write();
        if state.closed.is_some() {
            return;
        }
        state.push(entry);
        drop(state);
        self.shared.news.send_replace(());
    }

    /// Like [`publish`](Self::publish), but calls [`wait_for_capacity`](Self::wait_for_capacity) first and
    /// splits `events` if they exceed the capacity. No subscriber that keeps reading loses an event.
    pub async fn publish_paced(&self, events: &[Event]) {
        self.publish_with(events, true, None).await;
    }

    /// Publishes with or without pacing, and reports the delivery of the injected events among `events`.
    pub async fn publish_injected(&self, events: &[Event], is_paced: bool) -> Delivery {
        let mut delivery = Delivery::default();
        self.publish_with(events, is_paced, Some(&mut delivery)).await;
        delivery
    }

    async fn publish_with(&self, mut rest: &[Event], is_paced: bool, mut delivery: Option<&mut Delivery>) {
        while !rest.is_empty() {
            let window = if is_paced {
                self.wait_for_capacity().await;
                self.shared.limits.pace()
            } else {
                PART
            };
            let published = self.shared.publish_within(rest, window, delivery.as_deref_mut());
            rest = &rest[published..];
        }
    }

    /// Waits while the slowest cursor, observers excluded, lags more than a quarter of the ring. A cursor
    /// without progress for [`stall_max`](Limits::stall_max) gets [`Next::Slow`]
    /// and is no longer waited for.
    pub async fn wait_for_capacity(&self) {
        self.relay_capacity().await;
        let pace = self.shared.limits.pace();
        let paces = |cursor: &Cursor| cursor.reader != Reader::Observer;
        self.shared.wait_for_cursors(|ring| ring.floor(pace), paces).await;
    }

    /// Waits until every client has been sent all events published before this call, except observers and
    /// clients without progress for [`stall_max`](Limits::stall_max).
    pub async fn wait_until_read(&self) {
        let head = self.head();
        self.shared.wait_for_cursors(|_| head, |cursor| cursor.reader != Reader::Observer).await;
    }

    /// Number of events that the slowest subscriber has not been sent yet, observers excluded.
    #[must_use]
    pub fn behind(&self) -> u64 {
        let state = self.shared.state.read();
        let cursors = state.cursors().values().filter(|cursor| cursor.reader != Reader::Observer);
        let slowest = cursors.map(|cursor| cursor.position()).min();
        slowest.map_or(0, |slowest| state.ring.head().saturating_sub(slowest))
    }

    /// [Closes](Self::close) the channel and waits until all subscribers have received everything and left,
    /// for use before the process exits. A subscriber without progress for
    /// [`stall_max`](Limits::stall_max) gets [`Next::Slow`] and is no longer waited
    /// for.
    pub async fn drain(&self, reason: CloseReason) {
        self.close(reason);
        self.shared.wait_for_cursors(|_| BEYOND_ALL, |_| true).await;
    }

    /// Returns how many clients ended before the newest event, observers excluded. A client that came back
    /// counts, too.
    #[must_use]
    pub fn ends(&self) -> Ends {
        let head = self.head();
        self.shared.tally.lock().ends(head)
    }

    /// Returns the JSON of an event; `None` if it is not in the backlog.
    #[must_use]
    pub fn event(&self, seq: u64) -> Option<Bytes> {
        let state = self.shared.state.read();
        let before = seq.checked_sub(1).filter(|before| *before < state.ring.head())?;
        let (_, entry) = state.ring.after(before).next()?;
        Some(entry.line.view(entry::View::Json))
    }

    /// Returns the truth after event `until`, or after the newest event.
    ///
    /// # Errors
    /// `unknown_position` if `until` is after the newest event, or before the backlog. `bad_request` for a
    /// channel that several processes share.
    pub fn truth(&self, until: Option<u64>) -> Result<TruthAt, Problem> {
        if self.is_relayed() {
            let message = "this channel is shared with other processes, and only a process of its own counts";
            return Err(Problem::new(Code::BadRequest, message).hint("replay it with `livetape replay`"));
        }
        let state = self.shared.state.read();
        let head = state.ring.head();
        let seq = until.unwrap_or(head);
        let Some(tally) = state.ring.tally(seq) else {
            let message = match state.ring.tail() {
                tail if seq < tail => {
                    format!("event {seq} is no longer in the backlog, which starts at {}", tail + 1)
                }
                _ => format!("event {seq} is after the newest, {head}"),
            };
            return Err(Problem::new(Code::UnknownPosition, message).hint("ask without `until`"));
        };
        let stream = Arc::clone(&state.stream);
        drop(state);
        Ok(TruthAt { stream, seq, truth: tally.truth(), generation: tally.generation() })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Join {
    /// Where to start; `None` for the current state followed by new events.
    pub since: Option<Since>,
    /// What to do if events after `since` are no longer in the backlog.
    pub on_gap: OnGap,
    pub filter: Filter,
    pub reader: Reader,
}

/// Role of a subscriber.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// Receives every event: counted, and waited for at speed `max`.
    #[default]
    Client,
    /// Watches only (`observer=1`): neither counted as a client nor waited for.
    Observer,
    /// The server's terminal: not counted, but waited for like a client.
    Display,
}

/// Where a new subscriber starts.
struct Start {
    /// Lines to send before anything from the ring.
    first: VecDeque<Line>,
    /// Number of the event after which it reads from the ring.
    position: u64,
}

impl Shared {
    fn start(&self, state: &ChannelState, join: &Join) -> Result<Start, Problem> {
        match &join.since {
            None => Ok(Start::now(state, &join.filter)),
            Some(Since::Start) => Ok(Start::at(state.ring.tail())),
            Some(Since::After { stream, seq }) => self.resume(state, stream, *seq, join),
        }
    }

    fn resume(&self, state: &ChannelState, stream: &str, seq: u64, join: &Join) -> Result<Start, Problem> {
        let unknown = |message: String| Err(Problem::new(Code::UnknownPosition, message));
        let (tail, head) = (state.ring.tail(), state.ring.head());
        if stream != &*state.stream {
            return unknown(format!("stream `{stream}` is not the current stream, `{}`", state.stream));
        }
        if seq > head {
            return unknown(format!("event {seq} is after the newest, {head}"));
        }
        match (seq < tail, join.on_gap) {
            (false, _) => Ok(Start::at(seq)),
            (true, OnGap::Skip) if join.filter.format.layout().is_some() => Ok(Start::at(tail)),
            (true, OnGap::Skip) => Ok(Start::behind_gap(seq, tail)),
            (true, OnGap::Close) => unknown(format!(
                "event {} is no longer in the backlog, which starts at {}",
                seq + 1,
                tail + 1
            )),
        }
    }

    /// Publishes a prefix of `events`: as many as fit into `window`, but at least one. Returns their number.
    fn publish_within(&self, events: &[Event], window: Window, delivery: Option<&mut Delivery>) -> usize {
        // The encoder only holds buffers, which are cleared first, so a panic cannot corrupt it.
        let mut encoder = self.encoder.lock();
        if let Some(relay) = &self.relay {
            return relay.stage(&mut encoder, events, window, delivery, &self.state.read());
        }
        let (head, stream) = {
            let state = self.state.read();
            (state.ring.head(), Arc::clone(&state.stream))
        };
        let entries = encoder.encode(&stream, head, events, window);
        let published = entries.len();
        let mut state = self.state.write();
        if state.closed.is_some() {
            return events.len();
        }
        entries.for_each(|entry| state.push(entry));
        let floor = state.ring.floor(self.limits.lag());
        let dropped = state.drop_below(floor, |_| true);
        if let Some(delivery) = delivery {
            let injected = (head + 1..).zip(&events[..published]).filter(|(_, event)| event.injected);
            injected.for_each(|(seq, event)| delivery.note(seq, event, state.cursors()));
        }
        drop(state);
        self.fell_behind(&dropped);
        self.news.send_replace(());
        published
    }

    /// Counts cursors that fell behind, and removes them from the number of subscribers.
    fn fell_behind(&self, cursors: &[Arc<Cursor>]) {
        let slow = cursors.iter().filter(|cursor| cursor.reader != Reader::Display).count();
        self.traffic.slow.fetch_add(slow as u64, Ordering::Relaxed);
        cursors.iter().for_each(|cursor| self.count_unread(cursor));
        self.remove_present(cursors);
    }

    fn count_joined(&self, reader: Reader) {
        match reader {
            Reader::Client => self.present.send_modify(|present| {
                present.clients += 1;
                present.clients_peak = present.clients_peak.max(present.clients);
            }),
            Reader::Observer => self.present.send_modify(|present| {
                present.observers += 1;
                present.observers_peak = present.observers_peak.max(present.observers);
            }),
            Reader::Display => {}
        }
    }

    /// Removes cursors from the number of subscribers.
    fn remove_present(&self, cursors: &[Arc<Cursor>]) {
        let count = |reader| cursors.iter().filter(|cursor| cursor.reader == reader).count();
        let (clients, observers) = (count(Reader::Client), count(Reader::Observer));
        if clients + observers > 0 {
            self.present.send_modify(|present| {
                present.clients -= clients;
                present.observers -= observers;
            });
        }
    }

    /// Waits until no cursor that `is_awaited` selects is below the mark. Drops those without progress.
    async fn wait_for_cursors(&self, mark: impl Fn(&Ring) -> u64, is_awaited: impl Fn(&Cursor) -> bool) {
        let _turn = self.pacing.turn.lock().await;
        let since = clock::now();
        loop {
            let reached = self.pacing.reached.notified();
            let Some(patience_ends) = self.await_slowest(since, &mark, &is_awaited) else { return };
            // Whether notified or timed out, check the cursors again.
            let _ = timeout_at(patience_ends, reached).await;
        }
    }

    /// Sets the mark and drops stalled cursors. Returns the time until which to wait, or `None` if every
    /// cursor has reached the mark.
    fn await_slowest(
        &self,
        since: Instant,
        mark: impl Fn(&Ring) -> u64,
        is_awaited: impl Fn(&Cursor) -> bool,
    ) -> Option<Instant> {
        let patience_ends = |cursor: &Cursor| cursor.touched().max(since) + self.limits.stall_max;
        let now = clock::now();
        let mut state = self.state.write();
        let mark = mark(&state.ring);
        self.pacing.awaited.store(mark, Ordering::SeqCst);
        let dropped = state.drop_below(mark, |cursor| is_awaited(cursor) && patience_ends(cursor) <= now);
        let awaited = state.below(mark).filter(|cursor| is_awaited(cursor));
        let next = awaited.map(|cursor| patience_ends(cursor)).min();
        drop(state);
        if !dropped.is_empty() {
            self.fell_behind(&dropped);
            self.news.send_replace(());
        }
        if next.is_none() {
            self.pacing.awaited.store(0, Ordering::SeqCst);
        }
        next
    }

    fn count_unread(&self, cursor: &Cursor) {
        if cursor.count() {
            self.tally.lock().unread += 1;
        }
    }
}

impl Start {
    fn now(state: &ChannelState, filter: &Filter) -> Self {
        let current = state.current.iter().filter_map(|entry| entry.shown_to(filter));
        Self { first: current.cloned().collect(), position: state.ring.head() }
    }

    fn at(position: u64) -> Self {
        Self { first: VecDeque::new(), position }
    }

    fn behind_gap(seq: u64, tail: u64) -> Self {
        let gap = format!(r#"{{"type":"gap","from":{},"to":{tail}}}"#, seq + 1);
        Self { first: [Line::new(gap.as_bytes())].into(), position: tail }
    }
}

/// State shared by the cursors and a publisher that waits for the slowest, which replaces the clock at `--speed max`.
#[derive(Debug, Default)]
struct Pacing {
    /// Position that the publisher waits for all cursors to reach; 0 if it does not wait.
    awaited: AtomicU64,
    /// Notified when a cursor reaches that position or leaves.
    reached: Notify,
    /// Lets one publisher wait at a time. A tokio mutex, because it is held across awaits.
    turn: tokio::sync::Mutex<()>,
}

/// Number of clients that disconnected before the end of the channel, by the side that did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Clients that the server ended before they had read everything.
    pub unread: u64,
    /// Clients that left by themselves before they had been sent everything.
    pub left: u64,
}

/// Counts of clients that ended.
#[derive(Debug, Default)]
struct EndedClients {
    unread: u64,
    /// Clients that left before the position of the last ones to leave.
    left_before: u64,
    /// Clients that left at that position: if nothing follows, they have been sent everything.
    left_last: u64,
    last: u64,
}

impl EndedClients {
    fn leave(&mut self, position: u64) {
        if position > self.last {
            self.left_before += std::mem::take(&mut self.left_last);
            self.last = position;
        }
        *(if position == self.last { &mut self.left_last } else { &mut self.left_before }) += 1;
    }

    fn ends(&self, head: u64) -> Ends {
        let left_last = if self.last < head { self.left_last } else { 0 };
        Ends { unread: self.unread, left: self.left_before + left_last }
    }
}

/// The truth after an event.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct TruthAt {
    /// Id of the channel that `seq` counts in.
    pub stream: Arc<str>,
    /// Number of the last counted event; 0 before the first.
    pub seq: u64,
    /// The totals.
    #[serde(flatten)]
    pub truth: Truth,
    /// Generation of the counted events; 0 without one.
    #[serde(skip)]
    pub generation: u32,
}

/// The sequence numbers of injected events, and the clients that receive them.
#[derive(Debug, Default)]
pub struct Delivery {
    pub seqs: Vec<u64>,
    clients: BTreeSet<u64>,
}

impl Delivery {
    /// Number of clients that were subscribed when the events were published and whose filter lets at least
    /// one of them pass.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    fn note(&mut self, seq: u64, event: &Event, cursors: &HashMap<u64, Arc<Cursor>>) {
        self.seqs.push(seq);
        let audience = Audience::of(event);
        let gets_it = |cursor: &Cursor| cursor.reader == Reader::Client && audience.includes(&cursor.filter);
        self.clients.extend(cursors.iter().filter(|(_, cursor)| gets_it(cursor)).map(|(id, _)| *id));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of events in the ring.
    pub events_max: u64,
    /// Maximum size of the JSON in the ring, in bytes. An event counts as at most a quarter of this, so that
    /// no event is too large to pass; the ring may exceed the limit by the excess of such events.
    pub bytes_max: u64,
    /// Maximum time without progress of a cursor that [`publish_paced`](Hub::publish_paced) waits for.
    pub stall_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { events_max: BACKLOG_EVENTS_MAX, bytes_max: BACKLOG_BYTES_MAX, stall_max: MAX_STALL }
    }
}

/// A part of the ring, as a number of events and of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    events: u64,
    bytes: u64,
}

impl Limits {
    /// Raises the limits to the minimum at which a quarter of the ring is not empty.
    fn at_least_workable(self) -> Self {
        Self { events_max: self.events_max.max(4), bytes_max: self.bytes_max.max(4), ..self }
    }

    fn ring(self) -> Window {
        Window { events: self.events_max, bytes: self.bytes_max }
    }

    /// Returns how far a cursor may lag: half the ring. The other half is left for resuming.
    fn lag(self) -> Window {
        Window { events: self.events_max / 2, bytes: self.bytes_max / 2 }
    }

    /// Returns how far the slowest cursor may lag before a paced publisher continues, and how much it
    /// publishes at once: a quarter each, so that together they stay within the permitted lag.
    fn pace(self) -> Window {
        Window { events: self.events_max / 4, bytes: self.bytes_max / 4 }
    }
}

#[cfg(test)]
mod tests;
