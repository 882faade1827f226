//! Licences of third-party software in the program and the addon: crates, the dashboard's libraries, and the
//! recorded payloads of the demo.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Release;
use crate::programs::cargo;

/// Starts of the names of files with a licence, in lower case.
const LICENCES: [&str; 6] = ["licence", "license", "copying", "copyright", "notice", "unlicense"];
/// npm packages that `web/dist` contains; a test compares them with the imports of `web/src`.
const LIBRARIES: [&str; 3] = ["@preact/signals", "@preact/signals-core", "preact"];
/// Crates under the MIT licence that contain no file with it, and its holder.
const WITHOUT_FILE: [(&[&str], &str); 1] = [(&["napi", "napi-sys"], "2020 LongYinan")];
/// Line between two notices.
const RULE: &str = "------------------------------------------------------------------------------";

/// Names of packages, by the text of their licence. Many packages share a text.
#[derive(Default)]
struct Notices(BTreeMap<String, BTreeSet<String>>);

/// Returns all notices as text.
pub(super) fn collect(release: &Release) -> Result<String> {
    let mut notices = Notices::default();
    let licence = fs::read_to_string(release.root.join("LICENSE"))?;
    let mit = licence.split(RULE).find(|part| part.trim().starts_with("MIT License"));
    let mit = mit.context("LICENSE contains the MIT licence")?;
    crates(&mut notices, mit)?;
    let web = release.root.join("web");
    for name in LIBRARIES {
        let folder = web.join("node_modules").join(name);
        let manifest: Value = serde_json::from_slice(&fs::read(folder.join("package.json"))?)?;
        notices.add(&title(&manifest), &manifest, &folder)?;
    }
    for (what, who) in [
        ("The payloads in the recording `demo`", "jwdeveloper (TikTokLiveJava)"),
        ("The Rust standard library (MIT OR Apache-2.0)", "The Rust Project contributors"),
    ] {
        notices.insert(what.to_owned(), &with_holder(mit, who));
    }
    Ok(notices.text(&release.version))
}

/// Adds the crates that are linked into the program and the addon.
fn crates(notices: &mut Notices, mit: &str) -> Result<()> {
    let tree = ["tree", "--locked", "--package", "livetape", "--package", "livetape-node"];
    let list = ["--prefix", "none", "--format", "{p}", "--edges", "normal,no-proc-macro"];
    let linked = output(cargo().args(tree).args(list))?;
    let linked: BTreeSet<_> = linked.lines().filter_map(name_and_version).collect();
    let metadata = output(cargo().args(["metadata", "--locked", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    for package in metadata["packages"].as_array().context("metadata without packages")? {
        let name = title(package);
        // Packages without a source are ours.
        if linked.contains(&name) && !package["source"].is_null() {
            if let Some(who) = without_file(package["name"].as_str().unwrap_or_default()) {
                ensure!(package["license"] == "MIT", "{name} is no longer under the MIT licence alone");
                notices.insert(format!("{name} (MIT)"), &with_holder(mit, who));
                continue;
            }
            let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
            notices.add(&name, package, manifest.parent().context("a manifest is in a folder")?)?;
        }
    }
    Ok(())
}

/// Returns the holder of a crate under the MIT licence that contains no file with it.
fn without_file(name: &str) -> Option<&'static str> {
    WITHOUT_FILE.iter().find(|(crates, _)| crates.contains(&name)).map(|(_, who)| *who)
}

/// Parses a line of `cargo tree`: `name v1.2.3`, perhaps with more after it.
fn name_and_version(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    Some(format!("{} {}", words.next()?, words.next()?.strip_prefix('v')?))
}

/// Returns the name and version in a manifest.
fn title(manifest: &Value) -> String {
    let text = |key: &str| manifest[key].as_str().unwrap_or_default().to_owned();
    format!("{} {}", text("name"), text("version"))
}

/// Returns the MIT licence of another holder.
fn with_holder(mit: &str, who: &str) -> String {
    let line = |line: &str| {
        if line.starts_with("Copyright (c)") { format!("Copyright (c) {who}") } else { line.to_owned() }
    };
    mit.trim().lines().map(line).collect::<Vec<_>>().join("\n")
}

impl Notices {
    /// Adds all licences in a package's folder. Of alternatives, the MIT licence is enough.
    fn add(&mut self, name: &str, manifest: &Value, folder: &Path) -> Result<()> {
        let expression = manifest["license"].as_str().unwrap_or_default();
        let mut files = licences(folder)?;
        let is_mit = |file: &PathBuf| file.file_name().is_some_and(|name| name == "LICENSE-MIT");
        if expression.contains("MIT") && !expression.contains("AND") && files.iter().any(is_mit) {
            files.retain(|file| is_mit(file) || file.parent() != Some(folder));
        }
        ensure!(!files.is_empty(), "{name} ({expression}) has no file with its licence");
        for file in files {
            let text = fs::read(&file)?;
            self.insert(format!("{name} ({expression})"), &String::from_utf8_lossy(&text));
        }
        Ok(())
    }

    fn insert(&mut self, name: String, text: &str) {
        let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        self.0.entry(text.trim().to_owned()).or_default().insert(name);
    }

    fn text(&self, version: &str) -> String {
        let mut text = format!("Third-party software in livetape {version}\n");
        for (licence, names) in &self.0 {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            text += &format!("\n{RULE}\n{}\n{RULE}\n\n{licence}\n", names.join("\n"));
        }
        text
    }
}

/// Returns all files with a licence below a folder: crates with C sources contain their licences in
/// subfolders.
fn licences(folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below).with_context(|| below.display().to_string())? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            if path.is_dir() {
                folders.push(path);
            } else if LICENCES.iter().any(|start| name.starts_with(start)) && !name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::super::contents;
    use super::*;

    #[test]
    fn the_libraries_of_the_dashboard_are_the_imports_of_its_sources() {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/src");
        let mut imported = BTreeSet::new();
        for (_, bytes) in contents(&web).unwrap() {
            let text = String::from_utf8(bytes).unwrap();
            for name in text.split(" from '").skip(1).filter_map(|rest| rest.split('\'').next()) {
                let parts = if name.starts_with('@') { 2 } else { 1 };
                imported.insert(name.split('/').take(parts).collect::<Vec<_>>().join("/"));
            }
        }
        // Code to copy imports our own packages and a test runner.
        imported.retain(|name| !name.starts_with('.') && !name.starts_with("@livetape/") && name != "vitest");
        // `@preact/signals` contains the core.
        let expected = LIBRARIES.into_iter().filter(|name| !name.ends_with("-core"));
        assert!(imported.iter().map(String::as_str).eq(expected), "{imported:?}");
    }

    #[test]
    fn lines_of_cargo_tree_are_parsed() {
        assert_eq!(name_and_version("memchr v2.8.0 (*)").as_deref(), Some("memchr 2.8.0"));
        assert_eq!(name_and_version(""), None);
    }
}
