//! Tests processes that share one feed over a real NATS server.

use anyhow::Result;

use crate::{
    programs::{apt_get_install, cargo, command, status},
    size,
};

/// Number of processes that the nightly chore kills.
const KILLS: &str = "30";
/// Programs that the tests run: how to try whether they are there, and the Debian package.
const PROGRAMS: [(&[&str], &str); 4] = [
    (&["nats-server", "--version"], "nats-server"),
    (&["faketime", "--version"], "faketime"),
    (&["haproxy", "-v"], "haproxy"),
    (&["/usr/bin/python3", "-c", "import yaml"], "python3-yaml"),
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
    install()?;
    let mut tests = cargo();
    tests.args(["test", "--locked", "--test", "cluster"]);
    if args.release {
        // With the features of the stage `tests`, so that cargo only links the tests.
        tests.arg("--workspace").env("LIVETAPE_BIN", size::build()?);
    } else {
        tests.args(["--features", "nats"]);
    }
    if args.nightly {
        tests.env("LIVETAPE_CLUSTER_KILLS", KILLS);
    }
    status(&mut tests)
}

/// Installs nats-server and the other programs, if they are missing.
pub(crate) fn install() -> Result<()> {
    let missing = PROGRAMS.iter().filter(|(tried, _)| command(tried[0], &tried[1..]).is_err());
    let missing: Vec<_> = missing.map(|(_, package)| *package).collect();
    if missing.is_empty() { Ok(()) } else { apt_get_install(&missing) }
}
