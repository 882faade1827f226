//! What a command said, in its output, which is kept in bounded memory, or in its result file, compared with the truth.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::{BTreeSet, VecDeque},
};

use livetape_core::{
    error::{Code, Problem},
    nearest,
    truth::{STRINGS, Truth},
};
use serde_json::{Map, Value};

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
pub const PRINTED_NOTHING: &str = "printed nothing; print totals as they change, and flush each line";
/// Prefixes of the names of users' diamonds, and of those that guests received.
const OF_USER: &str = "diamonds.";
const OF_GUEST: &str = "received.";
/// Maximum length of a printed value that is not a number, in characters.
const WORD_CHARS_MAX: usize = 40;
/// Maximum length of a text in a message, in characters.
const TEXT_CHARS_MAX: usize = 80;
/// Maximum number of right words in a message.
const WORDS_SHOWN_MAX: usize = 3;

/// Name of a value of the truth: one of [`Truth::totals`], `diamonds.NAME` for the diamonds of a user, or `received.ID` for
/// those of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// # Errors
    /// `bad_request` for unknown names; the hint suggests the nearest one.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let known = Truth::default().totals().map(|(name, _)| name);
        let is_user = text.strip_prefix(OF_USER).is_some_and(|user| !user.is_empty());
        let is_guest = text.strip_prefix(OF_GUEST).is_some_and(|id| id.parse::<i64>().is_ok());
        if is_user || is_guest || known.contains(&text) {
            return Ok(Self(text.to_owned()));
        }
        let known = Vec::from_iter(known.into_iter().chain(["diamonds.NAME", "received.ID"]));
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
        let places = || line.rmatch_indices(&self.before).map(|(at, before)| &line[at + before.len()..]);
        // A picture before the value does not belong to it.
        let is_before =
            |c: char| c.is_whitespace() || !(c.is_ascii() || c.is_alphanumeric() || c == MINUS_SIGN);
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
        let number = |text: &str| text.parse::<i128>().ok();
        match (number(least), number(most), number(got)) {
            // The number of viewers can also decrease.
            (Some(one), Some(other), Some(got)) => (one.min(other)..=one.max(other)).contains(&got),
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
    let mut printed =
        found.into_iter().filter_map(|(expectation, found)| expectation.compare(right, found)).peekable();
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
    Some(Failure {
        expected: Some(right),
        got: Some(got.to_owned()),
        ..Failure::new(name.as_str(), &message)
    })
}

fn quoted_word(name: &Name, value: &str) -> String {
    if STRINGS.contains(&name.as_str()) { format!("\"{value}\"") } else { value.to_owned() }
}

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
    let reading = |(whole, end): (usize, usize)| {
        let fraction = unsigned[whole..end].trim_end_matches('0').trim_end_matches('.');
        let (unit, value) = (unit(&unsigned[end..]), value(is_negative, &unsigned[..whole], fraction));
        [(signed + end + unit.len(), value.clone() + unit), (signed + end, value)]
    };
    ends.into_iter().flat_map(reading).collect()
}

/// Returns what makes another number of one, as in `1k` and `1e3`.
fn unit(text: &str) -> &str {
    let length = match text.as_bytes() {
        [b'e' | b'E', exponent @ ..] if exponent.first().is_some_and(u8::is_ascii_digit) => {
            1 + digits(&text[1..])
        }
        [b'k' | b'K' | b'M' | b'B', ..] => 1,
        _ => 0,
    };
    let is_word = text[length..].starts_with(|c: char| c.is_alphanumeric());
    if is_word { "" } else { &text[..length] }
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
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let object: Map<String, Value> = serde_json::from_slice(json)
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

/// Maximum length of a line, in bytes. Longer ones are cut.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Number of lines that are kept for the report.
pub const LAST_LINES: usize = 20;
/// Maximum length of a line for the report, in bytes.
const LAST_LINE_BYTES_MAX: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// What a command printed: the last place that has the text of each expectation, and the last lines. Its size
/// does not depend on how much the command prints.
#[derive(Clone, Debug)]
pub struct Output {
    expected: Vec<(Expectation, Option<Match>)>,
    /// Lines, and how often each was printed in a row.
    last: VecDeque<(Vec<u8>, usize)>,
    /// The unfinished lines of both streams, the one written last at the end.
    unfinished: [(Stream, Vec<u8>); 2],
    bytes: u64,
    /// The only stream that is compared; `None` for both.
    compared: Option<Stream>,
}

impl Output {
    #[must_use]
    pub fn new(expectations: &[Expectation]) -> Self {
        let expected = expectations.iter().map(|expectation| (expectation.clone(), None)).collect();
        let unfinished = [Stream::Stderr, Stream::Stdout].map(|stream| (stream, Vec::new()));
        Self { expected, last: VecDeque::new(), unfinished, bytes: 0, compared: None }
    }

    /// Compares expectations with one stream only. The other one is kept for the report.
    #[must_use]
    pub fn comparing(self, stream: Stream) -> Self {
        Self { compared: Some(stream), ..self }
    }

    /// Adds bytes that the command wrote to a stream. A line ends with `\n` or `\r`.
    pub fn push(&mut self, stream: Stream, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.unfinished[0].0 == stream {
            self.unfinished.swap(0, 1);
        }
        let mut line = std::mem::take(&mut self.unfinished[1].1);
        let mut parts = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
        append(&mut line, parts.next().unwrap_or_default());
        for part in parts {
            self.add_line(stream, &line);
            line.clear();
            append(&mut line, part);
        }
        self.unfinished[1].1 = line;
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the last 20 lines that are not empty, without colours. Other control characters are left. A line that was
    /// printed several times in a row is one, with its count.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        let lines = self.last.iter().map(|(line, times)| match times {
            1 => plain(line).into_owned(),
            _ => format!("{} ({times} times)", plain(line)),
        });
        let unfinished = self.unfinished().map(|line| plain(cut(line)).into_owned());
        let mut lines = Vec::from_iter(lines.chain(unfinished));
        lines.drain(..lines.len().saturating_sub(LAST_LINES));
        lines
    }

    /// Returns the last place of each expectation. Unfinished lines count as lines.
    fn found(&self) -> Vec<(&Expectation, Option<Match>)> {
        let unfinished = self.unfinished.iter().filter(|(stream, _)| self.compares(*stream));
        let unfinished = Vec::from_iter(unfinished.map(|(_, line)| plain(line)));
        let last = |(expectation, found): &'_ (Expectation, Option<Match>)| {
            unfinished.iter().rev().find_map(|line| expectation.find(line)).or_else(|| found.clone())
        };
        self.expected.iter().map(|expected| (&expected.0, last(expected))).collect()
    }

    /// Returns the memory of all lines, in bytes.
    #[cfg(test)]
    fn size(&self) -> usize {
        let lines =
            self.last.iter().map(|(line, _)| line).chain(self.unfinished.iter().map(|(_, line)| line));
        let found = self.expected.iter().filter_map(|(_, found)| found.as_ref());
        lines.map(Vec::capacity).sum::<usize>() + found.map(|found| found.shown.capacity()).sum::<usize>()
    }

    fn unfinished(&self) -> impl Iterator<Item = &[u8]> {
        self.unfinished.iter().map(|(_, line)| line.as_slice()).filter(|line| !line.is_empty())
    }

    fn compares(&self, stream: Stream) -> bool {
        self.compared.is_none_or(|compared| compared == stream)
    }

    fn add_line(&mut self, stream: Stream, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        let text = plain(line);
        let is_compared = self.compares(stream);
        for (expectation, found) in self.expected.iter_mut().filter(|_| is_compared) {
            if let Some(now) = expectation.find(&text) {
                *found = Some(now);
            }
        }
        if let Some((_, times)) = self.last.back_mut().filter(|(last, _)| last == cut(line)) {
            *times += 1;
            return;
        }
        // The oldest line's allocation is reused.
        let oldest = if self.last.len() < LAST_LINES { None } else { self.last.pop_front() };
        let (mut kept, _) = oldest.unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(cut(line));
        self.last.push_back((kept, 1));
    }
}

/// Appends a part of a line, up to its maximum length.
fn append(line: &mut Vec<u8>, part: &[u8]) {
    let free = LINE_BYTES_MAX - line.len();
    line.extend_from_slice(&part[..part.len().min(free)]);
}

fn cut(line: &[u8]) -> &[u8] {
    &line[..line.len().min(LAST_LINE_BYTES_MAX)]
}

/// Decodes a line, and removes the escape sequences of terminals, such as colours.
fn plain(line: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(line);
    if !text.contains(['\u{1b}', '\u{9b}']) {
        return text;
    }
    let (mut plain, mut rest) = (String::with_capacity(text.len()), &*text);
    while let Some(at) = rest.find(['\u{1b}', '\u{9b}']) {
        plain.push_str(&rest[..at]);
        rest = after_escape(&rest[at..]);
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Returns what follows the escape sequence at the start of a text.
fn after_escape(text: &str) -> &str {
    let mut chars = text.chars();
    let kind = match chars.next() {
        Some('\u{1b}') => chars.next(),
        _ => Some('['),
    };
    match kind {
        // Parameters, then a letter.
        Some('[') => _ = chars.find(|c| matches!(c, '\u{40}'..='\u{7e}')),
        // A title or a link, which BEL or ESC \ ends.
        Some(']') if chars.find(|c| matches!(c, '\u{7}' | '\u{1b}')) == Some('\u{1b}') => _ = chars.next(),
        _ => {}
    }
    chars.as_str()
}
