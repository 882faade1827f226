//! Output of commands: stdout, stderr, and files that get their name when they are complete.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf, absolute},
};

use indicatif::{ProgressBar, ProgressStyle};
use livetape_core::{
    error::{Code, Problem, exit},
    json,
    recording::{self, Loss},
    terminal::{Bracket, is_invisible, printable},
};
use livetape_io::files;
use livetape_tools::edit;
use serde::Serialize;
use terminal_size::{Height, Width, terminal_size_of};

use super::signals;
use crate::{cli::usage::has_flag, log, mask};

/// Reason for an incomplete file.
pub(crate) enum Failure {
    /// It cannot be created: no file is left behind.
    Refused(Problem),
    /// The disk failed: the part that was written is kept.
    Broke(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broke(error.to_string())
    }
}

impl From<recording::Error> for Failure {
    fn from(error: recording::Error) -> Self {
        match error {
            recording::Error::Write(_) | recording::Error::Failed => Self::Broke(error.to_string()),
            _ => Self::Refused(Problem::new(error.code(), error)),
        }
    }
}

impl From<edit::Error> for Failure {
    fn from(error: edit::Error) -> Self {
        match error {
            edit::Error::Recording(error) => error.into(),
            error => Self::Refused(error.into()),
        }
    }
}

/// Outcome of writing a file.
pub(crate) enum Written<T> {
    /// The file is complete.
    Whole(T),
    /// The file was not needed.
    Dropped(T),
    /// The disk failed, and the failure was printed; holds the exit code.
    Broken(u8),
}

/// Whether to keep a complete file.
pub(crate) enum FileFate<T> {
    Keep(T),
    Drop(T),
}

/// Creates a file that takes its name when it is complete. A signal that ends the process removes it.
pub(crate) fn draft(path: &Path, force: bool) -> Result<files::Draft, Problem> {
    signals::remove_draft_at_signal();
    files::Draft::new(path, force).map_err(|error| file_problem(&error))
}

/// Creates a file that takes the place of one of which it is a changed copy. Read that afterwards.
pub(crate) fn draft_of_changed(path: &Path) -> Result<files::Draft, Problem> {
    signals::remove_draft_at_signal();
    files::Draft::of_changed(path).map_err(|error| file_problem(&error))
}

/// Writes a file that takes its name when it is complete.
pub(crate) fn write<T>(
    path: &Path,
    force: bool,
    work: impl FnOnce(&mut BufWriter<&mut files::Draft>) -> Result<FileFate<T>, Failure>,
) -> Result<Written<T>, Problem> {
    write_to(draft(path, force)?, path, work)
}

/// Writes the draft of a file.
pub(crate) fn write_to<T>(
    draft: files::Draft,
    path: &Path,
    work: impl FnOnce(&mut BufWriter<&mut files::Draft>) -> Result<FileFate<T>, Failure>,
) -> Result<Written<T>, Problem> {
    match write_draft(draft, work)? {
        Drafted::Kept(value) => Ok(Written::Whole(value)),
        Drafted::Dropped(value) => Ok(Written::Dropped(value)),
        Drafted::Broken { error, partial } => {
            let left = match partial {
                Some(partial) => format!("the part written so far is {}", partial.display()),
                None => "no file was written".to_owned(),
            };
            let path = path.display();
            warn(format_args!("❌ cannot write {path}: {error}\n💡 check that the disk is not full; {left}"));
            Ok(Written::Broken(exit::LOST))
        }
    }
}

/// What became of a draft.
pub(crate) enum Drafted<T> {
    Kept(T),
    Dropped(T),
    /// The disk failed. The part that was written may have been kept.
    Broken {
        error: String,
        partial: Option<PathBuf>,
    },
}

/// Writes a draft, and gives it its name when it is complete.
pub(crate) fn write_draft<T>(
    mut draft: files::Draft,
    work: impl FnOnce(&mut BufWriter<&mut files::Draft>) -> Result<FileFate<T>, Failure>,
) -> Result<Drafted<T>, Problem> {
    let mut out = BufWriter::new(&mut draft);
    let result = work(&mut out).and_then(|verdict| {
        out.flush()?;
        Ok(verdict)
    });
    // A failed flush must not be retried on drop.
    drop(out.into_parts());
    match result {
        Ok(FileFate::Keep(value)) => {
            draft.keep().map_err(|error| file_problem(&error))?;
            Ok(Drafted::Kept(value))
        }
        Ok(FileFate::Drop(value)) => Ok(Drafted::Dropped(value)),
        Err(Failure::Refused(problem)) => Err(problem),
        Err(Failure::Broke(error)) => Ok(Drafted::Broken { error, partial: draft.keep_partial() }),
    }
}

/// Prints a failure and its hint, and returns the exit code.
pub(crate) fn complain(problem: &Problem) -> u8 {
    let message = printable(&mask::addresses(&problem.message));
    let hint = problem.code.terminal_hint(&problem.hint, has_flag);
    // At once, so that no line of the log comes between them.
    match printable(hint).as_str() {
        hint if log::is_json() => {
            log::warn(&format!("❌ {message}"), &[("code", problem.code.name()), ("hint", hint)]);
        }
        "" => warn(fitted(&format!("❌ {message}"), terminal_size_of(io::stderr()))),
        hint => warn(fitted(&format!("❌ {message}\n💡 {hint}"), terminal_size_of(io::stderr()))),
    }
    problem.code.exit_code()
}

/// Returns a progress bar, which is only shown if stderr is a terminal.
pub(crate) fn progress(bytes: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}");
    ProgressBar::new(bytes).with_style(style.expect("a constant template"))
}

/// Prints to stdout. A closed stdout is not an error.
pub(crate) fn say(text: impl fmt::Display) -> Result<(), Problem> {
    flushed(io::stdout().write_all(log::for_runner(&text.to_string(), Bracket::Apart).as_bytes()))
}

/// Indentation of details in a report.
const DETAILS: &str = "        ";

/// Prints lines for people to stdout. In a terminal, those that are too long go on below, indented like details; but not
/// commands, which people copy, also in backticks, nor quoted output.
pub(crate) fn say_lines(text: &str) -> Result<(), Problem> {
    say(fitted(text, terminal_size_of(io::stdout())) + "\n")
}

/// Wraps lines for people to a terminal of this size, if there is one, as [`say_lines`] does.
pub(super) fn fitted(text: &str, size: Option<(Width, Height)>) -> String {
    wrapped(text, size.map_or(usize::MAX, |(Width(columns), _)| columns.into()))
}

fn wrapped(text: &str, columns: usize) -> String {
    let options = textwrap::Options::new(columns)
        .subsequent_indent(DETAILS)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    let is_whole = |line: &str| ["again: ", "| "].iter().any(|start| line.trim_start().starts_with(start));
    let lines = text
        .lines()
        .map(|line| if is_whole(line) { line.to_owned() } else { textwrap::fill(&glued(line), &options) });
    Vec::from_iter(lines).join("\n").replace(GLUE, " ")
}

/// A space at which no line ends.
const GLUE: &str = "\u{a0}";

/// Keeps what is in backticks on one line.
fn glued(line: &str) -> String {
    let parts = line.split('`').zip([false, true].into_iter().cycle());
    let parts = parts.map(|(part, is_code)| if is_code { part.replace(' ', GLUE) } else { part.to_owned() });
    Vec::from_iter(parts).join("`")
}

/// Prints a report as JSON to stdout.
pub(crate) fn say_json(report: &impl Serialize) -> Result<(), Problem> {
    let json = serde_json::to_string_pretty(report).expect("all keys are strings");
    flushed(writeln!(io::stdout(), "{}", log::for_runner(&json::escaped(json), Bracket::Escaped)))
}

/// Returns a value as a line of JSON.
pub(crate) fn json_line(value: &impl Serialize) -> String {
    let json = json::escaped(serde_json::to_string(value).expect("all keys are strings"));
    log::for_runner(&json, Bracket::Escaped).into_owned() + "\n"
}

/// Prints workflow commands, if GitHub Actions runs this.
pub(crate) fn say_commands(commands: &str) {
    if log::is_read_by_runner() {
        drop(io::stderr().write_all(commands.as_bytes()));
    }
}

/// Prints the report on a new file, for people or as JSON.
pub(crate) fn say_made<T: Serialize + fmt::Display>(
    path: &Path,
    report: &T,
    json: bool,
) -> Result<(), Problem> {
    /// A report with the path of the file.
    #[derive(Serialize)]
    struct Made<'a, T> {
        file: String,
        #[serde(flatten)]
        report: &'a T,
    }
    if json {
        return say_json(&Made { file: path.to_string_lossy().into_owned(), report });
    }
    say(format!("📼 {}\n{report}", shown(path)))
}

/// Flushes stdout after it was `written`. A closed stdout is not an error.
pub(crate) fn flushed(written: io::Result<()>) -> Result<(), Problem> {
    match written.and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| cannot_write(&error)),
    }
}

/// Reports on stderr what is missing in the recording `name`, and returns the exit code.
pub(crate) fn report_loss(name: &str, loss: Loss) -> u8 {
    if loss.is_some() {
        warn(format_args!("⚠️ {} is incomplete: {loss}", printable(name)));
    }
    loss_code(loss)
}

/// Returns the exit code of a command that found `loss`.
pub(crate) fn loss_code(loss: Loss) -> u8 {
    if loss.is_some() { exit::LOST } else { exit::DONE }
}

/// Returns a path without control characters, for the terminal.
pub(crate) fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// Returns how bash, or cmd.exe on Windows, sets variables before a command.
pub(crate) fn assignments(variables: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| match cfg!(windows) {
        true => format!("set \"{name}={}\"&", printable(value)),
        false => format!("{name}={}", quoted(value)),
    };
    Vec::from_iter(variables.iter().map(one)).join(" ")
}

/// Quotes a word for the shells of this system, in one line that shows all its characters.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+".contains(c) || cfg!(windows) && c == '\\';
    // In double quotes, all others mean themselves to bash, PowerShell and cmd.exe.
    let is_special = |c: char| "\"$`\\!%".contains(c) || is_invisible(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else if !word.contains(is_special) {
        format!("\"{word}\"")
    } else if cfg!(windows) {
        quoted_for_cmd(word)
    } else {
        quoted_for_bash(word)
    }
}

fn quoted_for_bash(word: &str) -> String {
    if !word.contains(is_invisible) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let escaped = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if is_invisible(c) => {
            String::from_iter(c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("\\x{byte:02x}")))
        }
        c => c.to_string(),
    };
    format!("$'{}'", String::from_iter(word.chars().map(escaped)))
}

/// Quotes a word for cmd.exe and the programs that it starts. Line breaks, which it cannot take, become spaces.
fn quoted_for_cmd(word: &str) -> String {
    let (mut line, mut backslashes) = (String::from("\""), 0);
    for c in word.chars().map(|c| if is_invisible(c) { ' ' } else { c }) {
        // Before a quote, programs read two backslashes as one.
        if c == '"' {
            line.extend(std::iter::repeat_n('\\', backslashes + 1));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        line.push(c);
    }
    line.extend(std::iter::repeat_n('\\', backslashes));
    line + "\""
}

/// Builds the error of a failed write to stdout. It exits with 3, like an incomplete file, because stdout is
/// often redirected to a file.
pub(crate) fn cannot_write(error: &io::Error) -> Problem {
    Problem::new(Code::OutputIncomplete, format!("cannot write to stdout: {error}"))
}

/// Checks that no file is named twice: one would replace the other.
pub(crate) fn check_apart<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> Result<(), Problem> {
    let mut known = BTreeSet::new();
    for path in paths {
        if !known.insert(path.canonicalize().or_else(|_| absolute(path)).unwrap_or_else(|_| path.clone())) {
            let message = format!("{} is named twice", shown(path));
            return Err(Problem::new(Code::BadRequest, message).hint("use a file of its own for each"));
        }
    }
    Ok(())
}

pub(crate) fn file_problem(error: &files::Error) -> Problem {
    let code = match error {
        files::Error::Exists { .. } => Code::OutputExists,
        files::Error::Busy { .. } => Code::RecordingBusy,
        files::Error::Missing { .. }
        | files::Error::NoParent { .. }
        | files::Error::Directory { .. }
        | files::Error::Irregular { .. } => Code::BadCapture,
        files::Error::Dash | files::Error::TooLong { .. } | files::Error::Unportable { .. } => {
            Code::BadRequest
        }
        files::Error::Irreplaceable { .. }
        | files::Error::NoPermission { .. }
        | files::Error::Other { .. } => Code::Io,
    };
    Problem::new(code, error).hint(error.hint())
}

/// Number of SIGXFSZ on every supported system.
#[cfg(unix)]
const SIGXFSZ: i32 = 25;

/// Makes writes beyond the limit fail, as on a full disk. By default the system would kill the process and
/// leave the recording unsealed.
pub(crate) fn fail_writes_beyond() {
    // A process with a handler is not killed, even after the runtime that installed the handler is dropped.
    // If it cannot be installed, the default applies.
    #[cfg(unix)]
    if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() {
        let _entered = runtime.enter();
        drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(SIGXFSZ)));
    }
}

/// Prints to stderr, as JSON if the log is.
pub(crate) fn warn(text: impl fmt::Display) {
    log::warn(&text.to_string(), &[]);
}
