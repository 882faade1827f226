//! The state of a battle.

use std::collections::BTreeMap;

use livetape_core::wire::compose::{self, Side};

use super::{people, random::Random};

const GIVERS_LISTED: usize = 3;
/// First number of the other host's viewers, who are not viewers of the show.
const RIVAL_VIEWERS_FROM: u64 = 1_000_000;

pub(super) struct Battle {
    battle_id: i64,
    started_ms: i64,
    duration_s: i64,
    /// Points by viewer, for the host and the rival.
    given: [BTreeMap<u64, i64>; 2],
    /// The viewer who contributed last.
    pub(super) last: u64,
}

impl Battle {
    pub(super) fn new(battle_id: i64, started_ms: i64, duration_s: i64) -> Self {
        Self { battle_id, started_ms, duration_s, given: Default::default(), last: 0 }
    }

    /// Adds a contribution from a viewer of the show.
    pub(super) fn give(&mut self, viewer: u64, points: i64) {
        *self.given[0].entry(viewer).or_default() += points;
        self.last = viewer;
    }

    /// Adds random contributions from the other host's viewers.
    pub(super) fn rival_gives(&mut self, random: &mut Random) {
        for _ in 0..random.below(3) {
            let viewer = RIVAL_VIEWERS_FROM + random.below(200) * random.below(200) / 200;
            let points = *random.pick(&[1, 1, 1, 2, 5, 10, 30, 99]);
            *self.given[1].entry(viewer).or_default() += points;
        }
    }

    /// Returns the current scores.
    pub(super) fn state(&self) -> compose::Battle {
        let hosts = [people::host(), people::rival()];
        let sides = hosts.into_iter().zip(&self.given).map(|(host, given)| Side {
            host,
            points: given.values().sum(),
            givers: most(given, GIVERS_LISTED)
                .map(|(viewer, points)| (people::viewer(viewer), points))
                .collect(),
        });
        compose::Battle {
            battle_id: self.battle_id,
            started_ms: self.started_ms,
            duration_s: self.duration_s,
            sides: sides.collect(),
        }
    }
}

/// Returns the top contributors, in descending order.
pub(super) fn most(given: &BTreeMap<u64, i64>, count: usize) -> impl Iterator<Item = (u64, i64)> {
    let mut all = Vec::from_iter(given.iter().map(|(&viewer, &points)| (viewer, points)));
    all.sort_by_key(|&(viewer, points)| (std::cmp::Reverse(points), viewer));
    all.into_iter().take(count)
}
