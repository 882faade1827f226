//! What each node tells the others about itself, several times within a lease.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use livetape_feed::control::{NodeState, Pause, ReplayState, Status};
use livetape_io::clock;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::ownership::Reader;

/// Version of the message.
const VERSION: u8 = 1;
/// Maximum number of nodes that are shown.
const NODES_MAX: usize = 64;
/// Number of reports that a node may miss before it counts as gone.
const MISSES_MAX: u32 = 4;

#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Report {
    version: u8,
    pub(super) channel: String,
    pub(super) state: NodeState,
    #[serde(flatten)]
    pub(super) known: LogView,
    /// State of the source, from the owner.
    pub(super) source: Option<(Status, Option<ReplayState>)>,
    /// The pause that TikTok asked for.
    #[serde(default)]
    pub(super) pause: Option<Pause>,
    /// Why JetStream refuses messages of the node.
    #[serde(default)]
    pub(super) refused: Option<Arc<str>>,
    #[serde(default)]
    pub(super) losses: Losses,
}

/// Events of rooms that a node received, but could not store in a stream.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct Losses {
    pub(super) stream: String,
    /// Number since the node joined.
    pub(super) events: u64,
}

/// What a node knows of the log. Earlier versions tell less.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct LogView {
    /// Identity of the log.
    log: u64,
    /// Sequence of the last message that the node has read.
    pub(super) last: u64,
    /// Name of the stream; empty if the node does not know it.
    stream: Option<String>,
    /// Number of the last event.
    head: u64,
}

/// The other nodes, by their last report.
#[derive(Debug, Default)]
pub(super) struct Nodes(BTreeMap<String, Noted>);

#[derive(Debug)]
struct Noted {
    at: Instant,
    state: NodeState,
    refused: Option<Arc<str>>,
    losses: Losses,
}

impl Report {
    pub(super) fn new(channel: &str, state: NodeState, reader: &Reader) -> Self {
        let (channel, known) = (channel.to_owned(), LogView::of(reader));
        let (source, pause, refused, losses) = (None, None, None, Losses::default());
        Self { version: VERSION, channel, state, known, source, pause, refused, losses }
    }

    pub(super) fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }

    /// Returns `None` for messages of other programs and versions.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|report: &Self| report.version == VERSION)
    }
}

impl LogView {
    fn of(reader: &Reader) -> Self {
        Self {
            log: reader.log(),
            last: reader.last(),
            stream: Some(reader.stream().to_owned()),
            head: reader.head(),
        }
    }

    /// Whether `reader` should read the log: a message was lost on the way, and no other followed it, or the
    /// log was replaced.
    pub(super) fn is_ahead_of(&self, reader: &Reader) -> bool {
        (self.log != 0 && self.log != reader.log()) || self.last > reader.last()
    }

    /// Whether the node has read as much as `reader`, but lacks records that were removed before.
    pub(super) fn lacks_state_of(&self, reader: &Reader) -> bool {
        let known = Self::of(reader);
        (self.log, self.last) == (known.log, known.last) && self.stream.is_some() && *self != known
    }
}

impl Nodes {
    pub(super) fn note(&mut self, state: NodeState, refused: Option<Arc<str>>, losses: Losses) {
        if self.0.len() < NODES_MAX || self.0.contains_key(&state.node) {
            self.0.insert(state.node.clone(), Noted { at: clock::now(), state, refused, losses });
        }
    }

    pub(super) fn losses(&self) -> impl Iterator<Item = (&str, &Losses)> {
        self.0.iter().map(|(node, noted)| (&**node, &noted.losses))
    }

    /// Returns the nodes that still report, by name.
    pub(super) fn current(&mut self, interval: Duration) -> Vec<NodeState> {
        let now = clock::now();
        self.0.retain(|_, noted| noted.at + interval * MISSES_MAX > now);
        self.0.values().map(|noted| noted.state.clone()).collect()
    }

    /// Returns why JetStream refuses messages of any of them.
    pub(super) fn refused(&self) -> Option<Arc<str>> {
        self.0.values().find_map(|noted| noted.refused.clone())
    }
}
