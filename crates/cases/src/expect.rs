//! What a command said, in its output or in its result file, compared with the truth.

mod number;
mod output;
mod result;

use std::collections::BTreeSet;

use livetape_core::{
    error::{Code, Problem},
    nearest,
    truth::Truth,
};
pub use output::{LAST_LINES, Output, Stream};
pub use result::{RESULT_BYTES_MAX, parse_result};

use crate::report::{Failure, clean, quoted};

/// The only total that is a word.
pub const TOP_GIFTER: &str = "top_gifter";
/// Prefix of the names of users' diamonds.
const OF_USER: &str = "diamonds.";
/// Maximum length of a printed value that is not a number, in characters.
const WORD_CHARS_MAX: usize = 40;
/// Maximum number of right words in a message.
const WORDS_SHOWN_MAX: usize = 3;

/// Name of a value of the truth: one of [`Truth::totals`], or `diamonds.NAME` for the diamonds of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// # Errors
    /// `bad_request` for unknown names; the hint suggests the nearest one.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let known = Truth::default().totals().map(|(name, _)| name);
        let is_user = text.strip_prefix(OF_USER).is_some_and(|user| !user.is_empty());
        if is_user || known.contains(&text) {
            return Ok(Self(text.to_owned()));
        }
        let known = Vec::from_iter(known.into_iter().chain(["diamonds.NAME"]));
        let problem = Problem::new(Code::BadRequest, format_args!("unknown number {}", quoted(text)));
        Err(problem.hint(nearest::hint(text, &known)))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value: a number in decimal, or the `uniqueId` of the top gifter. Users without gifts have 0.
    #[must_use]
    pub fn value(&self, truth: &Truth) -> String {
        if let Some(user) = self.0.strip_prefix(OF_USER) {
            return truth.users.get(user).copied().unwrap_or_default().to_string();
        }
        truth
            .totals()
            .into_iter()
            .find(|(name, _)| *name == self.0)
            .map(|(_, value)| value)
            .unwrap_or_default()
    }

    #[must_use]
    pub fn is_user(&self) -> bool {
        self.0.starts_with(OF_USER)
    }

    /// Checks that the user of `diamonds.NAME` sent a gift.
    ///
    /// # Errors
    /// `bad_request`; the hint suggests the nearest user.
    pub fn check_user(&self, truth: &Truth) -> Result<(), Problem> {
        match self.0.strip_prefix(OF_USER) {
            Some(user) if !truth.users.contains_key(user) => {
                let known = Vec::from_iter(truth.users.keys().map(smol_str::SmolStr::as_str));
                let message = format!("{} sent no gift in this recording", quoted(user));
                Err(Problem::new(Code::BadRequest, message).hint(nearest::hint(user, &known)))
            }
            _ => Ok(()),
        }
    }

    /// Returns the unit of the value in a sentence.
    pub(crate) fn unit(&self) -> &str {
        self.0.split_once('.').map_or(&self.0, |(total, _)| total)
    }

    fn is_word(&self) -> bool {
        self.0 == TOP_GIFTER
    }
}

/// A value that a command said. Numbers are in decimal, without separators and leading zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub name: Name,
    pub value: String,
}

/// A text that must occur in the output, and the value within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    before: String,
    /// The placeholder; `None` if the text only has to occur.
    name: Option<Name>,
    after: String,
}

/// A place in the output that has the text of an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Match {
    /// The value; empty without a placeholder.
    value: String,
    /// The text with its value.
    shown: String,
}

impl Expectation {
    /// Parses a text with at most one placeholder, such as `diamonds: {diamonds}`. `{{` and `}}` stand for
    /// braces.
    ///
    /// # Errors
    /// `bad_request` if the text is empty, has several lines or placeholders, or an unknown or unclosed one.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if text.is_empty() || text.contains(char::is_control) {
            return Err(bad(
                "an expected text must be part of one line",
                "write --expect 'diamonds: {diamonds}'",
            ));
        }
        let (mut parts, mut name, mut rest) = ([String::new(), String::new()], None, text);
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if matches!(c, '{' | '}') && !rest.starts_with(c) {
                let (placeholder, behind) = placeholder(c, rest)?;
                if name.replace(Name::parse(placeholder)?).is_some() {
                    let message = format!("{} has several placeholders", quoted(text));
                    return Err(bad(&message, "repeat --expect for each"));
                }
                rest = behind;
                continue;
            }
            if matches!(c, '{' | '}') {
                rest = &rest[1..];
            }
            parts[usize::from(name.is_some())].push(c);
        }
        let [before, after] = parts;
        Ok(Self { before, name, after })
    }

    /// Returns the name of the value; `None` if the text only has to occur.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    /// Finds the text in a line without colours: its last place with a value, or else its last place. If no
    /// text precedes the placeholder, only a place with a value counts.
    fn find(&self, line: &str) -> Option<Match> {
        let Some(name) = &self.name else {
            let shown = self.before.clone();
            return line.contains(&shown).then(|| Match { value: String::new(), shown });
        };
        let line = &number::with_ascii_digits(line);
        if self.before.is_empty() {
            return self.find_token(name, line);
        }
        let places = || line.rmatch_indices(&self.before).map(|(at, before)| &line[at + before.len()..]);
        // A picture before the value does not belong to it.
        let is_before =
            |c: char| c.is_whitespace() || !(c.is_ascii() || c.is_alphanumeric() || c == number::MINUS_SIGN);
        let value = places().find_map(|rest| self.value(name, rest.trim_start_matches(is_before)));
        let value = value.or_else(|| {
            let rest = places().find(|rest| rest.contains(&self.after))?;
            Some(rest.trim_start().chars().take_while(|c| is_of_word(*c)).take(WORD_CHARS_MAX).collect())
        })?;
        Some(self.found(value))
    }

    /// Finds the last value in a line that the text after the placeholder follows.
    fn find_token(&self, name: &Name, line: &str) -> Option<Match> {
        let (mut found, mut rest, mut last) = (None, line, ' ');
        while let Some(c) = rest.chars().next() {
            let tokens = if last.is_alphanumeric() { Vec::new() } else { tokens(name, rest) };
            found = self.value_of(&tokens, rest).or(found);
            let length = tokens.first().map_or(c.len_utf8(), |(length, _)| *length);
            last = rest[..length].chars().next_back().unwrap_or(c);
            rest = &rest[length..];
        }
        found.map(|value| self.found(value))
    }

    fn value(&self, name: &Name, rest: &str) -> Option<String> {
        self.value_of(&tokens(name, rest), rest)
    }

    /// Returns the first value that the text after the placeholder follows.
    fn value_of(&self, tokens: &[(usize, String)], rest: &str) -> Option<String> {
        let (_, value) = tokens.iter().find(|(length, _)| rest[*length..].starts_with(&self.after))?;
        Some(value.clone())
    }

    fn found(&self, value: String) -> Match {
        Match { shown: format!("{}{value}{}", self.before, self.after), value }
    }
}

/// Returns the name in a placeholder, and the text behind it. `brace` is its first character.
fn placeholder(brace: char, rest: &str) -> Result<(&str, &str), Problem> {
    const HINT: &str = "write {diamonds} for a number, and {{ or }} for a brace";
    if brace == '}' {
        return Err(bad("`}` without `{` in an expected text", HINT));
    }
    match rest.split_once('}') {
        Some((name, behind)) if !name.contains('{') => Ok((name, behind)),
        _ => Err(bad("`{` without `}` in an expected text", HINT)),
    }
}

fn bad(message: &str, hint: &str) -> Problem {
    Problem::new(Code::BadRequest, message).hint(hint)
}

/// Returns the values at the start of a text with their lengths in bytes, the longest first.
fn tokens(name: &Name, text: &str) -> Vec<(usize, String)> {
    if !name.is_word() {
        return number::readings(text);
    }
    let id = text.strip_prefix('@').unwrap_or(text);
    let id = &id[..id.find(|c| !is_of_word(c)).unwrap_or(id.len())];
    // A full stop may end a sentence, but no `uniqueId`.
    let id = id.trim_end_matches('.');
    let length = id.len() + usize::from(text.starts_with('@'));
    if id.is_empty() { Vec::new() } else { vec![(length, id.to_owned())] }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
}

/// What is right: the least and the most that a client can have counted.
#[derive(Clone, Copy, Debug)]
pub struct Right<'a> {
    pub least: &'a Truth,
    /// The same as `least` if nothing was lost.
    pub most: &'a Truth,
}

impl<'a> From<&'a Truth> for Right<'a> {
    fn from(truth: &'a Truth) -> Self {
        Self { least: truth, most: truth }
    }
}

impl<'a> Right<'a> {
    /// Returns the right value for a message: `114`, `100 to 114`, or `"ann" or "bob"`.
    fn value(self, name: &Name) -> String {
        if name.is_word() {
            return Vec::from_iter(self.words().into_iter().take(WORDS_SHOWN_MAX)).join("\" or \"");
        }
        let [least, most] = self.ends(name);
        if least == most { least } else { format!("{least} to {most}") }
    }

    /// Returns the users with the most diamonds: each of several is right.
    fn words(self) -> BTreeSet<&'a str> {
        let tops = self.least.top_gifters().chain(self.most.top_gifters());
        tops.map(smol_str::SmolStr::as_str).collect()
    }

    fn is(self, name: &Name, got: &str) -> bool {
        if name.is_word() {
            // Without gifts, any word is right.
            let is_open = [self.least, self.most].iter().any(|truth| truth.top_gifter.is_empty());
            return is_open || self.words().contains(got);
        }
        let [least, most] = &self.ends(name);
        let number = |text: &str| text.parse::<i128>().ok();
        match (number(least), number(most), number(got)) {
            // The number of viewers can also decrease.
            (Some(one), Some(other), Some(got)) => (one.min(other)..=one.max(other)).contains(&got),
            _ => least == got,
        }
    }

    fn ends(self, name: &Name) -> [String; 2] {
        [self.least, self.most].map(|truth| name.value(truth))
    }
}

/// Compares what a command said with what is right. Returns a failure for each difference, without a diagnosis.
/// What it never said is 0. If nobody sent a gift, the top gifter is not compared.
#[must_use]
pub fn compare<'a>(right: impl Into<Right<'a>>, output: &Output, result: &[Said]) -> Vec<Failure> {
    let right = right.into();
    let found = output.found();
    let mut printed =
        found.into_iter().filter_map(|(expectation, found)| expectation.compare(right, found)).peekable();
    if output.bytes() == 0 && printed.peek().is_some() {
        let message = "printed nothing; print totals as they change, and flush each line";
        return vec![Failure::new("output", message)];
    }
    let wrote = result.iter().filter_map(|said| {
        let value = quoted_word(&said.name, &clean(&said.value));
        let verb = format!("wrote {} as {value}", quoted(said.name.as_str()));
        difference(right, &said.name, &said.value, &verb)
    });
    printed.chain(wrote).collect()
}

impl Expectation {
    fn compare(&self, right: Right<'_>, found: Option<Match>) -> Option<Failure> {
        match (&self.name, found) {
            (Some(name), Some(found)) => {
                difference(right, name, &found.value, &format!("printed {}", quoted(&found.shown)))
            }
            (None, Some(_)) => None,
            (Some(name), None) => {
                let is_zero = right.is(name, "0");
                let right = right.value(name);
                let text = quoted(&format!("{}…{}", self.before, self.after));
                let message = format!("did not print {text}, right is {}", quoted_word(name, &right));
                let failure = Failure { expected: Some(right), ..Failure::new(name.as_str(), &message) };
                (!is_zero).then_some(failure)
            }
            (None, None) => {
                let message = format!("did not print {}", quoted(&self.before));
                Some(Failure { expected: Some(self.before.clone()), ..Failure::new("output", &message) })
            }
        }
    }
}

fn difference(right: Right<'_>, name: &Name, got: &str, verb: &str) -> Option<Failure> {
    if right.is(name, got) {
        return None;
    }
    let right = right.value(name);
    let message = format!("{verb}, right is {}", quoted_word(name, &right));
    Some(Failure {
        expected: Some(right),
        got: Some(got.to_owned()),
        ..Failure::new(name.as_str(), &message)
    })
}

fn quoted_word(name: &Name, value: &str) -> String {
    if name.is_word() { format!("\"{value}\"") } else { value.to_owned() }
}

#[cfg(test)]
mod tests;
