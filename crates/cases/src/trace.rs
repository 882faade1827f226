//! What happened in a case, and when: events, breaks, lines of the command, and each wrong number beside the right one.
//! Bounded, and part of the result.
//!
//! A command prints a number some time after the event that it counts. So a number is placed at the first event after which the
//! total has it, and at the moment when it was read only if the total never has it.

mod fields;
mod record;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    expect::Name,
    mistakes::{SlimEvent, course, is_of_break, mistaken_course},
    report::{Failure, REPEATED, clean},
};

pub(crate) use fields::{Field, Type};
use record::Change;
pub use record::{Record, Stamp, Summary, Thinned};

/// Number of parts of the time axis: within each, only the last value of a line is kept.
pub(crate) const PARTS: u64 = 300;
/// Maximum number of types of events with a row of their own.
const KINDS_MAX: usize = 4;
/// Maximum number of wrong numbers that are shown over time.
const NUMBERS_MAX: usize = 3;
/// Number of events that are sent until a number is usually read, up to which that says where it belongs.
const LAG_MAX: usize = 20;
/// Number of values before and after the first wrong one that are kept in any case.
const NEIGHBOURS: usize = 4;
/// Maximum number of events that are shown as JSON, for each number.
const OPEN_MAX: usize = 5;
/// Maximum number of breaks and connections that are kept.
pub const HAPPENED_MAX: usize = 200;
/// Maximum number of breaks and connections of which the report has a picture.
const PICTURED_MAX: usize = 6;
/// In the JSON of an event: maximum depth, maximum length of a text in characters, and of a list.
const DEPTH_MAX: usize = 2;
const JSON_CHARS_MAX: usize = 60;
const LIST_MAX: usize = 5;
/// Maximum length of the JSON of an event, in characters.
const EVENT_CHARS_MAX: usize = 4_000;

/// A failed case over time. All times are milliseconds since the first event of the show, unless they say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub length_ms: u64,
    /// Number of events that were sent, and of those that were left when the command ended.
    pub sent: u64,
    pub unsent: u64,
    pub kinds: Vec<Lane>,
    pub happened: Vec<Moment>,
    pub numbers: Vec<Course>,
    /// Lines without a compared number.
    pub lines: Vec<Moment>,
    /// Of how many lines in a row one is kept.
    pub line_step: u64,
    /// A page after breaks and connections, after its first wrong number, and at the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Picture>,
}

/// A picture of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    pub at_ms: u64,
    /// When it was taken.
    pub what: String,
    /// A file in the format JPEG, in Base64.
    pub jpeg: String,
}

/// The events of one type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    /// The type; empty for all others.
    pub kind: String,
    pub count: u64,
    /// The parts of the time axis that have one.
    pub parts: Vec<u64>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub at_ms: u64,
    /// Time since the command was started, in milliseconds.
    pub after_ms: u64,
    pub text: String,
}

/// A wrong number over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    pub name: String,
    /// Times and values.
    pub right: Vec<(u64, i64)>,
    pub got: Vec<(u64, i64)>,
    /// Where the printed numbers part from the right ones.
    pub parting: Option<Parting>,
    /// The same without the mistake that explains them.
    #[serde(skip)]
    pub unexplained: Option<Parting>,
    /// Time from the start of the command to its first wrong number, in milliseconds.
    #[serde(skip)]
    pub wrong_after_ms: Option<u64>,
}

/// The first event that was counted wrong, or the events of which one was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parting {
    /// When the number was right for the last time.
    pub from_ms: u64,
    pub at_ms: u64,
    /// Number of the events of which one was counted wrong.
    pub among: usize,
    /// Whether it is a break that makes the number wrong.
    pub is_break: bool,
    /// The last break since the number was right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_ms: Option<u64>,
    /// The totals after it.
    pub right: i64,
    pub got: i64,
    /// Code of the mistake that counts it wrong; otherwise it is known from the printed numbers alone.
    pub mistake: Option<String>,
    /// The events, if they are few.
    pub events: Vec<Opened>,
}

impl Parting {
    /// Returns when it began, as far as is known.
    pub(crate) fn began_ms(&self) -> u64 {
        self.break_ms.unwrap_or(self.at_ms)
    }
}

/// An event in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub at_ms: u64,
    /// What it is: `Rose x3 of alice`.
    pub text: String,
    pub json: String,
}

/// What was sent to a command.
pub struct Sent<'a> {
    pub events: &'a [SlimEvent],
    /// Numbers of events before breaks, and before the show started over.
    pub breaks: &'a [usize],
    pub starts: &'a [usize],
    /// Returns how many of the events had been sent at a [`Stamp`].
    pub until: &'a dyn Fn(Stamp) -> usize,
    /// When the command ended, if the show was not over.
    pub left: Option<Stamp>,
}

/// Returns how many events a show has up to a time, in milliseconds.
#[must_use]
pub fn sent_by(events: &[SlimEvent], at_ms: u64) -> usize {
    events.partition_point(|event| event.since(events.first()) <= at_ms)
}

impl Trace {
    /// Describes a case that failed. `happened` are breaks and connections, and `json` returns events by their index.
    pub fn of(
        sent: &Sent<'_>,
        record: &Record,
        failures: &[Failure],
        happened: &[(Stamp, String)],
        json: impl FnOnce(&BTreeSet<usize>) -> BTreeMap<usize, Value>,
    ) -> Self {
        let count = sent.left.map_or(usize::MAX, sent.until).min(sent.events.len());
        let (events, unsent) = sent.events.split_at(count);
        let until = |at: Stamp| (sent.until)(at).min(count);
        let times = Times::of(events);
        let mut numbers = Vec::new();
        // A show that starts over has no single course.
        let wrong = failures.iter().filter(|failure| failure.is_number() && sent.starts.is_empty());
        for failure in wrong.take(NUMBERS_MAX) {
            let breaks = Vec::from_iter(sent.breaks.iter().copied().filter(|at| *at <= count));
            numbers.extend(Placed::of((events, &breaks), record, failure, until));
        }
        let wanted = numbers
            .iter()
            .flat_map(Placed::partings)
            .flat_map(|parted| parted.open.iter().copied())
            .collect();
        let json = json(&wanted);
        let mut lines = Vec::from_iter(record.lines().kept().map(|line| (until(line.at), line)));
        // A line was printed before the numbers that follow it.
        for placed in &numbers {
            let mut next = placed.lines.iter().rev().copied().peekable();
            let mut latest = usize::MAX;
            for (index, line) in lines.iter_mut().rev() {
                while let Some((_, at)) = next.next_if(|(number, _)| *number > line.line) {
                    latest = at;
                }
                *index = (*index).min(latest);
            }
        }
        let moment = |index, at: Stamp, text: &str| {
            let text = clean(text);
            Moment { at_ms: times.after(index), after_ms: at.after_ms.into(), text }
        };
        let happened = happened.iter().take(HAPPENED_MAX);
        Self {
            length_ms: times.length(),
            sent: events.len() as u64,
            unsent: unsent.len() as u64,
            kinds: lanes(events, &times, numbers.first().map(|placed| &placed.kinds)),
            happened: happened.map(|(at, text)| moment(until(*at), *at, text)).collect(),
            lines: lines.iter().map(|(index, line)| moment(*index, line.at, &line.text)).collect(),
            numbers: numbers.into_iter().map(|placed| placed.course(events, &times, &json)).collect(),
            line_step: record.lines().step(),
            pictures: Vec::new(),
        }
    }

    /// Adds some of the pictures that were taken of a page, each with the time since its start in milliseconds.
    pub fn add_pictures(&mut self, taken: &[(u64, String)]) {
        let wrong = self.numbers.iter().find_map(|course| {
            let (after_ms, at_ms) = (course.wrong_after_ms?, course.parting.as_ref()?.at_ms);
            Some((after_ms, at_ms, format!("after the first wrong number of {}", course.name)))
        });
        let happened = self.happened.iter().take(PICTURED_MAX);
        let happened = happened.map(|it| (it.after_ms, it.at_ms, it.text.clone()));
        let end = (u64::MAX, self.length_ms, "the end".to_owned());
        let mut chosen = BTreeMap::new();
        for (after_ms, at_ms, what) in wrong.into_iter().chain(happened).chain([end]) {
            let index =
                taken.partition_point(|(after, _)| *after < after_ms).min(taken.len().saturating_sub(1));
            if let Some((_, jpeg)) = taken.get(index) {
                chosen.entry(index).or_insert_with(|| Picture { at_ms, what, jpeg: jpeg.clone() });
            }
        }
        self.pictures = chosen.into_values().collect();
    }
}

impl Trace {
    /// Leaves out mistakes that no longer explain their numbers.
    pub(crate) fn keep_mistakes(&mut self, failures: &[Failure]) {
        for course in &mut self.numbers {
            let explains = |code: &String| {
                failures.iter().any(|it| it.what == course.name && it.diagnosis == Some(code.as_str()))
            };
            let mistake = course.parting.as_ref().and_then(|parting| parting.mistake.as_ref());
            if mistake.is_some_and(|code| !explains(code)) {
                course.parting = course.unexplained.take();
            }
        }
    }
}

/// The times of events.
struct Times<'a>(&'a [SlimEvent]);

impl<'a> Times<'a> {
    fn of(events: &'a [SlimEvent]) -> Self {
        Self(events)
    }

    fn length(&self) -> u64 {
        self.0.last().map_or(0, |last| last.since(self.0.first()))
    }

    /// Returns the time after which this many events have happened.
    fn after(&self, count: usize) -> u64 {
        let last = count.checked_sub(1).and_then(|index| self.0.get(index));
        last.map_or(0, |event| event.since(self.0.first()))
    }

    fn part(&self, at_ms: u64) -> u64 {
        part(at_ms, self.length())
    }
}

/// Returns the part of the time axis that has a time.
pub(crate) fn part(at_ms: u64, length_ms: u64) -> u64 {
    (at_ms.saturating_mul(PARTS) / length_ms.max(1)).min(PARTS - 1)
}

/// Returns a row for each of the most frequent types, first those that the wrong number counts.
fn lanes(events: &[SlimEvent], times: &Times<'_>, first: Option<&BTreeSet<&str>>) -> Vec<Lane> {
    let mut kinds = BTreeMap::<&str, (u64, BTreeSet<u64>)>::new();
    for event in events {
        let (count, parts) = kinds.entry(event.kind()).or_default();
        *count += 1;
        parts.insert(times.part(event.since(events.first())));
    }
    let mut kinds = Vec::from_iter(kinds);
    let is_first = |kind: &str| first.is_some_and(|first| first.contains(kind));
    kinds.sort_by_key(|(kind, (count, _))| (!is_first(kind), u64::MAX - count));
    let others = kinds.split_off(kinds.len().min(KINDS_MAX));
    let lane = |kind: &str, count, parts| Lane { kind: kind.to_owned(), count, parts: Vec::from_iter(parts) };
    let others = others.into_iter().map(|(_, other)| other).reduce(|(sum, mut parts), (count, more)| {
        parts.extend(more);
        (sum + count, parts)
    });
    let kinds = kinds.into_iter().map(|(kind, (count, parts))| lane(kind, count, parts));
    kinds.chain(others.map(|(count, parts)| lane("", count, parts))).collect()
}

/// A wrong number, whose printed values are placed among the events.
struct Placed<'a> {
    name: &'a str,
    right: Vec<i64>,
    /// Numbers of events, and the values printed then.
    got: Vec<(usize, i64)>,
    /// Numbers of lines, and of events.
    lines: Vec<(u64, usize)>,
    /// By the mistake, and by the printed numbers alone.
    explained: Option<Parted>,
    unexplained: Option<Parted>,
    /// Types of events that change the number.
    kinds: BTreeSet<&'a str>,
    /// When the printed values were read.
    read: Vec<u64>,
}

/// The event after which the numbers differ.
struct Parted {
    /// Number of events after it, and of those after which the number was still right.
    count: usize,
    from: usize,
    among: usize,
    is_break: bool,
    /// Number of events before the last break within these.
    broken: Option<usize>,
    got: i64,
    mistake: Option<&'static str>,
    /// Indices of the events to open.
    open: Vec<usize>,
}

impl<'a> Placed<'a> {
    fn of(
        (events, breaks): (&'a [SlimEvent], &[usize]),
        record: &Record,
        failure: &'a Failure,
        until: impl Fn(Stamp) -> usize,
    ) -> Option<Self> {
        let name = Name::parse(&failure.what).ok()?;
        let right = course(events, &name)?;
        let changes = record.changes(name.as_str());
        let changes = Vec::from_iter(changes.map(Thinned::kept).into_iter().flatten().copied());
        let got = failure.got.as_deref().unwrap_or_default();
        let of = |code: &_| mistaken_course((events, breaks, &[]), code, &name, got);
        let is_change = |index: &usize| right[*index] != right[index + 1];
        let kinds = (0..events.len()).filter(is_change).map(|index| events[index].kind());
        let kinds = BTreeSet::from_iter(kinds);
        let (mut places, differs) = Places::of(&right).with_differences(&changes, breaks, &until);
        // A file with the result has no times.
        let is_timed = !changes.is_empty() || failure.got.is_none();
        let unexplained = differs.filter(|_| is_timed).map(|Differs { range, got, .. }| {
            let is_of_kind = |index: &usize| kinds.contains(events[*index].kind());
            let open = Vec::from_iter(range.clone().filter(is_of_kind));
            let (count, from, among) = (range.end, range.start, open.len());
            let open = if among > OPEN_MAX { Vec::new() } else { open };
            let broken = breaks.iter().rfind(|at| (from..=count).contains(at)).copied();
            Parted { count, from, among, is_break: false, broken, got, mistake: None, open }
        });
        let explained = failure.diagnosis.and_then(|code| {
            let (broken, mistaken) =
                (breaks.first().filter(|_| is_of_break(code) || code == REPEATED).copied(), of(code));
            let first = mistaken.as_ref().map(|(_, first)| *first);
            let (count, got) = match (broken, &mistaken) {
                (Some(count), Some((course, _))) => {
                    let printed = Vec::from_iter(right[..count].iter().chain(&course[count..]).copied());
                    places = Places::of(&printed).all(&changes, &until);
                    (count, right[count])
                }
                // What it counts after the break does not follow the show.
                (Some(count), None) => (count, right[count]),
                (None, Some((course, first))) => {
                    places = Places::of(course).all(&changes, &until);
                    (first + 1, course[first + 1])
                }
                (None, None) => return None,
            };
            // An event before the break was right until then: it is to blame only if it counts again.
            let is_more = mistaken.is_some_and(|(course, _)| course.last() > right.last());
            let is_to_blame = |first: &usize| is_more || broken.is_none_or(|count| *first >= count);
            let open = Vec::from_iter(first.filter(is_to_blame));
            let is_break = broken.is_some();
            Some(Parted { count, from: count, among: 1, is_break, broken, got, mistake: Some(code), open })
        });
        let got = places.iter().zip(&changes).map(|(place, change)| (*place, change.value));
        let lines = changes.iter().zip(&places).map(|(change, place)| (change.line, *place)).collect();
        let read = changes.iter().map(|change| change.at.after_ms.into()).collect();
        Some(Self {
            got: got.collect(),
            lines,
            name: &failure.what,
            right,
            explained,
            unexplained,
            kinds,
            read,
        })
    }

    fn course(self, events: &[SlimEvent], times: &Times<'_>, json: &BTreeMap<usize, Value>) -> Course {
        let steps =
            self.right.iter().enumerate().filter(|(at, value)| *at == 0 || self.right[at - 1] != **value);
        let right = Vec::from_iter(steps.map(|(at, value)| (times.after(at), *value)));
        let got = Vec::from_iter(self.got.iter().map(|(at, value)| (times.after(*at), *value)));
        let around = self.partings().next().map(|parted| times.after(parted.count));
        let opened = |index: &usize| Opened {
            at_ms: times.after(index + 1),
            text: clean(&events[*index].described()),
            json: json.get(index).map(pretty).unwrap_or_default(),
        };
        let parting = |parted: &Parted| Parting {
            from_ms: times.after(parted.from),
            among: parted.among,
            is_break: parted.is_break,
            break_ms: parted.broken.map(|count| times.after(count)),
            at_ms: times.after(parted.count),
            right: self.right[parted.count],
            got: parted.got,
            mistake: parted.mistake.map(str::to_owned),
            events: parted.open.iter().map(opened).collect(),
        };
        let first = self.partings().next().map(|parted| parted.count);
        let is_wrong =
            |(at, value): &(usize, i64)| first.is_some_and(|first| *at >= first) && self.right[*at] != *value;
        Course {
            wrong_after_ms: self.got.iter().position(is_wrong).map(|index| self.read[index]),
            name: clean(self.name),
            right: thinned(&right, times.length(), around),
            got: thinned(&got, times.length(), around),
            parting: self.partings().next().map(parting),
            unexplained: self.unexplained.as_ref().map(parting),
        }
    }

    fn partings(&self) -> impl Iterator<Item = &Parted> {
        self.explained.iter().chain(&self.unexplained)
    }
}

/// Where printed numbers part from a total.
struct Differs {
    /// Number of events after which they were still right, and after which they are wrong.
    range: Range<usize>,
    got: i64,
    /// Index of the first wrong one.
    index: usize,
}

/// The numbers of events after which a total has a value.
struct Places<'a> {
    course: &'a [i64],
    by_value: BTreeMap<i64, Vec<usize>>,
}

impl<'a> Places<'a> {
    fn of(course: &'a [i64]) -> Self {
        let mut by_value = BTreeMap::<_, Vec<_>>::new();
        for (at, value) in course.iter().enumerate() {
            by_value.entry(*value).or_default().push(at);
        }
        Self { course, by_value }
    }

    /// Returns the first place in a range that has a value.
    fn find(&self, value: i64, within: Range<usize>) -> Option<usize> {
        let places = self.by_value.get(&value)?;
        let next = places.partition_point(|at| *at < within.start);
        places.get(next).copied().filter(|at| *at < within.end)
    }

    /// Places printed numbers in order: where the total has them, or else where they were read.
    fn all(&self, changes: &[Change], until: impl Fn(Stamp) -> usize) -> Vec<usize> {
        let mut last = 0;
        let place = |change: &Change| {
            let read = until(change.at).max(last);
            last = self.find(change.value, last..read + 1).unwrap_or(read);
            last
        };
        changes.iter().map(place).collect()
    }

    /// Places printed numbers that differ from the total more and more. If most changes are printed, each difference is one of
    /// the next event that changes the total; otherwise it is of any until the number was read. Returns also where they part.
    fn with_differences(
        &self,
        changes: &[Change],
        breaks: &[usize],
        until: impl Fn(Stamp) -> usize,
    ) -> (Vec<usize>, Option<Differs>) {
        let (mut last, mut by, mut first) = (0, 0_i64, None);
        let mut places = Vec::with_capacity(changes.len());
        let steps = (1..self.course.len()).filter(|at| self.course[*at] != self.course[at - 1]).count();
        let is_dense = changes.len() * 2 >= steps;
        let next_wrong = |last| if is_dense { self.next_change(last) } else { None };
        for (index, change) in changes.iter().enumerate() {
            let read = until(change.at).max(last);
            let value = change.value.saturating_sub(by);
            last = self.find(value, last..read + 1).unwrap_or_else(|| {
                let next = next_wrong(last).filter(|next| *next <= read).unwrap_or(read);
                let differs = || Differs { range: last..next, got: change.value, index };
                first = first.take().or_else(|| (next > last).then(differs));
                by = change.value.saturating_sub(self.course[next]);
                next
            });
            places.push(last);
        }
        // It stopped too early.
        let last_value = changes.last().map_or(0, |change| change.value);
        let end = self.course.len() - 1;
        let first = first.or_else(|| {
            let next = next_wrong(last).or((last < end).then_some(end))?;
            Some(Differs { range: last..next, got: last_value, index: changes.len() })
        });
        match first {
            Some(differs) if is_dense => {
                let read = Vec::from_iter(changes.iter().map(|change| until(change.at)));
                let differs = self.with_one_difference(changes, &read, breaks, &mut places, differs);
                (places, Some(differs))
            }
            first => (places, first),
        }
    }

    /// Places printed numbers anew if one event explains all that is wrong: up to some number they equal the total, and from
    /// there on each differs from it by as much as the last one. Where both is possible, they part at a break; or else where
    /// numbers are read as soon after their events as the others are.
    fn with_one_difference(
        &self,
        changes: &[Change],
        read: &[usize],
        breaks: &[usize],
        places: &mut [usize],
        differs: Differs,
    ) -> Differs {
        let (Some(last), Some(total)) = (changes.last(), self.course.last()) else { return differs };
        let by = last.value.saturating_sub(*total);
        let (mut shifted, mut before) = (Vec::new(), self.course.len());
        for change in changes.iter().rev() {
            if self.course[..before].last() != Some(&change.value.saturating_sub(by)) {
                break;
            }
            before = self.course[..before]
                .iter()
                .rposition(|it| *it != self.course[before - 1])
                .map_or(0, |at| at + 1);
            shifted.push(before);
        }
        let since = changes.len() - shifted.len();
        let from = since.checked_sub(1).map_or(0, |index| places[index]);
        let is_enough = |at: usize| self.course[at].abs_diff(self.course[at - 1]) >= by.unsigned_abs();
        if since > differs.index {
            return differs;
        }
        // So many events may have been left out anywhere.
        if !(from + 1..=differs.range.end).any(is_enough) {
            return Differs { range: from..differs.range.end, ..differs };
        }
        let shifted = |index: usize| shifted[changes.len() - 1 - index];
        let candidates = since..=differs.index;
        let broken = breaks.iter().copied().rfind(|at| (from..differs.range.end).contains(at));
        let first = match broken {
            Some(broken) => {
                candidates.clone().find(|index| places.get(*index).is_none_or(|place| *place > broken))
            }
            None => {
                let lag = |index: usize, place: usize| read[index].saturating_sub(place);
                let sure = (0..since).map(|index| lag(index, places[index]));
                let mut sure = Vec::from_iter(
                    sure.chain((candidates.end() + 1..changes.len()).map(|index| lag(index, shifted(index)))),
                );
                sure.sort_unstable();
                let usual = sure.get(sure.len() / 2).copied().unwrap_or(usize::MAX);
                let is_prompt = usual <= LAG_MAX;
                let late = |first: usize| {
                    let place = |index| if index < first { places[index] } else { shifted(index) };
                    let both = since..changes.len().min(differs.index + 1);
                    both.map(|index| lag(index, place(index)).abs_diff(usual)).sum::<usize>()
                };
                if !is_prompt {
                    return Differs { range: from..differs.range.end, ..differs };
                }
                candidates.clone().min_by_key(|first| late(*first))
            }
        };
        let first = first.unwrap_or(*candidates.end());
        if first == changes.len() {
            return differs;
        }
        let right = first.checked_sub(1).map_or(0, |index| places[index]);
        let least = right.max(broken.unwrap_or(0));
        for (index, place) in places.iter_mut().enumerate().skip(first) {
            *place = shifted(index).max(least);
        }
        let next = self.next_change(right).unwrap_or(right);
        // What counts twice comes before the next event, and what is left out is never printed.
        let (end, printed) = match shifted(first) {
            place if place > next => (next, first.checked_sub(1)),
            place => (place.max(right), Some(first)),
        };
        let end = end.max(broken.unwrap_or(0));
        let start = if end == right { right.saturating_sub(1) } else { right };
        Differs { range: start..end, got: printed.map_or(0, |index| changes[index].value), index: first }
    }

    fn next_change(&self, from: usize) -> Option<usize> {
        (from + 1..self.course.len()).find(|at| self.course[*at] != self.course[from])
    }
}

/// Keeps the last value in each part of the time axis, and those around a time.
fn thinned(values: &[(u64, i64)], length_ms: u64, around: Option<u64>) -> Vec<(u64, i64)> {
    let around = around.map(|at_ms| values.partition_point(|(time, _)| *time < at_ms));
    let is_near = |at: usize| around.is_some_and(|around| at.abs_diff(around) <= NEIGHBOURS);
    let is_last = |at: usize, time| {
        values.get(at + 1).is_none_or(|(next, _)| part(*next, length_ms) != part(time, length_ms))
    };
    let is_kept = |(at, (time, _)): &(usize, &(u64, i64))| *at == 0 || is_near(*at) || is_last(*at, *time);
    values.iter().enumerate().filter(is_kept).map(|(_, value)| *value).collect()
}

/// Formats the JSON of an event, without what is nested too deep or too long.
fn pretty(event: &Value) -> String {
    let text = serde_json::to_string_pretty(&pruned(event, 0)).unwrap_or_default();
    text.chars().take(EVENT_CHARS_MAX).collect()
}

fn pruned(value: &Value, depth: usize) -> Value {
    match value {
        Value::String(text) if text.chars().count() > JSON_CHARS_MAX => {
            Value::String(text.chars().take(JSON_CHARS_MAX).chain(['…']).collect())
        }
        Value::Array(list) if depth >= DEPTH_MAX && !list.is_empty() => "[…]".into(),
        Value::Object(members) if depth >= DEPTH_MAX && !members.is_empty() => "{…}".into(),
        Value::Array(list) => list.iter().take(LIST_MAX).map(|value| pruned(value, depth + 1)).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), pruned(value, depth + 1))).collect()
        }
        other => other.clone(),
    }
}
