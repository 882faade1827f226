//! `livetape token`: generates a bearer token.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use livetape_core::error::{Code, Problem, exit};

use crate::cli::{
    args,
    process::output::{FileFate, Written, say, write},
};

/// Length of a token before encoding, in bytes.
const TOKEN_BYTES: usize = 32;

pub(crate) fn token(args: &args::Token) -> Result<u8, Problem> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| {
        Problem::new(Code::Io, format!("the system cannot provide random bytes: {error}"))
    })?;
    let token = URL_SAFE_NO_PAD.encode(bytes);
    let Some(path) = &args.output else {
        say(format!("{token}\n"))?;
        return Ok(exit::DONE);
    };
    let written = write(path, false, |out| {
        writeln!(out, "{token}")?;
        Ok(FileFate::Keep(()))
    });
    match written {
        Ok(Written::Broken(code)) => Ok(code),
        Ok(_) => Ok(exit::DONE),
        // There is no --force.
        Err(problem) if problem.code == Code::OutputExists => {
            Err(Problem::new(problem.code, format!("{} already exists", path.display()))
                .hint("choose another name with -o FILE"))
        }
        Err(problem) => Err(problem),
    }
}
