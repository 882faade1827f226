//! The write half of a socket, shared by two tasks: the socket's own, and the writer of the channel that it
//! reads. The subscriber is kept here; its [`Owner`] may put events into the queue. [`super`] has a diagram.
//!
//! One task writes for each channel, and another for each 1,024 further sockets, up to the number of
//! processors. With a task for each socket, every event would wake every task, which takes a quarter of the
//! delivery cost. A channel writer is woken once and writes to one socket after the other. If a socket does
//! not accept everything at once, its own task takes over and lends the subscriber back when it has caught
//! up.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io::{self, IoSlice},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
    thread::available_parallelism,
};

use axum::body::Bytes;
use bytes::Buf as _;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use livetape_feed::hub::{Batches, Hub, News, Next, Progress, Subscriber};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    select,
    sync::Notify,
    task::{coop::unconstrained, yield_now},
    time::Instant,
};
use tungstenite::{
    Message,
    protocol::frame::{
        FrameHeader,
        coding::{Data, OpCode},
    },
};

/// The write half of a socket. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct SharedSink(pub(super) Arc<Mutex<SinkState>>);

#[derive(Debug)]
pub(super) struct SinkState {
    pub(super) queue: WriteQueue,
    owner: Owner,
    /// Number of writer slots so far. The latest one is valid.
    slot: u64,
}

/// Who may write events, with the subscriber that they come from.
#[derive(Debug)]
enum Owner {
    /// Nobody: the socket reads no channel.
    Nobody,
    /// The socket's task.
    Task(Subscriber),
    /// The channel's writer. The waker wakes the task when the writer gives the subscriber back.
    Writer(Subscriber, Option<Waker>),
    /// Nobody, permanently: no event may follow a close frame.
    Ended,
}

/// State that a channel writer shares across all sockets of one round.
struct Round {
    /// Current time, updated now and then rather than for each socket.
    pub(super) now: Instant,
    batches: Batches,
    /// Memory for the queue of the current socket.
    spare: VecDeque<Bytes>,
}

impl Round {
    fn new() -> Self {
        Self { now: clock::now(), batches: Batches::default(), spare: VecDeque::new() }
    }
}

/// Result of [`SharedSink::lend`].
pub(super) enum Lend<'a> {
    /// The channel's writer may write events until the loan ends.
    Lent(Loan<'a>),
    /// The task remains the owner: events are queued and must be flushed first, or the feed has ended.
    Kept(Next),
    /// The client has closed the socket.
    Ended,
}

/// While this exists, the channel's writer may write events.
pub(super) struct Loan<'a>(&'a SharedSink);

/// Result of [`SharedSink::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrote {
    /// Everything new is written.
    Written,
    /// Nothing to write for now.
    Nothing,
    /// The connection is gone, or moved to another slot.
    Gone,
}

/// Result of [`SharedSink::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing was done, because something else comes first.
    Nothing,
    /// Everything is written.
    Written,
    /// Everything is queued, and the task has to flush it.
    Queued,
}

impl SharedSink {
    pub(super) fn new(io: Upgraded) -> Self {
        let queue = WriteQueue::new(io);
        Self(Arc::new(Mutex::new(SinkState { queue, owner: Owner::Nobody, slot: 0 })))
    }

    /// Changes the feed that the socket reads. The task becomes its owner.
    pub(super) fn read(&self, feed: Option<Subscriber>) {
        let next = feed.map_or(Owner::Nobody, Owner::Task);
        let mut state = self.0.lock();
        let unused = match state.owner {
            Owner::Ended => next,
            _ => mem::replace(&mut state.owner, next),
        };
        // Dropping a subscriber takes the channel's lock, so release ours first.
        drop(state);
        drop(unused);
    }

    /// Prevents further events, because the client has closed the socket or the server is about to.
    pub(super) fn end(&self) {
        let ended = mem::replace(&mut self.0.lock().owner, Owner::Ended);
        drop(ended);
    }

    /// Makes the channel's writer the owner, unless events are waiting; those are queued for the task to
    /// flush.
    pub(super) fn lend(&self) -> Lend<'_> {
        let mut state = self.0.lock();
        let SinkState { queue, owner, .. } = &mut *state;
        let Owner::Task(feed) = owner else { return Lend::Ended };
        // Checked under the lock: the writer finds everything published after this.
        if let Some(next) = queue.fill(|frames| feed.frames(&mut Batches::default(), frames)) {
            return Lend::Kept(next);
        }
        owner.lend();
        Lend::Lent(Loan(self))
    }

    /// Returns how far the task has read. `None` if it is not the owner.
    pub(super) fn progress(&self) -> Option<Progress> {
        match &self.0.lock().owner {
            Owner::Task(feed) => Some(feed.progress()),
            _ => None,
        }
    }

    /// Begins a new writer slot and returns its number.
    fn begin_slot(&self) -> u64 {
        let mut state = self.0.lock();
        state.slot += 1;
        state.slot
    }

    /// Whether the connection still exists and is in this slot.
    fn has_slot(&self, slot: u64) -> bool {
        self.0.lock().has_slot(slot)
    }

    /// Writes new events if the writer is the owner. If the socket does not accept them all at once, its task
    /// takes over.
    fn write(&self, slot: u64, round: &mut Round) -> Wrote {
        let mut state = self.0.lock();
        if !state.has_slot(slot) {
            return Wrote::Gone;
        }
        if let Some(found) = state.write(round) {
            return found;
        }
        let task = state.owner.give_back();
        drop(state);
        task.into_iter().for_each(Waker::wake);
        Wrote::Nothing
    }

    /// Writes messages if nothing else is queued; events may have any owner. `None` is something that only
    /// the task can do.
    pub(super) fn send<'a>(&self, messages: impl Iterator<Item = Option<&'a Message>> + Clone) -> Sent {
        let mut state = self.0.lock();
        let is_possible = messages.clone().all(|it| it.is_some_and(|it| it.is_text() || it.is_binary()));
        if state.is_ended() || !state.queue.is_empty() || !is_possible {
            return Sent::Nothing;
        }
        for message in messages.flatten() {
            state.queue.put_message(message.clone());
        }
        // As in `write`, no waker is needed.
        match state.poll_flush(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => Sent::Written,
            // The task finds the error when it flushes.
            Poll::Ready(Err(_)) | Poll::Pending => Sent::Queued,
        }
    }

    /// Closes the connection immediately.
    pub(super) fn disconnect(&self) {
        let mut state = self.0.lock();
        let task = state.owner.give_back();
        let gone = (state.queue.disconnect(), mem::replace(&mut state.owner, Owner::Ended));
        drop(state);
        task.into_iter().for_each(Waker::wake);
        drop(gone);
    }

    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().poll_flush(cx)
    }
}

impl Loan<'_> {
    /// Waits until the task has to take over.
    pub(super) async fn returned(&self) {
        poll_fn(|cx| self.0.0.lock().owner.poll_returned(cx)).await;
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        // The task itself drops the loan, so it need not be woken.
        drop(self.0.0.lock().owner.give_back());
    }
}

impl SinkState {
    fn has_slot(&self, slot: u64) -> bool {
        self.queue.is_connected() && self.slot == slot
    }

    /// Whether nothing may follow, because the client has closed the socket or the connection is gone.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self.owner, Owner::Ended)
    }

    /// Writes new events. Returns `None` if the task has to take over.
    fn write(&mut self, round: &mut Round) -> Option<Wrote> {
        let Self { queue, owner, .. } = self;
        let Owner::Writer(feed, _) = owner else { return Some(Wrote::Nothing) };
        if !queue.is_empty() {
            return None;
        }
        // Most frames are written immediately, so all sockets can share the memory of one queue.
        queue.swap_memory(&mut round.spare);
        match queue.fill(|frames| feed.frames(&mut round.batches, frames)) {
            None => {
                queue.swap_memory(&mut round.spare);
                return Some(Wrote::Nothing);
            }
            Some(Next::Events) => {}
            // The task gets the same result when it asks.
            Some(_) => return None,
        }
        // The task polls for itself when it takes over, so no waker is needed here.
        match queue.poll_drain(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => queue.swap_memory(&mut round.spare),
            Poll::Ready(Err(_)) | Poll::Pending => return None,
        }
        feed.written_by(round.now);
        Some(Wrote::Written)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.queue.poll_flush(cx))?;
        // The events of the feed are written along with everything else.
        if let Owner::Task(feed) = &self.owner {
            feed.written();
        }
        Poll::Ready(Ok(()))
    }
}

impl Owner {
    /// Passes ownership from the task to the writer.
    fn lend(&mut self) {
        *self = match mem::replace(self, Self::Nobody) {
            Self::Task(feed) => Self::Writer(feed, None),
            other => other,
        };
    }

    /// Passes ownership from the writer to the task. Returns the task's waker if it waits.
    fn give_back(&mut self) -> Option<Waker> {
        let (owner, task) = match mem::replace(self, Self::Nobody) {
            Self::Writer(feed, task) => (Self::Task(feed), task),
            other => (other, None),
        };
        *self = owner;
        task
    }

    fn poll_returned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self::Writer(_, task) = self else { return Poll::Ready(()) };
        if task.as_ref().is_none_or(|task| !task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// Queue size at which writers have to wait, in bytes. The frame that exceeds it is still queued.
const QUEUE_BYTES_MAX: usize = 32 * 1024;
/// Maximum length of a server's frame header, in bytes.
const HEAD_BYTES_MAX: usize = 10;
/// Maximum number of slices in one vectored write.
const SLICES_MAX: usize = 64;

/// A connection with the frames that wait to be written, which it joins into few writes.
#[derive(Debug)]
pub(super) struct WriteQueue {
    /// `None` once the connection is gone.
    io: Option<TokioIo<Upgraded>>,
    /// Whole frames, or a head followed by its payload. The first one may be partly written.
    frames: VecDeque<Bytes>,
    bytes: usize,
}

impl WriteQueue {
    fn new(io: Upgraded) -> Self {
        Self { io: Some(TokioIo::new(io)), frames: VecDeque::new(), bytes: 0 }
    }

    fn is_connected(&self) -> bool {
        self.io.is_some()
    }

    fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes >= QUEUE_BYTES_MAX
    }

    /// Queues a frame or a part of one.
    pub(super) fn put(&mut self, piece: Bytes) {
        self.bytes += piece.len();
        self.frames.push_back(piece);
    }

    /// Queues a text or binary message without copying it. Returns other messages.
    pub(super) fn put_message(&mut self, message: Message) -> Option<Message> {
        let (data, payload) = match message {
            Message::Text(text) => (Data::Text, text.into()),
            Message::Binary(bytes) => (Data::Binary, bytes),
            other => return Some(other),
        };
        let header = FrameHeader { opcode: OpCode::Data(data), ..FrameHeader::default() };
        let mut head = Vec::with_capacity(HEAD_BYTES_MAX);
        header.format(payload.len() as u64, &mut head).expect("a Vec accepts everything");
        self.put(head.into());
        self.put(payload);
        None
    }

    /// Lets `fill` append frames to the queue.
    fn fill<T>(&mut self, fill: impl FnOnce(&mut VecDeque<Bytes>) -> T) -> T {
        let before = self.frames.len();
        let filled = fill(&mut self.frames);
        self.bytes += self.frames.iter().skip(before).map(Bytes::len).sum::<usize>();
        filled
    }

    /// Swaps the memory of an empty queue, because an idle socket needs none of its own.
    fn swap_memory(&mut self, spare: &mut VecDeque<Bytes>) {
        assert!(self.is_empty() && spare.is_empty());
        mem::swap(&mut self.frames, spare);
    }

    /// Removes the connection, which closes when the result is dropped.
    fn disconnect(&mut self) -> Option<TokioIo<Upgraded>> {
        self.io.take()
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(io) => Pin::new(io).poll_read(cx, buf),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = &mut self.io else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        while !self.frames.is_empty() {
            let written = ready!(poll_write(Pin::new(&mut *io), cx, &self.frames))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.bytes -= written;
            advance(&mut self.frames, written);
        }
        Pin::new(io).poll_flush(cx)
    }

    /// Flushes the queue and frees its memory, so that idle sockets use none.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        self.frames = VecDeque::new();
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Some(io) => Pin::new(io).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// Writes as many slices as fit into one call.
fn poll_write(
    io: Pin<&mut TokioIo<Upgraded>>,
    cx: &mut Context<'_>,
    frames: &VecDeque<Bytes>,
) -> Poll<io::Result<usize>> {
    if let [frame] = frames.as_slices().0
        && frames.len() == 1
    {
        return io.poll_write(cx, frame);
    }
    let mut slices = [IoSlice::new(&[]); SLICES_MAX];
    let count = slices.len().min(frames.len());
    for (slice, frame) in slices.iter_mut().zip(frames) {
        *slice = IoSlice::new(frame);
    }
    io.poll_write_vectored(cx, &slices[..count])
}

fn advance(frames: &mut VecDeque<Bytes>, mut count: usize) {
    while let Some(first) = frames.front_mut() {
        if first.len() > count {
            first.advance(count);
            return;
        }
        count -= first.len();
        frames.pop_front();
    }
}

/// Number of sockets at which a channel gets another writer.
const SOCKETS_PER_WRITER: usize = 1024;
/// Number of sockets to write to before yielding, which takes about a millisecond. Yielding costs as much as
/// two writes if it wakes another thread.
const TURN_SOCKETS: usize = 256;
/// Number of stale slots, in addition to the number of live sockets, at which a writer removes them.
const GONE_MAX: usize = 64;

/// The writers of all channels. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Writers(Arc<Mutex<Vec<Arc<Writer>>>>);

#[derive(Debug)]
struct Writer {
    hub: Hub,
    /// Number of sockets; the writer ends at zero. Only changed while the list of writers is locked.
    sockets: AtomicUsize,
    /// New slots that the writer has not taken over yet.
    arrived: Mutex<Vec<Slot>>,
    called: Notify,
}

/// A socket and the number of its slot. The number is outdated once the socket has switched to another
/// channel.
type Slot = (SharedSink, u64);

/// A socket's slot with a writer, released on drop.
pub(super) struct WriterSlot {
    writer: Arc<Writer>,
    writers: Writers,
}

impl Writers {
    /// Returns the current slot if it belongs to the channel that the socket reads, otherwise a new one.
    pub(super) fn slot(&self, now: Option<WriterSlot>, feed: &Subscriber, sink: &SharedSink) -> WriterSlot {
        now.filter(|slot| feed.reads(&slot.writer.hub)).unwrap_or_else(|| self.enlist(feed, sink))
    }

    fn enlist(&self, feed: &Subscriber, sink: &SharedSink) -> WriterSlot {
        let mut writers = self.0.lock();
        let of_channel: Vec<_> = writers.iter().filter(|writer| feed.reads(&writer.hub)).collect();
        let has_room =
            |writer: &&Arc<Writer>| writer.count() < SOCKETS_PER_WRITER || of_channel.len() >= writers_max();
        let least = of_channel.iter().copied().min_by_key(|writer| writer.count());
        let known = least.filter(has_room).cloned();
        let is_new = known.is_none();
        let writer = known.unwrap_or_else(|| Arc::new(Writer::new(feed.hub())));
        writer.sockets.fetch_add(1, Ordering::Relaxed);
        writer.arrived.lock().push((sink.clone(), sink.begin_slot()));
        writer.called.notify_one();
        if is_new {
            writers.push(Arc::clone(&writer));
            // Subscribe now, so that the writer sees events published before its task first runs.
            let news = writer.hub.news();
            tokio::spawn(unconstrained(write(Arc::clone(&writer), news)));
        }
        drop(writers);
        WriterSlot { writer, writers: self.clone() }
    }
}

fn writers_max() -> usize {
    available_parallelism().map_or(1, usize::from)
}

impl Drop for WriterSlot {
    fn drop(&mut self) {
        let mut writers = self.writers.0.lock();
        if self.writer.sockets.fetch_sub(1, Ordering::Relaxed) == 1 {
            writers.retain(|writer| !Arc::ptr_eq(writer, &self.writer));
            self.writer.called.notify_one();
        }
    }
}

impl Writer {
    fn new(hub: Hub) -> Self {
        Self { hub, sockets: AtomicUsize::new(0), arrived: Mutex::default(), called: Notify::new() }
    }

    fn count(&self) -> usize {
        self.sockets.load(Ordering::Relaxed)
    }
}

/// Writes the channel's events to every socket that is lent to the writer, until no socket is left.
async fn write(writer: Arc<Writer>, mut news: News) {
    let mut slots = Vec::new();
    let mut has_more = false;
    while writer.count() > 0 {
        slots.append(&mut mem::take(&mut *writer.arrived.lock()));
        if slots.len() > 2 * writer.count() + GONE_MAX {
            slots.retain(|(sink, slot)| sink.has_slot(*slot));
        }
        if !has_more {
            select! {
                biased;
                () = writer.called.notified() => continue,
                () = news.wait() => {}
            }
        }
        has_more = write_to_all(&mut slots).await;
    }
}

/// Writes to all sockets in turn. Returns whether there may be more to write.
async fn write_to_all(slots: &mut Vec<Slot>) -> bool {
    let mut round = Round::new();
    let mut at = 0;
    while at < slots.len() {
        let (sink, slot) = &slots[at];
        // A panic while writing to one socket must only end that socket.
        let found = catch_unwind(AssertUnwindSafe(|| sink.write(*slot, &mut round))).unwrap_or_else(|_| {
            sink.disconnect();
            Wrote::Gone
        });
        match found {
            Wrote::Gone => drop(slots.swap_remove(at)),
            Wrote::Written | Wrote::Nothing => at += 1,
        }
        if at % TURN_SOCKETS == 0 {
            yield_now().await;
            round.now = clock::now();
        }
    }
    round.batches.has_more()
}
