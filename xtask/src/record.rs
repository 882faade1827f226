//! `cargo xtask record <user>`: runs `livetape record <user>` from source.

use std::process::{ExitCode, ExitStatus};

use anyhow::Result;

use crate::programs::cargo;

/// Exit code for a process ended by a signal.
const ENDED_BY_SIGNAL: u8 = 130;

/// Runs livetape from source with the same arguments, and returns its exit code. livetape reports its own
/// errors.
pub(crate) fn run(args: &[String]) -> Result<ExitCode> {
    let status = cargo().args(["run", "--quiet", "--", "record"]).args(args).status()?;
    Ok(exit_code(status).into())
}

fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(ENDED_BY_SIGNAL)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn the_exit_code_of_livetape_is_passed_on() {
        for code in [0, 1, 2, 3, 130] {
            assert_eq!(exit_code(ExitStatus::from_raw(i32::from(code) << 8)), code);
        }
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 130, "killed");
    }
}
