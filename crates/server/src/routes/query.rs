//! The query parameters of the feed.

use std::time::Duration;

use axum::{extract::Query, http::Uri};
use livetape_cases::table::{CHANGES, Suite};
use livetape_core::{
    error::{Code, Problem},
    event::KINDS,
    nearest, offset,
    pace::Speed,
};
use livetape_feed::hub::{Filter, Format, Gifts, Join, OnGap, Reader, Types};

use super::overlays::OverlayId;
use crate::lobby::check_client_id;

/// A query parameter, also described in `/openapi.json`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    /// Description for `/openapi.json`.
    pub(crate) what: &'static str,
    pub(crate) values: Values,
}

impl Param {
    pub(crate) const fn new(name: &'static str, what: &'static str, values: Values) -> Self {
        Self { name, what, values }
    }
}

/// The values that a parameter accepts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Values {
    OneOf(&'static [&'static str]),
    Pattern(&'static str),
    /// Integers from a minimum to a maximum; `None` if the maximum depends on the settings.
    Numbers(usize, Option<usize>),
    /// Comma-separated event types.
    Types,
    Speed,
}

const YES: [&str; 2] = ["1", "true"];
const NO: [&str; 2] = ["0", "false"];
pub(crate) const FLAG: Values = Values::OneOf(&[YES[0], NO[0], YES[1], NO[1]]);

/// Maximum length of a query in responses, in bytes.
const SHOWN_BYTES_MAX: usize = 1024;
/// Maximum length of the name that a client gives itself, in characters.
const NAME_CHARS_MAX: usize = 64;

/// Parameters of every feed.
pub(crate) const FEED: [Param; 7] = [
    Param::new(
        "since",
        "0 for the whole backlog, or STREAM:SEQ to resume after that event",
        Values::Pattern("^(0|.+:[0-9]+)$"),
    ),
    Param::new("types", "event types to receive, separated by commas", Values::Types),
    Param::new("gifts", "gift events to receive: raw, delta or final", Values::OneOf(Gifts::NAMES)),
    Param::new("raw", "1 to include `unknown` events", FLAG),
    Param::new(
        "on_gap",
        "what to do if the backlog no longer has the position: close or skip",
        Values::OneOf(OnGap::NAMES),
    ),
    Param::new("format", "format of the events", Values::OneOf(Format::NAMES)),
    Param::new(
        "name",
        "name of the client for people, in `query` of `/connections`",
        Values::Pattern("^.{1,64}$"),
    ),
];
const OBSERVER: Param =
    Param::new("observer", "1 to observe: not counted as a client, never waited for, and skips gaps", FLAG);
const OVERLAY: Param = Param::new(
    "overlay",
    "KIND/NAME of a saved overlay, to receive its settings, now and when they change",
    Values::Pattern(r"^[a-z]+/[^/]{1,40}$"),
);
/// Additional parameters of the main channel on `/events`.
pub(crate) const MAIN: [Param; 1] = [OBSERVER];
/// Additional parameters of the main channel on a socket.
pub(crate) const ROOT: [Param; 2] = [OBSERVER, OVERLAY];
/// Additional parameters of a token's channel.
pub(crate) const TOKEN: [Param; 1] = [OVERLAY];
/// Additional parameters on `/ws`.
pub(crate) const TALK: [Param; 4] = [
    // Regular expressions of some programming languages have no class for the letters of all scripts.
    Param::new(
        "client_id",
        "ID of the client: up to 64 letters, digits and _.:@-",
        Values::Pattern(r"^\S{1,64}$"),
    ),
    Param::new("feed", "0 for messages only, without the feed", FLAG),
    OBSERVER,
    OVERLAY,
];
/// Additional parameters of a private replay.
pub(crate) const REPLAY: [Param; 2] =
    [Param::new("speed", "playback speed: 0.1 to 1000, or max", Values::Speed), OVERLAY];
/// Additional parameters of a private replay whose recording is in the path.
pub(crate) const PLAY: [Param; 4] = [
    REPLAY[0],
    OVERLAY,
    Param::new("start", "offset to start at, such as 1m30s", Values::Pattern(r"^[0-9.:hms]+$")),
    Param::new("case", "case of `livetape test` that changes the recording", Values::OneOf(&CHANGES)),
];

/// The parsed query of a private replay.
#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) join: Join,
    pub(crate) speed: Speed,
    pub(crate) start: Duration,
    pub(crate) case: Option<&'static str>,
}

/// Parses the query of a token's channel. Observers are not supported there, because the channel only runs
/// for its clients.
///
/// # Errors
/// `bad_request` for unknown keys and values; the hint suggests the nearest known one.
pub(crate) fn join_room(uri: &Uri) -> Result<Join, Problem> {
    parse(uri, &TOKEN, |_, _| Ok(false))
}

/// Parses the query of the main channel on a socket.
///
/// # Errors
/// Same as [`join_room`].
pub(crate) fn join_root(uri: &Uri) -> Result<Join, Problem> {
    parse(uri, &ROOT, |_, _| Ok(false))
}

/// Returns the saved overlay that a client shows, from a query that was parsed before.
pub(crate) fn overlay(uri: &Uri) -> Option<OverlayId> {
    let (_, id) = pairs(uri).ok()?.into_iter().find(|(key, _)| key == OVERLAY.name)?;
    OverlayId::parse(&id).ok()
}

/// Parses the query of the main channel on `/events`.
///
/// # Errors
/// Same as [`join_room`].
pub(crate) fn join(uri: &Uri) -> Result<Join, Problem> {
    parse(uri, &MAIN, |_, _| Ok(false))
}

/// Parses the query of the main channel, and ignores unknown parameters.
///
/// # Errors
/// `bad_request` for invalid values.
pub(crate) fn known(uri: &Uri) -> Result<Join, Problem> {
    parse(uri, &MAIN, |key, _| Ok(FEED.iter().chain(&MAIN).all(|param| param.name != key)))
}

/// Parses a query. `take` takes the parameters that are not of the feed, and returns whether it did; `extra` lists
/// the additional parameters that the path accepts.
fn parse(
    uri: &Uri,
    extra: &[Param],
    mut take: impl FnMut(&str, &str) -> Result<bool, Problem>,
) -> Result<Join, Problem> {
    let mut join = Join::default();
    for (key, value) in pairs(uri)? {
        if !take(&key, &value)? {
            set(&mut join, &key, &value, extra)?;
        }
    }
    // Observers skip gaps, whatever `on_gap` says.
    if join.reader == Reader::Observer {
        join.on_gap = OnGap::Skip;
    }
    Ok(join)
}

/// Parses the query of a private replay: the parameters of a token's channel, and the speed.
///
/// # Errors
/// Same as [`join_room`].
pub(crate) fn join_replay(uri: &Uri) -> Result<(Join, Speed), Problem> {
    private(uri, &REPLAY).map(|play| (play.join, play.speed))
}

/// Parses the query of a private replay whose recording is in the path: also the start.
///
/// # Errors
/// Same as [`join_room`].
pub(crate) fn join_play(uri: &Uri) -> Result<Play, Problem> {
    private(uri, &PLAY)
}

fn private(uri: &Uri, extra: &[Param]) -> Result<Play, Problem> {
    let (mut speed, mut start, mut named) = (Speed::Times(1.0), Duration::ZERO, None);
    let join = parse(uri, extra, |key, value| {
        match key {
            _ if extra.iter().all(|param| param.name != key) => return Ok(false),
            "speed" => speed = value.parse().map_err(bad_request)?,
            "start" => start = offset::parse(value).map_err(bad_request)?,
            "case" => named = Some(case(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Play { join, speed, start, case: named })
}

/// Returns the name of a case that changes the recording.
fn case(name: &str) -> Result<&'static str, Problem> {
    let case = Suite::Feed.find(name).map_err(|problem| problem.hint(nearest::hint(name, &CHANGES)))?;
    if !case.changes.is_empty() {
        return Ok(case.name);
    }
    let problem = bad_request(format!(
        "the case `{name}` does not change the recording, and a private replay has no other cases"
    ));
    Err(problem.hint(format!("run `livetape replay --case {name}`")))
}

/// Rejects any query parameter.
///
/// # Errors
/// Same as [`join_room`].
pub(crate) fn none(uri: &Uri) -> Result<(), Problem> {
    match pairs(uri)?.first() {
        Some((key, _)) => Err(bad_request(format!("unknown parameter `{key}`")).hint("omit the query")),
        None => Ok(()),
    }
}

/// The parsed query of `/ws`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Talk {
    pub(crate) join: Join,
    pub(crate) client_id: Option<String>,
    pub(crate) feed: bool,
}

/// Parses the query of `/ws`.
///
/// # Errors
/// Same as [`join_room`].
pub(crate) fn talk(uri: &Uri, client_id_chars_max: usize) -> Result<Talk, Problem> {
    let (mut client_id, mut feed) = (None, true);
    let join = parse(uri, &TALK, |key, value| {
        match key {
            "client_id" => {
                check_client_id(value, client_id_chars_max)?;
                client_id = Some(value.to_owned());
            }
            "feed" => feed = flag(key, value)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Talk { join, client_id, feed })
}

/// Parses the query of a handled path: only the client id, because the other parameters belong to the
/// program.
///
/// # Errors
/// `bad_request` if the client id is invalid.
pub(crate) fn client_id(uri: &Uri, client_id_chars_max: usize) -> Result<Option<String>, Problem> {
    let client_id = pairs(uri)?.into_iter().find(|(key, _)| key == "client_id").map(|(_, value)| value);
    client_id.map(|it| check_client_id(&it, client_id_chars_max).map(|()| it)).transpose()
}

/// Parses a query into key-value pairs. Rejects repeated keys.
pub(crate) fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| bad_request("the query is not valid percent-encoding".to_owned()))?;
    let mut seen = Vec::new();
    for (key, _) in &pairs {
        if seen.contains(&key) {
            return Err(bad_request(format!("`{key}` is given twice")));
        }
        seen.push(key);
    }
    Ok(pairs)
}

/// Returns a query for responses: as the client sent it, but only with the values of the parameters of
/// feeds, because others may be secrets.
pub(crate) fn shown(query: &str) -> String {
    let is_known = |name: &str| FEED.iter().chain(&TALK).chain(&PLAY).any(|param| param.name == name);
    let pair = |pair| match str::split_once(pair, '=') {
        Some((name, _)) if !is_known(name) => format!("{name}=***"),
        None if !pair.is_empty() && !is_known(pair) => "***".to_owned(),
        _ => pair.to_owned(),
    };
    let mut shown = query.split('&').map(pair).collect::<Vec<_>>().join("&");
    if shown.len() > SHOWN_BYTES_MAX {
        shown.truncate(shown.floor_char_boundary(SHOWN_BYTES_MAX));
        shown.push('…');
    }
    shown
}

/// Formats a filter the way it is parsed from a query, without defaults.
pub(crate) fn parameters(&Filter { types, gifts, raw, format }: &Filter) -> String {
    let types = (types != Types::ALL).then(|| format!("types={types}"));
    let gifts = (gifts != Gifts::default()).then(|| format!("gifts={}", gifts.name()));
    let raw = raw.then(|| "raw=1".to_owned());
    let format = (format != Format::default()).then(|| format!("format={}", format.name()));
    [types, gifts, raw, format].into_iter().flatten().collect::<Vec<_>>().join("&")
}

/// Sets a parameter of the feed. `extra` lists the additional parameters that the path accepts.
fn set(join: &mut Join, key: &str, value: &str, extra: &[Param]) -> Result<(), Problem> {
    match key {
        "since" => join.since = Some(value.parse().map_err(bad_request)?),
        "types" => {
            let types = value.parse::<Types>();
            join.filter.types =
                types.map_err(|name| unknown(format!("unknown type `{name}`"), &name, KINDS))?;
        }
        "gifts" => join.filter.gifts = choice(key, value, Gifts::named, Gifts::NAMES)?,
        "on_gap" => join.on_gap = choice(key, value, OnGap::named, OnGap::NAMES)?,
        "raw" => join.filter.raw = flag(key, value)?,
        "observer" if extra.iter().any(|param| param.name == key) => {
            join.reader = if flag(key, value)? { Reader::Observer } else { Reader::Client };
        }
        "overlay" if extra.iter().any(|param| param.name == key) => {
            OverlayId::parse(value).map_err(|problem| Problem { code: Code::BadRequest, ..problem })?;
        }
        "format" => join.filter.format = choice(key, value, Format::named, Format::NAMES)?,
        // Only people read it.
        "name" if (1..=NAME_CHARS_MAX).contains(&value.chars().count()) => {}
        "name" => return Err(bad_request(format!("`name` must have 1 to {NAME_CHARS_MAX} characters"))),
        _ => {
            let known: Vec<_> = FEED.iter().chain(extra).map(|param| param.name).collect();
            return Err(unknown_key(key, &known));
        }
    }
    Ok(())
}

fn choice<T>(key: &str, value: &str, named: fn(&str) -> Option<T>, names: &[&str]) -> Result<T, Problem> {
    named(value).ok_or_else(|| unknown(format!("`{key}` has the invalid value `{value}`"), value, names))
}

pub(crate) fn unknown_key(key: &str, known: &[&str]) -> Problem {
    unknown(format!("unknown parameter `{key}`"), key, known)
}

fn flag(key: &str, value: &str) -> Result<bool, Problem> {
    match value {
        _ if YES.contains(&value) => Ok(true),
        _ if NO.contains(&value) => Ok(false),
        _ => Err(unknown(format!("`{key}` has the invalid value `{value}`"), value, &["1", "0"])),
    }
}

fn bad_request(message: String) -> Problem {
    Problem::new(Code::BadRequest, message)
}

/// Builds the error for an unknown value and suggests the nearest known one.
pub(crate) fn unknown(message: String, given: &str, known: &[&str]) -> Problem {
    bad_request(message).hint(nearest::hint(given, known))
}

#[cfg(test)]
mod tests {
    use livetape_feed::hub::{Filter, Format, Gifts, Since};

    use super::*;

    fn check(query: &str) -> Result<Join, String> {
        let uri = format!("/?{query}").parse().unwrap();
        join(&uri).map_err(|problem| format!("{problem}; {}", problem.hint))
    }

    #[test]
    fn a_query_is_parsed_into_a_join() {
        assert_eq!(check(""), Ok(Join::default()));
        assert_eq!(check("format=native"), Ok(Join::default()));
        let expected = Join {
            since: Some(Since::After { stream: "ab".to_owned(), seq: 7 }),
            on_gap: OnGap::Skip,
            filter: Filter {
                types: "gift,chat".parse().unwrap(),
                gifts: Gifts::Final,
                raw: true,
                format: Format::Tikfinity,
            },
            reader: Reader::Client,
        };
        let query = "since=ab%3A7&types=gift,chat&gifts=final&raw=1&on_gap=skip&format=tikfinity";
        assert_eq!(check(query), Ok(expected));
    }

    #[test]
    fn every_parameter_in_the_tables_is_accepted() {
        let asked = |name: &str| format!("/?{name}=%00").parse::<Uri>().unwrap();
        let is_known = |read: Result<(), Problem>| {
            read.err().is_none_or(|problem| !problem.to_string().contains("unknown parameter"))
        };
        for Param { name, .. } in FEED.iter().chain(&MAIN) {
            assert!(is_known(join(&asked(name)).map(drop)), "{name}");
        }
        for Param { name, .. } in FEED.iter().chain(&ROOT) {
            assert!(is_known(join_root(&asked(name)).map(drop)), "{name}");
        }
        for Param { name, .. } in FEED.iter().chain(&TOKEN) {
            assert!(is_known(join_room(&asked(name)).map(drop)), "{name}");
        }
        for Param { name, .. } in FEED.iter().chain(&TALK) {
            assert!(is_known(talk(&asked(name), 64).map(drop)), "{name}");
        }
        for Param { name, .. } in FEED.iter().chain(&REPLAY) {
            assert!(is_known(join_replay(&asked(name)).map(drop)), "{name}");
        }
        for Param { name, .. } in FEED.iter().chain(&PLAY) {
            assert!(is_known(join_play(&asked(name)).map(drop)), "{name}");
        }
        assert!(!is_known(join(&asked("feed")).map(drop)) && !is_known(join(&asked("overlay")).map(drop)));
        assert!(!is_known(join_replay(&asked("start")).map(drop)));
    }

    #[test]
    fn only_the_values_in_the_tables_are_accepted() {
        let read = |name: &str, value: &str| {
            let uri = format!("/?{name}={value}").parse().unwrap();
            let joined = join(&uri).is_ok();
            joined || talk(&uri, 64).is_ok() || join_replay(&uri).is_ok()
        };
        for Param { name, values, .. } in FEED.iter().chain(&TALK) {
            let Values::OneOf(values) = values else { continue };
            assert!(values.iter().all(|value| read(name, value)), "{name}");
            assert!(!read(name, "none"), "{name}");
        }
        assert!(read("client_id", &"x".repeat(64)) && !read("client_id", &"x".repeat(65)));
        assert!(read("name", &"x".repeat(64)) && !read("name", &"x".repeat(65)) && !read("name", ""));
        assert!(read("since", "ab:7") && !read("since", ":7") && !read("since", "ab:x"));
    }

    #[test]
    fn an_observer_skips_gaps() {
        let observer = Join { on_gap: OnGap::Skip, reader: Reader::Observer, ..Join::default() };
        for query in ["observer=1", "observer=true&on_gap=close", "on_gap=close&observer=1"] {
            assert_eq!(check(query), Ok(observer.clone()), "{query}");
        }
        assert_eq!(check("observer=0"), Ok(Join::default()));
        let uri = "/ws?observer=1&feed=0".parse().unwrap();
        assert_eq!(talk(&uri, 64), Ok(Talk { join: observer, client_id: None, feed: false }));
        let uri = "/ws/t?observer=1".parse().unwrap();
        assert!(
            join_room(&uri).is_err() && join_replay(&uri).is_err(),
            "channels of tokens have no observers"
        );
    }

    #[test]
    fn queries_are_shown_without_secrets() {
        for (query, expected) in [
            ("since=s%3A7&gifts=raw&observer=0", "since=s%3A7&gifts=raw&observer=0"),
            (
                "client_id=ann&feed=1&speed=max&start=1m&case=late",
                "client_id=ann&feed=1&speed=max&start=1m&case=late",
            ),
            ("token=abc&%74oken=abc&ticket=a=b&abc&raw", "token=***&%74oken=***&ticket=***&***&raw"),
            ("", ""),
            ("&raw=1&", "&raw=1&"),
        ] {
            assert_eq!(shown(query), expected);
        }
        let since = |length| format!("since={}", "x".repeat(length));
        assert_eq!(shown(&since(SHOWN_BYTES_MAX - 6)), since(SHOWN_BYTES_MAX - 6));
        assert_eq!(shown(&since(SHOWN_BYTES_MAX)), since(SHOWN_BYTES_MAX - 6) + "…");
    }

    #[test]
    fn errors_suggest_the_nearest_known_value() {
        insta::assert_debug_snapshot!(
            [
                "typs=gift",
                "types=gfit",
                "gifts=dleta",
                "raw=yes",
                "on_gap=jump",
                "format=tikfinty",
                "since=5",
                "x=1",
                "raw=1&raw=1"
            ]
            .map(|query| check(query).unwrap_err()),
            @r#"
        [
            "unknown parameter `typs`; did you mean `types`?",
            "unknown type `gfit`; did you mean `gift`?",
            "`gifts` has the invalid value `dleta`; did you mean `delta`?",
            "`raw` has the invalid value `yes`; choose one of: 1, 0",
            "`on_gap` has the invalid value `jump`; choose one of: close, skip",
            "`format` has the invalid value `tikfinty`; did you mean `tikfinity`?",
            "`since` must be 0 or STREAM:SEQ, from `stream` and `seq` of the last event, not `5`; see GET /openapi.json for valid requests",
            "unknown parameter `x`; choose one of: since, types, gifts, raw, on_gap, format, name, observer",
            "`raw` is given twice; see GET /openapi.json for valid requests",
        ]
        "#
        );
    }

    #[test]
    fn only_cases_that_change_the_recording_are_played() {
        assert_eq!(case("no-final").unwrap(), "no-final");
        let hint = |name: &str| case(name).unwrap_err().hint;
        assert_eq!(hint("no-finals"), "did you mean `no-final`?");
        assert_eq!(hint("cut"), "run `livetape replay --case cut`");
        let hint = hint("nothing-like-it");
        assert!(hint.starts_with("choose one of: interleaved, ") && !hint.contains("cut"), "{hint}");
    }
}
