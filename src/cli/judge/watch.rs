//! A command after the show: when it has said everything.

use std::time::Duration;

use livetape_cases::report::Failure;
use tokio::time::Instant;

/// Time between two looks at how long a command used processors, and how long it did at least in that time if it still
/// works. On a busy machine it gets a small part of one.
const WORK_LOOK: Duration = Duration::from_millis(250);
const WORK_MIN: Duration = Duration::from_millis(20);

/// How long a command is waited for at the end of a show.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    /// Time in which a command may still exit or write its result, if nothing else is expected of it.
    pub(super) finding_out: Duration,
    /// The same, if it did so in an earlier case.
    pub(super) as_before: Duration,
    /// Time without output after which it has said everything.
    pub(super) quiet: Duration,
    /// Maximum time for which it may go on printing or computing, without that in which it waits for a processor.
    pub(super) talking: Duration,
    /// Time in which a number that is wrong may still become right.
    pub(super) second_thoughts: Duration,
    /// Time for which numbers have to stay right: in `plain`, and if it goes on printing.
    pub(super) settled: Duration,
}

impl Patience {
    /// For a verdict.
    pub(super) const FULL: Self = Self {
        finding_out: Duration::from_secs(30),
        as_before: Duration::from_secs(60),
        quiet: Duration::from_secs(1),
        talking: Duration::from_secs(60),
        second_thoughts: Duration::from_secs(5),
        settled: Duration::from_secs(5),
    };
}

/// What a command still does some time after the show. Its numbers are those until then, so nothing explains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Still {
    Printing(Duration),
    Computing(Duration),
}

impl Still {
    pub(super) fn failure(self) -> Failure {
        let (what, after, detail) = match self {
            Self::Printing(after) => ("printed", after, None),
            Self::Computing(after) => {
                ("computed", after, Some("with --jobs 1, each case has all processors"))
            }
        };
        let message =
            format!("still {what} {} s after the show; its numbers are those until then", after.as_secs());
        Failure { detail: detail.map(str::to_owned), ..Failure::late("output", &message) }
    }
}

/// Watches a command that has not exited. At each look: [`works`](Self::works), then
/// [`is_unfinished`](Self::is_unfinished); if it is not, [`says`](Self::says) and [`ends`](Self::ends).
pub(super) struct Watch {
    patience: Patience,
    /// When the show was over.
    over: Instant,
    looked: Instant,
    /// The slack that it had at the end of the show, the slack by now, and when it last printed with the slack then.
    slack: Duration,
    waited: Duration,
    printed: (Instant, Duration),
    /// When it last computed, and until when it may: what it has received may be unprocessed yet.
    worked: Option<Instant>,
    until: Instant,
    is_computing: bool,
    /// Since when it has been quiet, and since when its numbers have been right.
    quiet: Option<Instant>,
    right: Option<Instant>,
    /// What was wrong, and since when.
    wrong: (Vec<Failure>, Instant),
}

impl Watch {
    pub(super) fn new(patience: Patience, over: Instant, slack: Duration) -> Self {
        Self {
            patience,
            over,
            looked: over,
            slack,
            waited: slack,
            printed: (over, slack),
            worked: None,
            until: over + patience.talking,
            is_computing: false,
            quiet: None,
            right: None,
            wrong: (Vec::new(), over),
        }
    }

    /// Whether it is time for another look at its work and its numbers.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.looked + WORK_LOOK
    }

    /// Tells for how long it has used processors since the last look, and the slack that it has by now.
    pub(super) fn works(&mut self, now: Instant, used: Duration, slack: Duration) {
        self.waits(slack);
        self.until = self.over + self.patience.talking + slack.saturating_sub(self.slack);
        self.looked = now;
        self.is_computing = used >= WORK_MIN;
        if self.is_computing && now < self.until {
            self.worked = Some(now);
        }
    }

    /// Tells the slack that it has by now.
    pub(super) fn waits(&mut self, slack: Duration) {
        self.waited = slack;
    }

    /// Whether it has this long, after the show and after what it computed, to exit or to write its result.
    pub(super) fn is_unfinished(&self, now: Instant, patience: Duration) -> bool {
        now < self.worked.unwrap_or(self.over) + patience
    }

    /// Tells what is wrong in what it has printed.
    pub(super) fn says(&mut self, now: Instant, failures: Vec<Failure>) {
        self.right = if failures.is_empty() { self.right.or(Some(now)) } else { None };
        if self.wrong.0 != failures {
            self.wrong = (failures, now);
        }
    }

    /// Whether it is ended now, and what it still does then. `last` is when it last printed, `afterwards` for how long
    /// right numbers are watched, and `owes` whether it has not exited or written a result as it did before.
    pub(super) fn ends(
        &mut self,
        now: Instant,
        last: Instant,
        afterwards: Duration,
        owes: bool,
    ) -> Option<Option<Still>> {
        // Some print their totals again and again.
        let has_settled = self.right.is_some_and(|since| now >= since + self.patience.settled);
        if self.printed.0 != last {
            self.printed = (last, self.waited);
        }
        // A command that waits for a processor is quiet without having said everything.
        let starved = self.waited.saturating_sub(self.printed.1);
        if now < last + self.patience.quiet + starved && self.quiet.is_none() && !has_settled {
            return (now >= self.until).then(|| Some(Still::Printing(now - self.over)));
        }
        let quiet = *self.quiet.get_or_insert(now);
        let corrects = self.patience.second_thoughts;
        let is_watched = match self.right {
            Some(since) => now < since + afterwards,
            None => {
                let worked = self.worked.is_some_and(|at| now < at + corrects.max(WORK_LOOK * 2));
                now < quiet + corrects || worked
            }
        };
        if is_watched {
            return None;
        }
        // Others compute all the time, with numbers that stay.
        let is_counting = self.right.is_none() && now < self.wrong.1 + self.patience.settled;
        let is_unfinished = self.is_computing && (is_counting || owes);
        Some(is_unfinished.then(|| Still::Computing(now - self.over)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = WORK_LOOK;
    const NOTHING: Duration = Duration::ZERO;

    /// Watches a command that works and prints like this in each look. Returns when it is ended, in seconds.
    fn watch(
        used: Duration,
        waited: Duration,
        prints: bool,
        wrong: impl Fn(u32) -> bool,
    ) -> (u64, Option<Still>) {
        let over = livetape_io::clock::now();
        let mut watch = Watch::new(Patience::FULL, over, Duration::ZERO);
        for look in 1.. {
            let now = over + LOOK * look;
            watch.works(now, used, waited * look);
            let failures = wrong(look).then(|| Failure::new("chats", &format!("{look}")));
            watch.says(now, failures.into_iter().collect());
            if let Some(still) = watch.ends(now, if prints { now } else { over }, NOTHING, false) {
                return ((now - over).as_secs(), still);
            }
        }
        unreachable!()
    }

    #[test]
    fn quiet_and_right_is_soon_over() {
        assert_eq!(watch(NOTHING, NOTHING, false, |_| false), (1, None));
    }

    #[test]
    fn what_is_wrong_may_become_right() {
        assert_eq!(watch(NOTHING, NOTHING, false, |_| true), (6, None));
        assert_eq!(watch(NOTHING, NOTHING, false, |look| look < 20), (5, None));
    }

    #[test]
    fn who_waits_for_a_processor_is_not_quiet() {
        let over = livetape_io::clock::now();
        let mut watch = Watch::new(Patience::FULL, over, Duration::from_secs(9));
        let mut is_ended = |after, slack| {
            watch.waits(Duration::from_secs(slack));
            let now = over + Duration::from_secs(after);
            watch.says(now, Vec::new());
            watch.ends(now, over, NOTHING, false).is_some()
        };
        assert_eq!([is_ended(1, 10), is_ended(2, 11), is_ended(3, 11)], [false, false, true]);
    }

    #[test]
    fn who_prints_on_is_ended_once_right_or_late() {
        assert_eq!(watch(NOTHING, NOTHING, true, |look| look < 12), (8, None));
        let still = Some(Still::Printing(Duration::from_secs(60)));
        assert_eq!(watch(NOTHING, NOTHING, true, |_| true), (60, still));
    }

    #[test]
    fn the_time_in_which_it_waits_for_a_processor_does_not_count() {
        let computing = |waited| watch(LOOK / 5, waited, false, |_| true);
        assert_eq!(computing(NOTHING), (64, Some(Still::Computing(Duration::from_millis(64_750)))));
        let (ended, still) = computing(LOOK / 2);
        assert!(
            (124..=125).contains(&ended) && matches!(still, Some(Still::Computing(_))),
            "{ended} {still:?}"
        );
    }
}
