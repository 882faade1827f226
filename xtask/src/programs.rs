//! Runs other programs, and installs missing ones.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::node_version;

/// Something that chores use and a machine may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A program: how to try whether it runs, and its Debian package.
    Program(&'static [&'static str], &'static str),
    /// Fonts for a language, and their Debian package.
    Fonts(&'static str, &'static str),
    /// A component of the Rust toolchain: how to try whether it runs, and its name in rustup.
    Component(&'static [&'static str], &'static str),
    /// A recent Node. If Debian's is too old, another one is installed in the target folder.
    Node,
    /// Packages from npm or PyPI, in a folder of this checkout. Lock files pin them.
    Packages(&'static str),
}

pub(crate) const RUSTFMT: Need = Need::Component(&["cargo", "fmt", "--version"], "rustfmt");
pub(crate) const CLIPPY: Need = Need::Component(&["cargo", "clippy", "--version"], "clippy");
const NPM: Need = Need::Program(&["npm", "--version"], "npm");
/// Node, and npm, which installs packages.
pub(crate) const NODE: [Need; 2] = [NPM, Need::Node];
/// Python, with what virtual environments need.
pub(crate) const PYTHON: Need = Need::Program(&["python3", "-c", "import ensurepip, venv"], "python3-venv");
/// Debian's Chromium, and the fonts without which screenshots show boxes instead of the names and texts of
/// recordings. `und-zsye` is emoji.
pub(crate) const CHROMIUM: [Need; 5] = [
    Need::Program(&["chromium", "--version"], "chromium"),
    Need::Program(&["fc-list", "--version"], "fontconfig"),
    Need::Fonts("und-zsye", "fonts-noto-color-emoji"),
    Need::Fonts("ja", "fonts-noto-cjk"),
    Need::Fonts("hi", "fonts-noto-core"),
];

impl Need {
    /// Whether the machine, or the checkout, does not have it.
    pub(crate) fn is_missing(self) -> bool {
        let runs = |tried: &[&str]| {
            Command::new(tried[0]).args(&tried[1..]).output().is_ok_and(|output| output.status.success())
        };
        match self {
            Self::Program(tried, _) | Self::Component(tried, _) => !runs(tried),
            Self::Fonts(language, _) => {
                let fonts = Command::new("fc-list").args([&format!(":lang={language}"), "family"]).output();
                !fonts.is_ok_and(|fonts| fonts.status.success() && !fonts.stdout.is_empty())
            }
            Self::Node => !target().is_ok_and(|target| node_version::is_installed(&target)),
            Self::Packages(folder) => {
                let in_target = folder.strip_prefix("target/").zip(target().ok());
                !in_target.map_or_else(|| root().join(folder), |(name, target)| target.join(name)).is_dir()
            }
        }
    }
}

/// Installs what is missing of the programs, fonts and components, with `apt-get` and rustup. A failure fails
/// the chore, because a skipped test proves nothing. Packages and Node are installed by the chores, which
/// know their lock files.
pub(crate) fn install(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs.iter().filter(|need| need.is_missing()).collect();
    let components = missing.iter().filter_map(|need| match need {
        Need::Component(_, name) => Some(*name),
        _ => None,
    });
    let packages = missing.iter().filter_map(|need| match need {
        Need::Program(_, package) | Need::Fonts(_, package) => Some(*package),
        _ => None,
    });
    let (components, packages) = (Vec::from_iter(components), Vec::from_iter(packages));
    if !components.is_empty() {
        command("rustup", ["component", "add"].iter().chain(&components))?;
    }
    if packages.is_empty() {
        return Ok(());
    }
    let attempt = command("apt-get", ["update", "--quiet"])
        .and_then(|()| command("apt-get", ["install", "--quiet", "--yes"].iter().chain(&packages)));
    let wanted = packages.join(" ");
    attempt.with_context(|| format!("this chore needs {wanted} (names of Debian packages): install them"))
}

/// Returns the folder of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Returns the cargo that runs this chore, without this package's environment variables: some build scripts
/// (ring's) depend on them and would run again on every switch between `cargo xtask` and `cargo`, along with
/// all their dependents.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    without_package(&mut cargo);
    cargo
}

/// Removes this package's environment variables from those of a program that runs cargo.
pub(crate) fn without_package(command: &mut Command) -> &mut Command {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// Features of released programs beyond the default ones. Every release build has them, so that cargo builds
/// livetape once.
pub(crate) const RELEASED: [&str; 2] = ["--features", "livetape/nats"];

/// A built livetape, and the folder for other output.
pub(crate) struct Built {
    pub(crate) livetape: PathBuf,
    pub(crate) target: PathBuf,
}

pub(crate) fn build_livetape() -> Result<Built> {
    status(cargo().args(["build", "--locked", "--bin", "livetape"]))?;
    // Cargo puts this program and livetape into the same folder.
    Ok(Built { livetape: env::current_exe()?.with_file_name("livetape"), target: target()? })
}

/// Returns the target folder, which contains this program.
pub(crate) fn target() -> Result<PathBuf> {
    let xtask = env::current_exe()?;
    Ok(xtask.ancestors().nth(2).context("cannot find the target folder")?.to_owned())
}

pub(crate) fn command(program: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<()> {
    status(Command::new(program).args(args))
}

pub(crate) fn status(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    match command.status() {
        Ok(status) => ensure!(status.success(), "{program} failed: {status}"),
        Err(error) => bail!("cannot run {program}: {error}"),
    }
    Ok(())
}
