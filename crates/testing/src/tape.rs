//! A recording served to clients, the count of its events, and panics that name the line of the test. These take the
//! location as an argument, because `#[track_caller]` has no effect on an `async fn`.

use std::{collections::BTreeMap, fmt::Display, future::Future, panic::Location, path::Path, time::Duration};

use livetape_core::{
    decoder::Counts,
    error::{Problem, close},
    recording::Loss,
    truth::Truth,
    ws_frame::check_close,
};
use livetape_feed::{
    control::{Control, ReplayOrder, ReplayPhase, Unit},
    hub::{CloseReason, Filter, Gifts, Hub, Join, Next, Reader, Since},
};
use livetape_io::{clock, net::memory};
use livetape_server::staged::Staged;
use serde::Deserialize;
use tokio::{
    io::DuplexStream,
    sync::watch,
    time::{sleep_until, timeout},
};

use crate::{
    builder::{Source, TapeBuilder},
    send::Sender,
};

/// Timeout of [`Tape::wait_for_clients`], and of [`Tape::finished`] between two events.
///
/// ```
/// assert_eq!(livetape_testing::PATIENCE.as_secs(), 30);
/// ```
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Time after the first attempt to connect in which [`Tape::finished`] counts attempts, in a case that lets nobody in.
const REFUSED_FOR: Duration = Duration::from_secs(1);
/// Time between two looks at these attempts.
const LOOK: Duration = Duration::from_millis(2);

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
    pub(crate) address: String,
    pub(crate) connector: Option<memory::MemoryConnector>,
    pub(crate) tally: EventCounter,
    pub(crate) staged: Option<Staged>,
}

impl Tape {
    /// Replays the recording at this path, or the built-in recording for `demo`.
    ///
    /// By default, the first event is held until a client connects: see [`TapeBuilder::wait_clients`].
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::Tape;
    /// let tape = Tape::replay("demo").start().await;
    /// // In a folder of your tests: Tape::replay("tests/recordings/raid.bin")
    /// # }
    /// ```
    pub fn replay(recording: impl AsRef<Path>) -> TapeBuilder {
        TapeBuilder::new(Source::Path(recording.as_ref().to_owned()))
    }

    /// Replays a recording in memory, for example one from `include_bytes!`. Required under a paused clock,
    /// which does not wait for the thread that reads a file.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// use livetape_testing::Tape;
    ///
    /// # const SHOW: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/recordings/six-seconds.bin"));
    /// // const SHOW: &[u8] = include_bytes!("recordings/show.bin");
    /// let tape = Tape::replay_bytes(SHOW).wait_clients(0).start().await;
    /// assert_eq!(tape.finished().await.count("chat"), 6);
    /// # }
    /// ```
    pub fn replay_bytes(recording: impl Into<bytes::Bytes>) -> TapeBuilder {
        TapeBuilder::new(Source::Bytes(recording.into()))
    }

    /// Returns the URL of the feed, with a trailing slash: `ws://127.0.0.1:PORT/`.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::Tape;
    /// # let tape = Tape::replay("demo").start().await;
    /// assert!(tape.ws_url().starts_with("ws://127.0.0.1:"));
    /// # }
    /// ```
    #[must_use]
    pub fn ws_url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Returns the base URL of the REST API, without a trailing slash: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn http_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Opens a connection to a tape started with [`start_in_memory`](TapeBuilder::start_in_memory).
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::Tape;
    /// let tape = Tape::replay("demo").start_in_memory();
    /// let stream = tape.connect().await;
    /// tokio_tungstenite::client_async(tape.ws_url(), stream).await.unwrap();
    /// # }
    /// ```
    ///
    /// # Panics
    /// If the tape serves on a port.
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

    /// Waits until at least `clients` clients are connected to the feed. Observers (`?observer=1`) do not
    /// count.
    ///
    /// # Panics
    /// After [`PATIENCE`]. The message contains the number of connected clients.
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

    /// Sends your own messages into the replay. They are decoded and broadcast like recorded ones.
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
    pub fn send(&self) -> Sender<'_> {
        Sender { tape: self }
    }

    /// Starts or resumes the replay.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// # let tape = Tape::replay("demo").hold().speed(Speed::Max).start().await;
    /// tape.play().await;
    /// assert!(tape.finished().await.count("chat") > 0);
    /// # }
    /// ```
    #[track_caller]
    pub fn play(&self) -> impl Future<Output = ()> + use<'_> {
        self.order(ReplayOrder::Play)
    }

    /// Pauses the replay before the next event.
    #[track_caller]
    pub fn pause(&self) -> impl Future<Output = ()> + use<'_> {
        self.order(ReplayOrder::Pause)
    }

    /// Seeks to `offset` in the recording. Events after a seek have new IDs.
    ///
    /// # Panics
    /// If `offset` is beyond the end of the recording.
    #[track_caller]
    pub fn seek(&self, offset: Duration) -> impl Future<Output = ()> + use<'_> {
        self.order(ReplayOrder::Seek(offset))
    }

    /// Pauses the replay, then plays the next `frames` frames that contain events. At the end of the
    /// recording, does nothing.
    ///
    /// # Panics
    /// If `frames` is not between 1 and 10,000.
    #[track_caller]
    pub fn step(&self, frames: u32) -> impl Future<Output = ()> + use<'_> {
        self.order(ReplayOrder::Step(i32::try_from(frames).unwrap_or(i32::MAX), Unit::Frames))
    }

    /// Disconnects every client with this WebSocket close code. Clients may reconnect at once.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use futures_util::StreamExt as _;
    /// # use livetape_testing::Tape;
    /// # let tape = Tape::replay("demo").start().await;
    /// let (mut socket, _) = tokio_tungstenite::connect_async(tape.ws_url()).await.unwrap();
    /// tape.wait_for_clients(1).await;
    /// tape.drop_clients(1011);
    /// while let Some(Ok(message)) = socket.next().await {
    ///     assert!(!message.is_close() || message.to_string().contains("dropped"));
    /// }
    /// # }
    /// ```
    ///
    /// # Panics
    /// If a close frame cannot have this code: the valid ones are 1000 to 1003, 1007 to 1014 and 3000 to
    /// 4999. For 1006, see
    /// [`abort_clients`](Self::abort_clients).
    #[track_caller]
    pub fn drop_clients(&self, code: u16) {
        const REASON: &str = "dropped by the test";
        if let Err(Problem { hint, .. }) = check_close(code, REASON) {
            let message =
                format!("a close frame cannot have the code {code}: {hint}, or `abort_clients` for 1006");
            fail(Location::caller(), message);
        }
        self.hub.dismiss(&CloseReason::new(code, REASON));
    }

    /// Cuts the connection of every client without a close frame, as a failing network does: clients report
    /// the close code 1006. They may reconnect at once.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use futures_util::StreamExt as _;
    /// # use livetape_testing::Tape;
    /// # let tape = Tape::replay("demo").start().await;
    /// let (mut socket, _) = tokio_tungstenite::connect_async(tape.ws_url()).await.unwrap();
    /// tape.wait_for_clients(1).await;
    /// tape.abort_clients();
    /// let mut last = socket.next().await;
    /// while let Some(Ok(message)) = last {
    ///     assert!(!message.is_close());
    ///     last = socket.next().await;
    /// }
    /// assert!(last.unwrap().is_err());
    /// # }
    /// ```
    pub fn abort_clients(&self) {
        self.hub.dismiss(&CloseReason::new(close::ABNORMAL, ""));
    }

    /// Waits until the recording has ended and every client has been sent all events. Clients must read
    /// meanwhile, for example in a task: a client that does not is disconnected with 4101, as by livetape. In a case
    /// that lets nobody in, waits until a second after the first attempt to connect.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
    /// let finished = tape.finished().await;
    /// assert_eq!((finished.count("chat"), finished.diamonds), (63, 114));
    /// # }
    /// ```
    ///
    /// # Panics
    /// If no event is broadcast for [`PATIENCE`]. The message names the reason if the tape is paused or waits
    /// for clients. In a case that lets nobody in, if no client tries to connect for as long.
    #[track_caller]
    pub fn finished(&self) -> impl Future<Output = Finished> + use<'_> {
        let at = Location::caller();
        async move {
            let mut tally = self.tally.clone();
            if let Some(refused) = self.refused(at).await {
                let finished = tally.finished(&self.control.status().counts, 0);
                return Finished { refused, ..finished };
            }
            while !tally.has_ended() {
                if timeout(PATIENCE, tally.changed()).await.is_err() {
                    fail(at, format!("the recording did not end: {}", self.state()));
                }
            }
            self.hub.wait_until_read().await;
            tally.finished(&self.control.status().counts, self.truth().diamonds)
        }
    }

    /// Returns what clients should have counted after all events that were sent: totals since the last lap
    /// or seek.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
    /// tape.finished().await;
    /// let truth = tape.truth();
    /// assert_eq!((truth.diamonds, &*truth.top_gifter), (114, "umbra_walnut0518"));
    /// assert_eq!(truth.users["umbra_walnut0518"], 37);
    /// # }
    /// ```
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.hub.truth(None).expect("a tape's channel is its own").truth
    }

    /// Waits for attempts to connect, and returns their number, in a case that lets nobody in.
    async fn refused(&self, at: &Location<'_>) -> Option<usize> {
        let door = &self.staged.as_ref()?.door;
        let began = clock::now();
        while door.refused()? == 0 {
            if clock::now() > began + PATIENCE {
                fail(at, format!("no client tried to connect within {PATIENCE:?}"));
            }
            sleep_until(clock::now() + LOOK).await;
        }
        sleep_until(clock::now() + REFUSED_FOR).await;
        door.refused()
    }

    /// Describes why the replay makes no progress.
    fn state(&self) -> String {
        if let Some(awaited) = self.staged.as_ref().and_then(|staged| staged.progress().awaited) {
            return format!("a client did not {awaited}");
        }
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

/// Panics with a reason and the caller's location.
pub(crate) fn fail(at: &Location<'_>, why: impl Display) -> ! {
    panic!("{why}\n  called from {at}")
}

/// Unwraps a result, or panics with the caller's location.
pub(crate) trait OrFail<T> {
    fn or_fail(self, at: &Location<'_>) -> T;
}

impl<T, E: Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, at: &Location<'_>) -> T {
        self.unwrap_or_else(|error| fail(at, error))
    }
}

/// Summary of a finished replay, returned by [`Tape::finished`](crate::Tape::finished).
///
/// ```
/// # #[tokio::main] async fn main() {
/// # use livetape_testing::{Speed, Tape};
/// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
/// let finished = tape.finished().await;
/// assert_eq!(finished.events["chat"], 63);
/// assert_eq!(finished.diamonds, 114);
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// Number of events of each type, such as `chat` or `gift`.
    pub events: BTreeMap<String, u64>,
    /// Total value of all gifts since the last lap or seek, in diamonds, as in
    /// [`Tape::truth`](crate::Tape::truth).
    pub diamonds: i64,
    /// Number of attempts to connect so far, up to 1,000, in a case that lets nobody in; 0 otherwise.
    pub refused: usize,
    loss: Loss,
}

impl Finished {
    /// Returns the number of events of this type, or 0 if there were none.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
    /// let finished = tape.finished().await;
    /// assert_eq!(finished.count("chat"), 63);
    /// assert_eq!(finished.count("no_such_type"), 0);
    /// # }
    /// ```
    #[must_use]
    pub fn count(&self, kind: &str) -> u64 {
        self.events.get(kind).copied().unwrap_or_default()
    }

    /// Returns whether part of the recording is missing or unreadable.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
    /// let finished = tape.finished().await;
    /// assert!(!finished.is_lossy());
    /// # }
    /// ```
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.loss.is_some()
    }

    /// Describes the missing data in one line.
    ///
    /// ```
    /// # #[tokio::main] async fn main() {
    /// # use livetape_testing::{Speed, Tape};
    /// # let tape = Tape::replay("demo").wait_clients(0).speed(Speed::Max).start().await;
    /// let finished = tape.finished().await;
    /// assert!(!finished.is_lossy(), "{}", finished.lost());
    /// # }
    /// ```
    #[must_use]
    pub fn lost(&self) -> impl Display + use<> {
        self.loss
    }
}

/// Counts events while they are broadcast.
#[derive(Clone, Debug)]
pub(crate) struct EventCounter(watch::Receiver<Counted>);

#[derive(Clone, Debug, Default)]
struct Counted {
    finished: Finished,
    has_ended: bool,
}

/// The field of an event that is needed for counting.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

impl EventCounter {
    pub(crate) fn of(hub: &Hub) -> Self {
        let filter = Filter { gifts: Gifts::Delta, ..Filter::default() };
        let join = Join { since: Some(Since::Start), filter, reader: Reader::Display, ..Join::default() };
        let mut reader = hub.join(&join).expect("a new channel has room");
        let (sender, receiver) = watch::channel(Counted::default());
        tokio::spawn(async move {
            let mut events = Vec::new();
            while reader.next(&mut events).await == Next::Events {
                sender.send_modify(|counted| events.iter().for_each(|json| counted.count(json)));
            }
        });
        Self(receiver)
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.borrow_and_update().has_ended
    }

    /// Waits for the next event.
    pub(crate) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn finished(&self, counts: &Counts, diamonds: i64) -> Finished {
        Finished { loss: counts.loss(), diamonds, ..self.0.borrow().finished.clone() }
    }
}

impl Counted {
    fn count(&mut self, json: &[u8]) {
        let event: Event<'_> = serde_json::from_slice(json).expect("events are JSON");
        match event.kind {
            "disconnected" => self.has_ended = true,
            // A seek after the end resumes the replay. Messages that a test sends then do not.
            "connection_created" => self.has_ended = false,
            _ => {}
        }
        *self.finished.events.entry(event.kind.into()).or_default() += 1;
    }
}
