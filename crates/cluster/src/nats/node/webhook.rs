//! The webhook: only the owner's sends requests, from where the last owner's was. Its position is part of the state in
//! the log, so that it survives every node.

use std::sync::{Arc, atomic::Ordering};

use livetape_feed::control::{Posting, WebhookState};
use tracing::{info, warn};

use super::Node;

/// The webhook of this node, if it has one.
#[derive(Default)]
pub(super) struct Webhook {
    state: Option<Arc<WebhookState>>,
    posting: Option<Posting>,
    /// Number of events that were not delivered when their stream ended.
    missed: u64,
}

impl Webhook {
    pub(super) fn new(state: Option<Arc<WebhookState>>) -> Self {
        Self { state, ..Self::default() }
    }

    /// Another node owns the channel, and counts them.
    pub(super) fn forget_missed(&mut self) {
        self.missed = 0;
    }
}

impl Node {
    /// Starts to deliver, as the owner.
    pub(super) fn begin_webhook(&mut self) {
        let Some(state) = &self.webhook.state else { return };
        let missed = std::mem::take(&mut self.webhook.missed);
        if missed > 0 {
            state.skipped.fetch_add(missed, Ordering::Relaxed);
            warn!(missed, "🪝 The stream ended before the webhook had received its last events");
        }
        // A webhook that the cluster did not have begins with the next event.
        let posted = self.progress.posted.unwrap_or(self.member.next_number() - 1);
        self.webhook.posting = Some(state.begin(self.hub.stream(), posted));
        // Stored before any event, so that a successor always knows it.
        self.store_posted();
    }

    /// Stores how far the webhook is, if that is news.
    pub(super) fn store_posted(&mut self) {
        let Some(posting) = self.webhook.posting.as_ref().filter(|_| self.member.is_owner()) else { return };
        let posted = Some(posting.posted.load(Ordering::Relaxed));
        if self.ahead.posted != posted && self.member.has_room() {
            self.ahead.posted = posted;
            self.offer_checkpoint();
        }
    }

    /// Leaves the rest to the next owner. The last node of a cluster that is stopped delivers what it can instead.
    pub(super) fn end_webhook(&mut self) {
        let Some(posting) = self.webhook.posting.take() else { return };
        if self.leaving.is_some() && self.nodes.current(true).len() <= 1 {
            return;
        }
        self.webhook.state.iter().for_each(|state| state.end());
        let left = self.hub.head().saturating_sub(posting.posted.load(Ordering::Relaxed));
        if left > 0 {
            info!(left, "🪝 The next owner delivers the last events to the webhook");
        }
    }

    /// The stream ends: nobody delivers the rest of it.
    pub(super) fn miss_posted(&mut self) {
        let left = |posted| self.hub.head().saturating_sub(posted);
        self.webhook.missed = self.progress.posted.filter(|_| self.has_read).map_or(0, left);
    }
}
