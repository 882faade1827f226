//! Formats a comparison for a terminal, or as Markdown for an issue.

use std::fmt::{self, Display, Formatter};

use super::{Comparison, Finding, Is, Profile};
use crate::text::{COLUMNS_MAX, count, printable};

/// Length of the line about a finding. Names of methods and fields come from TikTok.
const LINE_COLUMNS_MAX: usize = 200;

/// A comparison with what was compared.
#[derive(Debug)]
pub struct Report<'a> {
    /// Names of the baseline and of the capture.
    pub names: [&'a str; 2],
    pub comparison: &'a Comparison,
    pub new: &'a Profile,
    pub markdown: bool,
}

impl Display for Finding {
    /// Writes two lines of at most 80 columns.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "(method)" } else { &self.path };
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

impl Finding {
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
            Is::Gone => format!("in none of {}", count(self.of, "message")),
            Is::Empty | Is::Constant => format!("in all of {}", count(self.of, "message")),
            _ => format!("{} of {}", self.count, self.of),
        };
        let first = self.first.map(|first| format!(", first at {first}")).unwrap_or_default();
        format!("{types}{counted}{first}")
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (findings, messages) = (&self.comparison.findings, count(self.new.messages, "message"));
        let methods = count(self.new.methods() as u64, "method");
        if self.markdown {
            let [old, new] = self.names.map(cell);
            writeln!(f, "## {}\n", self.summary())?;
            writeln!(f, "- baseline: {old}\n- capture: {new}, {messages}, {methods}")?;
            writeln!(f, "- livetape {}\n", env!("CARGO_PKG_VERSION"))?;
            if !findings.is_empty() {
                writeln!(f, "| severity | change | method | field | details |\n|---|---|---|---|---|")?;
            }
            for it in findings {
                let [method, path, details] = [&it.method, &it.path, &it.details()].map(|text| cell(text));
                let (severity, is) = (it.severity.name(), it.is.name());
                writeln!(f, "| {severity} | {is} | {method} | {path} | {details} |")?;
            }
        } else {
            for finding in findings {
                writeln!(f, "{finding}")?;
            }
            let mark = if findings.is_empty() { "✅ " } else { "" };
            writeln!(f, "{mark}{} in {messages} of {methods}", self.summary())?;
        }
        if self.comparison.unnamed > 0 {
            let fields = count(self.comparison.unnamed, "field");
            writeln!(f, "{fields} without a name: see livetape cat --fields --unknown")?;
        }
        if self.new.skipped > 0 {
            writeln!(f, "⚠️ {} beyond a limit not compared", count(self.new.skipped, "message or field"))?;
        }
        if self.new.malformed > 0 {
            writeln!(f, "⚠️ {} malformed and not compared", count(self.new.malformed, "message"))?;
        }
        Ok(())
    }
}

impl Report<'_> {
    fn summary(&self) -> String {
        match self.comparison.findings.len() as u64 + self.comparison.more {
            0 => "no changes".into(),
            all if self.comparison.more > 0 => format!("{}, not all listed", count(all, "change")),
            all => count(all, "change"),
        }
    }
}

/// Formats untrusted text for a cell of a table in Markdown.
fn cell(text: &str) -> String {
    let text = printable(text, COLUMNS_MAX * 2);
    if text.is_empty() { text } else { format!("`{}`", text.replace('`', "'").replace('|', "\\|")) }
}

#[cfg(test)]
mod tests {
    use super::super::Severity;
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
                first: None,
            };
            let shown = finding.to_string();
            let line = shown.lines().next().unwrap();
            assert!(line.ends_with(".end") && line.chars().count() <= COLUMNS_MAX, "{line}");
            assert_eq!(line.contains(&path), !line.contains('…'), "{line}");
        }
    }
}
