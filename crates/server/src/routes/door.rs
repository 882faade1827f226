//! What clients of the main channel get instead of the feed, if a case says so, and a record of their
//! attempts.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, OnceLock},
    time::Duration,
};

use livetape_cases::script::Answer;
use livetape_core::error::{Cause, Code, Problem};
use livetape_feed::{
    control::{self, Control},
    hub::{Join, Since},
};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::ws::registry::Sockets;

/// Maximum number of attempts that are remembered and counted.
const ATTEMPTS_MAX: usize = 1000;
/// Maximum number of user agents that are remembered, and maximum length of each, in characters.
const AGENTS_MAX: usize = 3;
const AGENT_CHARS_MAX: usize = 60;
/// Maximum number of kinds of other requests that are counted, and maximum length of what they name, in characters.
const STRAYS_MAX: usize = 32;
const STRAY_CHARS_MAX: usize = 100;
/// Reason of a close that a case orders.
pub(crate) const BY_CASE: &str = "case";
/// Close codes for what a client did: it broke the protocol or a limit, or fell behind.
const AT_FAULT: [u16; 6] = [1002, 1003, 1007, 1008, 1009, 4101];
/// Time between two looks at what clients have confirmed.
const LOOK: Duration = Duration::from_millis(2);

/// The entrance to the main channel. Clones share it. Observers pass.
#[derive(Clone, Debug, Default)]
pub struct Door {
    state: Arc<Mutex<DoorState>>,
    served: Arc<OnceLock<Served>>,
}

/// What there is once the server serves.
#[derive(Debug)]
struct Served {
    sockets: Sockets,
    control: Control,
    since: Instant,
}

#[derive(Debug, Default)]
struct DoorState {
    /// What the next attempts get.
    next: VecDeque<Answer>,
    /// What all others get; `None` for the feed.
    always: Option<Answer>,
    /// Whether positions are unknown.
    is_lost: bool,
    /// Whether an attempt was reset before the server served.
    was_reset: bool,
    attempts: Vec<Attempt>,
    /// Where the show stands while it waits for clients after a break, in milliseconds: the clock of a replay may be ahead.
    held_ms: Option<u64>,
    /// Number of rejected WebSockets that are still open.
    open: usize,
    /// What clients say in `User-Agent`, each once.
    agents: BTreeSet<String>,
    /// What else reached the server, with its number.
    strays: BTreeMap<Stray, u64>,
}

/// What reaches the server without an attempt to read the feed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stray {
    /// A TLS handshake on a port without TLS.
    Tls,
    /// A request for a host that is not allowed.
    Host(String),
    /// A request of an origin that is not allowed.
    Origin(String),
    /// A request that was answered with this status, or a WebSocket that was closed at once, and why; empty for others.
    Request { method: String, path: String, status: u16, why: String },
}

/// An attempt to connect.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    pub at: Instant,
    /// Offset of the replay in milliseconds.
    pub offset_ms: u64,
    /// Whether it got the feed.
    pub is_let_in: bool,
    /// Whether it asked for a position that is forgotten.
    pub is_lost: bool,
    /// Whether it is a WebSocket, which is told by a close code why it ends.
    pub is_socket: bool,
    /// Number of rejected WebSockets that were open then, with this one.
    pub open: usize,
    /// Whether it asked for finals that livetape infers.
    pub has_inferred: bool,
    /// Whether it is told the end: by a close code, or by `disconnected`.
    pub hears_end: bool,
}

impl Attempt {
    /// Says what happened, for timelines.
    #[must_use]
    pub fn text(&self) -> &'static str {
        if self.is_let_in { "a client connected" } else { "a client was turned away" }
    }
}

/// A rejected WebSocket that is open.
pub(crate) struct Rejecting(Arc<Mutex<DoorState>>);

impl Drop for Rejecting {
    fn drop(&mut self) {
        self.0.lock().open -= 1;
    }
}

/// Why an attempt does not get the feed.
pub(crate) enum Denied {
    /// It gets no WebSocket.
    Http(control::Refusal),
    /// Its WebSocket is closed, after an event `error` if it is told.
    Socket { problem: Problem, is_told: bool, rejecting: Option<Rejecting> },
}

impl Door {
    /// Sets what the next attempts get, and all others.
    pub fn deny(&self, next: impl IntoIterator<Item = Answer>, always: Option<Answer>) {
        let mut state = self.state.lock();
        (state.next, state.always) = (next.into_iter().collect(), always);
    }

    pub fn lose_positions(&self) {
        self.state.lock().is_lost = true;
    }

    /// Returns where the show stands, in milliseconds.
    pub(crate) fn offset_ms(&self) -> u64 {
        let replay = || self.served.get().and_then(|served| served.control.replay());
        let held = self.state.lock().held_ms;
        held.unwrap_or_else(|| replay().map_or(0, |replay| replay.offset_ms))
    }

    /// Sets where the show stands while it waits for clients.
    pub(crate) fn hold(&self, at: Option<Duration>) {
        self.state.lock().held_ms = at.map(|at| at.as_millis().try_into().unwrap_or(u64::MAX));
    }

    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.state.lock().attempts.clone()
    }

    /// Returns the number of attempts if none gets the feed.
    #[must_use]
    pub fn refused(&self) -> Option<usize> {
        let state = self.state.lock();
        state.always.map(|_| state.attempts.len())
    }

    /// Returns what clients say in `User-Agent`; empty for those that say nothing.
    #[must_use]
    pub fn agents(&self) -> Vec<String> {
        self.state.lock().agents.iter().cloned().collect()
    }

    /// Notes that an attempt was reset, which the server never sees.
    pub fn note_reset(&self) {
        self.state.lock().was_reset = true;
    }

    pub(crate) fn note_stray(&self, mut stray: Stray) {
        // A browser asks for it by itself.
        if matches!(&stray, Stray::Request { path, .. } if path == "/favicon.ico") {
            return;
        }
        if let Stray::Host(text) | Stray::Origin(text) | Stray::Request { path: text, .. } = &mut stray {
            *text = text.chars().take(STRAY_CHARS_MAX).filter(|char| !char.is_control()).collect();
        }
        let strays = &mut self.state.lock().strays;
        if strays.len() < STRAYS_MAX || strays.contains_key(&stray) {
            *strays.entry(stray).or_default() += 1;
        }
    }

    /// Returns what reached the server without an attempt to read the feed, the most frequent first.
    #[must_use]
    pub fn strays(&self) -> Vec<(Stray, u64)> {
        let mut strays = Vec::from_iter(self.state.lock().strays.clone());
        strays.sort_by_key(|(_, count)| Reverse(*count));
        strays
    }

    /// Returns how the server closed most of the last clients for what they did, other than the case: code, reason and
    /// number.
    #[must_use]
    pub fn closed(&self) -> Option<(u16, String, u64)> {
        let mut closed = BTreeMap::new();
        for left in self.served.get()?.sockets.left() {
            if left.by_server && AT_FAULT.contains(&left.code) && left.reason != BY_CASE {
                *closed.entry((left.code, left.reason)).or_default() += 1;
            }
        }
        let most = closed.into_iter().max_by_key(|(_, count)| *count);
        most.map(|((code, reason), count)| (code, reason, count))
    }

    #[must_use]
    pub fn was_reset(&self) -> bool {
        self.state.lock().was_reset
    }

    pub(crate) fn serves_since(&self) -> Option<Instant> {
        self.served.get().map(|served| served.since)
    }

    pub(crate) fn attach(&self, sockets: &Sockets, control: &Control) {
        let (sockets, control) = (sockets.clone(), control.clone());
        let _ = self.served.set(Served { sockets, control, since: clock::now() });
    }

    /// Waits until each socket that reads the feed has answered a ping.
    pub async fn answered(&self) {
        let Some(Served { sockets, .. }) = self.served.get() else { return };
        let number = sockets.ask();
        while !sockets.have_answered(number) {
            sleep_until(clock::now() + LOOK).await;
        }
    }

    /// Notes an attempt.
    ///
    /// # Errors
    /// If it does not get the feed.
    pub(crate) fn enter(&self, join: &Join, agent: &str, is_socket: bool) -> Result<(), Denied> {
        let offset_ms = self.offset_ms();
        let mut state = self.state.lock();
        if state.agents.len() < AGENTS_MAX {
            state.agents.insert(agent.chars().take(AGENT_CHARS_MAX).collect());
        }
        let always = state.always;
        let answer = state.next.pop_front().or(always);
        // The start of the backlog is never unknown.
        let is_lost = state.is_lost && matches!(join.since, Some(Since::After { .. }));
        if state.attempts.len() < ATTEMPTS_MAX {
            let is_let_in = answer.is_none() && !is_lost;
            let open = state.open + usize::from(is_socket && !is_let_in);
            let has_inferred = join.filter.has_inferred();
            let hears_end = is_socket || join.filter.has_end();
            let at = clock::now();
            state.attempts.push(Attempt {
                at,
                offset_ms,
                is_let_in,
                is_lost,
                is_socket,
                open,
                has_inferred,
                hears_end,
            });
        }
        let mut result = match answer {
            Some(answer) => Err(denied(answer)),
            None if is_lost => {
                let problem = Problem::new(Code::UnknownPosition, "the case forgets all positions");
                Err(Denied::Socket { problem, is_told: false, rejecting: None })
            }
            None => Ok(()),
        };
        if let (true, Err(Denied::Socket { rejecting, .. })) = (is_socket, &mut result) {
            state.open += 1;
            *rejecting = Some(Rejecting(Arc::clone(&self.state)));
        }
        result
    }
}

fn denied(answer: Answer) -> Denied {
    let socket = |code, message: &str, is_told| Denied::Socket {
        problem: Problem::new(code, message),
        is_told,
        rejecting: None,
    };
    match answer {
        Answer::Unauthorized => {
            Denied::Http(Problem::new(Code::Unauthorized, "the case refuses every token").into())
        }
        Answer::Busy(seconds) => {
            let problem = Problem::capacity(Cause::Subscribers, "the case says that the server is busy");
            let retry_after = Some(Duration::from_secs(seconds.into()));
            Denied::Http(control::Refusal { retry_after, ..problem.into() })
        }
        Answer::Closed => socket(Code::ConnectionLost, "the case closes this connection", false),
        Answer::Offline => socket(Code::UserOffline, "the case says that the user is offline", true),
        Answer::Wrong => socket(Code::InvalidUsername, "the case says that the request is wrong", true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_the_backlog_is_never_lost() {
        let door = Door::default();
        door.lose_positions();
        let enters = |since: Option<&str>| {
            let since = since.map(|since| since.parse::<Since>().unwrap());
            door.enter(&Join { since, ..Join::default() }, "", true).is_ok()
        };
        assert_eq!([Some("a:7"), Some("0"), None].map(enters), [false, true, true]);
    }

    #[test]
    fn attempts_are_refused_only_if_no_later_one_gets_the_feed() {
        let refused = |next: &[Answer], always| {
            let door = Door::default();
            door.deny(next.iter().copied(), always);
            (0..2).for_each(|_| drop(door.enter(&Join::default(), "", true)));
            door.refused()
        };
        assert_eq!(refused(&[], None), None);
        assert_eq!(refused(&[Answer::Closed], None), None);
        assert_eq!(refused(&[], Some(Answer::Offline)), Some(2));
    }

    #[test]
    fn other_requests_are_counted_by_kind_within_bounds() {
        let door = Door::default();
        let request =
            |path: String| Stray::Request { method: "GET".into(), path, status: 404, why: String::new() };
        (0..3).for_each(|_| door.note_stray(Stray::Tls));
        door.note_stray(Stray::Host(format!("a\n{}", "b".repeat(1_000))));
        (0..100).for_each(|number| door.note_stray(request(format!("/{number}"))));
        door.note_stray(Stray::Tls);
        let strays = door.strays();
        assert_eq!((strays.len(), &strays[0]), (STRAYS_MAX, &(Stray::Tls, 4)));
        let is_short =
            |stray: &Stray| matches!(stray, Stray::Host(host) if host.len() == STRAY_CHARS_MAX - 1);
        assert!(strays.iter().any(|(stray, _)| is_short(stray)), "{strays:?}");
    }

    #[test]
    fn rejected_sockets_are_counted_until_they_have_closed() {
        let door = Door::default();
        door.deny([], Some(Answer::Offline));
        let enter = |agent, is_socket| door.enter(&Join::default(), agent, is_socket).err();
        let two = [enter("node", true), enter("", true)];
        let request = enter("node", false);
        drop((two, request));
        let last = enter("node", true);
        let open = Vec::from_iter(door.attempts().iter().map(|attempt| attempt.open));
        assert_eq!((open, door.agents()), (vec![1, 2, 2, 1], vec![String::new(), "node".to_owned()]));
        drop(last);
    }
}
