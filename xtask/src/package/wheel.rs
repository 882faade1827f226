//! The wheel: the program in Python's package format.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{NOTICES, Release, contents};
use crate::programs::{status, without_package};

/// Builds the wheel from `packages/python`. maturin picks the lowest manylinux level that the program
/// supports, and fails if it links to other libraries than that level allows.
pub(super) fn build(release: &Release) -> Result<()> {
    let (source, folder) = (release.root.join("packages/python"), release.staging().join("python"));
    for (name, bytes) in contents(&source)? {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&folder))?;
        fs::write(file, bytes)?;
    }
    fs::copy(release.root.join("LICENSE"), folder.join("LICENSE"))?;
    fs::copy(release.notices(), folder.join(NOTICES))?;
    let project = folder.join("pyproject.toml");
    fs::write(&project, moved(&fs::read_to_string(&project)?, &release.root))?;
    let mut maturin = Command::new(python(release));
    maturin
        .args(["-m", "maturin", "build", "--release", "--locked", "--features", "nats", "--out"])
        .arg(release.packages());
    without_package(&mut maturin).env("CARGO_TARGET_DIR", &release.target).current_dir(folder);
    status(&mut maturin)
}

/// Returns a Python with maturin, and with the linters of packages.
pub(super) fn python(release: &Release) -> PathBuf {
    release.target.join("packages-python").join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    })
}

/// Returns the project file of a copy elsewhere, which includes the licences. maturin's list of crates would
/// name folders of this machine, and its `strip` would need a build of its own.
fn moved(project: &str, root: &Path) -> String {
    let licences = format!("[project]\nlicense-files = [\"LICENSE\", \"{NOTICES}\"]\n");
    let manifest = root.join("Cargo.toml").display().to_string().replace('\\', "/");
    let project = project.replacen("[project]\n", &licences, 1).replacen("../../Cargo.toml", &manifest, 1);
    let project = project.replace("\nstrip = true\n", "\n");
    format!("{project}\n[tool.maturin.sbom]\nrust = false\n")
}
