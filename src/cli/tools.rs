//! `info`, `verify` and `synth`: files in, files and words out.

use std::{
    io::{self, BufWriter, Write as _},
    path::Path,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::args;
use crate::{
    sans_io::error::{Code, Problem, exit},
    source::{Tape, unreadable},
    tools::{files, info, synth, verify},
};

pub(super) fn info(args: &args::Info) -> Result<u8, Problem> {
    let tape = Tape::find(&args.recording)?;
    let found = info::info(tape.open()?).map_err(|error| unreadable(&tape.name, &error))?;
    if args.json {
        let json = serde_json::to_string_pretty(&found).expect("all keys are strings");
        say(&format!("{json}\n"))?;
    } else {
        say(&found.to_string())?;
    }
    Ok(exit::DONE)
}

pub(super) fn verify(args: &args::Verify) -> Result<u8, Problem> {
    let tape = Tape::find(&args.recording)?;
    let (input, length) = (tape.open()?, tape.bytes());
    let bar = progress(length);
    let verdict = verify::verify(bar.wrap_read(input)).map_err(|error| unreadable(&tape.name, &error))?;
    bar.finish_and_clear();
    say(&verdict.to_string())?;
    Ok(verdict.exit_code())
}

pub(super) fn synth(args: &args::Synth) -> Result<u8, Problem> {
    let mut draft = files::Draft::new(&args.output, args.force).map_err(|error| file_problem(&error))?;
    let bar = progress(args.size);
    let mut out = BufWriter::new(bar.wrap_write(&mut draft));
    synth::synth(&mut out, args.seed, args.size).map_err(|error| unwritable(&args.output, error))?;
    out.flush().map_err(|error| unwritable(&args.output, error))?;
    drop(out);
    draft.keep().map_err(|error| file_problem(&error))?;
    bar.finish_and_clear();
    println!("📼 {}", args.output.display());
    Ok(exit::DONE)
}

/// A bar on stderr, where that is a terminal.
pub(super) fn progress(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}");
    ProgressBar::new(bytes).with_style(style.expect("a constant template"))
}

pub(super) fn say(text: &str) -> Result<(), Problem> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Problem::new(Code::Io, format!("cannot write: {error}"))),
    }
}

pub(super) fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

pub(super) fn valid_user(name: &str) -> Result<String, Problem> {
    let name = name.trim().trim_start_matches('@').to_owned();
    if name.is_empty() {
        return Err(Problem::new(Code::InvalidUsername, "the user's name is empty"));
    }
    Ok(name)
}

pub(super) fn file_problem(error: &files::Error) -> Problem {
    let code = match error {
        files::Error::Exists { .. } => Code::OutputExists,
        files::Error::Missing { .. } | files::Error::NoParent { .. } | files::Error::Directory { .. } => {
            Code::BadCapture
        }
        files::Error::NoPermission { .. } | files::Error::Other { .. } => Code::Io,
    };
    // The messages say what to do themselves.
    Problem::new(code, error).hint("")
}

pub(super) fn unwritable(path: &Path, error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Io, format!("cannot write {}: {error}", path.display()))
}
