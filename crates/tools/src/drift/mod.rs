//! Compares what messages consist of with a baseline: methods and fields that are new, gone, of another type,
//! repeated, or suddenly always empty or constant.
//!
//! Rooms differ, so a finding needs evidence: if captures of one kind of room were dealt into OLD and NEW at
//! random, the difference would have to be less likely than [`CHANCE_MAX`]. A user who writes again
//! with the same profile is one observation, uninterrupted runs count less, and values only have to
//! vary within a room.

mod compare;
mod profile;
mod report;

pub use compare::{Baseline, Comparison, Finding, Is, Severity, Share, compare};
pub use profile::{Place, Profile};
pub use report::Report;

/// Maximum probability of a difference that is a finding. Comparing two captures is thousands of tests.
pub const CHANCE_MAX: f64 = 1e-6;
/// Minimum number of observations on each side. A few often come from the same user.
pub const OBSERVATIONS_MIN: u64 = 12;
/// Number of messages in a block. A method is gone if blocks of it are missing, because messages of one kind
/// often come together.
pub const BLOCK_MESSAGES: u64 = 32;
/// Minimum number of different values of a field that can become constant.
pub const VALUES_MIN: usize = 4;

/// How often something was observed.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    count: u64,
    /// Number of uninterrupted runs of observations.
    runs: u64,
    /// Number of the last observation.
    last: u64,
}

impl Tally {
    /// Counts observation `number`, which begins with 1.
    fn add(&mut self, number: u64) {
        self.count += 1;
        self.runs += u64::from(self.count == 1 || number != self.last + 1);
        self.last = number;
    }

    /// Whether it is significant that, beside these of `whole` observations, there is none among `others`.
    fn is_missing_in(self, whole: u64, others: u64) -> bool {
        // What comes in few, long runs, like a battle, has less evidence than its number suggests.
        let expected = self.count as f64 * (whole - self.count + 1) as f64 / whole.max(1) as f64;
        let weight = (self.runs as f64 / expected.max(f64::MIN_POSITIVE)).min(1.0);
        let weighted = |count: u64| (count as f64 * weight) as u64;
        is_significant(weighted(self.count), weighted(whole), weighted(others))
    }
}

/// Returns the probability that none of `some` is among `others`, if they were dealt at random into `whole` and
/// `others`.
fn chance(some: u64, whole: u64, others: u64) -> f64 {
    let mut chance = 1.0;
    for taken in 0..some.min(whole) {
        chance *= (whole - taken) as f64 / (whole + others - taken) as f64;
        if chance < CHANCE_MAX {
            break;
        }
    }
    chance
}

fn is_significant(some: u64, whole: u64, others: u64) -> bool {
    some.min(others) >= OBSERVATIONS_MIN && chance(some, whole, others) < CHANCE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: impl IntoIterator<Item = u64>) -> Tally {
        let mut tally = Tally::default();
        numbers.into_iter().for_each(|number| tally.add(number));
        tally
    }

    #[test]
    fn evidence_grows_with_numbers() {
        let always = |count| tally(1..=count).is_missing_in(count, count);
        assert_eq!([5, 11, 12, 1000].map(always), [false, false, true, true]);
        assert!(!tally(1..=1000).is_missing_in(1000, 11), "one message is too few");
        let half = |count| tally((1..=count).step_by(2)).is_missing_in(count, count);
        assert_eq!([20, 60].map(half), [false, true]);
    }

    #[test]
    fn an_episode_is_weak_evidence() {
        assert!(!tally(1..=500).is_missing_in(1000, 1000));
        assert!(tally((1..=1000).step_by(2)).is_missing_in(1000, 1000));
    }
}
