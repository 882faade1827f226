//! `info`, `verify` and `synth`.

use std::path::Path;

use indicatif::ProgressBar;
use livetape_core::error::{Code, Problem, exit};
use livetape_engine::source::unreadable;
use livetape_tools::{info, synth, verify};

use crate::cli::{
    args,
    options::config::tape_or_stdin,
    process::output::{FileFate, Written, progress, report_loss, say, say_json, shown, write},
};

pub(crate) fn info(args: &args::Info) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    let bar = progress(tape.bytes());
    let found = info::info(bar.wrap_read(tape.open()?)).map_err(|error| unreadable(&tape.name, &error))?;
    bar.finish_and_clear();
    match (args.totals, args.json) {
        (false, false) => say(&found)?,
        (false, true) => say_json(&found)?,
        (true, false) => say(found.totals())?,
        (true, true) => say_json(&found.truth)?,
    }
    let code = report_loss(&tape.name, found.loss);
    Ok(if found.records == 0 { exit::FAILED } else { code })
}

pub(crate) fn verify(args: &args::Verify) -> Result<u8, Problem> {
    let tape = tape_or_stdin(&args.flags, &args.recording)?;
    let (input, length) = (tape.open()?, tape.bytes());
    let bar = progress(length);
    let verdict = verify::verify(bar.wrap_read(input)).map_err(|error| unreadable(&tape.name, &error))?;
    bar.finish_and_clear();
    if args.json {
        say_json(&verdict)?;
    } else {
        say(&verdict)?;
    }
    Ok(verdict.exit_code())
}

pub(crate) fn synth(args: &args::Synth) -> Result<u8, Problem> {
    // The size of a recording of given length is unknown in advance.
    let bar = args.size.map_or_else(ProgressBar::no_length, progress);
    let written = write(&args.new.output, args.new.force, |out| {
        synth::synth(bar.wrap_write(out), &args.options())?;
        Ok(FileFate::Keep(()))
    })?;
    bar.finish_and_clear();
    if let Written::Broken(code) = written {
        return Ok(code);
    }
    say(format!("📼 {}\n", shown(&args.new.output)))?;
    Ok(exit::DONE)
}

pub(super) fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

pub(super) fn valid_user(name: &str) -> Result<String, Problem> {
    let name = name.trim().trim_start_matches('@').to_owned();
    if name.is_empty() {
        return Err(Problem::new(Code::InvalidUsername, "the user name is empty"));
    }
    Ok(name)
}

pub(crate) fn unwritable(path: &Path, error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Io, format!("cannot write {}: {error}", path.display()))
}
