//! The log of a channel: a JetStream stream with one subject.
//!
//! Each channel has a stream of its own. In a common one, rooms with many events would displace the last
//! record of a quiet channel, and with it its numbers and its state.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::{
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
use tokio::time::{timeout, timeout_at};

use super::{ANSWER_TIME_MAX, Appending, MAIN, Store, Stored};
use crate::ownership::{Input, Outcome};

/// Maximum number of messages in a log, as many as there are events in a backlog by default.
const LOG_MESSAGES_MAX: i64 = 16_384;
/// Maximum size of a log, in bytes. It holds all events that may wait.
const LOG_BYTES_MAX: i64 = 32 << 20;
/// Maximum size of a message in a log with its headers, in bytes: the default limit of NATS.
const LOG_MESSAGE_BYTES_MAX: i32 = 1 << 20;
/// Time for which the log of a user's channel keeps a message. Owners of quiet channels write more often.
const ROOM_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Maximum number of messages that are read from a log at once.
const TAIL_MESSAGES_MAX: u64 = 1_024;
/// Maximum size of the messages that are read from a log at once, in bytes. Each message is smaller.
const TAIL_BYTES_MAX: usize = 4 << 20;
/// Time after which NATS removes a consumer that reads no further.
const CONSUMER_TIME: Duration = Duration::from_secs(10);

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

    /// Appends a message to the log if `expected` is the last sequence that it assigned, even if that message
    /// is gone.
    pub(in crate::nats) async fn publish(&self, token: u64, expected: u64, bytes: Bytes) -> Input {
        let outcome = self.append(self.feed(), (NATS_EXPECTED_LAST_SEQUENCE, expected), bytes).await;
        self.note(Stored::Record, &outcome);
        let outcome = match outcome {
            Ok(sequence) => Outcome::Stored { sequence },
            Err(Appending::Rejected) => Outcome::Rejected,
            Err(Appending::Refused(_) | Appending::Failed(_)) => Outcome::Refused,
            Err(Appending::NoStream | Appending::Unanswered) => Outcome::Unanswered,
        };
        Input::Published { token, outcome }
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
                self.ensure().await.ok()?;
                stream.get_info().await.ok()?
            }
        };
        // Its identity: when it was created, in nanoseconds since the Unix epoch.
        let log = u64::try_from(info.created.unix_timestamp_nanos()).ok()?;
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
