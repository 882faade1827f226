//! The log of this process.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::Layer as _, layer::SubscriberExt as _, registry::Registry};

use super::{CLIENTS, CLUSTER, Guard, LOST, TOKENS, layer::Lines, rotate, writer};
use crate::{
    sans_io::error::{Code, Problem},
    settings::{Level, Log},
};

/// Maximum size of a log file before it is rotated, in bytes.
const FILE_BYTES_MAX: u64 = 10 << 20;
/// Maximum number of rotated log files.
const OLDER_FILES_MAX: usize = 5;

/// Starts the log of this process. Dropping the guard writes the queued lines. If a `display` shows failures
/// too, only errors, [`CLIENTS`], [`TOKENS`] and lines about the cluster go to stderr by default.
///
/// # Errors
/// `io`, if the file cannot be written.
pub fn start(settings: &Log, display: bool) -> Result<Guard, Problem> {
    let started = match &settings.file {
        None => writer::start(io::stderr(), settings.format),
        Some(path) => rotate::Rotating::open(path, FILE_BYTES_MAX, OLDER_FILES_MAX)
            .and_then(|file| writer::start(file, settings.format)),
    };
    let (writer, mut guard) = started.map_err(|error| {
        let path = settings.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        Problem::new(Code::Io, format!("cannot write the log {path}: {error}"))
            .hint("choose another --log-file")
    })?;
    // Otherwise stderr is what could not be written.
    guard.tells = settings.file.is_some();
    // A second start, as in tests, has no effect.
    drop(LOST.set(writer.lost()));
    let level = settings.level.unwrap_or(match (&settings.file, display) {
        (Some(_), _) => Level::Info,
        (None, false) => Level::Warn,
        (None, true) => Level::Error,
    });
    let mut filter = filter(level);
    if settings.level.is_none() {
        filter = filter.with_target(CLUSTER, LevelFilter::INFO);
        if display {
            filter = filter.with_target(CLIENTS, LevelFilter::INFO).with_target(TOKENS, LevelFilter::INFO);
        }
    }
    let lines = Lines::new(settings.format, writer).with_filter(filter);
    drop(tracing::subscriber::set_global_default(Registry::default().with(lines)));
    Ok(guard)
}

/// Returns a filter for livetape's own lines, because libraries may log secrets.
fn filter(level: Level) -> Targets {
    let level = match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_target("livetape", level)
}
