//! What each node tells the others about itself, several times within a lease.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{
    clock,
    control::{NodeState, Pause, ReplayState, Status},
};

/// Version of the message.
const VERSION: u8 = 1;
/// Maximum number of nodes that are shown.
const NODES_MAX: usize = 64;
/// Number of reports that a node may miss before it counts as gone.
const MISSES_MAX: u32 = 4;

/// A node's report.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Report {
    version: u8,
    /// The channel that the report is about.
    pub(super) channel: String,
    pub(super) state: NodeState,
    /// Number of the last event that the node knows.
    pub(super) head: u64,
    /// Sequence of the last message of the log that the node has read. Earlier versions do not tell it.
    #[serde(default)]
    pub(super) last: u64,
    /// State of the source, from the owner.
    pub(super) source: Option<(Status, Option<ReplayState>)>,
    /// The pause that TikTok asked for.
    #[serde(default)]
    pub(super) pause: Option<Pause>,
}

/// The other nodes, by their last report.
#[derive(Debug, Default)]
pub(super) struct Nodes(BTreeMap<String, (Instant, NodeState)>);

impl Report {
    pub(super) fn new(
        channel: &str,
        state: NodeState,
        (head, last): (u64, u64),
        source: Option<(Status, Option<ReplayState>)>,
        pause: Option<Pause>,
    ) -> Self {
        Self { version: VERSION, channel: channel.to_owned(), state, head, last, source, pause }
    }

    pub(super) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Returns `None` for messages of other programs and versions.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|report: &Self| report.version == VERSION)
    }
}

impl Nodes {
    pub(super) fn note(&mut self, state: NodeState) {
        if self.0.len() < NODES_MAX || self.0.contains_key(&state.node) {
            self.0.insert(state.node.clone(), (clock::now(), state));
        }
    }

    /// Returns the nodes that still report, by name.
    pub(super) fn current(&mut self, interval: Duration) -> Vec<NodeState> {
        let now = clock::now();
        self.0.retain(|_, (noted, _)| *noted + interval * MISSES_MAX > now);
        self.0.values().map(|(_, state)| state.clone()).collect()
    }
}
