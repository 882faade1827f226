//! Generates the committed recordings, from the frame lines of `fixtures/webcast` or synthetically. The
//! output is the same on every run.

use anyhow::Result;

/// Runs this program again with livetape, which other chores need not build.
#[cfg(not(feature = "fixture"))]
pub(crate) fn run(check: bool) -> Result<()> {
    let status = crate::programs::cargo()
        .args(["run", "--quiet", "--package", "xtask", "--features", "fixture", "--", "fixture"])
        .args(check.then_some("--check"))
        .status()?;
    anyhow::ensure!(status.success(), "the recordings could not be generated or are stale");
    Ok(())
}

/// Generates all recordings; with `check`, only compares them.
#[cfg(feature = "fixture")]
pub(crate) fn run(check: bool) -> Result<()> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let all = crate::recordings::all(&root).map_err(|error| anyhow::anyhow!("{error}"))?;
    for (name, source, bytes) in all {
        let path = root.join(name);
        if !check {
            std::fs::write(&path, &bytes)?;
        } else if std::fs::read(&path).ok().as_ref() != Some(&bytes) {
            anyhow::bail!("{name} differs from {source}: run `cargo xtask fixture`");
        }
        println!("{name}: {} bytes", bytes.len());
    }
    Ok(())
}
