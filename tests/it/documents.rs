//! Links and paths in documents and comments must exist, and tables must be those of the code.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap::error::ErrorKind;
use livetape::cli::command;
use livetape_cases::{
    library, mistakes,
    table::{CHANGES, Case, Suite},
};
use livetape_core::{event::KINDS, inject, truth::Truth};
use serde_json::Value;

/// Folders of the repository. A path that starts with one of them must exist.
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
/// Extensions of files that texts mention.
const ENDINGS: [&str; 15] = [
    ".css", ".html", ".jsonl", ".md", ".mjs", ".proto", ".py", ".rs", ".sh", ".snap", ".svg", ".toml", ".ts",
    ".tsx", ".txt",
];
/// Extensions of files whose comments are checked.
const CODE: [&str; 7] = ["rs", "ts", "tsx", "mjs", "proto", "css", "py"];
/// Minimum number of commands in the documents; fewer mean that the search is broken.
const COMMANDS_MIN: usize = 40;
/// Placeholder for any name.
const ANY: &str = "NAME";

pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the paths, from the root, of all files that git tracks or could track.
pub(super) fn files() -> BTreeSet<String> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .unwrap();
    let names = String::from_utf8(output.stdout).unwrap();
    names.split('\0').filter(|name| root().join(name).is_file()).map(str::to_owned).collect()
}

pub(super) fn ending(name: &str) -> &str {
    Path::new(name).extension().map_or("", |ending| ending.to_str().unwrap())
}

/// Resolves a path relative to `file`, to a path from the root.
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

/// Removes code blocks from a document.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Returns the anchors that GitHub generates for headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|(_, line)| line.strip_prefix('#'));
    let slug = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn every_relative_link_resolves() {
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

/// Returns the words of a line that could be file names.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let is_around = |c: char| c.is_whitespace() || "`\"'()[]<>,;|=".contains(c);
    line.split(is_around).map(|word| word.trim_end_matches(['.', ':', '!', '?']).trim_start_matches("./"))
}

/// Returns lines of prose: all lines of a document, or the comments of code.
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
fn every_file_named_in_documents_and_comments_exists() {
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
                // Relative to the file, the root, the documents or the package.
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

/// A picture of an older dashboard misleads. Compares checksums only: no browser needed.
#[test]
fn the_picture_of_the_dashboard_is_fresh() {
    let mut sum = crc32fast::Hasher::new();
    for name in files().iter().filter(|name| name.starts_with("web/dist/")) {
        sum.update(&fs::read(root().join(name)).unwrap());
    }
    let written = fs::read_to_string(root().join("docs/dashboard.png.crc32")).unwrap();
    let expected = format!("web/dist {:08x}\n", sum.finalize());
    assert_eq!(written, expected, "docs/dashboard.png is stale: run `cargo xtask codegen picture`");
}

/// Splits a table row into cells.
fn cells(row: &str) -> usize {
    row.replace("\\|", "").matches('|').count()
}

#[test]
fn every_table_row_has_as_many_cells_as_the_head() {
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

/// Asserts that a document is as expected; `LIVETAPE_DOCS=update` writes it.
fn assert_written(name: &str, document: &str, expected: &str) {
    if std::env::var("LIVETAPE_DOCS").is_ok_and(|what| what == "update") {
        // At once, because other tests read it meanwhile.
        let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.replace('/', "-"));
        fs::write(&written, expected).unwrap();
        fs::rename(written, root().join(name)).unwrap();
    } else {
        assert!(document == expected, "{name}: run LIVETAPE_DOCS=update cargo test --test it documents");
    }
}

/// The event types of `docs/reference.md`, with the descriptions that the schema and the client's types have. Those of frequent
/// types stand in a table with their keys. And the names of cases that change a show.
#[test]
fn the_reference_has_the_event_types_and_changed_shows() {
    const FREQUENT: &str = "| type | meaning | keys of `data` |\n|---|---|---|\n";
    const OTHERS: &str = "| type | meaning |\n|---|---|\n";
    let document = fs::read_to_string(root().join("docs/reference.md")).unwrap();
    let (before, rest) = document.split_once(FREQUENT).unwrap();
    let (frequent, rest) = rest.split_once(OTHERS).unwrap();
    let (_, after) = rest.split_once("\n\n").unwrap();
    let table = fs::read_to_string(root().join("crates/core/src/event/kinds.rs")).unwrap();
    let mut lines = table.lines().map(str::trim);
    let (mut frequent, mut others) = (frequent.to_owned(), String::new());
    for kind in KINDS {
        let row = format!("| `{kind}` | ");
        let start = format!("\"{kind}\" => ");
        let mut meaning = "";
        for line in lines.by_ref().take_while(|line| !line.starts_with(&start)) {
            meaning = line.strip_prefix("/// ").unwrap_or_default();
        }
        match frequent.split_once(&row) {
            Some((rows, rest)) => {
                let (_, keys) = rest.split_once(" | ").unwrap();
                frequent = [rows, &row, meaning, " | ", keys].concat();
            }
            None => others += &format!("{row}{meaning} |\n"),
        }
    }
    let (_, names) = before.split_once("that changes the recording, of up to 4 MiB: ").unwrap();
    let (names, _) = names.split_once(".\n").unwrap();
    let (last, cases) = CHANGES.split_last().unwrap();
    let cases = format!("`{}` or `{last}`", cases.join("`, `"));
    // Lines may break anywhere.
    let is_same = names.split_whitespace().eq(cases.split_whitespace());
    let before = if is_same { before.to_owned() } else { before.replace(names, &cases) };
    let expected = [&before, FREQUENT, &frequent, OTHERS, &others, "\n", after].concat();
    assert_written("docs/reference.md", &document, &expected);
}

/// Users can be injected with each of their keys, so the schema of what is injected has all of them.
#[test]
fn the_reference_has_the_keys_of_users_and_badges() {
    let document = fs::read_to_string(root().join("docs/reference.md")).unwrap();
    let (_, rest) = document.split_once("(the unique id) and `user`:\n`{").unwrap();
    let (user, rest) = rest.split_once(", badges:[{").unwrap();
    let (badge, _) = rest.split_once("}]}`").unwrap();
    for (kind, written, more) in [("InjectUserDetails", user, Some("badges")), ("InjectBadge", badge, None)] {
        let written: BTreeSet<_> = written.split(',').map(str::trim).chain(more).collect();
        let keys = inject::schema()["$defs"][kind]["properties"].as_object().unwrap();
        assert_eq!(written, keys.keys().map(String::as_str).collect(), "{kind}");
    }
}

/// Returns a document in which the tables with this head have these rows.
fn with_tables<const N: usize>(document: &str, head: &str, tables: [String; N]) -> String {
    let mut parts = document.split(head);
    let mut written = parts.next().unwrap().to_owned();
    let parts = Vec::from_iter(parts);
    assert_eq!(parts.len(), N, "tables with {head}");
    for (part, rows) in parts.into_iter().zip(tables) {
        written += &[head, &rows, "\n", part.split_once("\n\n").unwrap().1].concat();
    }
    written
}

/// The tables of `docs/cases.md`; `LIVETAPE_DOCS=update` writes them.
#[test]
fn the_document_has_the_cases_and_mistakes() {
    let row = |case: &Case| format!("| `{}` | {} | {} |\n", case.name, case.what, case.right);
    let cases = |suite: Suite, is_default| {
        suite.cases().filter(move |case| case.group.is_default() == is_default).map(row).collect::<String>()
    };
    let suites = [(Suite::Feed, true), (Suite::Feed, false), (Suite::Room, true), (Suite::Room, false)];
    let codes = mistakes::codes().into_iter();
    let codes = codes.map(|(code, doing)| format!("| `{code}` | {} |\n", doing.join("; "))).collect();
    let document = fs::read_to_string(root().join("docs/cases.md")).unwrap();
    let head = "| case | what happens | what is right |\n|---|---|---|\n";
    let expected = with_tables(&document, head, suites.map(|(suite, is_default)| cases(suite, is_default)));
    let expected = with_tables(&expected, "| code | mistake |\n|---|---|\n", [codes]);
    assert_written("docs/cases.md", &document, &expected);
}

/// The table of what libraries cannot do, in `docs/verdict.md`; `LIVETAPE_DOCS=update` writes it.
#[test]
fn the_document_has_the_known_limits_of_libraries() {
    let row = |[library, case, what]: [String; 3]| format!("| {library} | `{case}` | {what} |\n");
    let document = fs::read_to_string(root().join("docs/verdict.md")).unwrap();
    let rows = library::limits().into_iter().map(row).collect();
    let expected = with_tables(&document, "| library | case | limit |\n|---|---|---|\n", [rows]);
    assert_written("docs/verdict.md", &document, &expected);
}

#[test]
fn each_number_that_can_be_expected_is_explained() {
    let document = fs::read_to_string(root().join("docs/reference.md")).unwrap();
    let (_, rows) = document.split_once("| field | what it counts |\n").unwrap();
    let (rows, _) = rows.split_once("\n\n").unwrap();
    for (name, _) in Truth::default().totals() {
        assert!(rows.contains(&format!("`{name}`")), "{name} is not in the table of the truth");
    }
}

/// Rows have bugs that fail a case in another way than `plain`; others prove nothing.
#[test]
fn a_planted_bug_proves_each_case() {
    let text = fs::read_to_string(root().join("tests/bots/expected.json")).unwrap();
    let table: Value = serde_json::from_str(&text).unwrap();
    for suite in [Suite::Feed, Suite::Room] {
        for Case { name, .. } in suite.cases() {
            let hint = "plant a bug in tests/bots, and run `cargo xtask codegen bots`";
            let row = table[suite.name()].get(name).unwrap_or_else(|| panic!("{name} has no row: {hint}"));
            let fails = |why: &Value| why.as_str().is_some_and(|why| why != "passed");
            // Like browsers, the bots with bugs do not see pings.
            let is_out_of_reach = (suite, *name) == (Suite::Feed, "deaf");
            let is_proven = row.as_object().is_some_and(|bugs| bugs.values().any(fails));
            assert!(
                is_proven || is_out_of_reach,
                "no bug fails {name} of the {} alone: {hint}",
                suite.name()
            );
        }
    }
}

/// `promtool` tests the rules at night, but does not know which metrics there are.
#[test]
fn alerts_read_metrics_that_exist_and_each_has_a_test() {
    let [rules, tests] = ["deploy/alerts.yml", "deploy/alerts_test.yml"]
        .map(|name| fs::read_to_string(root().join(name)).unwrap());
    let sources: String = ["crates/server/src/routes/metrics.rs", "crates/cluster/src/counts.rs"]
        .map(|name| fs::read_to_string(root().join(name)).unwrap())
        .concat();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: BTreeSet<&str> =
        rules.split(|c| !is_word(c)).filter(|word| word.starts_with("livetape_")).collect();
    let unknown: Vec<_> = words.iter().filter(|name| !sources.contains(&format!("\"{name}\""))).collect();
    assert!(words.len() > 10 && unknown.is_empty(), "not in /metrics: {unknown:?}");
    let alerts: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let untested: Vec<_> =
        alerts.iter().filter(|name| !tests.contains(&format!("alertname: {name}\n"))).collect();
    assert!(alerts.len() > 10 && untested.is_empty(), "without an example: {untested:?}");
}

/// Returns the commands in code spans, and after the prompt in console blocks.
fn commands(text: &str) -> Vec<&str> {
    let (mut found, mut is_code) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            found.extend(line.strip_prefix("$ "));
        } else {
            found.extend(line.split('`').skip(1).step_by(2));
        }
    }
    let parts = found.into_iter().flat_map(|line| line.split(['|', ';']).flat_map(|part| part.split("&&")));
    // Neither comments nor redirections are arguments.
    let parts = parts.filter_map(|part| part.split(" #").next()?.split(" >").next());
    parts.map(str::trim).collect()
}

/// Splits arguments. One in quotes may contain spaces.
fn arguments(args: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), args);
    while let Some(at) = rest.find(['"', '\'']) {
        let (before, quoted) = rest.split_at(at);
        let (quote, quoted) = quoted.split_at(1);
        words.extend(before.split_whitespace());
        let (word, after) = quoted.split_once(quote).unwrap_or((quoted, ""));
        words.push(word);
        rest = after;
    }
    words.extend(rest.split_whitespace());
    words
}

#[test]
fn every_command_in_a_document_parses() {
    let (mut count, mut unknown) = (0, Vec::new());
    let folders = ["", "docs", "examples", "recordings", "fixtures/scenarios"];
    let is_in = |name: &str| {
        Path::new(name).parent().is_some_and(|parent| folders.iter().any(|it| parent == Path::new(it)))
    };
    for name in files().into_iter().filter(|name| ending(name) == "md" && is_in(name)) {
        let text = fs::read_to_string(root().join(&name)).unwrap();
        for shown in commands(&text) {
            let args = shown.strip_prefix("livetape ").or_else(|| shown.strip_prefix("cargo run -- "));
            let Some(args) = args.filter(|args| !args.contains('…')) else { continue };
            if let Err(error) =
                command().try_get_matches_from(["livetape"].into_iter().chain(arguments(args)))
            {
                // Text such as `livetape repair` or `livetape record --cdp` names a command or flag without
                // its arguments.
                let is_short = matches!(
                    error.kind(),
                    ErrorKind::MissingRequiredArgument
                        | ErrorKind::DisplayHelp
                        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                        | ErrorKind::MissingSubcommand
                        | ErrorKind::DisplayVersion
                );
                let names_a_flag = shown.rsplit(' ').next().is_some_and(|last| last.starts_with('-'));
                if !is_short && !names_a_flag {
                    unknown.push(format!("{name}: `{shown}`: {error}"));
                }
            }
            count += 1;
        }
    }
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    assert!(count > COMMANDS_MIN, "{count} commands");
}
