//! The log of a channel: a JetStream stream with one subject.
//!
//! Each channel has a stream of its own. In a common one, rooms with many events would displace the last
//! record of a quiet channel, and with it its numbers and its state.
//!
//! Here is also how a log is put back that NATS has given up. After a full disk, NATS 2.15 stores nothing more in a stream
//! until it is started again, although it reads the stream, and stores into others. Only the owner replaces its log by a
//! copy, while it has the lease, and once there is space.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::{
    Subscriber,
    header::NATS_EXPECTED_LAST_SEQUENCE,
    jetstream::{
        consumer::{AckPolicy, DeliverPolicy, pull},
        stream,
    },
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use serde_json::{Value, json};
use tokio::time::{sleep_until, timeout, timeout_at};
use tracing::{info, warn};

use super::{ANSWER_TIME_MAX, Appending, MAIN, RETRY, Store, Stored};
use crate::ownership::Input;

/// Maximum number of messages in a log, as many as there are events in a backlog by default.
const LOG_MESSAGES_MAX: i64 = 16_384;
/// Maximum size of a log, in bytes. It holds several checkpoints, and all events that may wait.
pub(super) const LOG_BYTES_MAX: i64 = 32 << 20;
/// Maximum size of a message in a log with its headers, in bytes: the default limit of NATS.
const LOG_MESSAGE_BYTES_MAX: i32 = 1 << 20;
/// Time for which the log of a user's channel keeps a message. Owners of quiet channels write more often.
const ROOM_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Start of the description of a copy. The identity of its original follows.
pub(super) const COPY_OF: &str = "copy of ";
/// Maximum number of messages that are read from a log at once.
const TAIL_MESSAGES_MAX: u64 = 1_024;
/// Maximum size of the messages that are read from a log at once, in bytes. Each message is smaller.
const TAIL_BYTES_MAX: usize = 4 << 20;
/// Time after which NATS removes a consumer that reads no further.
const CONSUMER_TIME: Duration = Duration::from_secs(10);

/// Returns the identity of a log: the time at which it was created, in nanoseconds since the Unix epoch. NATS creates a
/// copy anew.
pub(super) fn identity(log: &stream::Info) -> Option<u64> {
    let description = log.config.description.as_deref().unwrap_or_default();
    match description.strip_prefix(COPY_OF) {
        Some(original) => original.parse().ok(),
        None => u64::try_from(log.created.unix_timestamp_nanos()).ok(),
    }
}

impl Store {
    /// Returns the name of the log's stream. Cluster names contain no `_`, so no other cluster has this one.
    pub(in crate::nats) fn log(&self) -> String {
        format!("livetape-{}_{}", self.cluster, self.channel.replacen('.', "_", 1))
    }

    pub(super) fn feed(&self) -> String {
        self.subject(&format!("feed.{}", self.channel))
    }

    /// Creates the log, unless it exists.
    pub(in crate::nats) async fn ensure_log(&self) -> Result<(), Problem> {
        let (name, log) = (self.log(), format!("log.{}", self.channel));
        let config = stream::Config {
            name: name.clone(),
            subjects: vec![self.feed()],
            max_messages: LOG_MESSAGES_MAX,
            max_bytes: LOG_BYTES_MAX,
            max_message_size: LOG_MESSAGE_BYTES_MAX,
            max_age: if self.channel == MAIN { Duration::ZERO } else { ROOM_TIME },
            discard: stream::DiscardPolicy::Old,
            num_replicas: self.replicas,
            // Every node receives messages once they are stored, without a consumer.
            republish: Some(stream::Republish {
                source: self.feed(),
                destination: self.subject(&log),
                headers_only: false,
            }),
            ..stream::Config::default()
        };
        let log = self.create(config).await?;
        if log.cached_info().config.republish.is_none() {
            let message = format!("the JetStream stream `{name}` is not one of livetape");
            return Err(
                Problem::new(Code::ClusterMessage, message).hint("choose another name with --cluster")
            );
        }
        Ok(())
    }

    /// Returns the times of this machine and of JetStream, since the Unix epoch; `None` without an answer.
    pub(in crate::nats) async fn times(&self) -> Option<(Duration, Duration)> {
        let stream = self.context.get_stream_no_info(self.log()).await.ok()?;
        let config = pull::Config {
            inactive_threshold: CONSUMER_TIME,
            memory_storage: true,
            ..pull::Config::default()
        };
        let before = clock::wall();
        let consumer = timeout(ANSWER_TIME_MAX, stream.create_consumer(config)).await.ok()?.ok()?;
        // The answer is from about the middle of this time.
        let ours = before + clock::wall().saturating_sub(before) / 2;
        let theirs = SystemTime::from(consumer.cached_info().created).duration_since(UNIX_EPOCH).ok()?;
        // Otherwise NATS removes it later.
        drop(stream.delete_consumer(&consumer.cached_info().name).await);
        Some((ours, theirs))
    }

    /// Subscribes to every message of the log, once it is stored.
    pub(in crate::nats) async fn subscribe_log(&self) -> Result<Subscriber, Problem> {
        self.subscribe(&format!("log.{}", self.channel)).await
    }

    /// Appends a message to the log if `expected` is the last sequence that it assigned, even if that message
    /// is gone.
    pub(in crate::nats) async fn publish(&self, token: u64, expected: u64, bytes: Bytes) -> Input {
        let outcome = self.append(self.feed(), (NATS_EXPECTED_LAST_SEQUENCE, expected), bytes).await;
        self.note(Stored::Record, &outcome);
        if matches!(outcome, Err(Appending::Unanswered)) {
            self.mend_log().await;
        }
        match outcome {
            Ok(sequence) => Input::Stored { token, sequence },
            Err(Appending::Rejected) => Input::Rejected { token },
            Err(Appending::Refused(_) | Appending::Failed(_)) => Input::Refused { token },
            Err(Appending::NoStream | Appending::Unanswered) => Input::Unanswered { token },
        }
    }

    /// Reads messages of the log after `after`.
    pub(in crate::nats) async fn read_tail(&self, after: u64) -> Input {
        match timeout(2 * ANSWER_TIME_MAX, self.try_read_tail(after)).await {
            Ok(Some(tail)) => tail,
            Ok(None) | Err(_) => Input::TailFailed,
        }
    }

    async fn try_read_tail(&self, after: u64) -> Option<Input> {
        let stream = self.context.get_stream_no_info(self.log()).await.ok()?;
        let info = match stream.get_info().await {
            Ok(info) => info,
            // NATS may have lost its storage.
            Err(_) => {
                let _mended = self.mending.lock().await;
                self.ensure().await.ok()?;
                stream.get_info().await.ok()?
            }
        };
        let log = identity(&info)?;
        let newest = self.newest(&stream, &info.state).await?;
        let messages = if newest > after { self.read(&stream, after, newest).await? } else { Vec::new() };
        Some(Input::Tail { log, messages, newest, last: info.state.last_sequence.max(newest) })
    }

    /// Returns the sequence of the newest message; 0 if there is none.
    async fn newest(&self, stream: &stream::Stream<()>, state: &stream::State) -> Option<u64> {
        let stream::State { messages, first_sequence, last_sequence, .. } = *state;
        if messages == 0 {
            return Some(0);
        }
        if messages == last_sequence.saturating_add(1).saturating_sub(first_sequence)
            && state.subjects_count == 1
        {
            return Some(last_sequence);
        }
        // Some were deleted.
        match stream.get_last_raw_message_by_subject(&self.feed()).await {
            Ok(message) => Some(message.sequence),
            Err(error) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => Some(0),
            Err(_) => None,
        }
    }

    async fn read(&self, stream: &stream::Stream<()>, after: u64, last: u64) -> Option<Vec<(u64, Bytes)>> {
        let consumer = stream.create_consumer(pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after + 1 },
            ack_policy: AckPolicy::None,
            filter_subject: self.feed(),
            inactive_threshold: CONSUMER_TIME,
            memory_storage: true,
            ..pull::Config::default()
        });
        let consumer = consumer.await.ok()?;
        let count = usize::try_from((last - after).min(TAIL_MESSAGES_MAX)).ok()?;
        let fetch = consumer.fetch().max_messages(count).max_bytes(TAIL_BYTES_MAX);
        let mut batch = fetch.messages().await.ok()?;
        let mut messages = Vec::new();
        // The rest is read from there, however slow NATS is. NATS ends a full batch with an error.
        let ends = clock::now() + ANSWER_TIME_MAX;
        while let Ok(Some(Ok(message))) = timeout_at(ends, batch.next()).await {
            let sequence = message.info().ok()?.stream_sequence;
            messages.push((sequence, message.payload.clone()));
        }
        let (stream, name) = (stream.clone(), consumer.cached_info().name.clone());
        // Otherwise NATS removes it later. If NATS is just started again, it does not answer.
        tokio::spawn(async move { drop(stream.delete_consumer(&name).await) });
        Some(messages)
    }
}

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
