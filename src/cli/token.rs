//! `livetape token`: a bearer token that nobody guesses.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::output::say;
use crate::sans_io::error::{Code, Problem, exit};

/// How long the secret is, in bytes.
const TOKEN_BYTES: usize = 32;

pub(super) fn token() -> Result<u8, Problem> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Problem::new(Code::Io, format!("the system gives no random bytes: {error}")))?;
    say(format!("{}\n", URL_SAFE_NO_PAD.encode(bytes)))?;
    Ok(exit::DONE)
}
