//! The table of cases.

use std::time::Duration;

use livetape_core::{
    error::{Code, Problem},
    nearest,
};
use serde::Serialize;

use crate::{
    change::{Change, gifts, people, room},
    report::{PLAIN, quoted},
    room::{Course, Room},
    script::{Answer, Break, How, Place, Script},
};

/// A case: a show and a connection, and what is right.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Name in commands and reports, unique in its suite.
    pub name: &'static str,
    pub suite: Suite,
    pub group: Group,
    /// What happens.
    pub what: &'static str,
    /// What is right, and why a client can know it.
    pub right: &'static str,
    /// The first version with this case.
    pub since: &'static str,
    /// Changes of the recording, one after the other.
    pub changes: &'static [Change],
    /// Whether these make the show much longer.
    pub(crate) is_long: bool,
    pub script: Script,
    pub room: Room,
}

/// By name: addresses do not identify the functions of changes.
impl PartialEq for Case {
    fn eq(&self, other: &Self) -> bool {
        (self.suite, self.name) == (other.suite, other.name)
    }
}

impl Eq for Case {}

/// What the client of a case connects to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Suite {
    /// livetape's feed.
    Feed,
    /// A room of the mock TikTok.
    Room,
}

impl Case {
    /// Whether a client mostly waits. In a room, it does so where nothing arrives.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.script.waits() || self.waits_alone()
    }

    /// Whether nothing happens in it for many seconds.
    pub(crate) fn waits_alone(&self) -> bool {
        let is_still = matches!(self.room.scenario, Some("stall" | "deaf" | "quiet" | "hang"));
        self.script.breaks.iter().any(|it| it.how.is_silent()) || is_still || self.group == Group::Incident
    }
}

impl Suite {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Feed => "feed",
            Self::Room => "room",
        }
    }

    /// Returns the cases, in the order in which they run.
    pub fn cases(self) -> impl Iterator<Item = &'static Case> {
        CASES.iter().filter(move |case| case.suite == self)
    }

    /// Returns the width of a column of their names.
    #[must_use]
    pub fn width(self) -> usize {
        self.cases().map(|case| case.name.len() + 1).max().unwrap_or_default()
    }

    /// # Errors
    /// `bad_request`; the hint names the suite that has it, or the nearest case.
    pub fn find(self, name: &str) -> Result<&'static Case, Problem> {
        self.cases().find(|case| case.name == name).ok_or_else(|| {
            let names = Vec::from_iter(self.cases().map(|case| case.name));
            let hint = CASES.iter().find(|case| case.name == name).map_or_else(
                || nearest::hint(name, &names),
                |case| format!("`--suite {}` has this case", case.suite.name()),
            );
            Problem::new(Code::BadRequest, format_args!("unknown case {}", quoted(name))).hint(hint)
        })
    }
}

/// What a case changes or breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Show,
    Connection,
    /// The replay. Like those of the next groups, it runs only if it is named.
    Replay,
    /// What only some clients can know.
    Optional,
    /// A day on which something failed for everyone.
    Incident,
}

impl Group {
    /// Whether its cases run without being named.
    #[must_use]
    pub const fn is_default(self) -> bool {
        matches!(self, Self::Show | Self::Connection)
    }
}

const fn show(
    name: &'static str,
    changes: &'static [Change],
    what: &'static str,
    right: &'static str,
) -> Case {
    let (suite, group, since, script, room) = (Suite::Feed, Group::Show, "0.1", Script::NONE, Room::PLAIN);
    Case { name, suite, group, what, right, since, changes, is_long: false, script, room }
}

const fn connection(name: &'static str, script: Script, what: &'static str, right: &'static str) -> Case {
    Case { group: Group::Connection, script, ..show(name, &[], what, right) }
}

const fn replay(name: &'static str, script: Script, what: &'static str, right: &'static str) -> Case {
    Case { group: Group::Replay, ..connection(name, script, what, right) }
}

const fn room_show(
    name: &'static str,
    changes: &'static [Change],
    what: &'static str,
    right: &'static str,
) -> Case {
    Case { suite: Suite::Room, ..show(name, changes, what, right) }
}

/// A scenario of the mock, whose name is also the case's.
const fn scenario(name: &'static str, course: Course, what: &'static str, right: &'static str) -> Case {
    let room = Room { scenario: Some(name), course };
    Case { group: Group::Connection, room, ..room_show(name, &[], what, right) }
}

/// A day on which something failed for everyone, as a scenario of the mock.
const fn incident(name: &'static str, course: Course, what: &'static str, right: &'static str) -> Case {
    Case { group: Group::Incident, ..scenario(name, course, what, right) }
}

const fn breaks(breaks: &'static [Break]) -> Script {
    Script { breaks, ..Script::NONE }
}

const fn at(percent: u16, how: How) -> Break {
    Break { at: Place::Share(10 * percent), how }
}

/// More often than clients try that count attempts for their whole life.
const OFTEN_CLOSED: [Break; 11] = {
    let mut breaks = [at(8, How::Close(1011)); 11];
    let mut number = 1;
    while number < breaks.len() {
        breaks[number].at = Place::Share(80 * (number as u16 + 1));
        number += 1;
    }
    breaks
};

/// All cases, in the order in which they run.
pub const CASES: &[Case] = &[
    show(PLAIN, &[], "the recording as it is", "what was sent"),
    show(
        "interleaved",
        &[gifts::interleaved],
        "two users send the same gift at once, and one user two gifts",
        "each streak counts: `streakId` tells them apart",
    ),
    show(
        "again",
        &[gifts::again],
        "a user sends the same gift again, in a shorter streak",
        "both streaks count: the second has another `streakId`",
    ),
    show(
        "new-room",
        &[room::new_room],
        "the host ends the LIVE and begins another",
        "both rooms count; the totals of likes and viewers start over with the new `roomId`",
    ),
    show(
        "no-final",
        &[gifts::no_final],
        "no streak's last message arrives",
        "all gifts count: see `repeatDelta`",
    ),
    show(
        "late-final",
        &[gifts::late_final],
        "each streak's last message arrives 90 s later",
        "a gift counts once: see `repeatDelta`",
    ),
    show(
        "names",
        &[people::names],
        "nicknames and texts with HTML, right-to-left letters, emoji, 1,000 characters or none; several users share one; roles with badges; chats that begin with an emote",
        "the same numbers",
    ),
    show(
        "missing",
        &[people::missing],
        "messages without user, text or gift details",
        "what is there counts, but no gifter without `uniqueId`",
    ),
    show(
        "big",
        &[gifts::big, people::big_ids],
        "ids above 2^53, and gifts worth more than 2^31 diamonds",
        "the same: ids are strings, and the sum exceeds 32 bits",
    ),
    Case {
        script: breaks(&[at(25, How::Newer), at(50, How::Newer), at(75, How::Newer)]),
        ..show(
            "unknown",
            &[room::rare],
            "an event type and keys that nobody knows yet, and rare ones: treasure boxes, an emote, a super fan",
            "the same numbers; each treasure box counts",
        )
    },
    Case {
        is_long: true,
        ..show("burst", &[room::burst::<5_000>], "5,000 events at once", "all of them count")
    },
    show(
        "retrying",
        &[room::retrying],
        "three `error` events with `retrying: true`, then the room",
        "the client stays: livetape itself connects again",
    ),
    connection(
        "late",
        Script { late: Duration::from_secs(3), ..Script::NONE },
        "attempts to connect are reset for 3 s",
        "the client connects within 30 s after that",
    ),
    connection(
        "busy",
        Script { refused: &[Answer::Busy(1), Answer::Busy(1)], ..Script::NONE },
        "503 with `Retry-After: 1`, twice",
        "the client connects within 30 s after that; the wait is not judged",
    ),
    connection(
        "storm",
        Script { refused: &[Answer::Closed; 5], ..Script::NONE },
        "closed with 1011 right after each of five connects",
        "the client connects again within 30 s after each: 1011 may pass (RFC 6455, 7.4.1)",
    ),
    connection(
        "closed",
        breaks(&OFTEN_CLOSED),
        "closed with 1011, eleven times",
        "back within 30 s each time; nothing counts twice",
    ),
    connection(
        "going-away",
        breaks(&[at(50, How::Close(1001))]),
        "closed with 1001",
        "back within 30 s; nothing counts twice",
    ),
    connection(
        "cut",
        breaks(&[at(50, How::Cut)]),
        "cut without a close frame",
        "back within 30 s; nothing counts twice",
    ),
    connection(
        "cut-in-streak",
        breaks(&[Break { at: Place::InStreak(0), how: How::Cut }]),
        "cut within a streak",
        "back within 30 s; the streak keeps its `streakId`",
    ),
    connection(
        "silence",
        breaks(&[at(50, How::Silence(Duration::from_secs(15)))]),
        "nothing is sent for 15 s",
        "the client stays or connects again; nothing counts twice",
    ),
    connection(
        "position-lost",
        breaks(&[at(50, How::LosePosition)]),
        "closed with 1011; `since` then gets 4001",
        "back within 30 s, without `since`; nothing counts twice",
    ),
    connection(
        "ends",
        Script { ends: true, ..Script::NONE },
        "closed with 1000 after the show",
        "at most two attempts to connect in 15 s",
    ),
    connection(
        "refused-final",
        Script { always: Some(Answer::Wrong), ..Script::NONE },
        "an `error` event, then 1008, at each attempt",
        "at most 30 attempts a minute: the request breaks a rule (RFC 6455, 7.4.1)",
    ),
    connection(
        "offline",
        Script { always: Some(Answer::Offline), ..Script::NONE },
        "an `error` event, then 1011, at each attempt",
        "at most 30 attempts a minute",
    ),
    connection(
        "unauthorized",
        Script { always: Some(Answer::Unauthorized), ..Script::NONE },
        "401 at each attempt",
        "at most 30 attempts a minute: 401 asks for another token (RFC 9110, 15.5.2)",
    ),
    room_show(
        PLAIN,
        &[],
        "the recording as it is",
        "what was sent; a message sent twice, with one id, counts once",
    ),
    room_show(
        "interleaved",
        &[gifts::interleaved],
        "two users send the same gift at once, and one user two gifts",
        "each streak counts: user, gift and `groupId` together tell them apart",
    ),
    room_show(
        "again",
        &[gifts::again],
        "a user sends the same gift again, in a shorter streak",
        "both streaks count: the second has another `groupId`",
    ),
    room_show(
        "no-final",
        &[gifts::no_final],
        "no streak's last message arrives",
        "the highest `repeatCount` of each streak counts",
    ),
    room_show(
        "late-final",
        &[gifts::late_final],
        "each streak's last message arrives 90 s later",
        "a gift counts once: the late message has the `groupId` of its streak",
    ),
    room_show(
        "names",
        &[people::names],
        "nicknames and texts with HTML, right-to-left letters, emoji, 1,000 characters or none; several users share one; roles with badges; chats that begin with an emote",
        "the same numbers",
    ),
    Case {
        room: Room { course: Course::Repeats, ..Room::PLAIN },
        ..room_show(
            "missing",
            &[people::missing],
            "messages without user, text or gift details",
            "what is there counts, but no gifter without `uniqueId`; a message without an id may count again",
        )
    },
    room_show(
        "big",
        &[gifts::big, people::big_ids],
        "ids above 2^53, and gifts worth more than 2^31 diamonds",
        "the same: ids are 64-bit numbers, and the sum exceeds 32 bits",
    ),
    Case {
        room: Room { scenario: Some("unknown-method"), course: Course::Whole },
        ..room_show(
            "unknown",
            &[room::rare],
            "a message with a method that nobody knows yet, and rare ones: treasure boxes, an emote, a super fan",
            "the same numbers; each treasure box counts",
        )
    },
    // A library may need many seconds for more, and bots have time limits of their own.
    Case {
        is_long: true,
        ..room_show("burst", &[room::burst::<2_000>], "2,000 messages at once", "all of them count")
    },
    room_show(
        "thinned",
        &[room::thinned],
        "the total of likes moves on, and nine of ten messages with likes are missing",
        "the sum of the likes that were sent: the total counts those of everyone",
    ),
    room_show(
        "guests",
        &[gifts::guests],
        "a user sends the same gift to two guests of the host at once",
        "both streaks count, each by its `groupId`",
    ),
    scenario("duplicates", Course::Whole, "ten frames are sent twice", "each message counts once, by its id"),
    scenario(
        "repeated-history",
        Course::Whole,
        "the last chats are sent again, as history",
        "each message counts once, by its id",
    ),
    scenario(
        "rate-limited-twice",
        Course::Whole,
        "429 twice, each with a wait of 2 s",
        "the client waits as long as told, then connects",
    ),
    scenario(
        "rate-limited-http-date",
        Course::Whole,
        "429 once, with a date as `Retry-After`, 3 s ahead",
        "the client waits until then, and connects",
    ),
    scenario(
        "rate-limit-window",
        Course::Whole,
        "two requests in 10 s succeed; others get 429 with the time left",
        "the client needs two requests, or waits as long as told",
    ),
    scenario("rate-limited-untold", Course::Whole, "429 twice, without a wait", "the client connects"),
    scenario("sign-503-twice", Course::Whole, "the sign server returns 503 twice", "the client tries again"),
    scenario(
        "handshake-blocked-once",
        Course::Partial,
        "the first upgrade returns `415 DEVICE_BLOCKED`",
        "the client tries again, with another cookie; the first batch counts once",
    ),
    scenario(
        "drop",
        Course::Partial,
        "the first WebSocket ends without a close frame",
        "back within 30 s; what was not acked may be missing",
    ),
    scenario(
        "reset",
        Course::Partial,
        "the first connection is reset",
        "back within 30 s; what was not acked may be missing",
    ),
    scenario(
        "close-frame",
        Course::Partial,
        "the room sends a push frame of type `close`",
        "back within 30 s; what was not acked may be missing",
    ),
    scenario(
        "stall",
        Course::Partial,
        "nothing more arrives on the first WebSocket, not even replies to heartbeats",
        "back within 90 s; what was not acked may be missing",
    ),
    scenario(
        "deaf",
        Course::Partial,
        "the first WebSocket answers pings and sends nothing more, not even replies to heartbeats",
        "back within 90 s: several heartbeats, of 10 s each, have no reply; a pong is none",
    ),
    scenario(
        "quiet",
        Course::Whole,
        "for 120 s, only viewer counts and replies to heartbeats arrive",
        "the client stays: whatever arrives shows that the connection lives",
    ),
    scenario(
        "hang",
        Course::Partial,
        "the first upgrade is answered after 25 s, when the room begins",
        "one WebSocket: a client that tries again closes the first; what was not acked may be missing",
    ),
    scenario(
        "bad-gzip",
        Course::Partial,
        "the gzip data of one frame is truncated",
        "only that frame may be missing",
    ),
    scenario(
        "truncated-protobuf",
        Course::Partial,
        "three frames are truncated",
        "only those frames may be missing",
    ),
    scenario(
        "no-heartbeat-reply",
        Course::Whole,
        "heartbeats are not answered",
        "the client stays, as messages still arrive",
    ),
    scenario("network-slow", Course::Whole, "every packet takes 200 to 300 ms, each way", "the same numbers"),
    scenario(
        "stream-ended",
        Course::Ends,
        "the LIVE ends, and the user is offline",
        "at most two attempts to open a WebSocket in 15 s; lookups are allowed",
    ),
    scenario("offline", Course::Never, "the user is offline", "at most 30 requests of a kind a minute"),
    scenario("not-found", Course::Never, "the user does not exist", "at most 30 requests of a kind a minute"),
    scenario(
        "captcha",
        Course::Never,
        "lookups and the page return a captcha page",
        "another way, or at most 30 requests of a kind a minute",
    ),
    scenario(
        "sign-stub",
        Course::Never,
        "the sign server returns an unusable address",
        "another way, or at most 30 requests of a kind a minute",
    ),
    scenario(
        "rate-limited-forever",
        Course::Never,
        "every lookup and sign request gets 429, with a wait of 1 s",
        "the client gives up, or waits as long as told before each request",
    ),
    replay(
        "laps",
        breaks(&[at(100, How::StartOver)]),
        "the recording is played twice",
        "totals start over with the `generation` of `connection_created`, or the end of ids, `~2`",
    ),
    replay(
        "seek",
        breaks(&[at(50, How::StartOver)]),
        "someone seeks back to the start",
        "totals start over with the `generation` of `connection_created`, or the end of ids, `~2`",
    ),
    replay(
        "restart",
        breaks(&[at(50, How::Restart)]),
        "closed with 1001; server and recording start again, with another `stream`",
        "back within 30 s, without `since` after 4001; totals start over",
    ),
    Case {
        group: Group::Optional,
        ..connection(
            "deaf",
            breaks(&[at(50, How::Deaf)]),
            "nothing more is sent, not even pings; those of the client are answered",
            "back within 90 s, by a client that sees the server's pings, which come every 30 s: browsers hide them",
        )
    },
    incident(
        "2026-03-02",
        Course::Whole,
        "the list of gifts returns 403 all day",
        "the client connects without it: messages have the names and prices of gifts",
    ),
    incident(
        "2026-09-09",
        Course::Partial,
        "a connection is lost after a while; the sign server then returns two stubs, 500, and works again",
        "the client tries again until it is back; what was not acked may be missing",
    ),
    incident(
        "2026-09-17",
        Course::Whole,
        "the room is quiet for 100 s, soon after the start",
        "the client stays, as in `quiet`",
    ),
];

/// The cases of the feed that run by default, which come first.
pub const FEED: &[Case] = CASES.split_at(count_feed()).0;

const fn count_feed() -> usize {
    let mut at = 0;
    while at < CASES.len() && matches!(CASES[at].suite, Suite::Feed) {
        at += 1;
    }
    at
}

// A row that comes later would not run by default.
const _: () = {
    let mut at = FEED.len();
    while at < CASES.len() {
        let is_named_only = !CASES[at].group.is_default();
        assert!(matches!(CASES[at].suite, Suite::Room) || is_named_only, "cases of the feed come first");
        at += 1;
    }
};

/// Names of the cases of the feed that change the recording.
pub const CHANGES: [&str; count_changes()] = {
    let (mut names, mut at, mut count) = ([""; count_changes()], 0, 0);
    while at < FEED.len() {
        if !FEED[at].changes.is_empty() {
            names[count] = FEED[at].name;
            count += 1;
        }
        at += 1;
    }
    names
};

const fn count_changes() -> usize {
    let (mut at, mut count) = (0, 0);
    while at < FEED.len() {
        count += !FEED[at].changes.is_empty() as usize;
        at += 1;
    }
    count
}
