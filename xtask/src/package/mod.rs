//! Builds the packages that users install, all from one release build of the program: an archive, a wheel and
//! npm packages, with third-party notices and checksums.

mod archive;
mod notices;
mod npm;
mod wheel;

use std::{
    collections::BTreeMap,
    env::consts::EXE_SUFFIX,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::programs::{Built, command, output, root, status, target};

/// File with the licences of everything that the program and the addon contain.
const NOTICES: &str = "THIRD-PARTY-NOTICES.txt";
/// File with the checksums of all packages.
const SUMS: &str = "SHA256SUMS";

/// A release build and where its packages go.
struct Release {
    root: PathBuf,
    target: PathBuf,
    /// The built program.
    livetape: PathBuf,
    /// The built addon of `packages/node`.
    addon: PathBuf,
    version: String,
    /// Names on npm are ours, so that packages may depend on each other by name.
    is_published: bool,
}

/// Builds all packages into `target/packages`; with `check`, installs each into an empty environment and uses
/// it.
pub(crate) fn run(check: bool, is_published: bool) -> Result<()> {
    command("bash", [root().join(".ci/setup").as_os_str(), "package".as_ref()])?;
    let Built { livetape, addon } = Built::for_release()?;
    let (root, target) = (root().canonicalize()?, target()?);
    let version = version(&root)?;
    let release = Release { root, target, livetape, addon, version, is_published };
    emptied(&release.packages())?;
    emptied(&release.staging())?;
    fs::write(release.notices(), notices::collect(&release)?)?;
    archive::build(&release)?;
    wheel::build(&release)?;
    npm::build(&release)?;
    release.sum()?;
    if check { release.check() } else { Ok(()) }
}

impl Release {
    /// Returns the folder of built packages.
    fn packages(&self) -> PathBuf {
        self.target.join("packages")
    }

    /// Returns the folder in which packages are put together.
    fn staging(&self) -> PathBuf {
        self.target.join("packaging")
    }

    fn notices(&self) -> PathBuf {
        self.staging().join(NOTICES)
    }

    /// Copies the program, its licence and the notices to a folder.
    fn copy_program(&self, folder: &Path, program: &Path) -> Result<()> {
        let program = program.with_extension(EXE_SUFFIX.trim_start_matches('.'));
        self.copy_built(&self.livetape, folder, &program)
    }

    /// Copies a built file, the licence and the notices to a folder.
    fn copy_built(&self, built: &Path, folder: &Path, to: &Path) -> Result<()> {
        fs::create_dir_all(to.parent().context("a built file is in a folder")?)?;
        fs::copy(built, to)?;
        fs::copy(self.root.join("LICENSE"), folder.join("LICENSE"))?;
        fs::copy(self.notices(), folder.join(NOTICES))?;
        Ok(())
    }

    /// Returns what the program prints.
    fn output(&self, args: &[&str]) -> Result<Vec<u8>> {
        let output = Command::new(&self.livetape).args(args).output()?;
        ensure!(output.status.success(), "livetape {args:?} failed: {}", output.status);
        Ok(output.stdout)
    }

    /// Writes the checksums of all packages in the format of `sha256sum`.
    fn sum(&self) -> Result<()> {
        let script = self.root.join("tests/packages/sums.mjs");
        let sums = output(Command::new("node").arg(script).arg(self.packages()))?;
        print!("{sums}");
        Ok(fs::write(self.packages().join(SUMS), sums)?)
    }

    /// Installs each package into an empty environment, uses it, and runs the linters of packages.
    fn check(&self) -> Result<()> {
        status(Command::new("node").arg(self.root.join("tests/packages/run.mjs")).args([
            self.packages(),
            self.target.join("packages-tools"),
            wheel::python(self),
        ]))
    }
}

/// Returns the version that all packages share.
pub(crate) fn version(root: &Path) -> Result<String> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    Ok(line.context("the workspace has a version")?.trim_matches('"').to_owned())
}

/// Reads all files below a folder, by relative path.
fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(below) = folders.pop() {
        for entry in fs::read_dir(&below).with_context(|| format!("cannot read {}", below.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder)?.to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

/// Creates an empty folder.
fn emptied(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(fs::create_dir_all(folder)?)
}
