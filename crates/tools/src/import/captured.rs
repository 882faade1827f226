//! The common parts of all captures: connections, their messages, and HTTP responses.

use std::{
    cell::RefCell,
    collections::VecDeque,
    io::{self, BufRead as _, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    ops::Range,
};

use bytes::{Bytes, BytesMut};
use livetape_core::{
    observer::{is_other_address, is_push_frame, is_webcast_address, role_of, room_in, user_in},
    recording::records::{ConnClose, Http, HttpHeader, conn_close::Who, http::Role},
};
use prost::Message as _;

use super::{
    BAD_LINES_LISTED_MAX, Error, ImportOptions,
    clock::{Clock, Steps, Witness},
    content::frame_in,
    decoded::{self, Producer},
    merge::Times,
};
use crate::payload::batch;

/// Maximum number of connections to inspect in a capture. Further ones are counted.
pub(super) const CONNECTIONS_MAX: usize = 1000;
/// Maximum number of HTTP exchanges to import from a capture. Further ones are counted.
pub(super) const EXCHANGES_MAX: usize = 10_000;
pub(super) const URL_BYTES_MAX: usize = 16 << 10;
/// Number of binary frames to decode per connection to identify it.
const SAMPLE_FRAMES_MAX: u64 = 50;

/// Maximum number of messages to read in advance, and size of their frames in bytes, not counting the last one: a step of
/// the clock shows in the seconds after it.
const MESSAGES_AHEAD_MAX: usize = 500;
const MESSAGE_BYTES_AHEAD_MAX: usize = 4 << 20;

const OPCODE_CONTINUATION: u32 = 0;
const OPCODE_CLOSE: u32 = 8;
/// Opcodes of messages.
const OPCODE_TEXT: u32 = 1;
const OPCODE_BINARY: u32 = 2;

/// A capture that is read once.
pub(super) trait Capture {
    /// Passes its whole content to `visit`, in order.
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error>;
}

/// Receives the content of a capture. An error stops reading.
pub(super) trait Visit {
    /// Whether the content of this connection's next message is needed; if not, [`CaptureItem::said`] can be
    /// `None`. Connections and exchanges are numbered from 0 in order of their occurrence, and are visited
    /// one after another.
    fn wants_data(&self, id: u64) -> bool;
    /// Receives a message of a connection. Its entry can come before or after its messages.
    fn message(&mut self, id: u64, item: CaptureItem) -> Result<(), Error>;
    /// Receives a connection or an exchange, once for each.
    fn entry(&mut self, id: u64, entry: CaptureEntry) -> Result<(), Error>;
    fn about(&mut self, about: About);
}

/// A fact about a capture.
#[derive(Debug)]
pub(super) enum About {
    /// Name and version of the program that wrote it.
    Producer(String, String),
    /// Title or URL of a page.
    Page(String),
    /// An unreadable entry with this id was skipped, for this reason.
    Skipped(u64, String),
    /// A connection is stored without messages. Maybe they are in this list, which is unknown.
    WithoutMessages(Option<String>),
}

/// A connection or an HTTP exchange.
#[derive(Debug, Default)]
pub(super) struct CaptureEntry {
    pub(super) is_socket: bool,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) headers: Vec<HttpHeader>,
    pub(super) body: Bytes,
    /// Why an exchange cannot be recorded.
    pub(super) unreadable: Option<String>,
    /// Time of the request, in Unix milliseconds.
    pub(super) started_ms: Option<f64>,
}

impl CaptureEntry {
    /// Returns the role of the exchange, if it is worth recording.
    pub(super) fn role(&self) -> Option<Role> {
        role_of(&self.url)
    }
}

/// A message of a connection, or an exchange. Stored with this encoding until it is imported.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CaptureItem {
    /// Time as in the capture, in a unit still to be determined. For an exchange, Unix milliseconds.
    #[prost(double, optional, tag = "1")]
    pub(super) time: Option<f64>,
    /// The content; `None` if it was not needed.
    #[prost(oneof = "Said", tags = "2, 3, 4, 5, 6, 7, 8")]
    pub(super) said: Option<Said>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Said {
    #[prost(message, tag = "2")]
    Frame(CapturedFrame),
    /// An error reported by the browser.
    #[prost(string, tag = "3")]
    Trouble(String),
    #[prost(message, tag = "4")]
    Closed(ConnClose),
    /// A frame that never reached the other side.
    #[prost(message, tag = "5")]
    Dropped(()),
    /// Unusable content, with the reason.
    #[prost(string, tag = "6")]
    Bad(String),
    #[prost(message, tag = "7")]
    Answer(Http),
    /// An unreadable exchange, with the reason.
    #[prost(string, tag = "8")]
    NoAnswer(String),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CapturedFrame {
    #[prost(uint32, tag = "1")]
    pub(super) opcode: u32,
    #[prost(bool, tag = "2")]
    pub(super) sent: bool,
    #[prost(bool, tag = "3")]
    pub(super) injected: bool,
    #[prost(bytes = "bytes", tag = "4")]
    pub(super) bytes: Bytes,
}

impl CapturedFrame {
    /// Returns the frame as its content says: exporters mark binary messages as text, and store them in many ways.
    pub(super) fn by_content(self) -> Self {
        match frame_in(&self.bytes) {
            Some(bytes) => Self { opcode: OPCODE_BINARY, bytes, ..self },
            None => self,
        }
    }

    /// Returns a received binary message.
    pub(super) fn received(bytes: Bytes) -> Self {
        Self { opcode: OPCODE_BINARY, sent: false, injected: false, bytes }
    }

    pub(super) fn is_continuation(&self) -> bool {
        self.opcode == OPCODE_CONTINUATION
    }

    pub(super) fn is_close(&self) -> bool {
        self.opcode == OPCODE_CLOSE
    }

    /// Whether it is a ping or a pong.
    pub(super) fn is_ping(&self) -> bool {
        self.opcode > OPCODE_CLOSE
    }

    /// Appends a fragment; returns `false` if it cannot be one of this message.
    pub(super) fn append(&mut self, next: &Self) -> bool {
        let bytes = self.bytes.len() + next.bytes.len();
        if !next.is_continuation()
            || self.opcode >= OPCODE_CLOSE
            || self.sent != next.sent
            || bytes > FRAME_BYTES_MAX
        {
            return false;
        }
        let mut joined = BytesMut::with_capacity(bytes);
        joined.extend_from_slice(&self.bytes);
        joined.extend_from_slice(&next.bytes);
        self.bytes = joined.freeze();
        true
    }
}

/// Why a fragment is skipped.
pub(super) const NO_FIRST_FRAME: &str = "a continuation without a first frame";

impl CaptureItem {
    pub(super) fn said(time: Option<f64>, said: Said) -> Self {
        Self { time, said: Some(said) }
    }

    /// Returns what tells about its time.
    fn witness(&self) -> Witness<'_> {
        match &self.said {
            Some(Said::Frame(CapturedFrame { opcode: OPCODE_BINARY, sent: false, bytes, .. })) => {
                Witness::Frame(bytes)
            }
            Some(Said::Closed(_)) => Witness::Nothing,
            _ => Witness::Later,
        }
    }

    /// Returns the size of its frame, in bytes.
    fn bytes(&self) -> usize {
        match &self.said {
            Some(Said::Frame(frame)) => frame.bytes.len(),
            _ => 0,
        }
    }

    fn exchange(role: Role, entry: CaptureEntry) -> Self {
        let CaptureEntry { method, url, status, headers, body, unreadable, started_ms, .. } = entry;
        let request_line = format!("{method} {url}");
        let answer = Http { role: role.into(), request_line, status: status.into(), headers, body };
        Self::said(started_ms, unreadable.map_or(Said::Answer(answer), Said::NoAnswer))
    }
}

pub(super) fn closed(code: u16, reason: String, by_us: bool) -> ConnClose {
    let who = if by_us { Who::Us } else { Who::Upstream };
    ConnClose { code: code.into(), reason, who: who.into(), will_retry: false }
}

/// A connection, as known before it is imported.
#[derive(Clone, Debug, Default)]
pub(super) struct CapturedConnection {
    pub(super) id: u64,
    pub(super) url: String,
    /// Whether TikTok has something else at this address.
    is_other: bool,
    pub(super) status: u16,
    pub(super) headers: Vec<HttpHeader>,
    pub(super) started_ms: Option<f64>,
    /// Times of the first and the last message, as in the capture, with a mended clock.
    pub(super) first_time: Option<f64>,
    pub(super) last_time: Option<f64>,
    /// The first message with a time of the server: its time as in the capture, and that of the server in Unix milliseconds.
    pub(super) first_stated: Option<(f64, f64)>,
    /// The last time of the server, in Unix milliseconds.
    pub(super) last_stated_ms: Option<f64>,
    /// Unit of the times, to mend them.
    times: Option<Times>,
    clock: Clock,
    /// Messages that were read in advance, and the size of their frames, in bytes.
    ahead: VecDeque<CaptureItem>,
    ahead_bytes: usize,
    pub(super) steps: Steps,
    /// What has to be added to its mended times, in milliseconds.
    pub(super) shift_ms: f64,
    pub(super) messages: u64,
    /// Producer of the decoded events in its messages, if that is what they are.
    pub(super) events_of: Option<Producer>,
    pub(super) room_id: i64,
    /// Location of its messages in the scratch file.
    pub(super) span: Range<u64>,
    sampled: u64,
    webcast: u64,
}

impl CapturedConnection {
    /// Whether the connection belongs to TikTok LIVE, based on its frames or, without frames, on its URL.
    pub(super) fn is_webcast(&self) -> bool {
        match self.sampled {
            0 => is_webcast_address(&self.url),
            sampled => self.webcast * 2 >= sampled && !self.is_other,
        }
    }

    /// Updates the statistics with a message.
    fn sample(&mut self, item: &CaptureItem) {
        self.messages += 1;
        self.first_time = self.first_time.or(item.time);
        self.last_time = item.time.or(self.last_time);
        let Some(Said::Frame(CapturedFrame { opcode, bytes, sent, .. })) = &item.said else { return };
        if self.sampled >= SAMPLE_FRAMES_MAX {
            return;
        }
        match *opcode {
            OPCODE_BINARY => {
                self.sampled += 1;
                self.webcast += u64::from(is_push_frame(bytes));
            }
            OPCODE_TEXT if self.messages <= SAMPLE_FRAMES_MAX => {
                self.events_of = self.events_of.or_else(|| decoded::producer(bytes));
                return;
            }
            _ => return,
        }
        if !sent && (self.room_id == 0 || self.first_stated.is_none()) {
            let Some(batch) = batch(bytes, &mut Vec::new()) else { return };
            if self.room_id == 0 {
                self.room_id = batch.room_id().unwrap_or_default();
            }
            if self.first_stated.is_none() && batch.info.now_ms > 0 {
                self.first_stated = item.time.map(|time| (time, batch.info.now_ms as f64));
            }
        }
    }

    /// Mends the time of a message. `times` is the unit that the producer suggests.
    fn mend(&mut self, item: &mut CaptureItem, times: impl FnOnce(f64) -> Times) {
        let Some(time) = item.time else { return };
        let times = *self.times.get_or_insert_with(|| times(time));
        let ahead = self.ahead.iter().filter_map(|item| Some((times.ms(item.time?), item.witness())));
        let ms = times.ms(time);
        let shift_ms = self.clock.mend(ms, item.witness(), ahead) - ms;
        if shift_ms != 0.0 {
            item.time = Some(times.shifted(time, shift_ms));
        }
    }

    /// Returns the room in the URL, or else the room in the messages.
    pub(super) fn room(&self) -> i64 {
        room_in(&self.url).unwrap_or(self.room_id)
    }
}

/// The content of a capture.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) producer: String,
    pub(super) version: String,
    pub(super) user: Option<String>,
    pub(super) connections: Vec<CapturedConnection>,
    /// Locations of the recorded HTTP exchanges in the scratch file.
    pub(super) exchanges: Vec<Range<u64>>,
    /// Times of the recorded exchanges.
    pub(super) exchanges_ms: Vec<f64>,
    /// Number of connections and exchanges beyond the limits.
    pub(super) too_many: u64,
    /// Number of unreadable entries, and why the first ones are.
    pub(super) skipped: u64,
    pub(super) skipped_listed: Vec<String>,
    /// Whether a connection is stored without messages.
    pub(super) lacks_messages: bool,
    /// Name of an unknown list in such a connection.
    pub(super) unread: Option<String>,
}

/// Reads a whole capture once. Stores importable content in `scratch`: the connections numbered in the options,
/// or those that may belong to TikTok LIVE. If the capture breaks off, returns the content before that,
/// together with the error.
pub(super) fn survey(
    capture: &dyn Capture,
    options: &ImportOptions,
    scratch: Box<dyn Scratch>,
) -> Result<(Survey, Kept, Option<Error>), Error> {
    let (survey, keeper) = (Survey::default(), Keeper::new(scratch));
    let mut surveyor = Surveyor { survey, options, current: None, keeper };
    let error = capture.read(&mut surveyor).err();
    surveyor.end_connection()?;
    Ok((surveyor.survey, surveyor.keeper.finish()?, error))
}

struct Surveyor<'a> {
    survey: Survey,
    options: &'a ImportOptions,
    current: Option<CapturedConnection>,
    keeper: Keeper,
}

impl Surveyor<'_> {
    /// Returns the connection with this id, and completes the previous one.
    fn current(&mut self, id: u64) -> Result<&mut CapturedConnection, Error> {
        if self.current.as_ref().is_some_and(|current| current.id != id) {
            self.end_connection()?;
        }
        let at = self.keeper.at;
        Ok(self.current.get_or_insert_with(|| CapturedConnection {
            id,
            span: at..at,
            ..CapturedConnection::default()
        }))
    }

    /// Mends and stores the first of the messages that were read in advance.
    fn settle(&mut self) -> Result<(), Error> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let Some(mut item) = current.ahead.pop_front() else { return Ok(()) };
        current.ahead_bytes -= item.bytes();
        if !self.options.keep_clock {
            let Survey { producer, version, .. } = &self.survey;
            let times = |first: f64| Times::of(producer, version, Some(first * 1e3), Some(first));
            current.mend(&mut item, times);
        }
        current.sample(&item);
        let id = current.id;
        if self.may_import(id) { self.keeper.message(item) } else { Ok(()) }
    }

    fn end_connection(&mut self) -> Result<(), Error> {
        while self.current.as_ref().is_some_and(|current| !current.ahead.is_empty()) {
            self.settle()?;
        }
        let Some(mut connection) = self.current.take() else { return Ok(()) };
        self.keeper.flush()?;
        connection.span.end = self.keeper.at;
        connection.last_stated_ms = connection.clock.seen_ms();
        (connection.steps, connection.shift_ms) = connection.clock.end();
        if self.survey.connections.len() < CONNECTIONS_MAX {
            self.survey.connections.push(connection);
        } else {
            self.survey.too_many += 1;
        }
        Ok(())
    }

    /// Whether the connection with this id may be imported, as far as known.
    fn may_import(&self, id: u64) -> bool {
        let current = self.current.as_ref();
        let before = self.survey.connections.len() + usize::from(current.is_some_and(|it| it.id != id));
        if !self.options.entries.is_empty() {
            return self.options.entries.contains(&(before as u64 + 1));
        }
        let current = current.filter(|current| current.id == id);
        before < CONNECTIONS_MAX && current.is_none_or(|it| it.sampled < SAMPLE_FRAMES_MAX || it.is_webcast())
    }

    fn learn_user(&mut self, address: &str) {
        let user = &mut self.survey.user;
        *user = user.take().or_else(|| user_in(address).map(str::to_owned));
    }

    fn exchange(&mut self, entry: CaptureEntry) -> Result<(), Error> {
        let Some(role) = entry.role() else { return Ok(()) };
        if self.survey.exchanges.len() == EXCHANGES_MAX {
            self.survey.too_many += 1;
            return Ok(());
        }
        // The content of each connection is stored contiguously.
        self.end_connection()?;
        self.survey.exchanges_ms.extend(entry.started_ms);
        let start = self.keeper.at;
        self.keeper.keep(&CaptureItem::exchange(role, entry))?;
        self.survey.exchanges.push(start..self.keeper.at);
        Ok(())
    }
}

impl Visit for Surveyor<'_> {
    fn wants_data(&self, id: u64) -> bool {
        self.may_import(id)
    }

    fn message(&mut self, id: u64, item: CaptureItem) -> Result<(), Error> {
        let current = self.current(id)?;
        current.ahead_bytes += item.bytes();
        current.ahead.push_back(item);
        let is_full =
            current.ahead.len() > MESSAGES_AHEAD_MAX || current.ahead_bytes > MESSAGE_BYTES_AHEAD_MAX;
        if is_full || self.options.keep_clock { self.settle() } else { Ok(()) }
    }

    fn entry(&mut self, id: u64, entry: CaptureEntry) -> Result<(), Error> {
        self.learn_user(&entry.url);
        let referer = entry.headers.iter().find(|header| header.name.eq_ignore_ascii_case("referer"));
        if let Some(referer) = referer {
            self.learn_user(&referer.value);
        }
        if !entry.is_socket && self.current.as_ref().is_none_or(|current| current.id != id) {
            return self.exchange(entry);
        }
        let current = self.current(id)?;
        let CaptureEntry { url, status, headers, started_ms, .. } = entry;
        (current.is_other, current.url, current.status) = (is_other_address(&url), url, status);
        (current.headers, current.started_ms) = (headers, started_ms);
        Ok(())
    }

    fn about(&mut self, about: About) {
        match about {
            About::Producer(name, version) => (self.survey.producer, self.survey.version) = (name, version),
            About::Page(title) => self.learn_user(&title),
            About::WithoutMessages(unread) => {
                self.survey.lacks_messages = true;
                self.survey.unread = self.survey.unread.take().or(unread);
            }
            About::Skipped(id, reason) => {
                self.survey.skipped += 1;
                if self.survey.skipped_listed.len() < BAD_LINES_LISTED_MAX {
                    self.survey.skipped_listed.push(format!("entry {}: {reason}", id + 1));
                }
            }
        }
    }
}

/// Maximum length of a reassembled message, in bytes, as in a recording.
const FRAME_BYTES_MAX: usize = 16 << 20;
/// Size of the write buffer, and maximum read-ahead per track, in bytes.
const BUFFER_BYTES: usize = 64 << 10;
/// Maximum read-ahead of all tracks together, in bytes, unless [`AHEAD_BYTES_MIN`] per track exceeds it.
const AHEAD_BYTES_MAX: usize = 4 << 20;
/// Minimum read-ahead per track, in bytes.
const AHEAD_BYTES_MIN: usize = 4 << 10;

/// Storage for the scratch data: a file, or memory in tests.
pub trait Scratch: Read + Write + Seek {}

impl<T: Read + Write + Seek> Scratch for T {}

/// Writes items with their length and time, so that a reader can wait for the time without loading the item.
pub(in crate::import) struct Keeper {
    file: BufWriter<Box<dyn Scratch>>,
    /// Position of the next item.
    at: u64,
    /// The item that is written; kept for its capacity.
    bytes: Vec<u8>,
    /// A frame that may continue, and whether it has.
    held: Option<CaptureItem>,
    is_joined: bool,
}

impl Keeper {
    pub(in crate::import) fn new(file: Box<dyn Scratch>) -> Self {
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        Self { file, at: 0, bytes: Vec::new(), held: None, is_joined: false }
    }

    pub(in crate::import) fn keep(&mut self, item: &CaptureItem) -> Result<(), Error> {
        let length = u32::try_from(item.encoded_len()).expect("an item is shorter than 4 GiB");
        let time = item.time.unwrap_or(f64::NAN);
        self.bytes.clear();
        self.bytes.extend(length.to_le_bytes().into_iter().chain(time.to_le_bytes()));
        item.encode(&mut self.bytes).expect("a vector takes every byte");
        self.at += self.bytes.len() as u64;
        self.file.write_all(&self.bytes).map_err(Error::Scratch)
    }

    /// Stores a message of a connection, joining fragments.
    pub(in crate::import) fn message(&mut self, item: CaptureItem) -> Result<(), Error> {
        if self.append(&item) {
            return Ok(());
        }
        self.flush()?;
        match item.said {
            Some(Said::Frame(frame)) if frame.is_continuation() => {
                let said = Some(Said::Bad(NO_FIRST_FRAME.into()));
                self.keep(&CaptureItem { said, ..item })
            }
            Some(Said::Frame(_)) => {
                self.held = Some(item);
                Ok(())
            }
            _ => self.keep(&item),
        }
    }

    /// Stores the last frame, which is complete.
    pub(in crate::import) fn flush(&mut self) -> Result<(), Error> {
        let Some(mut held) = self.held.take() else { return Ok(()) };
        if std::mem::take(&mut self.is_joined)
            && let Some(Said::Frame(frame)) = held.said
        {
            held.said = Some(Said::Frame(frame.by_content()));
        }
        self.keep(&held)
    }

    /// Appends a fragment to its frame; returns `false` if it continues none.
    fn append(&mut self, item: &CaptureItem) -> bool {
        let Some(Said::Frame(next)) = &item.said else { return false };
        let Some(CaptureItem { said: Some(Said::Frame(held)), .. }) = &mut self.held else { return false };
        let is_joined = held.append(next);
        self.is_joined |= is_joined;
        is_joined
    }

    pub(in crate::import) fn finish(self) -> Result<Kept, Error> {
        let file = self.file.into_inner().map_err(|error| Error::Scratch(error.into_error()))?;
        Ok(Kept(RefCell::new(file)))
    }
}

/// The stored items.
pub(in crate::import) struct Kept(RefCell<Box<dyn Scratch>>);

impl Kept {
    /// Returns a reader for the items in these ranges. `tracks` is the number of such readers.
    pub(in crate::import) fn items(&self, spans: Vec<Range<u64>>, tracks: usize) -> Items<'_> {
        let ahead = (AHEAD_BYTES_MAX / tracks.max(1)).clamp(AHEAD_BYTES_MIN, BUFFER_BYTES);
        let stretches = Stretches { file: &self.0, span: 0..0, spans: spans.into_iter() };
        Items { input: BufReader::with_capacity(ahead, stretches), length: 0 }
    }
}

pub(in crate::import) struct Items<'a> {
    input: BufReader<Stretches<'a>>,
    /// Length of the item whose time was read last.
    length: u32,
}

impl Items<'_> {
    /// Returns the time of the next item as in the capture; `None` at the end.
    pub(in crate::import) fn next_time(&mut self) -> Result<Option<Option<f64>>, Error> {
        if self.input.fill_buf().map_err(Error::Scratch)?.is_empty() {
            return Ok(None);
        }
        let (mut length, mut time) = ([0; 4], [0; 8]);
        self.input.read_exact(&mut length).map_err(Error::Scratch)?;
        self.input.read_exact(&mut time).map_err(Error::Scratch)?;
        self.length = u32::from_le_bytes(length);
        let time = f64::from_le_bytes(time);
        Ok(Some((!time.is_nan()).then_some(time)))
    }

    /// Returns the content of the item. To be called after each [`Items::next_time`].
    pub(in crate::import) fn said(&mut self) -> Result<Option<Said>, Error> {
        let mut bytes = Vec::with_capacity(self.length as usize);
        self.input.by_ref().take(self.length.into()).read_to_end(&mut bytes).map_err(Error::Scratch)?;
        let item = CaptureItem::decode(Bytes::from(bytes));
        Ok(item.map_err(|error| Error::Scratch(io::Error::other(error)))?.said)
    }
}

/// A reader of several ranges of the file, one after another.
struct Stretches<'a> {
    file: &'a RefCell<Box<dyn Scratch>>,
    span: Range<u64>,
    spans: std::vec::IntoIter<Range<u64>>,
}

impl Read for Stretches<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.span.is_empty() {
            match self.spans.next() {
                Some(span) => self.span = span,
                None => return Ok(0),
            }
        }
        let left = usize::try_from(self.span.end - self.span.start).unwrap_or(usize::MAX);
        let wanted = bytes.len().min(left);
        let mut file = self.file.borrow_mut();
        file.seek(SeekFrom::Start(self.span.start))?;
        let read = file.read(&mut bytes[..wanted])?;
        self.span.start += read as u64;
        if read == 0 && wanted > 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) }
    }
}
