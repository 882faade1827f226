//! Reports about cases: for people, programs, and CI.
//!
//! Most texts come from a command or from a recording. Reports leave out control characters, and characters
//! that change the direction of text.

mod against;
mod html;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    iter, mem,
    time::Duration,
};

use livetape_core::{markup::escaped, terminal::printable, truth::STRINGS};
use serde_json::{Value, json};

use crate::{
    expect::Name,
    library::Library,
    trace::{Summary, Trace},
};
pub use against::{Against, Random, against, check_against, differences};
#[cfg(test)]
pub(crate) use html::REMEDIES;
pub use html::{About, html};

/// Name of the case in which nothing is changed or broken, the first of each suite.
pub const PLAIN: &str = "plain";

/// Numbers below this are given by several mistakes by chance.
const BY_CHANCE_BELOW: u128 = 10;
/// So are differences from the right number below this.
const NEAR_BELOW: u128 = 3;

/// What lines have that say why a program crashed, in most languages.
const ERRORS: [&str; 4] = ["Error", "error", "Exception", "panicked"];

/// Code of the mistake to count messages again that were sent again.
pub(crate) const REPEATED: &str = "repeated_messages";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub case: &'static str,
    pub verdict: Verdict,
    pub took: Duration,
    /// What was wrong; empty unless the case failed.
    pub failures: Vec<Failure>,
    /// The case, or the kept file, in which all of it was wrong in the same way or by the same mistake, so that this one says
    /// nothing new.
    pub same_as: Option<String>,
    /// The client library, if it told its name to a room.
    pub library: Option<Library>,
    /// Whether the command crashed, or did not end as it should: its output may say why.
    pub ended_wrongly: bool,
    /// Errors in its output that ended nothing, in one line.
    pub swallowed: Option<String>,
    /// For each number, the mistakes that this case shows; empty for all but `plain`.
    pub shows: BTreeMap<String, BTreeSet<&'static str>>,
    /// Last lines that the command printed.
    pub output: Vec<String>,
    /// The command line that repeats the case: one line, without invisible characters.
    pub again: String,
    /// File with the smallest recording that fails, of a show at random.
    pub kept: Option<String>,
    /// What it printed.
    pub printed: Summary,
    /// What happened when, of a case that failed.
    pub trace: Option<Box<Trace>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
    /// It failed because of the client library: what that cannot do.
    KnownLimit(String),
    /// The case did not run, for this reason.
    Skipped(String),
}

/// A mistake that gives a wrong number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What a client does that makes it.
    pub doing: &'static str,
    /// Name of the case that every client with it fails, if there is one.
    pub shown_by: &'static str,
    /// Whether it only changes numbers if a connection breaks.
    pub needs_break: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failure {
    /// Name of the number, or what else was wrong: `output`, `connection`, `exit`, …
    pub what: String,
    pub expected: Option<String>,
    pub got: Option<String>,
    /// Code of the mistake that explains the value, such as `only_repeat_end`.
    pub diagnosis: Option<&'static str>,
    /// All mistakes that give the value, by their codes.
    pub candidates: BTreeMap<&'static str, Candidate>,
    /// Whether no mistake could be computed, because it is not known what reached the client.
    pub is_unclear: bool,
    /// What was wrong, in one line: a fragment that starts with a verb.
    pub message: String,
    /// More about it, in lines: the mistake that explains the value.
    pub detail: Option<String>,
    /// What the library itself does wrong in this case, or that the machine was too busy for a fair one.
    pub known: Option<String>,
    pub habit: Option<Habit>,
    /// Whether the client did something too late or not at all, which it may have done with more time.
    pub is_late: bool,
}

/// What a client does about its connection in many cases, for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// It does not connect again to a room after a connection was lost or refused.
    StaysAway,
    /// It tries too often while it is refused.
    Hammers,
    /// It has many connections or requests at once.
    AtOnce,
    /// It tries again before the time that it was told.
    ComesEarly,
    /// It keeps a WebSocket that was opened late, and opens another one.
    KeepsLate,
}

impl Habit {
    const ALL: [Self; 5] = [Self::StaysAway, Self::Hammers, Self::AtOnce, Self::ComesEarly, Self::KeepsLate];

    /// Returns what the client did, and what has to change.
    fn text(self, library: Option<&Library>) -> [Cow<'static, str>; 2] {
        match self {
            Self::StaysAway => {
                ["did not connect again".into(), Library::has_to_connect_again(library).into()]
            }
            Self::Hammers => ["tried too often".into(), BACKOFF.into()],
            Self::AtOnce => ["had many connections at once".into(), ONE_CONNECTION.into()],
            Self::ComesEarly => ["tried again too early".into(), STATED_WAIT.into()],
            Self::KeepsLate => ["kept two WebSockets".into(), ONE_WEBSOCKET.into()],
        }
    }
}

impl Outcome {
    /// Returns the wrong numbers that have an explanation, or need one. If the connection or the exit was wrong as well,
    /// that can be the reason.
    fn wrong_numbers(&self) -> impl Iterator<Item = &Failure> {
        let has_reason = !self.failures.iter().all(Failure::is_number);
        // What a client without its connection counts says nothing, nor what it counts on a busy machine.
        let is_excused = |failure: &Failure| failure.habit.is_some() || failure.known.is_some();
        let are_excused = self.failures.iter().any(is_excused);
        let is_wanted = move |failure: &&Failure| {
            let is_unexplained = failure.candidates.is_empty() && (has_reason || failure.is_unclear);
            failure.is_number() && !are_excused && !is_unexplained
        };
        self.failures.iter().filter(is_wanted)
    }

    #[must_use]
    pub fn skipped(case: &'static str, why: &str) -> Self {
        Self {
            case,
            verdict: Verdict::Skipped(why.to_owned()),
            took: Duration::ZERO,
            failures: Vec::new(),
            same_as: None,
            library: None,
            ended_wrongly: false,
            swallowed: None,
            shows: BTreeMap::new(),
            output: Vec::new(),
            again: String::new(),
            kept: None,
            printed: Summary::default(),
            trace: None,
        }
    }

    /// Compares it with the outcome of `plain`: what is wrong by the same amount there has no cause of its own in this
    /// case, so its diagnosis is that of `plain`, or one of those that are possible there.
    pub fn compare_with_plain(&mut self, plain: &Self) {
        if self.case == plain.case || self.failures.is_empty() {
            return;
        }
        // Errors that `plain` does not have are new.
        self.same_as = (self.swallowed.is_none() || plain.swallowed.is_some()).then(|| plain.case.to_owned());
        for failure in &mut self.failures {
            match plain.failures.iter().find(|other| other.is_like(failure)) {
                Some(other) => {
                    // Of several mistakes that explain `plain`, this case may leave one.
                    let is_narrower = other.diagnosis.is_none()
                        && failure.diagnosis.is_some_and(|it| other.candidates.contains_key(it));
                    if !is_narrower {
                        let here = mem::replace(&mut failure.candidates, other.candidates.clone());
                        failure.diagnosis = other.diagnosis;
                        // What explains `plain` has to explain this case, if it can be computed.
                        if failure.is_unclear {
                            failure.is_unclear = other.is_unclear;
                        } else {
                            failure.exclude(|name, _| !here.contains_key(name));
                        }
                    }
                    failure.detail = Some(same_as(plain.case));
                    // It has a cause, so a busy machine is none.
                    if !other.candidates.is_empty() && failure.is_number() {
                        failure.known = None;
                    }
                }
                None => {
                    self.same_as = None;
                    let shows = plain.shows.get(&failure.what);
                    match plain.failures.iter().find(|other| other.what == failure.what) {
                        // The case would have shown it.
                        None => failure.exclude(|name, mistake| {
                            mistake.shown_by == PLAIN || shows.is_some_and(|shows| shows.contains(name))
                        }),
                        // A number that is wrong without a break as well has another cause, and what `plain` would show, but
                        // does not explain it there, does so here by chance.
                        Some(other) => failure.exclude(|name, mistake| {
                            let is_seen = !other.is_unclear && ["", PLAIN].contains(&mistake.shown_by);
                            mistake.needs_break || is_seen && !other.candidates.contains_key(name)
                        }),
                    }
                }
            }
        }
    }

    /// Returns the first of these cases in which the same mistakes explain everything that is wrong in this one.
    #[must_use]
    pub fn explained_by(&self, earlier: &[Self]) -> Option<String> {
        let explains = |other: &&Self| {
            // One that is narrower says something new.
            let explains = |failure: &Failure, it: &Failure| {
                failure.has_mistake_of(it) && (failure.diagnosis.is_none() || it.diagnosis.is_some())
            };
            // Two crashes may have the same exit code.
            let is_crash_of = |failure: &Failure| failure.what != "exit" || self.error() == other.error();
            let has_cause = |failure: &Failure| {
                is_crash_of(failure) && other.failures.iter().any(|it| explains(failure, it))
            };
            other.case != self.case && other.is_new_failure() && self.failures.iter().all(has_cause)
        };
        // What its library is known for is told in its own case.
        let has_limit = self.library.as_ref().is_some_and(|library| library.defect(self.case).is_some());
        let is_failed = self.verdict == Verdict::Failed && !self.failures.is_empty() && !has_limit;
        earlier.iter().find(explains).filter(|_| is_failed).map(|other| other.case.to_owned())
    }

    /// Returns what others are called the same as: the file that is kept of it, or the case.
    #[must_use]
    pub fn name(&self) -> &str {
        self.kept.as_deref().unwrap_or(self.case)
    }

    /// Returns the last line of its output that names an error.
    fn error(&self) -> Option<&str> {
        let is_error = |line: &&String| ERRORS.iter().any(|word| line.contains(word));
        self.output.iter().rfind(is_error).map(String::as_str)
    }

    /// Whether it failed, and not as another case did.
    #[must_use]
    pub fn is_new_failure(&self) -> bool {
        self.verdict == Verdict::Failed && self.same_as.is_none()
    }

    /// Counts it apart if all that is wrong comes from its client library.
    pub fn excuse(&mut self) {
        let library = self.library.as_ref().filter(|_| self.verdict == Verdict::Failed);
        if let Some(limit) = library.and_then(|library| library.limit(self.case, &self.failures)) {
            self.verdict = Verdict::KnownLimit(limit);
            self.failures.iter_mut().for_each(|failure| failure.known = None);
        }
    }
}

/// Names in each case the first one with the same mistakes, in the order of the cases and not in that in which they ended.
pub fn group(outcomes: &mut [Outcome]) {
    for at in 0..outcomes.len() {
        if outcomes[at].same_as.as_deref() != Some(PLAIN) {
            outcomes[at].same_as = None;
            outcomes[at].same_as = outcomes[at].explained_by(&outcomes[..at]);
        }
    }
}

fn same_as(case: &str) -> String {
    format!("the same as in {case}")
}

impl Failure {
    /// Whether another failure is about the same and differs by the same amount.
    fn is_like(&self, other: &Self) -> bool {
        let by = |failure: &Self| {
            let number = |text: &Option<String>| text.as_deref()?.parse::<i128>().ok();
            Some(number(&failure.got)? - number(&failure.expected)?)
        };
        self.what == other.what
            && match (by(self), by(other)) {
                (Some(by), Some(other)) => by == other,
                _ => (&self.got, &self.message) == (&other.got, &other.message),
            }
    }

    /// Returns whether a number is too small or too large.
    #[must_use]
    pub fn side(&self) -> Option<Ordering> {
        let number = |text: &Option<String>| text.as_deref()?.parse::<i128>().ok();
        Some(number(&self.got)?.cmp(&number(&self.expected)?))
    }

    /// Whether another failure probably has the same cause: the same mistake, also if others give one of the numbers as well;
    /// or, without one, a number that is wrong in the same direction.
    #[must_use]
    pub fn has_cause_of(&self, other: &Self) -> bool {
        let is_exit = self.what == "exit";
        let is_equal = (&self.what, &self.got, &self.expected) == (&other.what, &other.got, &other.expected);
        let are_unknown = self.diagnosis.is_none() && other.diagnosis.is_none();
        let has_same_mistake = are_unknown || self.shares_mistake(other);
        let is_alike = self.what == other.what && self.side() == other.side();
        is_equal || is_alike && has_same_mistake && !is_exit
    }

    /// Whether a mistake that explains one of them explains the other one as well.
    fn shares_mistake(&self, other: &Self) -> bool {
        let is_one_of = |one: &Self, several: &Self| {
            several.diagnosis.is_none() && one.diagnosis.is_some_and(|it| several.candidates.contains_key(it))
        };
        let is_equal = self.diagnosis.is_some() && self.diagnosis == other.diagnosis;
        is_equal || is_one_of(self, other) || is_one_of(other, self)
    }

    /// Names the mistake, of those that give the number.
    pub fn narrow(&mut self, mistake: &'static str) {
        if let (Some(Candidate { doing, .. }), Some(got)) = (self.candidates.get(mistake), &self.got)
            && self.diagnosis != Some(mistake)
        {
            self.detail = Some(format!("{got} is what {doing} gives"));
            self.diagnosis = Some(mistake);
        }
    }

    /// Whether the same mistake gives another number, or the same is wrong about the connection or the exit.
    #[must_use]
    pub fn has_mistake_of(&self, other: &Self) -> bool {
        let is_equal = !self.is_number() && self.message == other.message;
        let is_habit = self.habit.is_some() && self.habit == other.habit;
        self.what == other.what && (self.shares_mistake(other) || is_equal || is_habit)
    }

    /// Whether a command that waits for a processor may fail in this way: what it did not do in time, numbers that no
    /// mistake gives, and connections that it has given up, but not the server.
    #[must_use]
    pub fn may_come_from_waiting(&self) -> bool {
        self.is_late || self.is_number() && self.candidates.is_empty() || self.habit == Some(Habit::AtOnce)
    }

    /// Says what was not done in time.
    #[must_use]
    pub fn late(what: &str, message: &str) -> Self {
        Self { is_late: true, ..Self::new(what, message) }
    }

    /// Leaves out mistakes, and the diagnosis if it names one of them or none is left.
    fn exclude(&mut self, is_excluded: impl Fn(&str, &Candidate) -> bool) {
        let before = self.candidates.len();
        self.candidates.retain(|name, mistake| !is_excluded(name, mistake));
        let is_named = self.diagnosis.is_none_or(|name| self.candidates.contains_key(name));
        // What several mistakes have in common may still be told if some are left.
        if self.candidates.len() < before && (self.candidates.is_empty() || !is_named) {
            (self.diagnosis, self.detail) = (None, None);
        }
    }

    /// Whether a total has a wrong value.
    pub(crate) fn is_number(&self) -> bool {
        self.got.is_some() && Name::parse(&self.what).is_ok()
    }

    fn is_as_in_plain(&self) -> bool {
        self.detail.as_deref() == Some(&*same_as(PLAIN))
    }

    /// Whether many mistakes give the value by chance.
    #[must_use]
    pub fn is_small(&self) -> bool {
        let number = self.got.as_deref().and_then(|got| got.parse::<i128>().ok());
        let right = self.expected.as_deref().and_then(|right| right.parse::<i128>().ok());
        let is_near = |number: i128| right.is_some_and(|right| number.abs_diff(right) < NEAR_BELOW);
        number.is_some_and(|number| number.unsigned_abs() < BY_CHANCE_BELOW || is_near(number))
    }

    #[must_use]
    pub fn new(what: &str, message: &str) -> Self {
        Self { what: what.to_owned(), message: message.to_owned(), ..Self::default() }
    }

    /// Returns the message, and the lines about the mistake.
    fn lines(&self) -> impl Iterator<Item = String> {
        let more = [&self.detail, &self.known].into_iter().flatten().flat_map(|text| text.lines());
        iter::once(self.message.as_str()).chain(more).map(clean)
    }

    fn json(&self) -> Value {
        let value = |value: &Option<String>| match value.as_ref().map(|text| (text, text.parse::<i64>())) {
            Some((_, Ok(number))) if !STRINGS.contains(&&*self.what) => json!(number),
            Some((text, _)) => json!(clean(text)),
            None => Value::Null,
        };
        json!({
            "what": clean(&self.what),
            "expected": value(&self.expected),
            "got": value(&self.got),
            "diagnosis": self.diagnosis,
            "candidates": self.candidates.keys().collect::<Vec<_>>(),
            "message": Vec::from_iter(self.lines()).join("; "),
        })
    }
}

/// Formats a time in a show: `3:16.3`, `1:02:03.4`.
#[must_use]
pub fn moment(at: Duration) -> String {
    let tenths = at.as_millis() / 100;
    let (hours, minutes) = (tenths / 36_000, tenths / 600 % 60);
    let minutes = if hours == 0 { minutes.to_string() } else { format!("{hours}:{minutes:02}") };
    format!("{minutes}:{:02}.{}", tenths / 10 % 60, tenths % 10)
}

pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", clean(text))
}

/// Makes a line safe to display, and cuts it at 300 characters.
pub(crate) fn clean(line: &str) -> String {
    printable(&line.replace('\t', " "))
}

/// Formats a case as lines for people: the verdict, what was wrong, and how to repeat it. `width` is that of the column
/// of names.
#[must_use]
pub fn line(outcome: &Outcome, width: usize) -> String {
    let (verdict, reason) = match &outcome.verdict {
        Verdict::Passed => ("ok", None),
        Verdict::Failed => ("FAIL", None),
        Verdict::KnownLimit(limit) => ("limit", Some(clean(limit))),
        Verdict::Skipped(reason) => ("skip", Some(clean(reason))),
    };
    let lines = outcome.failures.iter().flat_map(Failure::lines);
    // A habit shows in several ways.
    let shown = outcome.failures.iter().find(|failure| failure.habit.is_some());
    let same = outcome.same_as.as_deref().map(|case| match shown {
        Some(failure) => format!("{}: {}", clean(&failure.message), same_as(case)),
        None => same_as(case),
    });
    let swallowed = outcome.swallowed.as_deref().map(|errors| format!("⚠️ {}", clean(errors)));
    let kept = outcome.kept.as_deref().filter(|_| outcome.is_new_failure());
    let kept = kept.map(|file| format!("still failing: {}", clean(file)));
    let lines = lines.chain(swallowed).chain(kept).filter(|_| outcome.same_as.is_none());
    let mut lines = reason.into_iter().chain(same).chain(lines);
    let (seconds, first) = (outcome.took.as_secs_f64(), lines.next().unwrap_or_default());
    let mut text =
        format!("  {verdict:<6}{:<width$}{seconds:>7.1} s  {first}", outcome.case).trim_end().to_owned();
    let is_limit = matches!(outcome.verdict, Verdict::KnownLimit(_));
    for line in lines {
        text += &format!("\n        {line}");
    }
    if outcome.is_new_failure() || is_limit {
        text += &format!("\n{}", again(&outcome.again));
    }
    text
}

/// Formats the line with the command that repeats a case.
#[must_use]
pub fn again(command: &str) -> String {
    format!("        again: {command}")
}

/// Formats the last lines that the command printed, for people; empty if there are none.
#[must_use]
pub fn output(outcome: &Outcome) -> String {
    let lines = outcome.output.iter().map(|line| format!("        | {}", clean(line)));
    Vec::from_iter(lines).join("\n")
}

/// Formats the number of cases that passed: `24 of 26 cases passed in 41 s`, and the conclusion, or that every case
/// failed in the same way.
#[must_use]
pub fn summary(outcomes: &[Outcome], took: Duration) -> String {
    let CaseCounts { passed, failed, limits, skipped } = CaseCounts::of(outcomes);
    let all = passed + failed + limits;
    let cases = if all == 1 { "case" } else { "cases" };
    let seconds = took.as_secs_f64();
    let seconds = if seconds < 9.95 { format!("{seconds:.1}") } else { format!("{seconds:.0}") };
    let mut apart = match limits {
        0 => String::new(),
        1 => ", 1 failed by a known limit".to_owned(),
        several => format!(", {several} failed by known limits"),
    };
    if let Some(library) = library(outcomes).filter(|_| limits > 0) {
        apart += &format!(" of {library}");
    }
    if skipped > 0 {
        apart += &format!(", {skipped} skipped");
    }
    let alike = same_failure(outcomes).and_then(|first| first.failures.first());
    let alike = alike.map(|failure| format!("{ALIKE}: {}", clean(&failure.message)));
    let end = conclusion(outcomes).map(|end| end.text).or(alike);
    let end = end.into_iter().chain(habits(outcomes));
    let end = String::from_iter(end.map(|line| format!("\n{line}")));
    format!("{passed} of {all} {cases} passed in {seconds} s{apart}{end}")
}

fn library(outcomes: &[Outcome]) -> Option<&Library> {
    outcomes.iter().find_map(|outcome| outcome.library.as_ref())
}

/// Returns what the command does in many cases, and what has to change: once, because it is one cause.
fn habits(outcomes: &[Outcome]) -> impl Iterator<Item = String> {
    Habit::ALL.into_iter().filter_map(|habit| {
        // What a library is known for is not what the bot does.
        let is_known = |outcome: &Outcome| outcome.failures.iter().any(|failure| failure.known.is_some());
        let has = |outcome: &&Outcome| {
            !is_known(outcome) && outcome.failures.iter().any(|failure| failure.habit == Some(habit))
        };
        let count = failed(outcomes).filter(has).count();
        let [did, change] = habit.text(library(outcomes));
        (count > 0).then(|| format!("in {} it {did}: {change}", cases(count)))
    })
}

fn failed(outcomes: &[Outcome]) -> impl Iterator<Item = &Outcome> {
    outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Failed)
}

fn cases(count: usize) -> String {
    if count == 1 { "1 case".to_owned() } else { format!("{count} cases") }
}

const BACKOFF: &str = "wait longer after each failed attempt, and start over only once the show goes on";
const ONE_CONNECTION: &str = "open one, and another one only after it has ended";
const STATED_WAIT: &str = "wait as long as `Retry-After` or `RateLimit-Reset` says, in seconds or as a date";
const ONE_WEBSOCKET: &str = "close the one that was opened late, or use it";

/// Formats mistakes: what a client does that makes each, and its code.
pub(crate) fn listed(mistakes: &BTreeMap<&'static str, Candidate>) -> String {
    let named = mistakes.iter().map(|(name, mistake)| format!("{} (`{name}`)", mistake.doing));
    Vec::from_iter(named).join("; ")
}

/// What all wrong numbers have in common.
struct Conclusion {
    /// Codes of the mistakes that explain all of them; empty if a wrong number is left unexplained.
    mistakes: Vec<&'static str>,
    text: String,
}

/// Returns the conclusion, if there are wrong numbers and mistakes that explain them. Numbers that many mistakes give by
/// chance alone lead to none.
fn conclusion(outcomes: &[Outcome]) -> Option<Conclusion> {
    let has_passed =
        |case| outcomes.iter().any(|outcome| outcome.case == case && outcome.verdict == Verdict::Passed);
    let wrong = Vec::from_iter(failed(outcomes).flat_map(Outcome::wrong_numbers));
    // A case that shows the mistake best, or is wrong as `plain` is, may have a number that the mistake does not give.
    let is_refuted = |name: &str, mistake: &Candidate, what: &str| {
        failed(outcomes).any(|outcome| {
            outcome.failures.iter().any(|failure| {
                let is_telling = outcome.case == mistake.shown_by || failure.is_as_in_plain();
                is_telling
                    && failure.what == what
                    && failure.is_number()
                    && !failure.is_unclear
                    && !failure.candidates.contains_key(name)
            })
        })
    };
    // What explains all that is wrong with each number.
    let mut numbers: BTreeMap<&str, BTreeMap<&'static str, Candidate>> = BTreeMap::new();
    for failure in wrong.iter().filter(|failure| !failure.candidates.is_empty()) {
        let common = numbers.entry(&failure.what).or_insert_with(|| failure.candidates.clone());
        common.retain(|name, mistake| {
            !has_passed(mistake.shown_by)
                && !is_refuted(name, mistake, &failure.what)
                && failure.candidates.contains_key(name)
        });
    }
    let mut mistakes = numbers.values().next()?.clone();
    mistakes.retain(|name, _| numbers.values().all(|common| common.contains_key(name)));
    let are_several = mistakes.len() > 1;
    // Numbers may be wrong for a reason of their own.
    if mistakes.is_empty() && numbers.values().all(|common| common.len() == 1) {
        mistakes = numbers.into_values().flatten().collect();
    }
    if mistakes.is_empty() {
        mistakes.extend(most_frequent(&wrong, |failure, name, mistake| {
            !has_passed(mistake.shown_by) && !is_refuted(name, mistake, &failure.what)
        }));
    }
    if mistakes.is_empty() {
        let text = "no single known mistake explains all wrong numbers".to_owned();
        return Some(Conclusion { mistakes: Vec::new(), text });
    }
    let is_explained =
        |failure: &&&Failure| failure.candidates.keys().any(|name| mistakes.contains_key(name));
    let explained = Vec::from_iter(wrong.iter().filter(is_explained));
    // One mistake hardly gives several numbers by chance.
    let printed = explained.iter().map(|failure| &failure.got).collect::<BTreeSet<_>>();
    if explained.iter().all(|failure| failure.is_small()) && (mistakes.len() > 1 || printed.len() < 2) {
        return None;
    }
    let named = listed(&mistakes);
    let (count, all) = (explained.len(), wrong.len());
    // A few may be so by chance.
    if count * 2 < all {
        return None;
    }
    if count < all {
        let text = format!("{count} of {all} wrong numbers may come from {named}");
        return Some(Conclusion { mistakes: mistakes.into_keys().collect(), text });
    }
    let mut text = match (are_several, mistakes.len()) {
        (true, several) => format!("one of {several} mistakes: {named}"),
        (false, 1) => format!("most likely: {named}"),
        (false, _) => format!("most likely, together: {named}"),
    };
    let explains = failed(outcomes).filter(|outcome| outcome.wrong_numbers().next().is_some()).count();
    if explains > 1 {
        text += &format!(", in {explains} cases");
    }
    if !are_several && mistakes.contains_key(REPEATED) {
        text += &format!("; {}", Library::has_to_drop_repeats(library(outcomes)));
    }
    Some(Conclusion { mistakes: mistakes.into_keys().collect(), text })
}

/// Returns the mistake that explains most of these numbers, if it is more than half of them.
fn most_frequent(
    wrong: &[&Failure],
    is_possible: impl Fn(&Failure, &str, &Candidate) -> bool,
) -> Option<(&'static str, Candidate)> {
    let mut counts: BTreeMap<&'static str, (usize, &Candidate)> = BTreeMap::new();
    for failure in wrong {
        for (name, mistake) in failure.candidates.iter().filter(|(name, it)| is_possible(failure, name, it)) {
            counts.entry(*name).or_insert((0, mistake)).0 += 1;
        }
    }
    let (name, (count, mistake)) = counts.into_iter().max_by_key(|(_, (count, _))| *count)?;
    (count * 2 > wrong.len()).then_some((name, *mistake))
}

const ALIKE: &str = "every case failed in the same way";

/// Returns the first case if all that ran failed with the same single message, and there are several.
fn same_failure(outcomes: &[Outcome]) -> Option<&Outcome> {
    let mut ran = outcomes.iter().filter(|outcome| !matches!(outcome.verdict, Verdict::Skipped(_)));
    let first = ran.next()?;
    let [failure] = first.failures.as_slice() else { return None };
    let is_same = |outcome: &Outcome| matches!(outcome.failures.as_slice(), [other] if other.message == failure.message);
    let mut others = ran.peekable();
    (others.peek().is_some() && others.all(is_same)).then_some(first)
}

/// Returns the outcomes as JSON:
/// `{"passed":24,"failed":2,"limits":0,"skipped":0,"cases":[…],"groups":[…],"conclusion":null,"habits":[],"library":"TikTokLive 7.0.1"}`.
/// A skipped case has `passed:null` and the reason in `skipped`, a failed one `again` and the last lines of its `output`; one
/// that failed because of its library also `known_limit`; one in which
/// everything is wrong as in `plain` has `as_in_plain`, and as in another one `same_as`. A group has the failed `cases` with
/// one cause, and what was wrong in the first of them. A show at random can have the file
/// that is `kept` of it.
#[must_use]
pub fn json(outcomes: &[Outcome]) -> Value {
    let CaseCounts { passed, failed, limits, skipped } = CaseCounts::of(outcomes);
    let cases = Vec::from_iter(outcomes.iter().map(case_json));
    let conclusion = conclusion(outcomes).map(|end| json!({ "mistakes": end.mistakes, "message": end.text }));
    let library = library(outcomes).map(Library::to_string);
    let habits = Vec::from_iter(habits(outcomes));
    json!({
        "passed": passed, "failed": failed, "limits": limits, "skipped": skipped, "cases": cases, "groups": groups(outcomes),
        "conclusion": conclusion, "habits": habits, "library": library,
    })
}

/// Returns the failed cases with one cause: each is in one group.
fn groups(outcomes: &[Outcome]) -> Vec<Value> {
    let first = failed(outcomes).filter(|outcome| outcome.is_new_failure());
    let of = |first: &Outcome| {
        let cases = Vec::from_iter(iter::once(first.case).chain(alike(first, outcomes)));
        let failure = first.failures.first().map(Failure::json).unwrap_or_default();
        json!({
            "cases": cases, "message": failure["message"], "what": failure["what"], "diagnosis": failure["diagnosis"],
        })
    };
    first.map(of).collect()
}

/// Returns the other cases that failed as this one did.
fn alike<'a>(first: &'a Outcome, outcomes: &'a [Outcome]) -> impl Iterator<Item = &'static str> + use<'a> {
    // A new show has its file only after others are compared with it; one that is called `plain` is none.
    let names = [first.name(), if first.case == PLAIN { first.name() } else { first.case }];
    let is_alike = move |other: &&Outcome| other.same_as.as_deref().is_some_and(|same| names.contains(&same));
    failed(outcomes).filter(is_alike).map(|other| other.case)
}

fn case_json(outcome: &Outcome) -> Value {
    // Whole milliseconds, so that no digits come from floats.
    let seconds = outcome.took.as_millis() as f64 / 1000.0;
    let failures = Vec::from_iter(outcome.failures.iter().map(Failure::json));
    let passed = outcome.verdict == Verdict::Passed;
    let mut case =
        json!({ "name": outcome.case, "passed": passed, "seconds": seconds, "failures": failures });
    match outcome.same_as.as_deref() {
        Some(PLAIN) => case["as_in_plain"] = json!(true),
        Some(other) => case["same_as"] = json!(other),
        None => {}
    }
    if let Some(errors) = &outcome.swallowed {
        case["swallowed"] = json!(clean(errors));
    }
    if outcome.printed != Summary::default() {
        case["printed"] = json!(outcome.printed);
    }
    if let Some(file) = &outcome.kept {
        case["kept"] = json!(file);
    }
    if let Verdict::KnownLimit(limit) = &outcome.verdict {
        case["known_limit"] = json!(clean(limit));
    }
    if matches!(outcome.verdict, Verdict::Failed | Verdict::KnownLimit(_)) {
        case["again"] = json!(outcome.again);
        case["output"] = json!(outcome.output.iter().map(|line| clean(line)).collect::<Vec<_>>());
        if let Some(mut trace) = outcome.trace.clone() {
            trace.keep_mistakes(&outcome.failures);
            case["trace"] = json!(trace);
        }
    }
    if let Verdict::Skipped(reason) = &outcome.verdict {
        case["passed"] = Value::Null;
        case["skipped"] = json!(clean(reason));
    }
    case
}

#[derive(Default)]
struct CaseCounts {
    passed: usize,
    failed: usize,
    limits: usize,
    skipped: usize,
}

impl CaseCounts {
    fn of(outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *match outcome.verdict {
                Verdict::Passed => &mut counts.passed,
                Verdict::Failed => &mut counts.failed,
                Verdict::KnownLimit(_) => &mut counts.limits,
                Verdict::Skipped(_) => &mut counts.skipped,
            } += 1;
        }
        counts
    }
}

/// Formats an annotation for each cause of failures and for each known limit, one a line; one for all if every case failed
/// in the same way.
#[must_use]
pub fn annotations(outcomes: &[Outcome]) -> String {
    if let Some(first) = same_failure(outcomes) {
        return annotation(ALIKE, first, &[]);
    }
    let told =
        |outcome: &&Outcome| outcome.is_new_failure() || matches!(outcome.verdict, Verdict::KnownLimit(_));
    let of = |outcome: &Outcome| annotation(outcome.case, outcome, &Vec::from_iter(alike(outcome, outcomes)));
    outcomes.iter().filter(told).map(of).collect()
}

fn annotation(title: &str, outcome: &Outcome, others: &[&str]) -> String {
    let (level, limit) = match &outcome.verdict {
        Verdict::KnownLimit(limit) => ("notice", Some(clean(limit))),
        _ => ("error", None),
    };
    let others =
        (!others.is_empty()).then(|| format!("the same in {}: {}", cases(others.len()), others.join(", ")));
    let again = format!("again: {}", outcome.again);
    let lines = outcome.failures.iter().flat_map(Failure::lines);
    let lines = limit.into_iter().chain(lines).chain(others).chain([again]);
    let text = Vec::from_iter(lines).join("\n");
    let title = of_command(&format!("livetape test: {title}")).replace(':', "%3A").replace(',', "%2C");
    format!("::{level} title={title}::{}\n", of_command(&text))
}

/// Escapes a text for a workflow command.
fn of_command(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Formats the outcomes as a Markdown table.
#[must_use]
pub fn step_summary(outcomes: &[Outcome]) -> String {
    let rows = outcomes.iter().map(|outcome| {
        let verdict = match &outcome.verdict {
            Verdict::Passed => "✅ passed".to_owned(),
            Verdict::Failed => "❌ failed".to_owned(),
            Verdict::KnownLimit(limit) => format!("⚠️ {}", cell(&clean(limit))),
            Verdict::Skipped(reason) => format!("⏭️ skipped: {}", cell(&clean(reason))),
        };
        let failures =
            Vec::from_iter(outcome.failures.iter().flat_map(Failure::lines).map(|line| cell(&line)));
        let (case, seconds) = (cell(outcome.case), outcome.took.as_secs_f64());
        format!("| {case} | {verdict} | {seconds:.1} s | {} |\n", failures.join("<br>"))
    });
    format!("| Case | Verdict | Time | Failures |\n|---|---|---:|---|\n{}", String::from_iter(rows))
}

/// Escapes a line for a cell: what could be Markdown, HTML, a link or a mention becomes an entity.
fn cell(line: &str) -> String {
    let is_plain = |c: char| !c.is_ascii_punctuation() || matches!(c, ',' | '-' | '(' | ')' | '\'' | '"');
    let entity = |c: char| if is_plain(c) { c.to_string() } else { format!("&#{};", u32::from(c)) };
    line.chars().map(entity).collect()
}

const SUITE: &str = "livetape test";

/// `took` is the time of all cases together.
#[must_use]
pub fn junit(outcomes: &[Outcome], took: Duration) -> String {
    let CaseCounts { failed, limits, skipped, .. } = CaseCounts::of(outcomes);
    // The format knows no other result that fails nothing.
    let skipped = skipped + limits;
    let (tests, time) = (outcomes.len(), took.as_secs_f64());
    let counts = format!(
        r#"name="{SUITE}" tests="{tests}" failures="{failed}" errors="0" skipped="{skipped}" time="{time:.3}""#
    );
    let cases = String::from_iter(outcomes.iter().map(case));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n<testsuite {counts}>\n{cases}</testsuite>\n</testsuites>\n"
    )
}

fn case(outcome: &Outcome) -> String {
    let (name, time) = (escaped(outcome.case), outcome.took.as_secs_f64());
    let verdict = match &outcome.verdict {
        Verdict::Passed => String::new(),
        Verdict::Skipped(reason) | Verdict::KnownLimit(reason) => {
            format!("<skipped message=\"{}\"/>\n", escaped(&clean(reason)))
        }
        Verdict::Failed => failure(outcome),
    };
    let output =
        String::from_iter(outcome.output.iter().map(|line| escaped(&clean(line)).into_owned() + "\n"));
    let output = if output.is_empty() { output } else { format!("<system-out>{output}</system-out>\n") };
    format!(
        "<testcase classname=\"{SUITE}\" name=\"{name}\" time=\"{time:.3}\">\n{verdict}{output}</testcase>\n"
    )
}

/// Returns one element for all failures of a case: many programs read no more.
fn failure(outcome: &Outcome) -> String {
    let lines = Vec::from_iter(outcome.failures.iter().flat_map(Failure::lines));
    let message = lines.first().map(String::as_str).unwrap_or_default();
    let kind = outcome.failures.first().map(|failure| failure.diagnosis.unwrap_or(&failure.what));
    let (message, kind) = (escaped(message), clean(kind.unwrap_or_default()));
    let text = format!("{}\nagain: {}", lines.join("\n"), outcome.again);
    format!("<failure message=\"{message}\" type=\"{}\">{}</failure>\n", escaped(&kind), escaped(&text))
}
