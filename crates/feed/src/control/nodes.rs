//! The processes that share channels with this one: what they tell each other, and what they ask of each other.

use std::sync::Arc;

use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Answer, Control, Driver, ORDERS_WAITING_MAX, Order, Refusal, ReplayState, Status, give};
use crate::hub::Hub;

/// What `/status` shows if processes share channels.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
#[schemars(inline)]
pub struct NodesStatus {
    /// The cluster that this server is part of, with `--nats`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Nodes>,
}

/// The cluster that this node is part of.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ClusterState")]
pub struct Nodes {
    /// Name of the cluster.
    #[serde(rename = "cluster")]
    pub name: String,
    /// Name of this node.
    pub node: String,
    /// Node that owns the main channel; `null` if unknown.
    pub owner: Option<String>,
    /// Why no node has owned the main channel for two leases; `null` if one does.
    pub unowned: Option<String>,
    /// Whether this node can reach NATS.
    pub reachable: bool,
    /// Why JetStream refuses the messages of a node, in its words, that it does not answer, or that NATS rejects
    /// this node; `null` if neither.
    pub refused: Option<String>,
    /// All nodes, by name.
    pub nodes: Vec<NodeState>,
    /// What this node has done, for `/metrics`. Figures of one name follow one another.
    #[serde(skip)]
    pub figures: Vec<Figure>,
}

/// A node of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeState {
    /// Its name; new with each start.
    pub node: String,
    /// Its version of livetape.
    pub version: String,
    /// Number of clients that subscribe to its events.
    pub clients: usize,
}

/// A metric with its labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Its name. That of a counter ends in `_total`.
    pub name: &'static str,
    pub help: &'static str,
    /// Names and values of its labels.
    pub labels: Vec<(&'static str, &'static str)>,
    pub value: u64,
}

impl Nodes {
    /// Checks whether this process can serve clients.
    ///
    /// # Errors
    /// `cluster_unreachable`.
    pub fn check(&self) -> Result<(), Problem> {
        if self.reachable {
            return Ok(());
        }
        Err(Problem::new(Code::ClusterUnreachable, "this node cannot reach NATS"))
    }

    /// Whether others have readers, as they report several times in the lifetime of an owner's lease.
    #[must_use]
    pub fn is_read_elsewhere(&self) -> bool {
        self.nodes.iter().any(|node| node.node != self.node && node.clients > 0)
    }

    /// Whether this process owns the channel.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.owner.as_ref() == Some(&self.node)
    }
}

/// A time in which this process owns a channel that several processes share.
#[derive(Debug)]
pub struct Term {
    /// Its number in the stream.
    pub epoch: u64,
    /// What the previous owner was doing, in its own words.
    pub intent: Option<Arc<str>>,
    /// Number of events that its source has broadcast since it started or started over, without injected
    /// ones.
    pub passed: u64,
    /// Ends the term.
    pub over: CancellationToken,
    /// Told when everything of the term was broadcast.
    pub ended: oneshot::Sender<()>,
}

/// A room, from its owner's own words.
#[derive(Deserialize)]
struct Intent {
    live: Live,
}

#[derive(Deserialize)]
struct Live {
    user: String,
    #[serde(default)]
    followed: bool,
}

impl Control {
    /// Returns the processes that share channels; `None` if this one is alone.
    #[must_use]
    pub fn nodes(&self) -> Option<Nodes> {
        self.shared.lock().nodes.clone()
    }

    pub fn set_nodes(&self, nodes: Nodes) {
        self.shared.lock().nodes = Some(nodes);
    }

    /// Shows the state of a source in another process.
    pub fn mirror(&self, status: Status, replay: Option<ReplayState>) {
        let mut shared = self.shared.lock();
        shared.update_status(|own| *own = status);
        shared.replay = replay.map(|replay| (replay, clock::now()));
    }
}

impl Driver {
    /// Returns the processes that share channels; `None` if this one is alone.
    #[must_use]
    pub fn nodes(&self) -> Option<Nodes> {
        self.shared.lock().nodes.clone()
    }

    /// Returns all orders to come instead of passing them to the source, and a sender of orders to the
    /// source.
    pub fn intercept(&mut self) -> (mpsc::Receiver<Order>, mpsc::Sender<Order>) {
        let (sender, orders) = mpsc::channel(ORDERS_WAITING_MAX);
        (std::mem::replace(&mut self.orders, orders), sender)
    }
}

/// Asks the other processes. Without any, everything is free, and nothing is shared.
#[derive(Clone, Debug, Default)]
pub struct Claims(Option<mpsc::Sender<Asked>>);

/// A request to the other processes.
#[derive(Debug)]
pub enum Asked {
    /// For something that one process may have at a time.
    Claim(ClaimRequest),
    /// To share the channel of a user.
    Channel(Joining),
}

/// A request to share the channel of a user with the other processes.
#[derive(Debug)]
pub struct Joining {
    pub user: String,
    /// This process's hub of the channel, [relayed](Hub::relayed).
    pub hub: Hub,
    /// The handle of its source. The process leaves when it is shut down.
    pub control: Control,
    /// Answered when the stream has a name.
    pub answer: Answer<Joined>,
}

/// Membership of this process in the channel of a user.
#[derive(Debug)]
pub struct Joined {
    /// The times in which this process owns the channel.
    pub terms: mpsc::Receiver<Term>,
    /// What the owner is doing, in its own words.
    pub intent: watch::Receiver<Option<Arc<str>>>,
}

/// A request for a claim.
#[derive(Debug)]
pub struct ClaimRequest {
    pub what: What,
    /// Whether to wait for a process that is gone, or for an answer.
    pub waits: bool,
    /// Takes the claim. A claim that nobody waits for any more is released.
    pub answer: Answer<Claim>,
}

/// What to claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The connection to this user.
    User(String),
    /// One of this many slots.
    Slot(usize),
}

/// A claim, released on drop. It may be lost before.
#[derive(Debug, Default)]
pub struct Claim {
    lost: Option<CancellationToken>,
    _held: Option<DropGuard>,
}

impl Claims {
    /// Returns claims of a process with others, and the requests for them.
    #[must_use]
    pub fn shared() -> (Self, mpsc::Receiver<Asked>) {
        let (sender, asked) = mpsc::channel(ORDERS_WAITING_MAX);
        (Self(Some(sender)), asked)
    }

    /// Whether there are other processes.
    #[must_use]
    pub fn are_shared(&self) -> bool {
        self.0.is_some()
    }

    /// Shares the channel of a user. Returns when its stream has a name; `None` without other processes.
    ///
    /// # Errors
    /// If the other processes cannot be reached.
    pub async fn join(&self, user: &str, hub: &Hub, control: &Control) -> Result<Option<Joined>, Refusal> {
        let Some(others) = &self.0 else { return Ok(None) };
        let (user, hub, control) = (user.to_owned(), hub.clone(), control.clone());
        let asked = |answer| Asked::Channel(Joining { user, hub, control, answer });
        give(others, asked).await.map(Some)
    }

    /// # Errors
    /// `capacity` if other processes have it, another code if they cannot be reached.
    pub async fn take(&self, what: What, waits: bool) -> Result<Claim, Refusal> {
        match &self.0 {
            None => Ok(Claim::default()),
            Some(claims) => give(claims, |answer| Asked::Claim(ClaimRequest { what, waits, answer })).await,
        }
    }
}

impl Claim {
    /// Creates a claim: the first token is cancelled when the claim is lost, the second when it is dropped.
    #[must_use]
    pub fn new(lost: CancellationToken, dropped: CancellationToken) -> Self {
        Self { lost: Some(lost), _held: Some(dropped.drop_guard()) }
    }

    /// Returns a future that ends when the claim is lost.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let lost = self.lost.clone();
        async move {
            match lost {
                Some(lost) => lost.cancelled_owned().await,
                None => std::future::pending().await,
            }
        }
    }
}

fn live(intent: &str) -> Option<Live> {
    serde_json::from_str(intent).ok().map(|Intent { live }| live)
}

/// Returns the user to whose room the owner is connected, or tries to be, from its own words. What it loses
/// is gone, while a replay is continued.
#[must_use]
pub fn live_user(intent: &str) -> Option<String> {
    live(intent).map(|live| live.user)
}

/// The same, if the channel of that user belongs to the same process.
#[must_use]
pub fn followed_user(intent: &str) -> Option<String> {
    live(intent).filter(|live| live.followed).map(|live| live.user)
}
