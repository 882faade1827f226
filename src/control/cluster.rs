//! The nodes that share the main channel.

use std::{collections::BTreeMap, sync::Arc};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Control, Driver, ORDERS_WAITING_MAX, Order, ReplayState, Status, lock};

/// The cluster that this node is part of.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterState {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of this node.
    pub node: String,
    /// Node that owns the main channel; `null` if unknown.
    pub owner: Option<String>,
    /// Whether this node can reach NATS.
    pub reachable: bool,
    /// Why JetStream refuses the messages of a node, in its words, or that it does not answer; `null` if it
    /// takes them.
    pub refused: Option<String>,
    /// All nodes, by name.
    pub nodes: Vec<NodeState>,
    /// What this node has done in the main channel, for `/metrics`.
    #[serde(skip)]
    pub counts: ClusterCounts,
    /// The same in the channels of all users.
    #[serde(skip)]
    pub counts_of_users: ClusterCounts,
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

/// Outcomes of attempts to publish.
pub const OUTCOMES: [&str; 4] = ["stored", "rejected", "refused", "unanswered"];

/// What a node has done in its cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterCounts {
    /// Number of messages of the log that another node has read, but this one has not.
    pub lag: u64,
    /// Number of channels that this node owns.
    pub leases: u64,
    /// Number of times that the channel got an owner since this node joined.
    pub handovers: u64,
    /// Number of attempts to publish, by one of the [`OUTCOMES`].
    pub published: BTreeMap<&'static str, u64>,
}

impl ClusterState {
    /// Whether other nodes have readers, as they report several times in the lifetime of a lease.
    #[must_use]
    pub fn is_read_elsewhere(&self) -> bool {
        self.nodes.iter().any(|node| node.node != self.node && node.clients > 0)
    }
}

impl ClusterCounts {
    /// Adds those of another channel. The lag is the largest.
    pub fn add(&mut self, other: &Self) {
        self.lag = self.lag.max(other.lag);
        self.leases += other.leases;
        self.handovers += other.handovers;
        for (outcome, count) in &other.published {
            *self.published.entry(outcome).or_default() += count;
        }
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
struct Live {
    user: String,
    #[serde(default)]
    followed: bool,
}

fn live(intent: &str) -> Option<Live> {
    #[derive(Deserialize)]
    struct Intent {
        live: Live,
    }
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

impl Control {
    /// Returns the cluster that this process is part of.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterState> {
        lock(&self.shared).cluster.clone()
    }

    /// Updates the cluster that this process is part of.
    pub fn set_cluster(&self, state: ClusterState) {
        lock(&self.shared).cluster = Some(state);
    }

    /// Shows the state of a source in another process.
    pub fn mirror(&self, status: Status, replay: Option<ReplayState>) {
        let mut shared = lock(&self.shared);
        shared.update_status(|own| *own = status);
        shared.replay = replay;
    }
}

impl Driver {
    /// Returns the cluster that this process is part of.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterState> {
        lock(&self.shared).cluster.clone()
    }

    /// Returns all orders to come instead of passing them to the source, and a sender of orders to the
    /// source.
    pub fn intercept(&mut self) -> (mpsc::Receiver<Order>, mpsc::Sender<Order>) {
        let (sender, orders) = mpsc::channel(ORDERS_WAITING_MAX);
        (std::mem::replace(&mut self.orders, orders), sender)
    }
}
