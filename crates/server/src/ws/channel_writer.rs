//! Writes events to sockets: one task for each channel, and another for each 1,024 further sockets, up to the
//! number of processors.
//!
//! With a task for each socket, every event would wake every task, which takes a quarter of the delivery
//! cost. A channel writer is woken once and writes to one socket after the other. If a socket does not accept
//! everything at once, its own task takes over and lends the subscriber back when it has caught up.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use livetape_feed::hub::{Hub, News, Subscriber};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    select,
    sync::Notify,
    task::{coop::unconstrained, yield_now},
};

use super::shared_sink::{Round, SharedSink, Wrote};

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
