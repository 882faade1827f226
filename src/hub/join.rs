//! Becoming a subscriber: what is there already and what is to come, with no gap and no repeat between them.

use std::{collections::VecDeque, sync::Arc};

use super::{Filter, Hub, OnGap, Shared, Since, Subscriber, cursor::Cursor, line::Line, state::State};
use crate::{
    clock,
    sans_io::error::{Code, Problem},
};

/// How to join a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Join {
    /// Where to begin; `None`: with the state, then what is new.
    pub since: Option<Since>,
    /// What to do where `since` is gone from the backlog.
    pub on_gap: OnGap,
    /// Which events to get.
    pub filter: Filter,
    /// What it is here for.
    pub reader: Reader,
}

/// What a subscriber is here for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reader {
    /// To get every event: it counts, and is waited for where anybody is.
    #[default]
    Client,
    /// To look on (`observer=1`): it does not count, and is not waited for.
    Observer,
    /// The terminal of the server: not counted, but waited for like a client.
    Display,
}

/// Where a joiner begins.
struct Start {
    /// What it gets before anything from the ring.
    first: VecDeque<Line>,
    /// Behind which event it reads the ring.
    position: u64,
}

impl Hub {
    /// A subscriber. Nothing can come between its backlog and what is published from now on.
    ///
    /// # Errors
    /// `unknown_position` if `since` is of another stream, beyond the head, or gone from the backlog.
    pub fn join(&self, join: &Join) -> Result<Subscriber, Problem> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.write();
        let mut start = shared.start(&state, join)?;
        // The lag that is allowed counts from now. What may be evicted within that time is taken along.
        let floor = state.ring.floor(shared.limits.lag());
        let evictable = state.ring.after(start.position).take_while(|&(seq, _)| seq <= floor);
        start.first.extend(evictable.filter_map(|(_, entry)| entry.shown_to(&join.filter)).cloned());
        let read = start.position.max(floor);

        let cursor = Arc::new(Cursor::new(state.ring.head(), join, clock::now()));
        let id = state.add(Arc::clone(&cursor));
        drop(state);
        shared.came(join.reader);
        Ok(Subscriber::new(shared, cursor, id, join.filter, start.first, read))
    }
}

impl Shared {
    fn start(&self, state: &State, join: &Join) -> Result<Start, Problem> {
        match &join.since {
            None => Ok(Start::now(state, &join.filter)),
            Some(Since::Start) => Ok(Start::at(state.ring.tail())),
            Some(Since::After { stream, seq }) => self.resume(state, stream, *seq, join.on_gap),
        }
    }

    fn resume(&self, state: &State, stream: &str, seq: u64, on_gap: OnGap) -> Result<Start, Problem> {
        let unknown = |message: String| Err(Problem::new(Code::UnknownPosition, message));
        let (tail, head) = (state.ring.tail(), state.ring.head());
        if stream != &*self.stream {
            return unknown(format!("stream `{stream}` is not the current stream, `{}`", self.stream));
        }
        if seq > head {
            return unknown(format!("event {seq} is after the newest, {head}"));
        }
        match (seq < tail, on_gap) {
            (false, _) => Ok(Start::at(seq)),
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
    fn now(state: &State, filter: &Filter) -> Self {
        let standing = state.standing.iter().filter_map(|entry| entry.shown_to(filter));
        Self { first: standing.cloned().collect(), position: state.ring.head() }
    }

    fn at(position: u64) -> Self {
        Self { first: VecDeque::new(), position }
    }

    fn behind_gap(seq: u64, tail: u64) -> Self {
        let gap = format!(r#"{{"type":"gap","from":{},"to":{tail}}}"#, seq + 1);
        Self { first: [Line::new(gap.as_bytes())].into(), position: tail }
    }
}
