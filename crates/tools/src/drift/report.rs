//! Formats a comparison for a terminal, or as Markdown for an issue.

use std::fmt::{self, Display, Formatter};

use super::{Baseline, Comparison, Finding, Is, Profile, Severity};
use crate::text::{COLUMNS_MAX, count, printable, thousands};

/// Length of a date at the start of a time, in bytes.
const DATE_BYTES: usize = 10;
/// Length of the line about a finding. Names of methods and fields come from TikTok.
const LINE_COLUMNS_MAX: usize = 200;

/// A comparison with what was compared.
#[derive(Debug)]
pub struct Report<'a> {
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

impl Display for Report<'_> {
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

impl Report<'_> {
    fn write_lines(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let findings = &self.comparison.findings;
        for finding in findings {
            writeln!(f, "{finding}")?;
        }
        let mark = if findings.is_empty() { "✅ " } else { "" };
        let messages = count(self.new.messages, "message");
        writeln!(
            f,
            "{mark}{} in {messages} of {}",
            self.summary(),
            count(self.new.methods() as u64, "method")
        )
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
