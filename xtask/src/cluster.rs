//! Tests processes that share one feed over a real NATS server.

use anyhow::Result;

use crate::programs::{apt_get_install, cargo, command, status};

/// Number of processes that the nightly chore kills.
const KILLS: &str = "30";

/// Installs nats-server and runs the tests in `tests/cluster`. With `is_nightly`, they kill more processes.
pub(crate) fn run(is_nightly: bool) -> Result<()> {
    if command("nats-server", ["--version"]).is_err() {
        apt_get_install(&["nats-server"])?;
    }
    let mut tests = cargo();
    tests.args(["test", "--locked", "--features", "nats", "--test", "cluster"]);
    if is_nightly {
        tests.env("LIVETAPE_CLUSTER_KILLS", KILLS);
    }
    status(&mut tests)
}
