//! `livetape token`: generates a bearer token.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    args,
    output::{file_problem, say},
    tools::unwritable,
};
use crate::{
    sans_io::error::{Code, Problem, exit},
    tools::files,
};

/// Length of a token before encoding, in bytes.
const TOKEN_BYTES: usize = 32;

pub(super) fn token(args: &args::Token) -> Result<u8, Problem> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Problem::new(Code::Io, format!("the system cannot provide random bytes: {error}"))
    })?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    match &args.output {
        None => say(format!("{token}\n"))?,
        Some(path) => {
            let mut file = files::create_new(path, false).map_err(|error| match error {
                files::Error::Exists { path } => {
                    Problem::new(Code::OutputExists, format!("{} already exists", path.display()))
                        .hint("choose another name with -o FILE")
                }
                error => file_problem(&error),
            })?;
            writeln!(file, "{token}").map_err(|error| unwritable(path, error))?;
        }
    }
    Ok(exit::DONE)
}
