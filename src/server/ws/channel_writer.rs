//! Who writes events to sockets: for each channel one task, or as many as there are processors where very many read it.
//!
//! A task for each socket would have to be woken for each event, which costs a quarter of a delivery. A writer is woken
//! once, and writes to one socket after the other what they have to get. A socket that does not take it at once is left
//! to its own task, and comes back when it has caught up.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use tokio::{
    select,
    sync::Notify,
    task::{coop::unconstrained, yield_now},
};

use super::shared_sink::{Found, Round, SharedSink};
use crate::{
    clock,
    hub::{Hub, News, Subscriber},
};

/// How many sockets a writer has before the channel gets another one.
const SOCKETS_PER_WRITER: usize = 1024;
/// How many sockets are written to before other tasks have a turn, after a millisecond or so. A turn costs as much as
/// two writes, where it wakes another thread.
const TURN_SOCKETS: usize = 256;
/// How many sockets that are gone a writer keeps before it looks for them, beside as many as it has.
const GONE_MAX: usize = 64;

/// The writers of all channels. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Writers(Arc<Mutex<Vec<Arc<Writer>>>>);

#[derive(Debug)]
struct Writer {
    hub: Hub,
    /// How many sockets it has; none when it is over. Changed with the list of writers locked.
    sockets: AtomicUsize,
    /// Those that came, and are not in its own list yet.
    arrived: Mutex<Vec<Slot>>,
    called: Notify,
}

/// A socket, and which of its slots this is: one that has gone on to another channel is not for this writer.
type Slot = (SharedSink, u64);

/// A socket's slot with a writer, until it is dropped.
pub(super) struct WriterSlot {
    writer: Arc<Writer>,
    writers: Writers,
}

impl Writers {
    /// Returns the slot where the socket is if that is with a writer of the channel that it reads, else another.
    pub(super) fn slot(&self, now: Option<WriterSlot>, feed: &Subscriber, sink: &SharedSink) -> WriterSlot {
        now.filter(|slot| feed.reads(&slot.writer.hub)).unwrap_or_else(|| self.enlist(feed, sink))
    }

    fn enlist(&self, feed: &Subscriber, sink: &SharedSink) -> WriterSlot {
        let mut writers = self.lock();
        let of_channel: Vec<_> = writers.iter().filter(|writer| feed.reads(&writer.hub)).collect();
        let has_room =
            |writer: &&Arc<Writer>| writer.count() < SOCKETS_PER_WRITER || of_channel.len() >= writers_max();
        let least = of_channel.iter().copied().min_by_key(|writer| writer.count());
        let known = least.filter(has_room).cloned();
        let is_new = known.is_none();
        let writer = known.unwrap_or_else(|| Arc::new(Writer::new(feed.hub())));
        writer.sockets.fetch_add(1, Ordering::Relaxed);
        writer.arrived().push((sink.clone(), sink.begin_slot()));
        writer.called.notify_one();
        if is_new {
            writers.push(Arc::clone(&writer));
            // From here on: what is published before the task first runs is news to it.
            let news = writer.hub.news();
            tokio::spawn(unconstrained(write(Arc::clone(&writer), news)));
        }
        drop(writers);
        WriterSlot { writer, writers: self.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Writer>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn writers_max() -> usize {
    available_parallelism().map_or(1, usize::from)
}

impl Drop for WriterSlot {
    fn drop(&mut self) {
        let mut writers = self.writers.lock();
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

    fn arrived(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what the channel has to everybody who has nothing else to do, until nobody is left.
async fn write(writer: Arc<Writer>, mut news: News) {
    let mut slots = Vec::new();
    let mut has_more = false;
    while writer.count() > 0 {
        slots.append(&mut mem::take(&mut *writer.arrived()));
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
        has_more = pass(&mut slots).await;
    }
}

/// Writes to one after the other. Says whether there may be more.
async fn pass(slots: &mut Vec<Slot>) -> bool {
    let mut round = Round::new();
    let mut at = 0;
    while at < slots.len() {
        let (sink, slot) = &slots[at];
        // What goes wrong with one socket is the end of that one.
        let found = catch_unwind(AssertUnwindSafe(|| sink.write(*slot, &mut round))).unwrap_or_else(|_| {
            sink.disconnect();
            Found::Gone
        });
        match found {
            Found::Gone => drop(slots.swap_remove(at)),
            Found::Written | Found::Nothing => at += 1,
        }
        if at % TURN_SOCKETS == 0 {
            yield_now().await;
            round.now = clock::now();
        }
    }
    round.batches.has_more()
}
