//! The archive: the program with its manual pages and shell completions.

use std::{fs, process::Command};

use anyhow::{Context as _, Result};

use super::Release;
use crate::programs::status;

/// Shells, and the names under which they look for completions.
const COMPLETIONS: [(&str, &str); 5] = [
    ("bash", "livetape.bash"),
    ("elvish", "livetape.elv"),
    ("fish", "livetape.fish"),
    ("powershell", "_livetape.ps1"),
    ("zsh", "_livetape"),
];
/// Documents that are useful without the repository.
const DOCUMENTS: [&str; 3] = ["README.md", "CHANGELOG.md", "livetape.example.toml"];

/// Builds `livetape-VERSION-TARGET.tar.gz`, whose name and layout `cargo binstall` knows from `Cargo.toml`.
pub(super) fn build(release: &Release) -> Result<()> {
    let name = format!("livetape-{}-{}", release.version, host()?);
    let folder = release.staging().join(&name);
    release.copy_program(&folder, &folder.join("livetape"))?;
    for document in DOCUMENTS {
        fs::copy(release.root.join(document), folder.join(document))?;
    }
    fs::create_dir(folder.join("completions"))?;
    for (shell, file) in COMPLETIONS {
        fs::write(folder.join("completions").join(file), release.output(&["completions", shell])?)?;
    }
    fs::create_dir(folder.join("man"))?;
    fs::write(folder.join("man/livetape.1"), release.output(&["man"])?)?;
    for command in commands(&String::from_utf8(release.output(&["man"])?)?) {
        let page = release.output(&["man", &command])?;
        fs::write(folder.join(format!("man/livetape-{command}.1")), page)?;
    }
    let file = release.packages().join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.arg("--create").arg("--gzip").arg("--file").arg(file);
    status(tar.arg("--directory").arg(release.staging()).arg(name))
}

/// Returns the commands that a manual page refers to, as `livetape\-info(1)`.
fn commands(page: &str) -> Vec<String> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("livetape\\-")?.strip_suffix("(1)"));
    lines.map(|name| name.replace('\\', "")).collect()
}

/// Returns the target triple that rustc builds for.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8(output.stdout)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn commands_are_read_from_the_manual_page() {
        let page = ".TP\nlivetape\\-info(1)\nShow\n.TP\nlivetape\\-as\\-scenario(1)\n";
        assert_eq!(commands(page), ["info", "as-scenario"]);
    }
}
