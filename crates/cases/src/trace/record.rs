//! What a command printed, and when, in bounded memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fields::Fields;
use crate::{expect::Name, report::clean};

/// Maximum number of changes of a number that are kept.
const CHANGES_MAX: usize = 1 << 16;
/// Maximum number of lines that are kept.
const LINES_MAX: usize = 256;
/// Maximum length of a line that is kept, in characters.
const LINE_CHARS_MAX: usize = 200;

/// When something was read from a command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Time since the command was started, in milliseconds.
    pub after_ms: u32,
    /// How much of the show had been sent by then: the number of events or, in a room, the time in the recording in
    /// milliseconds.
    pub sent: u32,
}

/// The first, and then every second, fourth, … thing, so that a bounded number is kept; and the last one.
#[derive(Clone, Debug)]
pub struct Thinned<T> {
    kept: Vec<T>,
    last: Option<T>,
    seen: u64,
    step: u64,
    max: usize,
}

impl<T: Clone> Thinned<T> {
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { kept: Vec::new(), last: None, seen: 0, step: 1, max }
    }

    pub fn push(&mut self, thing: T) {
        if self.seen.is_multiple_of(self.step) {
            if self.kept.len() == self.max {
                let mut is_odd = true;
                self.kept.retain(|_| {
                    is_odd = !is_odd;
                    !is_odd
                });
                self.step *= 2;
            }
            if self.seen.is_multiple_of(self.step) {
                self.kept.push(thing.clone());
            }
        }
        self.seen += 1;
        self.last = Some(thing);
    }

    pub(crate) fn last(&self) -> Option<&T> {
        self.last.as_ref()
    }

    /// Returns what is kept, in order.
    pub fn kept(&self) -> impl Iterator<Item = &T> {
        let is_last_kept = self.seen == 0 || (self.seen - 1).is_multiple_of(self.step);
        self.kept.iter().chain(self.last.iter().filter(move |_| !is_last_kept))
    }

    #[cfg(test)]
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// Of how many things in a row one is kept.
    pub(crate) fn step(&self) -> u64 {
        self.step
    }
}

/// A number that was printed, unlike the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Number of the line.
    pub(crate) line: u64,
    pub(crate) at: Stamp,
    pub(crate) value: i64,
}

/// A line without a number that is compared.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    pub(crate) line: u64,
    pub(crate) at: Stamp,
    pub(crate) text: String,
}

/// What a command printed in a case, for a comparison with another run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The last value of each compared number.
    pub(crate) values: BTreeMap<String, i64>,
    pub(crate) fields: Fields,
}

/// The changes of each number, and the other lines.
#[derive(Clone, Debug)]
pub struct Record {
    numbers: Vec<(Name, Thinned<Change>)>,
    lines: Thinned<Printed>,
    fields: Fields,
    /// Number of lines so far.
    count: u64,
    at: Stamp,
}

impl Record {
    pub(crate) fn new(names: impl IntoIterator<Item = Name>) -> Self {
        let numbers = names.into_iter().map(|name| (name, Thinned::new(CHANGES_MAX))).collect();
        let (lines, fields) = (Thinned::new(LINES_MAX), Fields::default());
        Self { numbers, lines, fields, count: 0, at: Stamp::default() }
    }

    /// Says when what follows was read.
    pub(crate) fn now(&mut self, at: Stamp) {
        self.at = at;
    }

    /// Adds a line, and the values that it has.
    pub(crate) fn add<'a>(&mut self, text: &str, values: impl Iterator<Item = (&'a Name, &'a str)>) {
        let (line, at) = (self.count, self.at);
        self.count += 1;
        self.fields.add_line(text);
        let mut is_number = false;
        for (name, value) in values {
            let Ok(value) = value.parse() else { continue };
            is_number = true;
            let changes = self.numbers.iter_mut().filter(|(known, _)| known == name);
            for (_, changes) in changes {
                if changes.last().is_none_or(|last| last.value != value) {
                    changes.push(Change { line, at, value });
                }
            }
        }
        if !is_number {
            let text = clean(text).chars().take(LINE_CHARS_MAX).collect();
            self.lines.push(Printed { line, at, text });
        }
    }

    #[must_use]
    pub fn summary(&self) -> Summary {
        let last = |(name, changes): &(Name, Thinned<Change>)| {
            Some((name.as_str().to_owned(), changes.last()?.value))
        };
        let values = self.numbers.iter().filter_map(last).collect();
        Summary { values, fields: self.fields.clone() }
    }

    pub(crate) fn changes(&self, name: &str) -> Option<&Thinned<Change>> {
        self.numbers.iter().find(|(known, _)| known.as_str() == name).map(|(_, changes)| changes)
    }

    pub(crate) fn lines(&self) -> &Thinned<Printed> {
        &self.lines
    }

    /// Returns the memory of all lines, in bytes.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        let changes = self.numbers.iter().map(|(_, changes)| changes.kept.capacity() * size_of::<Change>());
        changes.sum::<usize>() + self.lines.kept().map(|line| line.text.capacity()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_thinned_evenly_and_the_last_is_kept() {
        let mut thinned = Thinned::new(4);
        for (number, kept) in
            [(4, vec![0, 1, 2, 3]), (5, vec![0, 2, 4]), (8, vec![0, 2, 4, 6, 7]), (10, vec![0, 4, 8, 9])]
        {
            while thinned.seen() < number {
                thinned.push(thinned.seen());
            }
            assert_eq!(Vec::from_iter(thinned.kept().copied()), kept, "{number}");
        }
        assert_eq!(thinned.step(), 4);
    }

    #[test]
    fn an_hour_at_a_thousand_lines_a_second_takes_bounded_memory() {
        let name = Name::parse("events").unwrap();
        let mut record = Record::new([name.clone()]);
        for number in 0..3_600_000_u32 {
            record.now(Stamp { after_ms: number, sent: number });
            let value = number.to_string();
            record.add(&value, [(&name, &*value)].into_iter());
        }
        (0..1000).for_each(|_| record.add(&"x".repeat(50_000), std::iter::empty()));
        let changes = record.changes("events").unwrap();
        let last = changes.kept().last().unwrap();
        assert_eq!((changes.seen(), last.value, last.at.sent), (3_600_000, 3_599_999, 3_599_999));
        assert!(record.size() < 4 << 20, "{}", record.size());
    }
}
