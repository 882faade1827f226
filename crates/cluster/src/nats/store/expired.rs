//! Removes the logs of rooms that ended: NATS removes their messages after a day, but not the streams.

use std::time::Duration;

use async_nats::jetstream::stream::Info;
use futures_util::StreamExt as _;
use livetape_io::clock;
use tracing::info;

use super::Store;
use crate::ownership::LeaseReply;

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
            tokio::time::sleep_until(clock::now() + INTERVAL).await;
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
