//! Client libraries of TikTok LIVE: which one a command uses, and what it leaves to the bot.

use std::fmt;

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
    /// Names of cases, and what the library does wrong in each, as of the version in [`Self::seen`].
    defects: &'static [(&'static str, &'static str)],
    /// The version that was tried.
    seen: &'static str,
}

const KNOWN: [Facts; 2] = [
    Facts {
        agent: "tiktok-live-connector/",
        name: "tiktok-live-connector",
        again: "call `connect()` again, also when it was rejected, in `disconnected`, and when nothing arrives for a minute",
        defects: &[(
            "rate-limited-http-date",
            "it reads only a number of seconds: `retryAfter` is NaN, and no bot sees the date",
        )],
        seen: "2.5.0",
    },
    Facts {
        agent: "TikTokLive.py/",
        name: "TikTokLive",
        again: "call `connect()` again, also when it raised an error, in `DisconnectEvent`, and when nothing arrives for a minute",
        defects: &[
            ("rate-limited-http-date", UNTOLD),
            ("rate-limited-untold", UNTOLD),
            ("bad-gzip", DAMAGED),
            ("truncated-protobuf", DAMAGED),
        ],
        seen: "7.0.1",
    },
];

const UNTOLD: &str = "it raises `TypeError` for a 429 without `RateLimit-Remaining`, and the stated wait is lost: catch it, and read `Retry-After` in a response hook of its HTTP client, or wait long";
const DAMAGED: &str = "it raises `EOFError` for one damaged frame, which ends the connection: catch it, and call `connect()` again";

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

    #[must_use]
    pub fn defect(&self, case: &str) -> Option<String> {
        let Facts { name, defects, seen, .. } = self.known;
        let (_, what) = defects.iter().find(|(of, _)| *of == case)?;
        Some(format!("known of {name} {seen}: {what}"))
    }

    /// Returns who has to change so that a connection that was lost or refused is opened again.
    pub(crate) fn has_to_connect_again(this: Option<&Self>) -> String {
        match this {
            Some(library) => {
                format!("{library} leaves that to the bot: {}", library.known.again)
            }
            None => "if the library does not, the bot has to".to_owned(),
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
    use super::*;
    use crate::table::Suite;

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
    fn its_defects_are_of_cases_that_exist() {
        for known in &KNOWN {
            for (case, what) in known.defects {
                assert!(Suite::Room.find(case).is_ok(), "{case}");
                let library = Library { known, version: "9.9".to_owned() };
                let said = format!("known of {} {}: {what}", known.name, known.seen);
                assert_eq!(library.defect(case), Some(said));
                assert_eq!(library.defect("plain"), None);
            }
        }
    }
}
