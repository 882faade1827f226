//! Messages that wait for one socket, events excluded. Pushing never waits; a socket whose queue overflows
//! is marked as slow.
//!
//! Messages to many sockets are written by few tasks: with a wake-up of each socket's task, a broadcast
//! would cost twice as much. The sender writes a message for a few sockets by itself. A socket that does not
//! accept everything at once is left to its own task.

use std::{
    collections::VecDeque,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::available_parallelism,
};

use livetape_core::error::Code;
use livetape_feed::hub::Subscriber;
use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    sync::Notify,
    task::{coop::unconstrained, yield_now},
};
use tokio_util::sync::CancellationToken;
use tungstenite::{Message, protocol::CloseFrame};

use super::{
    End as SocketEnd,
    shared_sink::{Sent, SharedSink},
};

/// Cost of a message in addition to its length, in bytes, so that empty messages are not free.
const MESSAGE_OVERHEAD_BYTES: usize = 64;

/// An instruction for the socket's writer; they are processed in order. Small, because the queue of a socket
/// keeps its memory after a burst.
#[derive(Debug)]
pub(super) enum Item {
    Message(Message),
    /// Read this feed from now on, or none. The flag is set if the socket ends with the feed.
    Feed(Option<Box<Subscriber>>, bool),
}

/// Result of [`Outbox::next`].
#[derive(Debug)]
pub(super) enum Turn {
    /// The buffer contains items.
    Items,
    /// Everything is written; close the socket after the feed's event with this number.
    Close(CloseFrame, u64),
    /// Everything is written; only the rest of the feed follows.
    GoingAway,
    /// The writer must stop at once: see [`Outbox::stop_reason`].
    Stop,
}

#[derive(Debug)]
pub(super) struct Outbox {
    bytes_max: usize,
    queue: Mutex<Queue>,
    /// Set while the socket's task writes.
    sink: OnceLock<SharedSink>,
    /// Whether it waits for a message writer.
    is_listed: AtomicBool,
    /// Wakes the writer when there is something to do.
    news: Notify,
    /// Wakes tasks that wait until everything is written.
    written: Notify,
    /// Cancelled when the writer must stop at once, also in the middle of a write.
    stopped: CancellationToken,
    /// Number of the last ping that the client has answered, of those with a number.
    answered: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// Bytes that are queued, or taken by the writer but not yet written.
    bytes: usize,
    taken_bytes: usize,
    /// Whether the task is writing what it took.
    is_taken: bool,
    /// Whether the socket's own queue has the rest of messages, for the task to flush.
    must_flush: bool,
    end: Option<End>,
}

#[derive(Debug)]
enum End {
    Close(CloseFrame, u64),
    GoingAway,
    Cut,
}

impl Outbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            queue: Mutex::default(),
            sink: OnceLock::new(),
            is_listed: AtomicBool::new(false),
            news: Notify::new(),
            written: Notify::new(),
            stopped: CancellationToken::new(),
            answered: AtomicU64::new(0),
        }
    }

    /// Records that the client has answered the ping with this number.
    pub(super) fn answer(&self, number: u64) {
        self.answered.fetch_max(number, Ordering::Relaxed);
    }

    /// Number of the last ping that the client has answered; 0 before the first.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Lets messages be written without the socket's task from now on.
    pub(super) fn attach(&self, sink: &SharedSink) {
        let _ = self.sink.set(sink.clone());
    }

    /// Queues a message and wakes the socket's task.
    pub(super) fn push(&self, message: Message) {
        self.queue(message);
        self.news.notify_one();
    }

    /// Queues a message, to be followed by [`Outbox::write`]. A single message may exceed the limit if
    /// nothing else is queued.
    pub(super) fn queue(&self, message: Message) {
        let cost = cost(&message);
        let mut queue = self.queue.lock();
        if queue.bytes > 0 && queue.bytes + cost > self.bytes_max {
            self.stopped.cancel();
        }
        if self.stopped.is_cancelled() || queue.end.is_some() {
            return;
        }
        queue.bytes += cost;
        queue.items.push_back(Item::Message(message));
    }

    /// Marks it as waiting for a message writer. Returns whether it was not.
    fn enlist(&self) -> bool {
        !self.is_listed.swap(true, Ordering::AcqRel)
    }

    /// Takes the mark back, before [`Outbox::write`].
    fn delist(&self) {
        self.is_listed.store(false, Ordering::Release);
    }

    /// Writes the queued messages at once if the socket accepts them, otherwise wakes its task.
    fn write(&self) {
        if !self.write_at_once() {
            self.news.notify_one();
        }
    }

    /// Returns whether there is nothing left for the task.
    fn write_at_once(&self) -> bool {
        let mut queue = self.queue.lock();
        let Some(sink) = self.sink.get() else { return false };
        if self.stopped.is_cancelled() || queue.is_taken || queue.must_flush || queue.end.is_some() {
            return false;
        }
        let Queue { items, bytes, must_flush, .. } = &mut *queue;
        if items.is_empty() {
            return true;
        }
        let messages = items.iter().map(|item| match item {
            Item::Message(message) => Some(message),
            Item::Feed(..) => None,
        });
        match sink.send(messages) {
            Sent::Nothing => return false,
            Sent::Written => *bytes = 0,
            Sent::Queued => *must_flush = true,
        }
        items.clear();
        let is_written = !*must_flush;
        if is_written {
            self.written.notify_waiters();
        }
        is_written
    }

    /// Changes the feed after all queued messages. With `binds`, the socket ends with the feed.
    pub(super) fn feed(&self, subscriber: Option<Subscriber>, binds: bool) {
        self.queue.lock().items.push_back(Item::Feed(subscriber.map(Box::new), binds));
        self.news.notify_one();
    }

    /// Closes the socket after all queued messages and the feed's event number `last`. Only the first reason
    /// counts.
    pub(super) fn close(&self, frame: CloseFrame, last: u64) {
        self.end(End::Close(frame, last));
    }

    /// Whether the socket is closed as soon as the waiting messages are written.
    pub(super) fn is_closing(&self) -> bool {
        matches!(self.queue.lock().end, Some(End::Close(..)))
    }

    /// Lets the socket end with its feed, or now if it reads none.
    pub(super) fn go_away(&self) {
        self.end(End::GoingAway);
    }

    /// Ends the connection at once, without the queued messages and without a close frame.
    pub(super) fn cut(&self) {
        self.queue.lock().end = Some(End::Cut);
        self.stopped.cancel();
        self.news.notify_one();
    }

    fn end(&self, end: End) {
        self.queue.lock().end.get_or_insert(end);
        self.news.notify_one();
    }

    /// Cancelled when the queue overflows or the socket is cut, so that a writer that is blocked on its
    /// socket can stop.
    pub(super) fn stopped(&self) -> &CancellationToken {
        &self.stopped
    }

    /// Returns how the socket ends once the writer had to stop.
    pub(super) fn stop_reason(&self) -> SocketEnd {
        match self.queue.lock().end {
            Some(End::Cut) => SocketEnd::Cut,
            _ => SocketEnd::of(Code::SlowConsumer),
        }
    }

    /// Waits for something to do and replaces the contents of `out`, which count as written. Cancel safe.
    pub(super) async fn next(&self, out: &mut Vec<Item>) -> Turn {
        out.clear();
        self.confirm();
        loop {
            if let Some(turn) = self.take(out) {
                return turn;
            }
            self.news.notified().await;
        }
    }

    fn confirm(&self) {
        let mut queue = self.queue.lock();
        queue.bytes -= queue.taken_bytes;
        queue.taken_bytes = 0;
        queue.is_taken = false;
        if queue.bytes == 0 {
            self.written.notify_waiters();
        }
    }

    fn take(&self, out: &mut Vec<Item>) -> Option<Turn> {
        if self.stopped.is_cancelled() {
            return Some(Turn::Stop);
        }
        let mut queue = self.queue.lock();
        if !queue.items.is_empty() || queue.must_flush {
            out.extend(queue.items.drain(..));
            queue.taken_bytes = queue.bytes;
            (queue.is_taken, queue.must_flush) = (true, false);
            return Some(Turn::Items);
        }
        match queue.end.as_ref()? {
            End::Close(frame, last) => Some(Turn::Close(frame.clone(), *last)),
            End::GoingAway => Some(Turn::GoingAway),
            End::Cut => Some(Turn::Stop),
        }
    }

    /// Waits until everything queued so far is written.
    pub(super) async fn written(&self) {
        loop {
            let written = self.written.notified();
            if self.queue.lock().bytes == 0 {
                return;
            }
            written.await;
        }
    }
}

fn cost(message: &Message) -> usize {
    let bytes = match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) => bytes.len(),
        _ => 0,
    };
    bytes + MESSAGE_OVERHEAD_BYTES
}

/// Maximum number of recipients that the sender writes to by itself, which takes about 3 µs for each.
const DIRECT_MAX: usize = 4;
/// Number of sockets to write to before yielding, which takes about a millisecond.
const TURN_SOCKETS: usize = 256;

/// Messages that were queued for sockets and are to be written.
#[derive(Debug, Default)]
pub(super) struct MessageWriters {
    runtime: OnceLock<Handle>,
    /// One for each processor, so that a large audience is not written to by one alone.
    writers: OnceLock<Vec<Arc<MessageWriter>>>,
}

/// A task that runs while sockets wait for it.
#[derive(Debug, Default)]
struct MessageWriter(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// Each socket at most once.
    outboxes: Vec<Arc<Outbox>>,
    is_running: bool,
}

/// Sockets that the sender writes to once no lock is held.
#[derive(Debug, Default)]
pub(super) struct Direct(Vec<Arc<Outbox>>);

impl MessageWriters {
    /// Remembers the runtime of the server. Programs that embed it send from other threads.
    pub(super) fn enter(&self) {
        self.runtime.get_or_init(Handle::current);
    }

    /// Writes the queued messages of these recipients: when `direct` is dropped, or soon, in a task.
    pub(super) fn write(&self, recipients: &[&Arc<Outbox>], direct: &mut Direct) {
        if recipients.len() <= DIRECT_MAX {
            direct.0.extend(recipients.iter().map(|outbox| Arc::clone(outbox)));
            return;
        }
        let Some(runtime) = self.runtime.get() else { return };
        let writers = self.writers.get_or_init(|| {
            let count = available_parallelism().map_or(1, usize::from);
            (0..count).map(|_| Arc::default()).collect()
        });
        for (writer, part) in writers.iter().zip(recipients.chunks(recipients.len().div_ceil(writers.len())))
        {
            writer.add(part, runtime);
        }
    }
}

impl MessageWriter {
    fn add(self: &Arc<Self>, outboxes: &[&Arc<Outbox>], runtime: &Handle) {
        let mut waiting = self.0.lock();
        let new = outboxes.iter().filter(|outbox| outbox.enlist());
        waiting.outboxes.extend(new.map(|outbox| Arc::clone(outbox)));
        if !mem::replace(&mut waiting.is_running, true) {
            runtime.spawn(unconstrained(Arc::clone(self).run()));
        }
    }

    async fn run(self: Arc<Self>) {
        while let Some(outboxes) = self.take() {
            for (number, outbox) in outboxes.iter().enumerate() {
                if number % TURN_SOCKETS == 0 {
                    yield_now().await;
                }
                outbox.delist();
                // A panic while writing to one socket must not end the others.
                let _ = catch_unwind(AssertUnwindSafe(|| outbox.write()));
            }
        }
    }

    fn take(&self) -> Option<Vec<Arc<Outbox>>> {
        let mut waiting = self.0.lock();
        waiting.is_running = !waiting.outboxes.is_empty();
        waiting.is_running.then(|| mem::take(&mut waiting.outboxes))
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        for outbox in &self.0 {
            outbox.write();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_hardly_larger_than_a_message() {
        assert!(size_of::<Item>() <= size_of::<Message>() + 8, "{}", size_of::<Item>());
    }
}
