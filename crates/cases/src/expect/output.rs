//! The output of a command, in bounded memory.

use std::{borrow::Cow, collections::VecDeque};

use super::{Expectation, Match, errors::Errors};
use crate::trace::{Record, Stamp};

/// Maximum length of a line, in bytes. Longer ones are cut.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Size of the buffers of programs that write to a pipe, in bytes, or a divisor of it: those of C, Go, Java, Perl and Python.
const BUFFER_BYTES: u64 = 4096;
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
    /// Number of bytes of stderr and of stdout.
    bytes: [u64; 2],
    /// The only stream that is compared; `None` for both.
    compared: Option<Stream>,
    /// The errors in stderr and stdout.
    errors: [Errors; 2],
    record: Record,
}

impl Output {
    #[must_use]
    pub fn new(expectations: &[Expectation]) -> Self {
        let record = Record::new(expectations.iter().filter_map(Expectation::name).cloned());
        let expected = expectations.iter().map(|expectation| (expectation.clone(), None)).collect();
        let unfinished = [Stream::Stderr, Stream::Stdout].map(|stream| (stream, Vec::new()));
        Self {
            expected,
            last: VecDeque::new(),
            unfinished,
            bytes: [0; 2],
            compared: None,
            errors: Default::default(),
            record,
        }
    }

    /// Compares expectations with one stream only. The other one is kept for the report.
    #[must_use]
    pub fn comparing(self, stream: Stream) -> Self {
        Self { compared: Some(stream), ..self }
    }

    /// Adds bytes that were read at this time.
    pub fn push_at(&mut self, at: Stamp, stream: Stream, bytes: &[u8]) {
        self.record.now(at);
        self.push(stream, bytes);
    }

    /// Adds bytes that the command wrote to a stream. A line ends with `\n` or `\r`.
    pub fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let all = &mut self.bytes[at(stream)];
        *all = all.saturating_add(bytes.len() as u64);
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

    /// Returns when it printed what. The unfinished lines come last.
    #[must_use]
    pub fn record(&self) -> Record {
        let mut record = self.record.clone();
        for (stream, line) in self.unfinished.iter().filter(|(_, line)| !line.is_empty()) {
            let text = plain(line);
            let is_compared = self.compares(*stream);
            let found = self.expected.iter().filter(|_| is_compared);
            let found = Vec::from_iter(
                found.filter_map(|(expectation, _)| Some((expectation.name()?, expectation.find(&text)?))),
            );
            record.add(&text, found.iter().map(|(name, found)| (*name, &*found.value)));
        }
        record
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.iter().fold(0, |all, bytes| all.saturating_add(*bytes))
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

    /// Describes the errors that it has, in one line, if there are any.
    #[must_use]
    pub fn errors(&self) -> Option<String> {
        Errors::summary(&self.errors)
    }

    /// Returns the last place of each expectation. Unfinished lines count as lines, unless a full buffer cut them: then
    /// their last number may be a part of one.
    pub(super) fn found(&self) -> Vec<(&Expectation, Option<Match>)> {
        let is_cut = |stream| self.bytes[at(stream)].is_multiple_of(BUFFER_BYTES);
        let unfinished =
            self.unfinished.iter().filter(|(stream, _)| self.compares(*stream) && !is_cut(*stream));
        let unfinished = Vec::from_iter(unfinished.map(|(_, line)| plain(line)));
        let last = |(expectation, found): &'_ (Expectation, Option<Match>)| {
            unfinished.iter().rev().find_map(|line| expectation.find(line)).or_else(|| found.clone())
        };
        self.expected.iter().map(|expected| (&expected.0, last(expected))).collect()
    }

    /// Returns the memory of all lines, in bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        let lines =
            self.last.iter().map(|(line, _)| line).chain(self.unfinished.iter().map(|(_, line)| line));
        let found = self.expected.iter().filter_map(|(_, found)| found.as_ref());
        let lines = lines.map(Vec::capacity).sum::<usize>();
        lines + found.map(|found| found.shown.capacity()).sum::<usize>() + self.record.size()
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
        let errors = &mut self.errors[at(stream)];
        let is_quoted = errors.quotes(&text);
        errors.add_line(&text);
        let is_compared = self.compares(stream) && !is_quoted;
        let mut values = Vec::new();
        for (expectation, found) in self.expected.iter_mut().filter(|_| is_compared) {
            if let Some(now) = expectation.find(&text) {
                values.extend(expectation.name().map(|name| (name, now.value.clone())));
                *found = Some(now);
            }
        }
        self.record.add(&text, values.iter().map(|(name, value)| (*name, &**value)));
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

/// Returns the place of what is kept for stderr and for stdout.
fn at(stream: Stream) -> usize {
    usize::from(stream == Stream::Stdout)
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
