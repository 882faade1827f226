//! Connection attempts in a loop, until the room ends, retrying is pointless or the source is stopped.

mod connect;
mod talk;

use std::time::Duration;

use livetape_core::{
    error::{Code, close},
    recording::{
        Item, What,
        records::{ConnClose, Status},
    },
    retry::{Decision, Retry, SplitMix},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::talk::{End, Lost};
use super::{
    LiveOptions, Outcome, SharedTransport, WAIT_LIVE_MIN,
    failure::Failure,
    lookup::look_up,
    upstream::{Turn, Upstream},
};

/// Reason in the `disconnected` event when the room has ended.
pub(super) const STREAM_ENDED: &str = "stream_ended";

/// Drives the connection to one user's room.
pub(super) struct Driver {
    pub(super) options: LiveOptions,
    pub(super) upstream: Upstream,
    pub(super) retry: Retry,
    pub(super) random: SplitMix,
    /// TikTok's cookie, reused for reconnects.
    pub(super) cookie: Option<String>,
    pub(super) stop: CancellationToken,
    pub(super) out: mpsc::Sender<Vec<Item>>,
    was_connected: bool,
}

/// A failed attempt or a lost connection.
struct Failed {
    failure: Failure,
    healthy: Duration,
    close: Option<ConnClose>,
}

impl Driver {
    pub(super) fn new(
        options: LiveOptions,
        transport: SharedTransport,
        wall_anchor: Duration,
        out: mpsc::Sender<Vec<Item>>,
        stop: CancellationToken,
    ) -> Self {
        let mut random = SplitMix(options.seed);
        let retry = Retry::new(options.attempts_max, random.next_bits());
        let upstream = Upstream::new(&options, transport, wall_anchor);
        let was_connected = options.continues;
        Self { options, upstream, retry, random, cookie: None, stop, out, was_connected }
    }

    pub(super) async fn run(mut self) -> Outcome {
        let outcome = self.attempts().await;
        self.flush().await;
        outcome
    }

    async fn attempts(&mut self) -> Outcome {
        let (stop, limit) = (self.stop.clone(), self.options.limit.clone());
        loop {
            tokio::select! { biased;
                () = stop.cancelled() => return Outcome::Stopped,
                () = limit.passed() => {}
            }
            let failed = match self.attempt().await {
                Ok(outcome) => return outcome,
                Err(failed) => failed,
            };
            let due = match self.record_failure(failed) {
                Ok(due) => due,
                Err(failure) => return Outcome::Failed(failure.into()),
            };
            self.flush().await;
            tokio::select! { biased;
                () = stop.cancelled() => return Outcome::Stopped,
                () = tokio::time::sleep_until(self.upstream.at(due)) => {}
            }
        }
    }

    async fn attempt(&mut self) -> Result<Outcome, Failed> {
        let stop = self.stop.clone();
        if self.was_connected {
            self.upstream.turn = Turn::AtOnce;
        }
        let connected = tokio::select! { biased;
            () = stop.cancelled() => return Ok(Outcome::Stopped),
            connected = self.connect() => connected,
        };
        let link = match connected {
            Ok(link) => link,
            // The connection was lost because the room ended.
            Err(failure) if failure.code == Code::UserOffline && self.was_connected => {
                return Ok(Outcome::Ended(STREAM_ENDED));
            }
            Err(failure) => return Err(Failed { failure, healthy: Duration::ZERO, close: None }),
        };
        self.was_connected = true;
        match self.talk(link).await {
            End::Ended => Ok(Outcome::Ended(STREAM_ENDED)),
            End::Stopped => Ok(Outcome::Stopped),
            // TikTok also ends rooms with a plain close frame. Treat it as the end if a look-up confirms
            // that.
            End::Lost(lost) if lost.close.code == u32::from(close::NORMAL) && self.is_over().await => {
                self.note_close(lost.close);
                Ok(Outcome::Ended(STREAM_ENDED))
            }
            End::Lost(lost) => {
                let Lost { close, failure, healthy } = *lost;
                Err(Failed { failure, healthy, close: Some(close) })
            }
        }
    }

    /// Whether the user is no longer live.
    async fn is_over(&mut self) -> bool {
        let stop = self.stop.clone();
        let (user, cookie) = (self.options.username().unwrap_or_default(), self.options.session_cookie());
        let cookie = cookie.unwrap_or_default();
        self.upstream.turn = Turn::AtOnce;
        tokio::select! { biased;
            () = stop.cancelled() => false,
            found = look_up(&mut self.upstream, &user, &cookie) => found.is_ok_and(|room| !room.is_live()),
        }
    }

    /// Records the failure. Returns when the next attempt is due, or the failure if there is none.
    fn record_failure(&mut self, failed: Failed) -> Result<Duration, Failure> {
        let Failed { failure, healthy, close } = failed;
        let failure = Failure { detail: self.upstream.redact.text(&failure.detail), ..failure };
        let waits_for_live = self.options.wait_live.filter(|_| failure.code == Code::UserOffline);
        let verdict = match waits_for_live {
            Some(every) => Decision::Again(every.max(WAIT_LIVE_MIN)),
            None => self.retry.failed(failure.code, failure.wait, healthy),
        };
        let after = match verdict {
            // Another source may have met a pause.
            Decision::Again(after) => Some(after.max(self.options.limit.left())),
            Decision::Final(_) => None,
        };
        let is_open = close.is_some();
        if let Some(close) = close {
            self.note_close(ConnClose { will_retry: after.is_some(), ..close });
        }
        self.note_status(&failure, after);
        self.forget(failure.code);
        self.upstream.conn += u32::from(is_open);
        let Some(after) = after else {
            if failure.code == Code::UserNotFound {
                self.options.limit.remember(&self.options.user, failure.clone().into(), None);
            }
            return Err(failure);
        };
        if waits_for_live.is_none() {
            self.retry.start_next();
        }
        Ok(self.upstream.now() + after)
    }

    /// Records a closed connection. The reason is redacted, because servers may quote what they received.
    fn note_close(&mut self, mut close: ConnClose) {
        close.reason = self.upstream.redact.text(&close.reason);
        self.upstream.note(What::ConnClose(close));
    }

    /// Records a failure; `after` is the time until the next attempt, if one follows.
    pub(super) fn note_status(&mut self, failure: &Failure, after: Option<Duration>) {
        let wait = after.or(failure.wait);
        let status = Status {
            code: failure.code.name().to_owned(),
            attempt: self.retry.attempt(),
            retrying: after.is_some(),
            retry_after_ms: wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            detail: self.upstream.redact.text(&failure.detail),
        };
        self.upstream.note(What::Status(status));
    }

    /// Sends the recorded items and waits for the receiver. Stops the source if the receiver is gone.
    pub(super) async fn flush(&mut self) {
        if !self.upstream.held.is_empty() && self.out.send(self.upstream.held.take()).await.is_err() {
            self.stop.cancel();
        }
    }
}
