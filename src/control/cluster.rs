//! The nodes that share the main channel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// All nodes, by name.
    pub nodes: Vec<NodeState>,
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
