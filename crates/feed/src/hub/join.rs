//! Joining a channel. Subscribers receive the backlog and all new events, without gaps or repeats in between.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use tokio::time::timeout;

use super::{Filter, Hub, OnGap, Shared, Since, Subscriber, cursor::Cursor, line::Line, state::ChannelState};

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

/// Maximum time for a process to read events of a shared channel that a client has already received from
/// another one.
const BEHIND_MAX: Duration = Duration::from_secs(5);

impl Hub {
    /// In a channel that several processes share, waits until this one has read the events before `since`.
    pub async fn reach(&self, since: Option<&Since>) {
        let Some(Since::After { stream, seq }) = since.filter(|_| self.is_relayed()) else { return };
        let mut news = self.shared.news.subscribe();
        let reached = async {
            while self.head() < *seq && *self.stream() == **stream && news.changed().await.is_ok() {}
        };
        drop(timeout(BEHIND_MAX, reached).await);
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
        Ok(Subscriber::new(shared, cursor, id, join.filter, start.first, read, noticed))
    }
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
            (true, OnGap::Skip) if !join.filter.format.has_gaps() => Ok(Start::at(tail)),
            (true, OnGap::Skip) => Ok(Start::behind_gap(seq, tail)),
            (true, OnGap::Close) => unknown(format!(
                "event {} is no longer in the backlog, which starts at {}",
                seq + 1,
                tail + 1
            )),
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
