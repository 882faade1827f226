//! Runs unmodified third-party clients against `livetape mock`. Installs the dependencies of the checks in
//! `tests/peers/`.

use std::{
    env::consts::EXE_SUFFIX,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    node::Node,
    programs::{Built, CHROMIUM, Need, PYTHON, build_livetape, cargo, command, install, status},
};

/// A virtual environment for each Python client, and its requirements file.
const ENVIRONMENTS: [(&str, &str); 3] = [
    ("peers", "requirements.txt"),
    ("peers-6.6.6", "requirements-6.6.6.txt"),
    ("peers-7.0.1", "requirements-7.0.1.txt"),
];
/// Further ones, of the table and the checks behind the proxy.
const NIGHTLY_ENVIRONMENTS: [(&str, &str); 4] = [
    ("peers-5.0.8", "requirements-5.0.8.txt"),
    ("peers-6.4.5", "requirements-6.4.5.txt"),
    ("peers-piratetok", "requirements-piratetok.txt"),
    ("peers-proxied", "proxied/requirements.txt"),
];
/// Programs that the checks behind the proxy use, beside Chromium.
pub(crate) const PROXIED: [Need; 5] = [
    Need::Program(&["curl", "--version"], "curl"),
    Need::Program(&["java", "--version"], "openjdk-17-jdk-headless"),
    // It has no option that only shows something and succeeds.
    Need::Program(&["sh", "-c", "command -v certutil"], "libnss3-tools"),
    Need::Program(&["ip", "-Version"], "iproute2"),
    Need::Program(&["unshare", "--version"], "util-linux"),
];
/// Runs its arguments in a network namespace that has only the loopback interface.
const WITHOUT_ROUTES: [&str; 6] =
    ["--map-root-user", "--net", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"];

/// Arguments of `cargo xtask peers`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask peers
  cargo xtask peers --table --check
  cargo xtask peers --table 'piratetok-live-rs 0.5.0'")]
pub(crate) struct Args {
    /// Run every client in every scenario, and write the results to docs/peers.md
    #[arg(long)]
    table: bool,
    /// With --table: compare the results with docs/peers.md without writing, and fail on any difference
    #[arg(long, requires = "table")]
    check: bool,
    /// Run some cells of the table, and programs behind the mock's proxy
    #[arg(long, conflicts_with = "table")]
    proxied: bool,
    /// Clients to run instead of the installed ones: VERSION=PATH of an npm package or of a Python
    /// interpreter. With --table: parts of names of clients, scenarios, or `score`
    only: Vec<String>,
}

/// Builds livetape, installs the clients from lock files and runs the checks.
pub(crate) fn run(args: &Args) -> Result<()> {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/peers").canonicalize()?;
    let Built { livetape, target } = build_livetape()?;
    let node = Node::with_packages(&peers)?;
    // In a separate folder, because of its AGPL licence.
    node.install(&peers.join("2.5.0"), &target.join("peers-2.5.0"))?;
    let nightly = NIGHTLY_ENVIRONMENTS.iter().filter(|_| args.table || args.proxied);
    for (folder, requirements) in ENVIRONMENTS.iter().chain(nightly) {
        install_python(&peers.join(requirements), &target.join(folder))?;
    }
    let script = |name: &str| -> Result<Command> {
        let mut script = node.command()?;
        script.args([&peers.join(name), &livetape, &target]);
        Ok(script)
    };
    if args.table {
        build_crate(&peers.join("piratetok/Cargo.toml"), &target.join("peers-piratetok-rs"))?;
        return status(
            script("table/run.mjs")?.arg(if args.check { "--check" } else { "--write" }).args(&args.only),
        );
    }
    if !args.proxied {
        return status(script("run.mjs")?.args(&args.only));
    }
    status(script("table/run.mjs")?.arg("--some"))?;
    build_crate(&peers.join("tiktoklive/Cargo.toml"), &target.join("peers-tiktoklive"))?;
    install(&PROXIED)?;
    install(&CHROMIUM)?;
    let mut unshare = Command::new("unshare");
    unshare.args(WITHOUT_ROUTES).arg("node").args([&peers.join("proxied/run.mjs"), &livetape, &target]);
    status(node.lead(&mut unshare)?)?;
    status(&mut script("proxied/memory.mjs")?)
}

/// Builds a crate outside the workspace, such as one that runs a Rust client.
pub(crate) fn build_crate(manifest: &Path, target: &Path) -> Result<()> {
    let build = ["build", "--quiet", "--locked", "--manifest-path"];
    status(cargo().args(build).arg(manifest).arg("--target-dir").arg(target))
}

/// Creates a virtual environment in `folder`, installs `requirements` and returns its Python.
pub(crate) fn install_python(requirements: &Path, folder: &Path) -> Result<PathBuf> {
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !python.with_file_name(format!("pip{EXE_SUFFIX}")).exists() {
        install(&[PYTHON])?;
        command(
            "python3",
            ["-m", "venv", "--clear"].map(OsStr::new).into_iter().chain([folder.as_os_str()]),
        )?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]);
    pip.arg("--requirement").arg(requirements);
    status(&mut pip)?;
    Ok(python)
}
