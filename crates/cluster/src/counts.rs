//! What a node has done, for `/metrics`.

use std::{collections::BTreeMap, sync::Arc};

use livetape_feed::control::Figure;
use parking_lot::Mutex;

use crate::ownership::{Input, Member, Outcome};

/// What a node has done in a channel, in the order of [`ROWS`].
pub(crate) type ChannelCounts = [u64; ROWS.len()];

pub(crate) const LAG: usize = 0;
pub(crate) const LEASES: usize = 1;
pub(crate) const UNOWNED: usize = 2;
/// The first that counts what has happened. Those before it say what holds now.
pub(crate) const HANDOVERS: usize = 3;
const STORED: usize = 4;
const REJECTED: usize = 5;
const REFUSED: usize = 6;
const UNANSWERED: usize = 7;

const PUBLISHES: (&str, &str) =
    ("livetape_cluster_publishes_total", "Messages published by this node, by outcome.");

/// Name, help and outcome of each count.
const ROWS: [((&str, &str), Option<&str>); 8] = [
    (("livetape_cluster_lag_messages", "Messages that another node has read before this one."), None),
    (("livetape_cluster_leases", "Channels that this node owns."), None),
    (("livetape_cluster_unowned", "Channels of this node that no node owns."), None),
    (
        ("livetape_cluster_handovers_total", "Times that a channel got an owner since this node joined it."),
        None,
    ),
    (PUBLISHES, Some("stored")),
    (PUBLISHES, Some("rejected")),
    (PUBLISHES, Some("refused")),
    (PUBLISHES, Some("unanswered")),
];

/// Adds those of another channel. The lag is the largest.
fn add(sum: &mut ChannelCounts, other: &ChannelCounts) {
    let lag = sum[LAG].max(other[LAG]);
    sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
    sum[LAG] = lag;
}

/// Returns what `/metrics` shows: whether NATS can be reached, the number of nodes, and what this one has done
/// in the main channel and in those of users. All counts are shown from 0 on: otherwise the first cannot be seen.
pub(crate) fn figures(
    is_reachable: bool,
    nodes: usize,
    main: &ChannelCounts,
    users: &ChannelCounts,
) -> Vec<Figure> {
    let figure = |name, help, labels, value| Figure { name, help, labels, value };
    let mut figures = vec![
        figure("livetape_cluster_reachable", "Whether NATS can be reached.", vec![], u64::from(is_reachable)),
        figure("livetape_cluster_nodes", "Nodes of the cluster.", vec![], nodes as u64),
    ];
    for (at, ((name, help), outcome)) in ROWS.into_iter().enumerate() {
        for (channel, counts) in [("main", main), ("users", users)] {
            let outcome = outcome.map(|outcome| ("outcome", outcome));
            let labels = [("channel", channel)].into_iter().chain(outcome).collect();
            figures.push(figure(name, help, labels, counts[at]));
        }
    }
    figures
}

/// What this process has done in the channels of users, and what it lost in all. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals(Arc<Mutex<Sums>>);

#[derive(Debug, Default)]
struct Sums {
    /// Channels that this process shares, by its name in each.
    open: BTreeMap<String, ChannelCounts>,
    /// The sum of those that it has left.
    left: ChannelCounts,
    /// Number of events of rooms that it received, but could not store in any channel.
    lost: u64,
}

impl Totals {
    pub(crate) fn note(&self, name: &str, counts: &ChannelCounts) {
        self.0.lock().open.insert(name.to_owned(), *counts);
    }

    pub(crate) fn leave(&self, name: &str) {
        let mut sums = self.0.lock();
        let mut left = sums.open.remove(name).unwrap_or_default();
        // What holds now has ended.
        left[..HANDOVERS].fill(0);
        add(&mut sums.left, &left);
    }

    pub(crate) fn lose(&self, events: u64) {
        self.0.lock().lost += events;
    }

    pub(crate) fn lost(&self) -> u64 {
        self.0.lock().lost
    }

    pub(crate) fn sum(&self) -> ChannelCounts {
        let sums = self.0.lock();
        let mut sum = sums.left;
        sums.open.values().for_each(|counts| add(&mut sum, counts));
        sum
    }
}

/// Counts an answer to a message that this node published.
pub(crate) fn answered(counts: &mut ChannelCounts, answer: &Input) {
    let Input::Published { outcome, .. } = answer else { return };
    let outcome = match outcome {
        Outcome::Stored { .. } => STORED,
        Outcome::Rejected => REJECTED,
        Outcome::Refused => REFUSED,
        Outcome::Unanswered => UNANSWERED,
    };
    counts[outcome] += 1;
}

/// Updates what holds now. `end` is the last message of the log that any node has read.
pub(crate) fn update(counts: &mut ChannelCounts, member: &Member, end: u64, is_unowned: bool) {
    counts[LAG] = end.saturating_sub(member.reader().last);
    counts[LEASES] = u64::from(member.is_owner());
    counts[UNOWNED] = u64::from(is_unowned);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: ChannelCounts = [0; ROWS.len()];

    #[test]
    fn figures_begin_at_zero() {
        let main = [3, 0, 0, 0, 5, 0, 0, 0];
        let shown: Vec<_> = figures(true, 2, &main, &NONE)
            .into_iter()
            .map(|Figure { name, labels, value, .. }| {
                let labels: Vec<_> = labels.iter().map(|(_, value)| *value).collect();
                format!("{} {} {value}", name.strip_prefix("livetape_cluster_").unwrap(), labels.join(" "))
            })
            .collect();
        let expected = "reachable  1, nodes  2, lag_messages main 3, lag_messages users 0, leases main 0, leases users 0, \
             unowned main 0, unowned users 0, handovers_total main 0, handovers_total users 0, \
             publishes_total main stored 5, publishes_total users stored 0, \
             publishes_total main rejected 0, publishes_total users rejected 0, \
             publishes_total main refused 0, publishes_total users refused 0, \
             publishes_total main unanswered 0, publishes_total users unanswered 0";
        assert_eq!(shown.join(", "), expected);
    }

    #[test]
    fn counts_of_a_channel_stay_after_it_was_left() {
        let counts = |lag, leases, stored| [lag, leases, 0, 1, stored, 0, 0, 0];
        let totals = Totals::default();
        totals.note("a", &counts(5, 1, 10));
        totals.note("a", &counts(2, 1, 20));
        totals.note("b", &counts(3, 1, 1));
        assert_eq!(totals.sum(), [3, 2, 0, 2, 21, 0, 0, 0]);
        totals.leave("a");
        assert_eq!(totals.sum(), [3, 1, 0, 2, 21, 0, 0, 0]);
    }
}
