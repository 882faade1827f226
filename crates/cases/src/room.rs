//! What clients of a TikTok room do, and whether that is right.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    report::{Failure, Habit},
    script::{
        AFTER_END, ATTEMPTS_A_MINUTE_MAX, ATTEMPTS_AFTER_END_MAX, BACK_MAX, RATE_OVER, RECENT_MAX,
        REFUSED_FOR,
    },
    slack::watched,
};

/// How much earlier than it was told a client may send a request: timers are not exact.
const EARLY_MAX: Duration = Duration::from_millis(100);
/// Time within which a client is back after a WebSocket on which nothing arrives, not even the reply to a heartbeat: it
/// may wait for six heartbeats, which are a minute, before it takes the connection for lost.
const SILENCE_MAX: Duration = Duration::from_secs(90);

/// Time within which a client has opened a WebSocket, however often it was rejected: scenarios reject a correct one three
/// times at most.
const OPENED_MAX: Duration = Duration::from_secs(300);

/// Time for which a client may have two WebSockets: it closes one of them.
const TWO_MAX: Duration = Duration::from_secs(5);

/// What happens in a room of the mock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Name of a scenario of the mock; every user is live without one.
    pub scenario: Option<&'static str>,
    pub course: Course,
}

impl Room {
    pub const PLAIN: Self = Self { scenario: None, course: Course::Whole };
}

/// What a client can receive of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    Whole,
    /// Everything, but not always with the ids that show what was sent before.
    Repeats,
    /// Some messages may be lost, or be repeated as history.
    Partial,
    /// Nothing: the room never opens.
    Never,
    /// Everything. Who comes back after the end is counted.
    Ends,
}

/// Something that a client did, or that happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A request for a path that succeeded.
    Request(String),
    /// A request for a path that was rejected: by what, and the wait that the response stated.
    Refused(String, String, Option<Duration>),
    /// An attempt to open a WebSocket that succeeded.
    Opened,
    /// A WebSocket ended before the room did: how, after `its connection was`.
    Broken(&'static str),
    /// The room sends nothing more on a WebSocket that stays open, but perhaps pongs.
    Silent,
    /// A request for a WebSocket is answered late.
    Late,
    /// A room sends only the number of viewers.
    Quiet,
    /// A WebSocket ended because the client or the room did.
    Left,
}

impl Seen {
    /// Says it in a timeline, if it matters there.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Request(_) => return None,
            Self::Refused(path, by, _) => format!("a request for {path} got {by}"),
            Self::Opened => "a WebSocket was opened".to_owned(),
            Self::Broken(how) => format!("its connection was {how}"),
            Self::Silent => "nothing more is sent on its WebSocket".to_owned(),
            Self::Late => "a request for a WebSocket is answered late".to_owned(),
            Self::Quiet => "only the number of viewers is sent from now on".to_owned(),
            Self::Left => "its WebSocket ended".to_owned(),
        })
    }
}

/// What clients did in a room so far.
#[derive(Clone, Debug, Default)]
pub struct Conduct {
    pub complaints: Vec<Failure>,
    /// What they were waited for in vain to do.
    pub left_undone: Option<String>,
    /// For how long the command has waited for a processor so far.
    pub slack: Duration,
    /// What the client that does what is seen next says in `User-Agent`.
    pub agent: String,
    /// Times of requests, by path.
    requests: BTreeMap<String, Vec<Duration>>,
    /// The last wait that was stated for a path, and since when.
    waits: BTreeMap<String, (Duration, Duration)>,
    /// Paths that were requested too early, and too often: one complaint about each is enough.
    early: BTreeSet<String>,
    hammered: BTreeSet<String>,
    awaited: Option<Awaited>,
    /// When the client may try again after the last rejected request.
    rejected_until: Duration,
    /// Number of open WebSockets, and of those ever opened.
    open: usize,
    opened: usize,
    /// Since when the room is quiet.
    quiet: Option<Duration>,
    /// Whether a request for a WebSocket was answered late, and since when there are two.
    was_late: bool,
    two: Option<Duration>,
    /// When the room was over, and the number of attempts to open a WebSocket and the slack before.
    ended: Option<(Duration, usize, Duration)>,
    attempts: usize,
    /// Number of requests, and of those before the room was over.
    requested: usize,
    before_end: Option<usize>,
}

/// What paths are for, by how they end: the library sends the requests, so a bot's author may not know them.
const PURPOSES: [(&str, &str); 8] = [
    (POLL, "the room's messages"),
    ("/fetch", SIGN),
    ("/connect", SIGN),
    ("/room_id", SIGN),
    ("/ws_reuse_supplement", "the WebSocket"),
    ("/api-live/user/room", "the user's room"),
    ("/live", "the user's page"),
    ("/room/info", "the room's state"),
];

const SIGN: &str = "the sign server";
/// How the path of the list of gifts ends.
const GIFTS: &str = "/gift/list";
/// How the path ends with which a client without a WebSocket asks for new messages, again and again.
const POLL: &str = "/im/fetch";
/// Number of such requests from which a client polls: one with a WebSocket asks once for the first messages.
const POLLS_MIN: usize = 3;
const POLLS_A_MINUTE_MAX: usize = 120;

/// Whether a request with this path is for a signature.
#[must_use]
pub fn is_signature(path: &str) -> bool {
    purpose(path) == Some(SIGN)
}

fn purpose(path: &str) -> Option<&'static str> {
    let found = PURPOSES.iter().find(|(end, _)| path.trim_end_matches('/').ends_with(end));
    found.map(|(_, purpose)| *purpose)
}

/// Returns a path with its purpose, if that is known.
fn named(path: &str) -> String {
    match purpose(path) {
        Some(purpose) => format!("{path} ({purpose})"),
        None => path.to_owned(),
    }
}

/// What a client is waited for to do.
#[derive(Clone, Debug)]
struct Awaited {
    what: String,
    /// The path whose request was rejected, until one succeeds.
    rejected: Option<String>,
    until: Duration,
    /// How long it has, without what is added to this slack.
    within: Duration,
    slack: Duration,
    /// Whether it has sent a request since.
    has_tried: bool,
}

impl Awaited {
    fn is_late(&self, now: Duration, slack: Duration) -> bool {
        now > self.until + slack.saturating_sub(self.slack)
    }

    /// A client that finds the user offline has come back in vain.
    fn is_over(&self, is_room_over: bool) -> bool {
        is_room_over && self.has_tried
    }
}

impl Conduct {
    pub fn see(&mut self, at: Duration, seen: Seen) {
        match seen {
            Seen::Request(path) => {
                self.request(at, &path);
                if let Some(awaited) = &mut self.awaited {
                    awaited.until = awaited.until.max(at + BACK_MAX);
                    awaited.has_tried = true;
                    // It did try again, so only the rest is awaited.
                    if awaited.rejected.take_if(|rejected| *rejected == path).is_some() {
                        awaited.what = format!("open a WebSocket after its new request to {}", named(&path));
                    }
                }
            }
            // A client may go on without the list: messages have names and prices of gifts.
            Seen::Refused(path, ..) if path.trim_end_matches('/').ends_with(GIFTS) => self.request(at, &path),
            Seen::Refused(path, how, wait) => {
                let what = format!("try again after {how} from {}", named(&path));
                self.rejected_until = at + wait.unwrap_or_default();
                self.wait_for(what, self.rejected_until, BACK_MAX);
                if let Some(awaited) = &mut self.awaited {
                    awaited.rejected = Some(path.clone());
                }
                self.request(at, &path);
                if let Some(wait) = wait {
                    self.waits.insert(path, (at, wait));
                }
            }
            Seen::Opened => {
                (self.open, self.opened, self.awaited) = (self.open + 1, self.opened + 1, None);
                if let Some(quiet) = self.quiet.take() {
                    let after = (at - quiet).as_secs();
                    self.complain(
                        None,
                        &format!("connected again {after} s after the room became quiet: viewer counts and replies to heartbeats arrived"),
                    );
                }
            }
            Seen::Late => self.was_late = true,
            Seen::Quiet => self.quiet = Some(at),
            Seen::Broken(how) => {
                self.open = self.open.saturating_sub(1);
                let what = format!("come back after its connection was {how}");
                self.wait_for(what, at, BACK_MAX);
            }
            Seen::Silent => {
                self.open = self.open.saturating_sub(1);
                let what = "come back after nothing more arrived on its connection".to_owned();
                self.wait_for(what, at, SILENCE_MAX);
            }
            Seen::Left => self.open = self.open.saturating_sub(1),
        }
        let has_two = self.was_late && self.open > 1;
        self.two = has_two.then(|| self.two.unwrap_or(at));
    }

    fn wait_for(&mut self, what: String, from: Duration, within: Duration) {
        let (until, slack) = (from + within, self.slack);
        self.awaited = Some(Awaited { what, rejected: None, until, within, slack, has_tried: false });
    }

    fn request(&mut self, at: Duration, path: &str) {
        self.requested += 1;
        // Those of TikTok and of the sign server's fallback.
        self.attempts += usize::from(path.contains("/ws"));
        if let Some((told, wait)) = self.waits.remove(path)
            && at + EARLY_MAX < told + wait
            && self.early.insert(path.to_owned())
        {
            let (after, wait) = ((at - told).as_secs_f64(), wait.as_secs_f64().ceil());
            let message =
                format!("requested {} {after:.1} s after it was told to wait {wait} s", named(path));
            self.complain(Some(Habit::ComesEarly), &message);
        }
        let times = self.requests.entry(path.to_owned()).or_default();
        times.push(at);
        let over = watched(REFUSED_FOR, self.slack);
        let count = times.iter().filter(|time| **time + over > at).count();
        // What a client does after the end is judged in cases that wait for it.
        if self.before_end.is_some() {
            return;
        }
        // A client that polls does so each second.
        let is_poll = path.trim_end_matches('/').ends_with(POLL) && count <= POLLS_A_MINUTE_MAX;
        if count <= ATTEMPTS_A_MINUTE_MAX || is_poll || !self.hammered.insert(path.to_owned()) {
            return;
        }
        let (most, to) = (ATTEMPTS_A_MINUTE_MAX, named(path));
        if self.open * 2 > count {
            let from = match &*self.agent {
                "" => "clients without `User-Agent`",
                agent => agent,
            };
            let open = self.open;
            let message =
                format!("had {open} WebSockets at once, from {from}; at most {most} a minute are right");
            return self.complain(Some(Habit::AtOnce), &message);
        }
        let message = format!("requested {to} {count} times within a minute, at most {most} are right");
        self.complain(Some(Habit::Hammers), &message);
    }

    fn complain(&mut self, habit: Option<Habit>, message: &str) {
        self.complaints.push(Failure { habit, ..Failure::new("connection", message) });
    }

    /// `is_over` is whether the room has ended.
    #[must_use]
    pub fn awaited(&self, is_over: bool) -> Option<&str> {
        self.awaited.as_ref().filter(|awaited| !awaited.is_over(is_over)).map(|awaited| awaited.what.as_str())
    }

    /// Whether a client came back when the room was over: nothing has told it the end. On a busy machine it may lose its
    /// connection that late, with all that it has not read yet.
    #[must_use]
    pub fn is_back_in_vain(&self, is_over: bool) -> bool {
        self.awaited.as_ref().is_some_and(|awaited| awaited.is_over(is_over))
            || self.before_end.is_some_and(|before| self.requested > before)
    }

    /// Returns what is wrong if a client opened no WebSocket for this long. It has the time anew after each rejected
    /// request, and after the wait that was stated, up to `OPENED_MAX`: it may cause each rejection itself.
    #[must_use]
    pub fn opened_nothing(&self, now: Duration, within: Duration) -> Option<String> {
        let until = self.rejected_until + within;
        let (until, within, since) = match self.rejected_until {
            _ if until > OPENED_MAX => (OPENED_MAX, OPENED_MAX, ""),
            Duration::ZERO => (until, within, ""),
            _ => (until, within, " after a rejected request"),
        };
        let is_late = !self.was_opened() && now >= until + self.slack;
        is_late.then(|| format!("opened no WebSocket within {} s{since}", within.as_secs()))
    }

    /// Whether any request was for a signature.
    #[must_use]
    pub fn has_signed(&self) -> bool {
        self.requests.keys().any(|path| is_signature(path))
    }

    /// Whether any request was for a WebSocket.
    #[must_use]
    pub fn has_tried_socket(&self) -> bool {
        self.attempts > 0
    }

    /// Whether a client has been let into the room: it opened a WebSocket, or polls.
    #[must_use]
    pub fn was_opened(&self) -> bool {
        let is_poll = |path: &&String| path.trim_end_matches('/').ends_with(POLL);
        let polls = self.requests.keys().find(is_poll).map_or(0, |path| self.requests[path].len());
        self.opened > 0 || polls >= POLLS_MIN
    }

    /// Whether everything was seen that is judged. `is_over` is whether the room has ended.
    pub fn is_done(&mut self, now: Duration, course: Course, is_over: bool) -> bool {
        // After a room that ends, lookups are usual.
        if is_over && course != Course::Ends {
            self.before_end.get_or_insert(self.requested);
        }
        if self.two.is_some_and(|since| now > since + TWO_MAX) {
            (self.two, self.was_late) = (None, false);
            let message = "had two WebSockets at once after the upgrade of one was answered late";
            self.complain(Some(Habit::KeepsLate), message);
        }
        let first = self.requests.values().filter_map(|times| times.first()).min();
        let Some(first) = first.copied() else { return false };
        if course == Course::Never {
            return self.is_refused_enough(first, now);
        }
        if let Some(awaited) = &self.awaited {
            let Awaited { what, within, .. } = awaited;
            if awaited.is_late(now, self.slack) {
                self.left_undone = Some(format!("did not {what} within {} s", within.as_secs()));
                return true;
            }
            if !awaited.is_over(is_over) {
                return false;
            }
        }
        if !is_over || self.open > 0 {
            return false;
        }
        let (ended, before, slack) = *self.ended.get_or_insert((now, self.attempts, self.slack));
        let watched = watched(AFTER_END, self.slack.saturating_sub(slack));
        course != Course::Ends || self.is_over_enough(now - ended, self.attempts - before, watched)
    }

    /// Whether a room that never opens was watched for long enough. Judges the rate of requests then.
    fn is_refused_enough(&mut self, first: Duration, now: Duration) -> bool {
        if now < first + watched(REFUSED_FOR, self.slack) && self.complaints.is_empty() {
            return false;
        }
        // What is told to wait is judged by that.
        let untold = self.requests.iter().filter(|(path, _)| !self.waits.contains_key(*path));
        let recent =
            untold.map(|(path, times)| (path, times.iter().filter(|at| **at + RATE_OVER > now).count()));
        let (over, most) = (RATE_OVER.as_secs(), RECENT_MAX);
        if let Some((path, count)) = recent.max_by_key(|(_, count)| *count).filter(|(_, count)| *count > most)
            && self.complaints.is_empty()
        {
            let path = named(path);
            self.complain(
                Some(Habit::Hammers),
                &format!("requested {path} {count} times in the last {over} s, at most {most} are right"),
            );
        }
        true
    }

    /// Whether a room was watched for long enough after its end.
    fn is_over_enough(&mut self, over: Duration, again: usize, watched: Duration) -> bool {
        if again > ATTEMPTS_AFTER_END_MAX {
            let took = over.as_secs_f64();
            self.complain(
                None,
                &format!("tried to open a WebSocket {again} times within {took:.1} s after the LIVE ended"),
            );
            return true;
        }
        over > watched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGN: &str = "/webcast/fetch";
    const SOCKET: &str = "/webcast/im/ws_proxy/";

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn ok(path: &str) -> Seen {
        Seen::Request(path.to_owned())
    }

    fn refused(wait: Option<u64>) -> Seen {
        Seen::Refused(SIGN.to_owned(), "429".to_owned(), wait.map(Duration::from_secs))
    }

    fn messages(conduct: &Conduct) -> Vec<&str> {
        conduct.complaints.iter().map(|failure| failure.message.as_str()).collect()
    }

    fn after(seen: impl IntoIterator<Item = (u64, Seen)>) -> Conduct {
        let mut conduct = Conduct::default();
        seen.into_iter().for_each(|(at, seen)| conduct.see(ms(at), seen));
        conduct
    }

    #[test]
    fn a_stated_wait_holds_for_its_path_within_a_tolerance() {
        for (again, complaints) in [(1_500, 1), (1_899, 1), (1_900, 0), (2_500, 0)] {
            let conduct = after([(0, refused(Some(2))), (again, ok(SIGN))]);
            assert_eq!(conduct.complaints.len(), complaints, "{again}: {:?}", conduct.complaints);
        }
        assert_eq!(
            after([(0, refused(Some(2))), (1, ok(SIGN))]).complaints[0].habit,
            Some(Habit::ComesEarly)
        );
        // Four times, and one complaint.
        let early = after((0..4).map(|number| (number * 500, refused(Some(2)))));
        assert_eq!(
            messages(&early),
            ["requested /webcast/fetch (the sign server) 0.5 s after it was told to wait 2 s"]
        );
        assert!(after([(0, refused(Some(2))), (1, ok("/live"))]).complaints.is_empty());
        assert!(after([(0, refused(None)), (1, ok(SIGN))]).complaints.is_empty());
    }

    #[test]
    fn the_list_of_gifts_is_not_needed_and_polls_are_a_way_in() {
        let list = || Seen::Refused("/webcast/gift/list/".to_owned(), "403".to_owned(), None);
        let conduct = after([(0, ok(SOCKET)), (0, Seen::Opened), (10, list())]);
        assert_eq!(conduct.awaited(false), None);
        let polls = |count| after((0..count).map(|at| (at * 1000, ok("/webcast/im/fetch/"))));
        assert_eq!([2, 3].map(|count| polls(count).was_opened()), [false, true]);
        let often = after((0..200).map(|at| (at * 100, ok("/webcast/im/fetch/"))));
        assert!(polls(200).complaints.is_empty() && !often.complaints.is_empty());
    }

    #[test]
    fn a_client_has_to_come_back_unless_the_room_is_over() {
        let broken = || after([(0, ok(SOCKET)), (0, Seen::Opened), (5_000, Seen::Broken("reset"))]);
        let (course, what) = (Course::Partial, "come back after its connection was reset");
        assert_eq!([false, true].map(|is_over| broken().awaited(is_over).is_some()), [true, true]);
        assert_eq!(broken().awaited(true), Some(what));
        assert!(!broken().is_done(ms(34_000), course, true));
        let mut away = broken();
        assert!(away.is_done(ms(35_001), course, true));
        assert_eq!(away.left_undone, Some(format!("did not {what} within 30 s")));
        // Its lookup says that the user is offline by now.
        let mut late = broken();
        late.see(ms(20_000), ok("/live"));
        assert_eq!([false, true].map(|is_over| late.awaited(is_over)), [Some(what), None]);
        assert!(!late.is_done(ms(20_000), course, false) && late.is_done(ms(20_000), course, true));
        assert!(late.is_back_in_vain(true) && !broken().is_back_in_vain(true));
        let mut back = broken();
        back.see(ms(7_000), Seen::Opened);
        assert!(back.awaited(false).is_none() && !back.is_done(ms(8_000), course, true));
        back.see(ms(9_000), Seen::Left);
        assert!(back.is_done(ms(9_000), course, true) && back.complaints.is_empty());
        // It was busy with what it had received, and lost the rest with the end.
        let mut behind = after([(0, ok(SOCKET)), (0, Seen::Opened)]);
        assert!(!behind.is_done(ms(20_000), course, true) && !behind.is_back_in_vain(true));
        behind.see(ms(25_000), Seen::Left);
        behind.see(ms(26_000), ok("/live"));
        assert!(behind.is_done(ms(26_000), course, true) && behind.is_back_in_vain(true));
        let silent = || after([(0, ok(SOCKET)), (0, Seen::Opened), (5_000, Seen::Silent)]);
        assert!(!silent().is_done(ms(94_000), course, true));
        // A request does not take away what is left of the time.
        let mut asking = silent();
        asking.see(ms(6_000), ok("/live"));
        assert!(!asking.is_done(ms(94_000), course, false) && asking.is_done(ms(95_001), course, false));
        let mut deaf = silent();
        assert!(deaf.is_done(ms(95_001), course, true));
        let left_undone = "did not come back after nothing more arrived on its connection within 90 s";
        assert_eq!(deaf.left_undone.as_deref(), Some(left_undone));
        // A stated wait is added.
        let told = || after([(0, refused(Some(60)))]);
        assert!(!told().is_done(ms(89_000), Course::Whole, false));
        assert!(told().is_done(ms(90_001), Course::Whole, false));
    }

    /// The next request may succeed, and what comes after it fail.
    #[test]
    fn a_client_that_tried_again_is_not_told_that_it_did_not() {
        let left_undone = |seen: &[(u64, Seen)]| {
            let mut conduct = after([&[(0, refused(None))], seen].concat());
            assert!(conduct.is_done(ms(80_000), Course::Whole, false));
            conduct.left_undone.unwrap()
        };
        let never = "did not try again after 429 from /webcast/fetch (the sign server) within 30 s";
        assert_eq!(left_undone(&[]), never);
        assert_eq!(left_undone(&[(1_000, ok("/live"))]), never);
        let after =
            "did not open a WebSocket after its new request to /webcast/fetch (the sign server) within 30 s";
        assert_eq!(left_undone(&[(1_000, ok(SIGN)), (1_001, ok("/live"))]), after);
        assert_eq!(left_undone(&[(1_000, ok(SIGN)), (2_000, refused(None))]), never);
    }

    #[test]
    fn many_at_once_are_no_matter_of_waits() {
        let many = |opens: bool| {
            let mut conduct = Conduct { agent: "bot/1".to_owned(), ..Conduct::default() };
            for number in 0..33 {
                conduct.see(ms(number * 500), ok(SOCKET));
                if opens {
                    conduct.see(ms(number * 500), Seen::Opened);
                }
            }
            let [Failure { message, habit, .. }] = &conduct.complaints[..] else { panic!("{conduct:?}") };
            (message.clone(), habit.unwrap())
        };
        let (message, habit) = many(true);
        assert!(message.starts_with("had 30 WebSockets at once, from bot/1; "), "{message}");
        assert_eq!((habit, many(false).1), (Habit::AtOnce, Habit::Hammers));
    }

    #[test]
    fn signatures_are_requests_of_their_own() {
        let signs = |paths: &[&str]| after(paths.iter().map(|path| (0, ok(path)))).has_signed();
        assert!(!signs(&["/@demo/live", "/webcast/im/fetch/", SOCKET]));
        assert!(signs(&["/@demo/live", "/webcast/fetch"]) && signs(&["/webcast/rooms/7/connect"]));
    }

    #[test]
    fn a_quiet_room_is_not_lost() {
        let quiet = [(0, ok(SOCKET)), (0, Seen::Opened), (5_000, Seen::Quiet)];
        assert!(after(quiet.clone()).complaints.is_empty());
        let impatient = [(95_000, Seen::Left), (96_000, Seen::Opened), (97_000, Seen::Opened)];
        let message = "connected again 91 s after the room became quiet: viewer counts and replies to heartbeats arrived";
        assert_eq!(messages(&after(quiet.into_iter().chain(impatient))), [message]);
    }

    #[test]
    fn one_connection_counts_after_a_late_upgrade() {
        let judged = |seen: &[(u64, Seen)], now| {
            let mut conduct = after(seen.to_vec());
            conduct.is_done(ms(now), Course::Whole, false);
            messages(&conduct).len()
        };
        let two = [(0, Seen::Late), (10_000, Seen::Opened), (20_000, Seen::Opened)];
        assert_eq!((judged(&two, 25_000), judged(&two, 25_001)), (0, 1));
        // Without a late upgrade, only numbers are judged.
        assert_eq!(judged(&two[1..], 60_000), 0);
        let one = [(0, Seen::Late), (10_000, Seen::Opened), (20_000, Seen::Opened), (21_000, Seen::Left)];
        assert_eq!(judged(&one, 60_000), 0);
    }

    #[test]
    fn each_rejected_request_gives_a_client_another_minute_to_open_a_websocket() {
        let minute = ms(60_000);
        let opened_nothing = |seen: &[(u64, Seen)], now| after(seen.to_vec()).opened_nothing(ms(now), minute);
        let patient = [(0, refused(None)), (28_000, refused(Some(2))), (58_000, refused(None))];
        assert_eq!(opened_nothing(&patient, 117_999), None);
        let message = "opened no WebSocket within 60 s after a rejected request";
        assert_eq!(opened_nothing(&patient, 118_000).as_deref(), Some(message));
        assert_eq!(opened_nothing(&patient[..2], 89_999), None);
        assert_eq!(
            opened_nothing(&[(0, ok(SIGN))], 60_000).as_deref(),
            Some("opened no WebSocket within 60 s")
        );
        assert_eq!(opened_nothing(&[(0, refused(None)), (1, ok(SOCKET)), (2, Seen::Opened)], 90_000), None);
        let stubborn = [(0, refused(None)), (299_000, refused(None))];
        assert_eq!(opened_nothing(&stubborn, 299_999), None);
        assert_eq!(opened_nothing(&stubborn, 300_000).as_deref(), Some("opened no WebSocket within 300 s"));
    }

    #[test]
    fn the_time_in_which_a_client_waits_for_a_processor_is_added() {
        let mut starved = Conduct { slack: ms(7_000), ..Conduct::default() };
        assert_eq!(starved.opened_nothing(ms(66_999), ms(60_000)), None);
        assert!(starved.opened_nothing(ms(67_000), ms(60_000)).is_some());
        for seen in [ok(SOCKET), Seen::Opened, Seen::Broken("reset")] {
            starved.see(ms(0), seen);
        }
        starved.slack = ms(27_000);
        assert!(!starved.is_done(ms(50_000), Course::Partial, false));
        assert!(starved.is_done(ms(50_001), Course::Partial, false));
        assert!(starved.left_undone.is_some());
        let refused_for = |slack| {
            let mut client = Conduct { slack, ..Conduct::default() };
            client.see(ms(0), refused(None));
            (0..60).find(|seconds| client.is_done(ms(seconds * 1_000), Course::Never, false))
        };
        assert_eq!([ms(0), ms(7_000), ms(50_000)].map(refused_for), [Some(20), Some(27), Some(40)]);
    }

    #[test]
    fn a_closed_room_is_not_hammered() {
        let judged = |every: u64, seen: &dyn Fn() -> Seen| {
            let mut conduct = Conduct::default();
            let mut now = 0;
            while !conduct.is_done(ms(now), Course::Never, false) {
                conduct.see(ms(now), seen());
                now += every;
            }
            // All on one connection.
            let is_hammering = |failure: &Failure| failure.habit == Some(Habit::Hammers);
            assert!(conduct.complaints.iter().all(is_hammering));
            (now, Vec::from_iter(messages(&conduct).into_iter().map(str::to_owned)))
        };
        assert_eq!(judged(2_000, &|| ok("/live")).1, Vec::<String>::new());
        let (_, fast) = judged(1_000, &|| ok("/live"));
        assert_eq!(fast, ["requested /live (the user's page) 9 times in the last 10 s, at most 6 are right"]);
        let (took, storm) = judged(10, &|| ok("/live"));
        assert!(took < 1_000, "{took}");
        assert_eq!(
            storm,
            ["requested /live (the user's page) 31 times within a minute, at most 30 are right"]
        );
        assert_eq!(judged(1_000, &|| refused(Some(1))).1, Vec::<String>::new());
        // Who gives up is right.
        let mut once = after([(0, ok("/live"))]);
        assert!(once.is_done(ms(20_000), Course::Never, false) && once.complaints.is_empty());
    }

    #[test]
    fn nothing_comes_back_after_the_end() {
        let over = || after([(0, ok(SOCKET)), (0, Seen::Opened), (5_000, Seen::Left)]);
        assert!(over().is_done(ms(5_000), Course::Whole, true));
        let mut patient = over();
        assert!(!patient.is_done(ms(5_000), Course::Ends, true));
        (0..10).for_each(|number| patient.see(ms(6_000 + number * 1_000), ok("/live")));
        assert!(patient.is_done(ms(20_001), Course::Ends, true) && patient.complaints.is_empty());
        let mut eager = over();
        assert!(!eager.is_done(ms(5_000), Course::Ends, true));
        (0..3).for_each(|number| eager.see(ms(6_000 + number * 1_000), ok(SOCKET)));
        assert!(eager.is_done(ms(8_000), Course::Ends, true));
        assert_eq!(messages(&eager), ["tried to open a WebSocket 3 times within 3.0 s after the LIVE ended"]);
    }
}
