//! Log of the server, as text or JSON, on stderr or in a rotated file.
//!
//! Logging never blocks: lines go through a bounded queue to a thread. Lines that do not fit the queue, or that cannot be
//! written, are counted.

mod layer;
mod line;
mod rotate;
mod writer;

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use layer::Lines;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, layer::Layer as _, layer::SubscriberExt as _, registry::Registry};
pub use writer::Guard;

use crate::{
    sans_io::error::{Code, Problem},
    settings::{Level, Log},
};

/// Target of lines about clients that connect and disconnect, and rooms they create. They are also shown next to the
/// display.
pub const CLIENTS: &str = "livetape::clients";

/// Number of lost lines, for the one log of the process.
static LOST: OnceLock<Arc<AtomicU64>> = OnceLock::new();

/// Starts the log of this process. Dropping the guard writes the queued lines. If a `display` shows failures too, only
/// errors and [`CLIENTS`] go to stderr by default.
///
/// # Errors
/// Returns `io` if the file cannot be written.
pub fn start(settings: &Log, display: bool) -> Result<Guard, Problem> {
    let started = match &settings.file {
        None => writer::start(io::stderr(), settings.format),
        Some(path) => rotate::Rotating::open(path, settings.file_bytes.0 as u64, settings.files)
            .and_then(|file| writer::start(file, settings.format)),
    };
    let (writer, guard) = started.map_err(|error| {
        let path = settings.file.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        Problem::new(Code::Io, format!("cannot write the log {path}: {error}"))
            .hint("choose another --log-file")
    })?;
    // A second start, as in tests, has no effect.
    drop(LOST.set(writer.lost()));
    let level = settings.level.unwrap_or(match (&settings.file, display) {
        (Some(_), _) => Level::Info,
        (None, false) => Level::Warn,
        (None, true) => Level::Error,
    });
    let mut filter = filter(level);
    if display && settings.level.is_none() {
        filter = filter.with_target(CLIENTS, LevelFilter::INFO);
    }
    let lines = Lines::new(settings.format, writer).with_filter(filter);
    drop(tracing::subscriber::set_global_default(Registry::default().with(lines)));
    Ok(guard)
}

/// Returns the number of lost lines.
#[must_use]
pub fn lost() -> u64 {
    LOST.get().map_or(0, |lost| lost.load(Ordering::Relaxed))
}

/// Accepts only our own lines: libraries may log secrets.
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
