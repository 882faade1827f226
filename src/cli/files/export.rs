//! `livetape export` and `livetape as-scenario`: convert recordings to other formats.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use livetape_core::{
    error::{Problem, exit},
    recording,
};
use livetape_engine::source::{Tape, unreadable};
use livetape_mock::Scenario;
use livetape_tools::export::{self, Exported};

use crate::cli::{
    args,
    options::config::tape,
    process::output::{
        Failure, FileFate, Written, cannot_write, loss_code, progress, report_loss, say, shown, warn, write,
    },
};

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
        Some(path) => from_folder_of(&output, path),
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
fn from_folder_of(scenario: &Path, recording: &Path) -> String {
    let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let same = !is_stdout(scenario) && folder(scenario) == folder(recording);
    let name = recording.file_name().filter(|_| same).map(PathBuf::from);
    let path =
        name.unwrap_or_else(|| std::path::absolute(recording).unwrap_or_else(|_| recording.to_owned()));
    path.to_string_lossy().into_owned()
}

/// Returns the recording's path with another ending; for the built-in recording, in the current directory.
fn beside(tape: &Tape, ending: &str) -> PathBuf {
    tape.path().map_or_else(|| PathBuf::from(&tape.name), Path::to_owned).with_extension(ending)
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}
