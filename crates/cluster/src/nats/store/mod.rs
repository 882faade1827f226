//! What a cluster stores in NATS: the log of each channel in a JetStream stream ([`log`]), and leases in a
//! [`bucket`].

mod bucket;
mod log;

use std::{
    error::Error as _,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_nats::{
    Client, HeaderMap, HeaderName, HeaderValue, Subscriber,
    connection::State,
    jetstream::{
        self, Context, ContextBuilder, ErrorCode,
        context::{CreateStreamErrorKind, PublishError, PublishErrorKind},
        stream::{self, Info, Stream},
    },
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tracing::info;

use super::{
    Options,
    options::{DENIED_HINT, Denied, Link, denial},
};
use crate::ownership::LeaseReply;

const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
const ANSWER_TIME_MIN: Duration = Duration::from_millis(100);
/// Maximum length of JetStream's words that are passed on.
const REASON_CHARS_MAX: usize = 200;
/// Hint if JetStream is off, or the user may not use it.
const ALLOW: &str = "start nats-server with --jetstream, and allow the user to publish on `$JS.API.>`, and to publish on and \
    subscribe to `_INBOX.>`";
/// Hint if JetStream cannot reserve a stream.
const STORAGE_HINT: &str =
    "raise `max_file_store` of nats-server: the main channel and each room reserve 32 MiB";
/// Hint if there are too few servers for the copies, or too few with enough storage.
const SERVERS_HINT: &str = "start at least as many NATS servers as cluster.replicas, or lower it; each needs 32 MiB for the main channel \
                            and for each room (`max_file_store`)";
const CREATE_ATTEMPTS_MAX: u32 = 5;
/// Time until JetStream is asked again.
const RETRY: Duration = Duration::from_millis(200);
pub(super) const UNSTORED: &str = "JetStream stores no lease, although nobody has it";
pub(super) const SILENT: &str = "JetStream does not answer";
pub(super) const SILENT_HINT: &str = "check that NATS runs with --jetstream, and most of its servers: without a majority, they store nothing; after a \
     full disk, start it again";
pub(super) const REFUSED_HINT: &str = "check the limits of the stream and of the account, the storage of NATS, and whether the stream is sealed";
/// The channel that the cluster has from the start.
pub(super) const MAIN: &str = "main";

/// A cluster's part of JetStream.
#[derive(Clone)]
pub(super) struct Store {
    context: Context,
    client: Client,
    cluster: String,
    pub(super) channel: String,
    lease: Duration,
    replicas: usize,
    answer_time: Duration,
    pub(super) refusals: watch::Sender<Refusals>,
    is_rejected: watch::Receiver<bool>,
    denied: Denied,
    /// Since when no lease could be created, although nobody has it.
    pub(super) unfit_since: Arc<Mutex<Option<Instant>>>,
    /// When NATS stored the owner's lease, and since when that is known. Another bucket repeats revisions.
    oldest_lease: Arc<Mutex<Option<(SystemTime, Instant)>>>,
}

impl Store {
    pub(super) fn new(link: &Link, options: &Options) -> Self {
        let client = link.client.clone();
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
            refusals: watch::Sender::default(),
            is_rejected: link.is_rejected.clone(),
            denied: link.denied.clone(),
            unfit_since: Arc::default(),
            oldest_lease: Arc::default(),
        }
    }

    /// Whether NATS rejects the user of this node.
    pub(super) fn is_rejected(&self) -> bool {
        *self.is_rejected.borrow()
    }

    /// Returns why JetStream takes no messages, for `/status` and for readers, and what to do.
    pub(super) fn explain(&self, why: &str) -> (String, String, &'static str) {
        if why != SILENT {
            return (why.to_owned(), format!("JetStream refuses messages: {why}"), REFUSED_HINT);
        }
        let last = self.denied.borrow().iter().max_by_key(|(at, _)| *at).cloned();
        match last.filter(|(at, _)| *at + self.lease > clock::now()) {
            Some((_, told)) => (denial(&told).message, denial(&told).message, DENIED_HINT),
            None => (SILENT.to_owned(), SILENT.to_owned(), SILENT_HINT),
        }
    }

    pub(super) fn of_channel(&self, channel: &str) -> Self {
        Self {
            channel: channel.to_owned(),
            refusals: watch::Sender::default(),
            unfit_since: Arc::default(),
            oldest_lease: Arc::default(),
            ..self.clone()
        }
    }

    pub(super) fn subject(&self, of: &str) -> String {
        format!("livetape.{}.{of}", self.cluster)
    }

    /// Creates the log and the bucket of leases, unless they exist.
    pub(super) async fn ensure(&self) -> Result<(), Problem> {
        self.ensure_log().await?;
        self.ensure_bucket().await
    }

    /// Creates a stream, unless it exists. Asks again for what may pass.
    async fn create(&self, config: stream::Config) -> Result<Stream, Problem> {
        let mut attempts = 1;
        loop {
            match self.context.get_or_create_stream(config.clone()).await {
                Ok(stream) => return Ok(stream),
                Err(error) if attempts < CREATE_ATTEMPTS_MAX && may_pass(&error.kind()) => {
                    sleep_until(clock::now() + RETRY).await;
                }
                Err(error) => return Err(self.no_stream(&config.name, &error.kind())),
            }
            attempts += 1;
        }
    }

    fn no_stream(&self, stream: &str, kind: &CreateStreamErrorKind) -> Problem {
        let code = match kind {
            CreateStreamErrorKind::JetStream(error) => Some(error.error_code()),
            _ => None,
        };
        let refused = || {
            let message = format!("JetStream refuses the stream `{stream}`: {kind}");
            Problem::new(Code::ClusterUnreachable, message)
        };
        match (kind, code) {
            (CreateStreamErrorKind::JetStreamUnavailable, _)
            | (_, Some(ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT)) => {
                let message = "JetStream is off in this NATS, or this user may not use it";
                Problem::new(Code::ClusterUnreachable, message).hint(ALLOW)
            }
            (CreateStreamErrorKind::TimedOut | CreateStreamErrorKind::Response, _) => self.silent(),
            (_, Some(ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED | ErrorCode::CLUSTER_NO_PEERS)) => {
                refused().hint(SERVERS_HINT)
            }
            _ if is_storage_missing(kind) => refused().hint(STORAGE_HINT),
            _ => refused(),
        }
    }

    fn silent(&self) -> Problem {
        Problem::new(Code::ClusterUnreachable, SILENT).hint(ALLOW)
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

    /// Appends a message if the sequence that the header `of` is about is `expected`.
    async fn append(
        &self,
        subject: String,
        (of, expected): (HeaderName, u64),
        bytes: Bytes,
    ) -> Result<u64, Appending> {
        let mut headers = HeaderMap::new();
        headers.insert(of, HeaderValue::from(expected));
        let stored = async { self.context.publish_with_headers(subject, headers, bytes).await?.await };
        match timeout(self.answer_time, stored).await {
            Ok(Ok(ack)) => Ok(ack.sequence),
            Ok(Err(error)) => Err(Appending::from(&error)),
            Err(_) => Err(Appending::Unanswered),
        }
    }

    /// Remembers whether JetStream takes this node's messages.
    fn note<T>(&self, what: Stored, outcome: &Result<T, Appending>) {
        let is_connected = self.client.connection_state() == State::Connected;
        self.refusals.send_if_modified(|refusals| match outcome {
            Ok(_) | Err(Appending::Rejected) => refusals.answered(what, None),
            Err(Appending::Refused(why) | Appending::Failed(why)) => {
                refusals.answered(what, Some(Arc::clone(why)))
            }
            Err(Appending::NoStream | Appending::Unanswered) => {
                refusals.unanswered(what, is_connected.then(clock::now), self.lease)
            }
        });
    }

    /// Another node's message was stored.
    pub(super) fn accepts_records(&self) {
        self.refusals.send_if_modified(|refusals| refusals.answered(Stored::Record, None));
    }
}

/// Whether another attempt may succeed: another node is creating the stream, or NATS servers are electing a
/// leader.
fn may_pass(kind: &CreateStreamErrorKind) -> bool {
    is_storage_missing(kind) || *kind == CreateStreamErrorKind::TimedOut
}

fn is_storage_missing(kind: &CreateStreamErrorKind) -> bool {
    let CreateStreamErrorKind::JetStream(error) = kind else { return false };
    matches!(
        error.error_code(),
        ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::INSUFFICIENT_RESOURCES
            | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
    )
}

/// Why a message was not, or may not have been, appended.
enum Appending {
    /// Something else was appended before it.
    Rejected,
    /// Its stream does not exist.
    NoStream,
    /// JetStream refuses it, in these words.
    Refused(Arc<str>),
    /// JetStream fails to store it, in these words.
    Failed(Arc<str>),
    /// Nobody knows.
    Unanswered,
}

impl From<&PublishError> for Appending {
    fn from(error: &PublishError) -> Self {
        let answer = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
        match (error.kind(), answer) {
            (PublishErrorKind::WrongLastSequence, _) => Self::Rejected,
            // Newer servers, while another message is on its way.
            (_, Some(answer)) if answer.error_code() == ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => {
                Self::Rejected
            }
            (_, Some(answer)) => {
                let why = answer.to_string().chars().take(REASON_CHARS_MAX).collect::<String>().into();
                let has_failed = answer.error_code() == ErrorCode::STREAM_STORE_FAILED;
                if has_failed { Self::Failed(why) } else { Self::Refused(why) }
            }
            (PublishErrorKind::MaxPayloadExceeded, _) => Self::Refused(error.to_string().into()),
            (PublishErrorKind::StreamNotFound, _) => Self::NoStream,
            _ => Self::Unanswered,
        }
    }
}

/// What a node stores for a channel.
#[derive(Clone, Copy)]
enum Stored {
    Record,
    Lease,
}

/// Whether JetStream takes the messages of a node: the streams of records and of leases can fail one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    record: Answers,
    lease: Answers,
}

/// What JetStream answers to messages of one kind.
#[derive(Clone, Debug, Default)]
struct Answers {
    /// Why JetStream refuses them, in its words, or that it has not answered for as long as a lease lasts, although
    /// NATS can be reached.
    refused: Option<Arc<str>>,
    /// Time of the first message without an answer, if none had one since.
    unanswered_since: Option<Instant>,
}

impl Refusals {
    /// Returns why JetStream takes no messages.
    pub(super) fn why(&self) -> Option<Arc<str>> {
        self.record.refused.clone().or_else(|| self.lease.refused.clone())
    }

    pub(super) fn is_silent(&self) -> bool {
        [&self.record, &self.lease].iter().any(|it| it.refused.as_deref() == Some(SILENT))
    }

    fn of(&mut self, what: Stored) -> &mut Answers {
        match what {
            Stored::Record => &mut self.record,
            Stored::Lease => &mut self.lease,
        }
    }

    /// Returns whether anything changed.
    fn answered(&mut self, what: Stored, why: Option<Arc<str>>) -> bool {
        let known = self.of(what);
        let is_news = known.refused != why;
        *known = Answers { refused: why, unanswered_since: None };
        is_news
    }

    /// Returns whether anything changed. `now` is the time if NATS can be reached.
    fn unanswered(&mut self, what: Stored, now: Option<Instant>, lease: Duration) -> bool {
        let known = self.of(what);
        let Some(now) = now else {
            known.unanswered_since = None;
            return false;
        };
        let since = *known.unanswered_since.get_or_insert(now);
        let is_news = now.duration_since(since) >= lease && known.refused.as_deref() != Some(SILENT);
        if is_news {
            known.refused = Some(SILENT.into());
        }
        is_news
    }
}

/// Interval at which a node looks for such logs.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

impl Store {
    /// Removes empty logs of users' channels at intervals, until the process ends.
    pub(in crate::nats) async fn remove_expired(self, node: String) {
        loop {
            let mut streams = self.context.streams();
            while let Some(Ok(stream)) = streams.next().await {
                if let Some(channel) = self.user_of(&stream.config.name).filter(|_| has_expired(&stream)) {
                    // A failure is tried again later.
                    self.of_channel(&channel).remove_expired_log(&node).await;
                }
            }
            sleep_until(clock::now() + INTERVAL).await;
        }
    }

    /// Returns the channel of a user that a stream belongs to.
    fn user_of(&self, stream: &str) -> Option<String> {
        let user = stream.strip_prefix(&format!("livetape-{}_user_", self.cluster))?;
        Some(format!("user.{user}"))
    }

    async fn remove_expired_log(&self, node: &str) -> Option<()> {
        // As long as this node has the lease, no owner writes its first record.
        let holder = format!("{node}.expired");
        let taken = self.take_lease(&self.owner(), &holder, None, Duration::ZERO).await;
        let LeaseReply::Held { revision, .. } = taken else { return None };
        let stream = self.context.get_stream(self.log()).await;
        if stream.is_ok_and(|stream| has_expired(stream.cached_info())) {
            drop(self.context.delete_stream(self.log()).await);
            info!(channel = self.channel, "Removed the empty log of a room");
        }
        self.release_ownership(&holder, revision).await;
        Some(())
    }
}

/// Whether a log had messages, and has none any more.
fn has_expired(log: &Info) -> bool {
    log.state.messages == 0 && log.state.last_sequence > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_log_that_does_not_answer_is_noticed_although_leases_are_stored() {
        let (mut refusals, lease) = (Refusals::default(), Duration::from_secs(5));
        let began = clock::now();
        for second in 0..=5 {
            assert!(!refusals.answered(Stored::Lease, None));
            let news = refusals.unanswered(Stored::Record, Some(began + Duration::from_secs(second)), lease);
            assert_eq!((news, refusals.is_silent()), (second == 5, second == 5));
        }
        assert!(refusals.answered(Stored::Record, None));
        assert!(!refusals.is_silent());
        // Without a connection, that is the reason.
        refusals.unanswered(Stored::Record, Some(began), lease);
        refusals.unanswered(Stored::Record, None, lease);
        assert!(!refusals.unanswered(Stored::Record, Some(began + 2 * lease), lease));
    }
}
