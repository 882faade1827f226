//! Tests processes that share one feed over a real NATS server.

use anyhow::Result;

use crate::{
    programs::{Need, cargo, install, status},
    size,
};

/// Number of processes that the nightly chore kills.
const KILLS: &str = "30";
/// Programs that the tests run.
pub(crate) const NEEDS: [Need; 4] = [
    Need::Program(&["nats-server", "--version"], "nats-server"),
    Need::Program(&["faketime", "--version"], "faketime"),
    Need::Program(&["haproxy", "-v"], "haproxy"),
    Need::Program(&["/usr/bin/python3", "-c", "import yaml"], "python3-yaml"),
];

/// Arguments of `cargo xtask cluster`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kill 30 processes instead of 5, and each of three NATS servers instead of one
    #[arg(long)]
    nightly: bool,
    /// Test the program that is built for release, as CI does, instead of building another
    #[arg(long)]
    release: bool,
}

/// Installs what the tests need, and runs those in `tests/cluster`.
pub(crate) fn run(args: &Args) -> Result<()> {
    install(&NEEDS)?;
    let mut tests = cargo();
    tests.args(["test", "--locked", "--test", "cluster"]);
    if args.release {
        // With the features of the stage `test`, so that cargo only links the tests.
        tests.arg("--workspace").env("LIVETAPE_BIN", size::build()?);
    } else {
        tests.args(["--features", "nats"]);
    }
    if args.nightly {
        // Thirty kills take minutes, so their progress is shown.
        tests.args(["--", "--nocapture"]).env("LIVETAPE_CLUSTER_KILLS", KILLS);
    }
    status(&mut tests)
}
