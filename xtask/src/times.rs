//! Judges how fast pages are under load: frames, and CPU times of pages and server. CI only measures them,
//! because its machine may be slow or busy.

use std::path::Path;

use anyhow::Result;

use crate::{
    browser, client,
    node::Node,
    programs::{CHROMIUM, build_livetape, install, status},
};

/// Variable that makes the tests judge times.
const JUDGE: [(&str, &str); 1] = [("JUDGE_TIMES", "1")];

/// Runs the tests of overlays and of the dashboard that measure.
pub(crate) fn run() -> Result<()> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packages/client").canonicalize()?;
    let built = build_livetape()?;
    let node = Node::with_packages(&package)?;
    install(&CHROMIUM)?;
    let mut overlays = client::tests(&node, &package, &built)?;
    status(overlays.args(["--project", "measured"]).envs(JUDGE))?;
    status(browser::checks(&["busy".to_owned()])?.envs(JUDGE))
}
