//! The peer: npm `ws`, by the lock file in `benches/peers`.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::points::{MESSAGE_BYTES, Point};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers")
}

/// # Errors
/// Says what to install.
pub(crate) fn check() -> io::Result<()> {
    let node = Command::new("node").arg("--version").output().is_ok_and(|it| it.status.success());
    if !node {
        return Err(io::Error::other("the peer needs Node 20 or later: `apt-get install nodejs npm`"));
    }
    if !folder().join("node_modules/ws").is_dir() {
        return Err(io::Error::other("the peer is not installed: `npm ci` in benches/peers"));
    }
    Ok(())
}

pub(crate) fn command(point: &Point) -> Command {
    let mut command = Command::new("node");
    command.arg(folder().join("ws.mjs")).args(point.args());
    command.args(["--bytes", &MESSAGE_BYTES.to_string()]);
    command
}
