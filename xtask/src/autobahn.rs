//! Runs the official test suite of the WebSocket protocol against `/ws/echo`, with the scripts in
//! `tests/autobahn/`.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::programs::{Built, Need, build_livetape, command, install, status};

/// Downloads the suite.
pub(crate) const PIP: Need = Need::Program(&["python3", "-m", "pip", "--version"], "python3-pip");

/// A server that is killed when this value is dropped. It would stop by itself if nothing read its output.
struct Server {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds livetape, installs the suite, starts a server and runs all cases.
pub(crate) fn run() -> Result<()> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/autobahn").canonicalize()?;
    let Built { livetape, target } = build_livetape()?;
    let suite = target.join("autobahn");
    install_suite(&scripts, &suite)?;
    let (_server, address) = serve(&livetape)?;
    let results = suite.join("run");
    // Results of an earlier run.
    fs::remove_dir_all(&results).ok();
    let mut run = Command::new("bash");
    run.arg(scripts.join("run.sh")).arg(suite.join("wstest")).arg(format!("{address}ws/echo"));
    status(run.arg("livetape").arg(&results).arg("quick"))
}

fn install_suite(scripts: &Path, suite: &Path) -> Result<()> {
    let works = || command(&suite.join("wstest").display().to_string(), ["--autobahnversion"]);
    if works().is_ok() {
        return Ok(());
    }
    install(&[PIP])?;
    status(Command::new("bash").arg(scripts.join("setup.sh")).arg(suite))?;
    works().context("the suite is installed but does not run")
}

/// Starts a server on a free port and returns its URL, with a trailing slash.
fn serve(livetape: &Path) -> Result<(Server, String)> {
    let mut server = Command::new(livetape);
    server.args(["serve", "--port", "0"]).stdout(Stdio::piped());
    let mut child = server.spawn()?;
    let output = BufReader::new(child.stdout.take().context("the server has no output")?).lines();
    let mut server = Server { child, output };
    while let Some(line) = server.output.next().transpose()? {
        if let Some(at) = line.find("ws://") {
            let address = line[at..].split_whitespace().next().unwrap_or_default();
            return Ok((server, address.to_owned()));
        }
    }
    anyhow::bail!("the server printed no URL")
}
