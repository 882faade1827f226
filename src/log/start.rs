//! The log of this process.

use std::io::{self, Write as _};

use livetape_core::error::{Code, Problem};
use livetape_engine::log_target::{CLIENTS, TOKENS};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    filter::Targets, fmt, layer::Layer as _, layer::SubscriberExt as _, registry::Registry,
};

use super::{
    CLUSTER,
    rotate::Rotating,
    writer::{DROPPED, LineWriter, lost},
};
use crate::settings::{Level, Log, LogFormat};

/// Maximum number of queued lines. Lines beyond it are lost and counted.
const WAITING_LINES_MAX: usize = 4_096;
/// Maximum size of a log file before it is rotated, in bytes.
const FILE_BYTES_MAX: u64 = 10 << 20;
const OLDER_FILES_MAX: usize = 5;

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
            // A failure to print to stderr cannot be reported.
            drop(writeln!(io::stderr(), "⚠️ The log is incomplete: {} lines lost", lost()));
        }
    }
}

/// Starts the log of this process. Dropping the guard writes the queued lines. If a `display` shows failures
/// too, only errors, [`CLIENTS`], [`TOKENS`] and lines about the cluster go to stderr by default.
///
/// # Errors
/// `io`, if the file cannot be written.
pub fn start(settings: &Log, display: bool) -> Result<Guard, Problem> {
    let out: Box<dyn io::Write + Send> = match &settings.file {
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
    let lines = fmt::layer().with_writer(queue).with_target(false);
    let lines = match settings.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    };
    drop(tracing::subscriber::set_global_default(Registry::default().with(lines.with_filter(filter))));
    Ok(Guard { worker: Some(worker), has_file: settings.file.is_some() })
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
