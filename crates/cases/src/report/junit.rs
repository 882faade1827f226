//! JUnit XML, which CI systems display.

use std::{borrow::Cow, time::Duration};

use super::{Counts, Failure, Outcome, Verdict, clean};

const SUITE: &str = "livetape test";

/// `took` is the time of all cases together.
#[must_use]
pub fn junit(outcomes: &[Outcome], took: Duration) -> String {
    let Counts { failed, skipped, .. } = Counts::of(outcomes);
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
        Verdict::Skipped(reason) => format!("<skipped message=\"{}\"/>\n", escaped(&clean(reason))),
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

/// Escapes a text for content and attributes, and leaves out the two characters that XML forbids besides control
/// characters.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'', '\u{fffe}', '\u{ffff}']) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => {}
            _ => escaped.push(c),
        }
    }
    escaped.into()
}
