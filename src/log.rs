//! Log of the server, as text or JSON, on stderr or in a rotated file.
//!
//! With JSON on stderr, all lines of the process are JSON: those of the display and errors, too, see [`line()`].
//!
//! Logging never blocks: lines go through a bounded queue to a thread. Lines that do not fit in the queue, or
//! that cannot be written, are counted.

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
    sync::{
        LazyLock, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use livetape_core::{
    error::{Code, Problem},
    event::Millis,
    recording::MAGIC,
    terminal::{Bracket, is_invisible, without_commands},
};
use livetape_engine::log_target::{CLIENTS, SECRETS, TOKENS, UNRECORDED};
use livetape_io::{
    clock,
    files::{append, open_regular},
};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    filter::Targets,
    fmt,
    layer::{Layer as _, SubscriberExt as _},
    registry::Registry,
};

use crate::settings::{Log, LogFormat};

/// Target of lines about a cluster, such as which node owns a channel: that of its crate. Unless a level is
/// set, they are always logged.
const CLUSTER: &str = "livetape_cluster";

/// Maximum number of queued lines. Lines beyond it are lost and counted.
const WAITING_LINES_MAX: usize = 4_096;
/// Maximum size of a log file before it is rotated, in bytes.
const FILE_BYTES_MAX: u64 = 10 << 20;
const OLDER_FILES_MAX: usize = 5;

/// Whether every line of the process is JSON.
static JSON: AtomicBool = AtomicBool::new(false);
/// Flags and the variable that decide it before the settings are read.
const FORMAT_FLAG: &str = "--log-format";
const FORMAT_VARIABLE: &str = "LIVETAPE_LOG_FORMAT";
const JSON_NAME: &str = "json";
const FILE_FLAG: &str = "--log-file";
const FILE_VARIABLE: &str = "LIVETAPE_LOG_FILE";
/// Commands with a log.
const LOGGING: [&str; 6] = ["live", "mock", "record", "replay", "run", "serve"];

/// Finds out whether lines must be JSON before the command line is parsed, so that errors in it are, too. Reports panics as
/// JSON then.
pub fn prepare(args: impl Iterator<Item = String>) {
    let args: Vec<_> = args.skip(1).take_while(|arg| arg != "--").collect();
    let given = format!("{FORMAT_FLAG}={JSON_NAME}");
    let is_given = args.contains(&given) || args.windows(2).any(|pair| pair == [FORMAT_FLAG, JSON_NAME]);
    let is_set = || std::env::var(FORMAT_VARIABLE).is_ok_and(|value| value == JSON_NAME);
    let logs = args
        .iter()
        .find(|arg| !arg.starts_with('-'))
        .is_some_and(|command| LOGGING.contains(&command.as_str()));
    let has_file =
        args.iter().any(|arg| arg.starts_with(FILE_FLAG)) || std::env::var_os(FILE_VARIABLE).is_some();
    if logs && !has_file && (is_given || is_set()) {
        speak_json();
    }
}

fn speak_json() {
    if !JSON.swap(true, Ordering::Relaxed) {
        std::panic::set_hook(Box::new(|panic| {
            drop(writeln!(io::stderr(), "{}", line(&now(), &format!("❌ {panic}"), &[])));
        }));
    }
}

#[must_use]
pub fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

fn now() -> String {
    Millis::from(clock::wall()).to_string()
}

/// Returns a line of the display or an error as JSON, with the keys of the log.
#[must_use]
pub fn line(timestamp: &str, message: &str, more: &[(&str, &str)]) -> String {
    let level = match message.chars().next() {
        Some('❌') => "ERROR",
        Some('⚠') => "WARN",
        _ => "INFO",
    };
    let fields = [("timestamp", timestamp), ("level", level), ("message", message)];
    let fields: serde_json::Map<_, _> =
        fields.iter().chain(more).map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    let line = escaped(&serde_json::Value::Object(fields).to_string());
    for_runner(line.trim_end(), Bracket::Escaped).into_owned()
}

/// Prints to stderr, ignoring failures, which cannot be reported.
pub fn warn(text: &str, more: &[(&str, &str)]) {
    let text =
        if is_json() { line(&now(), text, more) } else { for_runner(text, Bracket::Apart).into_owned() };
    drop(writeln!(io::stderr(), "{text}"));
}

/// Whether the runner of GitHub Actions reads what this process prints, and executes commands in it.
#[must_use]
pub fn is_read_by_runner() -> bool {
    static IS_READ: LazyLock<bool> = LazyLock::new(|| std::env::var_os("GITHUB_ACTIONS").is_some());
    *IS_READ
}

/// Returns what to print instead of a text that may contain names and output of others, so that no runner executes
/// it.
#[must_use]
pub fn for_runner(text: &str, bracket: Bracket) -> Cow<'_, str> {
    if is_read_by_runner() { without_commands(text, bracket).into() } else { text.into() }
}

/// Waits on drop, for about a second at most, until the last lines are written.
#[derive(Debug)]
pub struct Guard {
    worker: Option<WorkerGuard>,
    /// Whether to report lost lines on stderr at the end; without a file, stderr is what could not be written.
    has_file: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.worker.take());
        if self.has_file && lost() > 0 {
            warn(&format!("⚠️ The log is incomplete: {} lines lost", lost()), &[]);
        }
    }
}

/// Starts the log of this process. Dropping the guard writes the queued lines. If a `display` shows failures
/// too, only errors, [`CLIENTS`], [`SECRETS`], [`TOKENS`], [`UNRECORDED`] and lines about the cluster go to stderr by default.
///
/// # Errors
/// `io`, if the file cannot be written.
pub fn start(settings: &Log, display: bool) -> Result<Guard, Problem> {
    if settings.file.is_none() && settings.format == LogFormat::Json {
        speak_json();
    }
    let out: Box<dyn Write + Send> = match &settings.file {
        None => Box::new(io::stderr()),
        Some(path) => Box::new(Rotating::open(path, FILE_BYTES_MAX, OLDER_FILES_MAX).map_err(|error| {
            Problem::new(Code::Io, format!("cannot write the log {}: {error}", path.display()))
                .hint("choose another --log-file")
        })?),
    };
    let queue = NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES_MAX).thread_name("log");
    let (queue, worker) = queue.finish(LineWriter { out, reported: 0 });
    // A second start, as in tests, has no effect.
    drop(DROPPED.set(queue.error_counter()));
    let level = settings.level.unwrap_or(match (&settings.file, display) {
        (Some(_), _) => LevelFilter::INFO,
        (None, false) => LevelFilter::WARN,
        (None, true) => LevelFilter::ERROR,
    });
    // Only livetape's own lines, because libraries may log secrets.
    let mut filter = Targets::new().with_target("livetape", level);
    if settings.level.is_none() {
        filter = filter.with_target(CLUSTER, LevelFilter::INFO);
        if display {
            let shown = [CLIENTS, SECRETS, TOKENS, UNRECORDED].map(|target| (target, LevelFilter::INFO));
            filter = filter.with_targets(shown);
        }
    }
    let lines = fmt::layer().with_writer(queue).with_target(false);
    let lines = match settings.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    drop(tracing::subscriber::set_global_default(Registry::default().with(lines.with_filter(filter))));
    Ok(Guard { worker: Some(worker), has_file: settings.file.is_some() })
}

/// Number of lines that the queue dropped, for the one log of the process.
static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();
/// Number of lines that could not be written.
static UNWRITTEN: AtomicU64 = AtomicU64::new(0);

/// Returns the number of lost lines.
#[must_use]
pub fn lost() -> u64 {
    let dropped = DROPPED.get().map_or(0, ErrorCounter::dropped_lines);
    UNWRITTEN.load(Ordering::Relaxed).saturating_add(dropped as u64)
}

/// Writes whole lines. The thread of the queue would ignore failures, so this counts them, and reports lost
/// lines as soon as it can write again.
struct LineWriter {
    out: Box<dyn Write + Send>,
    /// Number of lost lines that the log has reported.
    reported: u64,
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = escaped(&String::from_utf8_lossy(line));
        if self.out.write_all(for_runner(&shown, Bracket::Escaped).as_bytes()).is_err() {
            UNWRITTEN.fetch_add(1, Ordering::Relaxed);
        } else if lost() > self.reported {
            self.reported = lost();
            // With the highest level, so that every filter lets it pass. It goes through the queue too, and
            // the next report includes it if it is dropped.
            tracing::error!(total = self.reported, "⚠️ Log lines are missing");
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // After an error, the thread would not end.
        drop(self.out.flush());
        Ok(())
    }
}

/// Escapes control characters, line breaks and characters that change the direction of text, so that values of
/// others cannot imitate lines. In JSON, such characters are only in strings, where this escape is valid.
fn escaped(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for c in line.trim_end_matches('\n').chars() {
        if is_invisible(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped.push('\n');
    escaped
}

/// A file that is rotated when it is full.
struct Rotating {
    path: PathBuf,
    file: File,
    length: u64,
    bytes_max: u64,
    /// Number of older files to keep, at least one.
    kept: usize,
}

impl Rotating {
    fn open(path: &Path, bytes_max: u64, kept: usize) -> io::Result<Self> {
        refuse_recording(path)?;
        let file = append(path)?;
        let length = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, length, bytes_max, kept })
    }

    fn older(&self, number: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.kept).rev() {
            if self.older(number).exists() {
                fs::rename(self.older(number), self.older(number + 1))?;
            }
        }
        fs::rename(&self.path, self.older(1))?;
        self.file = append(&self.path)?;
        self.length = 0;
        Ok(())
    }
}

/// Rejects a recording, which another file would replace or damage. Devices and pipes are not read.
pub(crate) fn refuse_recording(path: &Path) -> io::Result<()> {
    let Ok(file) = open_regular(path) else { return Ok(()) };
    let mut start = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    if start == MAGIC { Err(io::Error::other("the file is a recording")) } else { Ok(()) }
}

impl Write for Rotating {
    /// Writes a whole line, to this file or the next.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.length > 0 && self.length + line.len() as u64 > self.bytes_max {
            self.rotate()?;
        }
        self.file.write_all(line)?;
        self.length += line.len() as u64;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let line = "✅ not\na line\u{1b}[2J\r\u{202e}\"x\" \u{85}\n";
        let expected = "✅ not\\u000aa line\\u001b[2J\\u000d\\u202e\"x\" \\u0085\n";
        assert_eq!(escaped(line), expected);
    }

    #[test]
    fn a_recording_is_not_used_as_a_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("show.bin");
        for recording in [&MAGIC[..], livetape_engine::demo::DEMO_BYTES] {
            fs::write(&path, recording).unwrap();
            let error = Rotating::open(&path, 10, 2).err().unwrap();
            assert_eq!(error.to_string(), "the file is a recording");
            assert!(fs::read(&path).unwrap() == recording);
        }
        // Neither of these is a recording.
        for other in [&b""[..], &MAGIC[..7], b"a log\n"] {
            fs::write(&path, other).unwrap();
            Rotating::open(&path, 10, 2).unwrap();
        }
    }

    #[test]
    fn full_files_are_rotated_and_the_oldest_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let mut log = Rotating::open(&path, 10, 2).unwrap();
        for line in ["first\n", "second\n", "third\n", "4\n", "fifth\n", "a line longer than a file\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).ok();
        assert_eq!(read("x.log").as_deref(), Some("a line longer than a file\n"));
        assert_eq!(read("x.log.1").as_deref(), Some("fifth\n"));
        assert_eq!(read("x.log.2").as_deref(), Some("third\n4\n"));
        assert_eq!(read("x.log.3"), None);
        let mut again = Rotating::open(&path, 1_000, 2).unwrap();
        again.write_all(b"appended\n").unwrap();
        assert_eq!(read("x.log").as_deref(), Some("a line longer than a file\nappended\n"));
    }
}
