//! Makes the committed recordings, from the frame lines of `fixtures/webcast` or made up: byte for byte the same on every
//! run.

use anyhow::Result;

/// Runs this program again with livetape built in: other chores do not wait for it.
#[cfg(not(feature = "fixture"))]
pub(crate) fn run(check: bool) -> Result<()> {
    let status = crate::programs::cargo()
        .args(["run", "--quiet", "--package", "xtask", "--features", "fixture", "--", "fixture"])
        .args(check.then_some("--check"))
        .status()?;
    anyhow::ensure!(status.success(), "the recordings were not made or are not what the fixtures give");
    Ok(())
}

/// Makes every recording; with `check`, only compares.
#[cfg(feature = "fixture")]
pub(crate) fn run(check: bool) -> Result<()> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let all = crate::recordings::all(&root).map_err(|error| anyhow::anyhow!("{error}"))?;
    for (name, source, bytes) in all {
        let path = root.join(name);
        if !check {
            std::fs::write(&path, &bytes)?;
        } else if std::fs::read(&path).ok().as_ref() != Some(&bytes) {
            anyhow::bail!("{name} is not what {source} gives: run cargo xtask fixture");
        }
        println!("{name}: {} bytes", bytes.len());
    }
    Ok(())
}
