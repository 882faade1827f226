//! Node: the one that is there, or, where that is missing or too old, one of npm's registry in the target folder.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::programs::{apt_get_install, status, target};

/// What the tests and their tools run on.
const MAJOR_MIN: u32 = 20;
/// What `npm ci` installs the other Node by.
const LOCKED: [&str; 2] = ["package.json", "package-lock.json"];

/// A Node that is recent enough.
pub(crate) struct Node {
    /// The folder it is in, where that is not on the path.
    folder: Option<PathBuf>,
}

impl Node {
    /// Installs the packages of a folder by its `package-lock.json`, and Node where there is none that is recent.
    pub(crate) fn with_packages(folder: &Path) -> Result<Self> {
        let node = Self::find()?;
        node.npm_ci(folder)?;
        Ok(node)
    }

    /// The one that is there, or another.
    pub(crate) fn find() -> Result<Self> {
        if status(&mut npm(["--version"])).is_err() {
            apt_get_install(&["nodejs", "npm"])?;
        }
        let there = Self { folder: None };
        if is_recent(Path::new("node")) {
            return Ok(there);
        }
        let folder = target()?.join("node");
        let bin = folder.join("node_modules/.bin");
        if !is_recent(&bin.join("node")) {
            there.install(&Path::new(env!("CARGO_MANIFEST_DIR")).join("node"), &folder)?;
            ensure!(is_recent(&bin.join("node")), "install Node {MAJOR_MIN} or later: this chore needs it");
        }
        Ok(Self { folder: Some(bin) })
    }

    /// Into a folder of its own, by the lock file in `locked`. Node too comes this way: Debian's npm runs on Debian's alone.
    pub(crate) fn install(&self, locked: &Path, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        for name in LOCKED {
            fs::copy(locked.join(name), folder.join(name))?;
        }
        self.npm_ci(folder)
    }

    /// None of the packages needs its install scripts: those that have some build what is only faster. An old Node would
    /// leave out what only a recent one can run.
    fn npm_ci(&self, folder: &Path) -> Result<()> {
        let mut npm = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
        self.lead(npm.current_dir(folder))?;
        status(&mut npm)
    }

    /// `node`.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new("node");
        self.lead(&mut command)?;
        Ok(command)
    }

    /// Whatever this starts finds this Node.
    pub(crate) fn lead(&self, command: &mut Command) -> Result<()> {
        if let Some(folder) = &self.folder {
            command.env("PATH", before(folder)?);
        }
        Ok(())
    }

    /// Runs a program of the packages of a folder, there.
    pub(crate) fn run(&self, folder: &Path, program: &str, args: &[&str]) -> Result<()> {
        let program = folder.join("node_modules").join(program);
        status(self.command()?.arg(program).args(args).current_dir(folder))
    }
}

/// What it says goes beside what a chore says, which may be JSON.
fn npm<const N: usize>(args: [&str; N]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(args).stdout(io::stderr());
    npm
}

/// The path with a folder in front.
fn before(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths([folder.to_owned()].into_iter().chain(env::split_paths(&path)))?)
}

fn is_recent(node: &Path) -> bool {
    let Ok(output) = Command::new(node).arg("--version").output() else { return false };
    major(&String::from_utf8_lossy(&output.stdout)).is_some_and(|major| major >= MAJOR_MIN)
}

/// The first number of `v22.23.3`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn versions_are_read() {
        assert_eq!(major("v22.23.3\n"), Some(22));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("22.1.0"), None);
        assert_eq!(major(""), None);
    }
}
