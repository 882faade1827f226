//! The feed for JavaScript in the same process.

use std::sync::Arc;

use livetape_core::error::{Code, Problem};
use livetape_feed::hub::{Next, Subscriber};
use napi::{Env, bindgen_prelude::PromiseRaw};
use napi_derive::napi;
use tokio::{select, sync::Mutex};
use tokio_util::sync::CancellationToken;

use crate::error::OrError as _;

/// A subscriber of the feed. Node can drop it while a call is pending, so each call has its own reference to
/// `Feed`.
#[napi]
pub struct NativeFeed {
    feed: Arc<Feed>,
}

struct Feed {
    subscriber: Mutex<Option<Subscriber>>,
    closed: CancellationToken,
    /// Whether the app has closed.
    ended: CancellationToken,
}

impl NativeFeed {
    pub(crate) fn new(subscriber: Subscriber, ended: CancellationToken) -> Self {
        let subscriber = Mutex::new(Some(subscriber));
        Self { feed: Arc::new(Feed { subscriber, closed: CancellationToken::new(), ended }) }
    }
}

#[napi]
impl NativeFeed {
    /// Waits for events, and returns the JSON of each; `null` after the last.
    #[napi]
    pub fn next<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, Option<Vec<String>>>> {
        let feed = Arc::clone(&self.feed);
        env.spawn_future(async move { feed.next().await.or_error() })
    }

    /// Unsubscribes, and ends a call that waits.
    #[napi]
    pub fn close(&self) {
        self.feed.close();
    }
}

impl Drop for NativeFeed {
    fn drop(&mut self) {
        self.feed.close();
    }
}

impl Feed {
    async fn next(&self) -> Result<Option<Vec<String>>, Problem> {
        let mut place = self.subscriber.lock().await;
        let Some(subscriber) = place.as_mut() else { return Ok(None) };
        let mut events = Vec::new();
        let next = select! {
            biased;
            () = self.closed.cancelled() => None,
            next = subscriber.next(&mut events) => Some(next),
            // An app that never listened has no source that would end the feed.
            () = self.ended.cancelled() => None,
        };
        match next {
            Some(Next::Events) => {
                let texts = events.iter().map(|json| String::from_utf8_lossy(json).into_owned());
                Ok(Some(texts.collect()))
            }
            None | Some(Next::Closed(_)) => {
                *place = None;
                Ok(None)
            }
            Some(Next::Slow) => {
                *place = None;
                Err(Problem::new(Code::SlowConsumer, "the loop over the events fell too far behind"))
            }
        }
    }

    fn close(&self) {
        self.closed.cancel();
        if let Ok(mut place) = self.subscriber.try_lock() {
            *place = None;
        }
    }
}
