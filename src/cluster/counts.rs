//! What a node has done, for `/metrics`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    control::ClusterCounts,
    sans_io::cluster::{Input, Member},
};

/// What this process has done in the channels of users, and what it lost in all. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals(Arc<Mutex<Sums>>);

#[derive(Debug, Default)]
struct Sums {
    /// Channels that this process shares, by its name in each.
    open: BTreeMap<String, ClusterCounts>,
    /// The sum of those that it has left.
    left: ClusterCounts,
    /// Number of events of rooms that it received, but could not store in any channel.
    lost: u64,
}

impl Totals {
    pub(super) fn note(&self, name: &str, counts: &ClusterCounts) {
        self.lock().open.insert(name.to_owned(), counts.clone());
    }

    pub(super) fn leave(&self, name: &str) {
        let mut sums = self.lock();
        let left = sums.open.remove(name).unwrap_or_default();
        // What holds now has ended.
        sums.left.add(&ClusterCounts { lag: 0, leases: 0, ..left });
    }

    pub(super) fn lose(&self, events: u64) {
        self.lock().lost += events;
    }

    pub(super) fn lost(&self) -> u64 {
        self.lock().lost
    }

    pub(super) fn sum(&self) -> ClusterCounts {
        let sums = self.lock();
        let mut sum = sums.left.clone();
        sums.open.values().for_each(|counts| sum.add(counts));
        sum
    }

    fn lock(&self) -> MutexGuard<'_, Sums> {
        // Counts are valid even if a holder of the lock panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts an answer to a message that this node published.
pub(super) fn answered(counts: &mut ClusterCounts, answer: &Input) {
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
pub(super) fn update(counts: &mut ClusterCounts, member: &Member, end: u64) {
    counts.lag = end.saturating_sub(member.reader().last());
    counts.leases = u64::from(member.is_owner());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_channel_stay_after_it_was_left() {
        let counts = |leases, lag, stored| ClusterCounts {
            lag,
            leases,
            handovers: 1,
            published: BTreeMap::from([("stored", stored)]),
        };
        let totals = Totals::default();
        totals.note("a", &counts(1, 5, 10));
        totals.note("a", &counts(1, 2, 20));
        totals.note("b", &counts(1, 3, 1));
        let sum = |leases, lag| ClusterCounts { handovers: 2, ..counts(leases, lag, 21) };
        assert_eq!(totals.sum(), sum(2, 3));
        totals.leave("a");
        assert_eq!(totals.sum(), sum(1, 3));
    }
}
