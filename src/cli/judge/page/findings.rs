//! What was wrong with a page besides its numbers: a file that the process with the browser writes.

use std::{fs, io, path::Path};

use livetape_cases::{expect::PRINTED_NOTHING, report::Failure};
use serde::{Deserialize, Serialize};

const FILE: &str = "page.json";
/// Maximum number of different errors; more have the same few causes.
const ERRORS_MAX: usize = 3;

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Findings {
    /// Why the page was left, if it was: nothing else is judged then.
    ended: Option<Finding>,
    errors: Vec<Finding>,
    /// Selectors that have matched nothing.
    pub(super) unmatched: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Finding {
    message: String,
    detail: Option<String>,
}

impl Finding {
    fn failure(&self) -> Failure {
        Failure { detail: self.detail.clone(), ..Failure::new("page", &self.message) }
    }
}

impl Findings {
    /// Reads the file; without it, nothing was found.
    pub(in crate::cli) fn read(folder: &Path) -> Self {
        let text = fs::read(folder.join(FILE)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join(FILE), serde_json::to_vec(self)?)
    }

    /// Adds an error, unless it is known. Returns whether it was added.
    pub(super) fn add(&mut self, message: &str, detail: Option<&str>) -> bool {
        let is_known = self.errors.iter().any(|known| known.message == message);
        let is_new = !is_known && self.errors.len() < ERRORS_MAX;
        if is_new {
            self.errors.push(Finding { message: message.to_owned(), detail: detail.map(str::to_owned) });
        }
        is_new
    }

    pub(super) fn end(&mut self, message: String, hint: &str) {
        self.ended = Some(Finding { message, detail: Some(hint.to_owned()) });
    }

    pub(in crate::cli) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Adds what was found to what was judged, the causes first. A text that appears with an event may rightly be missing
    /// in cases without one.
    pub(in crate::cli) fn join(self, judged: Vec<Failure>, is_plain: bool) -> Vec<Failure> {
        let mut failures = Vec::from_iter(self.errors.iter().chain(&self.ended).map(Finding::failure));
        if self.ended.is_none() {
            let unmatched = self.unmatched.iter().filter(|_| is_plain || !judged.is_empty());
            failures.extend(unmatched.map(|selector| Failure {
                detail: Some(
                    "check the selector after --text: `document.querySelector` finds no element".to_owned(),
                ),
                ..Failure::new("page", &format!("has nothing that matches `{selector}`"))
            }));
            failures.extend(judged.into_iter().map(shown));
        }
        failures
    }
}

/// Says of a page what was said of a command.
fn shown(failure: Failure) -> Failure {
    let message = match failure.message.strip_prefix("printed ") {
        _ if failure.message == PRINTED_NOTHING => {
            "showed no text; totals must appear as they change".to_owned()
        }
        Some(what) => format!("showed {what}"),
        None => failure.message.replacen("did not print ", "did not show ", 1),
    };
    Failure { message, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_come_before_numbers() {
        let whats = |findings: Findings, is_plain| {
            let failures = findings.join(vec![Failure::new("diamonds", "printed 1, right is 2")], is_plain);
            Vec::from_iter(failures.into_iter().map(|failure| failure.message))
        };
        let mut findings = Findings { unmatched: vec!["#x".to_owned()], ..Findings::default() };
        let added = (0..9).filter(|number| findings.add(&format!("threw {}", number / 2), None));
        assert_eq!(added.count(), 3);
        assert_eq!(
            whats(findings, false),
            ["threw 0", "threw 1", "threw 2", "has nothing that matches `#x`", "showed 1, right is 2"]
        );
        let mut left = Findings { unmatched: vec!["#x".to_owned()], ..Findings::default() };
        left.end("went to another page".to_owned(), "");
        assert_eq!(whats(left, true), ["went to another page"]);
        let late = Findings { unmatched: vec!["#x".to_owned()], ..Findings::default() };
        assert!(late.join(Vec::new(), false).is_empty());
    }
}
