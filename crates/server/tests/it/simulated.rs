//! Live mode on a simulated upstream, with subscribers that join, stall and resume: deterministic, in memory,
//! under a paused clock. A seed determines the scenario of the mock, how bytes are split and delayed, and
//! what the subscribers do.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{self, Cursor},
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::StreamExt as _;
use livetape_core::{
    retry::SplitMix,
    wire::{self, Message as Told},
};
use livetape_engine::{
    channels::{Channel, ChannelOptions},
    source::live::{LiveOptions, MemoryTransport},
};
use livetape_feed::hub::{Filter, Gifts, Hub, Join, Limits, Next, OnGap, Reader, Since};
use livetape_io::clock;
use livetape_mock::Scenario;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    task::JoinHandle,
    time::{Sleep, sleep_until, timeout_at},
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{Role, WebSocket},
};

use crate::support::{Rig, Setup, json, mock::Mock};

/// Number of rooms in each run.
const ROOMS: u32 = 8;
/// Rooms that failed once: a subscriber that joins after the end gets the state, which is older than the last
/// event; numbers of hidden events; messages that arrived before the connection broke.
const KNOWN: [u64; 3] = [1_795_333_418_111_578, 9_736_916_836_634_598_009, 13_676_981_526_280_631_539];
/// Maximum virtual time until everything has ended.
const END_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const SUBSCRIBERS: usize = 6;

#[test]
fn simulated_live_rooms_lose_nothing_silently() {
    KNOWN.into_iter().for_each(|seed| drop(run(seed)));
    // The seed of the run is enough to repeat a failure.
    let config = Config { cases: ROOMS, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let repeats = Cell::new(true);
    let checked = TestRunner::new(config).run(&any::<u64>(), |seed| {
        let events = run(seed);
        // Once, to save time.
        if repeats.take() {
            prop_assert_eq!(events, run(seed), "the same seed gives other events");
        }
        Ok(())
    });
    checked.unwrap();
}

/// Runs a seed and checks everything. Returns all events.
fn run(seed: u64) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(simulate(seed))
}

async fn simulate(seed: u64) -> Vec<String> {
    let mut random = Random(SplitMix(seed));
    let toml = scenario(&mut random, seed);
    println!("seed {seed}\n{toml}");
    let scenario = Scenario::parse(&toml).unwrap_or_else(|error| panic!("{error}\n{toml}"));
    let limits = Limits { events_max: random.of(&[64, 512, 4096]), ..Limits::default() };
    let mut rig = Setup { limits, ..Setup::default() }.idle();
    let truth = Truth::of(&rig.hub);
    let read = Arc::new(Mutex::new(Vec::new()));
    let mock = Mock::new(scenario);
    let transport = transport(&mock, random.fork(), Arc::clone(&read));
    let live = LiveOptions { seed: random.up_to(u64::MAX), ..Setup::default().options.live };
    let options = ChannelOptions { ends_with_source: true, ..ChannelOptions::new(live) };
    let driver = rig.take_driver();
    let channel = Channel::new(rig.hub.clone(), &rig.control, driver, transport, options);
    rig.channel = Some(tokio::spawn(async move { channel.live("demo".to_owned()).await }));
    let rig = Rc::new(rig);
    let readers = (0..SUBSCRIBERS).map(|_| subscribe(Rc::clone(&rig), random.fork()));
    let readers = futures_util::future::join_all(readers);
    let jumps = jump(random.fork());
    let deadline = clock::now() + END_MAX;
    let logs = tokio::select! { biased;
        logs = readers => logs,
        never = jumps => match never {},
        () = sleep_until(deadline) => panic!("it has not ended after {END_MAX:?}"),
    };
    let (events, is_whole) = truth.end().await;
    for log in &logs {
        log.check(&events);
    }
    check(&events, is_whole, &read.lock().unwrap());
    let rig = Rc::into_inner(rig).unwrap();
    timeout_at(deadline, rig.end()).await.expect("the server ends");
    events.into_values().collect()
}

/// Advances the clock now and then, as if the process had been stopped.
async fn jump(mut random: Random) -> std::convert::Infallible {
    loop {
        sleep_until(clock::now() + random.up_to_ms(600_000)).await;
        if random.one_in(4) {
            tokio::time::advance(random.up_to_ms(120_000)).await;
        }
    }
}

/// Random choices.
struct Random(SplitMix);

impl Random {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0.up_to(most)
    }

    fn up_to_ms(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.up_to(most))
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.up_to(n - 1) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.up_to(choices.len() as u64 - 1) as usize]
    }

    fn fork(&mut self) -> Self {
        Self(SplitMix(self.0.next_bits()))
    }
}

// A random scenario of the mock.

/// Maximum numbers of faults of sockets, of requests, and of networks.
const SOCKET_FAULTS_MAX: u64 = 4;
const REQUEST_FAULTS_MAX: u64 = 2;
const NETWORKS_MAX: u64 = 2;

const SOCKET: [&str; 16] = [
    "kind = \"drop\"",
    "kind = \"cut\"",
    "kind = \"reset\"",
    "kind = \"stall\"",
    "kind = \"close_frame\"",
    "kind = \"no_heartbeat\"",
    "kind = \"repeat_history\"",
    "kind = \"close\"\ncode = 1000",
    "kind = \"close\"\ncode = 1005",
    "kind = \"close\"\ncode = 4404\nreason = \"Streamer is not live\"",
    "kind = \"dribble\"\nbytes_per_ms = 50",
    "kind = \"bad_gzip\"\ncount = 2",
    "kind = \"truncated\"\ncount = 3",
    "kind = \"unknown_method\"",
    "kind = \"duplicate\"\ncount = 10",
    "kind = \"reorder\"\ncount = 4",
];
const REQUEST: [&str; 8] = [
    "kind = \"stall\"",
    "kind = \"reset\"",
    "kind = \"html\"",
    "kind = \"cut_body\"",
    "kind = \"empty\"",
    "kind = \"endless\"",
    "kind = \"status\"\nstatus = 503",
    "kind = \"status\"\nstatus = 429\nretry_after = 3",
];

/// Writes a scenario as TOML.
fn scenario(random: &mut Random, seed: u64) -> String {
    let (seed, speed) = (seed % 1_000_000, random.of(&["1", "7", "60", "\"max\""]));
    let (end, wait) = (random.of(&["close", "control"]), random.up_to(5_000));
    let mut toml = format!("seed = {seed}\nspeed = {speed}\nend = \"{end}\"\nclose_after_ms = {wait}\n");
    for _ in 0..random.up_to(SOCKET_FAULTS_MAX) {
        let (kind, which) = (random.of(&SOCKET), random.of(&["times", "attempt"]));
        let (number, when) = (1 + random.up_to(3), random.of(&["after_frames", "after_events"]));
        let after = random.up_to(150);
        let _ = writeln!(toml, "[[fault]]\nat = \"socket\"\n{kind}\n{which} = {number}\n{when} = {after}");
    }
    for _ in 0..random.up_to(REQUEST_FAULTS_MAX) {
        let (at, kind, attempt) =
            (random.of(&["lookup", "cookie"]), random.of(&REQUEST), 1 + random.up_to(3));
        let _ = writeln!(toml, "[[fault]]\nat = \"{at}\"\n{kind}\nattempt = {attempt}");
    }
    for number in 0..random.up_to(NETWORKS_MAX) {
        let (latency, jitter, late) = (random.up_to(2_000), random.up_to(2_000), random.up_to(30_000));
        let (attempt, what) = (1 + 3 * number + random.up_to(2), random.up_to(3));
        let _ = writeln!(toml, "[[network]]\nat = \"socket\"\nattempt = {attempt}");
        let _ = writeln!(toml, "latency_ms = {latency}\njitter_ms = {jitter}");
        let _ = match what {
            0 => writeln!(toml, "close_ms = {late}"),
            1 => writeln!(toml, "cut_after_ms = {late}"),
            2 => writeln!(toml, "cut_after_bytes = {late}"),
            _ => writeln!(toml, "bytes_per_ms = {}", 1 + late / 100),
        };
    }
    toml
}

// Connections whose bytes arrive in random pieces and at random times, and which log what the client has
// read.

/// Bytes that the client has read, for each connection in the order of opening.
type Read = Arc<Mutex<Vec<Vec<u8>>>>;

/// The client's end of a connection.
struct Torn {
    io: DuplexStream,
    random: Random,
    /// Maximum length of a piece, in bytes.
    piece_max: u64,
    /// One in this many pieces is late.
    late: u64,
    timer: Option<Pin<Box<Sleep>>>,
    number: usize,
    read: Read,
}

fn transport(mock: &Mock, random: Random, read: Read) -> MemoryTransport {
    let connector = mock.connector.clone();
    let random = Arc::new(Mutex::new(random));
    MemoryTransport::new(move || {
        let (connector, random, read) = (connector.clone(), Arc::clone(&random), Arc::clone(&read));
        async move {
            let io = connector.connect().await?;
            let mut random = random.lock().unwrap().fork();
            let (piece_max, late) = random.of(&[(7, 10_000), (100, 1_000), (1_500, 20), (65_536, 5)]);
            let number = {
                let mut read = read.lock().unwrap();
                read.push(Vec::new());
                read.len() - 1
            };
            Ok(Torn { io, random, piece_max, late, timer: None, number, read })
        }
    })
}

impl Torn {
    fn piece(&mut self, wanted: usize) -> usize {
        wanted.min(1 + self.random.up_to(self.piece_max - 1) as usize)
    }
}

impl AsyncRead for Torn {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.timer.is_none() && this.random.one_in(this.late) {
            this.timer = Some(Box::pin(sleep_until(clock::now() + this.random.up_to_ms(300))));
        }
        if let Some(timer) = &mut this.timer {
            ready!(timer.as_mut().poll(cx));
            this.timer = None;
        }
        let mut bytes = vec![0; this.piece(buf.remaining())];
        let mut piece = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut this.io).poll_read(cx, &mut piece))?;
        buf.put_slice(piece.filled());
        this.read.lock().unwrap()[this.number].extend_from_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Torn {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let length = this.piece(bytes.len());
        Pin::new(&mut this.io).poll_write(cx, &bytes[..length])
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

// Subscribers that join, stall, leave and resume.

/// Close code for a slow subscriber.
const SLOW: u16 = 4101;
/// Close code for a position that cannot be resumed.
const UNKNOWN_POSITION: u16 = 4001;
const VISIT_MS_MAX: u64 = 120_000;
const STALL_MS_MAX: u64 = 60_000;
const FOREVER: Duration = Duration::from_secs(48 * 60 * 60);

/// One connection to the feed.
#[derive(Debug)]
struct Visit {
    since: Option<u64>,
    /// Number of the newest event before and after joining.
    before: u64,
    after: u64,
    lines: Vec<String>,
    /// Close code; `None` if it left, or the connection broke.
    close: Option<u16>,
}

/// What one subscriber saw.
struct Log(Vec<Visit>);

/// Visits the feed again and again, until the feed ends.
async fn subscribe(rig: Rc<Rig>, mut random: Random) -> Log {
    let (mut visits, mut last) = (Vec::new(), None);
    loop {
        sleep_until(clock::now() + random.up_to_ms(VISIT_MS_MAX / 4)).await;
        let visit = visit(&rig, &mut random, last).await;
        let next = visit.lines.iter().rev().find_map(|line| position(line));
        last = match visit.close {
            Some(UNKNOWN_POSITION) => None,
            _ => next.or(last).filter(|_| !random.one_in(4)),
        };
        let is_end = visit.close.is_some_and(|code| ![SLOW, UNKNOWN_POSITION].contains(&code));
        visits.push(visit);
        if is_end {
            return Log(visits);
        }
    }
}

async fn visit(rig: &Rig, random: &mut Random, since: Option<u64>) -> Visit {
    let mut path = "?raw=1&gifts=delta".to_owned();
    if let Some(seq) = since {
        path += &format!("&since=s:{seq}&on_gap={}", random.of(&["skip", "close"]));
    }
    let before = rig.hub.head();
    let mut socket = rig.ws(&path).await;
    let mut visit = Visit { since, before, after: rig.hub.head(), lines: Vec::new(), close: None };
    let stalls = random.of(&[5, 50, 1_000_000]);
    let stays = rig.channel.as_ref().is_none_or(JoinHandle::is_finished) || random.one_in(4);
    let leaves = clock::now() + if stays { FOREVER } else { random.up_to_ms(VISIT_MS_MAX) };
    loop {
        if random.one_in(stalls) {
            sleep_until(clock::now() + random.up_to_ms(STALL_MS_MAX)).await;
        }
        match timeout_at(leaves, socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => visit.lines.push(text.to_string()),
            Ok(Some(Ok(Message::Close(frame)))) => visit.close = frame.map(|frame| frame.code.into()),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_)) | None) | Err(_) => return visit,
        }
    }
}

/// Returns the number of an event of the feed.
fn position(line: &str) -> Option<u64> {
    let event = json(line);
    event["seq"].as_u64().filter(|_| event["stream"] == "s")
}

impl Log {
    fn check(&self, events: &Events) {
        self.0.iter().for_each(|visit| visit.check(events));
    }
}

impl Visit {
    fn check(&self, events: &Events) {
        let (mut seen, mut last) = (Vec::new(), self.since);
        for line in &self.lines {
            let event = json(line);
            if event["type"] == "gap" {
                assert_eq!(event["from"].as_u64(), last.map(|last| last + 1), "{self:?}");
                last = event["to"].as_u64();
            }
            let Some(seq) = position(line) else { continue };
            assert!(events.get(&seq).is_none_or(|event| event == line), "{line}\n{:?}", events.get(&seq));
            if let Some(last) = &mut last {
                assert!(is_next(events, *last, seq), "{seq} comes after {last}, since {:?}", self.since);
                *last = seq;
            }
            seen.push(seq);
        }
        let run = seen.windows(2).rev().take_while(|pair| is_next(events, pair[0], pair[1])).count();
        let joined = seen.len().checked_sub(run + 1).map_or(self.after + 1, |first| seen[first]);
        assert!(
            self.since.is_some() || joined <= self.after + 1 || is_next(events, self.after, joined),
            "{} to {}: {seen:?}",
            self.before,
            self.after
        );
        if self.close.is_some_and(|code| ![SLOW, UNKNOWN_POSITION].contains(&code)) {
            // Without `since`, it has only the state before it joined, which can be older.
            let end = last.or(seen.last().copied().max(Some(self.after))).unwrap_or(0);
            let missing = events.range(end + 1..).next();
            assert_eq!(missing, None, "it was closed with {:?} before the end", self.close);
        }
    }
}

/// Whether nothing is between two events. Numbers may be missing, because `gifts=delta` hides gifts that add
/// nothing.
fn is_next(events: &Events, seq: u64, next: u64) -> bool {
    seq < next && events.range(seq + 1..next).next().is_none()
}

// All events of the feed, compared with what the client has read from the upstream.

/// Events by number.
type Events = BTreeMap<u64, String>;

/// A subscriber that reads everything.
struct Truth {
    /// Returns whether it has read everything: a burst may exceed the ring before it runs.
    reader: JoinHandle<bool>,
    events: Arc<Mutex<Events>>,
}

impl Truth {
    fn of(hub: &Hub) -> Self {
        let events = Arc::default();
        Self { reader: tokio::spawn(collect(hub.clone(), Arc::clone(&events))), events }
    }

    /// Waits until the hub closes. Returns all events, or `false` and most of them.
    async fn end(self) -> (Events, bool) {
        let is_whole = self.reader.await.unwrap();
        (std::mem::take(&mut self.events.lock().unwrap()), is_whole)
    }
}

async fn collect(hub: Hub, events: Arc<Mutex<Events>>) -> bool {
    let filter = Filter { raw: true, gifts: Gifts::Delta, ..Filter::default() };
    let (mut last, mut is_whole) = (0, true);
    loop {
        let since = Some(Since::After { stream: hub.stream().to_string(), seq: last });
        let join = Join { since, on_gap: OnGap::Skip, filter, reader: Reader::Observer };
        let mut subscriber = hub.join(&join).unwrap();
        let mut batch = Vec::new();
        loop {
            let next = subscriber.next(&mut batch).await;
            for line in batch.drain(..) {
                let line = String::from_utf8(line.to_vec()).unwrap();
                is_whole &= !line.starts_with(r#"{"type":"gap""#);
                if let Some(seq) = json(&line)["seq"].as_u64() {
                    last = seq;
                    assert!(events.lock().unwrap().insert(seq, line).is_none(), "event {seq} comes twice");
                }
            }
            match next {
                Next::Events => {}
                Next::Slow => break,
                Next::Closed(_) => return is_whole,
            }
        }
    }
}

/// Checks that every message that the client has read is an event, that none is two, and that every gap is
/// reported.
fn check(events: &Events, is_whole: bool, read: &[Vec<u8>]) {
    let parsed: Vec<Value> = events.values().map(|event| json(event)).collect();
    let sockets: Vec<_> = read.iter().filter_map(|bytes| socket(bytes)).collect();
    let mut ids = BTreeSet::new();
    for id in parsed.iter().filter_map(|event| event["id"].as_str()) {
        assert!(ids.insert(id.to_owned()), "two events have the id {id}");
    }
    if !is_whole {
        return;
    }
    check_connections(&parsed, sockets.len());
    for (number, bytes) in sockets.iter().enumerate() {
        for chat in chats(bytes) {
            assert!(
                ids.contains(&chat.msg_id.to_string()),
                "connection {number}: {} is missing",
                chat.msg_id
            );
        }
    }
}

/// Every connection is opened and closed once, one after the other.
fn check_connections(events: &[Value], sockets: usize) {
    let kinds = events.iter().filter_map(|event| event["type"].as_str());
    let states: Vec<_> = kinds.filter(|kind| kind.starts_with("connection_")).collect();
    let expected = ["connection_created", "connection_closed"].repeat(sockets);
    assert_eq!(states, expected);
}

/// Returns the bytes after a successful handshake.
fn socket(bytes: &[u8]) -> Option<&[u8]> {
    let rest = bytes.starts_with(b"HTTP/1.1 101 ").then_some(bytes)?;
    let end = rest.windows(4).position(|at| at == b"\r\n\r\n")?;
    Some(&rest[end + 4..])
}

/// Returns the chats in whole frames that can be decoded, without repeated ones.
fn chats(bytes: &[u8]) -> Vec<Told> {
    let mut socket =
        WebSocket::from_partially_read(Cursor::new(Vec::new()), bytes.to_vec(), Role::Client, None);
    let mut chats = Vec::new();
    while let Ok(message) = socket.read() {
        let Message::Binary(frame) = message else { continue };
        let mut faults = Vec::new();
        let push = wire::read_push(&frame, &mut faults);
        if push.holds_batch() {
            let payload = wire::unzip(push.payload, &mut faults);
            let batch = wire::read_batch(&payload, &mut faults);
            if faults.is_empty() {
                let is_chat = |told: &Told| told.method == "WebcastChatMessage" && !told.is_history;
                chats.extend(batch.messages.into_iter().filter(is_chat));
            }
        }
    }
    chats
}
