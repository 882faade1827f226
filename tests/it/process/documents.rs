//! Documents show the program's real output. `LIVETAPE_DOCS=update cargo test --test it documents` updates
//! them.

use std::fs;

use crate::support::process::{run, stdout};

/// Documents with output of commands that run as shown.
const DOCUMENTS: [&str; 2] = ["README.md", "docs/recordings.md"];
/// Additional flags of a replay, which make it end at once and use a free port.
const AT_ONCE: [&str; 6] = ["--speed", "1000", "--exit-when-done", "--wait-clients", "0", "--port"];
/// A line that stands for any number of lines.
pub(super) const MORE: &str = "…";

/// A command and the shown lines of its output.
struct Sample {
    args: Vec<String>,
    /// Line numbers in the document.
    shown: Vec<(usize, String)>,
}

/// Returns the commands in code blocks of a document that show output and only need shipped files.
fn samples(text: &str) -> Vec<Sample> {
    let (mut samples, mut is_console) = (Vec::<Sample>::new(), false);
    for (number, line) in text.lines().enumerate() {
        if let Some(language) = line.strip_prefix("```") {
            is_console = language == "console";
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| is_console) {
            let args = command.strip_prefix("livetape ").or(command.strip_prefix("cargo run -- "));
            let args = args.unwrap_or_default().split(' ').map(str::to_owned).collect();
            samples.push(Sample { args, shown: Vec::new() });
        } else if let Some(sample) = samples.last_mut().filter(|_| is_console) {
            sample.shown.push((number, line.to_owned()));
        }
    }
    samples.retain(|sample| !sample.shown.is_empty() && sample.args.iter().all(|arg| ships(arg)));
    samples
}

/// Whether an argument is not a user's file.
fn ships(arg: &str) -> bool {
    !arg.is_empty() && (!arg.ends_with(".bin") || arg.starts_with("recordings/"))
}

/// Runs a command and returns its output as documents show it.
fn printed(args: &[String]) -> Vec<String> {
    let mut all: Vec<&str> = args.iter().map(String::as_str).collect();
    if args[0] == "replay" {
        all.extend(AT_ONCE);
        all.push("0");
    }
    let output = stdout(&run(&all));
    assert!(!output.is_empty(), "{all:?} printed nothing");
    output.lines().map(as_shown).collect()
}

/// Replaces the port, the speed and the time of day with those of the documents.
fn as_shown(line: &str) -> String {
    let mut parts = line.split("127.0.0.1:");
    let mut shown = parts.next().unwrap_or_default().replace("speed 1000×", "speed 1×");
    for part in parts {
        shown += "127.0.0.1:3000";
        shown += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    // Lines about the server contain the time of day.
    match shown.split_once("] ") {
        Some((_, rest)) if ["📼", "🌐", "🎉", "📺"].iter().any(|mark| rest.starts_with(mark)) => {
            format!("[2026-11-20T10:00:00.000Z] {rest}")
        }
        _ => shown,
    }
}

/// Whether a line is shown, possibly shortened.
pub(super) fn is_shown(shown: &str, line: &str) -> bool {
    shown.strip_suffix(MORE).map_or(shown == line, |start| line.starts_with(start))
}

/// Returns the actual line of the same kind, shortened like the shown one.
fn renewed(shown: &str, lines: &[String]) -> String {
    let kind = |line: &str| {
        let line = line.split_once("] ").map_or(line, |(_, rest)| rest).to_owned();
        line.split_whitespace().next().unwrap_or_default().to_owned()
    };
    let same = lines.iter().find(|line| is_shown(shown, line));
    let line = same.or_else(|| lines.iter().find(|line| kind(line) == kind(shown)));
    let line = line.unwrap_or_else(|| panic!("nothing is printed like {shown}"));
    match shown.strip_suffix(MORE) {
        Some(start) => line.chars().take(start.chars().count()).collect::<String>() + MORE,
        None => line.clone(),
    }
}

#[test]
fn documents_show_the_actual_output() {
    let is_update = std::env::var("LIVETAPE_DOCS").is_ok_and(|what| what == "update");
    let mut count = 0;
    for name in DOCUMENTS {
        let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).unwrap();
        let mut document: Vec<String> = text.lines().map(str::to_owned).collect();
        for sample in samples(&text) {
            count += 1;
            let printed = printed(&sample.args);
            let mut rest = printed.iter();
            for (number, shown) in sample.shown.iter().filter(|(_, shown)| shown != MORE) {
                if is_update {
                    document[*number] = renewed(shown, &printed);
                } else {
                    let is_there = rest.any(|line| is_shown(shown, line));
                    let hint = "LIVETAPE_DOCS=update cargo test --test it documents";
                    assert!(
                        is_there,
                        "{name} shows a line that the program does not print: {shown}\nrun {hint}, and review the difference"
                    );
                }
            }
        }
        if is_update {
            fs::write(&path, document.join("\n") + "\n").unwrap();
        }
    }
    assert!(count >= DOCUMENTS.len(), "{count} samples");
}
