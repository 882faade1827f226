//! What a source can be told to do, and how it answers.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::oneshot;

use super::{ReplayState, Status};
use crate::sans_io::{
    error::{Code, Problem},
    inject::{InjectRequest, Injected},
    pace::Speed,
};

/// An order to whatever runs, and where its answer goes.
#[derive(Debug)]
pub enum Order {
    /// To the replay.
    Replay(ReplayOrder, Answer<ReplayState>),
    /// Connect this user; whoever was connected before is disconnected first.
    Connect(String, Answer<Status>),
    /// Disconnect this user.
    Disconnect(String, Answer<Status>),
    /// Broadcast what TikTok did not send.
    Inject(InjectRequest, Answer<Injected>),
    /// Say whether this user could be connected, without connecting.
    Test(String, Answer<Check>),
}

impl Order {
    /// Says no, whatever was asked.
    pub fn refuse(self, refusal: impl Into<Refusal>) {
        let refusal = refusal.into();
        match self {
            Self::Replay(_, answer) => answer.refuse(refusal),
            Self::Connect(_, answer) | Self::Disconnect(_, answer) => answer.refuse(refusal),
            Self::Inject(_, answer) => answer.refuse(refusal),
            Self::Test(_, answer) => answer.refuse(refusal),
        }
    }
}

/// Where the answer to an order goes. If nobody waits for it any more, it is dropped.
#[derive(Debug)]
pub struct Answer<T>(oneshot::Sender<Result<T, Refusal>>);

impl<T> Answer<T> {
    /// With the receiver of the answer.
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<T, Refusal>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// The order was obeyed.
    pub fn accept(self, result: T) {
        self.send(Ok(result));
    }

    /// The order was rejected.
    pub fn refuse(self, refusal: impl Into<Refusal>) {
        self.send(Err(refusal.into()));
    }

    /// One or the other.
    pub fn send(self, result: Result<T, Refusal>) {
        drop(self.0.send(result));
    }
}

/// Why an order was not obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What happened.
    pub problem: Problem,
    /// Whether it is tried again without being asked.
    pub retrying: bool,
    /// When that will be, or when asking again makes sense.
    pub retry_after: Option<Duration>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        // Clients have no business with where files are.
        let problem = Problem { message: without_folders(&problem.message), ..problem };
        Self { problem, retrying: false, retry_after: None }
    }
}

/// The text with the last part alone of each absolute path. Addresses of the server stand between backticks.
fn without_folders(text: &str) -> String {
    let last_part = |word: &'_ str| match word.rsplit_once('/') {
        Some((_, last)) if word.starts_with('/') && !last.is_empty() => last.to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(last_part).collect::<Vec<_>>().join(" ")
}

/// The answer of `GET /test/{user}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The user's name, as it is used.
    pub username: String,
    /// Whether there is such a user; `null` where that could not be learnt.
    pub exists: Option<bool>,
    /// Whether the user is live now; `null` where that could not be learnt.
    pub live: Option<bool>,
    /// The room.
    pub room_id: Option<String>,
    /// Whether connecting makes sense now.
    pub can_connect: bool,
    /// Why not.
    pub code: Option<Code>,
    /// Why not, in words.
    pub message: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// The answer to orders about a user who is not the current one.
#[must_use]
pub fn not_current(user: &str) -> Problem {
    let name = user.trim().trim_start_matches('@');
    Problem::new(Code::NotFound, format!("`{name}` is not the current user")).hint("GET /status says who is")
}

/// An order to a replay.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayOrder {
    /// Go on.
    Play,
    /// Stand still; nothing is broadcast until `Play`, `Step` or `Seek`.
    Pause,
    /// Go to an offset; a new generation starts.
    Seek(Duration),
    /// Change the speed.
    Speed(Speed),
    /// While paused: broadcast the next frames that hold something, so many of them, and stand still again.
    Step(u32),
    /// Play the range again and again: `laps` times in all, or for ever.
    Loop {
        /// Laps in all, counting from now; `None` for ever.
        laps: Option<u32>,
        /// Where each lap begins.
        from: Duration,
        /// Where each lap ends; `None` at the end of the recording.
        to: Option<Duration>,
    },
    /// Play another recording, by its name under `recordings/` or `demo`; a new generation starts.
    Load(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_do_not_learn_where_files_are() {
        for (text, expected) in [
            ("cannot read /srv/ann/tapes/show.bin: no such file", "cannot read show.bin: no such file"),
            ("recordings/show.bin exists already", "recordings/show.bin exists already"),
            ("there is no `/ws/x`; GET / lists all", "there is no `/ws/x`; GET / lists all"),
        ] {
            assert_eq!(without_folders(text), expected);
        }
    }
}
