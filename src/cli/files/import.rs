//! `livetape import`: converts a capture to a recording.

use std::{io, path::Path};

use indicatif::ProgressBar;
use livetape_core::{
    error::{Code, Problem, exit},
    recording,
    terminal::printable,
};
use livetape_engine::source::STDIN;
use livetape_io::files;
use livetape_tools::import::{
    Candidate, Error, ImportOptions, Input, Report, Scratch, Source, import_capture,
};

use super::look::{stem, valid_user};
use crate::cli::{
    args,
    options::config::stdin,
    process::output::{
        Drafted, Failure, FileFate, draft, file_problem, progress, say, say_made, shown, warn, write_draft,
    },
};

/// Name of the temporary file of an import.
const SCRATCH: &str = "import";
/// Maximum number of connections in the list to choose from.
const CANDIDATES_MAX: usize = 20;

pub(crate) fn import(args: &args::Import) -> Result<u8, Problem> {
    if args.file.as_os_str().is_empty() {
        return Err(Problem::new(Code::BadRequest, "the path of the capture is empty"));
    }
    let is_stdin = args.file == Path::new(STDIN);
    if is_stdin && args.output.is_none() {
        let problem = Problem::new(Code::BadRequest, "a recording from standard input has no name");
        return Err(problem.hint("set it with -o FILE"));
    }
    if !is_stdin {
        // Report a missing file before creating anything.
        files::open(&args.file).map_err(|error| file_problem(&error))?;
    }
    let output = args.output.clone().unwrap_or_else(|| args.file.with_extension("bin"));
    let options = options(args, if is_stdin { &output } else { &args.file })?;
    let draft = draft(&output, args.force)?;
    let spool = is_stdin.then(stdin).transpose()?;
    let capture = Capture { path: &args.file, spool, output: &output, bar: progress(0) };
    let written = write_draft(draft, |out| match import_capture(&capture, out, &options) {
        Ok(report) => Ok(FileFate::Keep(report)),
        // The part that was written is a valid recording.
        Err(Error::Write(error @ (recording::Error::Write(_) | recording::Error::Full))) => {
            Err(Failure::Broke(error.to_string()))
        }
        Err(error) => Err(Failure::Refused(capture_problem(&args.file, &error))),
    });
    capture.bar.finish_and_clear();
    match written? {
        Drafted::Kept(report) | Drafted::Dropped(report) => conclude(&output, &report, args.json),
        Drafted::Broken { error, partial } => {
            if let Some(partial) = partial {
                say(format!("📼 {}\n", shown(&partial)))?;
            }
            warn(format_args!(
                "⚠️ The recording is incomplete: {error}\n💡 check that the disk is not full; the part written so far can be replayed"
            ));
            Ok(exit::LOST)
        }
    }
}

fn conclude(output: &Path, report: &Report, json: bool) -> Result<u8, Problem> {
    say_made(output, report, json)?;
    Ok(if report.is_lossy() { exit::LOST } else { exit::DONE })
}

fn options(args: &args::Import, named: &Path) -> Result<ImportOptions, Problem> {
    Ok(ImportOptions {
        user: args.user.as_deref().map(valid_user).transpose()?,
        room_id: args.room,
        name: stem(named),
        format: args.format,
        entries: args.entries.clone(),
        rate: args.rate,
        ..ImportOptions::default()
    })
}

/// A capture file with the progress of reading it.
struct Capture<'a> {
    path: &'a Path,
    /// Its content, if it is standard input.
    spool: Option<files::Spool>,
    output: &'a Path,
    bar: ProgressBar,
}

impl Capture<'_> {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Input>> {
        let file = files::open_regular(path)?;
        // The file is read several times.
        self.bar.inc_length(file.metadata()?.len());
        Ok(Box::new(self.bar.wrap_read(file)))
    }
}

impl Source for Capture<'_> {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        let Some(spool) = &self.spool else { return self.open(self.path) };
        self.bar.inc_length(spool.bytes());
        Ok(Box::new(self.bar.wrap_read(spool.open())))
    }

    fn open_beside(&self, name: &str) -> io::Result<Box<dyn Input>> {
        if self.spool.is_some() {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.open(&self.path.with_file_name(name))
    }

    /// Created next to the recording, where as much space is needed anyway.
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
            problem.hint("choose a connection with --entry N")
        }
        Error::NoEntry { .. } => problem.hint("run it without --entry to list the connections"),
        Error::NoFrames(_) => {
            problem.hint("run `livetape import --help` for how to export a HAR with frames")
        }
        Error::Scratch(_) => {
            problem.hint("free some space on the disk of the recording: a temporary file there is about as large as the recording")
        }
        Error::Recording => problem.hint("play it with `livetape replay FILE`"),
        Error::Unrecognised => {
            problem.hint("run `livetape import --help` for the formats, and choose one with --format")
        }
        _ => problem.hint("run `livetape import --help` for the formats"),
    }
}

fn list(candidates: &[Candidate]) {
    for Candidate { number, url, messages } in candidates.iter().take(CANDIDATES_MAX) {
        let url = if url.is_empty() { "unknown address" } else { url };
        let s = if *messages == 1 { "" } else { "s" };
        warn(format_args!("  {number}: {}, {messages} message{s}", printable(url)));
    }
    if candidates.len() > CANDIDATES_MAX {
        warn(format_args!("  and {} more", candidates.len() - CANDIDATES_MAX));
    }
}
