//! `livetape import`: a capture → a recording.

use std::{
    io::{self, BufWriter, Write as _},
    path::Path,
};

use indicatif::ProgressBar;

use super::{
    args,
    output::{file_problem, progress, say, shown, warn},
    tools::{stem, unwritable, valid_user},
};
use crate::{
    sans_io::{
        error::{Code, Problem, exit},
        recording,
    },
    terminal::printable,
    tools::{
        files,
        import::{Candidate, Error, ImportOptions, Input, Report, Scratch, Source, import_capture},
    },
};

/// The name of what is kept while a capture is read.
const SCRATCH: &str = "import";
/// Most connections that are listed to choose from.
const CANDIDATES_MAX: usize = 20;

pub(super) fn import(args: &args::Import) -> Result<u8, Problem> {
    if args.file.as_os_str().is_empty() {
        return Err(Problem::new(Code::BadRequest, "the capture's path is empty"));
    }
    // Whether it is there is told before anything is begun.
    files::open(&args.file).map_err(|error| file_problem(&error))?;
    let output = args.output.clone().unwrap_or_else(|| args.file.with_extension("bin"));
    let mut draft = files::Draft::new(&output, args.force).map_err(|error| file_problem(&error))?;
    let capture = Capture { path: &args.file, output: &output, bar: progress(0) };
    let mut out = BufWriter::new(&mut draft);
    let imported = import_capture(&capture, &mut out, &options(args)?);
    let flushed = out.flush();
    drop(out);
    capture.bar.finish_and_clear();
    match imported {
        Ok(report) => {
            flushed.map_err(|error| unwritable(&output, error))?;
            draft.keep().map_err(|error| file_problem(&error))?;
            conclude(&output, &report)
        }
        // What was written is a recording, as far as it goes.
        Err(Error::Write(error @ (recording::Error::Write(_) | recording::Error::Full))) => {
            if let Some(kept) = draft.keep_partial() {
                say(format!("📼 {}\n", shown(&kept)))?;
            }
            warn(format_args!("⚠️ The recording broke off: {error}"));
            warn("💡 what was written until then can be replayed; is the disk full?");
            Ok(exit::LOST)
        }
        Err(error) => Err(capture_problem(&args.file, &error)),
    }
}

fn conclude(output: &Path, report: &Report) -> Result<u8, Problem> {
    say(format!("📼 {}\n{report}", shown(output)))?;
    Ok(if report.is_lossy() { exit::LOST } else { exit::DONE })
}

fn options(args: &args::Import) -> Result<ImportOptions, Problem> {
    Ok(ImportOptions {
        user: args.user.as_deref().map(valid_user).transpose()?,
        room_id: args.room,
        name: stem(&args.file),
        format: args.format,
        entries: args.entries.clone(),
        rate: args.rate,
        ..ImportOptions::default()
    })
}

/// A file, and how much of it was read.
struct Capture<'a> {
    path: &'a Path,
    output: &'a Path,
    bar: ProgressBar,
}

impl Capture<'_> {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Input>> {
        let file = files::open_regular(path)?;
        // It is read as often as it takes.
        self.bar.inc_length(file.metadata()?.len());
        Ok(Box::new(self.bar.wrap_read(file)))
    }
}

impl Source for Capture<'_> {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        self.open(self.path)
    }

    fn open_beside(&self, name: &str) -> io::Result<Box<dyn Input>> {
        self.open(&self.path.with_file_name(name))
    }

    /// Beside the recording, where there must be room for as much anyway.
    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        let draft = files::Draft::new(&self.output.with_file_name(SCRATCH), true);
        draft.map(|draft| Box::new(draft) as Box<dyn Scratch>).map_err(io::Error::other)
    }
}

fn capture_problem(path: &Path, error: &Error) -> Problem {
    let code = match error {
        Error::Write(error) => error.code(),
        Error::Read(_) | Error::Scratch(_) => Code::Io,
        _ => Code::BadCapture,
    };
    let problem = Problem::new(code, format!("cannot import {}: {error}", path.display()));
    match error {
        Error::Unsure(candidates) => {
            list(candidates);
            problem.hint("choose one with --entry N")
        }
        Error::NoEntry { .. } => problem.hint("without --entry, those are listed that there are"),
        Error::NoFrames(_) => {
            problem.hint("`livetape import --help` says how to export a HAR that holds them")
        }
        Error::Scratch(_) => problem.hint("make room beside the recording: as much as it takes itself"),
        Error::Recording => problem.hint("`livetape replay FILE` plays it"),
        Error::Unrecognised => {
            problem.hint("`livetape import --help` shows the formats; --format says which one it is")
        }
        _ => problem.hint("`livetape import --help` shows the formats"),
    }
}

fn list(candidates: &[Candidate]) {
    for Candidate { number, url, messages, .. } in candidates.iter().take(CANDIDATES_MAX) {
        let url = if url.is_empty() { "an address that is not known" } else { url };
        warn(format_args!("  {number}: {}, {messages} messages", printable(url)));
    }
    if candidates.len() > CANDIDATES_MAX {
        warn(format_args!("  and {} more", candidates.len() - CANDIDATES_MAX));
    }
}
