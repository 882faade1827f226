//! The feed for JavaScript in the same process.

use livetape::hub::{Next, Subscriber};
use napi_derive::napi;
use tokio::{select, sync::Mutex};
use tokio_util::sync::CancellationToken;

use crate::error::error;
use livetape::sans_io::error::{Code, Problem};

/// A subscriber of the feed.
#[napi]
pub struct NativeFeed {
    subscriber: Mutex<Option<Subscriber>>,
    closed: CancellationToken,
    /// Whether the app has closed.
    ended: CancellationToken,
}

impl NativeFeed {
    pub(crate) fn new(subscriber: Subscriber, ended: CancellationToken) -> Self {
        Self { subscriber: Mutex::new(Some(subscriber)), closed: CancellationToken::new(), ended }
    }
}

#[napi]
impl NativeFeed {
    /// Waits for events, and returns the JSON of each; `null` after the last.
    #[napi]
    pub async fn next(&self) -> napi::Result<Option<Vec<String>>> {
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
                Err(error(&Problem::new(Code::SlowConsumer, "the loop over the events fell too far behind")))
            }
        }
    }

    /// Unsubscribes, and ends a call that waits.
    #[napi]
    pub fn close(&self) {
        self.closed.cancel();
        if let Ok(mut place) = self.subscriber.try_lock() {
            *place = None;
        }
    }
}
