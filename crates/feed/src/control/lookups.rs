//! The budget of look-ups over time, and the answers that are remembered.

use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    time::Duration,
};

use livetape_core::error::{Cause, Code, Problem};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::Instant;

use super::Refusal;

/// Default number of look-ups per minute. Each is followed by up to a dozen requests: the page, the sign
/// server, a cookie, the socket.
pub const LOOKUPS_PER_MINUTE: u32 = 30;
/// Number of look-ups that may begin at once after a quiet time.
pub const LOOKUPS_BURST: u32 = 10;
/// Maximum time that the room of a token waits for its look-up.
pub const QUEUE_MAX: Duration = Duration::from_secs(60);
/// Time for which an answer is returned to later requests.
pub const ANSWER_KEPT: Duration = Duration::from_secs(15);
/// Maximum number of users whose answers are remembered.
const ANSWERS_MAX: usize = 1_024;

const MINUTE: Duration = Duration::from_secs(60);

/// What the upstream answered about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedUp {
    /// Why connecting is not possible.
    pub problem: Problem,
    /// Id of the user's room, if the answer contained it.
    pub room_id: Option<i64>,
    /// Time until the upstream is asked again.
    pub left: Duration,
}

impl From<LookedUp> for Refusal {
    fn from(LookedUp { problem, left, .. }: LookedUp) -> Self {
        Self { problem, retrying: false, retry_after: Some(left) }
    }
}

/// The budget of look-ups, in the response of `GET /status`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LookupState {
    /// Number of look-ups per minute; `null` for an upstream on loopback without `live.lookups_per_minute`.
    pub per_minute: Option<u32>,
    /// Number of look-ups that may begin now; `null` without a limit.
    pub available: Option<u32>,
    /// Number of look-ups that wait for their turn.
    pub waiting: u32,
    /// Time until a request may look a user up, in milliseconds; `null` if it may now.
    pub retry_after_ms: Option<u64>,
    /// Number of look-ups since the start.
    pub made: u64,
    /// Number of requests that were rejected because the budget was spent.
    pub refused: u64,
    /// Number of requests that got an answer from memory.
    pub remembered: u64,
}

/// The budget and the remembered answers. The budget is a generic cell rate algorithm: one time describes it.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    per_minute: Option<u32>,
    /// Time at which the budget is full again.
    paid_at: Option<Instant>,
    /// Number of look-ups that began, without those in `turns`.
    made: u64,
    /// When reserved look-ups begin, in order.
    turns: VecDeque<Instant>,
    refused: u64,
    remembered: u64,
    /// By user in lower case, with the time until which they count.
    answers: BTreeMap<String, (Problem, Option<i64>, Instant)>,
}

impl Lookups {
    pub(super) fn set_budget(&mut self, per_minute: Option<u32>) {
        // At least one, so that a wait is always finite.
        self.per_minute = per_minute.map(|per_minute| per_minute.max(1));
    }

    /// Reserves a look-up that begins within `wait_max`.
    pub(super) fn reserve(&mut self, now: Instant, wait_max: Duration) -> Result<Instant, Refusal> {
        let turn = self.turn(now);
        let wait = turn.saturating_duration_since(now);
        if wait <= wait_max {
            return Ok(self.queue(now));
        }
        self.refused += 1;
        // Time until a request with this `wait_max` would be admitted.
        let retry_after = wait.saturating_sub(wait_max).max(Duration::from_millis(1));
        let per_minute = self.per_minute.unwrap_or_default();
        let message = format!(
            "the budget of {per_minute} look-ups per minute is spent, try again in {} s",
            whole_seconds(retry_after)
        );
        let hint = "try again later, or raise `live.lookups_per_minute`";
        let problem = Problem::capacity(Cause::Lookups, message).hint(hint);
        Err(Refusal { problem, retrying: false, retry_after: Some(retry_after) })
    }

    /// Reserves a look-up, and returns when it may begin.
    pub(super) fn queue(&mut self, now: Instant) -> Instant {
        let turn = self.turn(now);
        let begun = self.begun(now);
        self.turns.drain(..begun);
        self.made += begun as u64;
        self.turns.push_back(turn);
        self.pay(now);
        turn
    }

    /// Counts a look-up that begins now. The debt is limited, so that a failing room does not lock out all
    /// others.
    pub(super) fn overdraw(&mut self, now: Instant) -> Instant {
        let before = self.paid_at;
        self.made += 1;
        self.pay(now);
        let most = now + self.tolerance() + QUEUE_MAX;
        self.paid_at = self.paid_at.map(|at| at.min(most)).max(before);
        now
    }

    pub(super) fn known(&mut self, user: &str, waits_live: bool, now: Instant) -> Option<LookedUp> {
        let Entry::Occupied(answer) = self.answers.entry(user.to_lowercase()) else { return None };
        let (problem, room_id, until) = answer.get();
        if *until <= now {
            answer.remove();
            return None;
        }
        // The room waits for the user.
        if waits_live && problem.code == Code::UserOffline {
            return None;
        }
        self.remembered += 1;
        Some(LookedUp { problem: problem.clone(), room_id: *room_id, left: *until - now })
    }

    pub(super) fn remember(&mut self, user: &str, problem: Problem, room_id: Option<i64>, now: Instant) {
        self.answers.insert(user.to_lowercase(), (problem, room_id, now + ANSWER_KEPT));
        if self.answers.len() > ANSWERS_MAX {
            let oldest = self.answers.iter().min_by_key(|(_, (_, _, until))| *until);
            if let Some(user) = oldest.map(|(user, _)| user.clone()) {
                self.answers.remove(&user);
            }
        }
    }

    pub(super) fn forget(&mut self, user: &str) {
        self.answers.remove(&user.to_lowercase());
    }

    pub(super) fn state(&self, now: Instant, paused: Option<Duration>) -> LookupState {
        let wait = self.turn(now).saturating_duration_since(now);
        let (interval, begun) = (self.interval(), self.begun(now));
        let steps = |time: Duration| match interval.as_nanos() {
            0 => 0,
            nanos => u32::try_from(time.as_nanos().div_ceil(nanos)).unwrap_or(u32::MAX),
        };
        let debt = self.paid_at.unwrap_or(now).saturating_duration_since(now);
        let retry_after = Some(wait.max(paused.unwrap_or_default())).filter(|wait| !wait.is_zero());
        LookupState {
            per_minute: self.per_minute,
            available: self.per_minute.map(|_| LOOKUPS_BURST.saturating_sub(steps(debt))),
            waiting: u32::try_from(self.turns.len() - begun).unwrap_or(u32::MAX),
            retry_after_ms: retry_after
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1)),
            made: self.made + begun as u64,
            refused: self.refused,
            remembered: self.remembered,
        }
    }

    /// Returns the number of reserved look-ups that have begun.
    fn begun(&self, now: Instant) -> usize {
        self.turns.partition_point(|turn| *turn <= now)
    }

    /// Returns when the next look-up may begin.
    fn turn(&self, now: Instant) -> Instant {
        match self.paid_at {
            Some(paid_at) => now + paid_at.saturating_duration_since(now + self.tolerance()),
            None => now,
        }
    }

    fn pay(&mut self, now: Instant) {
        self.paid_at = Some(self.paid_at.unwrap_or(now).max(now) + self.interval());
    }

    /// Time that each look-up takes from the budget.
    fn interval(&self) -> Duration {
        self.per_minute.map_or(Duration::ZERO, |per_minute| MINUTE / per_minute)
    }

    /// How far ahead of time look-ups may begin.
    fn tolerance(&self) -> Duration {
        self.interval() * (LOOKUPS_BURST - 1)
    }
}

/// Rounds up, so that clients do not retry too early.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use livetape_core::error::Code;
    use livetape_io::clock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn budget(per_minute: u32) -> Lookups {
        let mut lookups = Lookups::default();
        lookups.set_budget(Some(per_minute));
        lookups
    }

    #[test]
    fn requests_get_a_burst_and_then_the_rate() {
        let (mut lookups, start) = (budget(30), clock::now());
        let made = |lookups: &mut Lookups, second: u32| {
            (0..60).filter(|_| lookups.reserve(start + SECOND * second, Duration::ZERO).is_ok()).count()
        };
        assert_eq!(made(&mut lookups, 0), 10);
        assert_eq!((1..=60).map(|second| made(&mut lookups, second)).sum::<usize>(), 30);
        assert_eq!(made(&mut lookups, 3_600), 10);
        let refusal = lookups.reserve(start + SECOND * 3_600, Duration::ZERO).unwrap_err();
        assert_eq!((refusal.problem.code, refusal.retry_after), (Code::Capacity, Some(2 * SECOND)));
        assert_eq!(
            refusal.problem.message,
            "the budget of 30 look-ups per minute is spent, try again in 2 s"
        );
    }

    #[test]
    fn rooms_that_open_together_queue_for_a_minute() {
        let (mut lookups, start) = (budget(30), clock::now());
        let waits: Vec<_> = (0..60)
            .map_while(|_| lookups.reserve(start, QUEUE_MAX).ok())
            .map(|turn| (turn - start).as_secs())
            .collect();
        let expected: Vec<u64> = std::iter::repeat_n(0, 10).chain((1..=30).map(|n| 2 * n)).collect();
        assert_eq!(waits, expected);
        let state = lookups.state(start, None);
        assert_eq!((state.available, state.waiting, state.retry_after_ms), (Some(0), 30, Some(62_000)));
        assert_eq!(state.made, 10, "those that wait have not begun");
        assert_eq!(lookups.state(start + 4 * SECOND, None).made, 12);
        assert_eq!(lookups.reserve(start, QUEUE_MAX).unwrap_err().retry_after, Some(2 * SECOND));
        let state = lookups.state(start + SECOND * 3_600, None);
        assert_eq!((state.available, state.waiting, state.retry_after_ms), (Some(10), 0, None));
        assert_eq!(state.made, 40);
    }

    #[test]
    fn reconnects_never_wait_but_count() {
        let (mut lookups, start) = (budget(30), clock::now());
        assert!((0..15).all(|_| lookups.overdraw(start) == start));
        let state = lookups.state(start, None);
        assert_eq!((state.waiting, state.made), (0, 15));
        let refusal = lookups.reserve(start, Duration::ZERO).unwrap_err();
        assert_eq!(refusal.retry_after, Some(12 * SECOND));
        // Others are locked out for a limited time.
        assert!((0..1_000).all(|_| lookups.overdraw(start) == start));
        let refusal = lookups.reserve(start, Duration::ZERO).unwrap_err();
        assert_eq!(refusal.retry_after, Some(QUEUE_MAX));
    }

    #[test]
    fn without_a_budget_nothing_is_refused() {
        let (mut lookups, start) = (Lookups::default(), clock::now());
        assert!((0..1_000).all(|_| lookups.reserve(start, Duration::ZERO) == Ok(start)));
        let state = lookups.state(start, None);
        assert_eq!((state.per_minute, state.available, state.retry_after_ms), (None, None, None));
        assert_eq!((state.waiting, state.made), (0, 1_000));
    }

    #[test]
    fn answers_are_remembered_for_a_while_and_for_a_limited_number_of_users() {
        let (mut lookups, start) = (Lookups::default(), clock::now());
        let problem = Problem::new(Code::UserOffline, "not live");
        lookups.remember("Ann", problem.clone(), Some(7), start);
        let known = lookups.known("ann", false, start + SECOND).unwrap();
        assert_eq!(
            known,
            LookedUp { problem: problem.clone(), room_id: Some(7), left: ANSWER_KEPT - SECOND }
        );
        assert_eq!(lookups.known("ann", false, start + ANSWER_KEPT), None);
        assert!(lookups.answers.is_empty());
        for n in 0..2_000 {
            lookups.remember(&n.to_string(), problem.clone(), None, start + SECOND * n);
        }
        assert_eq!(lookups.answers.len(), ANSWERS_MAX);
        assert!(lookups.known("1999", false, start + SECOND * 2_000).is_some());
        lookups.forget("1999");
        assert!(lookups.known("1999", false, start + SECOND * 2_000).is_none());
    }
}
