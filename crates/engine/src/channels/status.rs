//! Status of the connected room, derived from its items.

use std::time::Duration;

use livetape_core::{
    error::{Code, Problem},
    recording::{Item, What, records},
};
use livetape_feed::control::{Answer, Driver, Refusal, SourceState, Status, shutting_down};
use tracing::{info, warn};

use super::Leaving;
use crate::log_target::TOKENS;

/// Logs a line about a room. Those of tokens have their own target, because no terminal displays their
/// events. As guests, they log nothing: the main channel logs the same.
macro_rules! log {
    ($room:expr, $level:ident, $($line:tt)*) => {
        if !$room.is_of_token {
            $level!($($line)*);
        } else if $room.is_opener {
            $level!(target: TOKENS, $($line)*);
        }
    };
}

/// Status of the room, and the orders that wait for the first attempt.
pub(super) struct RoomStatus {
    user: String,
    is_of_token: bool,
    /// Whether failures are counted here: a room counts once, for the channel that opened it.
    is_opener: bool,
    was_connected: bool,
    /// Orders to connect that wait for the first attempt to succeed or fail.
    waiting: Vec<Answer<Status>>,
    /// Why the last attempt failed.
    refusal: Option<Refusal>,
}

impl RoomStatus {
    pub(super) fn new(
        driver: &Driver,
        user: &str,
        answer: Option<Answer<Status>>,
        is_opener: bool,
        is_of_token: bool,
    ) -> Self {
        let (user, waiting) = (user.to_owned(), answer.into_iter().collect());
        let room = Self { user, is_of_token, is_opener, was_connected: false, waiting, refusal: None };
        log!(room, info, "🔴 Connecting to TikTok Live: @{}", room.user);
        driver.update_status(|status| {
            let counts = std::mem::take(&mut status.counts);
            *status = Status {
                state: SourceState::Connecting,
                source: Some("live"),
                username: Some(room.user.clone()),
                counts,
                ..Status::default()
            };
        });
        room
    }

    /// Handles another order for the same user.
    pub(super) fn join(&mut self, driver: &Driver, answer: Answer<Status>) {
        match (driver.status().state, &self.refusal) {
            (SourceState::Connected, _) => answer.accept(driver.status()),
            (_, Some(refusal)) => answer.refuse(refusal.clone()),
            (_, None) => self.waiting.push(answer),
        }
    }

    /// Updates the status from an item.
    pub(super) fn note(&mut self, driver: &Driver, item: &Item) {
        match &item.what {
            What::ConnOpen(open) => self.note_open(driver, open),
            What::Status(status) => self.note_status(driver, status),
            What::ConnClose(close) => self.note_close(driver, close),
            _ => {}
        }
    }

    /// Ends the room and rejects waiting orders with `problem`, or because a later order ended it.
    pub(super) fn end(&mut self, driver: &Driver, problem: Option<Problem>, leaving: Option<&Leaving>) {
        driver.update_status(|status| match leaving {
            // The channel connects to this user again.
            Some(Leaving::ClaimLost(_)) => {
                (status.state, status.next_retry_ms) = (SourceState::Ended, None);
            }
            _ => status.end(),
        });
        log!(self, info, "🔔 TikTok Live client ended for @{}", self.user);
        let problem = match leaving {
            Some(Leaving::Replaced(other, ..)) => replaced_by(&self.user, other),
            Some(Leaving::Deleted(_)) => given_up(&self.user, "cancelled by a request to disconnect"),
            Some(Leaving::ShutDown) => shutting_down(),
            Some(Leaving::RecorderEnded | Leaving::ClaimLost(_)) | None => problem.unwrap_or_else(|| {
                let message = format!("the attempt to connect to `{}` ended without a connection", self.user);
                Problem::new(Code::ConnectionLost, message)
            }),
        };
        for answer in self.waiting.drain(..) {
            answer.refuse(problem.clone());
        }
    }

    fn note_open(&mut self, driver: &Driver, open: &records::ConnOpen) {
        self.refusal = None;
        log!(
            self,
            info,
            attempt = open.attempt,
            room = open.room_id,
            "✅ TikTok Live client started for @{}",
            self.user
        );
        if std::mem::replace(&mut self.was_connected, true) && self.is_opener {
            driver.update_upstream(|upstream| upstream.reconnects += 1);
        }
        driver.update_status(|status| {
            status.state = SourceState::Connected;
            status.room_id = Some(open.room_id.to_string());
            status.attempt = open.attempt;
            status.next_retry_ms = None;
        });
        for answer in self.waiting.drain(..) {
            answer.accept(driver.status());
        }
    }

    fn note_close(&self, driver: &Driver, close: &records::ConnClose) {
        let (code, will_retry) = (close.code, close.will_retry);
        log!(self, info, code, will_retry, "❌ Connection to @{} closed", self.user);
        driver.update_status(|status| match will_retry {
            true => status.state = SourceState::Retrying,
            false => status.end(),
        });
    }

    fn note_status(&mut self, driver: &Driver, failed: &records::Status) {
        driver.update_status(|status| {
            status.attempt = failed.attempt;
            match failed.retrying {
                true => (status.state, status.next_retry_ms) = (SourceState::Retrying, failed.retry_after_ms),
                false => status.end(),
            }
        });
        let code = Code::from_name(&failed.code).unwrap_or(Code::ConnectionLost);
        if self.is_opener {
            driver.update_upstream(|upstream| *upstream.failures.entry(code).or_default() += 1);
        }
        let (attempt, retrying, retry_after_ms) = (failed.attempt, failed.retrying, failed.retry_after_ms);
        let (name, why) = (code.name(), failed.detail.as_str());
        log!(
            self,
            warn,
            code = name,
            attempt,
            retrying,
            retry_after_ms,
            why,
            "❌ TikTok Live failed for @{}",
            self.user
        );
        let refusal = Refusal {
            problem: Problem::new(code, &failed.detail),
            retrying: failed.retrying,
            retry_after: failed.retry_after_ms.map(Duration::from_millis),
        };
        for answer in self.waiting.drain(..) {
            answer.refuse(refusal.clone());
        }
        self.refusal = Some(refusal);
    }
}

/// Builds the error for an order to connect `user` that a later order for `other` replaced.
pub(super) fn replaced_by(user: &str, other: &str) -> Problem {
    given_up(user, &format!("replaced by one to `{other}`"))
}

fn given_up(user: &str, why: &str) -> Problem {
    Problem::new(Code::RoomRunning, format!("the attempt to connect to `{user}` was {why}"))
        .hint(format!("connect again: POST /connect/{user}"))
}
