//! Why an attempt failed.

use std::{fmt, time::Duration};

use livetape_core::{
    error::{Code, Problem, without_wait},
    retry_after,
};

use super::transport::{HttpResponse, Unreached};

/// Error messages in the wording of other clients, which users know.
pub(super) const RATE_LIMITED: &str = "[Rate Limited] Too many connections started, try again later";
pub(super) const NOT_FOUND: &str = "User not found or invalid";
pub(super) const OFFLINE: &str = "User is not currently live";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) detail: String,
    /// Time to wait, according to the server.
    pub(super) wait: Option<Duration>,
    /// Whether connecting without the sign server may succeed: it is unavailable or broken, but did not
    /// reject the request.
    pub(super) may_fall_back: bool,
}

impl Failure {
    pub(super) fn new(code: Code, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string(), wait: None, may_fall_back: false }
    }

    /// Too many requests, with the wait time from the response headers. `wall` is the time since the Unix
    /// epoch.
    pub(super) fn rate_limited(answer: &HttpResponse, wall: Duration) -> Self {
        let wait = answer.wait(wall);
        Self { wait, ..Self::new(Code::RateLimited, RATE_LIMITED) }
    }

    pub(super) fn may_fall_back(self) -> Self {
        Self { may_fall_back: true, ..self }
    }
}

impl HttpResponse {
    /// Time to wait, according to the server.
    pub(super) fn wait(&self, wall: Duration) -> Option<Duration> {
        retry_after::read(|name| self.header(name), wall)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code, problem.message)
    }
}

impl From<Unreached> for Failure {
    fn from(unreached: Unreached) -> Self {
        Self::new(unreached.code, unreached.why)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let Some(wait) = failure.wait else { return Self::new(failure.code, failure.detail) };
        let message = format!("{}; the server requires a wait of {}", failure.detail, length(wait));
        Self::new(failure.code, message).hint(without_wait(failure.code.hint()))
    }
}

/// Formats a duration for people, rounded up.
fn length(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1000);
    if seconds > 120 { format!("{} min", seconds.div_ceil(60)) } else { format!("{seconds} s") }
}
