//! Writes messages to many sockets: with a wake-up of each socket's task, a broadcast would cost twice as
//! much.
//!
//! The sender writes a message for a few sockets by itself. A socket that does not accept everything at once
//! is left to its own task.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    thread::available_parallelism,
};

use parking_lot::Mutex;
use tokio::{
    runtime::Handle,
    task::{coop::unconstrained, yield_now},
};

use super::outbox::Outbox;

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
