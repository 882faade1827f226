//! The writers of sockets. A socket belongs to one shard from its handshake to its end, and only the shard writes to
//! it: events of the channel that it reads, and everything in its [`Outbox`]. A shard keeps its sockets in an array,
//! and visits them one after the other: one task for each socket would cost a quarter more.
//!
//! # When a socket is visited
//!
//! - **News**: the channel has new events. The shard's task visits all of its sockets that are not blocked.
//! - **A call**: the outbox has something to write, a blocked socket accepts more, or the socket ends. The task visits
//!   the sockets that were called. A sender of messages to few sockets visits them itself if the shard is idle, because
//!   waking the task would take longer.
//!
//! # What a visit does
//!
//! ```text
//!              ┌──────────────────────────── all written ────────────────────────────┐
//!              ▼                                                                     │
//!        called? ── the outbox: messages, another feed ──► events of the feed ──► write ──► Blocked, until a call
//!              │                        │                          │ none
//!              │                        │ of another channel       ▼
//!              │                        └──► Moves to its shard    Idle, until news or a call
//!              │
//!              └── the socket has to end, or its feed has ended ──► Ended: only frames of the library are written, such
//!                                                                   as the close frame, until the task drops the
//!                                                                   connection ──► Gone
//! ```
//!
//! A blocked socket stays in its shard, and falls behind by itself: the channel marks its cursor, and the next visit
//! ends it. A panic during a visit ends only that socket.

use std::{
    collections::VecDeque,
    future::poll_fn,
    hint::black_box,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::available_parallelism,
};

use axum::body::Bytes;
use futures_util::future::OptionFuture;
use livetape_core::error::{Cause, Code, close};
use livetape_feed::hub::{Batches, Hub, News, Next, Subscriber};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    select,
    sync::{Notify, oneshot},
    task::{coop::unconstrained, yield_now},
    time::Instant,
};
use tungstenite::protocol::CloseFrame;

use super::connection::{Connection, End, INTERNAL_ERROR};

/// Cost of a frame in addition to its length, in bytes, so that empty messages are not free.
pub(super) const FRAME_OVERHEAD_BYTES: usize = 64;
/// Number of bytes that a shard takes from an outbox at once, and that may wait when the library queues a frame: a client
/// that falls behind has to read no more before the close frame. The frame that exceeds it is still taken.
const TAKEN_BYTES_MAX: usize = 32 * 1024;

/// Maximum number of sockets that the sender of messages writes to by itself, which takes about 3 µs for each.
const DIRECT_MAX: usize = 4;

fn cost(frame: &Bytes) -> usize {
    frame.len() + FRAME_OVERHEAD_BYTES
}

/// The connection of a socket, and everything that it is sent except events. Shared by the socket's task, its shard and
/// all senders.
#[derive(Debug)]
pub(crate) struct Outbox {
    bytes_max: usize,
    pub(super) connection: Connection,
    queue: Mutex<Queue>,
    /// Number of the last ping that the client has answered, of those with a number.
    pub(super) answered: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    orders: VecDeque<Order>,
    /// Size of the queued frames, in bytes.
    bytes: usize,
    /// Size of those that the shard has taken and not written yet.
    taken_bytes: usize,
    ending: Option<Ending>,
    /// Whether only frames of the library may follow.
    is_stopped: bool,
    /// The socket's task, if it waits for space, or until everything is written.
    task: Option<Waker>,
    home: Option<Home>,
    /// Whether the shard has been called, and has not begun the visit.
    is_called: bool,
    /// Whether the shard is going to be called for the messages that the program gathers.
    is_gathered: bool,
}

/// What the shard does for a socket, in this order. Small, because a queue keeps its memory after a burst.
#[derive(Debug)]
enum Order {
    /// Write this frame, or several.
    Write(Bytes),
    /// Write a frame whose head and payload are apart, as one.
    WriteLong(Box<[Bytes; 2]>),
    /// Read this feed from now on, or none. The flag is set if the socket ends with the feed.
    Read(Option<Box<Subscriber>>, bool),
}

/// How a socket is going to end.
#[derive(Debug)]
enum Ending {
    /// After all orders, and the feed's event with this number.
    Close(CloseFrame, u64),
    /// With its feed, or after all orders if it reads none.
    GoingAway,
    /// At once, because its queue is full.
    Slow,
    /// At once, without a close frame.
    Cut,
}

impl Ending {
    fn at_once(&self) -> Option<End> {
        match self {
            Self::Close(..) | Self::GoingAway => None,
            Self::Slow => Some(End::slow(Cause::UnreadMessages)),
            Self::Cut => Some(End::Cut),
        }
    }
}

/// Where the shard keeps a socket.
#[derive(Debug)]
struct Home {
    shard: Weak<Shard>,
    /// Index in its array; `None` until it has arrived there.
    at: Option<usize>,
}

impl Outbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            connection: Connection::default(),
            queue: Mutex::default(),
            answered: AtomicU64::new(0),
        }
    }

    /// Queues a message, to be followed by [`write`](Self::write) or [`call`](Self::call). Never waits: a socket whose
    /// queue overflows ends. A single message may exceed the limit if nothing else is queued.
    pub(super) fn queue(&self, frame: Bytes) {
        self.order(&mut self.queue.lock(), cost(&frame), Order::Write(frame));
    }

    /// Queues a message to be written with others. Returns whether it is the first of them.
    pub(super) fn gather(&self, frame: Bytes) -> bool {
        let mut queue = self.queue.lock();
        self.order(&mut queue, cost(&frame), Order::Write(frame));
        !mem::replace(&mut queue.is_gathered, true)
    }

    fn order(&self, queue: &mut Queue, cost: usize, order: Order) {
        let bytes = queue.unwritten_bytes();
        if bytes > 0 && bytes + cost > self.bytes_max && !matches!(queue.ending, Some(Ending::Cut)) {
            queue.ending = Some(Ending::Slow);
        }
        if queue.is_stopped || queue.ending.is_some() {
            return;
        }
        queue.bytes += cost;
        queue.orders.push_back(order);
    }

    /// Queues a message, and writes it.
    pub(super) fn send(self: &Arc<Self>, frame: Bytes) {
        self.queue(frame);
        self.write();
    }

    /// The same for a payload that is too long to be copied behind the head of its frame.
    pub(super) fn send_long(self: &Arc<Self>, head: Bytes, payload: Bytes) {
        let cost = cost(&head) + cost(&payload);
        self.order(&mut self.queue.lock(), cost, Order::WriteLong(Box::new([head, payload])));
        self.write();
    }

    /// Changes the feed after all queued messages. With `binds`, the socket ends with the feed.
    pub(super) fn read(self: &Arc<Self>, feed: Option<Subscriber>, binds: bool) {
        self.queue.lock().orders.push_back(Order::Read(feed.map(Box::new), binds));
        self.call();
    }

    /// Closes the socket after all queued messages and the feed's event number `last`. Only the first reason counts.
    pub(super) fn close(self: &Arc<Self>, frame: CloseFrame, last: u64) {
        self.queue.lock().ending.get_or_insert(Ending::Close(frame, last));
        self.call();
    }

    /// Whether the socket is closed as soon as the queued messages are written.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.queue.lock().ending, Some(Ending::Close(..)))
    }

    /// Lets the socket end with its feed, or now if it reads none.
    pub(super) fn go_away(self: &Arc<Self>) {
        self.queue.lock().ending.get_or_insert(Ending::GoingAway);
        self.call();
    }

    /// Ends the connection at once, without the queued messages and without a close frame.
    pub(super) fn cut(self: &Arc<Self>) {
        self.queue.lock().ending = Some(Ending::Cut);
        self.call();
    }

    /// Drops queued messages, and lets only frames of the library follow.
    pub(super) fn stop(&self) {
        let mut queue = self.queue.lock();
        if !mem::replace(&mut queue.is_stopped, true) {
            queue.bytes = 0;
            let unused = mem::take(&mut queue.orders);
            drop(queue);
            // A feed among them takes the channel's lock.
            drop(unused);
        }
    }

    /// Queues whole frames of the library.
    pub(super) fn poll_put(self: &Arc<Self>, cx: &mut Context<'_>, frames: &[u8]) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.unwritten_bytes() > TAKEN_BYTES_MAX && queue.home.is_some() {
            queue.task = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let frames = Bytes::copy_from_slice(frames);
        queue.bytes += cost(&frames);
        queue.orders.push_back(Order::Write(frames));
        drop(queue);
        self.write();
        Poll::Ready(())
    }

    /// Waits until everything queued so far is written, or the connection is gone.
    pub(super) async fn written(&self) {
        poll_fn(|cx| {
            let mut queue = self.queue.lock();
            if queue.unwritten_bytes() == 0 || queue.home.is_none() {
                return Poll::Ready(());
            }
            queue.task = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Writes what is queued for the socket.
    pub(super) fn write(self: &Arc<Self>) {
        let shard = self.queue.lock().shard();
        shard.into_iter().for_each(|shard| shard.write(slice::from_ref(self)));
    }

    /// The same for several sockets.
    pub(super) fn write_all(outboxes: Vec<Arc<Self>>) {
        let mut shards: Vec<(Arc<Shard>, Vec<Arc<Self>>)> = Vec::new();
        for outbox in outboxes {
            let Some(shard) = outbox.queue.lock().shard() else { continue };
            match shards.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &shard)) {
                Some((_, sockets)) => sockets.push(outbox),
                None => shards.push((shard, vec![outbox])),
            }
        }
        shards.into_iter().for_each(|(shard, sockets)| shard.write(&sockets));
    }

    /// Lets the shard visit the socket.
    pub(super) fn call(self: &Arc<Self>) {
        let shard = self.queue.lock().shard();
        shard.into_iter().for_each(|shard| shard.call(slice::from_ref(self)));
    }

    /// Returns whether the shard has to be called.
    fn claim(&self) -> bool {
        !mem::replace(&mut self.queue.lock().is_called, true)
    }

    fn moved_to(&self, at: usize) {
        if let Some(home) = &mut self.queue.lock().home {
            home.at = Some(at);
        }
    }

    /// Records that the connection is gone, so that nobody waits for it.
    fn leave(&self) {
        let mut queue = self.queue.lock();
        queue.home = None;
        let task = queue.task.take();
        drop(queue);
        task.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Outbox {
    fn wake(self: Arc<Self>) {
        self.call();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call();
    }
}

impl Queue {
    fn unwritten_bytes(&self) -> usize {
        self.bytes + self.taken_bytes
    }

    fn shard(&self) -> Option<Arc<Shard>> {
        self.home.as_ref()?.shard.upgrade()
    }
}

/// A socket in the array of its shard.
#[derive(Debug)]
struct ShardSocket {
    outbox: Arc<Outbox>,
    /// Calls the shard when the socket accepts more.
    waker: Waker,
    feed: Option<Subscriber>,
    /// Frames that the socket has not accepted yet, if there are some. The first may be partly written.
    #[expect(clippy::box_collection, reason = "few sockets have some, and a slot has two cache lines")]
    frames: Option<Box<VecDeque<Bytes>>>,
    /// Whether the socket ends with its feed.
    is_bound: bool,
    /// Whether the socket accepts no more for now.
    is_blocked: bool,
    /// Whether a write has begun and is not complete.
    is_writing: bool,
    /// Tells the task how the socket ends; `None` once it knows.
    end: Option<oneshot::Sender<End>>,
}

/// Result of a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visited {
    Stays,
    /// More events may follow at once.
    More,
    /// It reads another channel now, or none.
    Moves,
    /// The connection is gone.
    Gone,
}

/// State that the visits of one round share.
struct Round {
    /// Current time, updated now and then rather than for each socket.
    now: Instant,
    batches: Batches,
    /// Frames of the visited socket. Most are written at once, so that sockets need no memory of their own.
    frames: VecDeque<Bytes>,
}

impl Round {
    fn new() -> Self {
        Self { now: clock::now(), batches: Batches::default(), frames: VecDeque::new() }
    }
}

impl ShardSocket {
    fn new(outbox: &Arc<Outbox>, feed: Option<Subscriber>, end: oneshot::Sender<End>) -> Self {
        Self {
            outbox: Arc::clone(outbox),
            waker: Waker::from(Arc::clone(outbox)),
            feed,
            frames: None,
            is_bound: true,
            is_blocked: false,
            is_writing: false,
            end: Some(end),
        }
    }

    /// Writes what is new, up to a batch of events. `hub` is the channel of the shard.
    fn visit(&mut self, hub: Option<&Hub>, round: &mut Round, is_called: bool) -> Visited {
        if is_called && !self.outbox.connection.is_open() {
            return Visited::Gone;
        }
        if self.is_blocked && !is_called {
            self.end_if_urgent();
            return Visited::Stays;
        }
        self.is_blocked = false;
        round.frames.clear();
        if let Some(frames) = self.frames.take() {
            round.frames = *frames;
        }
        let visited = self.proceed(hub, round, is_called);
        if !round.frames.is_empty() {
            self.frames = Some(Box::new(mem::take(&mut round.frames)));
        }
        visited
    }

    fn proceed(&mut self, hub: Option<&Hub>, round: &mut Round, is_called: bool) -> Visited {
        if is_called {
            self.end_if_urgent();
        }
        let mut has_read = false;
        loop {
            if (self.is_writing || !round.frames.is_empty())
                && let Some(visited) = self.write(round)
            {
                return visited;
            }
            if is_called && self.take_orders(&mut round.frames) {
                continue;
            }
            if has_read {
                return Visited::More;
            }
            if !self.belongs_to(hub) {
                break;
            }
            let Some(feed) = &mut self.feed else { break };
            match feed.frames(&mut round.batches, &mut round.frames) {
                Some(Next::Events) => has_read = true,
                Some(next) => self.end_with_feed(next),
                None => break,
            }
        }
        if self.end.is_none() || self.belongs_to(hub) { Visited::Stays } else { Visited::Moves }
    }

    /// Reads memory that a visit needs.
    fn load(&self) {
        black_box((self.outbox.connection.load(), self.feed.as_ref().map(Subscriber::position)));
    }

    /// Whether a shard of this channel writes to the socket.
    fn belongs_to(&self, hub: Option<&Hub>) -> bool {
        match (&self.feed, hub) {
            (Some(feed), Some(hub)) => feed.reads(hub),
            (None, None) => true,
            _ => false,
        }
    }

    /// Writes all frames. Returns `None` if the socket has accepted them.
    fn write(&mut self, round: &mut Round) -> Option<Visited> {
        self.is_writing = true;
        let mut cx = Context::from_waker(&self.waker);
        let written = || self.feed.iter().for_each(|feed| feed.written_by(round.now));
        match self.outbox.connection.poll_write(&mut cx, &mut round.frames, written) {
            Poll::Ready(Ok(())) => {
                self.is_writing = false;
                None
            }
            Poll::Ready(Err(_)) => {
                self.end(End::Over);
                self.outbox.connection.close();
                Some(Visited::Gone)
            }
            Poll::Pending => {
                self.is_blocked = true;
                self.end_if_urgent();
                Some(Visited::Stays)
            }
        }
    }

    /// Takes what the outbox has, now that everything before is written. Returns whether there is something to write.
    fn take_orders(&mut self, frames: &mut VecDeque<Bytes>) -> bool {
        let mut unused = Vec::new();
        let mut queue = self.outbox.queue.lock();
        queue.taken_bytes = 0;
        while queue.taken_bytes < TAKEN_BYTES_MAX {
            match queue.orders.pop_front() {
                Some(Order::Write(frame)) => {
                    queue.bytes -= cost(&frame);
                    queue.taken_bytes += cost(&frame);
                    frames.push_back(frame);
                }
                Some(Order::WriteLong(parts)) => {
                    let cost = parts.iter().map(cost).sum::<usize>();
                    queue.bytes -= cost;
                    queue.taken_bytes += cost;
                    frames.extend(*parts);
                }
                Some(Order::Read(feed, is_bound)) => {
                    unused.extend(mem::replace(&mut self.feed, feed.map(|feed| *feed)));
                    self.is_bound = is_bound;
                }
                None => break,
            }
        }
        let position = self.feed.as_ref().map(Subscriber::position);
        let end = match &queue.ending {
            _ if queue.is_stopped => Some(End::Left),
            _ if !frames.is_empty() => None,
            Some(Ending::Close(frame, last)) if position.is_none_or(|position| position >= *last) => {
                Some(End::Close(frame.clone(), None))
            }
            Some(Ending::GoingAway) if position.is_none() => Some(End::of(Code::ShuttingDown)),
            _ => None,
        };
        let task = queue.task.take();
        drop(queue);
        // Dropping a subscriber takes the channel's lock.
        drop(unused);
        task.into_iter().for_each(Waker::wake);
        if let Some(end) = end {
            self.end(end);
        }
        !frames.is_empty()
    }

    /// Ends the socket if it must not wait until it accepts more.
    fn end_if_urgent(&mut self) {
        let ending = self.outbox.queue.lock().ending.as_ref().and_then(Ending::at_once);
        match (ending, self.feed.as_ref().and_then(Subscriber::end)) {
            (Some(end), _) => self.end(end),
            (None, Some(next)) => self.end_with_feed(next),
            (None, None) => {}
        }
    }

    fn end_with_feed(&mut self, next: Next) {
        match next {
            Next::Events => {}
            Next::Slow => self.end(End::slow(Cause::UnreadEvents)),
            // A client of `/ws` stays when the room it reads ends.
            Next::Closed(reason) if !self.is_bound && reason.code != close::GOING_AWAY => self.feed = None,
            Next::Closed(reason) => self.end(End::with_channel(&reason)),
        }
    }

    /// Visits the socket, and ends it after a panic.
    fn guard(&mut self, visit: impl FnOnce(&mut Self) -> Visited) -> Visited {
        if let Ok(visited) = catch_unwind(AssertUnwindSafe(|| visit(self))) {
            return visited;
        }
        if !self.is_writing {
            self.end(End::close(close::INTERNAL, INTERNAL_ERROR));
            return Visited::Stays;
        }
        // The close frame could end up inside another one.
        self.end(End::Cut);
        self.outbox.connection.close();
        Visited::Gone
    }

    fn end(&mut self, end: End) {
        self.feed = None;
        self.outbox.stop();
        if let Some(task) = self.end.take() {
            // The task may be gone.
            let _ = task.send(end);
        }
    }
}

/// Number of sockets at which a channel gets another shard, up to one for each processor.
const SOCKETS_PER_SHARD: usize = 1024;
/// Number of visits before yielding, which take about two milliseconds. Yielding costs as much as two writes if it wakes
/// another thread.
const TURN_VISITS: usize = 512;
/// Number of sockets whose memory is loaded at once, because visits wait for one cache line after the other. Saves a tenth
/// of the time.
const LOADED: usize = 64;

/// All shards of a server. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Shards(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    shards: Mutex<Vec<Arc<Shard>>>,
    /// The runtime of the server. Programs that embed it send from other threads.
    runtime: OnceLock<Handle>,
}

/// Sockets that read the same channel, or none, and the task that writes to them.
#[derive(Debug)]
struct Shard {
    hub: Option<Hub>,
    /// Number of sockets, including those that have not arrived. The task ends at zero. Only changed while the list of
    /// shards is locked.
    count: AtomicUsize,
    /// Locked for up to [`TURN_VISITS`]. Other shards are not locked while it is.
    slots: Mutex<Vec<ShardSocket>>,
    calls: Mutex<Calls>,
    wakes: Notify,
    shards: Weak<Shared>,
}

/// What the task of a shard has not seen yet.
#[derive(Debug, Default)]
struct Calls {
    arrived: Vec<ShardSocket>,
    called: Vec<Arc<Outbox>>,
}

impl Shards {
    /// Gives a connected socket to a shard. Returns how the shard ends it.
    pub(super) fn open(&self, outbox: &Arc<Outbox>, feed: Option<Subscriber>) -> oneshot::Receiver<End> {
        self.0.runtime.get_or_init(Handle::current);
        let (end, ended) = oneshot::channel();
        self.0.place(ShardSocket::new(outbox, feed, end));
        ended
    }
}

impl Shared {
    /// Gives a socket to a shard of the channel that it reads.
    fn place(self: &Arc<Self>, slot: ShardSocket) {
        let mut shards = self.shards.lock();
        let hub = slot.feed.as_ref().map(Subscriber::hub);
        let of_channel: Vec<_> = shards.iter().filter(|shard| slot.belongs_to(shard.hub.as_ref())).collect();
        let shards_max = available_parallelism().map_or(1, usize::from);
        let has_room = |count| count < SOCKETS_PER_SHARD || of_channel.len() >= shards_max;
        let least = of_channel.iter().copied().min_by_key(|shard| shard.count());
        let known = least.filter(|shard| has_room(shard.count())).cloned();
        let is_new = known.is_none();
        let shard = known.unwrap_or_else(|| Arc::new(Shard::new(hub, self)));
        shard.count.fetch_add(1, Ordering::Relaxed);
        slot.outbox.queue.lock().home = Some(Home { shard: Arc::downgrade(&shard), at: None });
        let mut calls = shard.calls.lock();
        calls.called.push(Arc::clone(&slot.outbox));
        calls.arrived.push(slot);
        drop(calls);
        shard.wakes.notify_one();
        if is_new {
            shards.push(Arc::clone(&shard));
            // Subscribe now, so that the shard sees events published before its task first runs.
            let news = shard.hub.as_ref().map(Hub::news);
            let runtime = self.runtime.get().expect("it is set before the first socket arrives");
            runtime.spawn(unconstrained(shard.run(news)));
        }
    }
}

impl Shard {
    fn new(hub: Option<Hub>, shards: &Arc<Shared>) -> Self {
        Self {
            hub,
            count: AtomicUsize::new(0),
            slots: Mutex::default(),
            calls: Mutex::default(),
            wakes: Notify::new(),
            shards: Arc::downgrade(shards),
        }
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Visits these sockets at once, or lets the task do it if it is busy, if they are many, or if there is more to do.
    fn write(&self, outboxes: &[Arc<Outbox>]) {
        let slots = if outboxes.len() > DIRECT_MAX { None } else { self.slots.try_lock() };
        let Some(mut slots) = slots else { return self.call(outboxes) };
        let mut round = Round::new();
        outboxes
            .iter()
            .filter(|outbox| self.answer(outbox, &mut slots, &mut round).is_some())
            .for_each(Outbox::call);
    }

    /// Lets the task visit these sockets.
    fn call(&self, outboxes: &[Arc<Outbox>]) {
        let mut new = outboxes.iter().filter(|outbox| outbox.claim()).peekable();
        if new.peek().is_none() {
            return;
        }
        let mut calls = self.calls.lock();
        let is_woken = !calls.called.is_empty();
        calls.called.extend(new.cloned());
        if !is_woken {
            self.wakes.notify_one();
        }
    }

    /// Counts a socket as gone. The last one ends the task.
    fn leave(&self) {
        // Without a list, no other socket arrives.
        let shared = self.shards.upgrade();
        let mut shards = shared.as_ref().map(|shared| shared.shards.lock());
        if self.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            shards.iter_mut().for_each(|shards| shards.retain(|shard| !std::ptr::eq(&**shard, self)));
            self.wakes.notify_one();
        }
    }

    /// Visits sockets until none is left.
    async fn run(self: Arc<Self>, mut news: Option<News>) {
        let mut has_more = false;
        loop {
            let has_news = select! {
                biased;
                Some(()) = OptionFuture::from(news.as_mut().map(News::wait)) => true,
                () = self.wakes.notified() => false,
                () = std::future::ready(()), if has_more => true,
            };
            self.answer_all().await;
            if has_news || has_more {
                has_more = self.visit_all().await;
            }
            if self.count() == 0 {
                return;
            }
        }
    }

    /// Visits new sockets, and those that were called.
    async fn answer_all(&self) {
        for turn in self.called().chunks(TURN_VISITS) {
            self.answer_turn(turn);
            if turn.len() == TURN_VISITS {
                yield_now().await;
            }
        }
    }

    /// Lets new sockets in. Returns all sockets to visit.
    fn called(&self) -> Vec<Arc<Outbox>> {
        let Calls { arrived, called } = mem::take(&mut *self.calls.lock());
        let mut slots = self.slots.lock();
        for slot in arrived {
            slot.outbox.moved_to(slots.len());
            slots.push(slot);
        }
        called
    }

    fn answer_turn(&self, turn: &[Arc<Outbox>]) {
        let (mut slots, mut round) = (self.slots.lock(), Round::new());
        for outbox in turn {
            match self.answer(outbox, &mut slots, &mut round) {
                Some((_, Visited::More)) => outbox.call(),
                Some((at, leaves)) => self.remove(at, &mut slots, leaves),
                None => {}
            }
        }
    }

    /// Visits a socket that was called, if it is here: if it has moved, its new shard visits it when it arrives. Returns
    /// where it is if the shard's task has more to do. Only the task removes sockets, because others move up then.
    fn answer(
        &self,
        outbox: &Outbox,
        slots: &mut [ShardSocket],
        round: &mut Round,
    ) -> Option<(usize, Visited)> {
        let mut queue = outbox.queue.lock();
        let home = queue.home.as_ref().filter(|home| std::ptr::eq(home.shard.as_ptr(), self));
        let at = home.and_then(|home| home.at)?;
        queue.is_called = false;
        queue.is_gathered = false;
        drop(queue);
        let visited = slots[at].guard(|slot| slot.visit(self.hub.as_ref(), round, true));
        (visited != Visited::Stays).then_some((at, visited))
    }

    /// Visits each socket. Returns whether more events may follow at once.
    async fn visit_all(&self) -> bool {
        let mut round = Round::new();
        let mut at = 0;
        while self.visit_turn(&mut at, &mut round) {
            yield_now().await;
            round.now = clock::now();
        }
        round.batches.has_more()
    }

    /// Visits some sockets from index `at` on. Returns whether there are others.
    fn visit_turn(&self, at: &mut usize, round: &mut Round) -> bool {
        let mut slots = self.slots.lock();
        let turn = *at + TURN_VISITS;
        let mut loaded = *at;
        while *at < slots.len().min(turn) {
            if *at == loaded {
                loaded += LOADED;
                slots[*at..].iter().take(LOADED).for_each(ShardSocket::load);
            }
            match slots[*at].guard(|slot| slot.visit(self.hub.as_ref(), round, false)) {
                Visited::Stays | Visited::More => *at += 1,
                leaves => self.remove(*at, &mut slots, leaves),
            }
        }
        *at < slots.len()
    }

    /// Removes a socket that moves, or whose connection is gone.
    fn remove(&self, at: usize, slots: &mut Vec<ShardSocket>, leaves: Visited) {
        let slot = slots.swap_remove(at);
        if let Some(other) = slots.get(at) {
            other.outbox.moved_to(at);
        }
        match self.shards.upgrade() {
            Some(shards) if leaves == Visited::Moves => shards.place(slot),
            // Or the server is gone.
            _ => slot.outbox.leave(),
        }
        self.leave();
    }
}

#[cfg(test)]
mod tests;
