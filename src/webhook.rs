//! Sends events to a webhook: an HTTP POST for each event, in order, with the event's JSON as its body.
//!
//! The ring of the channel is the queue: a webhook that lags too far skips events, and receives the range of
//! the gap. It subscribes as an observer, so it never slows the feed.

use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use ring::hmac;
use serde::Deserialize;
use tokio::{
    select,
    time::{sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{
    clock,
    control::WebhookCounts,
    hub::{Filter, Hub, Join, Next, OnGap, Reader, Since},
    sans_io::{
        error::Code,
        retry::{Retry, SERVER_WAIT_MAX, Verdict},
    },
    secret::Secret,
};

/// Maximum time for a response.
const RESPONSE_TIME_MAX: Duration = Duration::from_secs(10);

/// How to deliver events.
#[derive(Debug)]
pub struct Options {
    /// Which events to deliver.
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
    /// HTTP status.
    pub status: u16,
    /// Delay that the server requests.
    pub retry_after: Option<Duration>,
}

/// Delivers the events of a channel until it closes, or `drain_max` after `shutdown`.
pub async fn deliver(
    hub: Hub,
    options: Options,
    post: impl Post,
    counts: &WebhookCounts,
    shutdown: CancellationToken,
) {
    let read = AtomicU64::new(0);
    let key = options.secret.as_ref();
    let key = key.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()));
    let drain_max = options.drain_max;
    let sink = Sink { options, key, post, counts, read: &read };
    select! {
        biased;
        () = sink.run(&hub) => {}
        () = too_late(&shutdown, drain_max) => {
            let left = hub.head().saturating_sub(read.load(Ordering::Relaxed));
            counts.skipped.fetch_add(left, Ordering::Relaxed);
        }
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
    counts: &'a WebhookCounts,
    /// Number of the last event that was delivered or given up.
    read: &'a AtomicU64,
}

/// The position of an event, or the range of a gap.
#[derive(Deserialize)]
struct Position {
    seq: Option<u64>,
    from: Option<u64>,
    to: Option<u64>,
}

/// Result of an attempt that failed.
struct Failed {
    code: Code,
    why: String,
    retry_after: Option<Duration>,
}

impl<P: Post> Sink<'_, P> {
    async fn run(&self, hub: &Hub) {
        let mut join = Join {
            since: Some(Since::Start),
            on_gap: OnGap::Skip,
            filter: self.options.filter,
            reader: Reader::Observer,
        };
        let mut batch = Vec::new();
        // Joining cannot fail, because the position is of this channel and gaps are skipped.
        while let Ok(mut subscriber) = hub.join(&join) {
            loop {
                match subscriber.next(&mut batch).await {
                    Next::Events => self.all(&batch).await,
                    Next::Slow => break,
                    Next::Closed(_) => return,
                }
            }
            let seq = self.read.load(Ordering::Relaxed);
            join.since = Some(Since::After { stream: hub.stream().to_string(), seq });
        }
    }

    async fn all(&self, batch: &[Bytes]) {
        for event in batch {
            let Ok(Position { seq, from, to }) = serde_json::from_slice(event) else { continue };
            let is_delivered = self.event(event).await;
            if let (Some(from), Some(to)) = (from, to) {
                self.counts.skipped.fetch_add(to + 1 - from, Ordering::Relaxed);
                error!(from, to, "🪝 Webhook fell behind and skipped events");
            } else if is_delivered {
                self.counts.delivered.fetch_add(1, Ordering::Relaxed);
            } else {
                self.counts.failed.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(read) = seq.or(to) {
                self.read.store(read, Ordering::Relaxed);
            }
        }
    }

    /// Delivers an event. Returns `false` after the last attempt.
    async fn event(&self, body: &Bytes) -> bool {
        let seed = self.options.seed ^ self.read.load(Ordering::Relaxed);
        let mut retry = Retry::new(self.options.attempts_max, seed);
        loop {
            let Err(Failed { code, why, retry_after }) = self.attempt(body).await else { return true };
            match retry.failed(code, retry_after, Duration::ZERO) {
                Verdict::Again(delay) => sleep_until(clock::now() + delay).await,
                Verdict::Final(_) => {
                    let failed = self.counts.failed.load(Ordering::Relaxed) + 1;
                    // Log the failures 1, 2, 4, 8, …, so that a dead webhook does not flood the log.
                    if failed.is_power_of_two() {
                        error!(failed, why, "🪝 Webhook rejected an event or cannot be reached");
                    }
                    return false;
                }
            }
            retry.start_next();
        }
    }

    async fn attempt(&self, body: &Bytes) -> Result<(), Failed> {
        let lost = |why: String| Failed { code: Code::ConnectionLost, why, retry_after: None };
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
        Err(Failed { code, why: format!("status {status}"), retry_after })
    }
}

/// Returns `sha256=` and the HMAC-SHA256 of the body, in hex.
fn signature(key: &hmac::Key, body: &[u8]) -> String {
    let tag = hmac::sign(key, body);
    tag.as_ref().iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests;
