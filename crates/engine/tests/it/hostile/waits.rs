//! Every form of `Retry-After` and its relatives, readable or not.

use livetape_core::{error::Code, recording::What};
use livetape_engine::source::live::Outcome;

use crate::{
    live::{API, SOCKET, assert_failed, cookie, ended, options, room, run},
    support::scripted::{Act, Reply, Server, status},
};

/// What a form leads to. The wall time of the response is 2026-11-20T10:00:00Z.
#[derive(Debug, PartialEq)]
enum Then {
    /// The next attempt, after this many seconds.
    Again(u64),
    /// The next attempt, after our own delay, 10 to 20 s.
    Backoff,
    /// No further attempt: the wait is longer than 15 minutes.
    GivesUp,
}

use Then::{Again, Backoff, GivesUp};

const FORMS: &[(&str, &str, Then)] = &[
    ("retry-after", "30", Again(30)),
    ("retry-after", "  30  ", Again(30)),
    ("retry-after", "30.0", Again(30)),
    ("retry-after", "Fri, 20 Nov 2026 10:00:30 GMT", Again(30)),
    ("retry-after", "Friday, 20-Nov-26 10:00:30 GMT", Again(30)),
    ("retry-after", "Fri Nov 20 10:00:30 2026", Again(30)),
    ("retry-after", "2026-11-20T10:00:30Z", Again(30)),
    ("x-ratelimit-reset", "1795168830", Again(30)),
    ("x-ratelimit-reset", "1795168830000", Again(30)),
    ("ratelimit-reset", "30", Again(30)),
    ("RateLimit-Reset", "1795168830", Again(30)),
    ("retry-after", "900", Again(900)),
    ("retry-after", "901", GivesUp),
    ("retry-after", "99999999999999999999999999", GivesUp),
    ("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT", GivesUp),
    ("retry-after", "", Backoff),
    ("retry-after", "0", Backoff),
    ("retry-after", "-30", Backoff),
    ("retry-after", "1e9", Backoff),
    ("retry-after", "30, 60", Backoff),
    ("retry-after", "soon", Backoff),
    ("retry-after", "Thu, 19 Nov 2026 10:00:00 GMT", Backoff),
    ("retry-after", "Fri, 99 Nov 2026 99:99:99 GMT", Backoff),
    ("retry-after", "\u{fffd}", Backoff),
];

#[tokio::test(start_paused = true)]
async fn every_form_of_retry_after_has_a_bounded_wait() {
    for (name, value, expected) in FORMS {
        let socket = vec![Reply::Socket(vec![ended(1), Act::Hang])];
        let api = vec![status(429, &[(name, value)], ""), room(2)];
        let server = Server::new([(API, api), ("/", vec![cookie()]), (SOCKET, socket)]);
        let (items, outcome) = run(&server, options()).await;
        let opened = items.iter().find(|item| matches!(item.what, What::ConnOpen(_)));
        let found = match opened.map(|item| item.offset) {
            None => GivesUp,
            // Random, unlike waits that the server asks for.
            Some(offset) if (10..20).contains(&offset.as_secs()) && offset.subsec_millis() > 0 => Backoff,
            Some(offset) => {
                assert_eq!(offset.subsec_nanos(), 0, "{name}: {value}: {offset:?}");
                Again(offset.as_secs())
            }
        };
        assert_eq!(found, *expected, "{name}: {value}");
        match found {
            GivesUp => assert_failed(&outcome, Code::RateLimited),
            _ => assert_eq!(outcome, Outcome::Ended("stream_ended"), "{name}: {value}"),
        }
    }
}
