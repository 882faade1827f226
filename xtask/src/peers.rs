//! Runs unmodified third-party clients against `livetape mock`. Installs the dependencies of the checks in `tests/peers/`.

use std::{
    env::consts::EXE_SUFFIX,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    node::Node,
    programs::{Built, apt_get_install, build_livetape, command, status},
};

/// A virtual environment for each version of TikTokLive, and its requirements file.
const ENVIRONMENTS: [(&str, &str); 3] = [
    ("peers", "requirements.txt"),
    ("peers-6.6.6", "requirements-6.6.6.txt"),
    ("peers-7.0.1", "requirements-7.0.1.txt"),
];

/// Builds livetape, installs the clients from lock files and runs the checks, on `others` (`VERSION=PATH`) if there are any.
pub(crate) fn run(others: &[String]) -> Result<()> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers").canonicalize()?;
    let Built { livetape, target } = build_livetape()?;
    let node = Node::with_packages(&peers)?;
    // In a separate folder, because of its AGPL licence.
    node.install(&peers.join("2.5.0"), &target.join("peers-2.5.0"))?;
    for (folder, requirements) in ENVIRONMENTS {
        install_python(&peers.join(requirements), &target.join(folder))?;
    }
    status(node.command()?.args([peers.join("run.mjs"), livetape, target]).args(others))
}

/// Creates a virtual environment in `folder`, installs `requirements` and returns its Python.
pub(crate) fn install_python(requirements: &Path, folder: &Path) -> Result<PathBuf> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let venv = || command("python3", [OsStr::new("-m"), OsStr::new("venv"), folder.as_os_str()]);
    if !python.with_file_name(format!("pip{EXE_SUFFIX}")).exists() && venv().is_err() {
        // A failed attempt leaves an environment without pip.
        fs::remove_dir_all(folder).ok();
        apt_get_install(&["python3", "python3-venv"])?;
        venv()?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    pip.arg("--requirement").arg(requirements);
    status(&mut pip)?;
    Ok(python)
}
