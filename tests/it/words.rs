//! Texts and names are in plain English: banned phrases must not occur.

use std::fs;

use super::documents::{ending, files, root};

/// Banned phrases, in lower case. Underscores count as spaces, so the names of tests are checked too.
const BANNED: [&str; 45] = [
    // Relative clauses as subjects or objects: name the thing instead.
    "whoever",
    "what can",
    "what came",
    "what comes",
    "what goes",
    "what has",
    "what is",
    "what lies",
    "what stands",
    "what was",
    "who has none",
    // "is not a", "does not have", "no longer".
    "are no",
    "is no",
    "was no",
    "were no",
    "that there are not",
    "that there is not",
    // Passive reports: return, report, print.
    "are told",
    "be told",
    "is told",
    "was told",
    "were told",
    "hand out",
    "handed out",
    "hands out",
    // Words that nobody uses, or uses differently.
    "anew",
    "are well",
    "as it came",
    "as they came",
    "at one time",
    "beside it stands",
    "but for",
    "by its own",
    "for ever",
    "from there on",
    "goes wrong",
    "is well",
    "makes of",
    "manieth",
    "nothing but",
    "one's own",
    "shall",
    "so long as",
    "stand beside",
    "stands beside",
];
/// Good English that contains a banned phrase.
const ALLOWED: [&str; 10] = [
    "are no longer",
    // Number.
    "is no. ",
    "is no longer",
    "was no longer",
    "were no longer",
    "there are no",
    "there is no",
    "there was no",
    "there were no",
    // An indirect question, as in "reports what is missing".
    "what is missing",
];
/// Allowed occurrences: the file, the text around the phrase, and the reason.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];
/// Extensions of the files whose texts are checked.
const ENDINGS: [&str; 13] =
    ["css", "html", "js", "md", "mjs", "proto", "py", "rs", "sh", "toml", "ts", "tsx", "txt"];
/// Generated files; this one; figures and other data.
const SKIPPED: [&str; 6] = [
    "crates/core/src/generated/",
    "docs/bench/fanout",
    "examples/livetape-client.js",
    "fixtures/golden/",
    "tests/it/words.rs",
    "web/dist/",
];
/// Changelog entries from here on keep their wording.
const OLD_ENTRIES: &str = "### Earlier entries";

/// A text without line breaks and comment marks, in lower case, and the offset of each of its lines.
fn joined(text: &str) -> (String, Vec<usize>) {
    let (mut joined, mut starts) = (String::new(), Vec::new());
    for line in text.lines() {
        starts.push(joined.len());
        let line = line.trim_start().trim_start_matches(['/', '!', '#', '*', '-']).trim();
        joined.extend(line.chars().flat_map(char::to_lowercase).map(|c| if c == '_' { ' ' } else { c }));
        joined.push(' ');
    }
    (joined, starts)
}

/// Offsets at which `phrase` occurs as whole words.
fn occurrences<'a>(text: &'a str, phrase: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(phrase).map(|(at, _)| at).filter(move |at| {
        let is_letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let (before, after) = (text[..*at].chars().next_back(), text[at + phrase.len()..].chars().next());
        !is_letter(before) && !is_letter(after)
    })
}

/// Banned phrases in a text: the number of the line, the phrase and the words around it.
fn findings(text: &str) -> Vec<(usize, &'static str, String)> {
    let (mut text, starts) = joined(text);
    for allowed in ALLOWED {
        text = text.replace(allowed, &"~".repeat(allowed.len()));
    }
    let mut found = Vec::new();
    for phrase in BANNED {
        for at in occurrences(&text, phrase) {
            let around: Vec<_> = text[at..].split(' ').take(phrase.split(' ').count() + 5).collect();
            found.push((starts.partition_point(|start| *start <= at), phrase, around.join(" ")));
        }
    }
    found.sort();
    found
}

#[test]
fn texts_are_in_plain_english() {
    let mut all = Vec::new();
    for name in files() {
        let is_skipped = SKIPPED.iter().any(|folder| name.starts_with(folder));
        if is_skipped || !ENDINGS.contains(&ending(&name).trim_start_matches('.')) {
            continue;
        }
        let text = fs::read_to_string(root().join(&name)).unwrap();
        let text = if name == "CHANGELOG.md" { text.split(OLD_ENTRIES).next().unwrap() } else { &text };
        for (line, _, around) in findings(text) {
            if !EXCEPTIONS.iter().any(|(file, part, _)| *file == name && around.starts_with(part)) {
                all.push(format!("{name}:{line}: {around}"));
            }
        }
    }
    assert!(all.is_empty(), "{} phrases to rewrite, see BANNED:\n{}", all.len(), all.join("\n"));
}

#[test]
fn phrases_are_found_across_lines_and_in_names() {
    let text = "/// Serves a room for\n/// Ever.\nfn what_is_late() {}\n// It is no longer there; there is no other; thisis none.\n";
    let found: Vec<_> = findings(text).into_iter().map(|(line, phrase, _)| (line, phrase)).collect();
    assert_eq!(found, [(1, "for ever"), (3, "what is")]);
}
