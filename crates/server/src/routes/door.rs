//! What clients of the main channel get instead of the feed, if a case says so, and a record of their
//! attempts.

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
    time::Duration,
};

use livetape_cases::script::Answer;
use livetape_core::error::{Cause, Code, Problem};
use livetape_feed::{control, hub::Since};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::ws::registry::Sockets;

/// Maximum number of attempts that are remembered. Later ones are only counted.
const ATTEMPTS_MAX: usize = 1000;
/// Time between two looks at what clients have confirmed.
const LOOK: Duration = Duration::from_millis(2);

/// The entrance to the main channel. Clones share it. Observers pass.
#[derive(Clone, Debug, Default)]
pub struct Door {
    state: Arc<Mutex<DoorState>>,
    /// The sockets of the server, once it serves, and since when it does.
    sockets: Arc<OnceLock<(Sockets, Instant)>>,
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
}

/// An attempt to connect.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    pub at: Instant,
    /// Whether it got the feed.
    pub is_let_in: bool,
    /// Whether it asked for a position that is forgotten.
    pub is_lost: bool,
    /// Whether it is a WebSocket, which is told by a close code why it ends.
    pub is_socket: bool,
}

/// Why an attempt does not get the feed.
pub(crate) enum Denied {
    /// It gets no WebSocket.
    Http(control::Refusal),
    /// Its WebSocket is closed, after an event `error` if it is told.
    Socket { problem: Problem, is_told: bool },
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

    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        self.state.lock().attempts.clone()
    }

    /// Notes that an attempt was reset, which the server never sees.
    pub fn note_reset(&self) {
        self.state.lock().was_reset = true;
    }

    #[must_use]
    pub fn was_reset(&self) -> bool {
        self.state.lock().was_reset
    }

    pub(crate) fn serves_since(&self) -> Option<Instant> {
        self.sockets.get().map(|(_, since)| *since)
    }

    pub(crate) fn attach(&self, sockets: &Sockets) {
        let _ = self.sockets.set((sockets.clone(), clock::now()));
    }

    /// Waits until each socket that reads the feed has answered a ping.
    pub async fn answered(&self) {
        let Some((sockets, _)) = self.sockets.get() else { return };
        let number = sockets.ask();
        while !sockets.have_answered(number) {
            sleep_until(clock::now() + LOOK).await;
        }
    }

    /// Notes an attempt.
    ///
    /// # Errors
    /// If it does not get the feed.
    pub(crate) fn enter(&self, since: Option<&Since>, is_socket: bool) -> Result<(), Denied> {
        let mut state = self.state.lock();
        let always = state.always;
        let answer = state.next.pop_front().or(always);
        // The start of the backlog is never unknown.
        let is_lost = state.is_lost && matches!(since, Some(Since::After { .. }));
        if state.attempts.len() < ATTEMPTS_MAX {
            let is_let_in = answer.is_none() && !is_lost;
            state.attempts.push(Attempt { at: clock::now(), is_let_in, is_lost, is_socket });
        }
        match answer {
            Some(answer) => Err(denied(answer)),
            None if is_lost => {
                let problem = Problem::new(Code::UnknownPosition, "the case forgets all positions");
                Err(Denied::Socket { problem, is_told: false })
            }
            None => Ok(()),
        }
    }
}

fn denied(answer: Answer) -> Denied {
    let socket =
        |code, message: &str, is_told| Denied::Socket { problem: Problem::new(code, message), is_told };
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
            door.enter(since.as_ref(), true).is_ok()
        };
        assert_eq!([Some("a:7"), Some("0"), None].map(enters), [false, true, true]);
    }
}
