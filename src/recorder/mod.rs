//! Tap → file: what goes by is recorded, and whoever passes it on is never held up and never fails because of it.
//!
//! [`Recorder::record`] takes the secrets out of an item and queues it; a thread writes. If the disk is too slow, items
//! are left out and a Gap record tells of them. If it fails, the recording ends there, stays readable, and
//! [`Recorder::failure`] tells why.

mod anchors;
mod name;
mod options;
mod parts;
mod queue;
mod writer_thread;

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use tokio::sync::watch;

pub use name::{Target, default_path};
pub use options::{FLUSH_EVERY, Flush, QUEUE_BYTES_MAX, QUEUE_ITEMS_MAX, RecorderOptions};
pub use parts::Files;
pub use writer_thread::Summary;

pub use crate::settings::{FOLDER, Rotate, SYNC_EVERY, Sync};
use crate::{
    clock,
    sans_io::{
        error::{Code, Problem},
        recording::{Flags, Item, What, Writer, records::Header},
        redact::{redact, redact_with},
        wire::Unzipper,
    },
};
use parts::{Parts, first_header, part_path};
use queue::Queue;
use writer_thread::WriterThread;

/// The [`Header::source`] of what was recorded of a live room: nothing injected goes into such a recording.
pub const LIVE: &str = "live";
/// Longest time that [`Recorder::finish`] waits for the disk.
pub const FINISH_WAIT: Duration = Duration::from_secs(10);

/// Where a recording goes.
pub trait Output: Write + Send + 'static {
    /// Makes what was written outlast a power cut.
    ///
    /// # Errors
    /// Those of the device.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Output for File {
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A recording that is being made. Dropped without [`Recorder::finish`], it is written to the end, but not sealed.
#[derive(Debug)]
pub struct Recorder {
    tap: Tap,
    files: Files,
    failed: watch::Receiver<Option<Problem>>,
    done: Mutex<mpsc::Receiver<Result<Summary, Problem>>>,
}

/// What items are put in at; as many as are needed for one recording.
#[derive(Clone, Debug)]
pub struct Tap {
    queue: Arc<Queue>,
    wall: Option<fn() -> Duration>,
    is_live: bool,
}

/// Shows how a recorder keeps up, also after its end; and seals it where its owner cannot.
#[derive(Clone, Debug)]
pub struct Gauge {
    queue: Arc<Queue>,
    failed: watch::Receiver<Option<Problem>>,
}

impl Gauge {
    /// How many items wait for the disk, and how many bytes they have.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        self.queue.waiting()
    }

    /// How many items were left out.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.queue.lost()
    }

    /// Ends the recording, and waits until it is sealed or has failed: for a process that exits at once.
    pub async fn seal(&self) {
        self.queue.close(true);
        // The thread that writes holds the other end until it is done.
        let _ = self.failed.clone().wait_for(|_| false).await;
    }
}

impl Recorder {
    /// Makes the file and starts to record. What `header` does not say of tool, version and wall time is filled in.
    ///
    /// # Errors
    /// [`Code::OutputExists`] (nothing is ever overwritten) or [`Code::Io`], with the path in the message.
    pub fn start(target: &Target, header: Header, options: &RecorderOptions) -> Result<Self, Problem> {
        let header = complete(header, options);
        let Some(rotate) = options.rotate else {
            let (file, path) = name::create(target, options.sync, Path::to_owned)?;
            let recorder = Self::begin(Box::new(file), &path.display().to_string(), &header, options, None)?;
            recorder.files.add(path);
            return Ok(recorder);
        };
        let (file, path) = name::create(target, options.sync, |path| part_path(path, 0))?;
        let (header, files) = (first_header(header), Files::default());
        files.add(part_path(&path, 0));
        let name = path.display().to_string();
        let parts = Parts::new((rotate, options.sync), path, files.clone(), &header);
        let mut recorder = Self::begin(Box::new(file), &name, &header, options, Some(parts))?;
        recorder.files = files;
        Ok(recorder)
    }

    /// Starts to record to anything that can be written to; `name` stands in messages.
    ///
    /// # Errors
    /// [`Code::Io`] if there is no thread for it, [`Code::BadRecording`] if the header is too large.
    pub fn over(
        output: impl Output,
        name: &str,
        header: Header,
        options: &RecorderOptions,
    ) -> Result<Self, Problem> {
        Self::begin(Box::new(output), name, &complete(header, options), options, None)
    }

    fn begin(
        output: Box<dyn Output>,
        name: &str,
        header: &Header,
        options: &RecorderOptions,
        parts: Option<Parts>,
    ) -> Result<Self, Problem> {
        let queue = Arc::new(Queue::new(options));
        let tap = Tap { queue: queue.clone(), wall: options.wall, is_live: header.source == LIVE };
        let writer = Writer::new(io::BufWriter::with_capacity(options::BUFFER_BYTES, output), header)
            .map_err(|error| Problem::new(error.code(), format!("cannot write {name}: {error}")))?;
        let writer_thread = WriterThread::new(writer, queue, header, options, parts);
        let (failing, failed) = watch::channel(None);
        let (finished, done) = mpsc::sync_channel(1);
        let name = name.to_owned();
        let work = move || {
            let result = writer_thread.run(&name);
            failing.send_replace(match &result {
                Ok(summary) => summary.is_full.then(|| full(summary)),
                Err(problem) => Some(problem.clone()),
            });
            // Nobody waits for it if the recorder was dropped.
            let _ = finished.send(result);
        };
        let spawned = std::thread::Builder::new().name("recorder".into()).spawn(work);
        spawned.map_err(|error| Problem::new(Code::Io, format!("cannot start the recorder: {error}")))?;
        Ok(Self { tap, files: Files::default(), failed, done: Mutex::new(done) })
    }

    /// Records an item, as [`Tap::record`].
    pub fn record(&self, item: &Item) {
        self.tap.record(item);
    }

    /// Another end to put items in at.
    #[must_use]
    pub fn tap(&self) -> Tap {
        self.tap.clone()
    }

    /// How it keeps up.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge { queue: Arc::clone(&self.tap.queue), failed: self.failed.clone() }
    }

    /// The first file; `None` if it is not one that [`Recorder::start`] made.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.files.paths().into_iter().next()
    }

    /// All files, also those that are yet to come.
    #[must_use]
    pub fn files(&self) -> Files {
        self.files.clone()
    }

    /// Why nothing more is recorded; `None` as long as all is well. `recording_full` is no failure: [`Recorder::finish`]
    /// succeeds.
    #[must_use]
    pub fn failure(&self) -> Option<Problem> {
        self.failed.borrow().clone()
    }

    /// To wait for a failure: it becomes `Some` once, and is closed when the recording is.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Problem>> {
        self.failed.clone()
    }

    /// Writes what is queued and seals the recording. Blocks for as long as the disk takes, [`FINISH_WAIT`] at most: in
    /// async code it belongs on a thread for blocking work. What is recorded at a [`Tap`] from now on is left out.
    ///
    /// # Errors
    /// What [`Recorder::failure`] tells, or [`Code::Io`] if the disk does not answer; what was written before is kept.
    pub fn finish(self) -> Result<Summary, Problem> {
        self.finish_within(FINISH_WAIT)
    }

    /// As [`Recorder::finish`], but waits no longer than `longest`.
    ///
    /// # Errors
    /// As [`Recorder::finish`].
    pub fn finish_within(self, longest: Duration) -> Result<Summary, Problem> {
        self.tap.queue.close(true);
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.recv_timeout(longest).unwrap_or_else(|error| {
            let what = match error {
                mpsc::RecvTimeoutError::Timeout => "the disk does not answer: the recording is not sealed",
                mpsc::RecvTimeoutError::Disconnected => {
                    "the recorder has stopped: the recording is not sealed"
                }
            };
            Err(Problem::new(Code::Io, what))
        })
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.tap.queue.close(false);
    }
}

impl Tap {
    /// Records an item, without its secrets. Never waits and never fails: if the queue is full, the item is left out, and
    /// a Gap tells of it. Left out are also what the recorder writes itself (Header, ClockAnchor, Checkpoint, End) and,
    /// of live rooms, what was injected.
    pub fn record(&self, item: &Item) {
        self.record_with(item, &mut Unzipper::default());
    }

    /// As [`Tap::record`], unpacked by somebody who unpacks the same item afterwards.
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
    Problem::new(Code::RecordingFull, format!("the recording has {} bytes, as many as it may", summary.bytes))
}

fn complete(header: Header, options: &RecorderOptions) -> Header {
    let what = What::Header(header);
    let item = redact(Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what });
    let What::Header(mut header) = item.what else { return Header::default() };
    if header.tool.is_empty() {
        header.tool = "livetape".to_owned();
        header.tool_version = env!("CARGO_PKG_VERSION").to_owned();
    }
    if header.wall_anchor_ns.is_none() {
        header.wall_anchor_ns = options.wall.map(|wall| anchors::nanoseconds(wall()));
    }
    header
}

/// The wall clock that recorders read unless they are given another one.
fn wall() -> Duration {
    clock::wall()
}
