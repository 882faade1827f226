//! The bucket of leases and of other things that expire.

use std::time::Duration;

use async_nats::{header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, jetstream::stream};
use bytes::Bytes;
use livetape_core::error::Problem;
use livetape_feed::control::Pause;
use livetape_io::clock;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep_until, timeout};

use super::{super::options::same_lease, Appending, RETRY, Store, Stored};
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
        match outcome {
            Ok(revision) => LeaseReply::Held { revision, sent },
            Err(Appending::Rejected) => self.read_lease(key, holder).await,
            Err(Appending::NoStream) => {
                // NATS has lost it, or refused it before. A failure shows in the next answer.
                drop(timeout(self.answer_time, self.ensure_bucket()).await);
                LeaseReply::Unknown
            }
            Err(Appending::Refused(_) | Appending::Unanswered) => LeaseReply::Unknown,
        }
    }

    /// An earlier request may have succeeded although its answer was lost.
    async fn read_lease(&self, key: &str, holder: &str) -> LeaseReply {
        match self.read_key(key).await {
            Ok(Some((revision, value))) => match serde_json::from_slice::<LeaseValue>(&value) {
                Ok(lease) if lease.node == holder => LeaseReply::Held { revision, sent: lease.sent },
                _ => LeaseReply::Taken,
            },
            Ok(None) => LeaseReply::Taken,
            Err(Unanswered) => LeaseReply::Unknown,
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
        Ok(stored.and_then(|(_, value)| serde_json::from_slice(&value).ok()))
    }
}
