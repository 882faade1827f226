//! Records items to a file. The code that passes them on never waits for the disk, and never gets an error.
//!
//! [`Recorder::record`] removes the secrets from an item and queues it; a thread writes it. If the disk is
//! too slow, items are dropped and a Gap record reports them. If writing fails, or another program takes the file
//! away, the recording ends there and stays readable, and [`Recorder::failure`] returns the reason.

mod files;
mod place;
mod writer_thread;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, mpsc},
    time::Duration,
};

use livetape_core::{
    error::{Code, Problem},
    recording::{Flags, Item, What, Writer, records::Header},
    redact::{redact, redact_with},
    wire::Unzipper,
};
use livetape_feed::control::RecorderQueue;
use livetape_io::files::{Disk, System};
use parking_lot::Mutex;
use tokio::sync::watch;

use files::{Parts, first_header, part_path};
use place::Placed;
use writer_thread::{Queue, WriterThread};

pub use files::{
    FLUSH_EVERY, Files, Flush, QUEUE_BYTES_MAX, QUEUE_ITEMS_MAX, RecorderOptions, Rotate, Target, check_new,
    default_path,
};
pub use livetape_core::recording::FOLDER;
pub use place::{Displaced, Rescued};
pub use writer_thread::Summary;

/// The [`Header::source`] of a recorded live room. Injected items are not recorded there.
pub const LIVE: &str = "live";
/// Maximum time that [`Recorder::finish`] waits for the disk.
pub const FINISH_WAIT: Duration = Duration::from_secs(10);

pub trait Output: Write + Send + 'static {
    /// Makes the written data survive a power failure.
    ///
    /// # Errors
    /// Errors of the device.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// Reads the data, and compares it with what was written.
    ///
    /// # Errors
    /// If it cannot be read, or is something else.
    fn read_back(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Removes the data, because it cannot be used.
    ///
    /// # Errors
    /// If it cannot be removed, or another program has written to it.
    fn discard(&self) -> io::Result<()> {
        Ok(())
    }

    /// Returns whether the data is no longer where it was to be found.
    ///
    /// # Errors
    /// If the data is no longer what was written.
    fn check(&self) -> io::Result<Option<Displaced>> {
        Ok(None)
    }

    /// Copies the data to where it can be found.
    fn rescue(&mut self, displaced: Displaced) -> Rescued {
        Rescued { message: format!("the recording {displaced}"), path: None }
    }
}

/// A recording in progress. If dropped without [`Recorder::finish`], everything queued is written, but the
/// recording is not sealed.
#[derive(Debug)]
pub struct Recorder {
    tap: Tap,
    files: Files,
    failed: watch::Receiver<Option<Problem>>,
    done: Mutex<mpsc::Receiver<Result<Summary, Problem>>>,
}

/// Input of a recorder. One recording may have any number of them.
#[derive(Clone, Debug)]
pub struct Tap {
    queue: Arc<Queue>,
    wall: Option<fn() -> Duration>,
    is_live: bool,
}

/// Monitors a recorder, even after its end, and can seal it when its owner cannot.
#[derive(Clone, Debug)]
pub struct Gauge {
    queue: Arc<Queue>,
    failed: watch::Receiver<Option<Problem>>,
}

impl RecorderQueue for Gauge {
    fn waiting(&self) -> (usize, usize) {
        self.queue.waiting()
    }

    fn lost(&self) -> u64 {
        self.queue.lost()
    }

    fn seal(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            self.queue.close(true);
            // The writer thread holds the sender until it is done.
            let _ = self.failed.clone().wait_for(|_| false).await;
        })
    }
}

impl Recorder {
    /// Creates the file and starts recording. Fills in tool, version and wall time if the `header` lacks
    /// them.
    ///
    /// # Errors
    /// [`Code::OutputExists`] (files are never overwritten) or [`Code::Io`], with the path in the message.
    pub fn start(target: &Target, header: Header, options: &RecorderOptions) -> Result<Self, Problem> {
        let disk: Arc<dyn Disk> = Arc::new(System);
        Ready::on_disk(&disk, target, header, options)?.start()
    }

    /// Starts recording to any output; `name` is its name in messages.
    ///
    /// # Errors
    /// [`Code::Io`] if the thread cannot be started, [`Code::BadRecording`] if the header is too large.
    pub fn over(
        output: impl Output,
        name: &str,
        header: Header,
        options: &RecorderOptions,
    ) -> Result<Self, Problem> {
        let files = Files::default();
        Ready::new(Box::new(output), name.to_owned(), &complete(header, options), options, (None, files))?
            .start()
    }

    /// Records an item, like [`Tap::record`].
    pub fn record(&self, item: &Item) {
        self.tap.record(item);
    }

    #[must_use]
    pub fn tap(&self) -> Tap {
        self.tap.clone()
    }

    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge { queue: Arc::clone(&self.tap.queue), failed: self.failed.clone() }
    }

    /// Returns the path of the first file; `None` if [`Recorder::start`] did not create it.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.files.paths().into_iter().next()
    }

    /// Returns the list of files, which grows with the recording.
    #[must_use]
    pub fn files(&self) -> Files {
        self.files.clone()
    }

    /// Returns why recording has stopped; `None` while it works. `recording_full` is not a failure:
    /// [`Recorder::finish`] succeeds.
    #[must_use]
    pub fn failure(&self) -> Option<Problem> {
        self.failed.borrow().clone()
    }

    /// Watches for a failure: becomes `Some` at most once, and closes when the recording ends.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Problem>> {
        self.failed.clone()
    }

    /// Writes everything queued and seals the recording. Blocks until the disk is done, at most
    /// [`FINISH_WAIT`]; in async code, call it on a thread for blocking work. Items recorded through a
    /// [`Tap`] after this are dropped.
    ///
    /// # Errors
    /// Same as [`Recorder::failure`], or [`Code::Io`] if the disk does not respond. Data already written is
    /// kept.
    pub fn finish(self) -> Result<Summary, Problem> {
        self.finish_within(FINISH_WAIT)
    }

    /// Like [`Recorder::finish`], but waits at most `longest`.
    ///
    /// # Errors
    /// Same as [`Recorder::finish`].
    pub fn finish_within(self, longest: Duration) -> Result<Summary, Problem> {
        self.tap.queue.close(true);
        let done = self.done.lock();
        done.recv_timeout(longest).unwrap_or_else(|error| {
            let what = match error {
                mpsc::RecvTimeoutError::Timeout => "the disk does not respond: the recording is not sealed",
                mpsc::RecvTimeoutError::Disconnected => {
                    "the recorder has stopped: the recording is not sealed"
                }
            };
            Err(Problem::new(Code::Io, what))
        })
    }
}

/// A recording whose thread is not running yet.
struct Ready {
    tap: Tap,
    writer_thread: WriterThread,
    /// Name of the output in messages.
    name: String,
    files: Files,
}

impl Ready {
    /// Creates the file, or that of the first part.
    fn on_disk(
        disk: &Arc<dyn Disk>,
        target: &Target,
        header: Header,
        options: &RecorderOptions,
    ) -> Result<Self, Problem> {
        let header = complete(header, options);
        let first = |path: &Path| options.rotate.map_or_else(|| path.to_owned(), |_| part_path(path, 0));
        let (file, path) = files::create(&**disk, target, first)?;
        let (name, files) = (path.display().to_string(), Files::default());
        files.add(first(&path));
        let (header, parts) = match options.rotate {
            None => (header, None),
            Some(rotate) => {
                let header = first_header(header);
                let parts = Parts::new(Arc::clone(disk), rotate, path.clone(), files.clone(), &header);
                (header, Some(parts))
            }
        };
        let file = Placed::new(Arc::clone(disk), first(&path), file);
        let ready = Self::new(Box::new(file), name, &header, options, (parts, files));
        ready.inspect_err(|_| drop(disk.remove(&first(&path))))
    }

    fn new(
        output: Box<dyn Output>,
        name: String,
        header: &Header,
        options: &RecorderOptions,
        (parts, files): (Option<Parts>, Files),
    ) -> Result<Self, Problem> {
        let queue = Arc::new(Queue::new(options));
        let tap = Tap { queue: queue.clone(), wall: options.wall, is_live: header.source == LIVE };
        let writer = Writer::new(io::BufWriter::with_capacity(files::BUFFER_BYTES, output), header)
            .map_err(|error| Problem::new(error.code(), format!("cannot write {name}: {error}")))?;
        let writer_thread = WriterThread::new(writer, queue, header, options, (parts, files.clone()));
        Ok(Self { tap, writer_thread, name, files })
    }

    fn start(self) -> Result<Recorder, Problem> {
        let Self { tap, writer_thread, name, files } = self;
        let (failing, failed) = watch::channel(None);
        let (finished, done) = mpsc::sync_channel(1);
        let work = move || {
            let result = writer_thread.run(&name);
            failing.send_replace(match &result {
                Ok(summary) => summary.is_full.then(|| full(summary)),
                Err(problem) => Some(problem.clone()),
            });
            // Nobody receives this if the recorder was dropped.
            let _ = finished.send(result);
        };
        let spawned = std::thread::Builder::new().name("recorder".into()).spawn(work);
        spawned.map_err(|error| Problem::new(Code::Io, format!("cannot start the recorder: {error}")))?;
        Ok(Recorder { tap, files, failed, done: Mutex::new(done) })
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.tap.queue.close(false);
    }
}

impl Tap {
    /// Records an item without its secrets. Never waits or fails: if the queue is full, the item is dropped
    /// and a Gap reports it. Also skips records that the recorder writes itself (Header, ClockAnchor,
    /// Checkpoint, End) and, for live rooms, injected items.
    pub fn record(&self, item: &Item) {
        self.record_with(item, &mut Unzipper::default());
    }

    /// Like [`Tap::record`], with an unzipper that the caller reuses for the same item.
    pub fn record_with(&self, item: &Item, unzipper: &mut Unzipper) {
        let is_ours =
            matches!(item.what, What::Header(_) | What::ClockAnchor(_) | What::Checkpoint(_) | What::End(_));
        if is_ours || (self.is_live && item.flags.is_injected()) || self.queue.is_closed() {
            return;
        }
        let wall = self.wall.map(|wall| wall());
        self.queue.push(redact_with(item.clone(), unzipper), wall);
    }
}

fn full(summary: &Summary) -> Problem {
    Problem::new(Code::RecordingFull, format!("the recording has {} bytes, its maximum", summary.bytes))
}

fn complete(header: Header, options: &RecorderOptions) -> Header {
    let what = What::Header(Box::new(header));
    let item = redact(Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what });
    let What::Header(mut header) = item.what else { return Header::default() };
    if header.tool.is_empty() {
        header.tool = "livetape".to_owned();
        header.tool_version = env!("CARGO_PKG_VERSION").to_owned();
    }
    if header.wall_anchor_ns.is_none() {
        header.wall_anchor_ns = options.wall.map(|wall| writer_thread::nanoseconds(wall()));
    }
    *header
}

#[cfg(test)]
mod tests;
