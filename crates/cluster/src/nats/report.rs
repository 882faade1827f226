//! What each node tells the others about itself, several times within a lease.
//!
//! Nodes report to the owner of the channel, and the owner tells all nodes about itself and, at intervals, about the others,
//! so that idle traffic grows with the number of nodes, not with its square. Without an owner, a node tells all nodes itself,
//! the more rarely the more there are.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use livetape_feed::control::{NodeState, Pause, ReplayState, Status};
use livetape_io::clock;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tracing::warn;

use crate::ownership::Reader;

/// Version of the message.
const VERSION: u8 = 1;
/// Maximum number of nodes that are shown.
const NODES_MAX: usize = 1_024;
/// Number of reports that a node may miss before it counts as gone.
const MISSES_MAX: u32 = 4;
/// Number of nodes that the owner lists in each of its reports. It lists more of them more rarely.
const LISTED_NODES: usize = 8;

#[derive(Debug, Deserialize, Serialize)]
pub(super) struct NodeReport {
    version: u8,
    #[serde(flatten)]
    pub(super) about: About,
    #[serde(flatten)]
    pub(super) known: LogView,
    /// Whether the node knows that the log ends there, or need not know it.
    #[serde(default)]
    pub(super) follows: bool,
    /// State of the source, from the owner.
    pub(super) source: Option<(Status, Option<ReplayState>)>,
    /// The pause that TikTok asked for.
    #[serde(default)]
    pub(super) pause: Option<Pause>,
    /// All other nodes, from the owner.
    #[serde(default)]
    pub(super) others: Option<Vec<About>>,
}

/// What nodes tell about each other.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct About {
    pub(super) state: NodeState,
    /// Why JetStream refuses messages of the node.
    #[serde(default)]
    pub(super) refused: Option<Arc<str>>,
    #[serde(default)]
    pub(super) losses: Losses,
    #[serde(default)]
    pub(super) settings: Settings,
}

/// Settings that must be the same at all nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Settings {
    /// Short hash of all tokens: too short to find a token with it.
    pub tokens: String,
    /// Maximum number of live rooms.
    pub max_live: usize,
}

impl Settings {
    /// Returns what another node has differently, for people.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let tokens = (self.tokens != other.tokens).then(|| "other tokens".to_owned());
        let live = (self.max_live != other.max_live)
            .then(|| format!("--max-live {} instead of {}", other.max_live, self.max_live));
        tokens.into_iter().chain(live).collect()
    }
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

/// All nodes, by what was last told about them.
#[derive(Debug)]
pub(super) struct Nodes {
    known: BTreeMap<String, (Instant, About)>,
    /// Interval between reports of a node.
    period: Duration,
    /// Time of the owner's last report, and its name.
    heard: Option<(Instant, String)>,
    /// Number of reports that were due.
    due: usize,
    /// Whether a node joined since the last list.
    is_news: bool,
}

/// Where a report goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// From the owner to all nodes.
    AllWithList,
    All,
    Owner,
    Nobody,
}

impl NodeReport {
    pub(super) fn new(about: About, reader: &Reader) -> Self {
        let (known, follows) = (LogView::of(reader), reader.knows_end());
        Self { version: VERSION, about, known, follows, source: None, pause: None, others: None }
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
    pub(super) fn of(reader: &Reader) -> Self {
        Self {
            log: reader.log,
            last: reader.last,
            stream: Some(reader.stream().to_owned()),
            head: reader.head,
        }
    }

    /// Whether `reader` should read the log: a message was lost on the way, and no other followed it, or the
    /// log was replaced.
    pub(super) fn is_ahead_of(&self, reader: &Reader) -> bool {
        (self.log != 0 && self.log != reader.log) || self.last > reader.last
    }

    /// Whether the node has read as much as `reader`, but lacks records that were removed before.
    pub(super) fn lacks_records_of(&self, reader: &Reader) -> bool {
        let known = Self::of(reader);
        (self.log, self.last) == (known.log, known.last) && self.stream.is_some() && *self != known
    }
}

impl Nodes {
    pub(super) fn new(period: Duration) -> Self {
        Self { known: BTreeMap::new(), period, heard: None, due: 0, is_news: false }
    }

    /// Returns where the report goes that is due now. `is_urgent` if all nodes need it at once.
    pub(super) fn address(&mut self, is_owner: bool, is_urgent: bool) -> To {
        let (due, is_heard) = (self.due, self.is_heard());
        self.due += 1;
        if is_owner {
            let lists = std::mem::take(&mut self.is_news) || due.is_multiple_of(self.pause_of_lists());
            return if lists { To::AllWithList } else { To::All };
        }
        match is_heard {
            _ if is_urgent => To::All,
            true => To::Owner,
            false if due.is_multiple_of(self.known.len().max(1)) => To::All,
            false => To::Nobody,
        }
    }

    /// Whether the owner, which may be another by now, reported a moment ago.
    fn is_heard(&self) -> bool {
        self.heard.as_ref().is_some_and(|(at, _)| *at + self.period * MISSES_MAX > clock::now())
    }

    pub(super) fn owner(&self) -> Option<&str> {
        Some(&self.heard.as_ref()?.1)
    }

    /// Returns the number of the owner's reports for each list.
    fn pause_of_lists(&self) -> usize {
        self.known.len().div_ceil(LISTED_NODES).max(1)
    }

    /// Returns all nodes but `here`, for a list.
    pub(super) fn others(&self, here: &str) -> Vec<About> {
        self.known
            .values()
            .map(|(_, about)| about)
            .filter(|about| about.state.node != here)
            .cloned()
            .collect()
    }

    /// Takes what the owner reports about all nodes.
    pub(super) fn hear(&mut self, owner: &str, others: Option<Vec<About>>, own: &About) {
        self.heard = Some((clock::now(), owner.to_owned()));
        let others = others.unwrap_or_default().into_iter();
        others
            .filter(|about| about.state.node != own.state.node)
            .for_each(|about| self.note(about, &own.settings));
    }

    /// `settings` are those of this node.
    pub(super) fn note(&mut self, about: About, settings: &Settings) {
        let node = about.state.node.clone();
        if !self.known.contains_key(&node) {
            if self.known.len() >= NODES_MAX {
                return;
            }
            self.is_news = true;
            for what in settings.differences(&about.settings) {
                warn!(node, "⚠️ Another node has {what}: clients get different answers there");
            }
        }
        self.known.insert(node, (clock::now(), about));
    }

    pub(super) fn losses(&self) -> impl Iterator<Item = (&str, &Losses)> {
        self.known.iter().map(|(node, (_, about))| (&**node, &about.losses))
    }

    /// Returns the nodes that still report, by name.
    pub(super) fn current(&mut self, is_owner: bool) -> Vec<NodeState> {
        let (now, count) = (clock::now(), self.known.len().max(1));
        let reports = match self.is_heard() {
            _ if is_owner => 1,
            true => self.pause_of_lists(),
            false => count,
        };
        let kept = self.period * MISSES_MAX * u32::try_from(reports).unwrap_or(u32::MAX);
        self.known.retain(|_, (at, _)| *at + kept > now);
        self.known.values().map(|(_, about)| about.state.clone()).collect()
    }

    /// Returns why JetStream refuses messages of any of them.
    pub(super) fn refused(&self) -> Option<Arc<str>> {
        self.known.values().find_map(|(_, about)| about.refused.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::time::advance;

    use super::*;

    const PERIOD: Duration = Duration::from_secs(1);

    fn about(node: usize) -> About {
        let state = NodeState { node: format!("{node:04}"), ..NodeState::default() };
        About { state, ..About::default() }
    }

    /// A cluster without NATS: returns the messages that are delivered in `periods`, in or out of it.
    async fn run(nodes: &mut BTreeMap<usize, Nodes>, owner: Option<usize>, periods: usize) -> usize {
        let mut messages = 0;
        for _ in 0..periods {
            advance(PERIOD).await;
            for node in nodes.keys().copied().collect::<Vec<_>>() {
                let known = nodes.get_mut(&node).unwrap();
                known.note(about(node), &Settings::default());
                let to = known.address(owner == Some(node), false);
                let others = (to == To::AllWithList).then(|| known.others(&about(node).state.node));
                let all = nodes.keys().copied().collect::<Vec<_>>();
                let receivers = match to {
                    To::AllWithList | To::All => all,
                    To::Owner => owner.into_iter().collect(),
                    To::Nobody => vec![],
                };
                messages += usize::from(to != To::Nobody) + receivers.len();
                for receiver in receivers.into_iter().filter(|receiver| *receiver != node) {
                    let receiving = nodes.get_mut(&receiver).unwrap();
                    receiving.note(about(node), &Settings::default());
                    if owner == Some(node) {
                        receiving.hear(&about(node).state.node, others.clone(), &about(receiver));
                    }
                }
            }
            for (node, known) in nodes.iter_mut() {
                known.current(owner == Some(*node));
            }
        }
        messages
    }

    fn cluster(count: usize) -> BTreeMap<usize, Nodes> {
        (0..count).map(|node| (node, Nodes::new(PERIOD))).collect()
    }

    fn counts(nodes: &mut BTreeMap<usize, Nodes>, owner: Option<usize>) -> Vec<usize> {
        let mut counts: Vec<_> =
            nodes.iter_mut().map(|(node, known)| known.current(owner == Some(*node)).len()).collect();
        counts.dedup();
        counts
    }

    #[tokio::test(start_paused = true)]
    async fn traffic_grows_with_the_number_of_nodes() {
        for count in [1, 2, 4, 8, 16, 100] {
            let mut nodes = cluster(count);
            run(&mut nodes, Some(count - 1), 3).await;
            assert_eq!(counts(&mut nodes, Some(count - 1)), [count], "after two periods, all know all");
            let messages = run(&mut nodes, Some(count - 1), 3).await;
            assert!(messages <= 3 * 3 * count, "{messages} messages of {count} nodes in three periods");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_owner_nodes_still_know_each_other() {
        for count in [2, 30] {
            let mut nodes = cluster(count);
            run(&mut nodes, Some(0), 5).await;
            nodes.remove(&0);
            let kept = run(&mut nodes, None, 10 * count).await;
            assert_eq!(counts(&mut nodes, None), [count - 1], "the owner is gone, nobody else");
            assert!(kept <= 3 * 10 * count * count, "{kept}");
            // The next owner needs the lists of nobody.
            run(&mut nodes, Some(1), 3).await;
            assert_eq!(counts(&mut nodes, Some(1)), [count - 1]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_gone_is_forgotten_everywhere() {
        let mut nodes = cluster(100);
        run(&mut nodes, Some(0), 5).await;
        nodes.remove(&50);
        run(&mut nodes, Some(0), 4 * 14 + 5).await;
        assert_eq!(counts(&mut nodes, Some(0)), [99]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_names_is_bounded() {
        let mut nodes = Nodes::new(PERIOD);
        (0..2 * NODES_MAX).for_each(|node| nodes.note(about(node), &Settings::default()));
        assert_eq!(nodes.current(true).len(), NODES_MAX);
        let report = NodeReport { others: Some(nodes.others("")), ..sent() };
        assert!(report.to_bytes().len() < 512 << 10, "it fits into a message of NATS");
    }

    fn sent() -> NodeReport {
        NodeReport::new(about(1), &Reader::default())
    }

    #[test]
    fn reports_of_other_versions_are_no_reports() {
        let bytes = sent().to_bytes();
        assert_eq!(NodeReport::from_bytes(&bytes).unwrap().about.state.node, "0001");
        let other = |version| NodeReport { version, ..sent() }.to_bytes();
        assert!([0, 2].into_iter().all(|version| NodeReport::from_bytes(&other(version)).is_none()));
        assert!(NodeReport::from_bytes(b"garbage").is_none());
        // The first version had no settings, refusals or losses.
        let first =
            br#"{"version":1,"channel":"main","state":{"node":"a","version":"1","clients":0},"source":null}"#;
        assert!(NodeReport::from_bytes(first).is_some());
    }

    #[test]
    fn differences_of_settings_are_named() {
        let settings = |tokens: &str, max_live| Settings { tokens: tokens.into(), max_live };
        assert!(settings("a", 1).differences(&settings("a", 1)).is_empty());
        let told = settings("a", 1).differences(&settings("b", 2));
        assert_eq!(told, ["other tokens", "--max-live 2 instead of 1"]);
    }
}
