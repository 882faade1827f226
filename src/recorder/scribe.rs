//! The thread that writes.

use std::{io::BufWriter, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Flush, Options, Output,
    anchors::Anchors,
    queue::{Closed, Entry, Queue, lost},
};
use crate::{
    clock,
    sans_io::{
        error::Problem,
        recording::{
            Error, Flags, Item, What, Writer,
            records::{ClockAnchor, End, Gap, Header},
        },
    },
};

/// How often the counts so far are written, in stream time.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// The [`Gap::reason`] of an item that is larger than a record may be.
const TOO_LARGE: &str = "larger than a record may be";

/// What became of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All records, also those that the recorder added.
    pub records: u64,
    /// The length of the file.
    pub bytes: u64,
    /// How often items were left out.
    pub gaps: u64,
    /// How many items were left out.
    pub lost: u64,
    /// The offset of the last record.
    pub duration: Duration,
}

/// Writes what is queued, and what a recording has beside it.
#[derive(Debug)]
pub(super) struct Scribe<O: Output> {
    writer: Writer<BufWriter<O>>,
    queue: Arc<Queue>,
    flush: Flush,
    sync_every: Option<Duration>,
    anchors: Anchors,
    checkpoint_due: Duration,
    summary: Summary,
    /// When the first byte was written that the system does not have yet.
    unflushed_since: Option<Instant>,
    flushed_bytes: u64,
    synced_bytes: u64,
    synced_at: Instant,
}

impl<O: Output> Scribe<O> {
    pub(super) fn new(
        writer: Writer<BufWriter<O>>,
        queue: Arc<Queue>,
        header: &Header,
        options: &Options,
    ) -> Self {
        Self {
            writer,
            queue,
            flush: options.flush,
            sync_every: options.sync,
            anchors: Anchors::new(header.wall_anchor_ns),
            checkpoint_due: CHECKPOINT_EVERY,
            summary: Summary::default(),
            unflushed_since: None,
            flushed_bytes: 0,
            synced_bytes: 0,
            synced_at: clock::now(),
        }
    }

    /// Writes until the queue is closed.
    pub(super) fn run(mut self, name: &str) -> Result<Summary, Problem> {
        let result = self.write_all();
        self.summary.records = self.writer.counts().records;
        self.summary.bytes = self.writer.bytes_written();
        self.summary.duration = self.writer.last_offset();
        result.map(|()| self.summary).map_err(|error| {
            self.queue.discard();
            let message = format!("recording to {name} has stopped: {error}");
            Problem::new(error.code(), message)
                .hint("what was written until then can be replayed; is the disk full?")
        })
    }

    fn write_all(&mut self) -> Result<(), Error> {
        // The beginning, so that the file is a recording at once.
        self.flush()?;
        loop {
            match self.queue.next() {
                Ok(Some(entry)) => self.write(entry)?,
                Ok(None) => self.rest()?,
                Err(closed) => return self.close(closed),
            }
        }
    }

    fn write(&mut self, entry: Entry) -> Result<(), Error> {
        match entry {
            Entry::Gap(gap) => self.write_gap(gap)?,
            Entry::Item(item, wall) => {
                self.write_what_is_due(item.offset, wall)?;
                match self.writer.write(&item) {
                    Err(Error::TooLarge { bytes }) => self.write_gap(lost(&item, bytes, TOO_LARGE))?,
                    result => result?,
                }
            }
        }
        self.flush_if_due()?;
        self.sync_if_due()
    }

    fn write_gap(&mut self, gap: Gap) -> Result<(), Error> {
        self.summary.gaps += 1;
        self.summary.lost += gap.records;
        self.add(Duration::from_nanos(gap.last_t_ns), What::Gap(gap))
    }

    /// Writes what stands in a recording now and then. An offset that goes back is not the time at which anything is due.
    fn write_what_is_due(&mut self, offset: Duration, wall: Option<Duration>) -> Result<(), Error> {
        if offset < self.writer.last_offset() {
            return Ok(());
        }
        if let Some(wall_ns) = wall.and_then(|wall| self.anchors.due(offset, wall)) {
            self.add(offset, What::ClockAnchor(ClockAnchor { wall_ns }))?;
        }
        if offset >= self.checkpoint_due {
            self.checkpoint_due = offset.saturating_add(CHECKPOINT_EVERY);
            self.writer.checkpoint(offset)?;
        }
        Ok(())
    }

    fn add(&mut self, offset: Duration, what: What) -> Result<(), Error> {
        self.writer.write(&Item { offset, conn: 0, flags: Flags::default(), what })
    }

    fn flush_if_due(&mut self) -> Result<(), Error> {
        let is_due = match self.flush {
            Flush::Each => true,
            Flush::Bytes(bytes) => self.writer.bytes_written() - self.flushed_bytes >= bytes,
            Flush::Every(longest) => {
                let now = clock::now();
                now.duration_since(*self.unflushed_since.get_or_insert(now)) >= longest
            }
        };
        if is_due { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush()?;
        self.flushed_bytes = self.writer.bytes_written();
        self.unflushed_since = None;
        Ok(())
    }

    /// Does what there is time for now, then waits.
    fn rest(&mut self) -> Result<(), Error> {
        if self.unflushed_since.is_some() {
            self.flush()?;
        }
        self.sync_if_due()?;
        self.queue.wait(self.sync_due().map(|due| due.duration_since(clock::now())));
        Ok(())
    }

    fn sync_if_due(&mut self) -> Result<(), Error> {
        if self.sync_due().is_some_and(|due| clock::now() >= due) { self.sync() } else { Ok(()) }
    }

    /// When the disk is to be told; `None` if it has everything or never is.
    fn sync_due(&self) -> Option<Instant> {
        let is_unsynced = self.writer.bytes_written() > self.synced_bytes;
        self.sync_every.filter(|_| is_unsynced).and_then(|every| self.synced_at.checked_add(every))
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.flush()?;
        self.writer.get_ref().get_ref().sync().map_err(Error::Write)?;
        self.synced_bytes = self.flushed_bytes;
        self.synced_at = clock::now();
        Ok(())
    }

    fn close(&mut self, closed: Closed) -> Result<(), Error> {
        if closed.seal {
            let duration = self.writer.last_offset();
            let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
            let counts = Some(self.writer.counts());
            self.add(duration, What::End(End { counts, duration_ns }))?;
        }
        if self.sync_every.is_some() { self.sync() } else { self.flush() }
    }
}
