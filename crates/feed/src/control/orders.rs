//! Orders to a source, and their answers.

use std::time::Duration;

use livetape_core::{
    error::{Code, Problem, fitting},
    inject::{InjectRequest, Injected},
    offset::check_range,
    pace::Speed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::{ReplayState, Status};

/// An order to the running source, and the channel for its answer.
#[derive(Debug)]
pub enum Order {
    Replay(ReplayOrder, Answer<ReplayState>),
    /// Connect to this user, in place of the current one if this one is found.
    Connect(String, Answer<Status>),
    /// Connect to a room of a mock, if nothing else is connected or playing.
    ConnectMock(MockRoom, Answer<Status>),
    /// Follow a tab of the browser that this server knows, if nothing else is connected or playing.
    ConnectTab(TabRoom, Answer<Status>),
    Disconnect(String, Answer<Status>),
    Inject(InjectRequest, Answer<Injected>),
    /// Test whether this user can be connected to, without connecting.
    Test(String, Answer<Check>),
}

impl Order {
    pub fn refuse(self, refusal: impl Into<Refusal>) {
        let refusal = refusal.into();
        match self {
            Self::Replay(_, answer) => answer.refuse(refusal),
            Self::Connect(_, answer)
            | Self::Disconnect(_, answer)
            | Self::ConnectMock(_, answer)
            | Self::ConnectTab(_, answer) => answer.refuse(refusal),
            Self::Inject(_, answer) => answer.refuse(refusal),
            Self::Test(_, answer) => answer.refuse(refusal),
        }
    }
}

/// A room of a mock that runs in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MockRoom {
    pub user: String,
    /// URL of the mock.
    pub url: String,
}

/// A tab of a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TabRoom {
    /// User whose LIVE it shows; `None` for any.
    pub user: Option<String>,
    /// Number in the browser's list, from 1, whatever it shows.
    pub number: Option<usize>,
}

/// Sender for the answer to an order. The answer is dropped if nobody waits for it.
#[derive(Debug)]
pub struct Answer<T>(oneshot::Sender<Result<T, Refusal>>);

impl<T> Answer<T> {
    #[must_use]
    pub fn new() -> (Self, oneshot::Receiver<Result<T, Refusal>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Returns a sender whose answer nobody waits for.
    #[must_use]
    pub fn unheard() -> Self {
        Self::new().0
    }

    /// Whether nobody waits for the answer any more.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        self.0.is_closed()
    }

    pub fn accept(self, result: T) {
        self.send(Ok(result));
    }

    pub fn refuse(self, refusal: impl Into<Refusal>) {
        self.send(Err(refusal.into()));
    }

    pub fn send(self, result: Result<T, Refusal>) {
        drop(self.0.send(result));
    }
}

/// Why an order was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Refusal {
    pub problem: Problem,
    /// Whether livetape retries by itself.
    pub retrying: bool,
    /// Time until the retry, or until another request makes sense.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Returns the hint, as it applies.
    #[must_use]
    pub fn hint(&self) -> &str {
        fitting(&self.problem.hint, self.retrying, self.retry_after.is_some())
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        // Clients must not learn the paths of files.
        let problem = Problem { message: without_folders(&problem.message), ..problem };
        Self { problem, retrying: false, retry_after: None }
    }
}

/// Reduces each absolute path to its last part. URL paths of the server are in backticks and stay.
fn without_folders(text: &str) -> String {
    let last_part = |word: &'_ str| match word.rsplit_once('/') {
        Some((_, last)) if word.starts_with('/') && !last.is_empty() => last.to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(last_part).collect::<Vec<_>>().join(" ")
}

/// Response of `GET /test/{user}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Normalised user name.
    pub username: String,
    /// Whether the user exists; `null` if unknown.
    pub exists: Option<bool>,
    /// Whether the user is live now; `null` if unknown.
    pub live: Option<bool>,
    /// Room id.
    pub room_id: Option<String>,
    /// Whether connecting is likely to succeed now.
    pub can_connect: bool,
    /// Error code if the user cannot be connected to.
    pub code: Option<Code>,
    /// Explanation of the code.
    pub message: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Time until another request makes sense, in milliseconds, if it is known.
    pub retry_after_ms: Option<u64>,
}

#[must_use]
pub fn not_current(user: &str) -> Problem {
    let name = user.trim().trim_start_matches('@');
    Problem::new(Code::NotFound, format!("`{name}` is not the current user"))
        .hint("see GET /status for the current user")
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub enum ReplayOrder {
    Play,
    /// Pause: nothing is broadcast until `Play`, `Step` or `Seek`.
    Pause,
    /// Seek to an offset; starts a new generation.
    Seek(Duration),
    /// Seek to the start in the first generation again, as after a restart of the server.
    Restart,
    /// Seek to the point before an event of this generation; starts a new one.
    SeekEvent(u64),
    Speed(Speed),
    /// Pause, then broadcast this many more of these. If negative, seek back instead, so that this many fewer
    /// were broadcast, and broadcast the last of them again.
    Step(i32, Unit),
    Loop {
        /// Total number of laps, counting from now; `None` repeats without end.
        laps: Option<u32>,
        from: Duration,
        /// End of each lap; `None` for the end of the recording.
        to: Option<Duration>,
    },
    /// Load another recording by its name under `recordings/`, or `demo`; starts a new generation.
    Load(String),
}

/// Maximum number of frames or events of one order to step, in either direction.
pub const STEPS_MAX: i32 = 10_000;

/// What a step counts. Steps of events stop in the middle of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Frames that contain events.
    #[default]
    Frames,
    Events,
}

impl ReplayOrder {
    /// Checks what does not depend on the recording.
    ///
    /// # Errors
    /// `bad_request`
    pub(super) fn check(&self) -> Result<(), Problem> {
        let bad = |message: String| Err(Problem::new(Code::BadRequest, message));
        match *self {
            Self::Step(count, _) if count == 0 || !(-STEPS_MAX..=STEPS_MAX).contains(&count) => bad(format!(
                "`count`: {count} is not a number of steps from 1 to {STEPS_MAX}, or from -1 to -{STEPS_MAX} back"
            )),
            Self::Loop { laps: Some(0), .. } => {
                bad("`laps` must be at least 1; omit it to repeat until stopped".into())
            }
            Self::Loop { from, to, .. } => Ok(check_range(from, to)?),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_do_not_see_paths_of_files() {
        for (text, expected) in [
            ("cannot read /srv/ann/tapes/show.bin: no such file", "cannot read show.bin: no such file"),
            ("recordings/show.bin exists already", "recordings/show.bin exists already"),
            ("there is no `/ws/x`; GET / lists all", "there is no `/ws/x`; GET / lists all"),
        ] {
            assert_eq!(without_folders(text), expected);
        }
    }
}
