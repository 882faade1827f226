//! Takes the screenshot of the dashboard in README.md, and stores a checksum of the dashboard, so that a test
//! detects a stale screenshot.

use std::{fs, path::Path};

use anyhow::{Result, ensure};

use crate::{
    node::Node,
    programs::{Built, CHROMIUM, build_livetape, install, status},
    web::contents,
};

/// Maximum size of the screenshot, in bytes. Every version stays in the history of the repository.
const PNG_BYTES_MAX: u64 = 150 * 1024;

/// Takes the screenshot, and writes the checksum that `tests/it/documents.rs` compares.
pub(crate) fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let tests = root.join("tests/browser");
    let png = root.join("docs/dashboard.png");
    let Built { livetape, .. } = build_livetape()?;
    let node = Node::with_packages(&tests)?;
    install(&CHROMIUM)?;
    status(node.command()?.args([tests.join("screenshot.mjs"), livetape, png.clone()]))?;
    let bytes = fs::metadata(&png)?.len();
    ensure!(bytes <= PNG_BYTES_MAX, "docs/dashboard.png has {bytes} bytes, more than {PNG_BYTES_MAX}");
    let mut sum = crc32fast::Hasher::new();
    for text in contents(&root.join("web/dist"))?.into_values() {
        sum.update(&text);
    }
    fs::write(root.join("docs/dashboard.png.crc32"), format!("web/dist {:08x}\n", sum.finalize()))?;
    println!("docs/dashboard.png: {bytes} bytes");
    Ok(())
}
