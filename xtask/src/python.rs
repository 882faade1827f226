//! Checks and tests packages/python.

use std::{env, path::Path, process::Command};

use anyhow::Result;

use crate::{
    peers::install_python,
    programs::{Built, build_livetape, status},
};

/// Builds livetape, installs the tools from the lock file, formats, lints and type-checks the package, and
/// runs its tests; with `check`, reports what would be formatted or fixed.
pub(crate) fn run(check: bool) -> Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packages/python").canonicalize()?;
    let Built { livetape, target } = build_livetape()?;
    let python = install_python(&package.join("requirements-dev.txt"), &target.join("python"))?;
    let (format, fix): (&[&str], _) = if check {
        (&["ruff", "format", "--check"], "--no-fix")
    } else {
        (&["ruff", "format", "--quiet"], "--fix")
    };
    let tools: [&[&str]; 4] = [
        format,
        &["ruff", "check", "--quiet", fix],
        &["mypy", "--no-error-summary", "src"],
        // Half of a test's time is spent waiting for another process.
        &["pytest", "--quiet", "--numprocesses", "2", "-p", "no:cacheprovider"],
    ];
    for tool in tools {
        let mut command = Command::new(&python);
        command.arg("-m").args(tool).current_dir(&package);
        let caches = ["PYTHONPYCACHEPREFIX", "RUFF_CACHE_DIR", "MYPY_CACHE_DIR"]
            .map(|name| (name, target.join("python-cache")));
        status(command.envs(caches).env("LIVETAPE_BIN", &livetape))?;
    }
    Ok(())
}
