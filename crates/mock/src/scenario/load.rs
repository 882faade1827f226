//! Text → scenario. What is wrong with it is told with its line and column.

use std::fmt;

use serde::{Deserialize, de::IgnoredAny};
use toml::Spanned;

use super::{Scenario, check};

/// Words that are further away than this from any that is known are no slip of the finger.
const NEAR: usize = 3;

/// What is wrong with a scenario.
///
/// ```
/// let error = livetape_mock::Scenario::parse("sed = 1").unwrap_err();
/// assert!(error.to_string().starts_with("line 1, column 1: unknown field `sed`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ScenarioError {}

impl Scenario {
    /// Reads a scenario from TOML, and checks that it makes sense.
    ///
    /// ```
    /// # use livetape_mock::{End, Scenario};
    /// assert_eq!(Scenario::parse("end = \"stay\"").unwrap().end, End::Stay);
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            ScenarioError::at(text, at, &nearest(error.message()))
        })?;
        let spans: Spans = toml::from_str(text).unwrap_or_default();
        if let Err((table, message)) = check::check(&scenario) {
            return Err(ScenarioError::at(text, spans.of(table), &message));
        }
        Ok(scenario)
    }

    /// Whether it makes sense, if it was not read from TOML.
    pub(in super::super) fn check(&self) -> Result<(), String> {
        check::check(self).map_err(|(_, message)| message)
    }

    /// The same scenario as TOML.
    ///
    /// ```
    /// # use livetape_mock::Scenario;
    /// let scenario = Scenario::live("ann");
    /// assert_eq!(Scenario::parse(&scenario.to_toml()).unwrap(), scenario);
    /// ```
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Every field has a form in TOML; were there one without, the comment would say so.
        toml::to_string(self).unwrap_or_else(|error| format!("# {error}\n"))
    }

    /// Where in `text` the user with this number stands: for mistakes that only the files show.
    pub(in super::super) fn error_at_user(text: &str, index: Option<usize>, message: &str) -> ScenarioError {
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

/// Where the tables of a scenario stand. It repeats their names because positions in the types themselves would be in
/// the way of everybody who builds a scenario in Rust.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Spans {
    recording: Option<Spanned<IgnoredAny>>,
    user: Vec<Spanned<IgnoredAny>>,
    limit: Vec<Spanned<IgnoredAny>>,
    fault: Vec<Spanned<IgnoredAny>>,
}

impl Spans {
    fn of(&self, table: check::Table) -> usize {
        let table = match table {
            check::Table::Top => self.recording.as_ref(),
            check::Table::User(index) => self.user.get(index),
            check::Table::Limit(index) => self.limit.get(index),
            check::Table::Fault(index) => self.fault.get(index),
        };
        table.map_or(0, |table| table.span().start)
    }
}

/// Adds the word that was meant to an error that lists those there are.
fn nearest(message: &str) -> String {
    let mut words = message.split('`').skip(1).step_by(2);
    let is_list = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (true, Some(written)) = (is_list, words.next()) else { return message.to_owned() };
    let near = words.map(|word| (strsim::damerau_levenshtein(written, word), word)).min();
    match near {
        Some((distance, word)) if distance <= NEAR => format!("{message}; did you mean `{word}`?"),
        _ => message.to_owned(),
    }
}
