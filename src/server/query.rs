//! What a subscriber asks for: the query of the feed.

use std::str::FromStr;

use axum::{extract::Query, http::Uri};

use crate::{
    hub::{Join, OnGap, Reader},
    lobby::check_client_id,
    sans_io::{
        error::{Code, Problem},
        event::KINDS,
        nearest,
        pace::Speed,
    },
};

/// The keys there are.
const KEYS: [&str; 6] = ["since", "types", "gifts", "raw", "on_gap", "format"];
/// The keys there are beside these on the main channel.
const MAIN_KEYS: [&str; 1] = ["observer"];
/// The keys there are beside all of these on `/ws`.
const TALK_KEYS: [&str; 2] = ["client_id", "feed"];
/// The wire shapes there are.
const FORMATS: [&str; 1] = ["native"];

/// Reads the query of a token's channel. An observer of it would look on at nothing: it runs for its clients.
///
/// # Errors
/// `bad_request`, for keys and values that there are not; the hint names the nearest.
pub(super) fn join_room(uri: &Uri) -> Result<Join, Problem> {
    let mut join = Join::default();
    for (key, value) in &pairs(uri)? {
        set(&mut join, key, value, &KEYS)?;
    }
    Ok(join)
}

/// Reads the query of the main channel.
///
/// # Errors
/// As [`join_room`].
pub(super) fn join(uri: &Uri) -> Result<Join, Problem> {
    let mut join = Join::default();
    let known = [&KEYS[..], &MAIN_KEYS].concat();
    for (key, value) in pairs(uri)? {
        set_main(&mut join, &key, &value, &known)?;
    }
    Ok(as_observer(join))
}

/// Reads the query of a private replay: that of a token's channel, and how fast it is to be.
///
/// # Errors
/// As [`join_room`].
pub(super) fn join_replay(uri: &Uri) -> Result<(Join, Speed), Problem> {
    let (mut join, mut speed) = (Join::default(), Speed::Times(1.0));
    let known = [&KEYS[..], &["speed"]].concat();
    for (key, value) in pairs(uri)? {
        match key.as_str() {
            "speed" => speed = value.parse().map_err(bad_request)?,
            _ => set(&mut join, &key, &value, &known)?,
        }
    }
    Ok((join, speed))
}

/// What a client of `/ws` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Talk {
    pub(super) join: Join,
    pub(super) client_id: Option<String>,
    /// Whether it reads the feed.
    pub(super) feed: bool,
}

/// Reads the query of `/ws`.
///
/// # Errors
/// As [`join_room`].
pub(super) fn talk(uri: &Uri, client_id_chars_max: usize) -> Result<Talk, Problem> {
    let mut talk = Talk { join: Join::default(), client_id: None, feed: true };
    let known = [&KEYS[..], &MAIN_KEYS, &TALK_KEYS].concat();
    for (key, value) in pairs(uri)? {
        match key.as_str() {
            "client_id" => {
                check_client_id(&value, client_id_chars_max)?;
                talk.client_id = Some(value);
            }
            "feed" => talk.feed = flag(&key, &value)?,
            _ => set_main(&mut talk.join, &key, &value, &known)?,
        }
    }
    talk.join = as_observer(talk.join);
    Ok(talk)
}

/// The pairs of a query, each key once.
pub(super) fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| bad_request("the query is not well encoded".to_owned()))?;
    let mut seen = Vec::new();
    for (key, _) in &pairs {
        if seen.contains(&key) {
            return Err(bad_request(format!("`{key}` is given twice")));
        }
        seen.push(key);
    }
    Ok(pairs)
}

fn set_main(join: &mut Join, key: &str, value: &str, known: &[&str]) -> Result<(), Problem> {
    if key != "observer" {
        return set(join, key, value, known);
    }
    join.reader = if flag(key, value)? { Reader::Observer } else { Reader::Client };
    Ok(())
}

/// An observer goes on behind a gap, whatever it asked for.
fn as_observer(join: Join) -> Join {
    let on_gap = if join.reader == Reader::Observer { OnGap::Skip } else { join.on_gap };
    Join { on_gap, ..join }
}

fn set(join: &mut Join, key: &str, value: &str, known: &[&str]) -> Result<(), Problem> {
    match key {
        "since" => join.since = Some(value.parse().map_err(bad_request)?),
        "types" => {
            join.filter.types = value
                .parse()
                .map_err(|name: String| unknown(format!("there is no type `{name}`"), &name, KINDS))?;
        }
        "gifts" => join.filter.gifts = choice(key, value, &["raw", "delta", "final"])?,
        "on_gap" => join.on_gap = choice(key, value, &["close", "skip"])?,
        "raw" => join.filter.raw = flag(key, value)?,
        "format" if FORMATS.contains(&value) => {}
        "format" => return Err(unknown(format!("there is no format `{value}`"), value, &FORMATS)),
        _ => return Err(unknown_key(key, known)),
    }
    Ok(())
}

fn choice<T: FromStr>(key: &str, value: &str, choices: &[&str]) -> Result<T, Problem> {
    value.parse().map_err(|_| unknown(format!("`{key}` cannot be `{value}`"), value, choices))
}

/// Refuses a key that there is not.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> Problem {
    unknown(format!("there is no parameter `{key}`"), key, known)
}

fn flag(key: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(unknown(format!("`{key}` cannot be `{value}`"), value, &["1", "0"])),
    }
}

fn bad_request(message: String) -> Problem {
    Problem::new(Code::BadRequest, message)
}

/// Refuses `given`, and names the nearest of what there is instead.
pub(super) fn unknown(message: String, given: &str, known: &[&str]) -> Problem {
    bad_request(message).hint(nearest::hint(given, known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Filter, Gifts, Since};

    fn check(query: &str) -> Result<Join, String> {
        let uri = format!("/?{query}").parse().unwrap();
        join(&uri).map_err(|problem| format!("{problem}; {}", problem.hint))
    }

    #[test]
    fn a_query_is_a_join() {
        assert_eq!(check(""), Ok(Join::default()));
        assert_eq!(check("format=native"), Ok(Join::default()));
        let expected = Join {
            since: Some(Since::After { stream: "ab".to_owned(), seq: 7 }),
            on_gap: OnGap::Skip,
            filter: Filter { types: "gift,chat".parse().unwrap(), gifts: Gifts::Final, raw: true },
            reader: Reader::Client,
        };
        let query = "since=ab%3A7&types=gift,chat&gifts=final&raw=1&on_gap=skip";
        assert_eq!(check(query), Ok(expected));
    }

    #[test]
    fn an_observer_goes_on_behind_gaps() {
        let observer = Join { on_gap: OnGap::Skip, reader: Reader::Observer, ..Join::default() };
        for query in ["observer=1", "observer=true&on_gap=close", "on_gap=close&observer=1"] {
            assert_eq!(check(query), Ok(observer.clone()), "{query}");
        }
        assert_eq!(check("observer=0"), Ok(Join::default()));
        let uri = "/ws?observer=1&feed=0".parse().unwrap();
        assert_eq!(talk(&uri, 64), Ok(Talk { join: observer, client_id: None, feed: false }));
        let uri = "/ws/t?observer=1".parse().unwrap();
        assert!(join_room(&uri).is_err() && join_replay(&uri).is_err(), "a token's channel has no observers");
    }

    #[test]
    fn the_nearest_is_named() {
        insta::assert_debug_snapshot!(
            [
                "typs=gift",
                "types=gfit",
                "gifts=dleta",
                "raw=yes",
                "on_gap=jump",
                "format=tikfinity",
                "since=5",
                "x=1",
                "raw=1&raw=1"
            ]
            .map(|query| check(query).unwrap_err()),
        );
    }
}
