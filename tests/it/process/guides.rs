//! Guides run as they stand: their files are written and their commands run, in order, in an empty folder beside a
//! link to the repository. What a guide installs is provided by the test.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::tempdir;

use super::documents::{MORE, is_shown};
use crate::support::process::{Running, livetape, program};

/// Maximum length of a guide, in words.
const WORDS_MAX: usize = 600;
/// Commands that install or build what the test provides.
const INSTALLS: [&str; 8] = [
    "cargo install ",
    "npm --prefix ",
    "npm pack ",
    "npm install ",
    "python3 -m venv ",
    "venv/bin/pip install ",
    "(cd livetape",
    "cp livetape/target/",
];
/// Commands that run until they are stopped.
const SERVERS: [&str; 2] = ["livetape replay ", "livetape serve "];
/// The archive that `cargo xtask package` writes, with a link to the program.
const ARCHIVE: &str = "livetape-0.1.0-x86_64-unknown-linux-gnu";

/// A guide, and what it installs: names in its folder, and paths from the repository or, with `target/`, from the
/// build's folder.
type Guide = (&'static str, &'static [(&'static str, &'static str)]);

/// Guides that need only the program and bash.
const ALONE: [Guide; 1] = [("own-show", &[])];
/// Guides with curl, Java, cargo, or packages of npm and PyPI.
const WITH_PACKAGES: [Guide; 8] = [
    ("bot-node", &CLIENT),
    ("bot-tiktok-live-connector", &[("node_modules", "target/peers-2.5.0/node_modules")]),
    ("bot-tiktoklive", &[("venv", "target/peers-7.0.1")]),
    ("bot-rust", &[("bot/Cargo.lock", "Cargo.lock"), ("bot/target", "target/"), ("target", "target/")]),
    ("other-languages", &[]),
    ("ci", &[]),
    ("overlay", &[]),
    ("embed-node", &[("node_modules/@livetape/node", "packages/node"), CLIENT[1]]),
];
const CLIENT: [(&str, &str); 2] = [
    ("node_modules/@livetape/client", "packages/client"),
    ("node_modules/ws", "packages/client/node_modules/ws"),
];

/// A part of a guide.
#[derive(Debug)]
enum Step {
    File { name: String, text: String },
    Command { line: String, shown: Vec<String> },
}

/// Returns the steps of a guide. Every block is a file, named at the end of the line before it, or commands.
fn steps(text: &str) -> Vec<Step> {
    let (mut steps, mut before, mut lines) = (Vec::new(), "", text.lines());
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            before = if line.is_empty() { before } else { line };
            continue;
        };
        let block = lines.by_ref().take_while(|line| *line != "```");
        if language == "console" {
            for line in block {
                match (line.strip_prefix("$ "), steps.last_mut()) {
                    (Some(line), _) => steps.push(Step::Command { line: line.to_owned(), shown: Vec::new() }),
                    (None, Some(Step::Command { shown, .. })) => shown.push(line.to_owned()),
                    (None, _) => panic!("output without a command: {line}"),
                }
            }
        } else {
            let name = before.strip_suffix("`:").and_then(|before| before.rsplit('`').next());
            let name = name.unwrap_or_else(|| panic!("a block without a name: {before}")).to_owned();
            steps.push(Step::File { name, text: block.flat_map(|line| [line, "\n"]).collect() });
        }
    }
    steps
}

/// Returns the scripts in a file in YAML: its blocks of literal text.
fn scripts(text: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<_> = text.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| line.ends_with('|'));
    let script = |(at, start): (usize, &&str)| {
        let of_script = lines[at + 1..].iter().take_while(|line| indent(line) > indent(start));
        of_script.flat_map(|line| [line.trim_start(), "\n"]).collect()
    };
    starts.map(script).collect()
}

/// Replaces durations such as `6.4 s`, and exit codes: a library may notice a lost connection while it reads or writes.
fn settled(line: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    for at in 1..words.len() {
        if words[at] == "s" || words[at] == "s," {
            words[at - 1] = "0";
        } else if words[..at].ends_with(&["exited", "with"]) {
            words[at] = "0";
        }
    }
    words.join(" ")
}

/// The folder of a guide, and its servers.
struct Folder {
    path: PathBuf,
    servers: Vec<Running>,
}

impl Folder {
    /// Returns a command in the folder, whose `livetape` is the program under test.
    fn command(&self, line: &str) -> Command {
        // Without settings of the user.
        let mut command = livetape(&[]);
        let (path, folder) = (std::env::var("PATH").unwrap(), self.path.display().to_string());
        command.env("PATH", format!("{folder}/.bin:{path}"));
        command.env("PYTHONDONTWRITEBYTECODE", "1").env_remove("GITHUB_ACTIONS");
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", line]).current_dir(&self.path).stdin(Stdio::null());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => bash.env(name, value),
                None => bash.env_remove(name),
            };
        }
        if let Some(server) = self.servers.last() {
            bash.env("LIVETAPE_URL", format!("ws://{}/", server.address));
        }
        bash
    }

    /// Runs a command, and returns what it printed. It may only fail if the guide shows a failed case.
    fn run(&mut self, line: &str, shown: &[String]) -> String {
        if SERVERS.iter().any(|server| line.starts_with(server)) {
            let line = line.replace("--tikfinity", "--tikfinity=127.0.0.1:0");
            let server = Running::spawn(&mut self.command(&format!("exec {line} --port 0")), "Press Ctrl+C");
            let said = server.greeting.join("\n").replace(&server.address, "127.0.0.1:3000");
            self.servers.push(server);
            return said;
        }
        let output = self.command(line).output().unwrap();
        let said =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        let may_fail = shown.iter().any(|line| line.starts_with("  FAIL"));
        assert!(output.status.success() != may_fail, "{line}: {}\n{said}", output.status);
        said
    }
}

/// Returns the lines that were not printed.
fn missing<'a>(shown: &'a [String], said: &str) -> Vec<&'a String> {
    // Lines of livetape's terminal begin with the time.
    let said: Vec<_> = said.lines().map(settled).collect();
    let is_said = |shown: &str| {
        let without_time =
            |line: &str| line.split_once("] ").map_or(line.to_owned(), |(_, rest)| rest.to_owned());
        let shown = settled(shown);
        said.iter().any(|line| is_shown(&shown, line) || is_shown(&without_time(&shown), &without_time(line)))
    };
    shown.iter().filter(|shown| *shown != MORE && !is_said(shown)).collect()
}

/// Runs a guide as it stands.
fn follow((name, provided): Guide) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let text = fs::read_to_string(root.join(format!("docs/guides/{name}.md"))).unwrap();
    let folder = tempdir().unwrap();
    let mut folder = Folder { path: folder.path().to_owned(), servers: Vec::new() };
    let parent = |path: &Path| fs::create_dir_all(path.parent().unwrap()).unwrap();
    for (link, to) in provided.iter().copied().chain([("livetape", ""), (".bin/livetape", "the program")]) {
        let link = folder.path.join(link);
        parent(&link);
        match to.strip_prefix("target/") {
            Some(built) => symlink(target.join(built), link).unwrap(),
            // cargo writes it.
            None if to.ends_with(".lock") => drop(fs::copy(root.join(to), link).unwrap()),
            None if to == "the program" => symlink(fs::canonicalize(program()).unwrap(), link).unwrap(),
            None => symlink(root.join(to), link).unwrap(),
        }
    }
    for step in steps(&text) {
        match step {
            // A file of the repository is shown.
            Step::File { name: file, text } if file.starts_with("livetape/") => {
                assert_eq!(text, fs::read_to_string(folder.path.join(file)).unwrap(), "{name}");
            }
            Step::File { name: file, text } => {
                let path = folder.path.join(&file);
                parent(&path);
                fs::write(&path, &text).unwrap();
                if file.ends_with(".yml") {
                    let pack = format!(
                        "mkdir {ARCHIVE}; ln -s ../.bin/livetape {ARCHIVE}/livetape; tar -czf {ARCHIVE}.tar.gz {ARCHIVE}"
                    );
                    for script in scripts(&text) {
                        folder.run(
                            &format!("cd show-bot\n[ -e {ARCHIVE}.tar.gz ] || {{ {pack}; }}\n{script}"),
                            &[],
                        );
                    }
                }
            }
            Step::Command { line, .. } if INSTALLS.iter().any(|start| line.starts_with(start)) => {}
            Step::Command { line, shown } => {
                let said = folder.run(&line, &shown);
                let missing = missing(&shown, &said);
                assert!(missing.is_empty(), "{name}: {line} does not print\n{missing:#?}\nbut\n{said}");
            }
        }
    }
}

#[test]
fn guides_run_as_they_stand() {
    ALONE.into_iter().for_each(follow);
}

/// `cargo xtask nightly docs` runs these.
#[test]
#[ignore = "needs `.ci/setup night` and the packages of this repository"]
fn guides_with_packages_run_as_they_stand() {
    let only = std::env::var("GUIDE").unwrap_or_default();
    WITH_PACKAGES.into_iter().filter(|(name, _)| name.contains(&only)).for_each(follow);
}

#[test]
fn every_guide_is_short_and_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let words = fs::read_to_string(&path).unwrap().split_whitespace().count();
        assert!(words <= WORDS_MAX, "{} has {words} words", path.display());
        names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    let mut run = Vec::from_iter(ALONE.iter().chain(&WITH_PACKAGES).map(|(name, _)| (*name).to_owned()));
    run.sort();
    assert_eq!(names, run);
}
