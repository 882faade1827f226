//! Claims on users and on slots for live rooms: entries of the bucket, each held by one node at a time. And the channels of
//! users: each is like the main channel, and this process has it while it has readers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use livetape_core::error::{Cause, Code, Problem};
use livetape_feed::control::{Claim, ClaimRequest, Joined, Joining, Refusal, Term, What, followed_user};
use livetape_io::clock;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use super::{
    Options, START_TIME,
    node::{Announced, Node},
    orders::Owner,
    ready,
    store::Store,
};
use crate::{
    counts::Totals,
    ownership::{Lease, LeaseReply},
};

pub const SLOTS_MAX: usize = 1_024;
/// Interval at which a claim that another node has is tried again.
const AGAIN: Duration = Duration::from_millis(50);
/// Time for a release to arrive.
const RELEASE_TIME: Duration = Duration::from_millis(300);
/// Maximum time to release all claims when the server shuts down. Others expire.
const LEAVE_TIME: Duration = Duration::from_secs(2);

/// Returns the name of a user's channel, and of the claim on the user. Dots separate the parts of a subject,
/// and no user name contains `=`.
pub(super) fn of_user(user: &str) -> String {
    format!("user.{}", user.to_lowercase().replace('.', "="))
}

pub(super) fn unreachable() -> Problem {
    Problem::new(Code::ClusterUnreachable, "this node cannot reach NATS")
}

/// Takes and holds the claims of this process.
#[derive(Clone)]
pub(super) struct Claimant {
    pub(super) store: Store,
    pub(super) node: String,
    pub(super) lease: Duration,
    /// Number of claims so far: two of the same process are different holders.
    pub(super) count: Arc<AtomicU64>,
    /// The claims that this process holds, and the channels of users that it shares.
    pub(super) held: TaskTracker,
}

/// A claim while it is being taken or held.
struct Held {
    store: Store,
    key: String,
    holder: Holder,
    lease: Lease,
}

#[derive(Clone)]
struct Holder {
    name: String,
    /// Time 0 of its leases.
    started: Instant,
}

/// Waits until all claims are released, all channels of users left, and all orders answered.
pub(super) async fn released(held: TaskTracker) {
    held.close();
    drop(timeout(LEAVE_TIME, held.wait()).await);
}

impl Claimant {
    /// Takes a claim.
    pub(super) async fn answer(self, wanted: ClaimRequest) {
        // The same in all attempts: one may have succeeded although its answer was lost.
        let holder = Holder {
            name: format!("{}.{}", self.node, self.count.fetch_add(1, Ordering::Relaxed)),
            started: clock::now(),
        };
        // A lease that its holder renewed until it was killed expires within its lifetime.
        let patience = if wanted.waits { self.lease * 2 + RELEASE_TIME } else { RELEASE_TIME };
        let mut patience_ends = clock::now() + patience;
        let mut is_first = true;
        loop {
            let answer = self.take(&wanted.what, &holder).await;
            if wanted.answer.is_unheard() {
                // The next statement releases it.
                return drop(answer);
            }
            match answer {
                Ok(claim) => return wanted.answer.accept(claim),
                // The next attempt finds what the first one may have achieved.
                Err(Problem { code: Code::ClusterUnreachable, .. }) if wanted.waits || is_first => {
                    patience_ends = clock::now() + patience;
                }
                Err(problem) if clock::now() >= patience_ends => {
                    return wanted.answer.refuse(Refusal { retry_after: Some(self.lease), ..problem.into() });
                }
                Err(_) => {}
            }
            is_first = false;
            sleep_until(clock::now() + AGAIN).await;
        }
    }

    async fn take(&self, what: &What, holder: &Holder) -> Result<Claim, Problem> {
        let keys = match what {
            What::User(user) => vec![of_user(user)],
            What::Slot(max) => (0..SLOTS_MAX.min(*max)).map(|place| format!("place.{place}")).collect(),
        };
        for key in keys {
            if let Some(claim) = self.take_key(key, holder.clone()).await? {
                return Ok(claim);
            }
        }
        Err(match what {
            What::User(user) => {
                let message = format!("another node of the cluster is connected to `{user}`");
                Problem::capacity(Cause::UserElsewhere, message)
                    .hint("read the room there, or disconnect it first")
            }
            What::Slot(max) => {
                let message = format!("the maximum number of live rooms in the cluster, {max}, is connected");
                Problem::capacity(Cause::LiveRoomsOfCluster, message)
                    .hint("try again when a room has ended, or raise `server.max_live` on every node")
            }
        })
    }

    async fn take_key(&self, key: String, holder: Holder) -> Result<Option<Claim>, Problem> {
        let (store, lease) = (self.store.clone(), Lease::new(self.lease));
        let mut held = Held { store, key, holder, lease };
        let answer = held.ask().await;
        if held.lease.is_held() {
            let (lost, dropped) = (CancellationToken::new(), CancellationToken::new());
            self.held.spawn(held.keep(lost.clone(), dropped.clone()));
            return Ok(Some(Claim::new(lost, dropped)));
        }
        if let Some(LeaseReply::Unknown) = answer {
            return Err(unreachable());
        }
        Ok(None)
    }
}

impl Held {
    /// Sends the request that is due, and returns the answer.
    async fn ask(&mut self) -> Option<LeaseReply> {
        let sent = self.now();
        let revision = self.lease.ask(sent)?;
        let answer = self.store.take_lease(&self.key, &self.holder.name, revision, sent).await;
        let now = self.now();
        match answer {
            LeaseReply::Held { revision, sent } => {
                if let Some(revision) = self.lease.hold(now, revision, sent) {
                    self.store.release_lease(&self.key, &self.holder.name, revision).await;
                }
            }
            LeaseReply::Taken => {
                self.lease.take_away(now);
            }
            LeaseReply::Missing => {
                self.lease.is_missing(now);
            }
            LeaseReply::Unknown => self.lease.miss(now),
        }
        Some(answer)
    }

    fn now(&self) -> Duration {
        clock::now().duration_since(self.holder.started)
    }

    /// Renews the claim until it is dropped or lost.
    async fn keep(mut self, lost: CancellationToken, dropped: CancellationToken) {
        while let (Some(end), Some(next)) = (self.lease.ends_at(), self.lease.asks_at()) {
            let (end, next) = (self.holder.started + end, self.holder.started + next);
            tokio::select! { biased;
                () = dropped.cancelled() => break,
                () = sleep_until(end) => break,
                _ = async { sleep_until(next).await; self.ask().await } => {}
            }
        }
        lost.cancel();
        // Until then, the room may be closing its connection.
        dropped.cancelled().await;
        let now = self.now();
        if let Some(revision) = self.lease.release(now) {
            self.store.release_lease(&self.key, &self.holder.name, revision).await;
        }
    }
}

/// What the task of a channel reports to the rest of the process.
pub(super) struct Heard {
    pub(super) terms: mpsc::Receiver<Term>,
    pub(super) owner: watch::Receiver<Owner>,
    pub(super) has_stream: watch::Receiver<bool>,
    pub(super) intent: watch::Receiver<Option<Arc<str>>>,
}

/// Joins the channels of users.
#[derive(Clone)]
pub(super) struct Rooms {
    pub(super) options: Options,
    pub(super) store: Store,
    pub(super) tasks: TaskTracker,
    pub(super) shown: Shown,
    pub(super) totals: Totals,
}

/// What the main channel shows.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) owner: watch::Receiver<Owner>,
    pub(super) intent: watch::Receiver<Option<Arc<str>>>,
}

pub(super) fn announcements(totals: &Totals) -> (Announced, Heard) {
    let (sender, terms) = mpsc::channel(1);
    let (owners, owner) = watch::channel(Owner::default());
    let (streams, has_stream) = watch::channel(false);
    let (intents, intent) = watch::channel(None);
    let announced =
        Announced { terms: sender, owners, has_stream: streams, intent: intents, totals: totals.clone() };
    (announced, Heard { terms, owner, has_stream, intent })
}

impl Rooms {
    /// Shares a channel until its source is shut down.
    pub(super) async fn join(self, joining: Joining, is_connected: watch::Receiver<bool>) {
        let Joining { user, hub, control, answer } = joining;
        let (announced, heard) = announcements(&self.totals);
        let Heard { terms, has_stream, intent, .. } = heard;
        let (within, mut connected): (Duration, _) = (START_TIME + self.options.lease, is_connected.clone());
        // A room that ended may still be leaving: the next one of this process is another member.
        let options = Options { node: hub.name_here().to_string(), ..self.options };
        let store = self.store.of_channel(&of_user(&user));
        let joined: Result<(), Problem> = tokio::select! { biased;
            _ = connected.wait_for(|is_connected| !is_connected) => Err(unreachable()),
            joined = async {
                // Otherwise nobody would learn why JetStream refuses it.
                store.ensure_log().await.inspect_err(|problem| {
                    let code = problem.code.name();
                    warn!(code, why = %problem, "❌ JetStream refuses the room of @{user}");
                })?;
                let (tells, may_own) = watch::channel(self.shown.allows(&user));
                let node = Node::new(options, is_connected, store, (hub, control.clone()), announced, may_own).await?;
                tokio::spawn(self.shown.tell(user, tells));
                self.tasks.spawn(node.run());
                ready(has_stream, within).await
            } => joined,
        };
        match joined {
            Ok(()) => answer.accept(Joined { terms, intent }),
            Err(problem) => {
                control.shut_down();
                answer.refuse(problem);
            }
        }
    }
}

impl Shown {
    /// Whether this process may own the channel of `user`. If the main channel shows the user, both belong to
    /// one process, so that they share the connection.
    fn allows(&self, user: &str) -> bool {
        let shown = self.intent.borrow().as_deref().and_then(followed_user);
        shown.is_none_or(|shown| !shown.eq_ignore_ascii_case(user)) || self.owner.borrow().is_here
    }

    /// Reports whether this process may own the channel, as long as somebody listens.
    async fn tell(mut self, user: String, may_own: watch::Sender<bool>) {
        loop {
            let allowed = self.allows(&user);
            may_own.send_if_modified(|may| std::mem::replace(may, allowed) != allowed);
            tokio::select! { biased;
                () = may_own.closed() => return,
                Ok(()) = self.owner.changed() => {}
                Ok(()) = self.intent.changed() => {}
                else => return,
            }
        }
    }
}
