//! Finds Node, or installs it from the npm registry in the target folder if it is missing or too old.

use std::{
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::{
    node_version::{BIN, MAJOR_MIN, is_recent},
    programs::{NODE, install, root, status, target},
};

/// Files that `npm ci` needs.
const LOCKED: [&str; 2] = ["package.json", "package-lock.json"];

/// A Node that is recent enough.
pub(crate) struct Node {
    /// Its folder, if that is not on the path.
    folder: Option<PathBuf>,
}

impl Node {
    /// Finds or installs Node and installs the packages in a folder's `package-lock.json`.
    pub(crate) fn with_packages(folder: &Path) -> Result<Self> {
        let node = Self::find()?;
        node.npm_ci(folder)?;
        Ok(node)
    }

    /// Finds a recent Node, or installs one.
    pub(crate) fn find() -> Result<Self> {
        install(&NODE)?;
        let on_path = Self { folder: None };
        if is_recent(Path::new("node")) {
            return Ok(on_path);
        }
        let folder = target()?.join("node");
        let bin = folder.join(BIN);
        if !is_recent(&bin.join("node")) {
            on_path.install(&root().join("xtask/node"), &folder)?;
            ensure!(is_recent(&bin.join("node")), "install Node {MAJOR_MIN} or later: this chore needs it");
        }
        Ok(Self { folder: Some(bin) })
    }

    /// Installs the packages in the lock file of `locked` into `folder`. Node is installed the same way,
    /// because Debian's npm only runs on Debian's Node.
    pub(crate) fn install(&self, locked: &Path, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        for name in LOCKED {
            fs::copy(locked.join(name), folder.join(name))?;
        }
        self.npm_ci(folder)
    }

    /// Runs `npm ci`, without install scripts, which only build optional accelerators. Uses this Node,
    /// because an old one would skip packages that need a recent one.
    pub(crate) fn npm_ci(&self, folder: &Path) -> Result<()> {
        let mut npm = npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
        self.lead(npm.current_dir(folder))?;
        status(&mut npm)
    }

    /// Packs the package in a folder into `destination`. With `build`, npm builds the package first, as its
    /// manifest says.
    pub(crate) fn pack(&self, folder: &Path, destination: &Path, build: bool) -> Result<()> {
        let mut npm = npm(["pack", "--loglevel", "error", "--pack-destination"]);
        npm.arg(destination).args((!build).then_some("--ignore-scripts"));
        self.lead(npm.current_dir(folder))?;
        status(&mut npm)
    }

    /// Returns a command that runs `node`.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = Command::new("node");
        self.lead(&mut command)?;
        Ok(command)
    }

    /// Makes a command and its children use this Node.
    pub(crate) fn lead<'a>(&self, command: &'a mut Command) -> Result<&'a mut Command> {
        if let Some(folder) = &self.folder {
            command.env("PATH", before(folder)?);
        }
        Ok(command)
    }

    /// Runs a program from the `node_modules` of a folder, in that folder.
    pub(crate) fn run(&self, folder: &Path, program: &str, args: &[&str]) -> Result<()> {
        let program = folder.join("node_modules").join(program);
        status(self.command()?.arg(program).args(args).current_dir(folder))
    }
}

/// Returns an npm command that prints to stderr, because a chore may print JSON to stdout.
fn npm<const N: usize>(args: [&str; N]) -> Command {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(args).stdout(io::stderr());
    npm
}

/// Returns `PATH` with a folder in front.
fn before(folder: &Path) -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths([folder.to_owned()].into_iter().chain(env::split_paths(&path)))?)
}
