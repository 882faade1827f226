//! Makes the committed recordings from the frame lines of `fixtures/webcast`, byte for byte the same on every run.

use anyhow::Result;

/// Runs this program again with livetape built in: other chores do not wait for it.
#[cfg(not(feature = "fixture"))]
pub(crate) fn run(check: bool) -> Result<()> {
    let status = std::process::Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "xtask", "--features", "fixture", "--", "fixture"])
        .args(check.then_some("--check"))
        .status()?;
    anyhow::ensure!(status.success(), "the recordings were not made or are not what the fixtures give");
    Ok(())
}

/// Makes every recording; with `check`, only compares.
#[cfg(feature = "fixture")]
pub(crate) fn run(check: bool) -> Result<()> {
    use crate::recordings::{RECORDINGS, make};

    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (name, session) in RECORDINGS {
        let bytes = make(&root, session).map_err(|error| anyhow::anyhow!("{session}: {error}"))?;
        let path = root.join(name);
        if !check {
            std::fs::write(&path, &bytes)?;
        } else if std::fs::read(&path).ok().as_ref() != Some(&bytes) {
            anyhow::bail!("{name} is not what {session}.jsonl gives: run cargo xtask fixture");
        }
        println!("{name}: {} bytes", bytes.len());
    }
    Ok(())
}
