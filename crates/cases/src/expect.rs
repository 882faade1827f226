//! What a command said, in its output, which is kept in bounded memory, or in its result file, compared with the truth.

mod errors;
mod output;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeSet};

use livetape_core::{
    error::{Code, Problem},
    nearest,
    truth::{STRINGS, Truth, counted_kinds},
};
use serde_json::{Map, Value};

pub use self::output::{LAST_LINES, Output, Stream};
use crate::report::{Failure, clean, quoted};

/// The only total that is a word.
pub const TOP_GIFTER: &str = STRINGS[0];
pub(crate) const TOP_GIFTER_NAME: &str = STRINGS[1];
/// Totals that are texts of any length.
const TEXTS: [&str; 2] = [TOP_GIFTER_NAME, STRINGS[2]];
/// Totals that are not between two others: they are only compared if nothing was lost.
const UNORDERED: [&str; 3] = [TEXTS[0], TEXTS[1], "texts"];
/// What programs print for a text that is not there.
const ABSENT: [&str; 5] = ["", "undefined", "null", "None", "nil"];
/// What is said of a command without output.
pub const PRINTED_NOTHING: &str =
    "printed nothing; check that it reads each message, print totals as they change, and flush each line";
/// Prefixes of the names of users' diamonds, and of those that guests received.
const OF_USER: &str = "diamonds.";
const OF_GUEST: &str = "received.";
/// Prefix of the names of numbers of events, by their type.
const OF_TYPE: &str = "count.";
/// Maximum length of a printed value that is not a number, in characters.
const WORD_CHARS_MAX: usize = 40;
/// Maximum length of a text in a message, in characters.
const TEXT_CHARS_MAX: usize = 80;
/// Maximum number of right words in a message.
const WORDS_SHOWN_MAX: usize = 3;

/// Name of a value of the truth: one of [`Truth::totals`], `diamonds.NAME` for the diamonds of a user, `received.ID` for
/// those of a guest, or `count.TYPE` for the number of events of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// # Errors
    /// `bad_request` for unknown names; the hint suggests the nearest one.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let known = Truth::default().totals().map(|(name, _)| name);
        let is_user = text.strip_prefix(OF_USER).is_some_and(|user| !user.is_empty());
        let is_guest = text.strip_prefix(OF_GUEST).is_some_and(|id| id.parse::<i64>().is_ok());
        let kind = text.strip_prefix(OF_TYPE);
        let is_kind = kind.is_some_and(|kind| counted_kinds().any(|known| known == kind));
        if is_user || is_guest || is_kind || known.contains(&text) {
            return Ok(Self(text.to_owned()));
        }
        if let Some(kind) = kind {
            let message = format_args!("events of the type {} are not counted", quoted(kind));
            let hint = nearest::hint(kind, &Vec::from_iter(counted_kinds()));
            return Err(Problem::new(Code::BadRequest, message).hint(hint));
        }
        let known = Vec::from_iter(known.into_iter().chain(["diamonds.NAME", "received.ID", "count.TYPE"]));
        let problem = Problem::new(Code::BadRequest, format_args!("unknown number {}", quoted(text)));
        Err(problem.hint(nearest::hint(text, &known)))
    }

    /// Returns the name of a total.
    pub(crate) fn of_total(name: &str) -> Self {
        Self(name.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the value: a number in decimal, a `uniqueId` or a text. Users without gifts have 0.
    #[must_use]
    pub fn value(&self, truth: &Truth) -> String {
        if let Some(user) = self.0.strip_prefix(OF_USER) {
            return truth.users.get(user).copied().unwrap_or_default().to_string();
        }
        if let Some(guest) = self.0.strip_prefix(OF_GUEST) {
            return truth.guests.get(guest).copied().unwrap_or_default().to_string();
        }
        if let Some(kind) = self.0.strip_prefix(OF_TYPE) {
            return truth.count.get(kind).copied().unwrap_or_default().to_string();
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
        if self.0.starts_with(OF_TYPE) {
            return "events";
        }
        self.0.split_once('.').map_or(&self.0, |(total, _)| total)
    }

    fn is_word(&self) -> bool {
        self.0 == TOP_GIFTER
    }

    pub(crate) fn is_text(&self) -> bool {
        TEXTS.contains(&self.as_str())
    }

    /// Returns a value as it is read from the output.
    pub(crate) fn read(&self, value: &str) -> String {
        if self.is_text() {
            return folded(value);
        }
        let end = if self.is_word() { value.find(|c| !is_of_word(c)) } else { None };
        value[..end.unwrap_or(value.len())].to_owned()
    }

    /// Returns the value that a command says if nothing was counted.
    fn zero(&self) -> &'static str {
        if self.is_text() { "" } else { "0" }
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
        if text.is_empty() || text.contains(|char: char| char.is_control() && char != '\t') {
            return Err(bad(
                "an expected text must be part of one line",
                r#"write --expect "diamonds: {diamonds}""#,
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
        if name.is_text() {
            // The text may contain what is around it.
            let (_, rest) = line.split_once(&self.before)?;
            let text = if self.after.is_empty() { rest } else { rest.rsplit_once(&self.after)?.0 };
            return Some(self.found(text.trim().to_owned()));
        }
        let line = &with_ascii_digits(line);
        if self.before.is_empty() {
            return self.find_token(name, line);
        }
        let places =
            || line.char_indices().rev().filter_map(|(at, _)| strip_start(&line[at..], &self.before));
        // A picture before the value does not belong to it.
        let is_before =
            |c: char| c.is_whitespace() || !(c.is_ascii() || c.is_alphanumeric() || c == MINUS_SIGN);
        let value = places().find_map(|rest| self.value(name, rest.trim_start_matches(is_before)));
        let value = value.or_else(|| {
            let is_before_after = |rest: &&str| {
                rest.char_indices().any(|(at, _)| strip_start(&rest[at..], &self.after).is_some())
            };
            let rest = places().find(|rest| self.after.is_empty() || is_before_after(rest))?;
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
        let (_, value) =
            tokens.iter().find(|(length, _)| strip_start(&rest[*length..], &self.after).is_some())?;
        Some(value.clone())
    }

    fn found(&self, value: String) -> Match {
        Match { shown: format!("{}{value}{}", self.before, self.after), value }
    }
}

/// Removes the start of a text. Any white space stands for another: programs write other spaces than people expect.
fn strip_start<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    let is_same = |c: char| rest.next().is_some_and(|at| at == c || at.is_whitespace() && c.is_whitespace());
    start.chars().all(is_same).then_some(rest.as_str())
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
        return readings(text);
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
        if name.is_text() {
            let mut chars = least.chars();
            let start = String::from_iter(chars.by_ref().take(TEXT_CHARS_MAX));
            return if chars.next().is_none() { start } else { start + "…" };
        }
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
        if UNORDERED.contains(&name.as_str()) && least != most {
            return true;
        }
        if name.is_text() {
            return self.is_text(name, least, got);
        }
        match (range(least), range(most), range(got)) {
            // The number of viewers can also decrease.
            (Some((one, _)), Some((other, _)), Some((from, to))) => {
                from <= one.max(other) && one.min(other) <= to
            }
            _ => least == got,
        }
    }

    /// Whether `got` is the text: white space, and all after the first line, may differ.
    fn is_text(self, name: &Name, right: &str, got: &str) -> bool {
        let got = folded(got);
        // Each of several users with the most diamonds is right, and a nickname may be empty.
        let is_open = name.as_str() == TOP_GIFTER_NAME
            && (right.is_empty() || self.least.top_gifters().any(|other| *other != self.least.top_gifter));
        let is_absent = ABSENT.contains(&right) && ABSENT.contains(&&*got);
        is_open
            || is_absent
            || got == folded(right)
            || got == folded(right.lines().next().unwrap_or_default())
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
    let has_numbers = found.iter().any(|(expectation, found)| expectation.name.is_some() && found.is_some());
    let printed = found.into_iter().filter_map(|(expectation, found)| {
        let is_missing = has_numbers && found.is_none() && expectation.name.is_some();
        let failure = expectation.compare(right, found)?;
        Some(Failure { detail: is_missing.then(|| SWALLOWED.to_owned()).or(failure.detail), ..failure })
    });
    let mut printed = printed.peekable();
    if output.bytes() == 0 && printed.peek().is_some() {
        return vec![Failure::new("output", PRINTED_NOTHING)];
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
                let is_zero = right.is(name, name.zero());
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
    let is_number = !name.is_text() && !name.is_word();
    let is_rounded =
        is_number && compact(got.trim_start_matches(MINUS)) == Some(got.trim_start_matches(MINUS).len());
    let detail = match got {
        _ if is_rounded => {
            Some("a rounded number with a unit cannot be compared: show all digits".to_owned())
        }
        _ if !name.is_text() && UNDEFINED.contains(&got) => {
            Some(format!("`{got}`: look at an event whether it has the fields that are read"))
        }
        _ => None,
    };
    Some(Failure {
        expected: Some(right),
        got: Some(got.to_owned()),
        detail,
        ..Failure::new(name.as_str(), &message)
    })
}

fn quoted_word(name: &Name, value: &str) -> String {
    if STRINGS.contains(&name.as_str()) { format!("\"{value}\"") } else { value.to_owned() }
}

/// What to do about a number that is not printed, unlike others.
const SWALLOWED: &str = "it printed other numbers: look for an error in what counts or prints this one, which its library may hide";
/// What programs print in place of a number that they do not have.
pub(crate) const UNDEFINED: [&str; 4] = ["undefined", "null", "NaN", "None"];

/// Replaces white space by single spaces.
fn folded(text: &str) -> String {
    Vec::from_iter(text.split_whitespace()).join(" ")
}

/// Separators of groups of three digits in the locales of JavaScript, Python and Rust.
const SEPARATORS: [char; 9] = [',', '\'', '_', '.', ' ', '\u{a0}', '\u{202f}', '\u{2009}', '\u{2019}'];
/// The minus sign of mathematics: programs print it or a hyphen.
const MINUS_SIGN: char = '\u{2212}';
const MINUS: [char; 2] = ['-', MINUS_SIGN];
/// The zeros of other digits: Arabic, Persian, Devanagari, Bengali, Thai and full-width.
const ZEROS: [char; 6] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}', '\u{ff10}'];

/// Replaces digits and separators of other scripts.
fn with_ascii_digits(text: &str) -> Cow<'_, str> {
    let replaced = |c: char| match c {
        '\u{66c}' => Some(','),
        '\u{66b}' => Some('.'),
        c => ZEROS.into_iter().find_map(|zero| {
            let digit = u32::from(c).checked_sub(zero.into())?;
            char::from_digit(digit, 10)
        }),
    };
    if text.is_ascii() || !text.contains(|c| replaced(c).is_some()) {
        return text.into();
    }
    text.chars().map(|c| replaced(c).unwrap_or(c)).collect::<String>().into()
}

/// Returns the readings of the number at the start of a text, with their lengths in bytes, the longest first:
/// `1,234` can be read as 1234 or as 1. A fraction of zeros is dropped, and another one kept. A single `.` and
/// three digits are a group, because all numbers are whole, unless the digits are zeros.
fn readings(text: &str) -> Vec<(usize, String)> {
    let unsigned = text.strip_prefix(MINUS).or_else(|| text.strip_prefix('+')).unwrap_or(text);
    let (signed, first) = (text.len() - unsigned.len(), digits(unsigned));
    if first == 0 {
        return Vec::new();
    }
    let (whole, is_dotted) = grouped(unsigned, first);
    let fraction = |whole: usize| match unsigned[whole..].strip_prefix('.').map(digits) {
        Some(digits) if digits > 0 => whole + 1 + digits,
        _ => whole,
    };
    let mut ends = vec![(whole, if is_dotted { whole } else { fraction(whole) })];
    ends.extend([(whole, whole), (first, fraction(first)), (first, first)]);
    ends.dedup();
    let is_negative = text.starts_with(MINUS);
    // With an exponent, nothing separates groups.
    let end = fraction(first);
    if let Some((length, exponent)) = exponent(&unsigned[end..])
        && let Some(value) = scientific(is_negative, &unsigned[..first], &unsigned[first..end], exponent)
    {
        return vec![(signed + end + length, value)];
    }
    let rounded = compact(unsigned).map(|length| (signed + length, text[..signed + length].to_owned()));
    let reading = |(whole, end): (usize, usize)| {
        let fraction = unsigned[whole..end].trim_end_matches('0').trim_end_matches('.');
        (signed + end, value(is_negative, &unsigned[..whole], fraction))
    };
    rounded.into_iter().chain(ends.into_iter().map(reading)).collect()
}

/// What browsers write after a rounded number, directly or after a space, in the languages of most streams.
const UNITS: [&str; 41] = [
    "K",
    "k",
    "M",
    "B",
    "T",
    "L",
    "Cr",
    "Tsd.",
    "Mio.",
    "Mrd.",
    "Md",
    "Mln",
    "Mrd",
    "mil",
    "mi",
    "bi",
    "bn",
    "mln",
    "mld",
    "tys.",
    "тыс.",
    "млн",
    "млрд",
    "Mn",
    "Mr",
    "rb",
    "jt",
    "Tr",
    "万",
    "萬",
    "億",
    "亿",
    "천",
    "만",
    "억",
    "हज़ार",
    "लाख",
    "क॰",
    "ألف",
    "مليون",
    "مليار",
];

/// Returns the length of a rounded number with its unit, as in `1k`, `2.2B`, `225Cr` and `2,2 Mrd.`
fn compact(text: &str) -> Option<usize> {
    let first = digits(text);
    let fraction = text[first..].strip_prefix(['.', ',']).map_or(0, digits);
    let number = if (1..=2).contains(&fraction) { first + 1 + fraction } else { first };
    let rest = text[number..].trim_start_matches(|c: char| c.is_whitespace() && !c.is_control());
    let is_apart = rest.len() < text.len() - number;
    // Totals are whole, so one with a fraction is rounded; after another, a short word may be anything else.
    let fits = |unit: &&&str| !is_apart || number > first || unit.len() > 2;
    let ends =
        |unit: &&&str| rest.strip_prefix(**unit).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
    let unit = UNITS.iter().filter(|_| first > 0).filter(fits).find(ends)?;
    Some(text.len() - rest.len() + unit.len())
}

/// Maximum exponent of a number: no total has more digits.
const EXPONENT_MAX: usize = 30;

/// Parses the exponent at the start of a text, as in `1.14e+2`, and returns its length and value.
fn exponent(text: &str) -> Option<(usize, i32)> {
    let signed = text.strip_prefix(['e', 'E'])?;
    let unsigned = signed.strip_prefix(['+', '-']).unwrap_or(signed);
    let end = text.len() - unsigned.len() + digits(unsigned);
    let is_number = !text[end..].starts_with(char::is_alphanumeric);
    let value = text[1..end].parse().ok()?;
    is_number.then_some((end, value))
}

/// Returns the value of a number in scientific notation in decimal. One whose last digits were rounded away keeps its
/// exponent, as in `2.24955e9`. `None` if the exponent is out of range.
fn scientific(is_negative: bool, whole: &str, fraction: &str, exponent: i32) -> Option<String> {
    let fraction = fraction.trim_start_matches('.');
    let mantissa = whole.replace(|c: char| !c.is_ascii_digit(), "") + fraction;
    if exponent.unsigned_abs() as usize > EXPONENT_MAX {
        return None;
    }
    // Where the decimal point stands in the mantissa.
    let point = i32::try_from(mantissa.len() - fraction.len()).ok()? + exponent;
    let Ok(point) = usize::try_from(point) else { return None };
    if point > mantissa.len() && mantissa.trim_start_matches('0').len() >= ROUNDED_DIGITS_MIN {
        let sign = if is_negative { "-" } else { "" };
        return Some(format!("{sign}{}.{fraction}e{exponent}", value(false, whole, "")));
    }
    let zeros = "0".repeat(point.saturating_sub(mantissa.len()));
    let digits = mantissa + &zeros;
    let fraction = digits[point..].trim_end_matches('0');
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
    Some(value(is_negative, &digits[..point], &fraction))
}

/// Number of digits from which a number with an exponent is taken for a rounded one, as C and awk print it.
const ROUNDED_DIGITS_MIN: usize = 6;

/// Returns the range of numbers that a rounded one such as `2.24955e9` can stand for; one number for any other.
fn range(text: &str) -> Option<(i128, i128)> {
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text.parse().ok().map(|number| (number, number));
    };
    let (whole, fraction) = mantissa.split_once('.')?;
    let zeros = exponent.parse::<u32>().ok()?.checked_sub(fraction.len().try_into().ok()?)?;
    let unit = 10_i128.checked_pow(zeros)?;
    let number = format!("{whole}{fraction}").parse::<i128>().ok()?.checked_mul(unit)?;
    Some((number - unit / 2, number + unit / 2))
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Returns the length of the whole number with its groups, and whether dots separate them. `first` is the
/// number of its first digits.
fn grouped(text: &str, first: usize) -> (usize, bool) {
    let separator = text[first..].chars().next().filter(|c| SEPARATORS.contains(c));
    let Some(separator) = separator.filter(|_| first <= 3 && !text.starts_with('0')) else {
        return (first, false);
    };
    // The last group has three digits; in India, all others have two.
    let group = |from: usize, length: usize| {
        let rest = text[from..].strip_prefix(separator).filter(|rest| digits(rest) == length)?;
        Some(text.len() - rest.len() + length)
    };
    let mut end = first;
    while let Some(next) = group(end, 3) {
        end = next;
    }
    let mut indian = first;
    while separator == ','
        && first <= 2
        && let Some(next) = group(indian, 2)
    {
        indian = next;
    }
    if indian > first {
        end = group(indian, 3).unwrap_or(first);
    }
    let is_dotted = separator == '.';
    if is_dotted && text[first..end] == *".000" { (first, false) } else { (end, is_dotted && end > first) }
}

fn value(is_negative: bool, whole: &str, fraction: &str) -> String {
    let digits = whole.replace(|c: char| !c.is_ascii_digit(), "");
    let digits = digits.trim_start_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    let sign = if is_negative && (digits, fraction) != ("0", "") { "-" } else { "" };
    format!("{sign}{digits}{fraction}")
}

pub const RESULT_BYTES_MAX: usize = 1024 * 1024;

/// Parses the file `LIVETAPE_RESULT`: an object such as `{"diamonds":114,"diamonds.alice":37,"chats":67}`. Values
/// are numbers, but names and texts are strings.
///
/// # Errors
/// A failure's message, if the file is too large, is not such an object, or has an unknown name or a value of the wrong type.
pub fn parse_result(bytes: &[u8]) -> Result<Vec<Said>, String> {
    if bytes.len() > RESULT_BYTES_MAX {
        return Err(format!(
            "wrote a LIVETAPE_RESULT of {} bytes; the maximum is {RESULT_BYTES_MAX}",
            bytes.len()
        ));
    }
    let object: Map<String, Value> = serde_json::from_slice(bytes)
        .map_err(|error| format!("wrote a LIVETAPE_RESULT that is not a JSON object: {error}"))?;
    if object.is_empty() {
        return Err("wrote a LIVETAPE_RESULT without numbers".to_owned());
    }
    object.into_iter().map(|(name, value)| said(&name, &value)).collect()
}

fn said(name: &str, value: &Value) -> Result<Said, String> {
    let name = Name::parse(name).map_err(|problem| {
        format!("wrote a LIVETAPE_RESULT with an {}: {}", problem.message, problem.hint)
    })?;
    let is_string = STRINGS.contains(&name.as_str());
    let text = match value {
        Value::Number(number) if !is_string => Some(whole(number)),
        Value::String(word) if is_string => Some(word.clone()),
        _ => None,
    };
    let kind = if is_string { "string" } else { "number" };
    let wrong = || format!("wrote a LIVETAPE_RESULT whose {} is not a {kind}", quoted(name.as_str()));
    Ok(Said { value: text.ok_or_else(wrong)?, name })
}

/// Returns a number in decimal: 114.0 as `114`.
fn whole(number: &serde_json::Number) -> String {
    match number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0) {
        Some(float) => format!("{:.0}", float + 0.0),
        None => number.to_string(),
    }
}
