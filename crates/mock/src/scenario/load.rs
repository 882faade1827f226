//! Parses scenarios. Errors carry line and column.

use std::fmt;

use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use toml::Spanned;

use super::{Network, Scenario, check};

/// Maximum edit distance of a suggested correction.
const NEAR: usize = 3;

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
        let spans: Spans = toml::from_str(text).unwrap_or_default();
        if let Err((table, message)) = check::check(&scenario) {
            return Err(ScenarioError::at(text, spans.of(table), &message));
        }
        Ok(scenario)
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
        let spans: Spans = toml::from_str(text).unwrap_or_default();
        let table = index.map_or(check::Table::Top, check::Table::User);
        ScenarioError::at(text, spans.of(table), message)
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

/// Positions of the tables in a scenario. The table names are repeated here because positions in the public
/// types would burden everyone who builds a scenario in Rust.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Spans {
    recording: Option<Spanned<IgnoredAny>>,
    user: Vec<Spanned<UserSpans>>,
    limit: Vec<Spanned<IgnoredAny>>,
    fault: Vec<Spanned<IgnoredAny>>,
    network: Vec<Spanned<IgnoredAny>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct UserSpans {
    change: Vec<Spanned<IgnoredAny>>,
}

impl Spans {
    fn of(&self, table: check::Table) -> usize {
        fn start<T>(table: &Spanned<T>) -> usize {
            table.span().start
        }
        let start = match table {
            check::Table::Top => self.recording.as_ref().map(start),
            check::Table::User(index) => self.user.get(index).map(start),
            check::Table::Change(user, index) => {
                self.user.get(user).and_then(|user| user.get_ref().change.get(index)).map(start)
            }
            check::Table::Limit(index) => self.limit.get(index).map(start),
            check::Table::Fault(index) => self.fault.get(index).map(start),
            check::Table::Network(index) => self.network.get(index).map(start),
        };
        start.unwrap_or_default()
    }
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
        ScenarioError::at(text, at, &nearest(&plain(error.message())))
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
fn nearest(message: &str) -> String {
    let mut words = message.split('`').skip(1).step_by(2);
    let is_list = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (true, Some(written)) = (is_list, words.next()) else { return message.to_owned() };
    let near = words.map(|word| (strsim::damerau_levenshtein(written, word), word)).min();
    match near {
        Some((distance, word)) if distance <= NEAR => {
            let unknown = message.split(", expected").next().unwrap_or(message);
            format!("{unknown}; did you mean `{word}`?")
        }
        _ => message.to_owned(),
    }
}
