//! The report that a node sends to the others several times within a lease, and those that it receives.

use livetape_feed::control::{self, NodeState};
use livetape_io::clock;
use tokio::time::timeout_at;

use super::Node;
use crate::{
    counts,
    nats::{
        report::{LogView, Report},
        store::MAIN,
    },
};

impl Node {
    /// Takes the report of a node.
    pub(super) fn note(&mut self, message: &async_nats::Message) {
        let Some(report) = Report::from_bytes(&message.payload) else { return };
        let Report { channel, state, known, source, pause, refused, losses, .. } = report;
        if state.node == self.options.node || channel != self.store.channel() {
            return;
        }
        pause.iter().filter(|pause| *pause.node != *self.options.node).for_each(|it| self.limit.learn(it));
        if let Some((status, replay)) = source
            && !self.member.is_owner()
            && self.member.reader().owner().0 == state.node
        {
            self.control.mirror(status, replay);
        }
        self.compare(&known);
        self.log_end = self.log_end.max(known.last);
        self.nodes.note(state, refused, losses);
        self.tell_losses();
        self.tell_trouble();
    }

    /// Compares what another node knows of the log with what this one knows.
    fn compare(&mut self, known: &LogView) {
        let reader = self.member.reader();
        if known.is_ahead_of(reader) {
            self.read_tail();
        } else if known.lacks_state_of(reader) {
            self.member.repeat_state();
        }
    }

    /// Sends this node's report to the others.
    pub(super) async fn report(&mut self) {
        let state = NodeState {
            node: self.options.node.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clients: self.hub.subscriber_count(),
        };
        let refused = self.refusals.borrow().why();
        self.nodes.note(state.clone(), refused.clone(), self.losses.clone());
        counts::update(&mut self.counts, &self.member, std::mem::take(&mut self.log_end));
        if self.store.channel() != MAIN {
            self.told.totals.note(&self.options.node, &self.counts);
        }
        self.share_state();
        self.tell_trouble();
        let pause = self.limit.pause(&self.options.node);
        let mut report = Report::new(self.store.channel(), state, self.member.reader());
        report.source = self.term.is_some().then(|| (self.control.status(), self.control.replay()));
        (report.pause, report.refused, report.losses) = (pause.clone(), refused, self.losses.clone());
        // NATS may be unreachable, and then the client's queue be full.
        let within = clock::now() + self.reporting.period() / 4;
        let told = async {
            self.store.tell(&format!("node.{}", self.store.channel()), report.to_bytes()).await;
            if let Some(pause) = &pause {
                self.store.store_pause(pause).await;
            }
        };
        drop(timeout_at(within, told).await);
    }

    /// Shows the cluster in `/status` and `/metrics`.
    pub(super) fn share_state(&mut self) {
        let owner = self.told.owners.borrow().clone();
        let (reachable, nodes) = (*self.is_connected.borrow(), self.nodes.current(self.reporting.period()));
        let users = self.told.totals.sum();
        self.control.set_nodes(control::Nodes {
            name: self.options.cluster.clone(),
            node: self.options.node.clone(),
            owner: owner.node,
            reachable,
            refused: self.refused().map(|why| why.to_string()).or_else(|| self.silence()),
            figures: counts::figures(reachable, nodes.len(), &self.counts, &users),
            nodes,
        });
    }
}
