//! Kinds of shows, and their activity over time.

/// Kind of show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// A handful of people.
    Quiet,
    /// Constant chats, gifts and likes.
    #[default]
    Busy,
    /// Quiet until many viewers arrive at once.
    Raid,
    /// Busy, with a battle against another host.
    Battle,
    /// A small show with a battle and every rare event: subscriptions, super fans, a poll, a goal, questions.
    Everything,
}

/// Normal rates of activity, per minute.
pub(super) struct Rates {
    pub(super) chats: u64,
    pub(super) like_bursts: u64,
    pub(super) gifts: u64,
    pub(super) joins: u64,
    pub(super) follows: u64,
    pub(super) shares: u64,
}

/// A curve over an act: values at permilles, interpolated linearly.
type Curve = &'static [(u64, u64)];

impl Profile {
    pub const ALL: [Self; 5] = [Self::Quiet, Self::Busy, Self::Raid, Self::Battle, Self::Everything];

    /// Returns the name in headers and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Busy => "busy",
            Self::Raid => "raid",
            Self::Battle => "battle",
            Self::Everything => "everything",
        }
    }

    /// Returns the time between batches.
    pub(super) fn frame_every_ms(self) -> u64 {
        match self {
            Self::Quiet => 500,
            Self::Busy | Self::Battle => 100,
            Self::Raid | Self::Everything => 200,
        }
    }

    pub(super) fn rates(self) -> Rates {
        match self {
            Self::Quiet => Rates { chats: 8, like_bursts: 3, gifts: 1, joins: 7, follows: 1, shares: 1 },
            Self::Busy => {
                Rates { chats: 240, like_bursts: 60, gifts: 40, joins: 180, follows: 12, shares: 6 }
            }
            Self::Raid => Rates { chats: 10, like_bursts: 4, gifts: 1, joins: 8, follows: 1, shares: 1 },
            Self::Battle => Rates { chats: 60, like_bursts: 25, gifts: 30, joins: 40, follows: 4, shares: 3 },
            Self::Everything => {
                Rates { chats: 30, like_bursts: 8, gifts: 14, joins: 16, follows: 4, shares: 3 }
            }
        }
    }

    pub(super) fn people(self) -> u64 {
        match self {
            Self::Quiet => 60,
            Self::Busy => 4_000,
            Self::Raid => 1_500,
            Self::Battle => 1_200,
            Self::Everything => 300,
        }
    }

    /// Returns the activity relative to the normal rates, in permille, at this permille of the act.
    pub(super) fn intensity(self, at: u64) -> u64 {
        const EVEN: Curve = &[(0, 800), (300, 1100), (700, 1000), (1000, 800)];
        const RAID: Curve =
            &[(0, 900), (399, 900), (405, 18_000), (450, 12_000), (600, 4_000), (1000, 1_500)];
        const BATTLE: Curve =
            &[(0, 700), (249, 700), (250, 1_200), (580, 1_500), (600, 2_500), (620, 900), (1000, 600)];
        interpolate(
            match self {
                Self::Quiet | Self::Busy => EVEN,
                Self::Raid => RAID,
                Self::Battle | Self::Everything => BATTLE,
            },
            at,
        )
    }

    /// Returns the number of current viewers, at this permille of the act.
    pub(super) fn viewers(self, at: u64) -> u64 {
        const EVEN: Curve = &[(0, 250), (100, 600), (300, 900), (600, 1000), (900, 750), (1000, 500)];
        const RAID: Curve = &[(0, 30), (399, 45), (410, 900), (500, 1000), (700, 600), (1000, 350)];
        let curve = if self == Self::Raid { RAID } else { EVEN };
        self.people() * 6 / 10 * interpolate(curve, at) / 1000
    }

    /// Returns the start and end of the battle, in permille of the act.
    pub(super) fn battle(self) -> Option<(u64, u64)> {
        matches!(self, Self::Battle | Self::Everything).then_some((250, 600))
    }

    pub(super) fn has_specials(self) -> bool {
        self == Self::Everything
    }
}

fn interpolate(curve: Curve, at: u64) -> u64 {
    let behind = curve.iter().position(|(x, _)| *x > at).unwrap_or(curve.len());
    let (Some(&(x0, y0)), to) = (curve.get(behind.saturating_sub(1)), curve.get(behind)) else { return 0 };
    let Some(&(x1, y1)) = to else { return y0 };
    let share = |y: u64, weight: u64| y * weight / (x1 - x0).max(1);
    share(y0, x1 - at) + share(y1, at.saturating_sub(x0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_linear_between_their_points() {
        let curve: Curve = &[(0, 100), (500, 200), (1000, 0)];
        assert_eq!(
            [0, 250, 500, 750, 1000, 2000].map(|at| interpolate(curve, at)),
            [100, 150, 200, 100, 0, 0]
        );
    }
}
