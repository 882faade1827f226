//! The table of cases.

use std::time::Duration;

use serde::Serialize;

use crate::{
    change::Change,
    report::quoted,
    sans_io::{
        error::{Code, Problem},
        nearest,
    },
    script::{Answer, Break, How, Place, Script},
};

/// A case: a show and a connection, and what is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// Name in commands and reports.
    pub name: &'static str,
    /// What is changed or broken.
    pub group: Group,
    /// What happens.
    pub what: &'static str,
    /// What is right, and why a client can know it.
    pub right: &'static str,
    /// The first version with this case.
    pub since: &'static str,
    /// How the show is changed.
    pub change: Option<Change>,
    /// What happens to the connections.
    pub script: Script,
}

/// What a case changes or breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The show.
    Show,
    /// The connection to the feed.
    Connection,
}

const fn show(name: &'static str, change: Option<Change>, what: &'static str, right: &'static str) -> Case {
    Case { name, group: Group::Show, what, right, since: "0.1", change, script: Script::NONE }
}

const fn connection(name: &'static str, script: Script, what: &'static str, right: &'static str) -> Case {
    Case { name, group: Group::Connection, what, right, since: "0.1", change: None, script }
}

const fn breaks(breaks: &'static [Break]) -> Script {
    Script { breaks, ..Script::NONE }
}

const fn at(percent: u8, how: How) -> Break {
    Break { at: Place::Percent(percent), how }
}

/// All cases, in the order in which they run.
pub const CASES: &[Case] = &[
    show("plain", None, "the recording as it is", "what was sent: nothing is changed"),
    show(
        "interleaved",
        Some(Change::Interleaved),
        "two users send the same gift at once, and one user two gifts",
        "each streak counts: `streakId` tells them apart",
    ),
    show(
        "again",
        Some(Change::Again),
        "a user sends the same gift again, in a shorter streak",
        "both streaks count: the second has another `streakId`",
    ),
    show(
        "new-room",
        Some(Change::NewRoom),
        "the host ends the LIVE and begins another",
        "everything in both rooms counts; the totals of likes and viewers start over, which the new `roomId` says",
    ),
    show(
        "no-final",
        Some(Change::NoFinal),
        "no streak's last message arrives",
        "all gifts count: each event says by `repeatDelta` what it adds",
    ),
    show(
        "late-final",
        Some(Change::LateFinal),
        "each streak's last message arrives 90 s later",
        "a gift counts once: `repeatDelta` says what the late message adds",
    ),
    show(
        "likes-back",
        Some(Change::LikesBack),
        "the total of likes goes back",
        "the likes of each event, `likeCount`, count; the total is only an estimate",
    ),
    show(
        "names",
        Some(Change::Names),
        "nicknames and texts with HTML, right-to-left and combining letters, emoji, of 1,000 characters, and empty",
        "the same numbers: no `uniqueId` is changed",
    ),
    show(
        "missing",
        Some(Change::Missing),
        "messages without user, text or details of the gift",
        "what is there counts, but no gifter without `uniqueId`, and the client goes on",
    ),
    show(
        "big",
        Some(Change::Big),
        "ids above 2^53, and a gift of 44,999 diamonds sent 9,999 times",
        "the same as always: ids are strings, and the sum fits into a JavaScript number",
    ),
    Case {
        script: breaks(&[at(25, How::Newer), at(50, How::Newer), at(75, How::Newer)]),
        ..show(
            "unknown",
            None,
            "an event type and keys that nobody knows yet",
            "the same numbers: what is unknown is skipped",
        )
    },
    show("burst", Some(Change::Burst), "5,000 events at once", "all of them count"),
    show(
        "retrying",
        Some(Change::Retrying),
        "three `error` events with `retrying: true`, then the room",
        "the client stays: livetape itself connects again",
    ),
    connection(
        "late",
        Script { late: Duration::from_secs(3), ..Script::NONE },
        "nothing listens on the port for the first 3 s",
        "the client connects within 30 s after that",
    ),
    connection(
        "busy",
        Script { refused: &[Answer::Busy(1), Answer::Busy(1)], ..Script::NONE },
        "503 with `Retry-After: 1`, twice",
        "the client connects within 30 s after that; no wait is judged, because a browser's socket does not see it",
    ),
    connection(
        "storm",
        Script { refused: &[Answer::Closed; 5], ..Script::NONE },
        "closed with 1011 right after each of five connects",
        "the client connects again within 30 s after each",
    ),
    connection(
        "closed",
        breaks(&[at(30, How::Close(1011)), at(60, How::Close(1011))]),
        "closed with 1011, twice",
        "the client is back within 30 s, and counts nothing twice: the show waits for it",
    ),
    connection(
        "going-away",
        breaks(&[at(50, How::Close(1001))]),
        "closed with 1001",
        "the client is back within 30 s, and counts nothing twice: the show waits for it",
    ),
    connection(
        "cut",
        breaks(&[at(50, How::Cut)]),
        "cut without a close frame",
        "the client is back within 30 s, and counts nothing twice: the show waits for it",
    ),
    connection(
        "cut-in-streak",
        breaks(&[Break { at: Place::InStreak, how: How::Cut }]),
        "cut within a streak",
        "the client is back within 30 s; the streak goes on with the same `streakId`, and `repeatDelta` says what is new",
    ),
    connection(
        "silence",
        breaks(&[at(50, How::Silence(Duration::from_secs(15)))]),
        "nothing is sent for 15 s",
        "the client stays or connects again, and counts nothing twice",
    ),
    connection(
        "position-lost",
        breaks(&[at(50, How::LosePosition)]),
        "closed with 1011; `since` then gets 4001",
        "the client is back within 30 s, without `since`, and counts nothing twice",
    ),
    connection(
        "ends",
        Script { ends: true, ..Script::NONE },
        "closed with 1000 after the show",
        "at most two attempts to connect in the 15 s after it",
    ),
    connection(
        "refused-final",
        Script { always: Some(Answer::Wrong), ..Script::NONE },
        "an `error` event, then 1008, at each attempt",
        "the client stays away, or tries at most 30 times a minute",
    ),
    connection(
        "offline",
        Script { always: Some(Answer::Offline), ..Script::NONE },
        "an `error` event, then 1011, at each attempt",
        "the client stays away, or tries at most 30 times a minute",
    ),
    connection(
        "unauthorized",
        Script { always: Some(Answer::Unauthorized), ..Script::NONE },
        "401 at each attempt",
        "the client stays away, or tries at most 30 times a minute",
    ),
];

/// Names of the cases that change the recording.
pub const CHANGES: [&str; count_changes()] = {
    let (mut names, mut at, mut count) = ([""; count_changes()], 0, 0);
    while at < CASES.len() {
        if CASES[at].change.is_some() {
            names[count] = CASES[at].name;
            count += 1;
        }
        at += 1;
    }
    names
};

const fn count_changes() -> usize {
    let (mut at, mut count) = (0, 0);
    while at < CASES.len() {
        count += CASES[at].change.is_some() as usize;
        at += 1;
    }
    count
}

/// Returns the case with this name.
///
/// # Errors
/// `bad_request`; the hint suggests the nearest case.
pub fn find(name: &str) -> Result<&'static Case, Problem> {
    CASES.iter().find(|case| case.name == name).ok_or_else(|| {
        let names = Vec::from_iter(CASES.iter().map(|case| case.name));
        Problem::new(Code::BadRequest, format_args!("unknown case {}", quoted(name)))
            .hint(nearest::hint(name, &names))
    })
}
