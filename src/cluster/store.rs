//! What a cluster stores in NATS: the log of its channel in a JetStream stream, and the lease of its owner in a bucket.

use std::time::{Duration, SystemTime};

use async_nats::{
    Client, HeaderMap, HeaderValue, Subscriber,
    header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    jetstream::{
        Context, ContextBuilder, ErrorCode,
        consumer::{AckPolicy, DeliverPolicy, pull},
        context::{CreateStreamErrorKind, PublishErrorKind},
        stream,
    },
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::time::{timeout, timeout_at};

use super::Options;
use crate::{
    clock,
    control::Pause,
    sans_io::{
        cluster::{Answer, Input},
        error::{Code, Problem},
    },
};

/// Maximum time to wait for an answer of JetStream.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// Minimum time to wait for an answer of JetStream.
const ANSWER_TIME_MIN: Duration = Duration::from_millis(100);
/// Maximum number of messages read from the log at once.
const TAIL_MESSAGES_MAX: u64 = 1_024;
/// Maximum number of messages in the log, as many as there are events in a backlog by default.
const LOG_MESSAGES_MAX: i64 = 16_384;
/// Maximum size of the log, in bytes.
const LOG_BYTES_MAX: i64 = 256 << 20;
/// Time after which NATS removes a consumer that reads no further.
const CONSUMER_TIME: Duration = Duration::from_secs(10);
/// The channel that the cluster has from the start.
pub(super) const MAIN: &str = "main";
/// Key of the pause that TikTok asked for.
const PAUSE: &str = "pause";

/// The value of a lease.
#[derive(Deserialize, Serialize)]
struct Lease {
    /// Its holder: a node, or one of its claims.
    node: String,
    /// The time of sending on the node's own clock.
    sent: Duration,
}

/// A cluster's part of JetStream.
#[derive(Clone)]
pub(super) struct Store {
    context: Context,
    client: Client,
    cluster: String,
    channel: String,
    lease: Duration,
    replicas: usize,
    answer_time: Duration,
}

impl Store {
    pub(super) fn new(client: Client, options: &Options) -> Self {
        let answer_time = (options.lease / 4).clamp(ANSWER_TIME_MIN, ANSWER_TIME_MAX);
        let context =
            ContextBuilder::new().timeout(ANSWER_TIME_MAX).ack_timeout(answer_time).build(client.clone());
        Self {
            context,
            client,
            cluster: options.cluster.clone(),
            channel: MAIN.to_owned(),
            lease: options.lease,
            replicas: options.replicas,
            answer_time,
        }
    }

    /// Returns the part of another channel.
    pub(super) fn of_channel(&self, channel: &str) -> Self {
        Self { channel: channel.to_owned(), ..self.clone() }
    }

    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    /// Returns the key of the owner's lease.
    pub(super) fn owner(&self) -> String {
        format!("lease.{}", self.channel)
    }

    /// Returns a subject of the cluster.
    pub(super) fn subject(&self, of: &str) -> String {
        format!("livetape.{}.{of}", self.cluster)
    }

    fn name(&self) -> String {
        format!("livetape-{}", self.cluster)
    }

    fn bucket(&self) -> String {
        format!("KV_{}", self.name())
    }

    fn feed(&self) -> String {
        self.subject(&format!("feed.{}", self.channel))
    }

    fn key_subject(&self, key: &str) -> String {
        format!("$KV.{}.{key}", self.name())
    }

    /// Creates the log and the bucket of leases, unless they exist.
    pub(super) async fn ensure(&self) -> Result<(), Problem> {
        self.ensure_log().await?;
        self.ensure_bucket().await
    }

    /// Creates the log, unless it exists.
    pub(super) async fn ensure_log(&self) -> Result<(), Problem> {
        let log = stream::Config {
            name: self.name(),
            subjects: vec![self.subject("feed.>")],
            max_messages_per_subject: LOG_MESSAGES_MAX,
            max_bytes: LOG_BYTES_MAX,
            discard: stream::DiscardPolicy::Old,
            num_replicas: self.replicas,
            // Every node receives messages once they are stored, without a consumer.
            republish: Some(stream::Republish {
                source: self.subject("feed.>"),
                destination: self.subject("log.>"),
                headers_only: false,
            }),
            ..stream::Config::default()
        };
        let log =
            self.context.get_or_create_stream(log).await.map_err(|error| self.no_stream(&error.kind()))?;
        if log.cached_info().config.republish.is_none() {
            let message = format!("the JetStream stream `{}` is not one of livetape", self.name());
            return Err(
                Problem::new(Code::ClusterMessage, message).hint("choose another name with --cluster")
            );
        }
        Ok(())
    }

    /// Returns the time of JetStream; `None` without an answer.
    pub(super) async fn time(&self) -> Option<SystemTime> {
        let stream = self.context.get_stream_no_info(self.name()).await.ok()?;
        let config = pull::Config {
            inactive_threshold: CONSUMER_TIME,
            memory_storage: true,
            ..pull::Config::default()
        };
        let consumer = timeout(ANSWER_TIME_MAX, stream.create_consumer(config)).await.ok()?.ok()?;
        let created = consumer.cached_info().created;
        // Otherwise NATS removes it later.
        drop(stream.delete_consumer(&consumer.cached_info().name).await);
        Some(created.into())
    }

    /// The bucket is a stream with the layout of a key-value store. The library's own function fails with
    /// nats-server 2.9, whose account information it cannot read.
    async fn ensure_bucket(&self) -> Result<(), Problem> {
        let bucket = stream::Config {
            name: self.bucket(),
            subjects: vec![format!("$KV.{}.>", self.name())],
            max_messages_per_subject: 1,
            max_age: self.lease,
            discard: stream::DiscardPolicy::New,
            allow_rollup: true,
            allow_direct: true,
            deny_delete: true,
            num_replicas: self.replicas,
            ..stream::Config::default()
        };
        let bucket = self.context.get_or_create_stream(bucket).await;
        let bucket = bucket.map_err(|error| self.no_stream(&error.kind()))?;
        let found = bucket.cached_info().config.max_age;
        if found == self.lease {
            return Ok(());
        }
        let (cluster, own) = (&self.cluster, self.lease);
        let message = format!("the cluster `{cluster}` has leases of {found:?}, and this node of {own:?}");
        Err(Problem::new(Code::BadConfig, message).hint("set the same cluster.lease on every node"))
    }

    fn no_stream(&self, kind: &CreateStreamErrorKind) -> Problem {
        match kind {
            CreateStreamErrorKind::JetStreamUnavailable => self.no_jetstream(),
            CreateStreamErrorKind::JetStream(error)
                if matches!(
                    error.error_code(),
                    ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT
                ) =>
            {
                self.no_jetstream()
            }
            CreateStreamErrorKind::TimedOut | CreateStreamErrorKind::Response => self.silent(),
            other => self.refused(&other.to_string()),
        }
    }

    fn no_jetstream(&self) -> Problem {
        Problem::new(Code::ClusterUnreachable, "JetStream is off in this NATS, or this user may not use it")
            .hint("start nats-server with --jetstream, and allow the user the subjects in docs/cluster.md")
    }

    fn silent(&self) -> Problem {
        Problem::new(Code::ClusterUnreachable, "JetStream does not answer")
            .hint("start nats-server with --jetstream, and allow the user the subjects in docs/cluster.md")
    }

    fn refused(&self, why: &str) -> Problem {
        Problem::new(
            Code::ClusterUnreachable,
            format!("JetStream refuses the stream `{}`: {why}", self.name()),
        )
    }

    /// Subscribes to every message of the log, once it is stored.
    pub(super) async fn subscribe_log(&self) -> Result<Subscriber, Problem> {
        self.subscribe(&format!("log.{}", self.channel)).await
    }

    /// Subscribes to a subject of the cluster.
    pub(super) async fn subscribe(&self, of: &str) -> Result<Subscriber, Problem> {
        self.client.subscribe(self.subject(of)).await.map_err(|_| self.silent())
    }

    /// Tells all nodes something that is not stored.
    pub(super) async fn tell(&self, of: &str, bytes: Bytes) {
        // A failure shows in the connection, too.
        drop(self.client.publish(self.subject(of), bytes).await);
    }

    /// Creates a lease, or renews `revision` of it.
    pub(super) async fn take_lease(
        &self,
        key: &str,
        holder: &str,
        revision: Option<u64>,
        sent: Duration,
    ) -> Answer {
        let value = serde_json::to_vec(&Lease { node: holder.to_owned(), sent }).unwrap_or_default();
        match self.append(self.key_subject(key), revision.unwrap_or(0), value.into()).await {
            Ok(revision) => Answer::Held { revision, sent },
            Err(Appending::Rejected) => self.read_lease(key, holder).await,
            Err(Appending::Unanswered) => Answer::Unknown,
        }
    }

    /// An earlier request may have succeeded although its answer was lost.
    async fn read_lease(&self, key: &str, holder: &str) -> Answer {
        match self.read_key(key).await {
            Ok(Some((revision, value))) => match serde_json::from_slice::<Lease>(&value) {
                Ok(lease) if lease.node == holder => Answer::Held { revision, sent: lease.sent },
                _ => Answer::Taken,
            },
            Ok(None) => Answer::Taken,
            Err(Unanswered) => Answer::Unknown,
        }
    }

    /// Returns the revision and the value of an entry, unless it has expired.
    async fn read_key(&self, key: &str) -> Result<Option<(u64, Bytes)>, Unanswered> {
        let bucket = self.context.get_stream_no_info(self.bucket()).await.map_err(|_| Unanswered)?;
        let subject = self.key_subject(key);
        match timeout(self.answer_time, bucket.get_last_raw_message_by_subject(&subject)).await {
            Ok(Ok(entry)) => Ok(Some((entry.sequence, entry.payload))),
            Ok(Err(error)) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Ok(Err(_)) | Err(_) => Err(Unanswered),
        }
    }

    /// Removes `revision` of a lease. Returns whether it is certainly gone; otherwise it expires.
    pub(super) async fn release_lease(&self, key: &str, revision: u64) -> bool {
        let released = async {
            let bucket = self.context.get_stream_no_info(self.bucket()).await.ok()?;
            bucket.purge().sequence(revision + 1).filter(self.key_subject(key)).await.ok()
        };
        matches!(timeout(self.answer_time, released).await, Ok(Some(_)))
    }

    /// Removes `revision` of the owner's lease, and tells the other nodes.
    pub(super) async fn release_ownership(&self, revision: u64) {
        if self.release_lease(&self.owner(), revision).await {
            self.tell("free", self.channel.clone().into()).await;
            drop(timeout(self.answer_time, self.client.flush()).await);
        }
    }

    /// Stores a pause for nodes that start later. It expires like a lease.
    pub(super) async fn store_pause(&self, pause: &Pause) {
        let value = serde_json::to_vec(pause).unwrap_or_default();
        // A failure shows in the connection, too.
        drop(self.client.publish(self.key_subject(PAUSE), value.into()).await);
    }

    /// Returns the pause that other nodes have stored.
    pub(super) async fn read_pause(&self) -> Result<Option<Pause>, Problem> {
        let stored = self.read_key(PAUSE).await.map_err(|Unanswered| self.silent())?;
        // Another version's pause arrives with a report, if this one can read it.
        Ok(stored.and_then(|(_, value)| serde_json::from_slice(&value).ok()))
    }

    /// Appends a message to the log if it ends with `expected`.
    pub(super) async fn publish(&self, token: u64, expected: u64, bytes: Bytes) -> Input {
        match self.append(self.feed(), expected, bytes).await {
            Ok(sequence) => Input::Stored { token, sequence },
            Err(Appending::Rejected) => Input::Rejected { token },
            Err(Appending::Unanswered) => Input::Unanswered { token },
        }
    }

    async fn append(&self, subject: String, expected: u64, bytes: Bytes) -> Result<u64, Appending> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, HeaderValue::from(expected));
        let stored = async { self.context.publish_with_headers(subject, headers, bytes).await?.await };
        match timeout(self.answer_time, stored).await {
            Ok(Ok(ack)) => Ok(ack.sequence),
            Ok(Err(error)) if error.kind() == PublishErrorKind::WrongLastSequence => Err(Appending::Rejected),
            Ok(Err(_)) | Err(_) => Err(Appending::Unanswered),
        }
    }

    /// Reads messages of the log after `after`.
    pub(super) async fn read_tail(&self, after: u64) -> Input {
        match timeout(2 * ANSWER_TIME_MAX, self.try_read_tail(after)).await {
            Ok(Some(tail)) => tail,
            Ok(None) | Err(_) => Input::TailFailed,
        }
    }

    async fn try_read_tail(&self, after: u64) -> Option<Input> {
        let stream = self.context.get_stream_no_info(self.name()).await.ok()?;
        let info = match stream.get_info().await {
            Ok(info) => info,
            // NATS may have lost its storage.
            Err(_) => {
                self.ensure().await.ok()?;
                stream.get_info().await.ok()?
            }
        };
        let log = u64::try_from(info.created.unix_timestamp_nanos()).ok()?;
        let last = match stream.get_last_raw_message_by_subject(&self.feed()).await {
            Ok(message) => message.sequence,
            Err(error) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => 0,
            Err(_) => return None,
        };
        let messages = if last > after { self.read(&stream, after, last).await? } else { Vec::new() };
        Some(Input::Tail { log, messages, last })
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
        let mut batch = consumer.fetch().max_messages(count).messages().await.ok()?;
        let mut messages = Vec::new();
        // The rest is read from there, however slow NATS is.
        let ends = clock::now() + ANSWER_TIME_MAX;
        while let Ok(Some(message)) = timeout_at(ends, batch.next()).await {
            let message = message.ok()?;
            let sequence = message.info().ok()?.stream_sequence;
            messages.push((sequence, message.payload.clone()));
        }
        let name = consumer.cached_info().name.clone();
        // Otherwise NATS removes it later.
        drop(stream.delete_consumer(&name).await);
        Some(messages)
    }
}

/// JetStream did not answer.
struct Unanswered;

/// Why a message was not, or may not have been, appended.
enum Appending {
    /// Something else was appended before it.
    Rejected,
    /// Nobody knows.
    Unanswered,
}
