//! Changes the version of everything that is released: the crates, the packages of npm and PyPI, and the names of
//! packages in documents.

use std::{fs, path::Path, process::Command};

use anyhow::{Result, ensure};

use crate::{
    package::version,
    programs::{cargo, output, root, status},
};

/// Folders of packages of npm.
const NPM: [&str; 4] = ["packages/client", "packages/livetape", "packages/node", "packages/testing"];
/// Where documents and tests name packages with their version, such as `livetape-linux-x64-0.1.0.tgz`.
const NAMED: [&str; 5] = ["README.md", "docs", "packages", "tests/it", "crates/testing/README.md"];

pub(crate) fn run(new: &str) -> Result<()> {
    let parts =
        Vec::from_iter(new.split(['-', '+']).next().unwrap_or_default().split('.').map(str::parse::<u32>));
    ensure!(
        parts.len() == 3 && parts.iter().all(Result::is_ok),
        "`{new}` is not a version such as 1.2.3 or 1.2.3-rc.1"
    );
    let (root, old) = (root(), version(root())?);
    ensure!(old != new, "the version is {old} already");
    let quoted = |key: &str, version: &str| format!("{key}{version}\"");
    edit(&root.join("Cargo.toml"), |text| {
        let key = "version = \"";
        text.replace(&quoted(key, &old), &quoted(key, new))
    })?;
    for folder in NPM {
        for (file, times) in [("package.json", 1), ("package-lock.json", 2)] {
            let path = root.join(folder).join(file);
            if path.exists() {
                // In a lock file, others may have the same version further below.
                edit(&path, |text| {
                    let [version, peer] = ["\"version\": \"", "\"livetape\": \"^"];
                    let text = text.replacen(&quoted(version, &old), &quoted(version, new), times);
                    text.replace(&quoted(peer, &old), &quoted(peer, new))
                })?;
            }
        }
    }
    let files = output(Command::new("git").args(["ls-files", "--"]).args(NAMED).current_dir(root))?;
    for file in files.lines().filter(|file| !file.ends_with(".json")) {
        // Others are pictures.
        if fs::read_to_string(root.join(file)).is_ok_and(|text| text.contains(&old)) {
            edit(&root.join(file), |text| renamed(text, &old, new))?;
        }
    }
    status(cargo().args(["update", "--workspace", "--offline", "--quiet"]))?;
    println!("{old} → {new}: name it in CHANGELOG.md");
    Ok(())
}

fn edit(path: &Path, change: impl FnOnce(&str) -> String) -> Result<()> {
    let text = fs::read_to_string(path)?;
    Ok(fs::write(path, change(&text))?)
}

/// Changes the version behind each name of a package, and of the crate for tests, which documents depend on.
fn renamed(text: &str, old: &str, new: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (before, after) = rest.split_at(at);
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let word = before.rsplit(|c| !is_part(c)).next().unwrap_or_default();
        // A test writes the platform as `${…}`.
        let is_named =
            word.starts_with("livetape") && word.ends_with('-') || before.ends_with("process.arch}-");
        let is_ours = is_named
            || before.ends_with("livetape-testing = \"")
            || before.ends_with("\"name\":\"livetape\",\"version\":\"");
        result += before;
        result += if is_ours { new } else { old };
        rest = &after[old.len()..];
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_packages_get_the_version() {
        let text = "npm install ./livetape-linux-x64-0.1.0.tgz other-0.1.0.tgz; livetape-testing = \"0.1.0\"; version = \"0.1.0\"";
        let expected = "npm install ./livetape-linux-x64-2.0.0-rc.1.tgz other-0.1.0.tgz; livetape-testing = \"2.0.0-rc.1\"; version = \"0.1.0\"";
        assert_eq!(renamed(text, "0.1.0", "2.0.0-rc.1"), expected);
    }
}
