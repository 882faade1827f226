//! A channel that several processes share. Events of this process are numbered and encoded, but wait here
//! until the others could have them, too: only then [`Hub::accept`] puts them into the ring, as it does with
//! events of other processes.

use std::{
    collections::VecDeque,
    slice,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{
    error::{Code, Problem},
    event::{Data, Event, Failure},
    truth::Added,
};
use parking_lot::Mutex;
use serde::de::IgnoredAny;
use tokio::{sync::Notify, time::timeout};
use tracing::warn;

use super::{
    CloseReason, Delivery, Hub, Limits, Since, Window,
    entry::{Audience, Encoder, Entry, Line, StateRole, View},
    ring::{ChannelState, Ring},
};

/// Bits of [`Encoding::audience`] beside those of [`Audience`].
const BEGINS: u32 = 1 << 16;
const ENDS: u32 = 1 << 17;
/// Maximum size of an event that several processes share, in bytes: it fits into a message of 1 MiB, together
/// with the description of its source.
pub const EVENT_BYTES_MAX: usize = 952 << 10;

/// Maximum time for a process to read all events that others have, before it says that it cannot.
const BEHIND_MAX: Duration = Duration::from_secs(5);

/// Events that wait for acceptance.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) name_here: Arc<str>,
    /// Capacity of the queue.
    window: Window,
    queue: Mutex<Queue>,
    /// Notified when the queue grows or shrinks, opens or closes, or events are accepted.
    changed: Notify,
    /// Number of clients so far with a position that this process did not know.
    sought: AtomicU64,
    /// How many of them came before this process last began to read all events that others have.
    answered: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    is_open: bool,
    /// Number of times that it was opened or closed.
    term: u64,
    /// Number of the last event that was ever put here.
    head: u64,
    /// Number of the last event that was accepted.
    accepted: u64,
    /// Number of marks that were ever put here.
    marked: u64,
    /// Texts of those that are not stored yet, or not known to be.
    marks: VecDeque<Arc<str>>,
    unpublished: VecDeque<Unpublished>,
    events: u64,
    bytes: u64,
    /// What had become of all that was put here when it was last closed.
    last: Settled,
}

/// What was put into a queue in a term, and how much of it was accepted.
#[derive(Clone, Copy, Debug, Default)]
struct Settled {
    term: u64,
    head: u64,
    accepted: u64,
    marked: u64,
    stored: u64,
}

/// Something that waits to be published by its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpublished {
    Event {
        encoding: Encoding,
        /// Whether it was injected, so that the source does not count it.
        injected: bool,
        /// A note to the other processes.
        note: Option<Arc<str>>,
    },
    /// What the events after it belong to.
    Mark(Mark),
}

/// Describes the source of the following events, for a process that has to continue it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub text: Arc<str>,
    /// The number of its events so far, if the source starts or starts over with the next event.
    pub passed: Option<u64>,
}

/// An event as other processes receive it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    pub json: Bytes,
    /// The JSON for subscribers that count gifts since the last final; empty if it is the same.
    pub json_of_final: Bytes,
    /// Which subscribers receive it: flags (four bytes, the lowest first), then the type.
    pub audience: Bytes,
}

impl Encoding {
    fn len(&self) -> usize {
        self.json.len() + self.json_of_final.len() + self.audience.len()
    }
}

/// Something is not an event of this channel with the expected number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

impl Relay {
    pub(super) fn new(name_here: String, limits: Limits) -> Self {
        let window = limits.at_least_workable().pace();
        Self {
            name_here: name_here.into(),
            window,
            queue: Mutex::default(),
            changed: Notify::new(),
            sought: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }

    /// Numbers and encodes a prefix of `events`, like a channel of one process. Discards them if this process
    /// may not publish.
    pub(super) fn stage(
        &self,
        encoder: &mut Encoder,
        events: &[Event],
        window: Window,
        mut delivery: Option<&mut Delivery>,
        state: &ChannelState,
    ) -> usize {
        let mut queue = self.queue.lock();
        if !queue.is_open {
            return events.len();
        }
        let entries = encoder.encode(&state.stream, queue.head, events, window);
        let unpublished = entries.len();
        for (entry, event) in entries.zip(events) {
            queue.push(&entry, event, &state.stream, None);
            if let Some(delivery) = delivery.as_deref_mut().filter(|_| event.injected) {
                delivery.note(queue.head, event, state.cursors());
            }
        }
        drop(queue);
        self.changed.notify_waiters();
        unpublished
    }

    fn stage_note(&self, encoder: &mut Encoder, event: &Event, note: Arc<str>, state: &ChannelState) {
        let mut queue = self.queue.lock();
        if queue.is_open {
            let window = Window { events: 1, bytes: EVENT_BYTES_MAX as u64 };
            let mut entries = encoder.encode(&state.stream, queue.head, slice::from_ref(event), window);
            if let Some(entry) = entries.next() {
                queue.push(&entry, event, &state.stream, Some(note));
            }
        }
        drop(queue);
        self.changed.notify_waiters();
    }

    async fn until(&self, is_wanted: impl Fn(&Queue) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if is_wanted(&self.queue.lock()) {
                return;
            }
            changed.await;
        }
    }
}

impl Queue {
    /// Returns what has become of all that was put here in `term`, if it is this one or the last one.
    fn settled(&self, term: u64) -> Option<Settled> {
        let Self { head, accepted, marked, last, .. } = *self;
        let stored = marked - self.marks.len() as u64;
        let now = Settled { term: self.term, head, accepted, marked, stored };
        [now, last].into_iter().find(|settled| settled.term == term)
    }

    fn push(&mut self, entry: &Entry, event: &Event, stream: &str, note: Option<Arc<str>>) {
        let mut encoding = entry.encoding(event.kind());
        if encoding.len() > EVENT_BYTES_MAX {
            encoding = too_large(event, encoding.len(), stream, self.head);
        }
        self.head += 1;
        self.events += 1;
        self.bytes += encoding.len() as u64;
        let injected = event.injected || note.is_some();
        self.unpublished.push_back(Unpublished::Event { encoding, injected, note });
    }
}

impl Hub {
    /// Whether several processes share the channel.
    #[must_use]
    pub fn is_relayed(&self) -> bool {
        self.shared.relay.is_some()
    }

    /// Lets this process publish, from the number after `head`.
    pub fn open_relay(&self, head: u64) {
        self.change_relay(|queue| {
            let (term, last) = (queue.term + 1, queue.last);
            *queue = Queue { is_open: true, term, head, accepted: head, last, ..Queue::default() };
        });
    }

    /// Discards everything that waits, and all that this process publishes from now on. Returns the number of
    /// events that waited.
    pub fn close_relay(&self) -> u64 {
        let mut lost = 0;
        self.change_relay(|queue| {
            let last = if queue.is_open { queue.settled(queue.term) } else { None }.unwrap_or(queue.last);
            let next = Queue { term: queue.term + 1, last, ..Queue::default() };
            lost = std::mem::replace(queue, next).events;
        });
        lost
    }

    /// Describes the source of the events that follow. Does nothing in a channel of one process.
    pub fn mark(&self, text: impl FnOnce() -> String, passed: Option<u64>) {
        self.change_relay(|queue| {
            if queue.is_open {
                let text: Arc<str> = text().into();
                queue.marked += 1;
                queue.marks.push_back(Arc::clone(&text));
                queue.unpublished.push_back(Unpublished::Mark(Mark { text, passed }));
            }
        });
    }

    /// Publishes an event that is not of the source, with something that the other processes have to know
    /// when they receive it. Does nothing in a channel of one process.
    pub fn publish_note(&self, event: &Event, note: Arc<str>) {
        if let Some(relay) = &self.shared.relay {
            let mut encoder = self.shared.encoder.lock();
            relay.stage_note(&mut encoder, event, note, &self.shared.state.read());
        }
    }

    /// Tells that the successor of this process would know this mark, which replaces those before it.
    pub fn mark_stored(&self, text: &Arc<str>) {
        self.change_relay(|queue| {
            let stored = queue.marks.iter().rposition(|mark| mark == text).map_or(0, |at| at + 1);
            queue.marks.drain(..stored);
        });
    }

    /// Waits until something can be published.
    pub async fn unpublished(&self) {
        let Some(relay) = &self.shared.relay else { return std::future::pending().await };
        relay.until(|queue| !queue.unpublished.is_empty()).await;
    }

    /// Whether something can be published.
    #[must_use]
    pub fn has_unpublished(&self) -> bool {
        self.shared.relay.as_ref().is_some_and(|relay| !relay.queue.lock().unpublished.is_empty())
    }

    /// Takes the oldest unpublished items: at most this many events and bytes, but at least one event.
    pub fn take_unpublished(&self, events_max: usize, bytes_max: usize) -> Vec<Unpublished> {
        let (mut taken, mut events, mut bytes) = (Vec::new(), 0, 0);
        self.change_relay(|queue| {
            while let Some(next) = queue.unpublished.front() {
                if let Unpublished::Event { encoding, .. } = next {
                    if events > 0 && (events == events_max || bytes + encoding.len() > bytes_max) {
                        break;
                    }
                    events += 1;
                    bytes += encoding.len();
                }
                taken.extend(queue.unpublished.pop_front());
            }
            queue.events -= events as u64;
            queue.bytes -= bytes as u64;
        });
        taken
    }

    /// Waits until little enough is unpublished for more. Returns at once in a channel of one process, and if this
    /// process may not publish.
    pub async fn relay_capacity(&self) {
        if let Some(relay) = &self.shared.relay {
            let Window { events, bytes } = relay.window;
            relay.until(|queue| !queue.is_open || (queue.events < events && queue.bytes < bytes)).await;
        }
    }

    /// Identifies the time in which this process may publish; `None` if it may not.
    #[must_use]
    pub fn relay_term(&self) -> Option<u64> {
        let Some(relay) = &self.shared.relay else { return Some(0) };
        let queue = relay.queue.lock();
        queue.is_open.then_some(queue.term)
    }

    /// Waits until everything that was put here in `term` until now was accepted, or the term has ended. Returns whether it was
    /// accepted.
    pub fn relay_settled(&self, term: u64) -> impl Future<Output = bool> {
        self.relay_has(term, |settled| settled.head, |settled| settled.accepted)
    }

    /// The same for the last mark, and all events before it.
    pub fn relay_marked(&self, term: u64) -> impl Future<Output = bool> {
        self.relay_has(term, |settled| settled.marked, |settled| settled.stored)
    }

    fn relay_has(
        &self,
        term: u64,
        wanted: fn(Settled) -> u64,
        reached: fn(Settled) -> u64,
    ) -> impl Future<Output = bool> {
        let relay = self.shared.relay.as_ref();
        let goal = relay.and_then(|relay| relay.queue.lock().settled(term).map(wanted));
        async move {
            let Some(relay) = relay else { return true };
            let has = |queue: &Queue| queue.settled(term).map(reached) >= goal;
            relay.until(|queue| queue.term != term || has(queue)).await;
            goal.is_some() && has(&relay.queue.lock())
        }
    }

    /// Waits until this process has read the events before `since`, or all that others have: only then it can say that
    /// nobody knows this position. Returns at once in a channel of one process.
    ///
    /// # Errors
    /// `cluster_unreachable` if it can read neither for long: the position may be valid.
    pub async fn reach(&self, since: Option<&Since>) -> Result<(), Problem> {
        let (Some(relay), Some(Since::After { stream, seq })) = (&self.shared.relay, since) else {
            return Ok(());
        };
        let mut news = self.shared.news.subscribe();
        let is_known = || {
            let state = self.shared.state.read();
            state.closed.is_some() || (*state.stream == **stream && *seq <= state.ring.head())
        };
        if is_known() {
            return Ok(());
        }
        let number = relay.sought.fetch_add(1, Ordering::SeqCst) + 1;
        let reached = async {
            while !is_known() && relay.answered.load(Ordering::SeqCst) < number {
                if news.changed().await.is_err() {
                    break;
                }
            }
        };
        timeout(BEHIND_MAX, reached).await.map_err(|_| {
            let message =
                "this node could not read the log of the cluster, so it does not know the position yet";
            Problem::new(Code::ClusterUnreachable, message).hint("try again, with the same position")
        })
    }

    /// Returns the number of clients so far that came with a position that this process did not know; `None` if
    /// none of them waits.
    #[must_use]
    pub fn sought(&self) -> Option<u64> {
        let relay = self.shared.relay.as_ref()?;
        let sought = relay.sought.load(Ordering::SeqCst);
        (relay.answered.load(Ordering::SeqCst) < sought).then_some(sought)
    }

    /// Tells these clients that this process has read all events that others had when they came.
    pub fn answer_sought(&self, sought: u64) {
        if let Some(relay) = &self.shared.relay {
            relay.answered.fetch_max(sought, Ordering::SeqCst);
            self.shared.news.send_replace(());
        }
    }

    /// Adds events of this or another process: `first` is the number of the first. Numbers that the channel
    /// has are left out; if numbers are missing before, it forgets its backlog and continues after them.
    ///
    /// # Errors
    /// If these are not events of this channel with these numbers. Then nothing is added.
    pub fn accept(&self, first: u64, events: &[Encoding]) -> Result<(), Unfit> {
        let (stream, head) = (self.stream(), self.head());
        let known = usize::try_from((head + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let numbered = (first..).zip(events).skip(known);
        let decoded = numbered.map(|(seq, event)| Entry::read(event, &stream, seq));
        let entries: Vec<Entry> = decoded.collect::<Result<_, _>>()?;
        if entries.is_empty() {
            return Ok(());
        }
        let mut state = self.shared.state.write();
        if state.closed.is_some() {
            return Ok(());
        }
        if first > head + 1 {
            state.ring.skip_to(first - 1);
        }
        entries.into_iter().for_each(|entry| state.push(entry));
        let head = state.ring.head();
        let floor = state.ring.floor(self.shared.limits.lag()).max(state.ring.tail());
        let dropped = state.drop_below(floor, |_| true);
        drop(state);
        self.shared.fell_behind(&dropped);
        self.shared.news.send_replace(());
        self.change_relay(|queue| queue.accepted = queue.accepted.max(head));
        Ok(())
    }

    /// Starts another stream after event `head`: forgets all events, and disconnects all subscribers with
    /// `reason`.
    pub fn restart(&self, stream: &str, head: u64, reason: &CloseReason) {
        let mut state = self.shared.state.write();
        let dismissed = state.dismiss(reason, |_| true);
        state.stream = stream.into();
        state.ring = Ring::new(self.shared.limits);
        state.ring.skip_to(head);
        state.current.clear();
        drop(state);
        self.shared.remove_present(&dismissed);
        self.shared.news.send_replace(());
    }

    /// Sends a message that is not an event to all subscribers that receive events of type `kind`, and to
    /// those that join until [`Hub::end_notice`]. They receive it before events that they have not read yet.
    pub fn notice(&self, kind: &str, json: &[u8]) {
        let mut state = self.shared.state.write();
        state.notice = Some(Entry::of_notice(json, Audience::of_notice(kind)));
        self.shared.notices.fetch_add(1, Ordering::SeqCst);
        drop(state);
        self.shared.news.send_replace(());
    }

    /// No longer sends the last notice to new subscribers.
    pub fn end_notice(&self) {
        self.shared.state.write().notice = None;
    }

    /// Returns the JSON of the events that describe the current state, followed by the backlog.
    #[must_use]
    pub fn backlog(&self) -> Vec<Bytes> {
        let state = self.shared.state.read();
        let entries = state.ring.after(state.ring.tail()).map(|(_, entry)| entry);
        state.current.iter().chain(entries).map(|entry| entry.line.view(View::Json)).collect()
    }

    fn change_relay(&self, change: impl FnOnce(&mut Queue)) {
        if let Some(relay) = &self.shared.relay {
            change(&mut relay.queue.lock());
            relay.changed.notify_waiters();
        }
    }
}

impl Entry {
    fn encoding(&self, kind: &str) -> Encoding {
        let role = match self.state_role {
            StateRole::Begins => BEGINS,
            StateRole::Ends => ENDS,
            StateRole::Passes => 0,
        };
        let flags = self.audience.bits() | role;
        Encoding {
            json: self.line.view(View::Json),
            json_of_final: self.line_of_final.as_ref().map(|line| line.view(View::Json)).unwrap_or_default(),
            audience: [&flags.to_le_bytes(), kind.as_bytes()].concat().into(),
        }
    }

    fn read(event: &Encoding, stream: &str, seq: u64) -> Result<Self, Unfit> {
        let (flags, kind) = event.audience.split_first_chunk().ok_or(Unfit)?;
        let (flags, kind) = (u32::from_le_bytes(*flags), str::from_utf8(kind).map_err(|_| Unfit)?);
        let end = format!(r#","stream":"{stream}","seq":{seq}}}"#);
        let line = |json: &Bytes| {
            let is_json = serde_json::from_slice::<IgnoredAny>(json).is_ok();
            (is_json && json.ends_with(end.as_bytes())).then(|| Line::new(json)).ok_or(Unfit)
        };
        let of_final = Some(&event.json_of_final).filter(|json| !json.is_empty());
        Ok(Self {
            line: line(&event.json)?,
            line_of_final: of_final.map(line).transpose()?,
            audience: Audience::from_bits(kind, flags),
            state_role: match (flags & BEGINS != 0, flags & ENDS != 0) {
                (true, _) => StateRole::Begins,
                (false, true) => StateRole::Ends,
                (false, false) => StateRole::Passes,
            },
            added: Added::default(),
        })
    }
}

/// Returns an event in the place of one that is too large, so that every reader learns that it is missing.
fn too_large(event: &Event, bytes: usize, stream: &str, head: u64) -> Encoding {
    let (code, kind) = (Code::TooLarge, event.kind());
    warn!(code = code.name(), kind, bytes, "❌ Skipped an event that is too large for a shared channel");
    let message = format!(
        "an event of type `{kind}` is missing: it has {bytes} bytes, and the maximum in a shared channel is {EVENT_BYTES_MAX}"
    );
    let problem =
        Problem::new(code, message).hint("a process that shares no channel receives such events, too");
    // The feed continues.
    let failure = Failure { retrying: true, ..Failure::from(&problem) };
    // Its id and origin count for the successor.
    let event = Event {
        username: Arc::clone(&event.username),
        user: None,
        id: event.id.clone(),
        data: Data::Failure(failure),
        ..*event
    };
    let mut encoder = Encoder::default();
    let window = Window { events: 1, bytes: EVENT_BYTES_MAX as u64 };
    let entry = encoder.encode(stream, head, slice::from_ref(&event), window).next();
    entry.map(|entry| entry.encoding(event.kind())).unwrap_or_default()
}
