//! Client libraries of TikTok LIVE: which one a command uses, and what it leaves to the bot.

use std::fmt;

use crate::report::{Failure, Habit};

/// A library that tells its name and version when it asks for a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    known: &'static Facts,
    version: String,
}

/// What is known about a library, as of its newest version in `docs/peers.md`.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    /// Its name in `User-Agent`, before the version.
    agent: &'static str,
    name: &'static str,
    /// How a bot connects again, which the library leaves to it.
    again: &'static str,
    defects: &'static [Defect],
}

/// What a library does wrong in a case.
#[derive(Debug, PartialEq, Eq)]
struct Defect {
    case: &'static str,
    what: &'static str,
    /// The first and the last version that was tried. Versions after the last one are taken to be the same, unless
    /// a later one was seen to be right.
    tried: [&'static str; 2],
    is_mended: bool,
    excuses: Excuses,
}

/// What a bot cannot help then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Excuses {
    /// It comes back too early: no wait reaches it.
    ComesEarly,
    /// It has the WebSocket that the library has given up, besides another one.
    KeepsLate,
    /// It ends or does not come back after an error that is none of the documented ones, or comes back too early.
    Raises,
}

/// The rows are from `tests/peers/table/expected.json`, and from runs of `livetape test --suite room` with the bots of
/// `examples/bots/room`, on 2026-11-27 and 2026-11-29; the reasons are in the named places of the packages.
const KNOWN: [Facts; 2] = [
    Facts {
        agent: "tiktok-live-connector/",
        name: "tiktok-live-connector",
        again: "call `connect()` again, also when it was rejected, in `disconnected`, and when nothing arrives for a minute",
        defects: &[
            // `SignatureRateLimitError.calculateRetryAfter` in dist/types/errors.js
            Defect {
                case: "rate-limited-http-date",
                what: "it reads only a number of seconds: `retryAfter` is NaN; read `Retry-After` in a response interceptor of `connection.apiClient.webcast.axios`",
                tried: ["2.1.0", "2.5.0"],
                is_mended: false,
                excuses: Excuses::ComesEarly,
            },
            // `setupWebsocket` in dist/lib/client.js
            Defect {
                case: "hang",
                what: "it gives up a WebSocket after 20 s without closing it, and no bot can: 2.5.0 closes it",
                tried: ["2.0.3", "2.1.0"],
                is_mended: true,
                excuses: Excuses::KeepsLate,
            },
        ],
    },
    Facts {
        agent: "TikTokLive.py/",
        name: "TikTokLive",
        again: "call `connect()` again, also when it raised an error, in `DisconnectEvent`, and when nothing arrives for a minute",
        defects: &[
            raised("rate-limited-http-date", UNTOLD),
            raised("rate-limited-untold", UNTOLD),
            raised("bad-gzip", DAMAGED),
            raised("truncated-protobuf", DAMAGED),
        ],
    },
];

/// A defect of TikTokLive.
const fn raised(case: &'static str, what: &'static str) -> Defect {
    Defect { case, what, tried: ["7.0.1", "7.0.1"], is_mended: false, excuses: Excuses::Raises }
}

const UNTOLD: &str = "it raises `TypeError` for a 429 without `RateLimit-Remaining`, and the wait is lost: catch it, and read `Retry-After` in a response hook of `client.web.httpx_client` and of the sign client, `client.web.signer.sdk_client.get_async_httpx_client()`";
const DAMAGED: &str = "it raises `EOFError` for one damaged frame, which ends the connection: catch it, and call `connect()` again";

/// Returns the known limits, for documents: a library and its versions, the case, and what it does wrong.
#[must_use]
pub fn limits() -> Vec<[String; 3]> {
    let of = |known: &'static Facts| {
        known.defects.iter().map(|Defect { case, what, tried: [first, last], is_mended, .. }| {
            let versions = if *is_mended { format!("up to {last}") } else { format!("from {first} on") };
            [format!("{}, {versions}", known.name), (*case).to_owned(), (*what).to_owned()]
        })
    };
    KNOWN.iter().flat_map(of).collect()
}

impl Defect {
    /// Whether a version has it, as far as is known.
    fn is_of(&self, version: &str) -> bool {
        let [first, last] = self.tried.map(numbers);
        let version = numbers(version);
        version >= first && (!self.is_mended || version <= last)
    }
}

impl Excuses {
    /// Whether the library causes a failure. Numbers that no mistake gives may be wrong because the connection was.
    fn cover(self, failure: &Failure) -> bool {
        match (self, failure.habit) {
            (Self::ComesEarly | Self::Raises, Some(Habit::ComesEarly))
            | (Self::KeepsLate, Some(Habit::KeepsLate))
            | (Self::Raises, Some(Habit::StaysAway)) => true,
            (Self::Raises, None) => match &*failure.what {
                "exit" | "connection" => true,
                _ => failure.got.is_some() && failure.candidates.is_empty(),
            },
            _ => false,
        }
    }
}

/// Returns the first three numbers of a version.
fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

/// Maximum length of a version that is shown, in characters.
const VERSION_MAX: usize = 30;

impl Library {
    /// Reads the header `User-Agent` of a request.
    #[must_use]
    pub fn of_agent(agent: &str) -> Option<Self> {
        KNOWN.iter().find_map(|known| {
            let version = agent.strip_prefix(known.agent)?.split(' ').next()?;
            let is_version = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
            let is_shown = (1..=VERSION_MAX).contains(&version.len()) && version.chars().all(is_version);
            is_shown.then(|| Self { known, version: version.to_owned() })
        })
    }

    /// Returns what it is known to do wrong in a case, or in one of the rows of a combination.
    #[must_use]
    pub fn defect(&self, case: &str) -> Option<String> {
        self.found(case).map(|defect| self.named(defect, "known of"))
    }

    /// Notes what it is known to do wrong in a case beside the failure that this causes, or else beside the last one.
    pub fn note(&self, case: &str, failures: &mut [Failure]) {
        let Some(defect) = self.found(case) else { return };
        let is_caused = |failure: &Failure| !failure.is_number() && defect.excuses.cover(failure);
        let at = failures.iter().rposition(is_caused);
        if let Some(failure) = at.or(failures.len().checked_sub(1)).map(|at| &mut failures[at]) {
            failure.known = Some(self.named(defect, "known of"));
        }
    }

    /// Like [`Self::defect`], if that is the reason of all failures.
    #[must_use]
    pub fn limit(&self, case: &str, failures: &[Failure]) -> Option<String> {
        let defect = self.found(case)?;
        let is_reason = failures.iter().any(|failure| !failure.is_number())
            && failures.iter().all(|failure| defect.excuses.cover(failure));
        is_reason.then(|| self.named(defect, "known limit of"))
    }

    fn found(&self, case: &str) -> Option<&'static Defect> {
        let is_part = |row: &str| case.split('+').any(|part| part == row);
        self.known.defects.iter().find(|defect| is_part(defect.case) && defect.is_of(&self.version))
    }

    /// Names the version in use if it was tried, or else the last one that was.
    fn named(&self, Defect { what, tried, .. }: &Defect, known: &str) -> String {
        let last = tried[1];
        let version = if numbers(&self.version) <= numbers(last) { &self.version } else { last };
        format!("{known} {} {version}: {what}", self.known.name)
    }

    /// Returns who has to change so that a connection that was lost or refused is opened again.
    pub(crate) fn has_to_connect_again(this: Option<&Self>) -> String {
        match this {
            Some(library) => {
                format!("{library} leaves that to the bot: {}", library.known.again)
            }
            None => "the bot or its library has to, after each failed attempt and each break".to_owned(),
        }
    }

    /// Returns who has to change so that no message counts twice.
    pub(crate) fn has_to_drop_repeats(this: Option<&Self>) -> String {
        match this {
            Some(library) => format!("{library} passes them on, so the bot has to drop ids that it knows"),
            None => "if the library passes them on, the bot has to drop ids that it knows".to_owned(),
        }
    }
}

impl fmt::Display for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.known.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{report::Candidate, table::Suite};

    #[test]
    fn a_library_is_named_with_its_version() {
        let named = |agent| Library::of_agent(agent).map(|it| it.to_string());
        assert_eq!(named("tiktok-live-connector/2.5.0 linux").unwrap(), "tiktok-live-connector 2.5.0");
        assert_eq!(named("TikTokLive.py/7.0.1").unwrap(), "TikTokLive 7.0.1");
        for other in ["", "Mozilla/5.0", "TikTokLive.py/", "TikTokLive.py/<b>", "TikTokLive.py/\u{1b}[2J"] {
            assert_eq!(named(other), None, "{other}");
        }
        assert_eq!(named(&format!("TikTokLive.py/{}", "1".repeat(31))), None);
    }

    #[test]
    fn its_defects_are_of_cases_that_exist_and_of_versions_that_were_tried() {
        for known in &KNOWN {
            for defect in known.defects {
                assert!(Suite::Room.find(defect.case).is_ok(), "{}", defect.case);
                let said = |version: &str| Library { known, version: version.to_owned() }.defect(defect.case);
                for version in defect.tried {
                    let expected = format!("known of {} {version}: {}", known.name, defect.what);
                    assert!(expected.len() < 290, "it fits into a line: {expected}");
                    assert_eq!(said(version), Some(expected));
                }
                assert_eq!(said("0.9"), None, "nobody has tried it");
                assert_eq!(said("99.0").is_none(), defect.is_mended, "{}", defect.case);
                let of_last = Library { known, version: defect.tried[1].to_owned() };
                assert_eq!(of_last.defect("plain"), None);
            }
        }
    }

    #[test]
    fn a_limit_explains_only_what_the_library_causes() {
        let of = |habit| Failure { habit, ..Failure::new("connection", "did something") };
        let early = of(Some(Habit::ComesEarly));
        let number = |candidates| Failure {
            got: Some("12".to_owned()),
            candidates,
            ..Failure::new("diamonds", "printed 12, right is 114")
        };
        let candidate = Candidate { doing: "counting wrong", shown_by: "", needs_break: false };
        let (lost, wrong) = (number(BTreeMap::new()), number(BTreeMap::from([("same_user", candidate)])));
        let (away, hammers) = (of(Some(Habit::StaysAway)), of(Some(Habit::Hammers)));
        let date = "rate-limited-http-date";
        let [node, old, python] =
            ["tiktok-live-connector/2.5.0 linux", "tiktok-live-connector/2.1.0", "TikTokLive.py/7.0.1"]
                .map(|agent| Library::of_agent(agent).unwrap());
        for (library, case, failures, is_limit) in [
            (&node, date, vec![&early], true),
            (&node, "names+rate-limited-http-date", vec![&early], true),
            (&node, "rate-limited-twice", vec![&early], false),
            (&node, date, vec![&early, &wrong], false),
            (&node, date, vec![&early, &lost], false),
            (&node, date, vec![&away], false),
            (&node, date, vec![&hammers], false),
            (&node, date, vec![], false),
            (&node, "hang", vec![&of(Some(Habit::KeepsLate))], false),
            (&old, "hang", vec![&of(Some(Habit::KeepsLate))], true),
            (&old, "hang", vec![&away], false),
            (&python, "bad-gzip", vec![&away, &lost], true),
            (&python, "bad-gzip", vec![&away, &wrong], false),
            (&python, "bad-gzip", vec![&lost], false),
            (&python, "rate-limited-untold", vec![&Failure::new("exit", "exited with 1")], true),
        ] {
            let failures = Vec::from_iter(failures.into_iter().cloned());
            let limit = library.limit(case, &failures);
            assert_eq!(limit.is_some(), is_limit, "{library} {case}: {failures:?}");
            assert!(limit.is_none_or(|limit| limit.starts_with(&format!("known limit of {library}: it "))));
        }
        let newer = Library::of_agent("tiktok-live-connector/2.6.1").unwrap();
        let limit = newer.limit(date, &[early]).unwrap();
        assert!(limit.starts_with("known limit of tiktok-live-connector 2.5.0: "), "{limit}");
    }
}
