//! Sends events to a webhook: an HTTP POST for each event, in order, with the event's JSON as its body.
//!
//! The ring of the channel is the queue: a webhook that lags too far skips events, and receives the range of
//! the gap. It subscribes as an observer, so it never slows the feed. Of several processes that share a channel,
//! only the one that has a [`Posting`] sends requests.

use std::{
    future::{Future, ready},
    pin::pin,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{
    error::Code,
    retry::{Decision, Retry, SERVER_WAIT_MAX},
    secret::Secret,
};
use livetape_feed::{
    control::{Posting, WebhookState},
    hub::{Filter, Hub, Join, Next, OnGap, Reader, Since},
};
use livetape_io::clock;
use ring::hmac;
use serde::Deserialize;
use tokio::{
    select,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

const RESPONSE_TIME_MAX: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Options {
    pub filter: Filter,
    /// Key of the signatures; without one, requests are not signed.
    pub secret: Option<Secret>,
    /// Maximum number of attempts for each event.
    pub attempts_max: u32,
    /// Seed of the delays between attempts.
    pub seed: u64,
    /// Maximum time for the remaining events once the server shuts down.
    pub drain_max: Duration,
}

/// Sends a request, without following redirects.
pub trait Post: Send + Sync + 'static {
    /// POSTs `body`, with `signature` in a header. Fails with a description if no response arrives.
    fn post(
        &self,
        body: Bytes,
        signature: Option<String>,
    ) -> impl Future<Output = Result<Response, String>> + Send;
}

/// The relevant part of a response.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    pub status: u16,
    /// Delay that the server requests.
    pub retry_after: Option<Duration>,
}

/// Delivers the events of a channel that are this process's to deliver, until the channel closes, or `drain_max`
/// after `shutdown`. From either on, failures are retried for `drain_max` at most, and after `shutdown` a webhook
/// that cannot be reached gets one more request. Counts each event once, also those left at the end.
pub async fn deliver(
    hub: Hub,
    options: Options,
    post: impl Post,
    state: &WebhookState,
    shutdown: CancellationToken,
) {
    let key = options.secret.as_ref();
    let key = key.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()));
    let drain_max = options.drain_max;
    if !hub.is_relayed() {
        state.begin(hub.stream(), 0);
    }
    let sink = Sink {
        options,
        key,
        post,
        state,
        hub: &hub,
        shutdown: &shutdown,
        until: OnceLock::new(),
        read: AtomicU64::new(0),
        left: AtomicU64::new(0),
        is_down: AtomicBool::new(false),
        has_given_up: AtomicBool::new(false),
    };
    let is_late = select! {
        biased;
        () = sink.run() => false,
        () = too_late(&shutdown, drain_max) => true,
    };
    if is_late {
        // Counts what is left, without waiting for more.
        sink.has_given_up.store(true, Ordering::Relaxed);
        select! {
            biased;
            () = sink.run() => {}
            () = ready(()) => {}
        }
    }
    // A successor delivers them.
    if state.postings().borrow().is_some() {
        state.skipped.fetch_add(sink.left.into_inner(), Ordering::Relaxed);
    }
}

async fn too_late(shutdown: &CancellationToken, drain_max: Duration) {
    shutdown.cancelled().await;
    sleep_until(clock::now() + drain_max).await;
}

struct Sink<'a, P> {
    options: Options,
    key: Option<hmac::Key>,
    post: P,
    state: &'a WebhookState,
    hub: &'a Hub,
    shutdown: &'a CancellationToken,
    /// Time of the last attempt, once the channel closes or the server shuts down.
    until: OnceLock<Instant>,
    /// Number of the last event that was delivered, given up or left out.
    read: AtomicU64,
    /// Number of events that were left out at the end.
    left: AtomicU64,
    /// Whether the last request failed.
    is_down: AtomicBool,
    /// Whether no more requests are sent.
    has_given_up: AtomicBool,
}

/// The position of an event, or the range of a gap.
#[derive(Deserialize)]
struct Position {
    seq: Option<u64>,
    from: Option<u64>,
    to: Option<u64>,
}

/// What became of an event.
enum Fate {
    Delivered,
    /// Given up after the last attempt.
    Failed,
    /// Left out at the end.
    Skipped,
}

/// Result of an attempt that failed.
struct Failed {
    code: Code,
    /// Whether no response arrived.
    is_unreachable: bool,
    why: String,
    retry_after: Option<Duration>,
}

impl<P: Post> Sink<'_, P> {
    async fn run(&self) {
        let mut postings = self.state.postings();
        loop {
            let posting = postings.borrow_and_update().clone();
            let delivering = async {
                if let Some(posting) = &posting {
                    self.deliver(posting).await;
                }
                select! { biased;
                    () = self.shutdown.cancelled() => {}
                    () = self.closed() => {}
                }
            };
            select! { biased;
                // The successor sends the event of an unanswered request again.
                Ok(()) = postings.changed() => self.read.store(0, Ordering::Relaxed),
                () = delivering => return,
            }
        }
    }

    /// Delivers events until the stream ends.
    async fn deliver(&self, posting: &Posting) {
        self.read.fetch_max(posting.posted.load(Ordering::Relaxed), Ordering::Relaxed);
        let (mut batch, mut news) = (Vec::new(), self.hub.news());
        loop {
            let (stream, seq) = (posting.stream.to_string(), self.read.load(Ordering::Relaxed));
            let join = Join {
                since: Some(Since::After { stream, seq }),
                on_gap: OnGap::Skip,
                filter: self.options.filter,
                reader: Reader::Observer,
            };
            // Joining only fails if the stream has ended, because gaps are skipped.
            let Ok(mut subscriber) = self.hub.join(&join) else { return };
            loop {
                let head = self.hub.head();
                select! { biased;
                    next = subscriber.next(&mut batch) => match next {
                        Next::Events => self.all(posting, &batch).await,
                        Next::Slow => break,
                        Next::Closed(_) => return,
                    },
                    // It wants none of the events up to there.
                    () = ready(()) => {
                        self.has_read(posting, head);
                        news.wait().await;
                    }
                }
            }
        }
    }

    /// Nothing up to `seq` is left to deliver.
    fn has_read(&self, posting: &Posting, seq: u64) {
        self.read.store(seq, Ordering::Relaxed);
        if !self.has_given_up.load(Ordering::Relaxed) {
            posting.posted.store(seq, Ordering::Relaxed);
        }
    }

    async fn all(&self, posting: &Posting, batch: &[Bytes]) {
        for event in batch {
            let Ok(Position { seq, from, to }) = serde_json::from_slice(event) else { continue };
            let fate = self.event(event).await;
            if let (Some(from), Some(to)) = (from, to) {
                self.state.skipped.fetch_add(to + 1 - from, Ordering::Relaxed);
                error!(from, to, "🪝 Webhook fell behind and skipped events");
            } else {
                let state = self.state;
                let count = match fate {
                    Fate::Delivered => &state.delivered,
                    Fate::Failed => &state.failed,
                    Fate::Skipped => &self.left,
                };
                count.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(read) = seq.or(to) {
                self.has_read(posting, read);
            }
        }
    }

    async fn event(&self, body: &Bytes) -> Fate {
        let seed = self.options.seed ^ self.read.load(Ordering::Relaxed);
        let mut retry = Retry::new(self.options.attempts_max, seed);
        while !self.has_given_up.load(Ordering::Relaxed) {
            let is_last = self.shutdown.is_cancelled();
            let Err(failed) = self.attempt(body).await else {
                if self.is_down.swap(false, Ordering::Relaxed) {
                    info!("🪝 Webhook accepts events again");
                }
                return Fate::Delivered;
            };
            let verdict = retry.failed(failed.code, failed.retry_after, Duration::ZERO);
            self.report(&failed, verdict);
            if failed.is_unreachable && is_last {
                break;
            }
            match verdict {
                Decision::Again(delay) => self.wait(delay, failed.is_unreachable).await,
                Decision::Final(_) => return Fate::Failed,
            }
            retry.start_next();
        }
        self.has_given_up.store(true, Ordering::Relaxed);
        Fate::Skipped
    }

    /// Waits for the next attempt. Once the channel closes or the server shuts down, ends all attempts instead if
    /// the wait is longer than what is left of `drain_max`. Once the server shuts down, an unreachable webhook
    /// gets its attempt at once.
    async fn wait(&self, delay: Duration, is_unreachable: bool) {
        let due = clock::now() + delay;
        let hurries = async {
            self.shutdown.cancelled().await;
            if !is_unreachable {
                std::future::pending::<()>().await;
            }
        };
        let mut hurries = pin!(hurries);
        select! {
            biased;
            () = &mut hurries => return,
            () = self.shutdown.cancelled() => {}
            () = self.closed() => {}
            () = sleep_until(due) => return,
        }
        if due > *self.until.get_or_init(|| clock::now() + self.options.drain_max) {
            self.has_given_up.store(true, Ordering::Relaxed);
            return;
        }
        select! {
            biased;
            () = hurries => {}
            () = sleep_until(due) => {}
        }
    }

    /// Waits until the channel is closed.
    async fn closed(&self) {
        let mut news = self.hub.news();
        while self.hub.close_code().is_none() {
            news.wait().await;
        }
    }

    /// Logs the first failure of an outage at once, and failed events 1, 2, 4, 8, …, so that a dead webhook does
    /// not flood the log.
    fn report(&self, Failed { why, is_unreachable, .. }: &Failed, verdict: Decision) {
        let is_first = !self.is_down.swap(true, Ordering::Relaxed);
        let failed = self.state.failed.load(Ordering::Relaxed) + 1;
        match verdict {
            Decision::Again(_) if is_first && *is_unreachable => {
                error!(why, "🪝 Webhook cannot be reached: trying again");
            }
            Decision::Again(_) if is_first => error!(why, "🪝 Webhook rejected an event: trying again"),
            Decision::Final(_) if failed.is_power_of_two() => {
                error!(failed, why, "🪝 Webhook rejected an event or cannot be reached");
            }
            Decision::Again(_) | Decision::Final(_) => {}
        }
    }

    async fn attempt(&self, body: &Bytes) -> Result<(), Failed> {
        let lost =
            |why: String| Failed { code: Code::ConnectionLost, is_unreachable: true, why, retry_after: None };
        let signature = self.key.as_ref().map(|key| signature(key, body));
        let answer = timeout_at(clock::now() + RESPONSE_TIME_MAX, self.post.post(body.clone(), signature));
        let Response { status, retry_after } = match answer.await {
            Err(_) => return Err(lost(format!("no response within {} s", RESPONSE_TIME_MAX.as_secs()))),
            Ok(answer) => answer.map_err(lost)?,
        };
        let code = match status {
            200..=299 => return Ok(()),
            429 => Code::RateLimited,
            408 | 500..=599 => Code::ConnectionLost,
            // A redirect could lead anywhere, and the same request would be rejected again.
            _ => Code::BadRequest,
        };
        // `Retry` would give up this event if the server requests a longer wait, and the next event would be
        // sent at once.
        let retry_after = retry_after.map(|wait| wait.min(SERVER_WAIT_MAX));
        Err(Failed { code, is_unreachable: false, why: format!("status {status}"), retry_after })
    }
}

/// Returns `sha256=` and the HMAC-SHA256 of the body, in hex.
fn signature(key: &hmac::Key, body: &[u8]) -> String {
    let tag = hmac::sign(key, body);
    tag.as_ref().iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests;
