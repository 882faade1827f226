//! A case that is played: its changed recording, the door to the feed, and the script of its connections.

use std::{iter, sync::Arc, time::Duration};

use livetape_cases::{
    report::{Failure, Habit, moment},
    script::{
        self, AFTER_END, ATTEMPTS_A_MINUTE_MAX, ATTEMPTS_AFTER_END_MAX, Answer, BACK_MAX, DEAF_MAX, How,
        RATE_OVER, RECENT_MAX, REFUSED_FOR, Spot,
    },
    slack::Slack,
    table::Case,
    trace::HAPPENED_MAX,
};
use livetape_core::error::{Code, Problem, close};
use livetape_engine::source::{Gates, Tape};
use livetape_feed::{
    control::{Control, ReplayOrder, ReplayPhase},
    hub::{CloseReason, Hub},
};
use livetape_io::clock;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};

use crate::{Attempt, Door, routes::door::BY_CASE};

/// Maximum size of a recording that a case changes or breaks, in bytes: it is held in memory.
pub const RECORDING_BYTES_MAX: u64 = 32 << 20;
/// Time between two looks at what clients do.
const LOOK: Duration = Duration::from_millis(20);
/// Time in which a client that was rejected may open more connections than it says.
const SURPLUS_FOR: Duration = Duration::from_secs(3);
/// Maximum time for clients to confirm what they were sent.
const CONFIRM_MAX: Duration = Duration::from_secs(10);
/// Mean time between attempts below which nothing grows that could start over.
const HARDLY_WAITS: Duration = Duration::from_millis(300);
/// Maximum number of attempts of each client with a position that is forgotten: it is told so each time.
const LOST_MAX: usize = 3;

/// A case, ready to be played. Clones share its state.
#[derive(Clone, Debug)]
pub struct Staged {
    pub case: &'static Case,
    /// The changed recording.
    pub tape: Tape,
    pub door: Door,
    pub slack: Slack,
    gates: Gates,
    /// The breaks, in the order in which they happen.
    breaks: Arc<[(Spot, How)]>,
    progress: Arc<Mutex<Progress>>,
    /// What the script did and what followed, and when.
    performed: Arc<Mutex<Vec<(Instant, Happened)>>>,
    /// Number of clients that the show waits for.
    clients: usize,
    /// Whether it stops if clients do not come back.
    gives_up: bool,
}

/// What has been seen so far.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    pub complaints: Vec<Failure>,
    /// What clients are waited for to do.
    pub awaited: Option<String>,
    /// What the clients of a room were waited for in vain to do.
    pub left_undone: Option<String>,
    /// Whether the clients stayed until the show began.
    pub has_begun: bool,
    /// Whether a client came back to a room that was over: nothing has told it the end, so it may wait for the next one.
    pub is_back_in_vain: bool,
}

/// A break of the connections, or an attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Happened {
    /// Offset in the recording, in milliseconds.
    pub offset_ms: u64,
    /// What happened, as the timelines of `livetape test` say it.
    pub text: String,
}

impl Progress {
    /// Whether the clients were not told the end of the show.
    #[must_use]
    pub fn says_no_end(&self) -> bool {
        self.left_undone.is_some() || self.is_back_in_vain
    }
}

impl Staged {
    /// Changes a recording for a case, whose show begins when as many clients are connected.
    ///
    /// # Errors
    /// `bad_request` if the recording is too long to be changed; any failure of reading it.
    pub fn new(case: &'static Case, tape: &Tape, clients: usize) -> Result<Self, Problem> {
        let changed = tape.changed(case, RECORDING_BYTES_MAX)?;
        let spots = match case.script.breaks {
            [] => Vec::new(),
            breaks => script::spots(changed.items()?, breaks),
        };
        let mut breaks = Vec::from_iter(spots.into_iter().zip(case.script.breaks.iter().map(|it| it.how)));
        breaks.sort_by_key(|(spot, _)| spot.items);
        // The first one is before everything.
        let gates = Gates::new(iter::once(0).chain(breaks.iter().map(|(spot, _)| spot.items)));
        let door = Door::default();
        door.deny(case.script.refused.iter().copied(), case.script.always);
        let tape = changed.with_gates(gates.clone());
        let (progress, performed, slack) = (Arc::default(), Arc::default(), Slack::default());
        let breaks = breaks.into();
        Ok(Self { case, tape, door, slack, gates, breaks, progress, performed, clients, gives_up: false })
    }

    /// Stops if clients do not come back in time. Otherwise the show waits for them.
    #[must_use]
    pub fn giving_up(self) -> Self {
        Self { gives_up: true, ..self }
    }

    /// Returns the numbers of events before each break of the connections, or, if `starts_over`, before the
    /// recording starts over.
    #[must_use]
    pub fn breaks(&self, starts_over: bool) -> Vec<usize> {
        let breaks = self.breaks.iter();
        let breaks = breaks.filter(|(_, how)| *how != How::Newer && how.starts_over() == starts_over);
        breaks.map(|(spot, _)| spot.events).collect()
    }

    #[must_use]
    pub fn progress(&self) -> Progress {
        self.lock(|progress| progress.clone())
    }

    /// Returns the first breaks and attempts to connect, in order.
    #[must_use]
    pub fn happened(&self) -> Vec<Happened> {
        let attempts = self.door.attempts().into_iter().take(HAPPENED_MAX).map(|attempt| {
            (attempt.at, Happened { offset_ms: attempt.offset_ms, text: attempt.text().to_owned() })
        });
        // What follows an attempt is told at once.
        let mut happened = Vec::from_iter(attempts.chain(self.performed.lock().clone()));
        happened.sort_by_key(|(at, _)| *at);
        happened.into_iter().take(HAPPENED_MAX).map(|(_, happened)| happened).collect()
    }

    /// Performs the script, from before the first client until everything after the show is judged, or until
    /// clients do not come back. Tells `tell` what happens, in one line each.
    pub async fn perform(&self, hub: &Hub, control: &Control, tell: impl Fn(&str)) {
        let tell = |text: &str| {
            let happened = Happened { offset_ms: self.door.offset_ms(), text: text.to_owned() };
            let mut performed = self.performed.lock();
            if performed.len() < HAPPENED_MAX {
                performed.push((clock::now(), happened));
            }
            drop(performed);
            tell(text);
        };
        if self.is_let_in().await {
            self.begin(hub).await;
            for index in 0..self.breaks.len() {
                self.gates.reached(index + 1).await;
                if !self.break_at(index, hub, control, &tell).await {
                    return;
                }
            }
            while control.replay().is_none_or(|replay| replay.state != ReplayPhase::Ended) {
                sleep_until(clock::now() + LOOK).await;
            }
            self.confirmed(hub).await;
            if self.case.script.ends {
                tell("all connections are closed with 1000");
                self.end(hub).await;
            }
        }
    }

    /// Waits until a client gets the feed. Returns whether any will.
    async fn is_let_in(&self) -> bool {
        loop {
            let attempts = self.door.attempts();
            let now = clock::now();
            let Some(last) = attempts.last() else {
                let since = self.door.serves_since().filter(|_| self.gives_up && self.door.was_reset());
                if since.is_some_and(|since| now > since + BACK_MAX + self.slack.total()) {
                    let within = BACK_MAX.as_secs();
                    self.complain_late(&format!(
                        "did not try again within {within} s after its first attempt was reset"
                    ));
                    return false;
                }
                sleep_until(clock::now() + LOOK).await;
                continue;
            };
            if last.is_let_in {
                self.lock(|progress| progress.awaited = None);
                return true;
            }
            if self.case.script.always.is_some() {
                let watched = self.slack.watched(REFUSED_FOR, Duration::ZERO);
                if now > attempts[0].at + watched
                    || attempts.len() > ATTEMPTS_A_MINUTE_MAX * self.clients.max(1)
                {
                    self.judge_rate(&attempts);
                    return false;
                }
            } else {
                let what = format!("try again after attempt {}: {}", attempts.len(), self.case.what);
                if now > last.at + BACK_MAX + self.slack.total() {
                    self.complain_late(&format!("did not {what} within {} s", BACK_MAX.as_secs()));
                    return false;
                }
                self.lock(|progress| progress.awaited = Some(what));
            }
            sleep_until(clock::now() + LOOK).await;
        }
    }

    fn judge_rate(&self, attempts: &[Attempt]) {
        let since = clock::now() - RATE_OVER;
        let recent = attempts.iter().filter(|attempt| attempt.at > since).count();
        let (count, took) = (attempts.len(), clock::now().duration_since(attempts[0].at).as_secs_f64());
        let (over, clients) = (RATE_OVER.as_secs(), self.clients.max(1));
        let [most, most_recent] = [ATTEMPTS_A_MINUTE_MAX, RECENT_MAX].map(|most| most * clients);
        let open = attempts.iter().map(|attempt| attempt.open).max().unwrap_or_default();
        let rate = if count > most {
            format!("{count} times in {took:.0} s; within a minute, at most {most} are right")
        } else if recent > most_recent {
            format!("{recent} times in the last {over} s, at most {most_recent} are right")
        } else {
            return;
        };
        // How long it waits is another question.
        if open * 2 > count && open > clients {
            let agents = self.door.agents().into_iter();
            let agents = agents
                .map(|agent| if agent.is_empty() { "clients without `User-Agent`".into() } else { agent });
            let from = Vec::from_iter(agents).join(" and ");
            let message = format!("had {open} connections at once, from {from}, and --clients is {clients}");
            return self.fail(Failure { habit: Some(Habit::AtOnce), ..Failure::new("connection", &message) });
        }
        let message = format!("tried to connect {rate}{}", self.usual_cause(attempts));
        self.fail(Failure { habit: Some(Habit::Hammers), ..Failure::new("connection", &message) });
    }

    /// Holds the show until as many clients as it waits for have answered a ping: some close their first connection at
    /// once and open another one.
    async fn begin(&self, hub: &Hub) {
        loop {
            hub.wait_for_subscribers(self.clients).await;
            self.confirmed(hub).await;
            if hub.subscriber_count() >= self.clients {
                break;
            }
        }
        // A client that tried again twice opens another connection after the first.
        let was_rejected = self.door.was_reset() || self.door.attempts().iter().any(|it| !it.is_let_in);
        if self.gives_up && was_rejected {
            self.watched(SURPLUS_FOR).await;
        }
        self.lock(|progress| progress.has_begun = true);
        self.gates.open(0);
    }

    /// Waits until clients have been sent everything, and their sockets have answered a ping after that.
    async fn confirmed(&self, hub: &Hub) {
        let confirmed = async {
            hub.wait_until_read().await;
            self.door.answered().await;
        };
        // The show itself waits for the slowest client, and judges it.
        let _ = timeout(CONFIRM_MAX, confirmed).await;
    }

    /// Waits for a time in which clients may show a mistake.
    async fn watched(&self, time: Duration) {
        let (began, slack) = (clock::now(), self.slack.total());
        while clock::now() < began + self.slack.watched(time, slack) {
            sleep_until((clock::now() + LOOK).min(began + self.slack.watched(time, slack))).await;
        }
    }

    /// Returns why clients of this case usually try too often.
    fn usual_cause(&self, attempts: &[Attempt]) -> &'static str {
        let took = attempts[attempts.len() - 1].at.duration_since(attempts[0].at);
        match self.case.script.always {
            _ if took < HARDLY_WAITS * u32::try_from(attempts.len()).unwrap_or(u32::MAX) => {
                ": it hardly waits between attempts"
            }
            Some(Answer::Offline | Answer::Wrong) => {
                ": often the wait starts over with any message, and so with the `error`"
            }
            _ => "",
        }
    }

    /// Breaks all connections, and waits until as many are back. Returns whether they are.
    async fn break_at(&self, index: usize, hub: &Hub, control: &Control, tell: &impl Fn(&str)) -> bool {
        let (spot, how) = self.breaks[index];
        let known = self.door.attempts().len();
        self.door.hold(Some(spot.offset));
        let _ = control.order(ReplayOrder::Pause).await;
        self.confirmed(hub).await;
        let before = hub.subscriber_count();
        let close = |code, reason: &'static str| hub.dismiss(&CloseReason::new(code, reason));
        let done = match how {
            How::Close(code) => {
                close(code, BY_CASE);
                format!("closed with {code}")
            }
            How::Cut => {
                close(close::ABNORMAL, "");
                "cut".to_owned()
            }
            How::LosePosition => {
                self.door.lose_positions();
                close(Code::Io.close_code(), BY_CASE);
                "closed with 1011 and its position forgotten".to_owned()
            }
            How::Silence(time) => {
                self.watched(time).await;
                format!("silent for {} s", time.as_secs())
            }
            How::Deaf => "sent nothing more, not even pings,".to_owned(),
            How::Newer => {
                hub.publish_foreign(script::NEWER_MESSAGE, script::NEWER_MEMBERS);
                "sent something unknown".to_owned()
            }
            How::StartOver => "sent the recording from its start again".to_owned(),
            How::Restart => {
                let reason = CloseReason::new(close::GOING_AWAY, BY_CASE);
                hub.restart(&format!("{}-restarted", hub.stream()), 0, &reason);
                "closed with 1001, as if the server had been started again,".to_owned()
            }
        };
        let at = moment(spot.offset);
        let connections =
            if before == 1 { "1 connection was".into() } else { format!("{before} connections were") };
        tell(&format!("{connections} {done} at {at}"));
        let breaks = self.breaks.len();
        let number = if breaks == 1 { String::new() } else { format!(" ({} of {breaks})", index + 1) };
        let what = format!("come back after its connection was {done} at {at}{number}");
        self.lock(|progress| progress.awaited = Some(what.clone()));
        // A deaf connection stays open, so only others show that a client is back.
        let (is_deaf, within) = if how == How::Deaf { (true, DEAF_MAX) } else { (false, BACK_MAX) };
        let since = is_deaf.then_some(known);
        if let Err(complaint) = self.are_back(hub, before, since, within, &what).await {
            tell(&format!("❌ a client {}", complaint.message));
            self.fail(complaint);
            if self.gives_up {
                return false;
            }
            hub.wait_for_subscribers(before).await;
        }
        tell("all are back: the show goes on");
        self.door.hold(None);
        self.lock(|progress| progress.awaited = None);
        self.gates.open(index + 1);
        if how.starts_over() {
            let order =
                if how == How::Restart { ReplayOrder::Restart } else { ReplayOrder::Seek(Duration::ZERO) };
            let _ = control.order(order).await;
        }
        let _ = control.order(ReplayOrder::Play).await;
        true
    }

    /// Waits until as many clients as before have the feed, within a time after the break, and after each attempt that
    /// was rejected since. With `since`, only later attempts than these count.
    ///
    /// # Errors
    /// What they did instead.
    async fn are_back(
        &self,
        hub: &Hub,
        before: usize,
        since: Option<usize>,
        within: Duration,
        what: &str,
    ) -> Result<(), Failure> {
        let (broken, slack) = (clock::now(), self.slack.total());
        loop {
            let attempts = self.door.attempts();
            let rejected = attempts.iter().rfind(|attempt| !attempt.is_let_in);
            let last = rejected.map_or(broken, |attempt| attempt.at.max(broken));
            if clock::now() > last + within + (self.slack.total() - slack) {
                let message = format!("did not {what} within {} s", within.as_secs());
                return Err(Failure::late("connection", &message));
            }
            let lost = attempts.iter().filter(|attempt| attempt.is_lost).count();
            if lost > LOST_MAX * before.max(1) {
                let message = format!("asked {lost} times for a position that it was told is unknown");
                return Err(Failure::new("connection", &message));
            }
            let come = |known: usize| attempts[known..].iter().filter(|it| it.is_let_in).count();
            let has_come = since.is_none_or(|known| come(known) >= before);
            if timeout(LOOK, hub.wait_for_subscribers(before)).await.is_ok() && has_come {
                return Ok(());
            }
            sleep_until(clock::now() + if has_come { Duration::ZERO } else { LOOK }).await;
        }
    }

    /// Closes all connections at the end of the show, and counts who comes back.
    async fn end(&self, hub: &Hub) {
        let before = self.door.attempts().len();
        let over = CloseReason::new(close::NORMAL, "recording_ended");
        let (ended, slack) = (clock::now(), self.slack.total());
        while clock::now() < ended + self.slack.watched(AFTER_END, slack) {
            // Again for those who come back.
            hub.dismiss(&over);
            let attempts = self.door.attempts();
            let again = attempts.len() - before;
            // With `types`, over HTTP, it may not know.
            if again > ATTEMPTS_AFTER_END_MAX && attempts[before - 1].hears_end {
                let took = (clock::now() - ended).as_secs_f64();
                let means = if attempts[before - 1].is_socket {
                    "close code 1000"
                } else {
                    "the event `disconnected`"
                };
                self.complain(&format!(
                    "tried to connect {again} times within {took:.1} s after the end, which it was told by {means}"
                ));
                return;
            }
            sleep_until(clock::now() + LOOK).await;
        }
    }

    fn complain(&self, message: &str) {
        self.fail(Failure::new("connection", message));
    }

    fn complain_late(&self, message: &str) {
        self.fail(Failure::late("connection", message));
    }

    fn fail(&self, failure: Failure) {
        self.lock(|progress| {
            progress.awaited = None;
            progress.complaints.push(failure);
        });
    }

    fn lock<T>(&self, f: impl FnOnce(&mut Progress) -> T) -> T {
        f(&mut self.progress.lock())
    }
}
