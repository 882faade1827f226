//! Builder for tapes.

use std::{
    future::{self, Future},
    io,
    panic::Location,
    path::PathBuf,
    time::Duration,
};

use livetape_core::{error::Problem, pace::Speed};
use livetape_engine::{
    channels::{Channel, ChannelOptions},
    source::{self, live},
};
use livetape_feed::{
    control::Control,
    hub::{Hub, Limits},
};
use livetape_io::net::{Listener, Listening, Peer, memory};
use livetape_server::{Config, Server, staged::Staged};
use tokio::{io::DuplexStream, runtime::Handle};

use crate::{
    Tape,
    case::{self, Case},
    tape::{EventCounter, OrFail as _, fail},
};

/// Capacity of an in-memory connection in each direction, in bytes.
const MEMORY_BUFFER_BYTES: usize = 64 * 1024;

/// Builder for a [`Tape`]: [`start`](Self::start) serves it on a port,
/// [`start_in_memory`](Self::start_in_memory) without sockets.
///
/// ```
/// # #[tokio::main] async fn main() {
/// use std::time::Duration;
///
/// use livetape_testing::{Speed, Tape};
///
/// let minute = Tape::replay("demo").end_at(Duration::from_secs(60)).speed(Speed::Max).wait_clients(0);
/// let (one, two) = tokio::join!(minute.clone().start(), minute.start());
/// assert_eq!(one.finished().await, two.finished().await);
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a tape starts with `.start().await`"]
pub struct TapeBuilder {
    recording: Source,
    options: source::ReplayOptions,
    case: Option<&'static Case>,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Path(PathBuf),
    Bytes(bytes::Bytes),
}

impl TapeBuilder {
    pub(crate) fn new(recording: Source) -> Self {
        let options = source::ReplayOptions { wait_clients: 1, ..source::ReplayOptions::default() };
        Self { recording, options, case: None }
    }

    /// Sets the playback speed. Defaults to the original speed.
    ///
    /// # Panics
    /// If a [`Speed::Times`] is not between 0.1 and 1,000.
    #[track_caller]
    pub fn speed(mut self, speed: Speed) -> Self {
        speed.check().or_fail(Location::caller());
        self.options.speed = speed;
        self
    }

    /// Starts at this offset of the recording, skipping everything before it.
    pub fn start_at(mut self, offset: Duration) -> Self {
        self.options.start = offset;
        self
    }

    /// Ends at this offset of the recording (exclusive).
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use std::time::Duration;
    /// # use livetape_testing::{Speed, Tape};
    /// let tape = Tape::replay("demo").end_at(Duration::ZERO).wait_clients(0).speed(Speed::Max).start().await;
    /// assert_eq!(tape.finished().await.count("chat"), 0);
    /// # }
    /// ```
    pub fn end_at(mut self, offset: Duration) -> Self {
        self.options.end = Some(offset);
        self
    }

    /// Plays the recording this many times. Defaults to once.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// let tape = Tape::replay("demo").laps(2).wait_clients(0).speed(Speed::Max).start().await;
    /// assert_eq!(tape.finished().await.count("chat"), 2 * 63);
    /// # }
    /// ```
    ///
    /// # Panics
    /// If `laps` is 0.
    #[track_caller]
    pub fn laps(mut self, laps: u32) -> Self {
        if laps == 0 {
            fail(Location::caller(), "a tape is played at least once, not 0 times");
        }
        self.options.laps = Some(laps);
        self
    }

    /// Shortens pauses between events to at most `limit`.
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.options.idle_limit = Some(limit);
        self
    }

    /// Holds the first event until this many clients are connected. Defaults to 1.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
    /// assert!(tape.finished().await.count("chat") > 0);
    /// # }
    /// ```
    pub fn wait_clients(mut self, clients: usize) -> Self {
        self.options.wait_clients = clients;
        self
    }

    /// Holds the first event until [`Tape::play`] is called.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// let tape = Tape::replay("demo").hold().speed(Speed::Max).start().await;
    /// tape.play().await;
    /// assert!(tape.finished().await.count("chat") > 0);
    /// # }
    /// ```
    pub fn hold(mut self) -> Self {
        self.options.wait_clients = usize::MAX;
        self
    }

    /// Plays a [case](crate::cases) of `livetape test`: a changed show, or broken connections. Defaults to
    /// the case that the environment variable `LIVETAPE_CASE` names.
    ///
    /// A case waits for at least one client, and after each break until as many clients are back. The tape
    /// does not judge when and how often they reconnect.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::Tape;
    /// let tape = Tape::replay("demo").case("no-final").start().await;
    /// # }
    /// ```
    ///
    /// # Panics
    /// If there is no such case.
    #[track_caller]
    pub fn case(mut self, name: &str) -> Self {
        self.case = Some(case::find(name, Location::caller()));
        self
    }

    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If the recording cannot be read, is too long for its case, or ends before the offset given to
    /// [`start_at`](Self::start_at), or if that is after [`end_at`](Self::end_at). If `LIVETAPE_CASE` names
    /// no case. If called outside a tokio runtime.
    #[track_caller]
    pub fn start(mut self) -> impl Future<Output = Tape> {
        let at = Location::caller();
        async move {
            self.check(at);
            let (address, listening) = listen(self.late()).await.or_fail(at);
            self.serve(listening, address, None).or_fail(at)
        }
    }

    /// Starts a server without sockets; [`Tape::connect`] opens connections to it. Under tokio's paused
    /// clock, a recording from [`Tape::replay_bytes`] is exact to the millisecond.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// # use livetape_testing::Tape;
    /// # const SHOW: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/six-seconds.bin"));
    /// // const SHOW: &[u8] = include_bytes!("recordings/show.bin");
    /// let tape = Tape::replay_bytes(SHOW).wait_clients(0).start_in_memory();
    /// let started = tokio::time::Instant::now();
    /// tape.finished().await;
    /// assert_eq!(started.elapsed().as_millis(), 4_982);
    /// # }
    /// ```
    ///
    /// # Panics
    /// Like [`start`](Self::start), and in the case `late`, in which connections to a port are reset.
    #[track_caller]
    #[must_use]
    pub fn start_in_memory(mut self) -> Tape {
        let at = Location::caller();
        self.check(at);
        if !self.late().is_zero() {
            fail(at, "the case `late` needs a port: use `start()`");
        }
        let (listener, connector) = memory::listener(MEMORY_BUFFER_BYTES);
        self.serve(future::ready(listener), "localhost".into(), Some(connector)).or_fail(at)
    }

    /// Panics with the caller's location, unless a tape can start here.
    fn check(&mut self, at: &Location<'_>) {
        Handle::try_current().or_fail(at);
        self.case = self.case.or_else(|| case::named(at));
        if self.case.is_some() {
            // A script waits for clients.
            self.options.wait_clients = self.options.wait_clients.max(1);
        }
        let start = self.options.start;
        if let Some(end) = self.options.end.filter(|end| *end < start) {
            fail(at, format!("the end, {end:?}, is before the start, {start:?}"));
        }
    }

    /// Returns for how long the first attempts to connect are reset.
    fn late(&self) -> Duration {
        self.case.map_or(Duration::ZERO, |case| case.script.late)
    }

    fn serve<L>(
        self,
        listener: impl Future<Output = L> + Send + 'static,
        address: String,
        connector: Option<memory::MemoryConnector>,
    ) -> Result<Tape, Problem>
    where
        L: Listener<Addr: Peer>,
    {
        let tape = match &self.recording {
            Source::Path(path) => source::Tape::find(path)?,
            Source::Bytes(bytes) => source::Tape::from_bytes("bytes", bytes.clone()),
        };
        tape.header()?;
        tape.check_within(self.options.start)?;
        let staged =
            self.case.map(|case| Staged::new(case, &tape, self.options.wait_clients.max(1))).transpose()?;
        let hub = Hub::new("tape".into(), Limits::default());
        let tally = EventCounter::of(&hub);
        let (control, driver) = Control::new();
        let config = Config { staged: staged.clone(), ..Config::default() };
        let server = Server { hub: hub.clone(), control: control.clone(), config };
        let options =
            ChannelOptions { play: self.options, ..ChannelOptions::new(live::LiveOptions::new("")) };
        let channel = Channel::new(hub.clone(), &control, driver, offline(), options);
        tokio::spawn(channel.replay(staged.as_ref().map_or(tape, |it| it.tape.clone())));
        tokio::spawn(async { livetape_server::serve(listener.await, server).await });
        if let Some(staged) = staged.clone() {
            let (hub, control) = (hub.clone(), control.clone());
            tokio::spawn(async move {
                let performed = staged.perform(&hub, &control, |_| ());
                control.shutdown().run_until_cancelled(performed).await;
            });
        }
        Ok(Tape { control, hub, address, connector, tally, staged })
    }
}

/// Takes a free port. The returned future ends when connections are accepted: the first ones may be reset before.
async fn listen(
    late: Duration,
) -> Result<(String, impl Future<Output = Listening> + Send + 'static), Problem> {
    let mut listening = Listening::bind(([127, 0, 0, 1], 0).into()).await?;
    let address = listening.addresses()[0].to_string();
    let open = async move {
        listening.refuse(None, late, || ()).await;
        listening
    };
    Ok((address, open))
}

/// Returns a transport that rejects every connection, so that a test never reaches TikTok.
fn offline() -> live::MemoryTransport {
    live::MemoryTransport::new(|| async { Err::<DuplexStream, _>(io::Error::other("a tape is offline")) })
}
