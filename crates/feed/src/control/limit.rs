//! When the upstream may be contacted: after the pause that it asked for, within the budget of look-ups, and
//! not again for an answer that it gave a moment ago. Applies to `/test`, `/connect`, the rooms of tokens,
//! retries and reconnects: every conversation with the upstream begins with a look-up.

use std::{sync::Arc, time::Duration};

use livetape_core::error::{Code, Problem, without_wait};
use livetape_io::clock;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{
    Refusal,
    lookups::{LookedUp, LookupState, Lookups, whole_seconds},
};

/// Maximum pause that another process can ask for.
pub const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The single rate limiter for the upstream. Clones share it, and processes that share channels tell each other
/// its pauses.
#[derive(Clone, Debug, Default)]
pub struct Limit {
    pauses: Arc<watch::Sender<Pauses>>,
    lookups: Arc<Mutex<Lookups>>,
}

#[derive(Debug, Default)]
struct Pauses {
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
    pub fn news(&self) -> LimitNews {
        LimitNews(self.pauses.subscribe())
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
            problem: Problem::new(Code::RateLimited, message).hint(without_wait(Code::RateLimited.hint())),
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

/// Notification of pauses that this process meets.
#[derive(Debug)]
pub struct LimitNews(watch::Receiver<Pauses>);

impl LimitNews {
    /// Waits until this process has met a pause. Cancel safe.
    pub async fn wait(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_processes_repeat_ends_on_time() {
        let [first, second, third] = [Limit::default(), Limit::default(), Limit::default()];
        let mut news = first.news();
        first.set(10 * SECOND);
        news.wait().await;
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
}
