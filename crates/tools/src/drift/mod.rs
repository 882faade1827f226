//! Compares what messages consist of with a baseline: methods and fields that are new, gone, of another type,
//! repeated, or suddenly always empty or constant.
//!
//! Rooms differ, so a finding needs evidence: if captures of one kind of room were dealt into OLD and NEW at
//! random, the difference would have to be less likely than [`CHANCE_MAX`]. A user who writes again
//! with the same profile is one observation, uninterrupted runs count less, and values only have to
//! vary within a room.

mod compare;
mod profile;

use std::fmt::{self, Display, Formatter};

use crate::text::{COLUMNS_MAX, count, printable, thousands};

pub use compare::{Baseline, Comparison, Finding, Is, Severity, Share, compare};
pub use profile::{Place, Profile};

/// Maximum probability of a difference that is a finding. Comparing two captures is thousands of tests.
pub const CHANCE_MAX: f64 = 1e-6;
/// Minimum number of observations on each side. A few often come from the same user.
pub const OBSERVATIONS_MIN: u64 = 12;
/// Number of messages in a block. A method is gone if blocks of it are missing, because messages of one kind
/// often come together.
pub const BLOCK_MESSAGES: u64 = 32;
/// Minimum number of different values of a field that can become constant.
pub const VALUES_MIN: usize = 4;

/// How often something was observed.
#[derive(Clone, Copy, Debug, Default)]
struct Observations {
    count: u64,
    /// Number of uninterrupted runs of observations.
    runs: u64,
    /// Number of the last observation.
    last: u64,
}

impl Observations {
    /// Counts observation `number`, which begins with 1.
    fn add(&mut self, number: u64) {
        self.count += 1;
        self.runs += u64::from(self.count == 1 || number != self.last + 1);
        self.last = number;
    }

    /// Whether it is significant that, beside these of `whole` observations, there is none among `others`.
    fn is_missing_in(self, whole: u64, others: u64) -> bool {
        // What comes in few, long runs, like a battle, has less evidence than its number suggests.
        let expected = self.count as f64 * (whole - self.count + 1) as f64 / whole.max(1) as f64;
        let weight = (self.runs as f64 / expected.max(f64::MIN_POSITIVE)).min(1.0);
        let weighted = |count: u64| (count as f64 * weight) as u64;
        is_significant(weighted(self.count), weighted(whole), weighted(others))
    }
}

/// Returns the probability that none of `some` is among `others`, if they were dealt at random into `whole` and
/// `others`.
fn chance(some: u64, whole: u64, others: u64) -> f64 {
    let mut chance = 1.0;
    for taken in 0..some.min(whole) {
        chance *= (whole - taken) as f64 / (whole + others - taken) as f64;
        if chance < CHANCE_MAX {
            break;
        }
    }
    chance
}

fn is_significant(some: u64, whole: u64, others: u64) -> bool {
    some.min(others) >= OBSERVATIONS_MIN && chance(some, whole, others) < CHANCE_MAX
}

/// Length of a date at the start of a time, in bytes.
const DATE_BYTES: usize = 10;
/// Length of the line about a finding. Names of methods and fields come from TikTok.
const LINE_COLUMNS_MAX: usize = 200;

/// A comparison with what was compared.
#[derive(Debug)]
pub struct DriftReport<'a> {
    /// Names of the baseline and of the capture.
    pub names: [&'a str; 2],
    pub baseline: &'a Baseline,
    pub new: &'a Profile,
    pub comparison: &'a Comparison,
    /// Day of the comparison, for Markdown.
    pub date: &'a str,
    pub markdown: bool,
}

impl Display for Finding {
    /// Writes two lines of at most 80 columns.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let path = self.place();
        let head = format!("{:<6} {:<8} {} ", self.severity.name(), self.is.name(), self.method);
        // The end of a path tells fields apart.
        let left = COLUMNS_MAX.saturating_sub(head.len()).max(1);
        let path = match path.char_indices().rev().nth(left - 1) {
            Some((at, _)) if at > 0 => format!("…{}", path[at..].chars().skip(1).collect::<String>()),
            _ => path.to_owned(),
        };
        let head = head + &path;
        writeln!(f, "{}", printable(&head, COLUMNS_MAX))?;
        write!(f, "                {}", printable(&self.details(), COLUMNS_MAX - 16))
    }
}

/// Stands for the field where a whole method differs.
const WHOLE_METHOD: &str = "(method)";

impl Finding {
    fn place(&self) -> &str {
        if self.path.is_empty() { WHOLE_METHOD } else { &self.path }
    }

    /// Returns a line: `high retyped WebcastChatMessage content: text → varint, 3 of 9, first at 00:00:07.250`
    #[must_use]
    pub fn line(&self) -> String {
        let path = if self.path.is_empty() { String::new() } else { format!(" {}", self.path) };
        let (severity, is) = (self.severity.name(), self.is.name());
        printable(&format!("{severity} {is} {}{path}: {}", self.method, self.details()), LINE_COLUMNS_MAX)
    }

    fn details(&self) -> String {
        let types =
            if self.was.is_empty() { String::new() } else { format!("{} → {}, ", self.was, self.now) };
        let counted = match self.is {
            Is::Gone => {
                let before = self.before.map(|it| format!(", before in {} of {}", it.count, it.of));
                format!("in none of {}{}", count(self.of, "message"), before.unwrap_or_default())
            }
            Is::Empty | Is::Constant => format!("in all of {}", count(self.of, "message")),
            _ => format!("{} of {}", self.count, self.of),
        };
        let first = self.first.map(|first| format!(", first at {first}")).unwrap_or_default();
        format!("{types}{counted}{first}")
    }
}

impl Display for DriftReport<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.markdown {
            self.write_markdown(f)?;
        } else {
            self.write_lines(f)?;
        }
        if self.comparison.unnamed > 0 {
            let fields = count(self.comparison.unnamed, "field");
            writeln!(f, "{fields} without a name: see livetape cat --fields --unknown")?;
        }
        if self.comparison.appeared > 0 {
            let appeared = thousands(self.comparison.appeared);
            writeln!(f, "named by the schema, and only in the new capture: {appeared} (no change)")?;
        }
        if self.new.skipped > 0 {
            writeln!(f, "⚠️ {} beyond a limit not compared", count(self.new.skipped, "message or field"))?;
        }
        if self.new.malformed > 0 {
            writeln!(f, "⚠️ malformed frames and messages, not compared: {}", thousands(self.new.malformed))?;
        }
        Ok(())
    }
}

/// What the words in a report mean.
const LEGEND: &str = "\
**Severity.** *high*: livetape reads it, so events are wrong or lack something; *medium*: new, or of what \
livetape reads, one value only; *low*: no event has it.

**Change.** *retyped*: another type; *repeated*: several values where there was one; *gone*: never there; *empty*: \
never with a value; *constant*: always the same value; *new*: was never there. A number without a name is the \
field's number. Details count the messages or values; times are offsets in the capture. Differences that chance \
could explain are left out.
";

impl DriftReport<'_> {
    fn write_lines(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let findings = &self.comparison.findings;
        for finding in findings {
            writeln!(f, "{finding}")?;
        }
        let mark = if findings.is_empty() { "✅ " } else { "" };
        let (messages, methods) = (self.new.messages, self.new.methods() as u64);
        let (messages, methods) = (count(messages, "message"), count(methods, "method"));
        writeln!(f, "{mark}{} in {messages} of {methods}", self.summary())
    }

    fn write_markdown(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [old, new] = self.names.map(cell);
        let version = env!("CARGO_PKG_VERSION");
        writeln!(f, "## {} of TikTok's messages\n", self.summary())?;
        writeln!(f, "Compared on {} with `livetape diff --fields` {version}.\n", self.date)?;
        writeln!(f, "| | name | recorded | messages | methods |\n|---|---|---|---:|---:|")?;
        match self.baseline {
            Baseline::Schema => writeln!(f, "| baseline | the schema of livetape {version} | – | – | – |")?,
            Baseline::Capture(old_profile) => writeln!(f, "| baseline | {old} | {}", row(old_profile))?,
        }
        writeln!(f, "| capture | {new} | {}\n", row(self.new))?;
        if self.comparison.findings.is_empty() {
            return Ok(());
        }
        writeln!(f, "| severity | changes |\n|---|---:|")?;
        for severity in [Severity::High, Severity::Medium, Severity::Low] {
            let found =
                self.comparison.findings.iter().filter(|finding| finding.severity == severity).count();
            writeln!(f, "| {} | {found} |", severity.name())?;
        }
        writeln!(f, "\n| severity | change | method | field | details |\n|---|---|---|---|---|")?;
        for it in &self.comparison.findings {
            let [method, path, details] = [&it.method, it.place(), &it.details()].map(cell);
            let (severity, is) = (it.severity.name(), it.is.name());
            writeln!(f, "| {severity} | {is} | {method} | {path} | {details} |")?;
        }
        writeln!(f, "\n{LEGEND}")
    }

    fn summary(&self) -> String {
        match self.comparison.findings.len() as u64 + self.comparison.more {
            0 => "no changes".into(),
            all if self.comparison.more > 0 => format!("{}, not all listed", count(all, "change")),
            all => count(all, "change"),
        }
    }
}

/// Formats the end of a row about a capture: its date, messages and methods.
fn row(profile: &Profile) -> String {
    let started = profile.started.map(|at| at.to_string());
    let date = started.as_deref().and_then(|at| at.get(..DATE_BYTES)).unwrap_or("–");
    format!("{date} | {} | {} |", thousands(profile.messages), profile.methods())
}

/// Formats untrusted text for a cell of a table in Markdown.
fn cell(text: &str) -> String {
    let text = printable(text, COLUMNS_MAX * 2);
    if text.is_empty() { text } else { format!("`{}`", text.replace('`', "'").replace('|', "\\|")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: impl IntoIterator<Item = u64>) -> Observations {
        let mut tally = Observations::default();
        numbers.into_iter().for_each(|number| tally.add(number));
        tally
    }

    #[test]
    fn evidence_grows_with_numbers() {
        let always = |count| tally(1..=count).is_missing_in(count, count);
        assert_eq!([5, 11, 12, 1000].map(always), [false, false, true, true]);
        assert!(!tally(1..=1000).is_missing_in(1000, 11), "one message is too few");
        let half = |count| tally((1..=count).step_by(2)).is_missing_in(count, count);
        assert_eq!([20, 60].map(half), [false, true]);
    }

    #[test]
    fn an_episode_is_weak_evidence() {
        assert!(!tally(1..=500).is_missing_in(1000, 1000));
        assert!(tally((1..=1000).step_by(2)).is_missing_in(1000, 1000));
    }

    #[test]
    fn a_long_path_keeps_its_end_and_the_line_its_width() {
        for length in [1, 40, 52, 53, 54, 200] {
            let path = "a".repeat(length) + ".end";
            let method = "WebcastChatMessage".to_owned();
            let finding = Finding {
                severity: Severity::High,
                is: Is::Gone,
                method,
                path: path.clone(),
                was: String::new(),
                now: String::new(),
                count: 0,
                of: 9,
                before: None,
                first: None,
            };
            let shown = finding.to_string();
            let line = shown.lines().next().unwrap();
            assert!(line.ends_with(".end") && line.chars().count() <= COLUMNS_MAX, "{line}");
            assert_eq!(line.contains(&path), !line.contains('…'), "{line}");
        }
    }
}
