//! A lease, by this node's monotonic clock, and duels of nodes that take it from one another.
//!
//! The lease ends one lifetime after its last renewal was *sent*. NATS counts from the later time at which it
//! stored the renewal, so the node stops before anyone else can start, whatever the wall clocks show.

use std::{collections::VecDeque, time::Duration};

use livetape_core::retry::SplitMix;

use super::types::{BACKOFF_LEASES, DUEL_EPOCHS, UNOWNED_LEASES};

/// Maximum time between the end of an ownership and the end of its lease. Shorter leases leave a quarter.
pub const MARGIN_MAX: Duration = Duration::from_secs(1);
/// Maximum time before a request without an answer is repeated. Shorter leases wait an eighth.
pub const RETRY_MAX: Duration = Duration::from_millis(250);

/// The lease, as far as this node knows.
#[derive(Debug)]
pub struct Lease {
    lifetime: Duration,
    held: Option<Held>,
    /// Whether a request is waiting for its answer.
    pub(super) is_asking: bool,
    /// Earliest time of the next request.
    ask_at: Duration,
    /// Earliest time of the next request for a lease that this node does not hold, also if nobody does.
    not_before: Duration,
    /// The last revision that was released.
    released: u64,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    revision: u64,
    sent: Duration,
}

/// Returns the time between the end of an ownership and the end of its lease.
#[must_use]
pub fn margin(lifetime: Duration) -> Duration {
    MARGIN_MAX.min(lifetime / 4)
}

impl Lease {
    /// Creates a lease that nobody holds, as far as this node knows.
    #[must_use]
    pub fn new(lifetime: Duration) -> Self {
        let (ask_at, not_before) = (Duration::ZERO, Duration::ZERO);
        Self { lifetime, held: None, is_asking: false, ask_at, not_before, released: 0 }
    }

    /// Whether this node holds it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Returns when this node stops to be the owner unless it renews the lease.
    #[must_use]
    pub fn ends_at(&self) -> Option<Duration> {
        self.held.map(|held| self.end_of(held))
    }

    fn end_of(&self, held: Held) -> Duration {
        // A stranger can write any time into the bucket.
        held.sent.saturating_add(self.lifetime).saturating_sub(margin(self.lifetime))
    }

    /// Returns how long to wait before a request without an answer is repeated.
    #[must_use]
    pub fn retry(&self) -> Duration {
        RETRY_MAX.min(self.lifetime / 8)
    }

    /// Returns when to ask next, unless a request is waiting.
    #[must_use]
    pub fn asks_at(&self) -> Option<Duration> {
        let earliest = self.held.map_or(self.not_before, |held| held.sent + self.lifetime / 4);
        (!self.is_asking).then(|| self.ask_at.max(earliest))
    }

    /// Returns the request that is due: the revision that the lease must have, or `None` if there must be none.
    pub fn ask(&mut self, now: Duration) -> Option<Option<u64>> {
        if self.asks_at().is_none_or(|at| at > now) {
            return None;
        }
        self.is_asking = true;
        Some(self.held.map(|held| held.revision))
    }

    /// Records that this node holds `revision`. Returns a revision to release, if it is about to end.
    pub fn hold(&mut self, now: Duration, revision: u64, sent: Duration) -> Option<u64> {
        self.is_asking = false;
        let held = Held { revision, sent };
        if revision == self.released {
            // The release may still be on its way.
            self.ask_at = now + self.lifetime / 4;
            return None;
        }
        self.held = Some(held);
        if self.end_of(held) > now { None } else { self.release(now) }
    }

    /// Records that another node holds the lease. Returns whether this one held it before.
    pub fn take_away(&mut self, now: Duration) -> bool {
        self.is_asking = false;
        self.ask_at = now + self.lifetime / 4;
        self.held.take().is_some()
    }

    /// Records that there is no lease, although a request for it failed. Returns whether this node held it.
    pub fn is_missing(&mut self, now: Duration) -> bool {
        self.miss(now);
        self.held.take().is_some()
    }

    /// Leaves the lease to others until `time`.
    pub fn wait_until(&mut self, time: Duration) {
        self.not_before = self.not_before.max(time);
    }

    /// Ends a wait until `time`, unless there is a longer one.
    pub fn waits_no_more(&mut self, time: Duration) {
        if self.not_before == time {
            self.not_before = Duration::ZERO;
        }
    }

    /// Records that a request has no answer.
    pub fn miss(&mut self, now: Duration) {
        self.is_asking = false;
        self.ask_at = now + self.retry();
    }

    /// Records that nobody holds the lease.
    pub fn is_free(&mut self, now: Duration) {
        if self.held.is_none() {
            self.ask_at = now;
        }
    }

    /// Gives the lease up, and returns the revision to release.
    pub fn release(&mut self, now: Duration) -> Option<u64> {
        let held = self.held.take()?;
        self.released = held.revision;
        self.ask_at = now + self.retry();
        Some(held.revision)
    }
}

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

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_ownership_ends_a_second_before_its_lease_and_a_short_one_a_quarter_before() {
        for (lifetime, end) in [(10_000, 9_000), (4_000, 3_000), (500, 375)] {
            let mut lease = Lease::new(ms(lifetime));
            assert_eq!(lease.ask(ms(0)), Some(None));
            assert_eq!(lease.hold(ms(50), 1, ms(0)), None);
            assert_eq!((lease.ends_at(), lease.asks_at()), (Some(ms(end)), Some(ms(lifetime / 4))));
        }
    }

    #[test]
    fn a_late_answer_does_not_make_an_owner() {
        let mut lease = Lease::new(ms(500));
        lease.ask(ms(0));
        assert_eq!(lease.hold(ms(375), 7, ms(0)), Some(7));
        assert!(!lease.is_held());
        assert_eq!(lease.hold(ms(376), 7, ms(376)), None, "it was released");
        assert!(!lease.is_held());
    }

    #[test]
    fn a_request_without_an_answer_is_repeated_later() {
        let mut lease = Lease::new(ms(800));
        lease.ask(ms(0));
        assert_eq!((lease.ask(ms(500)), lease.asks_at()), (None, None));
        lease.miss(ms(500));
        assert_eq!((lease.ask(ms(599)), lease.ask(ms(600))), (None, Some(None)));
    }

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
