//! What a node has done, for `/metrics`.

use crate::{
    control::ClusterCounts,
    sans_io::cluster::{Input, Member},
};

/// Counts an answer to a message that this node published.
pub(super) fn answered(counts: &mut ClusterCounts, answer: &Input) {
    let outcome = match answer {
        Input::Stored { .. } => "stored",
        Input::Rejected { .. } => "rejected",
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
