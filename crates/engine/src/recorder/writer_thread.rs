//! The thread that writes a recording, and the bounded queue of items that wait for it. Adding an item never waits.

use std::{collections::VecDeque, io::BufWriter, sync::Arc, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    recording::{
        Error, Flags, Item, What, Writer,
        records::{ClockAnchor, End, Gap, Header, gap::Direction},
    },
};
use livetape_io::clock;
use parking_lot::{Condvar, Mutex};
use prost::Message;
use tokio::time::Instant;

use super::{
    Displaced, Files, Flush, Output, RecorderOptions, Rotate,
    files::{BUFFER_BYTES, FLUSH_EVERY, Parts},
};

/// Interval between checkpoint records, in stream time.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// Maximum size of what the recorder adds to an item, in bytes: record heads, a clock anchor, checkpoints,
/// the end.
const OVERHEAD_BYTES_MAX: u64 = 4 << 10;
/// [`Gap::reason`] of an item that exceeds the maximum size of a record.
const TOO_LARGE: &str = "larger than a record may be";
/// Interval between anchors, in stream time.
const ANCHOR_EVERY: Duration = Duration::from_secs(60);
/// Deviation of the wall clock from the stream at which an anchor is written immediately, in nanoseconds: the
/// clock was set, or the machine slept.
const JUMP_NS: u128 = 2_000_000_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of records, including those that the recorder added.
    pub records: u64,
    /// Total length of the files, in bytes.
    pub bytes: u64,
    pub gaps: u64,
    pub lost: u64,
    /// Offset of the last record.
    pub duration: Duration,
    /// Whether it reached its maximum length.
    pub is_full: bool,
}

/// What the writer did, and how it continues.
pub(super) enum Step {
    /// An entry of the queue was handled.
    Written,
    /// The queue is empty: wait for an entry, but at most this long.
    Idle(Option<Duration>),
    Ended,
}

type Target = BufWriter<Box<dyn Output>>;

/// Writes queued entries, and the records that the recorder adds.
pub(super) struct WriterThread {
    writer: Writer<Target>,
    /// State for the next part, if the recording is split.
    parts: Option<Parts>,
    files: Files,
    /// What happened to the name of the current file. It is then written to the end of the queue, and copied.
    displaced: Option<Displaced>,
    /// Offset at which the current part started.
    part_start: Duration,
    /// Number of records and bytes in the previous parts.
    before: (u64, u64),
    queue: Arc<Queue>,
    bytes_max: Option<u64>,
    flush: Flush,
    sync_every: Duration,
    anchors: Anchors,
    checkpoint_due: Duration,
    summary: Summary,
    /// Time of the first write that is not flushed yet.
    unflushed_since: Option<Instant>,
    flushed_bytes: u64,
    synced_bytes: u64,
    synced_at: Instant,
}

impl WriterThread {
    pub(super) fn new(
        writer: Writer<Target>,
        queue: Arc<Queue>,
        header: &Header,
        options: &RecorderOptions,
        (parts, files): (Option<Parts>, Files),
    ) -> Self {
        Self {
            writer,
            parts,
            files,
            displaced: None,
            part_start: Duration::ZERO,
            before: (0, 0),
            queue,
            bytes_max: options.bytes_max,
            flush: options.flush,
            sync_every: options.sync_every,
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
        self.conclude(name, result)
    }

    /// Returns the summary, or the error for users.
    pub(super) fn conclude(mut self, name: &str, result: Result<(), Error>) -> Result<Summary, Problem> {
        self.summary.records = self.before.0 + self.writer.counts().records;
        self.summary.bytes = self.before.1 + self.writer.bytes_written();
        self.summary.duration = self.last_offset();
        let result = result.map(|()| self.summary).map_err(|error| {
            self.queue.discard();
            // A failed disk cannot hide this.
            drop(self.check());
            self.discard_empty();
            let left = match self.before.1 + self.flushed_bytes {
                0 => "nothing was recorded",
                _ => "the part written so far can be replayed",
            };
            let message = format!("recording to {name} has stopped: {error}");
            let hint = "check that the disk is not full, and that no other program changes the file";
            Problem::new(error.code(), message).hint(format!("{hint}; {left}"))
        });
        let Some(displaced) = self.displaced else { return result };
        let rescued = self.writer.get_mut().get_mut().rescue(displaced);
        self.files.replace_last(rescued.path);
        let message = match result {
            Ok(_) => rescued.message,
            Err(problem) => format!("{}; {}", problem.message, rescued.message),
        };
        Err(Problem::new(Code::Io, message).hint("move or replace a recording only after it has ended"))
    }

    /// Removes the current file if it lacks its header. It would only be in the way of the next attempt.
    fn discard_empty(&mut self) {
        if self.flushed_bytes == 0
            && self.displaced.is_none()
            && self.writer.get_ref().get_ref().discard().is_ok()
        {
            self.files.replace_last(None);
        }
    }

    fn write_all(&mut self) -> Result<(), Error> {
        self.begin()?;
        loop {
            match self.step()? {
                Step::Written => {}
                Step::Idle(longest) => self.queue.wait(longest),
                Step::Ended => return Ok(()),
            }
        }
    }

    /// Flushes the header, so that the file is a valid recording from the start.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.flush()
    }

    /// Writes the next entry of the queue. If there is none, flushes and syncs if that is due.
    pub(super) fn step(&mut self) -> Result<Step, Error> {
        match self.queue.next() {
            Ok(Some(entry)) if self.is_full(&entry) => {
                self.end_full()?;
                self.check().map(|()| Step::Ended)
            }
            Ok(Some(entry)) => self.write(entry).map(|()| Step::Written),
            Ok(None) => self.idle().map(Step::Idle),
            Err(closed) => {
                self.close(closed)?;
                self.check().map(|()| Step::Ended)
            }
        }
    }

    fn write(&mut self, entry: Queued) -> Result<(), Error> {
        match entry {
            Queued::Gap(gap) => self.write_gap(gap)?,
            Queued::Item(item, wall) => {
                self.rotate_if_due(item.offset)?;
                self.write_due_records(item.offset, wall)?;
                match self.put(&item) {
                    Err(Error::TooLarge { bytes }) => self.write_gap(lost(&item, bytes, TOO_LARGE))?,
                    result => result?,
                }
                if let Some(parts) = &mut self.parts {
                    parts.snapshot.take(&item);
                }
            }
        }
        self.flush_if_due()?;
        self.sync_if_due()
    }

    /// Whether the entry would exceed the maximum length.
    fn is_full(&self, entry: &Queued) -> bool {
        let payload = match entry {
            Queued::Item(item, _) => payload_bytes(&item.what),
            Queued::Gap(_) => 0,
        };
        let longer = self.before.1 + self.writer.bytes_written() + payload as u64 + OVERHEAD_BYTES_MAX;
        self.bytes_max.is_some_and(|most| longer > most)
    }

    /// Seals the recording at its maximum length. Items after that do not count as lost, because the limit
    /// was requested.
    fn end_full(&mut self) -> Result<(), Error> {
        self.summary.is_full = true;
        self.queue.close(true);
        while let Ok(Some(_)) = self.queue.next() {}
        self.seal()
    }

    fn write_gap(&mut self, gap: Gap) -> Result<(), Error> {
        self.summary.gaps += 1;
        self.summary.lost += gap.records;
        self.add(Duration::from_nanos(gap.last_t_ns), What::Gap(gap))
    }

    /// Writes clock anchors and checkpoints when due. Ignores offsets that go back.
    fn write_due_records(&mut self, offset: Duration, wall: Option<Duration>) -> Result<(), Error> {
        if offset < self.last_offset() {
            return Ok(());
        }
        if let Some(wall_ns) = wall.and_then(|wall| self.anchors.due(offset, wall)) {
            self.add(offset, What::ClockAnchor(ClockAnchor { wall_ns }))?;
        }
        if offset >= self.checkpoint_due {
            self.checkpoint_due = offset.saturating_add(CHECKPOINT_EVERY);
            self.writer.checkpoint(offset.saturating_sub(self.part_start))?;
        }
        Ok(())
    }

    fn add(&mut self, offset: Duration, what: What) -> Result<(), Error> {
        self.put(&Item { offset, conn: 0, flags: Flags::default(), what })
    }

    /// Writes an item with its offset relative to the current part.
    fn put(&mut self, item: &Item) -> Result<(), Error> {
        if self.part_start.is_zero() {
            return self.writer.write(item);
        }
        let mut item = Item { offset: item.offset.saturating_sub(self.part_start), ..item.clone() };
        if let What::Gap(gap) = &mut item.what {
            let start_ns = u64::try_from(self.part_start.as_nanos()).unwrap_or(u64::MAX);
            gap.first_t_ns = gap.first_t_ns.saturating_sub(start_ns);
            gap.last_t_ns = gap.last_t_ns.saturating_sub(start_ns);
        }
        self.writer.write(&item)
    }

    /// Returns the offset of the last record, relative to the start of the stream.
    fn last_offset(&self) -> Duration {
        self.part_start.saturating_add(self.writer.last_offset())
    }

    /// Continues in the next file if the current one has reached its limit.
    fn rotate_if_due(&mut self, offset: Duration) -> Result<(), Error> {
        let Some(parts) = self.parts.as_ref().filter(|_| self.displaced.is_none()) else { return Ok(()) };
        let is_due = match parts.rotate {
            Rotate::Bytes(bytes) => self.writer.bytes_written() >= bytes,
            Rotate::Every(every) => offset >= self.part_start.saturating_add(every),
        };
        if !is_due {
            return Ok(());
        }
        self.check()?;
        let Some(parts) = self.parts.as_mut().filter(|_| self.displaced.is_none()) else { return Ok(()) };
        // The new part starts no earlier than the last record, even if the item is late.
        let start = offset.max(self.part_start.saturating_add(self.writer.last_offset()));
        let (file, header, openings) =
            parts.next(start).map_err(|problem| Error::Write(std::io::Error::other(problem.message)))?;
        let out: Box<dyn Output> = Box::new(file);
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        let writer = self.seal().and_then(|()| Writer::new(out, &header));
        let writer = writer.inspect_err(|_| self.parts.iter().for_each(Parts::take_back))?;
        let sealed = std::mem::replace(&mut self.writer, writer);
        self.before.0 += sealed.counts().records;
        self.before.1 += sealed.bytes_written();
        (self.part_start, self.flushed_bytes, self.synced_bytes) = (start, 0, 0);
        for opening in openings {
            self.writer.write(&opening)?;
        }
        self.flush()
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

    /// Flushes and syncs while the queue is empty. Returns the time until the next sync is due.
    fn idle(&mut self) -> Result<Option<Duration>, Error> {
        if self.unflushed_since.is_some() {
            self.flush()?;
        }
        self.sync_if_due()?;
        Ok(self.sync_due().map(|due| due.duration_since(clock::now())))
    }

    fn sync_if_due(&mut self) -> Result<(), Error> {
        if self.sync_due().is_none_or(|due| clock::now() < due) {
            return Ok(());
        }
        self.sync()?;
        self.check()
    }

    /// Returns when the next sync is due. Even if there is nothing to sync, the file may be taken away.
    fn sync_due(&self) -> Option<Instant> {
        let is_synced = self.writer.bytes_written() == self.synced_bytes;
        let every = if is_synced { self.sync_every.max(FLUSH_EVERY) } else { self.sync_every };
        self.synced_at.checked_add(every)
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.flush()?;
        if self.flushed_bytes > self.synced_bytes {
            self.writer.get_ref().get_ref().sync().map_err(Error::Write)?;
            self.synced_bytes = self.flushed_bytes;
        }
        self.synced_at = clock::now();
        Ok(())
    }

    /// Checks that the file is still under its name. If not, nothing more is recorded.
    fn check(&mut self) -> Result<(), Error> {
        let displaced = self.writer.get_ref().get_ref().check().map_err(Error::Write)?;
        if let Some(displaced) = displaced {
            self.displaced.get_or_insert(displaced);
            self.queue.close(true);
        }
        Ok(())
    }

    fn close(&mut self, closed: Closed) -> Result<(), Error> {
        if closed.seal { self.seal() } else { self.sync() }
    }

    /// Seals the file with an End record, and checks that nothing in it was overwritten.
    fn seal(&mut self) -> Result<(), Error> {
        let duration = self.writer.last_offset();
        let duration_ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let what = What::End(End { counts: Some(self.writer.counts()), duration_ns });
        self.writer.write(&Item { offset: duration, conn: 0, flags: Flags::default(), what })?;
        self.sync()?;
        self.writer.get_mut().get_mut().read_back().map_err(Error::Write)
    }
}

/// State of the last anchor.
#[derive(Debug)]
struct Anchors {
    /// Wall time of offset 0, in Unix nanoseconds; `None` if unknown.
    start_ns: Option<i64>,
    due: Duration,
}

impl Anchors {
    /// `start_ns` is the wall time of offset 0 from the header.
    fn new(start_ns: Option<i64>) -> Self {
        Self { start_ns, due: ANCHOR_EVERY }
    }

    /// Returns the wall time to record for `offset` in Unix nanoseconds, if an anchor is due.
    fn due(&mut self, offset: Duration, wall: Duration) -> Option<i64> {
        let wall_ns = nanoseconds(wall);
        let start_ns = wall_ns.saturating_sub(nanoseconds(offset));
        let jumped = self.start_ns.is_none_or(|before| u128::from(start_ns.abs_diff(before)) > JUMP_NS);
        if !jumped && offset < self.due {
            return None;
        }
        self.start_ns = Some(start_ns);
        self.due = offset.saturating_add(ANCHOR_EVERY);
        Some(wall_ns)
    }
}

/// Converts a time to nanoseconds as used in recordings; saturates in the year 2262.
pub(super) fn nanoseconds(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// [`Gap::reason`] of items that did not fit.
const REASON: &str = "the disk is too slow";

/// Items that wait for the disk, and the number of items that did not fit.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<Contents>,
    changed: Condvar,
    items_max: usize,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Contents {
    entries: VecDeque<Queued>,
    /// Payload of the queued items, in bytes.
    bytes: usize,
    /// Gap of the items dropped since the last entry.
    gap: Option<Gap>,
    lost: u64,
    closed: Option<Closed>,
}

#[derive(Debug)]
pub(super) enum Queued {
    /// An item, and the wall time at which it arrived.
    Item(Item, Option<Duration>),
    /// Items that were dropped at this point.
    Gap(Gap),
}

/// The queue accepts no more items.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    pub(super) seal: bool,
}

impl Queue {
    pub(super) fn new(options: &RecorderOptions) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            items_max: options.queue_items_max,
            bytes_max: options.queue_bytes_max,
        }
    }

    /// Adds an item or counts it as dropped. After an overflow, the queue must be half empty before it
    /// accepts items again, because one long gap is better than many short ones.
    pub(super) fn push(&self, item: Item, wall: Option<Duration>) {
        let bytes = payload_bytes(&item.what);
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return;
        }
        let share = if state.gap.is_some() { 2 } else { 1 };
        let fits = state.entries.len() < self.items_max.div_ceil(share)
            && state.bytes.saturating_add(bytes) <= self.bytes_max / share;
        if !fits && (!state.entries.is_empty() || bytes > self.bytes_max) {
            state.lost += 1;
            extend(&mut state.gap, &item, bytes);
        } else {
            let gap = state.gap.take();
            state.entries.extend(gap.map(Queued::Gap));
            state.bytes += bytes;
            state.entries.push_back(Queued::Item(item, wall));
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn next(&self) -> Result<Option<Queued>, Closed> {
        let mut state = self.state.lock();
        if let Some(entry) = state.entries.pop_front() {
            if let Queued::Item(item, _) = &entry {
                state.bytes -= payload_bytes(&item.what);
            }
            return Ok(Some(entry));
        }
        match (state.gap.take(), state.closed) {
            (Some(gap), _) => Ok(Some(Queued::Gap(gap))),
            (None, Some(closed)) => Err(closed),
            (None, None) => Ok(None),
        }
    }

    /// Waits until there is something to do, but at most `longest`.
    pub(super) fn wait(&self, longest: Option<Duration>) {
        let mut state = self.state.lock();
        if !state.entries.is_empty() || state.gap.is_some() || state.closed.is_some() {
            return;
        }
        match longest {
            Some(longest) => _ = self.changed.wait_for(&mut state, longest),
            None => self.changed.wait(&mut state),
        }
    }

    /// Closes the queue. Entries can still be taken. Only the first call counts.
    pub(super) fn close(&self, seal: bool) {
        self.state.lock().closed.get_or_insert(Closed { seal });
        self.changed.notify_one();
    }

    /// Closes the queue and discards its entries.
    pub(super) fn discard(&self) {
        let closed = Some(Closed { seal: false });
        let mut state = self.state.lock();
        // The items in gaps have been counted.
        let waiting = state.entries.iter().filter(|entry| matches!(entry, Queued::Item(..))).count();
        let lost = state.lost + waiting as u64;
        let forgotten = std::mem::replace(&mut *state, Contents { closed, lost, ..Contents::default() });
        drop(state);
        drop(forgotten);
    }

    /// Number of queued items, and their payload in bytes.
    pub(super) fn waiting(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.entries.len(), state.bytes)
    }

    pub(super) fn lost(&self) -> u64 {
        self.state.lock().lost
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed.is_some()
    }
}

/// Adds a dropped item to the gap.
fn extend(gap: &mut Option<Gap>, item: &Item, bytes: usize) {
    let lost = lost(item, bytes, REASON);
    match gap {
        None => *gap = Some(lost),
        Some(gap) => {
            if gap.direction != lost.direction {
                gap.direction = Direction::Unknown.into();
            }
            gap.first_t_ns = gap.first_t_ns.min(lost.first_t_ns);
            gap.last_t_ns = gap.last_t_ns.max(lost.last_t_ns);
            gap.records += 1;
            gap.bytes += lost.bytes;
        }
    }
}

/// Returns the gap for one item.
pub(super) fn lost(item: &Item, bytes: usize, reason: &str) -> Gap {
    let offset_ns = u64::try_from(item.offset.as_nanos()).unwrap_or(u64::MAX);
    let direction = if item.flags.is_sent() { Direction::Sent } else { Direction::Received };
    Gap {
        first_t_ns: offset_ns,
        last_t_ns: offset_ns,
        records: 1,
        bytes: bytes as u64,
        direction: direction.into(),
        reason: reason.to_owned(),
    }
}

pub(super) fn payload_bytes(what: &What) -> usize {
    match what {
        What::Frame(frame) => frame.bytes.len(),
        What::Other { payload, .. } => payload.len(),
        What::Header(message) => message.encoded_len(),
        What::ConnOpen(message) => message.encoded_len(),
        What::ConnClose(message) => message.encoded_len(),
        What::Http(message) => message.encoded_len(),
        What::Marker(message) => message.encoded_len(),
        What::ClockAnchor(message) => message.encoded_len(),
        What::Gap(message) => message.encoded_len(),
        What::Checkpoint(message) => message.encoded_len(),
        What::End(message) => message.encoded_len(),
        What::Status(message) => message.encoded_len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 1_700_000_000;

    #[test]
    fn anchors_are_due_once_a_minute_and_after_each_jump() {
        let mut anchors = Anchors::new(Some(nanoseconds(Duration::from_secs(DAY))));
        let mut due = |offset: u64, wall: u64| {
            let due = anchors.due(Duration::from_secs(offset), Duration::from_secs(DAY + wall));
            assert!(due.is_none_or(|due| due == nanoseconds(Duration::from_secs(DAY + wall))));
            due.is_some()
        };
        assert!(!due(0, 0) && !due(59, 61), "two seconds do not count as a jump");
        assert!(due(60, 60) && !due(61, 61) && due(120, 120));
        assert!(due(130, 133) && !due(131, 134), "the clock was set forward, or the machine slept");
        assert!(due(132, 10) && !due(133, 11), "the clock was set back");
        assert!(!due(191, 69) && due(192, 70));
    }
}
