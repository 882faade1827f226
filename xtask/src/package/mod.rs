//! Builds the packages that users install, all from one release build of the program: an archive, a wheel and
//! npm packages, with third-party notices and checksums.

mod archive;
mod notices;
mod npm;
mod wheel;

use std::{
    env::consts::EXE_SUFFIX,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    addon,
    node::Node,
    outside::version,
    programs::{CHROMIUM, install, status, target},
    size,
};

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
    node: Node,
    /// Names on npm are ours, so that packages may depend on each other by name.
    is_published: bool,
}

/// Builds all packages into `target/packages`; with `check`, installs each into an empty environment and uses
/// it.
pub(crate) fn run(check: bool, is_published: bool) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let (livetape, addon, version) = (size::build_with_addon()?, addon::built("release")?, version(&root)?);
    let (target, node) = (target()?, Node::find()?);
    let release = Release { root, target, livetape, addon, version, node, is_published };
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
        let output = self.node.command()?.arg(script).arg(self.packages()).output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{}", String::from_utf8_lossy(&output.stdout));
        Ok(fs::write(self.packages().join(SUMS), output.stdout)?)
    }

    /// Installs each package into an empty environment, uses it, and runs the linters of packages.
    fn check(&self) -> Result<()> {
        let tests = self.root.join("tests/packages");
        // TypeScript, Vite and Chromium for the projects that use the client.
        self.node.install(&tests, &self.target.join("packages-tools"))?;
        install(&CHROMIUM)?;
        status(self.node.command()?.arg(tests.join("run.mjs")).args([
            self.packages(),
            self.target.join("packages-tools"),
            wheel::python(self)?,
        ]))
    }
}

/// Creates an empty folder.
fn emptied(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    Ok(fs::create_dir_all(folder)?)
}
