//! Reads a tape ahead, within bounds, and stops where a replay waits.

use std::{collections::VecDeque, io::Read, sync::Arc, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    recording::{Error, Item, Loss, Reader, Record, What, record_type},
};
use tokio::sync::{mpsc, watch};

/// Maximum size of the payloads in a chunk that is read ahead, in bytes.
const CHUNK_BYTES_MAX: usize = 256 << 10;
/// Maximum number of items in a chunk that is read ahead.
const CHUNK_ITEMS_MAX: usize = 256;
/// Maximum number of chunks that wait to be played.
const CHUNKS_AHEAD: usize = 2;

/// An element of a tape, in file order.
#[derive(Debug)]
pub(crate) enum Fed {
    /// An item before the start that describes an open connection.
    Before(Item),
    Item(Item),
    Missing(Loss),
    /// The file cannot be read any further.
    Failed(String),
}

impl Fed {
    fn bytes(&self) -> usize {
        match self {
            Self::Item(Item { what: What::Frame(frame), .. }) => frame.bytes.len(),
            Self::Item(Item { what: What::Http(http), .. }) => http.body.len(),
            _ => 0,
        }
    }
}

/// A reader that skips everything before the start.
pub(super) struct Reading {
    reader: Reader<Box<dyn Read + Send>>,
    from: Duration,
    /// Loss that is already reported.
    missing: Loss,
    has_started: bool,
    is_done: bool,
}

impl Reading {
    pub(super) fn new(reader: Reader<Box<dyn Read + Send>>, from: Duration) -> Self {
        Self { reader, from, missing: Loss::default(), has_started: from.is_zero(), is_done: false }
    }

    fn read(&mut self) -> Result<Option<Record>, Error> {
        if !self.has_started {
            self.reader.skip_before(self.from, describes_connection)?;
        }
        self.reader.next()
    }

    /// Returns the loss found since the last call. Gap items are counted when they are played.
    fn newly_missing(&mut self, is_end: bool) -> Option<Loss> {
        let report = self.reader.report();
        let unsealed = is_end && !report.sealed;
        let missing = Loss { records: report.missing, unsealed, ..report.loss_so_far() };
        let new = missing.since(&std::mem::replace(&mut self.missing, missing));
        new.is_some().then_some(new)
    }
}

impl Iterator for Reading {
    type Item = Fed;

    fn next(&mut self) -> Option<Fed> {
        while !self.is_done {
            if let Some(missing) = self.newly_missing(false) {
                return Some(Fed::Missing(missing));
            }
            match self.read() {
                Ok(Some(record)) if record.item.offset >= self.from => {
                    self.has_started = true;
                    return Some(Fed::Item(record.item));
                }
                Ok(Some(record))
                    if matches!(
                        record.item.what,
                        What::Header(_) | What::ConnOpen(_) | What::ConnClose(_)
                    ) =>
                {
                    return Some(Fed::Before(record.item));
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    self.is_done = true;
                    return self.newly_missing(true).map(Fed::Missing);
                }
                Err(error) => {
                    self.is_done = true;
                    return Some(Fed::Failed(error.to_string()));
                }
            }
        }
        None
    }
}

/// A tape that is being read.
pub struct Feed {
    supply: Supply,
    ready: VecDeque<Fed>,
    gates: Option<Gates>,
    /// Number of items taken so far.
    taken: usize,
    /// Offset of the last item taken, or of the start, and the number of items taken that have it.
    pub(crate) place: (Duration, usize),
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

enum Supply {
    Here(Box<Reading>),
    Thread(mpsc::Receiver<VecDeque<Fed>>),
}

impl Feed {
    /// Reads ahead on a separate thread, or else on demand, which is exact with a paused clock.
    pub(super) fn new(reading: Reading, is_ahead: bool, gates: Option<Gates>) -> Result<Self, Problem> {
        let place = (reading.from, 0);
        let supply = match is_ahead {
            true => Supply::Thread(read_ahead(reading)?),
            false => Supply::Here(Box::new(reading)),
        };
        Ok(Self { supply, ready: VecDeque::new(), gates, taken: 0, place })
    }

    /// Returns the next element, or `None` at the end. Waits at a gate that is closed. Cancel safe.
    pub(crate) async fn peek(&mut self) -> Option<&Fed> {
        if let Some(gates) = &self.gates {
            gates.pass(self.taken).await;
        }
        self.ahead_of_gates().await
    }

    /// Like [`Feed::peek`], but does not wait at a gate.
    pub(crate) async fn ahead_of_gates(&mut self) -> Option<&Fed> {
        if self.ready.is_empty() {
            match &mut self.supply {
                Supply::Here(reading) => self.ready.extend(reading.next()),
                Supply::Thread(chunks) => self.ready = chunks.recv().await.unwrap_or_default(),
            }
        }
        self.ready.front()
    }

    /// Blocks until an element is available, or the end is reached.
    pub(super) fn fill(&mut self) {
        match &mut self.supply {
            Supply::Here(reading) => self.ready.extend(reading.next()),
            Supply::Thread(chunks) => self.ready = chunks.blocking_recv().unwrap_or_default(),
        }
    }

    /// Whether no gate before the next element is closed.
    pub(crate) fn is_open(&self) -> bool {
        self.gates.as_ref().is_none_or(|gates| gates.is_open(self.taken))
    }

    /// Returns the next element if it is already available.
    pub(crate) fn at_hand(&self) -> Option<&Fed> {
        self.ready.front().filter(|_| self.is_open())
    }

    /// Takes the element that [`Feed::peek`] returned.
    pub(crate) fn pop(&mut self) -> Option<Fed> {
        let fed = self.ready.pop_front();
        if let Some(Fed::Item(item)) = &fed {
            self.taken += 1;
            let before = if self.place.0 == item.offset { self.place.1 } else { 0 };
            self.place = (item.offset, before + 1);
        }
        fed
    }
}

/// Places of a tape, in order. Clones share them.
#[derive(Clone, Debug)]
pub struct Gates {
    /// Numbers of items before each gate.
    places: Arc<[usize]>,
    state: watch::Sender<GateCounts>,
}

#[derive(Clone, Copy, Debug, Default)]
struct GateCounts {
    /// Number of gates that a replay has reached.
    reached: usize,
    /// Number of gates that are open.
    open: usize,
}

impl Gates {
    /// Creates closed gates after these numbers of items.
    #[must_use]
    pub fn new(places: impl IntoIterator<Item = usize>) -> Self {
        Self { places: places.into_iter().collect(), state: watch::Sender::default() }
    }

    /// Waits until the replay waits at a gate, counted from 0.
    pub async fn reached(&self, gate: usize) {
        let mut state = self.state.subscribe();
        // The sender lives as long as this.
        let _ = state.wait_for(|state| state.reached > gate).await;
    }

    /// Opens the gates up to this one.
    pub fn open(&self, gate: usize) {
        self.state.send_modify(|state| state.open = state.open.max(gate + 1));
    }

    /// Number of gates up to the place after this number of items.
    fn up_to(&self, items: usize) -> usize {
        self.places.partition_point(|place| *place <= items)
    }

    /// Whether a replay may go on after this number of items.
    pub(super) fn is_open(&self, items: usize) -> bool {
        self.state.borrow().open >= self.up_to(items)
    }

    /// Waits until a replay may go on after this number of items.
    pub(super) async fn pass(&self, items: usize) {
        let here = self.up_to(items);
        let open = self.state.borrow().open;
        for gate in open..here {
            self.state.send_modify(|state| state.reached = state.reached.max(gate + 1));
            let mut state = self.state.subscribe();
            let _ = state.wait_for(|state| state.open > gate).await;
        }
    }
}

fn describes_connection(record_type: u8) -> bool {
    matches!(record_type, record_type::HEADER | record_type::CONN_OPEN | record_type::CONN_CLOSE)
}

/// Reads on a separate thread, which blocks while [`CHUNKS_AHEAD`] chunks wait and ends when the receiver
/// is dropped.
fn read_ahead(mut reading: Reading) -> Result<mpsc::Receiver<VecDeque<Fed>>, Problem> {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let thread = std::thread::Builder::new().name("read-ahead".into());
    let spawned = thread.spawn(move || {
        loop {
            let chunk = next_chunk(&mut reading);
            if chunk.is_empty() || sender.blocking_send(chunk).is_err() {
                return;
            }
        }
    });
    spawned.map_err(|error| Problem::new(Code::Io, format!("cannot start the reader: {error}")))?;
    Ok(receiver)
}

fn next_chunk(reading: &mut Reading) -> VecDeque<Fed> {
    let (mut chunk, mut bytes) = (VecDeque::new(), 0);
    while chunk.len() < CHUNK_ITEMS_MAX && bytes < CHUNK_BYTES_MAX {
        let Some(fed) = reading.next() else { break };
        bytes += fed.bytes();
        chunk.push_back(fed);
    }
    chunk
}
