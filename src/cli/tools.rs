//! `import`, `info`, `verify` and `synth`: files in, files and words out.

use std::{
    io::{BufReader, BufWriter, Write as _},
    path::Path,
};

use indicatif::ProgressBar;

use super::{
    args,
    output::{Verdict, Written, file_problem, progress, say, write},
};
use crate::{
    sans_io::error::{Code, Problem, exit},
    source::{Tape, unreadable},
    tools::{files, import, info, synth, verify},
};

pub(super) fn import(args: &args::Import) -> Result<u8, Problem> {
    if args.file.as_os_str().is_empty() {
        return Err(Problem::new(Code::BadRequest, "the capture's path is empty"));
    }
    let input = files::open(&args.file).map_err(|error| file_problem(&error))?;
    let bar = progress(input.metadata().map_or(0, |metadata| metadata.len()));
    let output = args.output.clone().unwrap_or_else(|| args.file.with_extension("bin"));
    let mut draft = files::Draft::new(&output, args.force).map_err(|error| file_problem(&error))?;
    let options = import::Options {
        user: args.user.as_deref().map(valid_user).transpose()?,
        room_id: args.room,
        name: stem(&args.file),
        ..import::Options::default()
    };
    let mut out = BufWriter::new(&mut draft);
    let report = import::import(BufReader::new(bar.wrap_read(input)), &mut out, &options)
        .map_err(|error| capture_problem(&args.file, &error))?;
    out.flush().map_err(|error| unwritable(&output, error))?;
    drop(out);
    draft.keep().map_err(|error| file_problem(&error))?;
    bar.finish_and_clear();
    println!("📼 {}", output.display());
    say(&report)?;
    let lost = report.bad_lines > 0 || !report.faults.is_empty();
    Ok(if lost { exit::LOST } else { exit::DONE })
}

pub(super) fn info(args: &args::Info) -> Result<u8, Problem> {
    let tape = Tape::find(&args.recording)?;
    let bar = progress(tape.bytes());
    let found = info::info(bar.wrap_read(tape.open()?)).map_err(|error| unreadable(&tape.name, &error))?;
    bar.finish_and_clear();
    if args.json {
        let json = serde_json::to_string_pretty(&found).expect("all keys are strings");
        say(format!("{json}\n"))?;
    } else {
        say(found)?;
    }
    Ok(exit::DONE)
}

pub(super) fn verify(args: &args::Verify) -> Result<u8, Problem> {
    let tape = Tape::find(&args.recording)?;
    let (input, length) = (tape.open()?, tape.bytes());
    let bar = progress(length);
    let verdict = verify::verify(bar.wrap_read(input)).map_err(|error| unreadable(&tape.name, &error))?;
    bar.finish_and_clear();
    say(&verdict)?;
    Ok(verdict.exit_code())
}

pub(super) fn synth(args: &args::Synth) -> Result<u8, Problem> {
    // Nobody knows in advance how large a length is.
    let bar = args.size.map_or_else(ProgressBar::no_length, progress);
    let written = write(&args.output, args.force, |out| {
        synth::synth(bar.wrap_write(out), &args.options())?;
        Ok(Verdict::Keep(()))
    })?;
    bar.finish_and_clear();
    if let Written::Broken(code) = written {
        return Ok(code);
    }
    println!("📼 {}", args.output.display());
    Ok(exit::DONE)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn valid_user(name: &str) -> Result<String, Problem> {
    let name = name.trim().trim_start_matches('@').to_owned();
    if name.is_empty() {
        return Err(Problem::new(Code::InvalidUsername, "the user's name is empty"));
    }
    Ok(name)
}

fn capture_problem(path: &Path, error: &import::Error) -> Problem {
    let code = match error {
        import::Error::Write(error) => error.code(),
        import::Error::Read(_) => Code::Io,
        _ => Code::BadCapture,
    };
    let hint = "`livetape import --help` shows the formats";
    Problem::new(code, format!("cannot import {}: {error}", path.display())).hint(hint)
}

pub(super) fn unwritable(path: &Path, error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::Io, format!("cannot write {}: {error}", path.display()))
}
