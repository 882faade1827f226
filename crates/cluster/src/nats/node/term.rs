//! The source of this process, while it owns the channel: its term, what it publishes, and the webhook. Only the owner's sends
//! requests, from where the last owner's was. Its position is part of the state in the log, so that it survives every node.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use livetape_feed::control::{Posting, Term, WebhookState};
use livetape_io::clock;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Node;
use crate::{
    counts,
    nats::orders::Owner,
    ownership::{Input, Offered, Progress, StepDown},
    progress,
};

/// Maximum number of events that are taken from the hub at once.
const TAKEN_EVENTS_MAX: usize = 4_096;
/// Maximum size of the events that are taken from the hub at once, in bytes.
const TAKEN_BYTES_MAX: usize = 1 << 20;
/// Maximum time to close the upstream; then the lease is left to expire.
const CLOSE_TIME: Duration = Duration::from_secs(2);
/// Maximum time to store everything and release the channel when the server shuts down.
const LEAVE_TIME: Duration = Duration::from_secs(3);

/// The source of this node.
pub(super) struct Upstream {
    pub(super) term: Option<Running>,
    pub(super) webhook: Webhook,
    /// What the owner is doing, as of the last event that the member was offered.
    pub(super) ahead: Progress,
    /// Whether this node became the owner since it last stepped down.
    has_owned: bool,
    /// Whether the channel is left to another node when the term has ended.
    is_yielding: bool,
}

impl Upstream {
    pub(super) fn new(webhook: Option<Arc<WebhookState>>) -> Self {
        let webhook = Webhook::new(webhook);
        Self { term: None, webhook, ahead: Progress::default(), has_owned: false, is_yielding: false }
    }
}

/// A term of the channel.
pub(super) struct Running {
    over: CancellationToken,
    ended: oneshot::Receiver<()>,
    has_ended: bool,
}

impl Node {
    /// Lets the source end. What it has published is stored first.
    fn end_upstream(&mut self) {
        if let Some(term) = &self.upstream.term {
            term.over.cancel();
        }
    }

    pub(super) fn open_upstream(&mut self) {
        // The process may have been stopped since.
        self.tell(Input::Tick);
        if !self.member.is_owner() || self.leaving.is_some() {
            return;
        }
        if !*self.inbox.may_own.borrow() {
            return self.tell(Input::Stop);
        }
        let (told, ended) = oneshot::channel();
        let over = CancellationToken::new();
        self.upstream.ahead = self.progress.clone();
        let (intent, passed) = (self.announced.intent.borrow().clone(), self.progress.passed);
        let (channel, head) = (&self.store.channel, self.member.next_number() - 1);
        info!(channel, head, "👑 This node owns the channel");
        self.upstream.has_owned = true;
        self.hub.open_relay(self.member.next_number() - 1);
        let epoch = self.member.reader().owner().1;
        let term = Term { epoch, intent, passed, over: over.clone(), ended: told };
        if self.announced.terms.try_send(term).is_err() {
            // The source of the last term has not ended yet. It ends by itself, and the next term waits for
            // it.
            warn!("❌ The previous source does not end");
            self.tell(Input::Stop);
            self.tell(Input::Start { stream: self.options.node.clone() });
            return;
        }
        self.upstream.term = Some(Running { over, ended, has_ended: false });
        self.begin_losses();
        self.begin_webhook();
    }

    /// Closes the upstream, and discards what its source publishes from now on.
    pub(super) async fn close_upstream(&mut self) {
        self.share_owner();
        self.end_webhook();
        let discarded = self.hub.close_relay();
        self.lose(discarded);
        if discarded > 0 {
            warn!(discarded, "❌ Events of the upstream were not broadcast");
        }
        if let Some(Running { over, ended, has_ended }) = self.upstream.term.take() {
            over.cancel();
            if !has_ended {
                drop(timeout(CLOSE_TIME, ended).await);
            }
        }
    }

    /// Ends the membership, and counts the events that are not stored yet as lost.
    pub(super) async fn end(mut self) {
        self.announced.owners.send_replace(Owner::default());
        self.announced.totals.leave(&self.options.node);
        self.close_upstream().await;
        self.lose(self.member.unstored() as u64);
    }

    pub(super) fn stepped_down(&mut self, reason: StepDown, unpublished: usize, uncertain: usize) {
        // A node that only had the lease, or asked for it, has lost nothing with the stream.
        if !std::mem::take(&mut self.upstream.has_owned) && reason == StepDown::LogLost {
            return;
        }
        self.lose((unpublished + uncertain) as u64);
        if reason == StepDown::Stopped {
            info!("👑 This node handed the channel over");
        } else {
            warn!(?reason, unpublished, uncertain, "👑 This node lost the channel");
        }
    }

    /// Passes on what the source has published. Without room, the rest stays in the hub, and the source
    /// waits.
    pub(super) async fn offer(&mut self) {
        // The process may have been stopped since: then nothing is taken.
        self.tell(Input::Tick);
        if self.member.is_owner() && self.upstream.term.is_some() && self.member.has_room() {
            let unpublished = self.hub.take_unpublished(TAKEN_EVENTS_MAX, TAKEN_BYTES_MAX);
            let news = progress::encode(&mut self.upstream.ahead, unpublished);
            self.offer_news(news);
        }
        self.perform().await;
    }

    fn offer_news(&mut self, news: Vec<Offered>) {
        let count = news.iter().filter(|news| news.event.is_some()).count();
        if let Err(refused) = self.member.offer(self.now(), news) {
            self.lose(count as u64);
            warn!(why = %refused, count, "❌ Events cannot be stored in the cluster");
            // The numbers of the following events are wrong now: start over with the last stored one.
            self.tell(Input::Stop);
            self.tell(Input::Start { stream: self.options.node.clone() });
        }
    }

    /// Ends the ownership gracefully, because the server shuts down.
    pub(super) fn leave(&mut self) {
        self.leaving = Some(clock::now() + LEAVE_TIME);
        match &self.upstream.term {
            None => self.tell(Input::Stop),
            Some(_) => self.end_upstream(),
        }
    }

    /// The source has published everything.
    pub(super) fn term_ended(&mut self) {
        if let Some(term) = &mut self.upstream.term {
            term.has_ended = true;
        }
    }

    /// Passes an answer to the member.
    pub(super) async fn answered(&mut self, answer: Input) {
        counts::answered(&mut self.counts, &answer);
        let end = if let Input::Tail { last, .. } = &answer { Some(*last) } else { None };
        if end.is_some() {
            self.read_queued();
        }
        self.tell(answer);
        if end.is_some_and(|end| self.member.reader().last >= end) {
            self.perform().await;
            self.has_read = true;
            self.sought.take().into_iter().for_each(|sought| self.hub.answer_sought(sought));
            self.tell_stream();
            if !self.member.reader().knows_end() {
                // The owner can tell.
                self.report(true).await;
            }
        }
    }

    /// Leaves the channel to another node, or takes part again.
    pub(super) fn reconsider(&mut self) {
        match &self.upstream.term {
            // What it has published is stored first.
            Some(_) if !*self.inbox.may_own.borrow() => {
                self.end_upstream();
                self.upstream.is_yielding = true;
            }
            _ if self.upstream.is_yielding => {}
            _ => self.take_part(),
        }
    }

    fn take_part(&mut self) {
        if self.leaving.is_none() && *self.inbox.may_own.borrow() {
            self.tell(Input::Start { stream: self.options.node.clone() });
        } else {
            self.tell(Input::Stop);
        }
    }

    pub(super) fn has_left(&mut self) -> bool {
        if self.leaving.is_none() && !self.upstream.is_yielding {
            return false;
        }
        let has_ended = self.upstream.term.as_ref().is_some_and(|term| term.has_ended);
        // Orders are answered when their effects are stored.
        if has_ended && !self.hub.has_unpublished() && self.member.has_stored_all() {
            self.store_posted();
            self.upstream.term = None;
            self.tell(Input::Stop);
        }
        if self.upstream.term.is_none() && std::mem::take(&mut self.upstream.is_yielding) {
            self.take_part();
        }
        self.leaving.is_some() && self.upstream.term.is_none() && !self.member.is_busy()
    }
}

/// Waits until the term has ended; forever, if there is none.
pub(super) async fn ended(term: &mut Option<Running>) {
    match term {
        Some(Running { ended, has_ended: false, .. }) => drop(ended.await),
        _ => std::future::pending().await,
    }
}

/// Waits for a change; forever, if there will be none.
pub(super) async fn changed(may_own: &mut watch::Receiver<bool>) {
    if may_own.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

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
        let Some(state) = &self.upstream.webhook.state else { return };
        let missed = std::mem::take(&mut self.upstream.webhook.missed);
        if missed > 0 {
            state.skipped.fetch_add(missed, Ordering::Relaxed);
            warn!(missed, "🪝 The stream ended before the webhook had received its last events");
        }
        // A webhook that the cluster did not have begins with the next event.
        let posted = self.progress.posted.unwrap_or(self.member.next_number() - 1);
        self.upstream.webhook.posting = Some(state.begin(self.hub.stream(), posted));
        // Stored before any event, so that a successor always knows it.
        self.store_posted();
    }

    /// Stores how far the webhook is, if that is news.
    pub(super) fn store_posted(&mut self) {
        let Some(posting) = self.upstream.webhook.posting.as_ref().filter(|_| self.member.is_owner()) else {
            return;
        };
        let posted = Some(posting.posted.load(Ordering::Relaxed));
        if self.upstream.ahead.posted != posted && self.member.has_room() {
            self.upstream.ahead.posted = posted;
            self.offer_news(vec![Offered { event: None, progress: self.upstream.ahead.clone() }]);
        }
    }

    /// Leaves the rest to the next owner. The last node of a cluster that is stopped delivers what it can instead.
    pub(super) fn end_webhook(&mut self) {
        let Some(posting) = self.upstream.webhook.posting.take() else { return };
        if self.leaving.is_some() && self.nodes.current(true).len() <= 1 {
            return;
        }
        self.upstream.webhook.state.iter().for_each(|state| state.end());
        let left = self.hub.head().saturating_sub(posting.posted.load(Ordering::Relaxed));
        if left > 0 {
            info!(left, "🪝 The next owner delivers the last events to the webhook");
        }
    }

    /// The stream ends: nobody delivers the rest of it.
    pub(super) fn miss_posted(&mut self) {
        let left = |posted| self.hub.head().saturating_sub(posted);
        self.upstream.webhook.missed = self.progress.posted.filter(|_| self.has_read).map_or(0, left);
    }
}
