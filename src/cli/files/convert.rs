//! `livetape import` converts a capture to a recording; `livetape export` and `livetape as-scenario` convert recordings to other
//! formats.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use indicatif::ProgressBar;
use livetape_core::{
    error::{Code, Problem, exit},
    recording,
    terminal::printable,
};
use livetape_engine::source::{STDIN, Tape, unreadable};
use livetape_io::files;
use livetape_mock::Scenario;
use livetape_tools::{
    export::{self, Exported},
    import::{Candidate, Error, ImportOptions, ImportReport, Input, RATE, Scratch, Source, import_capture},
};

use super::look::{stem, valid_user};
use crate::cli::{
    args,
    options::config::{stdin, tape},
    process::output::{
        Drafted, Failure, FileFate, Written, cannot_write, draft, file_problem, loss_code, progress,
        report_loss, say, say_made, shown, warn, write, write_draft,
    },
    serve::mock::unicode,
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
        Drafted::Kept(report) | Drafted::Dropped(report) => conclude(&output, &report, args),
        Drafted::Broken { error, partial } => {
            let left = match partial {
                Some(partial) => {
                    say(format!("📼 {}\n", shown(&partial)))?;
                    "the part written so far can be replayed"
                }
                None => "no file was written",
            };
            warn(format_args!(
                "⚠️ The recording is incomplete: {error}\n💡 check that the disk is not full; {left}"
            ));
            Ok(exit::LOST)
        }
    }
}

fn conclude(output: &Path, report: &ImportReport, args: &args::Import) -> Result<u8, Problem> {
    say_made(output, report, args.json)?;
    if report.clock_steps > 0 {
        warn(format_args!("💡 keep the captured times with `{}`", again(args, output, "--keep-clock")));
    }
    if report.silences > 0 && args.idle_limit.is_none() {
        warn(format_args!("💡 cut the silence with `{}`", again(args, output, "--idle-limit 10s")));
    }
    Ok(if report.is_lossy() { exit::LOST } else { exit::DONE })
}

/// Returns the command that imports the capture again, with another flag.
fn again(args: &args::Import, output: &Path, flag: &str) -> String {
    let quoted = |path: &Path| {
        let text = path.display().to_string();
        let is_plain = |c: char| c.is_alphanumeric() || "/\\:._-".contains(c);
        if text.chars().all(is_plain) { text } else { format!("\"{text}\"") }
    };
    let mut command = format!("livetape import {} -o {} --force", quoted(&args.file), quoted(output));
    let options = [
        args.user.as_ref().map(|user| format!("--user {user}")),
        args.room.map(|room| format!("--room {room}")),
        args.format.map(|format| format!("--format {}", format.row().name)),
        (args.rate.to_bits() != RATE.to_bits()).then(|| format!("--rate {}", args.rate)),
        args.keep_clock.then(|| "--keep-clock".to_owned()),
        args.idle_limit.map(|limit| format!("--idle-limit {}ms", limit.as_millis())),
    ];
    let entries = args.entries.iter().map(|entry| format!("--entry {entry}"));
    for option in options.into_iter().flatten().chain(entries).chain([flag.to_owned()]) {
        command = format!("{command} {option}");
    }
    command
}

fn options(args: &args::Import, named: &Path) -> Result<ImportOptions, Problem> {
    Ok(ImportOptions {
        user: args.user.as_deref().map(valid_user).transpose()?,
        room_id: args.room,
        name: stem(named),
        format: args.format,
        entries: args.entries.clone(),
        rate: args.rate,
        keep_clock: args.keep_clock,
        idle_limit: args.idle_limit,
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
    fn count(&self, file: File) -> io::Result<Box<dyn Input>> {
        // The file is read several times.
        self.bar.inc_length(file.metadata()?.len());
        Ok(Box::new(self.bar.wrap_read(file)))
    }
}

impl Source for Capture<'_> {
    fn open(&self) -> io::Result<Box<dyn Input>> {
        let Some(spool) = &self.spool else { return self.count(files::open_regular(self.path)?) };
        self.bar.inc_length(spool.bytes());
        Ok(Box::new(self.bar.wrap_read(spool.open())))
    }

    fn open_beside(&self, name: &str) -> io::Result<Box<dyn Input>> {
        if self.spool.is_some() {
            return Err(io::ErrorKind::NotFound.into());
        }
        // The capture names it, and may come from somebody else.
        self.count(files::open_inside(&self.path.with_file_name(name))?)
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
        Error::Events(producer) => problem.hint(producer.hint()),
        Error::Undecodable(_) => {
            problem.hint("export the frames again from a program that keeps binary messages, such as Chrome")
        }
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
    for Candidate { number, url, messages, events_of } in candidates.iter().take(CANDIDATES_MAX) {
        let url = if url.is_empty() { "unknown address" } else { url };
        let s = if *messages == 1 { "" } else { "s" };
        let what = events_of.map(|producer| format!(": decoded events of {producer}")).unwrap_or_default();
        warn(format_args!("  {number}: {}, {messages} message{s}{what}", printable(url)));
    }
    if candidates.len() > CANDIDATES_MAX {
        warn(format_args!("  and {} more", candidates.len() - CANDIDATES_MAX));
    }
}

pub(crate) fn export(args: &args::Export) -> Result<u8, Problem> {
    let tape = tape(&args.flags, &args.recording)?;
    let ending = match args.form {
        args::Form::Har => "har",
        args::Form::Jsonl => "jsonl",
    };
    let output = args.output.clone().unwrap_or_else(|| beside(&tape, ending));
    if is_stdout(&output) {
        let exported = match export_to(args, &tape, io::stdout().lock()) {
            Err(export::Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(exit::DONE);
            }
            result => result.map_err(|error| problem(&tape, error))?,
        };
        warn(exported.to_string().trim_end());
        return Ok(loss_code(exported.loss));
    }
    let written = write(&output, args.force, |out| match export_to(args, &tape, out) {
        Err(export::Error::Write(error)) => Err(error.into()),
        result => Ok(FileFate::Keep(result.map_err(|error| Failure::Refused(problem(&tape, error)))?)),
    })?;
    match written {
        Written::Broken(code) => Ok(code),
        Written::Whole(exported) | Written::Dropped(exported) => {
            say(format!("📼 {}\n{exported}", shown(&output)))?;
            Ok(loss_code(exported.loss))
        }
    }
}

fn export_to(args: &args::Export, tape: &Tape, out: impl Write) -> Result<Exported, export::Error> {
    let bar = progress(tape.bytes());
    let open = || {
        // The file was opened before, so a failure now is one of the disk.
        let input =
            tape.open().map_err(|problem| recording::Error::Read(io::Error::other(problem.message)))?;
        bar.set_position(0);
        Ok::<_, recording::Error>(bar.wrap_read(input))
    };
    let exported = match args.form {
        args::Form::Har => export::har(open, out),
        args::Form::Jsonl => export::jsonl(open()?, out),
    };
    bar.finish_and_clear();
    exported
}

fn problem(tape: &Tape, error: export::Error) -> Problem {
    match error {
        export::Error::Recording(error) => unreadable(&tape.name, &error),
        export::Error::Write(error) => cannot_write(&error),
    }
}

pub(crate) fn as_scenario(args: &args::AsScenario) -> Result<u8, Problem> {
    let tape = tape(&args.flags, &args.recording)?;
    let output = args.output.clone().unwrap_or_else(|| beside(&tape, "toml"));
    let recording = match tape.path() {
        None => tape.name.clone(),
        Some(path) => from_folder_of(&output, path)?,
    };
    let made =
        Scenario::of_recording(tape.open()?, &recording).map_err(|error| unreadable(&tape.name, &error))?;
    let text = made.to_string();
    if is_stdout(&output) {
        say(text)?;
        return Ok(report_loss(&tape.name, made.loss));
    }
    let written = write(&output, args.force, |out| {
        out.write_all(text.as_bytes())?;
        Ok(FileFate::Keep(()))
    })?;
    if let Written::Broken(code) = written {
        return Ok(code);
    }
    say(format!("🎭 {}\n", shown(&output)))?;
    for note in &made.notes {
        say(format!("⚠️ {note}\n"))?;
    }
    Ok(report_loss(&tape.name, made.loss))
}

/// Returns the path of a recording relative to the folder of the scenario, or else absolute.
fn from_folder_of(scenario: &Path, recording: &Path) -> Result<String, Problem> {
    let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let same = !is_stdout(scenario) && folder(scenario) == folder(recording);
    let name = recording.file_name().filter(|_| same).map(PathBuf::from);
    let path =
        name.unwrap_or_else(|| std::path::absolute(recording).unwrap_or_else(|_| recording.to_owned()));
    unicode(&path)
}

/// Returns the recording's path with another ending; for the built-in recording, in the current directory.
pub(super) fn beside(tape: &Tape, ending: &str) -> PathBuf {
    tape.path().map_or_else(|| PathBuf::from(&tape.name), Path::to_owned).with_extension(ending)
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}
