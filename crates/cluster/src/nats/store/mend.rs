//! Puts a log back that NATS has given up.
//!
//! After a full disk, NATS 2.15 stores nothing more in a stream until it is started again, although it reads the stream,
//! and stores into others. Only the owner replaces its log by a copy, while it has the lease, and once there is space.

use std::time::Duration;

use async_nats::jetstream::stream;
use bytes::Bytes;
use futures_util::StreamExt as _;
use livetape_core::error::Code;
use livetape_io::clock;
use serde_json::{Value, json};
use tokio::time::{sleep_until, timeout};
use tracing::{info, warn};

use super::{
    ANSWER_TIME_MAX, RETRY, Store,
    log::{COPY_OF, LOG_BYTES_MAX, identity},
};

/// Maximum size of a copy, in bytes: what NATS deletes may still take space.
const COPY_BYTES_MAX: usize = 2 * LOG_BYTES_MAX as usize;
/// Size of the pieces in which a copy is sent, in bytes.
const CHUNK_BYTES: usize = 128 << 10;
const ATTEMPTS_MAX: u32 = 5;
/// Time after which NATS forgets what was stored to find out whether there is space, if its writer was killed.
const SPACE_TIME: Duration = Duration::from_secs(60);
/// Status of the last message of a whole copy, unless it has none.
const WHOLE: u16 = 204;
/// Error code of NATS for a stream that it cannot purge.
const PURGE_FAILED: u64 = 10_051;

/// A stream in NATS's own format.
struct Copy {
    /// What the request to restore it says.
    about: Value,
    chunks: Vec<Bytes>,
}

impl Store {
    /// Replaces the log by a copy of itself, if NATS stores leases and has given up the log. If the copy cannot be put
    /// back, that is as if the log had been deleted.
    pub(super) async fn mend_log(&self) {
        if !self.has_lease() || !self.is_given_up(&self.log()).await {
            return;
        }
        // Reading the log would create it. One copy at a time is in memory.
        let _mending = self.mending.lock().await;
        let Some(copy) = self.copy().await else { return };
        if !self.has_space(&copy).await
            || !self.has_lease()
            || self.context.delete_stream(self.log()).await.is_err()
        {
            return;
        }
        for _ in 0..ATTEMPTS_MAX {
            if !self.has_lease() {
                break;
            }
            if self.restore(&copy).await.is_some() {
                return info!(channel = self.channel, "Put the log back that NATS had given up");
            }
            // Another node may have looked for it, and created an empty one.
            if let Ok(log) = self.context.get_stream(self.log()).await
                && log.cached_info().state.last_sequence == 0
            {
                drop(self.context.delete_stream(self.log()).await);
            }
            sleep_until(clock::now() + RETRY).await;
        }
        let code = Code::ClusterUnreachable.name();
        warn!(code, channel = self.channel, "❌ Could not put the log back that NATS had given up");
    }

    /// Whether NATS fails to change a stream. Nothing has the subject that it is asked to remove.
    pub(super) async fn is_given_up(&self, stream: &str) -> bool {
        let nothing = json!({ "filter": self.subject("nothing") });
        let told = timeout(self.answer_time, self.api("PURGE", stream, &nothing)).await;
        told.is_ok_and(|told| told.is_some_and(|told| told["error"]["err_code"] == PURGE_FAILED))
    }

    /// Whether NATS can store a copy once more: putting it back takes that beside what the log takes.
    async fn has_space(&self, copy: &Copy) -> bool {
        let name = self.log().replacen('_', "_space_", 1);
        let subject = self.feed().replacen(".feed.", ".feed.space.", 1);
        let config = stream::Config {
            name: name.clone(),
            subjects: vec![subject.clone()],
            max_age: SPACE_TIME,
            num_replicas: self.replicas,
            ..stream::Config::default()
        };
        let stored = async {
            self.create(config).await.ok()?;
            for chunk in &copy.chunks {
                self.context.publish(subject.clone(), chunk.clone()).await.ok()?.await.ok()?;
            }
            // NATS acknowledges before it writes.
            sleep_until(clock::now() + self.answer_time / 4).await;
            (!self.is_given_up(&name).await).then_some(())
        };
        let has_space = stored.await.is_some();
        self.context.delete_stream(&name).await.is_ok() && has_space
    }

    async fn copy(&self) -> Option<Copy> {
        let log = self.context.get_stream(self.log()).await.ok()?;
        let inbox = self.client.new_inbox();
        let mut pieces = self.client.subscribe(inbox.clone()).await.ok()?;
        let wanted = json!({ "deliver_subject": inbox, "chunk_size": CHUNK_BYTES, "no_consumers": true });
        let mut told = self.api("SNAPSHOT", &self.log(), &wanted).await?;
        told["config"]["description"] = format!("{COPY_OF}{}", identity(log.cached_info())?).into();
        let about = json!({ "config": told["config"], "state": told["state"] });
        let (mut chunks, mut bytes) = (Vec::new(), 0);
        loop {
            let piece = timeout(ANSWER_TIME_MAX, pieces.next()).await.ok()??;
            if piece.payload.is_empty() {
                let is_whole = piece.status.is_none_or(|status| status.as_u16() == WHOLE);
                return is_whole.then_some(Copy { about, chunks });
            }
            if let Some(reply) = piece.reply {
                self.client.publish(reply, Bytes::new()).await.ok()?;
            }
            bytes += piece.payload.len();
            if bytes > COPY_BYTES_MAX {
                return None;
            }
            chunks.push(piece.payload);
        }
    }

    async fn restore(&self, copy: &Copy) -> Option<()> {
        let told = self.api("RESTORE", &self.log(), &copy.about).await?;
        let subject = told["deliver_subject"].as_str()?;
        for chunk in &copy.chunks {
            let told = self.request(subject, chunk.clone()).await?;
            // An empty answer asks for more.
            told.is_empty().then_some(())?;
        }
        let told = self.request(subject, Bytes::new()).await?;
        let told: Value = serde_json::from_slice(&told).ok()?;
        told["error"].is_null().then_some(())
    }

    /// Sends a request about a stream to JetStream.
    async fn api(&self, of: &str, stream: &str, request: &Value) -> Option<Value> {
        let subject = format!("$JS.API.STREAM.{of}.{stream}");
        let told = self.request(&subject, request.to_string().into()).await?;
        serde_json::from_slice(&told).ok()
    }

    async fn request(&self, subject: &str, payload: Bytes) -> Option<Bytes> {
        let told = timeout(ANSWER_TIME_MAX, self.client.request(subject.to_owned(), payload)).await;
        Some(told.ok()?.ok()?.payload)
    }
}
