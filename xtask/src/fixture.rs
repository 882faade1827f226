//! Generates the committed recordings, from the frame lines of `fixtures/webcast` or synthetically. The
//! output is the same on every run.

use anyhow::Result;

/// Runs this program again with livetape, which other chores need not build.
#[cfg(not(feature = "fixture"))]
pub(crate) fn run() -> Result<()> {
    let again =
        ["run", "--quiet", "--package", "xtask", "--features", "fixture", "--", "codegen", "recordings"];
    crate::programs::status(crate::programs::cargo().args(again))
}

/// Generates all recordings.
#[cfg(feature = "fixture")]
pub(crate) fn run() -> Result<()> {
    let root = crate::programs::root();
    for (name, _, bytes) in crate::recordings::all(root).map_err(|error| anyhow::anyhow!("{error}"))? {
        std::fs::write(root.join(name), &bytes)?;
        println!("{name}: {} bytes", bytes.len());
    }
    Ok(())
}
