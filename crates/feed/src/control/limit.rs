//! When the upstream may be contacted: after the pause that it asked for, within the budget of look-ups, and
//! not again for an answer that it gave a moment ago. Applies to `/test`, `/connect`, the rooms of tokens,
//! retries and reconnects: every conversation with the upstream begins with a look-up.

use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use livetape_core::error::{Cause, Code, Problem};
use livetape_io::clock;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::Refusal;

/// Maximum pause that another process can ask for.
pub const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
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

/// The single rate limiter for the upstream. Clones share it, and processes that share channels tell each other
/// its pauses.
#[derive(Clone, Debug, Default)]
pub struct Limit {
    pauses: Arc<watch::Sender<Pauses>>,
    lookups: Arc<Mutex<Lookups>>,
}

/// The pauses so far.
#[derive(Debug, Default)]
pub struct Pauses {
    /// Number of pauses that this process met.
    met: u64,
    /// The pause that ends last, and its end by this process's clock.
    pause: Option<(Id, Instant)>,
}

/// The process that met a pause, `None` for this one, and the number that it gave the pause.
type Id = (Option<Arc<str>>, u64);

/// A pause as one process tells others. Their clocks differ, so it has no time.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Pause {
    /// The process that met it.
    pub node: Arc<str>,
    /// The number that this process gave it.
    pub number: u64,
    pub left: Duration,
}

impl Limit {
    /// Records how long the upstream said to wait. The longest wait counts.
    pub fn set(&self, wait: Duration) {
        let Some(until) = clock::now().checked_add(wait) else { return };
        self.pauses.send_if_modified(|known| {
            let is_longer = known.pause.as_ref().is_none_or(|(_, end)| *end < until);
            if is_longer {
                known.met += 1;
                known.pause = Some(((None, known.met), until));
            }
            is_longer
        });
    }

    /// Records a pause that another process met. Messages arrive several times, and late: the earliest end
    /// counts, so a pause does not grow by being passed on.
    pub fn learn(&self, pause: &Pause) {
        let until = clock::now() + pause.left.min(PAUSE_MAX);
        let id = (Some(Arc::clone(&pause.node)), pause.number);
        self.pauses.send_if_modified(|known| {
            match &mut known.pause {
                Some((of, end)) if *of == id => *end = until.min(*end),
                Some((_, end)) if *end >= until => {}
                longest => *longest = Some((id, until)),
            }
            // Only what this process met is news for others.
            false
        });
    }

    /// Returns the pause for other processes, if there is one. `node` is this process.
    #[must_use]
    pub fn pause(&self, node: &str) -> Option<Pause> {
        let left = Some(self.left()).filter(|left| !left.is_zero())?;
        let known = self.pauses.borrow();
        let ((met_by, number), _) = known.pause.as_ref()?;
        let node = met_by.clone().unwrap_or_else(|| node.into());
        Some(Pause { node, number: *number, left })
    }

    /// Returns a receiver that changes when this process meets a pause.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<Pauses> {
        self.pauses.subscribe()
    }

    /// Returns the time until the upstream may be contacted.
    #[must_use]
    pub fn left(&self) -> Duration {
        let until = self.pauses.borrow().pause.as_ref().map(|(_, until)| *until);
        until.map(|until| until.saturating_duration_since(clock::now())).unwrap_or_default()
    }

    /// Waits until the upstream may be contacted.
    pub async fn passed(&self) {
        // A longer pause may begin in the meantime.
        while let left = self.left()
            && !left.is_zero()
        {
            sleep_until(clock::now() + left).await;
        }
    }

    /// Sets the number of look-ups per minute; `None` removes the limit.
    pub fn set_budget(&self, per_minute: Option<u32>) {
        self.lookups.lock().set_budget(per_minute);
    }

    /// Reserves a look-up for a request, and returns when it may begin: at most `wait_max` from now.
    ///
    /// # Errors
    /// `rate_limited` during a pause, or `capacity` if the budget is spent.
    pub fn admit(&self, wait_max: Duration) -> Result<Instant, Refusal> {
        let now = clock::now();
        let wait = self.left();
        if wait.is_zero() {
            return self.lookups.lock().reserve(now, wait_max);
        }
        let message =
            format!("[Rate Limited] Too many connections started, try again in {} s", whole_seconds(wait));
        Err(Refusal {
            problem: Problem::new(Code::RateLimited, message),
            retrying: false,
            retry_after: Some(wait),
        })
    }

    /// Reserves a look-up that is never refused, and returns when it may begin.
    #[must_use]
    pub fn queue(&self) -> Instant {
        self.lookups.lock().queue(clock::now())
    }

    /// Counts a look-up that begins now, because a connected room depends on it. Later ones wait for it.
    #[must_use]
    pub fn overdraw(&self) -> Instant {
        self.lookups.lock().overdraw(clock::now())
    }

    /// Returns what the upstream answered about `user` a moment ago, if it said that connecting is not
    /// possible. With `waits_live`, a user who is offline can be connected to.
    #[must_use]
    pub fn known(&self, user: &str, waits_live: bool) -> Option<LookedUp> {
        self.lookups.lock().known(user, waits_live, clock::now())
    }

    /// Remembers that the upstream does not know `user`, or that the user is not live, for later requests.
    pub fn remember(&self, user: &str, problem: Problem, room_id: Option<i64>) {
        self.lookups.lock().remember(user, problem, room_id, clock::now());
    }

    /// Forgets what the upstream answered about `user`, because the user is live.
    pub fn forget(&self, user: &str) {
        self.lookups.lock().forget(user);
    }

    #[must_use]
    pub fn state(&self) -> LookupState {
        let paused = Some(self.left()).filter(|left| !left.is_zero());
        self.lookups.lock().state(clock::now(), paused)
    }
}

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
    /// Number of look-ups per minute; `null` for an upstream on loopback.
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
struct Lookups {
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
    fn set_budget(&mut self, per_minute: Option<u32>) {
        // At least one, so that a wait is always finite.
        self.per_minute = per_minute.map(|per_minute| per_minute.max(1));
    }

    /// Reserves a look-up that begins within `wait_max`.
    fn reserve(&mut self, now: Instant, wait_max: Duration) -> Result<Instant, Refusal> {
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
        let problem = Problem::capacity(Cause::Lookups, message).hint("try again later");
        Err(Refusal { problem, retrying: false, retry_after: Some(retry_after) })
    }

    /// Reserves a look-up, and returns when it may begin.
    fn queue(&mut self, now: Instant) -> Instant {
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
    fn overdraw(&mut self, now: Instant) -> Instant {
        let before = self.paid_at;
        self.made += 1;
        self.pay(now);
        let most = now + self.tolerance() + QUEUE_MAX;
        self.paid_at = self.paid_at.map(|at| at.min(most)).max(before);
        now
    }

    fn known(&mut self, user: &str, waits_live: bool, now: Instant) -> Option<LookedUp> {
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

    fn remember(&mut self, user: &str, problem: Problem, room_id: Option<i64>, now: Instant) {
        self.answers.insert(user.to_lowercase(), (problem, room_id, now + ANSWER_KEPT));
        if self.answers.len() > ANSWERS_MAX {
            let oldest = self.answers.iter().min_by_key(|(_, (_, _, until))| *until);
            if let Some(user) = oldest.map(|(user, _)| user.clone()) {
                self.answers.remove(&user);
            }
        }
    }

    fn forget(&mut self, user: &str) {
        self.answers.remove(&user.to_lowercase());
    }

    fn state(&self, now: Instant, paused: Option<Duration>) -> LookupState {
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
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use livetape_core::error::Code;
    use livetape_io::clock;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_processes_repeat_ends_on_time() {
        let [first, second, third] = [Limit::default(), Limit::default(), Limit::default()];
        let mut news = first.news();
        first.set(10 * SECOND);
        news.changed().await.unwrap();
        let told = first.pause("a").unwrap();
        // Each message takes a second.
        tokio::time::advance(SECOND).await;
        second.learn(&told);
        assert_eq!(second.left(), 10 * SECOND);
        let repeated = second.pause("b").unwrap();
        assert_eq!((&*repeated.node, repeated.number), ("a", 1));
        tokio::time::advance(SECOND).await;
        third.learn(&repeated);
        second.learn(&third.pause("c").unwrap());
        second.learn(&first.pause("a").unwrap());
        third.learn(&first.pause("a").unwrap());
        assert!([&first, &second, &third].iter().all(|limit| limit.left() == 8 * SECOND));
        third.learn(&Pause { node: "d".into(), number: 7, left: Duration::MAX });
        assert_eq!(third.left(), PAUSE_MAX);
        first.passed().await;
        let is_free = |limit: &Limit| limit.admit(Duration::ZERO).is_ok();
        assert!(is_free(&first) && is_free(&second) && first.pause("a").is_none());
    }

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
