//! The task of a node: performs what the [`Member`] asks for, and tells it what happened.

use std::time::Duration;

use async_nats::{
    Message, Subscriber,
    header::{NATS_LAST_SEQUENCE, NATS_SEQUENCE},
};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Options,
    options::Link,
    orders::Owner,
    progress::{self, Progress},
    report::{Nodes, Report},
    store::Store,
};
use crate::{
    clock,
    control::{ClusterState, Control, NodeState, Term},
    hub::{CloseReason, Hub, Mark},
    sans_io::{
        cluster::{self, Action, Delivery, Encoded, Fault, Input, Member, StepDown},
        error::{Code, Problem},
    },
};

/// Maximum number of answers that wait for the task.
const ANSWERS_MAX: usize = 64;
/// Maximum number of events that are taken from the hub at once.
const TAKEN_EVENTS_MAX: usize = 4_096;
/// Maximum size of the events that are taken from the hub at once, in bytes.
const TAKEN_BYTES_MAX: usize = 1 << 20;
/// Maximum time to close the upstream; then the lease is left to expire.
const CLOSE_TIME: Duration = Duration::from_secs(2);
/// Maximum time to hand the channel over when the server shuts down.
const LEAVE_TIME: Duration = Duration::from_secs(3);
/// Maximum interval between reports.
const REPORT_INTERVAL_MAX: Duration = Duration::from_secs(1);

/// The task's state.
pub(super) struct Node {
    options: Options,
    store: Store,
    is_connected: watch::Receiver<bool>,
    hub: Hub,
    control: Control,
    member: Member,
    /// Time 0 of the member.
    started: Instant,
    answers: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
    log: Subscriber,
    reports: Subscriber,
    free: Subscriber,
    terms: mpsc::Sender<Term>,
    term: Option<Running>,
    /// What the owner is doing, by the log.
    progress: Progress,
    /// The same, as of the last event that the member accepted.
    ahead: Progress,
    /// Events and a mark that the member has not accepted yet.
    offered: Vec<Encoded>,
    mark: Option<Mark>,
    owners: watch::Sender<Owner>,
    has_stream: watch::Sender<bool>,
    nodes: Nodes,
    reporting: Interval,
    /// When the server's shutdown must be complete.
    leaving: Option<Instant>,
    /// Whether the last events and the end of the lease are still being stored.
    is_handing_over: bool,
}

/// A term of the supervisor.
struct Running {
    over: CancellationToken,
    ended: oneshot::Receiver<()>,
    has_ended: bool,
}

impl Node {
    #[expect(clippy::too_many_arguments, reason = "the parts are made in one place")]
    pub(super) async fn new(
        options: Options,
        link: Link,
        store: Store,
        hub: Hub,
        control: Control,
        terms: mpsc::Sender<Term>,
        owners: watch::Sender<Owner>,
        has_stream: watch::Sender<bool>,
    ) -> Result<Self, Problem> {
        let channel = format!("{}.main", options.cluster);
        let limits =
            cluster::Options { lease: options.lease, ..cluster::Options::new(&channel, &options.node) };
        let period = (options.lease / 4).min(REPORT_INTERVAL_MAX);
        let mut reporting = interval(period);
        reporting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut member = Member::new(limits);
        member.handle(Duration::ZERO, Input::Start { stream: options.node.clone() });
        Ok(Self {
            log: store.subscribe("log.main").await?,
            reports: store.subscribe("node").await?,
            free: store.subscribe("free").await?,
            is_connected: link.is_connected,
            member,
            started: clock::now(),
            answers: mpsc::channel(ANSWERS_MAX),
            term: None,
            progress: Progress::default(),
            ahead: Progress::default(),
            offered: Vec::new(),
            mark: None,
            nodes: Nodes::default(),
            leaving: None,
            is_handing_over: false,
            options,
            store,
            hub,
            control,
            terms,
            owners,
            has_stream,
            reporting,
        })
    }

    pub(super) async fn run(mut self) {
        let shutdown = self.control.shutdown().clone();
        let hub = self.hub.clone();
        loop {
            self.perform().await;
            self.offer().await;
            if self.has_left() {
                break;
            }
            let due = self.member.deadline().map(|at| self.started + at);
            let can_offer = self.member.is_owner() && self.offered.is_empty();
            tokio::select! { biased;
                () = shutdown.cancelled(), if self.leaving.is_none() => self.leave(),
                Some(answer) = self.answers.1.recv() => self.tell(answer),
                Some(message) = self.log.next() => self.read(&message),
                _ = self.is_connected.changed() => self.connection_changed(),
                () = ended(&mut self.term) => self.term_ended(),
                Some(_) = self.free.next() => self.tell(Input::LeaseFree),
                () = hub.staged(), if can_offer => {}
                Some(message) = self.reports.next() => self.note(&message),
                _ = self.reporting.tick() => self.report().await,
                () = until(due) => self.tell(Input::Tick),
                () = until(self.leaving), if self.leaving.is_some() => break,
            }
        }
        self.owners.send_replace(Owner::default());
        self.close_upstream().await;
    }

    fn tell(&mut self, input: Input) {
        self.member.handle(self.now(), input);
    }

    fn now(&self) -> Duration {
        clock::now().duration_since(self.started)
    }

    fn read(&mut self, message: &Message) {
        // Without a sequence, it was not stored.
        let number = |name| message.headers.as_ref()?.get(name)?.as_str().parse().ok();
        if let (Some(previous), Some(sequence)) = (number(NATS_LAST_SEQUENCE), number(NATS_SEQUENCE)) {
            let (log, bytes) = (self.member.reader().log(), message.payload.clone());
            self.tell(Input::Message { log, previous, sequence, bytes });
        }
    }

    /// Lets the member read the end of the log.
    fn read_tail(&mut self) {
        // It does not trust a message of another log.
        self.tell(Input::Message { log: 0, previous: 0, sequence: 0, bytes: bytes::Bytes::new() });
    }

    /// Performs everything that the member asks for, in order.
    async fn perform(&mut self) {
        while let Some(action) = self.member.poll() {
            match action {
                Action::CreateLease { sent } => self.take_lease(None, sent),
                Action::RenewLease { revision, sent } => self.take_lease(Some(revision), sent),
                Action::ReleaseLease { revision } => self.store.release_lease(revision).await,
                Action::ReadTail { after } => {
                    self.ask(move |store| async move { store.read_tail(after).await })
                }
                Action::Publish { token, expected, bytes } => {
                    self.ask(move |store| async move { store.publish(token, expected, bytes).await });
                }
                Action::OpenUpstream => self.open_upstream(),
                Action::CloseUpstream => self.close_upstream().await,
                Action::Deliver(delivery) => self.deliver(delivery),
                Action::SteppedDown { reason, unpublished, uncertain } => {
                    self.stepped_down(reason, unpublished, uncertain);
                }
            }
        }
        let owner = self.member.reader().owner().0;
        let owner = Owner {
            node: (!owner.is_empty()).then(|| owner.to_owned()),
            is_here: self.member.is_owner() && self.term.is_some() && self.leaving.is_none(),
        };
        if self.owners.send_if_modified(|known| std::mem::replace(known, owner.clone()) != owner) {
            self.share_state();
        }
    }

    /// Starts a request, whose answer the member gets.
    fn ask<F>(&self, request: impl FnOnce(Store) -> F)
    where
        F: Future<Output = Input> + Send + 'static,
    {
        let (request, answers) = (request(self.store.clone()), self.answers.0.clone());
        tokio::spawn(async move { drop(answers.send(request.await).await) });
    }

    fn take_lease(&self, revision: Option<u64>, sent: Duration) {
        self.ask(move |store| async move { Input::Lease(store.take_lease(revision, sent).await) });
    }

    fn open_upstream(&mut self) {
        // The process may have been stopped since.
        self.tell(Input::Tick);
        if !self.member.is_owner() || self.leaving.is_some() {
            return;
        }
        let (told, ended) = oneshot::channel();
        let over = self.control.shutdown().child_token();
        self.ahead = self.progress.clone();
        let Progress { intent, passed } = self.progress.clone();
        info!(head = self.member.next_number() - 1, "👑 This node owns the channel");
        self.hub.open_relay(self.member.next_number() - 1);
        (self.offered, self.mark) = (Vec::new(), None);
        let term = Term { intent, passed, over: over.clone(), ended: told };
        if self.terms.try_send(term).is_err() {
            // The source of the last term has not ended yet. It ends by itself, and the next term waits for it.
            warn!("❌ The previous source does not end");
            self.tell(Input::Stop);
            self.tell(Input::Start { stream: self.options.node.clone() });
            return;
        }
        self.term = Some(Running { over, ended, has_ended: false });
    }

    /// Closes the upstream, and discards what its source publishes from now on.
    async fn close_upstream(&mut self) {
        let discarded = self.hub.close_relay() + self.offered.len() as u64;
        self.offered.clear();
        if discarded > 0 {
            warn!(discarded, "❌ Events of the upstream were not broadcast");
        }
        if let Some(Running { over, ended, has_ended }) = self.term.take() {
            over.cancel();
            if !has_ended {
                drop(timeout(CLOSE_TIME, ended).await);
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Stream { name, head } => {
                let code = Code::UnknownPosition;
                let reason = CloseReason { code: code.close_code(), reason: code.name().into() };
                self.hub.restart(&name, head, &reason);
                self.progress = Progress::default();
                self.has_stream.send_replace(true);
            }
            Delivery::Epoch { node, epoch } => info!(node, epoch, "👑 The channel has a new owner"),
            Delivery::Events { first, events } => {
                events.iter().for_each(|event| self.progress.take(&event.change));
                let count = events.len();
                if self.hub.accept(first, &progress::decode(events)).is_err() {
                    let code = Code::ClusterMessage.name();
                    warn!(
                        code,
                        first, count, "❌ Skipped a message of the cluster that does not contain events"
                    );
                }
            }
            Delivery::Gap { first, last } => {
                warn!(first, last, "❌ Events are no longer in the log of the cluster");
            }
            Delivery::State { state } => self.progress = Progress::from_bytes(&state),
            Delivery::Fault(fault) => {
                let code = match &fault {
                    Fault::Refused(refused) => refused.code().name(),
                    _ => Code::ClusterMessage.name(),
                };
                warn!(code, why = %fault, "❌ Skipped a message of the cluster");
            }
        }
    }

    fn stepped_down(&mut self, reason: StepDown, unpublished: usize, uncertain: usize) {
        self.is_handing_over = false;
        if reason == StepDown::Stopped {
            info!("👑 This node handed the channel over");
        } else {
            warn!(?reason, unpublished, uncertain, "👑 This node lost the channel");
        }
    }

    /// Passes on what the source has published.
    async fn offer(&mut self) {
        if !self.member.is_owner() || self.term.is_none() {
            return;
        }
        if self.offered.is_empty() {
            let staged = self.hub.take_staged(TAKEN_EVENTS_MAX, TAKEN_BYTES_MAX);
            (self.offered, self.mark) = progress::encode(self.mark.take(), staged);
        }
        if !self.offered.is_empty() {
            let (now, first) = (self.now(), self.member.next_number());
            self.offered.iter().for_each(|event| self.ahead.take(&event.change));
            match self.member.offer(now, first, std::mem::take(&mut self.offered)) {
                Ok(()) => {}
                Err(refused) => {
                    warn!(why = %refused, "❌ Events cannot be stored in the cluster");
                    // The numbers of the following events are wrong now: start over with the last stored one.
                    self.tell(Input::Stop);
                    self.tell(Input::Start { stream: self.options.node.clone() });
                }
            }
        } else if self.mark.is_some() || self.member.needs_checkpoint() {
            self.offer_checkpoint();
        }
        self.perform().await;
    }

    /// Stores what a successor must know.
    fn offer_checkpoint(&mut self) {
        if let Some(mark) = self.mark.take() {
            self.ahead.mark(&mark);
        }
        let state = self.ahead.to_bytes();
        if let Err(refused) = self.member.offer_checkpoint(self.now(), state) {
            debug!(why = %refused, "No checkpoint");
        }
    }

    fn connection_changed(&mut self) {
        if *self.is_connected.borrow_and_update() {
            self.hub.end_notice();
            self.read_tail();
        } else {
            self.hub.notice("error", &unreachable());
        }
        self.share_state();
    }

    /// Ends the ownership gracefully, because the server shuts down.
    fn leave(&mut self) {
        self.leaving = Some(clock::now() + LEAVE_TIME);
        // The term ends with the shutdown.
        if self.term.is_none() {
            self.tell(Input::Stop);
        }
    }

    /// The source has published everything.
    fn term_ended(&mut self) {
        if let Some(term) = &mut self.term {
            term.has_ended = true;
        }
    }

    fn has_left(&mut self) -> bool {
        if self.leaving.is_none() {
            return false;
        }
        let has_ended = self.term.as_ref().is_some_and(|term| term.has_ended);
        if has_ended && self.offered.is_empty() && !self.hub.has_staged() {
            self.term = None;
            self.is_handing_over = self.member.is_owner();
            self.tell(Input::Stop);
        }
        self.term.is_none() && !self.is_handing_over
    }

    fn note(&mut self, message: &Message) {
        let Some(Report { state, head, source, .. }) = Report::from_bytes(&message.payload) else { return };
        if state.node == self.options.node {
            return;
        }
        if let Some((status, replay)) = source
            && !self.member.is_owner()
            && self.member.reader().owner().0 == state.node
        {
            self.control.mirror(status, replay);
        }
        // A message may have been lost on the way, and no other followed it.
        if head > self.hub.head() {
            self.read_tail();
        }
        self.nodes.note(state);
    }

    async fn report(&mut self) {
        let source = self.term.is_some().then(|| (self.control.status(), self.control.replay()));
        let state = NodeState {
            node: self.options.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clients: self.hub.subscriber_count(),
        };
        self.nodes.note(state.clone());
        self.share_state();
        let report = Report::new(state, self.hub.head(), source).to_bytes();
        // NATS may be unreachable, and then the client's queue be full.
        let within = clock::now() + self.reporting.period() / 4;
        drop(timeout_at(within, self.store.tell("node", report)).await);
    }

    fn share_state(&mut self) {
        let owner = self.owners.borrow().clone();
        self.control.set_cluster(ClusterState {
            cluster: self.options.cluster.clone(),
            node: self.options.node.clone(),
            owner: owner.node,
            reachable: *self.is_connected.borrow(),
            nodes: self.nodes.current(self.reporting.period()),
        });
    }
}

/// Waits until the term has ended; forever, if there is none.
async fn ended(term: &mut Option<Running>) {
    match term {
        Some(Running { ended, has_ended: false, .. }) => drop(ended.await),
        _ => std::future::pending().await,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The message for subscribers while the feed stands still. It has no number, because nobody can assign one.
fn unreachable() -> Vec<u8> {
    let code = Code::ClusterUnreachable;
    let message = "this node cannot reach NATS; the feed continues when it can";
    let error =
        json!({ "type": "error", "code": code, "message": message, "hint": code.hint(), "retrying": true });
    error.to_string().into_bytes()
}
