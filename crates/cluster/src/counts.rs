//! What a node has done, for `/metrics`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use livetape_feed::control::Figure;
use parking_lot::Mutex;

use crate::ownership::{Input, Member};

/// Outcomes of attempts to publish.
const OUTCOMES: [&str; 4] = ["stored", "rejected", "refused", "unanswered"];

/// What a node has done in a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Number of messages of the log that another node has read, but this one has not.
    pub(crate) lag: u64,
    /// Number of channels that this node owns.
    pub(crate) leases: u64,
    /// Number of channels without an owner, as far as this node knows.
    pub(crate) unowned: u64,
    /// Number of times that the channel got an owner since this node joined.
    pub(crate) handovers: u64,
    /// Number of attempts to publish, by one of the [`OUTCOMES`].
    pub(crate) published: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// Adds those of another channel. The lag is the largest.
    fn add(&mut self, other: &Self) {
        self.lag = self.lag.max(other.lag);
        self.leases += other.leases;
        self.unowned += other.unowned;
        self.handovers += other.handovers;
        for (outcome, count) in &other.published {
            *self.published.entry(outcome).or_default() += count;
        }
    }
}

/// Returns what `/metrics` shows: whether NATS can be reached, the number of nodes, and what this one has done
/// in the main channel and in those of users.
pub(crate) fn figures(is_reachable: bool, nodes: usize, main: &Counts, users: &Counts) -> Vec<Figure> {
    let figure = |name, help, labels, value| Figure { name, help, labels, value };
    let mut figures = vec![
        figure("livetape_cluster_reachable", "Whether NATS can be reached.", vec![], u64::from(is_reachable)),
        figure("livetape_cluster_nodes", "Nodes of the cluster.", vec![], nodes as u64),
    ];
    let channels = [("main", main), ("users", users)];
    let leases = channels.map(|(_, counts)| counts.leases);
    let unowned = channels.map(|(_, counts)| counts.unowned);
    let lag = channels.map(|(_, counts)| counts.lag);
    let owners = channels.map(|(_, counts)| counts.handovers);
    for (name, help, values) in [
        ("livetape_cluster_leases", "Channels that this node owns.", leases),
        ("livetape_cluster_unowned", "Channels of this node that no node owns.", unowned),
        ("livetape_cluster_lag_messages", "Messages that another node has read before this one.", lag),
        (
            "livetape_cluster_handovers_total",
            "Times that a channel got an owner since this node joined it.",
            owners,
        ),
    ] {
        let shown = channels.iter().zip(values);
        figures.extend(
            shown.map(|((channel, _), value)| figure(name, help, vec![("channel", *channel)], value)),
        );
    }
    let (name, help) = ("livetape_cluster_publishes_total", "Messages published by this node, by outcome.");
    for (channel, counts) in channels {
        // Before the first, too: otherwise its increase cannot be seen.
        figures.extend(OUTCOMES.map(|outcome| {
            let labels = vec![("channel", channel), ("outcome", outcome)];
            figure(name, help, labels, counts.published.get(outcome).copied().unwrap_or_default())
        }));
    }
    figures
}

/// What this process has done in the channels of users, and what it lost in all. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals(Arc<Mutex<Sums>>);

#[derive(Debug, Default)]
struct Sums {
    /// Channels that this process shares, by its name in each.
    open: BTreeMap<String, Counts>,
    /// The sum of those that it has left.
    left: Counts,
    /// Number of events of rooms that it received, but could not store in any channel.
    lost: u64,
}

impl Totals {
    pub(crate) fn note(&self, name: &str, counts: &Counts) {
        self.0.lock().open.insert(name.to_owned(), counts.clone());
    }

    pub(crate) fn leave(&self, name: &str) {
        let mut sums = self.0.lock();
        let left = sums.open.remove(name).unwrap_or_default();
        // What holds now has ended.
        sums.left.add(&Counts { lag: 0, leases: 0, unowned: 0, ..left });
    }

    pub(crate) fn lose(&self, events: u64) {
        self.0.lock().lost += events;
    }

    pub(crate) fn lost(&self) -> u64 {
        self.0.lock().lost
    }

    pub(crate) fn sum(&self) -> Counts {
        let sums = self.0.lock();
        let mut sum = sums.left.clone();
        sums.open.values().for_each(|counts| sum.add(counts));
        sum
    }
}

/// Counts an answer to a message that this node published.
pub(crate) fn answered(counts: &mut Counts, answer: &Input) {
    let outcome = match answer {
        Input::Stored { .. } => "stored",
        Input::Rejected { .. } => "rejected",
        Input::Refused { .. } => "refused",
        Input::Unanswered { .. } => "unanswered",
        _ => return,
    };
    *counts.published.entry(outcome).or_default() += 1;
}

/// Updates what holds now. `end` is the last message of the log that any node has read.
pub(crate) fn update(counts: &mut Counts, member: &Member, end: u64, now: Duration) {
    counts.lag = end.saturating_sub(member.reader().last);
    counts.leases = u64::from(member.is_owner());
    counts.unowned = u64::from(member.is_unowned(now) || member.is_contested(now));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_begin_at_zero() {
        let main = Counts { lag: 3, published: BTreeMap::from([("stored", 5)]), ..Counts::default() };
        let shown: Vec<_> = figures(true, 2, &main, &Counts::default())
            .into_iter()
            .map(|Figure { name, labels, value, .. }| {
                let labels: Vec<_> = labels.iter().map(|(_, value)| *value).collect();
                format!("{} {} {value}", name.strip_prefix("livetape_cluster_").unwrap(), labels.join(" "))
            })
            .collect();
        let expected = "reachable  1, nodes  2, leases main 0, leases users 0, unowned main 0, \
             unowned users 0, lag_messages main 3, lag_messages users 0, \
             handovers_total main 0, handovers_total users 0, publishes_total main stored 5, publishes_total main rejected 0, \
             publishes_total main refused 0, publishes_total main unanswered 0, publishes_total users stored 0, \
             publishes_total users rejected 0, publishes_total users refused 0, publishes_total users unanswered 0";
        assert_eq!(shown.join(", "), expected);
    }

    #[test]
    fn counts_of_a_channel_stay_after_it_was_left() {
        let counts = |leases, lag, stored| Counts {
            lag,
            leases,
            unowned: 0,
            handovers: 1,
            published: BTreeMap::from([("stored", stored)]),
        };
        let totals = Totals::default();
        totals.note("a", &counts(1, 5, 10));
        totals.note("a", &counts(1, 2, 20));
        totals.note("b", &counts(1, 3, 1));
        let sum = |leases, lag| Counts { handovers: 2, ..counts(leases, lag, 21) };
        assert_eq!(totals.sum(), sum(2, 3));
        totals.leave("a");
        assert_eq!(totals.sum(), sum(1, 3));
    }
}
