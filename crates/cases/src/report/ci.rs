//! Reports for GitHub Actions.

use super::{ALIKE, Failure, Outcome, Verdict, clean, same_failure};

/// Formats an annotation for each failed case, one a line; one for all if every case failed in the same way.
#[must_use]
pub fn annotations(outcomes: &[Outcome]) -> String {
    if let Some(first) = same_failure(outcomes) {
        return annotation(ALIKE, first);
    }
    let failed = outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Failed);
    failed.map(|outcome| annotation(outcome.case, outcome)).collect()
}

fn annotation(title: &str, outcome: &Outcome) -> String {
    let again = format!("again: {}", outcome.again);
    let lines = outcome.failures.iter().flat_map(Failure::lines).chain([again]);
    let text = Vec::from_iter(lines).join("\n");
    let title = of_command(&format!("livetape test: {title}")).replace(':', "%3A").replace(',', "%2C");
    format!("::error title={title}::{}\n", of_command(&text))
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
