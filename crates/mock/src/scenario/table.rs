//! The TOML form of a scenario, whose errors carry line and column.

use std::{fmt, time::Duration};

use livetape_core::{nearest::nearest, offset};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeOwned, Error as _, IntoDeserializer as _},
};
use toml::de::DeTable;

use super::{Endpoint, Network, Scenario, check};

/// Reads an endpoint, or a list.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Endpoint>, D::Error> {
    struct OneOrMore;

    impl<'de> de::Visitor<'de> for OneOrMore {
        type Value = Vec<Endpoint>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an endpoint, or a list of endpoints")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Endpoint::deserialize(text.into_deserializer()).map(|endpoint| vec![endpoint])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(de::value::SeqAccessDeserializer::new(seq))
        }
    }

    deserializer.deserialize_any(OneOrMore)
}

/// Reads a time: `30s`, `1m30s`, or a number of seconds.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a time such as \"1m30s\", or a number of seconds")]
    enum Written {
        Number(f64),
        Text(String),
    }

    let text = match Written::deserialize(deserializer)? {
        Written::Number(number) => number.to_string(),
        Written::Text(text) => text,
    };
    let time = offset::parse(&text).map_err(D::Error::custom)?;
    Ok(Duration::new(time.as_secs(), time.subsec_millis() * 1_000_000))
}

pub(super) fn shown<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&offset::shown(*time))
}

/// A mistake in a scenario.
///
/// ```
/// let error = livetape_mock::Scenario::parse("sed = 1").unwrap_err();
/// assert!(error.to_string().starts_with("line 1, column 1: unknown field `sed`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Description of the mistake.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ScenarioError {}

impl Scenario {
    /// Parses a scenario from TOML and validates it.
    ///
    /// # Errors
    /// The first mistake, with its position.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = read(text)?;
        match check::check(&scenario) {
            Ok(()) => Ok(scenario),
            Err((path, message)) => Err(ScenarioError::at(text, position(text, path), &message)),
        }
    }

    /// Parses a list of networks from TOML: tables `[[network]]`, as in a scenario.
    pub(crate) fn parse_networks(text: &str) -> Result<Vec<Network>, ScenarioError> {
        let Networks { networks } = read(text)?;
        // The same checks as in a scenario.
        Self::parse(text).map(|_| networks)
    }

    /// Serialises a list of networks as [`Self::parse_networks`] reads it.
    pub(crate) fn networks_to_toml(networks: Vec<Network>) -> String {
        to_toml(&Networks { networks })
    }

    /// Validates a scenario that was not parsed from TOML.
    pub(crate) fn check(&self) -> Result<(), String> {
        check::check(self).map_err(|(_, message)| message)
    }

    /// Serialises the scenario as TOML.
    ///
    /// ```
    /// # use livetape_mock::Scenario;
    /// let scenario = Scenario::live("ann");
    /// assert_eq!(Scenario::parse(&scenario.to_toml()).unwrap(), scenario);
    /// ```
    #[must_use]
    pub fn to_toml(&self) -> String {
        to_toml(self)
    }

    /// Reports an error at the table of this user in `text`, for mistakes that only reading the recordings
    /// reveals.
    pub(crate) fn error_at_user(text: &str, index: Option<usize>, message: &str) -> ScenarioError {
        let path = index.map(|index| ("user", index)).into_iter().collect();
        ScenarioError::at(text, position(text, path), message)
    }
}

impl ScenarioError {
    fn at(text: &str, position: usize, message: &str) -> Self {
        let before = &text[..text.floor_char_boundary(position)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.to_owned(),
        }
    }
}

/// Returns the position of a table, by the keys and indexes on the way to it; without any, that of the recording.
fn position(text: &str, path: check::Path) -> usize {
    let Ok(root) = DeTable::parse(text) else { return 0 };
    let mut path = path.into_iter();
    let Some((list, index)) = path.next() else {
        return root.get_ref().get("recording").map_or(0, |value| value.span().start);
    };
    let first = root.get_ref().get(list).and_then(|list| list.get_ref().get(index));
    let table = path.fold(first, |table, (list, index)| table?.get_ref().get(list)?.get_ref().get(index));
    table.map_or(0, |table| table.span().start)
}

/// A list of networks outside a scenario.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Networks {
    #[serde(default, rename = "network")]
    networks: Vec<Network>,
}

fn to_toml(value: &impl Serialize) -> String {
    // Every field can be written as TOML. If one could not, the comment would show the error.
    toml::to_string(value).unwrap_or_else(|error| format!("# {error}\n"))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, ScenarioError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        ScenarioError::at(text, at, &shortened(&plain(error.message())))
    })
}

/// Replaces what only programmers understand.
fn plain(message: &str) -> String {
    const WORDS: [(&str, &str); 5] = [
        ("u64", "a whole number, 0 or more"),
        ("usize", "a whole number, 0 or more"),
        ("u32", "a whole number from 0 to 4294967295"),
        ("u16", "a whole number from 0 to 65535"),
        ("i64", "a whole number"),
    ];
    if message == "invalid type: map, expected a sequence" {
        return "this table is a list: write it in double brackets, as in [[network]], and [[user.change]] after its [[user]]".into();
    }
    let plain = |(name, words): (&str, &str)| Some(format!("{}{words}", message.strip_suffix(name)?));
    WORDS.into_iter().find_map(plain).unwrap_or_else(|| message.to_owned())
}

/// Replaces the list of known words in an error with the nearest one, if any is near: a long list would be
/// cut.
fn shortened(message: &str) -> String {
    let mut words = message.split('`').skip(1).step_by(2);
    let is_list = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (true, Some(written)) = (is_list, words.next()) else { return message.to_owned() };
    match nearest(written, &Vec::from_iter(words)) {
        Some(word) => {
            let unknown = message.split(", expected").next().unwrap_or(message);
            format!("{unknown}; did you mean `{word}`?")
        }
        None => message.to_owned(),
    }
}
