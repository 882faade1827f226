//! Rules that neither the compiler nor `cargo deny` checks: libraries, generated code and documents.

use std::{
    fs,
    path::{Path, PathBuf},
};

use livetape::settings::{KEYS, SECTIONS};
use livetape_core::error::{Code, close};

/// Maximum length of a file, in lines. A file is about a single noun.
const LINES_MAX: usize = 1_500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the path and text of every file below `folder` with this extension.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let (path, is) = (entry.path(), entry.file_type().unwrap());
            // What packages contain by a link is elsewhere in the repository.
            if is.is_symlink() {
                continue;
            }
            if is.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Returns the Rust files that are not generated.
fn sources() -> Vec<(String, String)> {
    let all = ["crates", "src", "tests", "benches", "xtask/src", "packages/node/src"]
        .iter()
        .flat_map(|folder| files(folder, "rs"));
    all.filter(|(_, text)| !text.starts_with("// @generated")).collect()
}

/// Returns the lines of code, without comments and everything after `#[cfg(test)]`.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//"))
}

#[track_caller]
fn assert_names_none(folder: &str, banned: &[&str]) {
    for (name, text) in files(folder, "rs") {
        for line in code(&text) {
            for word in banned {
                assert!(!line.contains(word), "{name} names {word}: {}", line.trim());
            }
        }
    }
}

#[test]
fn the_core_does_no_io() {
    for name in ["cases", "core"] {
        assert_names_none(&format!("crates/{name}/src"), &["std::fs", "std::net", "std::thread"]);
    }
}

/// Of the recommended fields, only `repository` is missing: its address is not public yet.
#[test]
fn every_crate_has_a_full_manifest() {
    let crates = ["cases", "cluster", "core", "engine", "feed", "io", "mock", "server", "testing", "tools"]
        .map(|name| format!("crates/{name}/Cargo.toml"));
    for path in crates.into_iter().chain(["Cargo.toml".to_owned()]) {
        let manifest = read(&path);
        let (_, package) = manifest.split_once("[package]").unwrap();
        for field in
            ["description = ", "license.", "keywords.", "categories = ", "readme = ", "rust-version."]
        {
            assert!(package.contains(&format!("\n{field}")), "{path} has no {field}");
        }
    }
}

/// Cargo loads the manifests and looks for the targets of all packages of the workspace, whichever it builds.
#[test]
fn the_docker_build_gets_every_package_of_the_workspace() {
    let ignored = read(".dockerignore");
    let kept: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix("!/")).collect();
    let listed = read("Cargo.toml");
    let (_, members) = listed.split_once("members = [").unwrap();
    for member in members.split(']').next().unwrap().split(", ").map(|it| it.trim_matches(['"', '*', '/'])) {
        let is_kept =
            |path: &str| kept.iter().any(|kept| path == *kept || path.starts_with(&format!("{kept}/")));
        let parts = ["Cargo.toml", "src"].map(|part| format!("{member}/{part}"));
        assert!(parts.iter().all(|path| is_kept(path)), "{member}");
    }
}

/// Otherwise a crate does not compile on other systems, which CI does not see: each use is in a file that is declared for
/// the system, or directly below the condition.
#[test]
fn libraries_of_one_system_are_used_on_it_only() {
    let crates = files("crates", "toml").into_iter().filter(|(name, _)| name.ends_with("/Cargo.toml"));
    let mut found = 0;
    for (name, manifest) in crates.chain([("Cargo.toml".to_owned(), read("Cargo.toml"))]) {
        let folder = name.trim_end_matches("Cargo.toml");
        let manifest: toml::Value = toml::from_str(&manifest).unwrap();
        let systems = manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten();
        for (condition, table) in systems {
            let condition = format!("#[{condition}]");
            let libraries = table.get("dependencies").and_then(toml::Value::as_table).into_iter().flatten();
            let words = Vec::from_iter(
                libraries
                    .map(|(library, _)| library)
                    .map(|library| format!("{}::", library.replace('-', "_"))),
            );
            for (path, text) in files(&format!("{folder}src"), "rs") {
                let lines = Vec::from_iter(text.lines().map(str::trim));
                let uses = lines.iter().enumerate().filter(|(_, line)| {
                    !line.starts_with("//") && words.iter().any(|word| line.contains(word))
                });
                for (at, line) in uses {
                    found += 1;
                    let is_below = at > 0 && lines[at - 1] == condition;
                    assert!(is_below || is_declared(&path, &condition), "{path} needs {condition}: {line}");
                }
            }
        }
    }
    assert!(found > 2, "{found} uses");
}

/// Whether a module is named after the system, or its parent declares it with this attribute.
fn is_declared(path: &str, attribute: &str) -> bool {
    let (folder, name) = path.trim_end_matches(".rs").rsplit_once('/').unwrap();
    if [("unix", "unix"), ("linux", "unix"), ("windows", "windows")]
        .iter()
        .any(|(of, system)| name == *of && attribute == format!("#[cfg({system})]"))
    {
        return true;
    }
    let parents = [format!("{folder}.rs"), format!("{folder}/mod.rs"), format!("{folder}/lib.rs")];
    let texts = parents.iter().filter_map(|parent| fs::read_to_string(root().join(parent)).ok());
    texts.into_iter().any(|text| text.contains(&format!("{attribute}\nmod {name};\n")))
}

/// Libraries that a module must not use, though its crate does.
#[test]
fn modules_do_not_use_libraries_of_others() {
    assert_names_none("crates/server/src/lobby", &["tokio", "axum", "std::fs", "std::net"]);
    let devtools = read("crates/engine/src/source/browser/devtools.rs");
    for word in ["tokio", "tungstenite", "std::fs", "std::net"] {
        assert!(code(&devtools).all(|line| !line.contains(word)), "devtools.rs names {word}");
    }
    assert_names_none("src/settings", &["tokio", "axum", "clap", "std::fs", "std::env"]);
    // Otherwise the session would be tested against itself.
    assert_names_none("crates/mock/src", &["session::"]);
}

#[test]
fn generated_types_stay_where_they_become_messages_and_events() {
    let are_allowed = ["crates/core/src/wire/", "crates/core/src/event/", "crates/core/src/inject/make.rs"];
    for (name, text) in sources() {
        if (name.starts_with("src/") || name.starts_with("crates/"))
            && !are_allowed.iter().any(|folder| name.starts_with(folder))
        {
            assert!(code(&text).all(|line| !line.contains("webcast::")), "{name} names generated types");
        }
    }
}

/// Hints and comments name settings as `section.key`.
#[test]
fn texts_name_settings_that_exist() {
    let (mut count, mut unknown) = (0, Vec::new());
    for (name, text) in sources().into_iter().chain(files("docs", "md")) {
        for (section, _) in SECTIONS {
            for rest in text.split(&format!("`{section}.")).skip(1) {
                let Some((key, _)) = rest.split_once('`') else { continue };
                let is_file = ["rs", "mjs", "json"].contains(&key);
                if !is_file && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                    count += 1;
                    let path = format!("{section}.{key}");
                    if !KEYS.iter().any(|it| it.path() == path) {
                        unknown.push(format!("{name}: `{path}`"));
                    }
                }
            }
        }
    }
    assert!(unknown.is_empty() && count > 30, "{count} settings, of which unknown: {unknown:#?}");
}

#[test]
fn generated_code_is_fresh_and_unedited() {
    for (source, generated) in [
        ("proto/webcast.proto", "crates/core/src/generated/schema.rs"),
        ("proto/webcast.proto", "crates/core/src/generated/used.rs"),
        ("proto/webcast.proto", "crates/core/src/generated/written.rs"),
        ("proto/recording.proto", "crates/core/src/generated/records.rs"),
    ] {
        let text = read(generated);
        let mut parts = text.splitn(4, '\n');
        let (by, sums) = (parts.next().unwrap(), parts.next().unwrap());
        let body = parts.nth(1).unwrap();
        assert!(by.contains(source), "{generated}: {by}");
        let (source_sum, body_sum) =
            (crc32fast::hash(read(source).as_bytes()), crc32fast::hash(body.as_bytes()));
        let expected = format!("// source {source_sum:08x} body {body_sum:08x}");
        assert_eq!(sums, expected, "{generated} is stale or edited: run `cargo xtask codegen`");
    }
}

#[test]
fn every_choice_between_futures_is_biased() {
    for (name, text) in sources() {
        let (written, biased) = (text.matches("select! {").count(), text.matches("biased;").count());
        assert!(written <= biased, "{name}: without `biased` the order of events is left to chance");
    }
}

/// Returns the statements of all sources, roughly, with the names of their files.
fn statements() -> Vec<(String, String)> {
    let split = |(name, text): (String, String)| {
        let statements = text.split(';').map(str::to_owned).collect::<Vec<_>>();
        statements.into_iter().map(move |statement| (name.clone(), statement))
    };
    sources().into_iter().flat_map(split).collect()
}

/// Another test may take the port in between. `Reserved` holds a port that refuses connections.
#[test]
fn no_port_is_used_after_its_socket_is_gone() {
    let binds = ["TcpListener::bind(", "Listening::bind("];
    let asks = [".local_addr()", ".unwrap().addresses()"];
    for (name, statement) in statements() {
        let contains = |words: &[&str]| words.iter().any(|word| statement.contains(word));
        assert!(!contains(&binds) || !contains(&asks), "{name}: hold the socket: {}", statement.trim());
    }
    let outside = ["tests", "packages/client/tests", "packages/testing/tests", "packages/node/tests"];
    let scripts =
        outside.iter().flat_map(|folder| files(folder, "mjs")).chain(files("packages/python/tests", "py"));
    for (name, text) in scripts {
        for (_, port) in text.match_indices("--port").map(|(at, word)| text[at..].split_at(word.len())) {
            let port = port.trim_start_matches(['\'', '"', ',', ' ', '=']);
            assert!(port.starts_with('0'), "{name}: let the server choose its port, and hold it: {port:.20}");
        }
    }
}

/// A busy machine takes any time for anything. `cargo xtask bench` judges times; a hang is what CI ends.
#[test]
fn no_test_judges_the_real_time() {
    for (name, text) in sources() {
        for (at, _) in text.match_indices("#[test]").chain(text.match_indices("#[tokio::test")) {
            let indent = text[..at].rsplit('\n').next().unwrap();
            let test = text[at..].split(&format!("\n{indent}}}")).next().unwrap();
            let judges = test.contains("clock::now() -") || test.contains(".elapsed()");
            assert!(!judges || test.contains("start_paused"), "{name}: pause the clock: {test}");
        }
    }
}

/// A change to the text would also change strings in the value, so that equal values differ.
#[test]
fn no_debug_text_is_changed_before_it_is_compared() {
    let (debug, change) = (":?}\"", ".replace(");
    for (name, statement) in statements() {
        let after = statement.split_once(debug).map_or("", |(_, after)| after);
        assert!(!after.contains(change), "{name}: compare values: {}", statement.trim());
    }
}

/// The print macros panic if the output is closed; `output::say`, `output::warn` and `display::print` do not.
#[test]
fn the_command_line_never_panics_on_a_closed_pipe() {
    assert_names_none("src", &["println!(", "print!("]);
    for name in ["cases", "core", "io", "mock", "testing", "tools"] {
        assert_names_none(&format!("crates/{name}/src"), &["println!(", "print!("]);
    }
}

#[test]
fn no_error_has_an_empty_hint() {
    let empty = [".hint(", "\"\")"].concat();
    for (name, text) in sources() {
        let found = text.lines().find(|line| line.contains(&empty));
        assert_eq!(found, None, "{name}: say what to do, or omit the call for the default hint of the code");
    }
}

#[test]
fn texts_name_no_document_that_a_package_lacks() {
    for (folder, ending) in [
        ("src", "rs"),
        ("crates", "rs"),
        ("packages/node/src", "rs"),
        ("packages/node/js", "cts"),
        ("packages/testing/src", "ts"),
        ("packages/client/src", "ts"),
        ("packages/python/src", "py"),
    ] {
        // Packages have no tests.
        for (name, text) in files(folder, ending).into_iter().filter(|(name, _)| !name.contains("/tests/")) {
            let named = code(&text).find(|line| line.contains("docs/"));
            assert_eq!(named, None, "{name}: give the help in place");
        }
    }
}

/// Only the macros of the binding generate `unsafe`; elsewhere the lint forbids it.
#[test]
fn the_addon_has_no_unsafe_of_its_own() {
    assert_names_none("packages/node/src", &["unsafe"]);
}

#[test]
fn files_are_short_and_start_with_a_module_doc() {
    for (name, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{name} has {lines} lines");
        assert!(text.starts_with("//! "), "{name} does not begin with what it is");
        assert!(text.lines().all(|line| line.trim_end() == line), "{name} has trailing spaces");
    }
}

#[test]
fn no_absolute_machine_path_is_committed() {
    let documents = ["md", "proto", "toml"].iter().flat_map(|ending| files("docs", ending));
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .map(|name| (name.to_owned(), read(name)));
    for (name, text) in sources().into_iter().chain(documents).chain(top) {
        for path in ["home", "root", "work"].map(|folder| format!("/{folder}/")) {
            let named = text.lines().find(|line| line.contains(&path));
            assert_eq!(named, None, "{name}");
        }
    }
}

#[test]
fn the_readme_uses_existing_commands_and_files() {
    let readme = read("README.md");
    assert!(readme.contains("cargo run -- replay recordings/demo.bin"));
    // A stranger's command, which installs nothing, and that of CI, which nobody can be asked about.
    assert!(readme.contains("$ cargo xtask test\n"));
    let workflow = read(".github/workflows/ci.yml");
    for command in [".ci/run", ".ci/setup night", "cargo xtask nightly"] {
        assert!(workflow.contains(&format!("- run: {command}\n")), "{command}");
    }
    assert!(Path::new(&root().join("recordings/demo.bin")).is_file());
}

#[test]
fn the_reference_names_every_code() {
    let reference = read("docs/reference.md");
    for code in Code::ALL {
        let row = format!("| `{code}` |");
        let line =
            reference.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("no row {row}"));
        for number in [code.http_status(), code.close_code(), u16::from(code.exit_code())] {
            assert!(line.contains(&format!("| {number} |")), "{code}: {number} is not in {line}");
        }
    }
    let others = [close::NORMAL, close::GOING_AWAY, close::PROTOCOL, close::NOT_TEXT, close::INTERNAL];
    for close in others.into_iter().chain(Code::ALL.iter().map(|code| code.close_code())) {
        assert!(reference.contains(&format!("\n| {close} | ")), "no row for the close code {close}");
    }
}
