//! The `livetape` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(livetape::cli::main())
}
