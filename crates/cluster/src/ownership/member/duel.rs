//! Nodes that take a channel from one another: the storage of the leases does not hold, so that each believes
//! that it is the owner.

use std::{collections::VecDeque, time::Duration};

use livetape_core::retry::SplitMix;

use super::types::{BACKOFF_LEASES, DUEL_EPOCHS, UNOWNED_LEASES};

/// How often the channel changed its owner, and how often this node lost it.
#[derive(Debug)]
pub(super) struct Duel {
    random: SplitMix,
    /// Number of losses, each soon after the one before.
    losses: u32,
    lost_at: Duration,
    /// Times of the last ownerships.
    begun: VecDeque<Duration>,
}

impl Duel {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: SplitMix(seed), losses: 0, lost_at: Duration::ZERO, begun: VecDeque::new() }
    }

    /// An ownership has begun, although the one before had not ended properly.
    pub(super) fn begins(&mut self, now: Duration) {
        self.begun.push_back(now);
        self.begun.drain(..self.begun.len().saturating_sub(DUEL_EPOCHS));
    }

    pub(super) fn is_on(&self, now: Duration, lease: Duration) -> bool {
        let is_recent = |at: &Duration| *at + lease * UNOWNED_LEASES >= now;
        self.begun.len() == DUEL_EPOCHS && self.begun.front().is_some_and(is_recent)
    }

    /// This node lost the channel to another. Returns how long to leave it to the others: not at all after the
    /// first time, then longer each time.
    pub(super) fn lost(&mut self, now: Duration, lease: Duration) -> Duration {
        let is_soon = self.losses > 0 && now < self.lost_at + lease * 2 * BACKOFF_LEASES;
        self.losses = if is_soon { self.losses + 1 } else { 1 };
        self.lost_at = now;
        let most = lease / 4 * 2_u32.saturating_pow(self.losses.saturating_sub(2).min(u32::BITS - 1));
        let most = if self.losses < 2 { Duration::ZERO } else { most.min(lease * BACKOFF_LEASES) };
        // From half of it: otherwise all would try again at once.
        let half = most / 2;
        half + Duration::from_micros(self.random.up_to(half.as_micros().try_into().unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(1);

    #[test]
    fn a_node_waits_longer_each_time_that_it_loses_the_channel() {
        let mut duel = Duel::new(7);
        let mut now = Duration::ZERO;
        let waits: Vec<_> = (0..12)
            .map(|_| {
                let wait = duel.lost(now, LEASE);
                now += wait + LEASE;
                wait.as_millis()
            })
            .collect();
        assert_eq!(waits[0], 0);
        for (wait, most) in waits[1..].iter().zip([250, 500, 1_000, 2_000, 4_000, 8_000, 8_000]) {
            assert!((most / 2..=most).contains(wait), "{waits:?}");
        }
        assert!(*waits.last().unwrap() <= 8_000);
        // It held the channel for long.
        assert_eq!(duel.lost(now + LEASE * 16, LEASE), Duration::ZERO);
        let other = Duel::new(8).lost(Duration::ZERO, LEASE);
        assert_eq!(other, Duration::ZERO);
    }

    #[test]
    fn many_ownerships_within_two_leases_are_a_duel() {
        let mut duel = Duel::new(7);
        (0..5).for_each(|at| duel.begins(LEASE * at / 4));
        assert!(!duel.is_on(LEASE, LEASE));
        duel.begins(LEASE * 5 / 4);
        assert!(duel.is_on(LEASE * 2, LEASE));
        assert!(!duel.is_on(LEASE * 3, LEASE));
    }
}
