//! The peer: npm `ws`, installed from the lock file in `benches/peers`.

use std::{io, process::Command};

use super::points::{MESSAGE_BYTES, Point};
use crate::support::node;

/// # Errors
/// A message with the commands that install what is missing.
pub(crate) fn command(point: &Point) -> io::Result<Command> {
    let mut command = node("benches/peers", "ws.mjs", "ws").map_err(io::Error::other)?;
    command.args(point.args()).args(["--bytes", &MESSAGE_BYTES.to_string()]);
    Ok(command)
}
