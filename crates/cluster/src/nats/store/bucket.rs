//! The bucket of leases and of other things that expire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::{
    connection::State,
    header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
    jetstream::{message::StreamMessage, stream},
};
use livetape_core::error::{Code, Problem};
use livetape_feed::control::Pause;
use livetape_io::clock;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep_until, timeout};
use tracing::warn;

use super::{super::options::same_lease, ANSWER_TIME_MAX, Appending, RETRY, Store, Stored};
use crate::ownership::LeaseReply;

/// Key of the pause that TikTok asked for.
const PAUSE: &str = "pause";

#[derive(Deserialize, Serialize)]
struct LeaseValue {
    /// Its holder: a node, or one of its claims.
    node: String,
    /// The time of sending on the node's own clock.
    sent: Duration,
}

/// JetStream did not answer.
struct Unanswered;

fn created(bucket: &stream::Info) -> Duration {
    SystemTime::from(bucket.created).duration_since(UNIX_EPOCH).unwrap_or_default()
}

impl Store {
    /// Returns the key of the owner's lease.
    pub(in crate::nats) fn owner(&self) -> String {
        format!("lease.{}", self.channel)
    }

    fn bucket(&self) -> String {
        format!("KV_livetape-{}", self.cluster)
    }

    fn key_subject(&self, key: &str) -> String {
        format!("$KV.livetape-{}.{key}", self.cluster)
    }

    /// The bucket is a stream with the layout of a key-value store. The library's own function fails with
    /// nats-server 2.9, whose account information it cannot read.
    pub(super) async fn ensure_bucket(&self) -> Result<(), Problem> {
        let bucket = stream::Config {
            name: self.bucket(),
            subjects: vec![self.key_subject(">")],
            max_messages_per_subject: 1,
            max_age: self.lease,
            discard: stream::DiscardPolicy::New,
            allow_rollup: true,
            allow_direct: true,
            deny_delete: true,
            num_replicas: self.replicas,
            ..stream::Config::default()
        };
        let bucket = self.create(bucket).await?;
        same_lease(&self.cluster, bucket.cached_info().config.max_age, self.lease)
    }

    /// Creates a lease, or renews `revision` of it.
    pub(in crate::nats) async fn take_lease(
        &self,
        key: &str,
        holder: &str,
        revision: Option<u64>,
        sent: Duration,
    ) -> LeaseReply {
        let value = serde_json::to_vec(&LeaseValue { node: holder.to_owned(), sent }).unwrap_or_default();
        let expected = (NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, revision.unwrap_or(0));
        let outcome = self.append(self.key_subject(key), expected, value.into()).await;
        if key == self.owner() {
            self.note(Stored::Lease, &outcome);
        }
        let reply = match outcome {
            Ok(revision) => LeaseReply::Held { revision, sent },
            Err(Appending::Rejected) => self.read_lease(key, holder).await,
            Err(failure) => {
                if matches!(failure, Appending::NoStream) {
                    // NATS has lost it, or refused it before. A failure shows in the next answer.
                    drop(timeout(self.answer_time, self.ensure_bucket()).await);
                }
                // A bucket whose storage failed may answer other requests.
                let may_be_broken = !matches!(failure, Appending::Refused(_)) && key == self.owner();
                if may_be_broken && self.is_unfit() {
                    self.read_lease(key, holder).await
                } else {
                    LeaseReply::Unknown
                }
            }
        };
        if key == self.owner() {
            self.note_fitness(revision.is_some(), &reply).await;
        }
        reply
    }

    /// Whether a lease is older than leases can be: after a full disk, NATS cannot even remove them.
    fn is_stale(&self, stored: SystemTime) -> bool {
        let mut oldest = self.oldest_lease.lock();
        let (known, since) = oldest.filter(|(known, _)| *known == stored).unwrap_or((stored, clock::now()));
        *oldest = Some((known, since));
        since + self.lease * 5 / 4 <= clock::now()
    }

    /// Whether leases could not be created for as long as one lasts.
    fn is_unfit(&self) -> bool {
        self.unfit_since.lock().is_some_and(|since| since + self.lease <= clock::now())
    }

    /// After a full disk, NATS 2.12 and later take nothing more into a bucket, although nobody has the lease, and
    /// there is space again. If that lasts, replaces the bucket: it only holds leases. Does the same if NATS 2.9 has
    /// deleted the bucket and created it again at the same time: then it may have no file to write to, hear nothing, or
    /// keep everything and find nothing.
    async fn note_fitness(&self, is_renewal: bool, reply: &LeaseReply) {
        let is_fit = matches!(reply, LeaseReply::Held { .. } | LeaseReply::Taken);
        if !is_renewal {
            let mut since = self.unfit_since.lock();
            let is_connected = self.client.connection_state() == State::Connected;
            *since = since.or_else(|| Some(clock::now())).filter(|_| is_connected && !is_fit);
        }
        if *reply != LeaseReply::Missing {
            return;
        }
        let is_unfit = if is_renewal { self.keeps_too_much().await } else { self.is_unfit() };
        if is_unfit && self.replace_bucket().await.is_some() {
            warn!(
                code = Code::ClusterUnowned.name(),
                "Created the bucket of leases again: NATS cannot store or find them there"
            );
            *self.unfit_since.lock() = None;
        }
    }

    /// Whether the bucket has several messages of a subject, of which it must keep one.
    async fn keeps_too_much(&self) -> bool {
        let bucket = timeout(self.answer_time, self.context.get_stream(self.bucket())).await;
        bucket.is_ok_and(|bucket| {
            bucket.is_ok_and(|bucket| {
                let state = &bucket.cached_info().state;
                state.messages > state.subjects_count
            })
        })
    }

    async fn replace_bucket(&self) -> Option<()> {
        let replaced = async {
            let bucket = self.context.get_stream(self.bucket()).await.ok()?;
            let age = clock::wall().saturating_sub(created(bucket.cached_info()));
            // Another node has just done it.
            if age > self.lease {
                self.context.delete_stream(self.bucket()).await.ok()?;
                self.ensure_bucket().await.ok()?;
            }
            Some(())
        };
        timeout(ANSWER_TIME_MAX, replaced).await.ok()?
    }

    /// An earlier request may have succeeded although its answer was lost.
    async fn read_lease(&self, key: &str, holder: &str) -> LeaseReply {
        match self.read_key(key).await {
            Ok(Some(entry)) => match serde_json::from_slice::<LeaseValue>(&entry.payload) {
                _ if key == self.owner() && self.is_stale(entry.time.into()) => LeaseReply::Missing,
                Ok(lease) if lease.node == holder => {
                    LeaseReply::Held { revision: entry.sequence, sent: lease.sent }
                }
                _ => LeaseReply::Taken,
            },
            Ok(None) => LeaseReply::Missing,
            Err(Unanswered) => LeaseReply::Unknown,
        }
    }

    /// Returns an entry, unless it has expired. Its revision is its sequence.
    async fn read_key(&self, key: &str) -> Result<Option<StreamMessage>, Unanswered> {
        let bucket = self.context.get_stream_no_info(self.bucket()).await.map_err(|_| Unanswered)?;
        let subject = self.key_subject(key);
        match timeout(self.answer_time, bucket.get_last_raw_message_by_subject(&subject)).await {
            Ok(Ok(entry)) => Ok(Some(entry)),
            Ok(Err(error)) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Ok(Err(_)) | Err(_) => Err(Unanswered),
        }
    }

    /// Removes a lease if this holder has `revision` of it. Returns whether it is certainly gone; otherwise
    /// it expires.
    pub(in crate::nats) async fn release_lease(&self, key: &str, holder: &str, revision: u64) -> bool {
        // After a loss of its storage, NATS counts from 1 again: the same numbers are then leases of others.
        let held = self.read_lease(key, holder).await;
        if !matches!(held, LeaseReply::Held { revision: held, .. } if held == revision) {
            return false;
        }
        let released = async {
            let bucket = self.context.get_stream_no_info(self.bucket()).await.ok()?;
            bucket.purge().sequence(revision + 1).filter(self.key_subject(key)).await.ok()
        };
        matches!(timeout(self.answer_time, released).await, Ok(Some(_)))
    }

    /// Removes the owner's lease if this node has `revision` of it, and tells the other nodes.
    pub(in crate::nats) async fn release_ownership(&self, node: &str, revision: u64) {
        if self.release_lease(&self.owner(), node, revision).await {
            self.tell("free", self.channel.clone().into()).await;
            drop(timeout(self.answer_time, self.client.flush()).await);
        }
    }

    /// Stores a pause for nodes that start later. It expires like a lease.
    pub(in crate::nats) async fn store_pause(&self, pause: &Pause) {
        let value = serde_json::to_vec(pause).unwrap_or_default();
        // A failure shows in the connection, too.
        drop(self.client.publish(self.key_subject(PAUSE), value.into()).await);
    }

    /// Returns the pause that other nodes have stored. In a cluster of NATS servers, a new bucket has no
    /// leader at first, and NATS answers nothing until then: it is asked again `within` this time.
    pub(in crate::nats) async fn read_pause(&self, within: Duration) -> Result<Option<Pause>, Problem> {
        let ends = clock::now() + within;
        let stored = loop {
            match self.read_key(PAUSE).await {
                Ok(stored) => break stored,
                Err(Unanswered) if clock::now() >= ends => return Err(self.silent()),
                Err(Unanswered) => sleep_until(clock::now() + RETRY).await,
            }
        };
        // Another version's pause arrives with a report, if this one can read it.
        Ok(stored.and_then(|entry| serde_json::from_slice(&entry.payload).ok()))
    }
}
