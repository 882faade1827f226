//! The task of a node: performs the actions of the [`Member`], and passes it their results.

mod term;

use std::{sync::Arc, time::Duration};

use async_nats::{
    Message, Subscriber,
    header::{NATS_LAST_SEQUENCE, NATS_SEQUENCE},
};
use futures_util::{
    FutureExt as _, StreamExt as _,
    stream::{Select, select},
};
use livetape_core::{
    error::{Code, Problem},
    event::{Data, Event, Failure, Millis},
};
use livetape_feed::{
    control::{self, Control, Limit, NodeState, Pauses, Status, Term, live_user},
    hub::{CloseReason, Hub},
};
use livetape_io::clock;
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, Interval, MissedTickBehavior, interval, timeout_at},
};
use tracing::{info, warn};

use super::{
    Options,
    options::{REJECTED, REJECTED_HINT},
    orders::Owner,
    report::{About, LogView, Losses, NodeReport, Nodes, To},
    store::{MAIN, Refusals, SILENT, Store, UNSTORED},
};
use crate::{
    counts::{self, ChannelCounts, Totals},
    ownership::{self, Action, Delivery, Fault, Input, KnownLoss, Member, Progress},
    progress,
};

use term::{Upstream, changed, ended};

/// Maximum number of answers that wait for the task.
const ANSWERS_MAX: usize = 64;
/// Maximum number of messages of the log that are read before what NATS tells of its end: as many as async-nats queues.
const QUEUED_MAX: usize = 65_536;
const REPORT_INTERVAL_MAX: Duration = Duration::from_secs(1);

pub(super) struct Node {
    options: Options,
    store: Store,
    inbox: Inbox,
    hub: Hub,
    control: Control,
    member: Member,
    /// Time 0 of the member.
    started: Instant,
    upstream: Upstream,
    /// What the owner is doing, by the log.
    progress: Progress,
    losses: Losses,
    announced: Announced,
    nodes: Nodes,
    limit: Limit,
    counts: ChannelCounts,
    /// Why readers receive nothing, as the last notice says.
    trouble: Option<Problem>,
    /// Whether the log says that no node owns the channel.
    has_told_unowned: bool,
    /// Whether it has read what happened before it joined.
    has_read: bool,
    /// Clients that came before it last began to read the log, with positions that it did not know.
    sought: Option<u64>,
    /// The last message of the log that any node has reported since this one's last report.
    log_end: u64,
    /// When the server's shutdown must be complete.
    leaving: Option<Instant>,
}

/// What the task waits for, beside the source.
struct Inbox {
    answers: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
    log: Subscriber,
    /// Reports to all nodes, and to this one while it is the owner.
    reports: Select<Subscriber, Subscriber>,
    free: Subscriber,
    is_connected: watch::Receiver<bool>,
    refusals: watch::Receiver<Refusals>,
    /// Whether this node may own the channel. Otherwise it only follows.
    may_own: watch::Receiver<bool>,
    pauses: watch::Receiver<Pauses>,
    reporting: Interval,
}

/// What the task tells the rest of the process.
pub(super) struct Announced {
    pub(super) terms: mpsc::Sender<Term>,
    pub(super) owners: watch::Sender<Owner>,
    pub(super) has_stream: watch::Sender<bool>,
    /// What the owner is doing.
    pub(super) intent: watch::Sender<Option<Arc<str>>>,
    pub(super) totals: Totals,
}

impl Node {
    pub(super) async fn new(
        options: Options,
        is_connected: watch::Receiver<bool>,
        store: Store,
        (hub, control): (Hub, Control),
        announced: Announced,
        may_own: watch::Receiver<bool>,
    ) -> Result<Self, Problem> {
        let limits = ownership::Options { lease: options.lease, ..ownership::Options::new(&options.node) };
        let period = (options.lease / 4).min(REPORT_INTERVAL_MAX);
        let mut reporting = interval(period);
        reporting.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut member = Member::new(limits);
        if *may_own.borrow() {
            member.handle(Duration::ZERO, Input::Start { stream: options.node.clone() });
        }
        let inbox = Inbox {
            answers: mpsc::channel(ANSWERS_MAX),
            log: store.subscribe(&format!("log.{}", store.channel)).await?,
            reports: select(
                store.subscribe(&format!("node.{}", store.channel)).await?,
                store.subscribe(&format!("node.{}.{}", store.channel, options.node)).await?,
            ),
            free: store.subscribe("free").await?,
            is_connected,
            refusals: store.refusals.subscribe(),
            may_own,
            pauses: control.limit().news(),
            reporting,
        };
        Ok(Self {
            inbox,
            member,
            started: clock::now(),
            upstream: Upstream::new(control.upstream().webhook.filter(|_| store.channel == MAIN)),
            progress: Progress::default(),
            losses: Losses::default(),
            nodes: Nodes::new(period),
            limit: control.limit().clone(),
            counts: ChannelCounts::default(),
            trouble: None,
            has_told_unowned: false,
            has_read: false,
            sought: None,
            log_end: 0,
            leaving: None,
            options,
            store,
            hub,
            control,
            announced,
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
            self.perform().await;
            let due = self.member.deadline().map(|at| self.started + at);
            let can_offer = self.member.is_owner() && self.member.has_room();
            tokio::select! { biased;
                () = shutdown.cancelled(), if self.leaving.is_none() => self.leave(),
                Some(answer) = self.inbox.answers.1.recv() => {
                    self.answered(answer).await;
                }
                Some(message) = self.inbox.log.next() => self.read(&message),
                _ = self.inbox.is_connected.changed() => self.connection_changed(),
                Ok(()) = self.inbox.refusals.changed() => self.refusal_changed(),
                () = ended(&mut self.upstream.term) => self.term_ended(),
                () = changed(&mut self.inbox.may_own) => self.reconsider(),
                Some(message) = self.inbox.free.next() => self.freed(&message),
                () = hub.unpublished(), if can_offer => {}
                Some(message) = self.inbox.reports.next() => self.note(&message),
                _ = self.inbox.reporting.tick() => self.report(false).await,
                Ok(()) = self.inbox.pauses.changed() => self.report(true).await,
                () = clock::passed(due) => self.tell(Input::Tick),
                () = clock::passed(self.leaving), if self.leaving.is_some() => break,
            }
        }
        self.end().await;
    }

    fn tell(&mut self, input: Input) {
        self.member.handle(self.now(), input);
    }

    fn now(&self) -> Duration {
        clock::now().duration_since(self.started)
    }

    fn freed(&mut self, message: &Message) {
        if message.payload != self.store.channel {
            return;
        }
        self.tell(Input::LeaseFree);
        if !*self.inbox.may_own.borrow() && self.member.can_close(self.now()) {
            info!(
                "👑 The last owner is gone: this node closes the log for the next one, which has not followed it"
            );
            self.tell(Input::Start { stream: self.options.node.clone() });
        }
    }

    fn read(&mut self, message: &Message) {
        // Without a sequence, it was not stored.
        let number = |name| message.headers.as_ref()?.get(name)?.as_str().parse().ok();
        if let (Some(previous), Some(sequence)) = (number(NATS_LAST_SEQUENCE), number(NATS_SEQUENCE)) {
            let (log, bytes) = (self.member.reader().log, message.payload.clone());
            self.tell(Input::Message { log, previous, sequence, bytes });
        }
    }

    /// Reads what NATS has passed on before it told the end of the log, and which may have been removed since.
    fn read_queued(&mut self) {
        for _ in 0..QUEUED_MAX {
            let Some(Some(message)) = self.inbox.log.next().now_or_never() else { return };
            self.read(&message);
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
                Action::TakeLease { revision, sent } => {
                    let node = self.options.node.clone();
                    self.ask(move |store| async move {
                        Input::Lease(store.take_lease(&store.owner(), &node, revision, sent).await)
                    });
                }
                Action::ReleaseLease { revision } => {
                    self.store.release_ownership(&self.options.node, revision).await;
                }
                Action::ReadTail { after } => {
                    self.sought = self.hub.sought();
                    self.ask(move |store| async move { store.read_tail(after).await });
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
        self.share_owner();
    }

    fn share_owner(&mut self) {
        let (owner, is_unowned) = (self.member.reader().owner().0, self.is_unowned());
        // Its ownership is the last in the log, but over.
        let is_over = owner == self.options.node && !self.member.is_owner();
        let owner = Owner {
            node: (!owner.is_empty() && !is_unowned && !is_over).then(|| owner.to_owned()),
            is_here: self.member.is_owner() && self.upstream.term.is_some() && self.leaving.is_none(),
            unowned: self.unowned(),
        };
        if self.announced.owners.send_if_modified(|known| std::mem::replace(known, owner.clone()) != owner) {
            self.share_state();
        }
    }

    /// Starts a request. Its answer goes to the member.
    fn ask<F>(&self, request: impl FnOnce(Store) -> F)
    where
        F: Future<Output = Input> + Send + 'static,
    {
        let (request, answers) = (request(self.store.clone()), self.inbox.answers.0.clone());
        tokio::spawn(async move { drop(answers.send(request.await).await) });
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Stream { name, head, continues } => {
                self.miss_posted();
                let code = Code::UnknownPosition;
                let reason = CloseReason::new(code.close_code(), code.name());
                self.hub.restart(&name, head, &reason);
                if continues && self.has_read {
                    info!(
                        "The channel continues in another stream: no node knows whether NATS has lost events"
                    );
                }
                self.tell_stream();
            }
            Delivery::Epoch { node, epoch } => {
                self.store.accepts_records();
                self.counts[counts::HANDOVERS] += u64::from(self.has_read);
                if node != self.options.node {
                    self.upstream.webhook.forget_missed();
                    // Nothing is left to close.
                    if !*self.inbox.may_own.borrow() && self.upstream.term.is_none() {
                        self.tell(Input::Stop);
                    }
                }
                if self.has_read {
                    info!(node, epoch, "👑 The channel has a new owner");
                }
            }
            Delivery::Events { first, events } => {
                self.store.accepts_records();
                let count = events.len();
                if self.hub.accept(first, &progress::decode(events)).is_err() {
                    let (code, why) = (Code::ClusterMessage.name(), "does not contain events");
                    warn!(code, first, count, "❌ Skipped a message of the cluster that {why}");
                }
            }
            Delivery::Gap { first, last } => {
                warn!(first, last, "❌ Events are no longer in the log of the cluster");
            }
            Delivery::Progress(progress) => {
                self.store.accepts_records();
                self.progress = progress;
                self.tell_intent();
            }
            Delivery::Fault(fault) => {
                let code = match &fault {
                    Fault::Refused(refused) => refused.code(),
                    _ => Code::ClusterMessage,
                };
                let (code, hint) = (code.name(), code.hint());
                warn!(code, why = %fault, hint, "❌ Skipped a message of the cluster");
            }
        }
    }

    /// Signals that clients can read the channel here, from any position that they have from another node.
    pub(super) fn tell_stream(&self) {
        let is_readable = self.has_read && !self.member.reader().stream().is_empty();
        self.announced.has_stream.send_if_modified(|has| is_readable && !std::mem::replace(has, true));
    }

    fn tell_intent(&self) {
        let intent = self.progress.intent();
        let is_known = |last: &Option<Arc<str>>| last.as_deref() == intent;
        self.announced.intent.send_if_modified(|last| {
            !is_known(last) && {
                *last = intent.map(Arc::from);
                true
            }
        });
        self.announced.intent.borrow().iter().for_each(|intent| self.hub.mark_stored(intent));
    }
}

impl Node {
    /// This node is the owner from here on.
    fn begin_losses(&mut self) {
        let stream = self.member.reader().stream();
        if self.losses.stream != stream {
            self.losses = Losses { stream: stream.to_owned(), events: 0 };
        }
        // It may have left the channel since.
        self.losses.events = self.losses.events.max(self.progress.known_loss(&self.options.node));
        self.tell_losses();
    }

    /// Counts events that were not stored.
    fn lose(&mut self, events: u64) {
        // A replay plays them again.
        if self.upstream.ahead.intent().and_then(live_user).is_some() {
            self.losses.events += events;
            self.announced.totals.lose(events);
        }
    }

    /// Tells readers about losses that no owner has told them yet.
    fn tell_losses(&mut self) {
        // What was told before may be on its way to the log.
        if self.upstream.term.is_none() || self.hub.has_unpublished() {
            return;
        }
        let here = &*self.options.node;
        let others = self.nodes.losses().filter(|(node, _)| *node != here);
        for (node, losses) in others.chain([(here, &self.losses)]) {
            let known = self.upstream.ahead.known_loss(node);
            if losses.stream == self.losses.stream && losses.events > known {
                let news = KnownLoss { node: node.to_owned(), lost: losses.events };
                let username = self.progress.intent().and_then(live_user).unwrap_or_default();
                self.hub.publish_note(&missing(username.into(), losses.events - known), news.to_note());
            }
        }
    }
}

fn missing(username: Arc<str>, events: u64) -> Event {
    let now = Millis::from(clock::wall());
    let message = format!(
        "up to {events} events are missing: their node could not store them before it lost the channel"
    );
    let problem =
        Problem::new(Code::ClusterUnreachable, message).hint("the feed continues with later events");
    let data = Data::Failure(Failure { retrying: true, ..Failure::from(&problem) });
    Event { username, user: None, timestamp: now, ts: now, id: None, replay: false, injected: false, data }
}

impl Node {
    fn connection_changed(&mut self) {
        if *self.inbox.is_connected.borrow_and_update() {
            self.read_tail();
        }
        self.tell_trouble();
    }

    fn refusal_changed(&mut self) {
        let code = Code::ClusterUnreachable.name();
        let refusals = self.inbox.refusals.borrow_and_update().clone();
        match refusals.why() {
            Some(why) if *why == *SILENT => {
                warn!(code, "❌ JetStream does not answer; this node asks again until it does");
            }
            Some(why) => {
                warn!(code, %why, "❌ JetStream refuses messages; this node repeats them until they are accepted");
            }
            None => info!("JetStream takes messages again"),
        }
        self.tell_trouble();
    }

    /// Notifies readers that they receive nothing and why, or that events follow again.
    fn tell_trouble(&mut self) {
        self.has_told_unowned &= self.unowned().is_some();
        let trouble = self.find_trouble();
        if trouble != self.trouble {
            match &trouble {
                Some(trouble) => self.hub.notice("error", &notice(trouble)),
                None => self.hub.end_notice(),
            }
            if let Some(Problem { code: Code::ClusterUnowned, message, hint, .. }) = &trouble
                && !std::mem::replace(&mut self.has_told_unowned, true)
            {
                warn!(code = Code::ClusterUnowned.name(), why = message, hint, "❌ No node owns the channel");
            }
            self.trouble = trouble;
            self.share_owner();
            self.share_state();
        }
    }

    fn find_trouble(&self) -> Option<Problem> {
        let unreachable = |message: &str| Problem::new(Code::ClusterUnreachable, message);
        if self.store.is_rejected() {
            return Some(unreachable(REJECTED).hint(REJECTED_HINT));
        }
        if !*self.inbox.is_connected.borrow() {
            return Some(unreachable("this node cannot reach NATS; the feed continues when it can"));
        }
        if let Some(why) = self.unowned() {
            let message = format!("no node owns the channel: {why}; the feed continues when one does");
            return Some(Problem::new(Code::ClusterUnowned, message));
        }
        let (_, why, hint) = self.refusal()?;
        Some(unreachable(&format!("{why}; the feed continues when it takes messages")).hint(hint))
    }

    fn is_unowned(&self) -> bool {
        self.leaving.is_none() && self.member.is_unowned(self.now())
    }

    /// Returns why no node owns the channel, if none has for long.
    fn unowned(&self) -> Option<String> {
        if self.member.is_contested(self.now()) {
            return Some("nodes take it from one another, because NATS loses their leases".to_owned());
        }
        let why = || {
            let unstored = || self.store.unfit_since.lock().is_some().then(|| UNSTORED.to_owned());
            self.refusal()
                .map(|(_, why, _)| why)
                .or_else(unstored)
                .unwrap_or_else(|| "none could read the log and store its first record".to_owned())
        };
        self.is_unowned().then(why)
    }

    /// Returns why JetStream takes no messages of a node, as [`Store::explain`] says.
    fn refusal(&self) -> Option<(String, String, &'static str)> {
        let why = self.inbox.refusals.borrow().why().or_else(|| self.nodes.refused())?;
        Some(self.store.explain(&why))
    }
}

/// The message for subscribers while the feed stands still. It has no number, because nobody can assign one.
fn notice(Problem { code, message, hint, .. }: &Problem) -> Vec<u8> {
    let data = json!({ "code": code, "message": message, "hint": hint, "retrying": true });
    json!({ "type": "error", "data": data }).to_string().into_bytes()
}

impl Node {
    /// Takes the report of a node.
    fn note(&mut self, message: &Message) {
        let Some(report) = NodeReport::from_bytes(&message.payload) else { return };
        let NodeReport { about, known, follows, source, pause, others, .. } = report;
        if about.state.node == self.options.node {
            return;
        }
        pause.iter().filter(|pause| *pause.node != *self.options.node).for_each(|it| self.limit.learn(it));
        self.compare(&known, follows, source.is_some());
        if let Some((status, replay)) = source {
            if !self.member.is_owner() && self.member.reader().owner().0 == about.state.node {
                self.control.mirror(status, replay);
            }
            let own = self.about();
            self.nodes.hear(&about.state.node, others, &own);
        }
        self.log_end = self.log_end.max(known.last);
        self.nodes.note(about, &self.options.settings);
        self.tell_losses();
        self.tell_trouble();
    }

    /// Compares what another node knows of the log with what this one knows.
    fn compare(&mut self, known: &LogView, follows: bool, is_owner: bool) {
        let reader = self.member.reader();
        let is_same = *known == LogView::of(reader);
        let (is_ahead, lacks_records) = (known.is_ahead_of(reader), known.lacks_records_of(reader));
        if is_owner {
            let now = self.now();
            self.member.hear_owner(now, is_same);
        }
        if is_ahead {
            self.read_tail();
        } else if lacks_records {
            self.member.repeat_progress();
        } else if is_same && self.upstream.term.is_some() && !follows {
            self.inbox.reporting.reset_immediately();
        }
    }

    fn about(&self) -> About {
        let state = NodeState {
            node: self.options.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clients: self.hub.subscriber_count(),
        };
        let (losses, settings) = (self.losses.clone(), self.options.settings.clone());
        // A silence towards another node than the owner may be the trouble of that node alone.
        let is_known = |why: &Arc<str>| self.upstream.term.is_some() || **why != *SILENT;
        About { state, refused: self.inbox.refusals.borrow().why().filter(is_known), losses, settings }
    }

    /// Sends this node's report. `is_urgent` if all nodes need it at once.
    async fn report(&mut self, is_urgent: bool) {
        let about = self.about();
        self.nodes.note(about.clone(), &self.options.settings);
        let is_unowned = self.unowned().is_some();
        counts::update(&mut self.counts, &self.member, std::mem::take(&mut self.log_end), is_unowned);
        if self.store.channel != MAIN {
            self.announced.totals.note(&self.options.node, &self.counts);
        }
        self.store_posted();
        self.share_state();
        self.tell_trouble();
        if self.upstream.term.is_none() && self.unowned().is_some() {
            // What the last owner reported has ended.
            let counts = self.control.status().counts;
            self.control.mirror(Status { counts, ..Status::default() }, None);
        }
        if self.hub.sought().is_some() {
            self.read_tail();
        }
        let (is_owner, subject) = (self.upstream.term.is_some(), format!("node.{}", self.store.channel));
        let to_owner = format!("{subject}.{}", self.nodes.owner().unwrap_or_default());
        let (subject, lists) = match self.nodes.address(is_owner, is_urgent) {
            To::AllWithList => (subject, true),
            To::All => (subject, false),
            To::Owner => (to_owner, false),
            To::Nobody => return,
        };
        let pause = self.limit.pause(&self.options.node);
        let mut report = NodeReport::new(about, self.member.reader());
        report.source = is_owner.then(|| (self.control.status(), self.control.replay()));
        report.pause.clone_from(&pause);
        report.others = lists.then(|| self.nodes.others(&self.options.node));
        // NATS may be unreachable, and then the client's queue be full.
        let within = clock::now() + self.inbox.reporting.period() / 4;
        let sent = async {
            self.store.tell(&subject, report.to_bytes()).await;
            if let Some(pause) = pause.filter(|_| is_owner || is_urgent) {
                self.store.store_pause(&pause).await;
            }
        };
        drop(timeout_at(within, sent).await);
    }

    /// Shows the cluster in `/status` and `/metrics`.
    fn share_state(&mut self) {
        let owner = self.announced.owners.borrow().clone();
        let (reachable, nodes) =
            (*self.inbox.is_connected.borrow(), self.nodes.current(self.upstream.term.is_some()));
        let users = self.announced.totals.sum();
        let rejected = self.store.is_rejected().then(|| REJECTED.to_owned());
        self.control.set_nodes(control::Nodes {
            name: self.options.cluster.clone(),
            node: self.options.node.clone(),
            owner: owner.node,
            unowned: self.unowned(),
            reachable,
            refused: rejected.or_else(|| Some(self.refusal()?.0)),
            figures: counts::figures(reachable, nodes.len(), &self.counts, &users),
            nodes,
        });
    }
}
