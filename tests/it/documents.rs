//! What documents and comments point to is there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Folders of the repository: a path that begins with one of them is meant to be there.
const FOLDERS: [&str; 12] = [
    "benches/",
    "crates/",
    "docs/",
    "examples/",
    "fixtures/",
    "packages/",
    "proto/",
    "recordings/",
    "src/",
    "tests/",
    "web/",
    "xtask/",
];
/// Files of these kinds are named in texts.
const ENDINGS: [&str; 15] = [
    ".css", ".html", ".jsonl", ".md", ".mjs", ".proto", ".py", ".rs", ".sh", ".snap", ".svg", ".toml", ".ts",
    ".tsx", ".txt",
];
/// Comments of these files are read.
const CODE: [&str; 7] = ["rs", "ts", "tsx", "mjs", "proto", "css", "py"];
/// Stands for any name.
const ANY: &str = "NAME";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that git tracks or could: its path from the root.
fn files() -> BTreeSet<String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    names.split('\0').filter(|name| root().join(name).is_file()).map(str::to_owned).collect()
}

fn ending(name: &str) -> &str {
    Path::new(name).extension().map_or("", |ending| ending.to_str().unwrap())
}

/// The path from the root, of one that is written from beside `file`.
fn beside(file: &str, path: &str) -> String {
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A document without its blocks of code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// What GitHub makes of headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    let slug = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let files = files();
    let mut broken = Vec::new();
    for name in files.iter().filter(|name| ending(name) == "md") {
        let text = fs::read_to_string(root().join(name)).unwrap();
        for (number, line) in prose(&text) {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            for target in targets.filter(|target| !target.contains("://") && !target.contains('`')) {
                let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
                let path = if path.is_empty() { name.clone() } else { beside(name, path) };
                let is_folder = files.iter().any(|file| file.starts_with(&format!("{path}/")));
                let has_anchor = || {
                    let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
                    anchor.is_empty() || anchors(&text).contains(anchor)
                };
                if !(is_folder || files.contains(&path) && has_anchor()) {
                    broken.push(format!("{name}:{number}: {target}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// The words of a line that could be names of files.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_around = |c: char| c.is_whitespace() || "`\"'()[]<>,;|=".contains(c);
    line.split(is_around).map(|word| word.trim_end_matches(['.', ':', '!', '?']).trim_start_matches("./"))
}

/// Lines of prose: all of a document, the comments of code.
fn lines<'a>(name: &str, text: &'a str) -> Vec<(usize, &'a str)> {
    match ending(name) {
        "md" => prose(text).collect(),
        ending if CODE.contains(&ending) && !text.starts_with("// @generated") => {
            let is_comment = |line: &str| ["//", "/*", "* ", "#"].iter().any(|mark| line.starts_with(mark));
            (1..).zip(text.lines()).filter(|(_, line)| is_comment(line.trim_start())).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_file_that_documents_and_comments_name_is_in_the_repository() {
    let files = files();
    let mut missing = Vec::new();
    for name in &files {
        let Ok(text) = fs::read_to_string(root().join(name)) else { continue };
        for (number, line) in lines(name, &text) {
            for word in words(line) {
                let word = word.split('#').next().unwrap();
                let is_path = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/+".contains(c));
                let is_ours = FOLDERS.iter().any(|folder| word.starts_with(folder));
                let is_named = is_path
                    && ENDINGS.iter().any(|ending| word.len() > ending.len() && word.ends_with(ending));
                if !is_named || !(is_ours || word.ends_with(".md")) || word.contains(ANY) {
                    continue;
                }
                // Beside the file, at the root, among the documents, or in the package.
                let places = [
                    beside(name, word),
                    word.to_owned(),
                    format!("docs/{word}"),
                    format!("packages/client/{word}"),
                ];
                if !places.iter().any(|place| files.contains(place)) {
                    missing.push(format!("{name}:{number}: {word}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "files that are not there:\n{}", missing.join("\n"));
}

/// The cells of a row of a table.
fn cells(row: &str) -> usize {
    row.replace("\\|", "").matches('|').count()
}

#[test]
fn every_table_has_a_head_and_rows_as_long_as_it() {
    for name in files().iter().filter(|name| ending(name) == "md") {
        let text = fs::read_to_string(root().join(name)).unwrap();
        let lines: Vec<_> = prose(&text).map(|(number, line)| (number, line.trim())).collect();
        for table in lines.chunk_by(|one, next| one.0 + 1 == next.0 && next.1.starts_with('|')) {
            let rows: Vec<_> = table.iter().filter(|(_, line)| line.starts_with('|')).collect();
            let Some((first, head)) = rows.first() else { continue };
            let is_line = |row: &str| row.chars().all(|c| "|-: ".contains(c));
            assert!(
                rows.get(1).is_some_and(|(_, row)| is_line(row)),
                "{name}:{first}: a table without a head"
            );
            for (number, row) in &rows {
                assert_eq!(cells(row), cells(head), "{name}:{number}: the cells of a row");
            }
        }
    }
}
