//! A recording that is served on a free port, for as long as the test has it.

use std::{
    future::Future,
    io,
    panic::Location,
    path::{Path, PathBuf},
    time::Duration,
};

use livetape::{
    control::{Control, ReplayOrder, ReplayPhase},
    hub::{CloseReason, Hub, Limits},
    sans_io::{error::Problem, pace},
    server::{self, Config, Listener, Server, listen::Listening, memory},
    source::{self, live},
    supervisor::{Options, Supervisor},
};
use tokio::{io::DuplexStream, time::timeout};

use crate::{
    fail::{OrFail as _, fail},
    finished::{Finished, Tally},
    send::Send,
};

/// How long [`Tape::wait_for_clients`] waits, and [`Tape::finished`] between two events.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Unread bytes that an in-memory connection holds in each direction.
const MEMORY_BUFFER_BYTES: usize = 64 * 1024;

/// Replay speed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Speed {
    /// A multiple of the original speed, from 0.1 to 1,000.
    Times(f64),
    /// As fast as the slowest client reads.
    Max,
}

/// A recording served over WebSocket and HTTP. Dropping it stops the server.
///
/// ```
/// # #[tokio::main] async fn main() {
/// use livetape_testing::{Speed, Tape};
///
/// let tape = Tape::replay("demo").speed(Speed::Max).wait_clients(0).start().await;
/// assert!(tape.ws_url().starts_with("ws://127.0.0.1:"));
/// let finished = tape.finished().await;
/// assert!(finished.count("gift") > 0);
/// assert!(!finished.is_lossy());
/// # }
/// ```
#[derive(Debug)]
pub struct Tape {
    pub(crate) control: Control,
    pub(crate) hub: Hub,
    address: String,
    connector: Option<memory::MemoryConnector>,
    tally: Tally,
}

/// How to replay a recording; [`start`](Self::start) starts it.
#[derive(Clone, Debug)]
#[must_use = "a tape starts with `.start().await`"]
pub struct TapeBuilder {
    recording: Recording,
    options: source::Options,
}

#[derive(Clone, Debug)]
enum Recording {
    Path(PathBuf),
    Bytes(bytes::Bytes),
}

impl Tape {
    /// Replays `demo`, the recording built into livetape, or the recording at this path.
    ///
    /// The first event waits for one client, unless [`wait_clients`](TapeBuilder::wait_clients) says otherwise.
    pub fn replay(recording: impl AsRef<Path>) -> TapeBuilder {
        TapeBuilder::new(Recording::Path(recording.as_ref().to_owned()))
    }

    /// Replays a recording in memory, for example one from `include_bytes!`. Required under a paused clock: a file is read
    /// by a thread that does not wait for the clock.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// use livetape_testing::Tape;
    ///
    /// let recording = include_bytes!("../recordings/six-seconds.bin");
    /// let tape = Tape::replay_bytes(recording.as_slice()).wait_clients(0).start().await;
    /// assert_eq!(tape.finished().await.count("chat"), 6);
    /// # }
    /// ```
    pub fn replay_bytes(recording: impl Into<bytes::Bytes>) -> TapeBuilder {
        TapeBuilder::new(Recording::Bytes(recording.into()))
    }

    /// The address of the feed, with a slash at its end: `ws://127.0.0.1:PORT/`.
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// The address of the REST API, without a slash at its end: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Opens a connection to a tape that was started with [`start_in_memory`](TapeBuilder::start_in_memory).
    ///
    /// # Panics
    /// If the tape was started on a port.
    #[track_caller]
    pub fn connect(&self) -> impl Future<Output = DuplexStream> + use<> {
        let at = Location::caller();
        let connector = self.connector.clone();
        async move {
            let Some(connector) = connector else {
                fail(at, "this tape serves on a port: use its `ws_url()`")
            };
            connector.connect().await.or_fail(at)
        }
    }

    /// Waits until at least `clients` clients read the feed. Observers (`?observer=1`) do not count.
    ///
    /// # Panics
    /// After [`PATIENCE`], with the number of clients there are.
    #[track_caller]
    pub fn wait_for_clients(&self, clients: usize) -> impl Future<Output = ()> + use<'_> {
        let at = Location::caller();
        async move {
            if timeout(PATIENCE, self.hub.wait_for_subscribers(clients)).await.is_err() {
                let connected = self.hub.subscriber_count();
                fail(at, format!("{connected} of {clients} clients connected within {PATIENCE:?}"));
            }
        }
    }

    /// Sends messages that the recording does not contain. They take the same path as recorded ones.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// use livetape_testing::Tape;
    ///
    /// let tape = Tape::replay("demo").start().await;
    /// let sent = tape.send().gift("ann", "Rose").count(5).await;
    /// assert_eq!((sent.events, sent.delivered), (1, 0)); // no client is connected
    /// # }
    /// ```
    pub fn send(&self) -> Send<'_> {
        Send { tape: self }
    }

    /// Starts or continues playing.
    #[track_caller]
    pub fn play(&self) -> impl Future<Output = ()> + use<'_> {
        self.order(ReplayOrder::Play)
    }

    /// Pauses before the next event.
    #[track_caller]
    pub fn pause(&self) -> impl Future<Output = ()> + use<'_> {
        self.order(ReplayOrder::Pause)
    }

    /// Continues from `offset`. Events after a seek have new IDs.
    ///
    /// # Panics
    /// If the recording is shorter.
    #[track_caller]
    pub fn seek(&self, offset: Duration) -> impl Future<Output = ()> + use<'_> {
        self.order(ReplayOrder::Seek(offset))
    }

    /// Plays the next `frames` frames that contain events, then pauses again. The tape must be paused.
    #[track_caller]
    pub fn step(&self, frames: u32) -> impl Future<Output = ()> + use<'_> {
        self.order(ReplayOrder::Step(frames))
    }

    /// Disconnects every client with this WebSocket close code. Clients may reconnect at once.
    pub fn drop_clients(&self, code: u16) {
        self.hub.dismiss(&CloseReason { code, reason: "dropped by the test".into() });
    }

    /// Waits for the end of the recording, and for every client to have been sent all of it.
    ///
    /// # Panics
    /// If the tape is paused or waits for clients, or no event happens for [`PATIENCE`].
    #[track_caller]
    pub fn finished(&self) -> impl Future<Output = Finished> + use<'_> {
        let at = Location::caller();
        async move {
            let mut tally = self.tally.clone();
            while !tally.has_ended() {
                if timeout(PATIENCE, tally.changed()).await.is_err() {
                    fail(at, format!("the recording did not end: {}", self.state()));
                }
            }
            self.hub.wait_until_read().await;
            tally.finished(&self.control.status().counts)
        }
    }

    /// What it waits for, in words.
    fn state(&self) -> String {
        match self.control.replay().map(|replay| replay.state) {
            Some(ReplayPhase::Waiting) => {
                format!("it waits for clients, {} connected", self.hub.subscriber_count())
            }
            Some(ReplayPhase::Paused) => "it is paused".into(),
            _ => format!("no event for {PATIENCE:?}"),
        }
    }

    #[track_caller]
    fn order(&self, order: ReplayOrder) -> impl Future<Output = ()> + use<'_> {
        let at = Location::caller();
        async move { drop(self.control.order(order).await.or_fail(at)) }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.control.shut_down();
    }
}

impl TapeBuilder {
    fn new(recording: Recording) -> Self {
        let options = source::Options { wait_clients: 1, ..source::Options::default() };
        Self { recording, options }
    }

    /// Sets the speed; the original one by default.
    ///
    /// # Panics
    /// If it is out of range.
    #[track_caller]
    pub fn speed(mut self, speed: Speed) -> Self {
        self.options.speed = match speed {
            Speed::Max => pace::Speed::Max,
            Speed::Times(times) if (pace::Speed::MIN..=pace::Speed::MAX).contains(&times) => {
                pace::Speed::Times(times)
            }
            Speed::Times(times) => {
                fail(Location::caller(), format!("speed {times} is not between 0.1 and 1,000"))
            }
        };
        self
    }

    /// Skips everything before this offset.
    pub fn start_at(mut self, offset: Duration) -> Self {
        self.options.start = offset;
        self
    }

    /// Skips everything from this offset on.
    pub fn end_at(mut self, offset: Duration) -> Self {
        self.options.end = Some(offset);
        self
    }

    /// Plays the recording this many times; once by default.
    pub fn laps(mut self, laps: u32) -> Self {
        self.options.laps = Some(laps);
        self
    }

    /// Shortens longer silences to this.
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.options.idle_limit = Some(limit);
        self
    }

    /// Holds the first event until this many clients are connected; 1 by default.
    pub fn wait_clients(mut self, clients: usize) -> Self {
        self.options.wait_clients = clients;
        self
    }

    /// Holds the first event until [`Tape::play`].
    pub fn hold(mut self) -> Self {
        self.options.wait_clients = usize::MAX;
        self
    }

    /// Starts serving on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If the recording cannot be read, or is shorter than its start.
    #[track_caller]
    pub fn start(self) -> impl Future<Output = Tape> {
        let at = Location::caller();
        async move {
            let listening = Listening::bind(([127, 0, 0, 1], 0).into()).await.or_fail(at);
            let address = listening.addresses()[0].to_string();
            self.serve(listening, address, None).or_fail(at)
        }
    }

    /// Starts serving in memory: [`Tape::connect`] opens connections. With [`Tape::replay_bytes`], every event is due to the
    /// millisecond under tokio's paused clock.
    ///
    /// # Panics
    /// As [`start`](Self::start), and outside a tokio runtime.
    #[track_caller]
    #[must_use]
    pub fn start_in_memory(self) -> Tape {
        let (listener, connector) = memory::listener(MEMORY_BUFFER_BYTES);
        self.serve(listener, "localhost".into(), Some(connector)).or_fail(Location::caller())
    }

    fn serve<L>(
        self,
        listener: L,
        address: String,
        connector: Option<memory::MemoryConnector>,
    ) -> Result<Tape, Problem>
    where
        L: Listener<Addr: server::Peer>,
    {
        let tape = match &self.recording {
            Recording::Path(path) => source::Tape::find(path)?,
            Recording::Bytes(bytes) => source::Tape::from_bytes("bytes", bytes.clone()),
        };
        tape.header()?;
        tape.check_within(self.options.start)?;
        let hub = Hub::new("tape".into(), Limits::default());
        let tally = Tally::of(&hub);
        let (control, driver) = Control::new();
        let server = Server { hub: hub.clone(), control: control.clone(), config: Config::default() };
        tokio::spawn(server::serve(listener, server));
        let options = Options { play: self.options, ..Options::new(live::Options::new("")) };
        let supervisor = Supervisor::new(hub.clone(), &control, driver, offline(), options);
        tokio::spawn(supervisor.replay(tape));
        Ok(Tape { control, hub, address, connector, tally })
    }
}

/// Refuses every connection: a test never reaches TikTok.
fn offline() -> impl live::Transport {
    live::MemoryTransport::new(|| async { Err::<DuplexStream, _>(io::Error::other("a tape is offline")) })
}
