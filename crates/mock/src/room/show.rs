//! The playable content of a recording: its rooms, connections and frames, built from its items.

use std::{
    collections::BTreeMap,
    io::{self, Read, Seek as _, SeekFrom, Write},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{
    recording::{
        Error, Frame, Item, Loss, Reader, What,
        records::{ConnClose, conn_close::Who, http::Role},
    },
    wire::{self, Message},
};
use livetape_io::files::Spool;
use tracing::warn;

/// Method of the messages that are sent as history.
const CHAT: &str = "WebcastChatMessage";
/// Method of messages with the number of viewers.
const VIEWERS: &str = "WebcastRoomUserSeqMessage";

/// The rooms of a recording.
#[derive(Clone, Debug)]
pub(crate) struct Show {
    /// Rooms in order of their start; never empty.
    pub(crate) rooms: Vec<Arc<RoomShow>>,
    /// Data missing from the recording.
    pub(crate) loss: Loss,
}

/// The content of one room.
#[derive(Clone, Debug)]
pub(crate) struct RoomShow {
    /// 0 if the recording does not contain it.
    pub(crate) room_id: i64,
    /// Empty if the recording does not contain it.
    pub(crate) unique_id: String,
    /// Wall time at offset 0, in Unix milliseconds.
    pub(crate) wall_ms: i64,
    /// Its connections in order; never empty.
    pub(crate) segments: Vec<Segment>,
    /// The frames of the recording, one after the other. Many are in a file, because `livetape test` plays several long
    /// recordings at a time.
    pub(super) frames: Spool,
}

/// The received half of one recorded connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segment {
    /// Offset at which it was opened.
    pub(crate) opened: Duration,
    pub(crate) frames: Vec<Played>,
    /// How and when it was closed.
    pub(crate) close: Option<Closed>,
    /// The batch from the sign server's answer.
    pub(crate) initial_batch: Option<Bytes>,
    /// The frame with the first batch, for recordings without a sign server's answer.
    pub(crate) first: Option<usize>,
    /// The frame that answers `im_enter_room`.
    pub(super) enter_answer: Option<usize>,
}

/// Close of a recorded connection.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) offset: Duration,
    /// Code and reason; `None` if the connection was lost.
    pub(crate) frame: Option<(u16, String)>,
    /// Whether the recorded client closed it.
    pub(crate) by_client: bool,
}

/// A received frame.
#[derive(Clone, Debug)]
pub(crate) struct Played {
    pub(crate) offset: Duration,
    pub(crate) opcode: u8,
    pub(crate) span: Span,
    /// Log id for the ack, if the frame requests one.
    pub(crate) ack: Option<u64>,
    /// Number of messages in the frame.
    pub(crate) events: u64,
    /// Whether there are chats among them.
    has_chats: bool,
}

/// Where the bytes of a frame are among those of all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(super) at: u64,
    pub(super) length: usize,
}

/// Whether a message can be sent as history.
fn is_chat(message: &Message) -> bool {
    message.method == CHAT
}

impl Show {
    /// Returns the room with this user or id, or else the first room.
    pub(crate) fn room(&self, user: &str) -> Arc<RoomShow> {
        let named = self.rooms.iter().find(|room| room.unique_id.eq_ignore_ascii_case(user));
        let room = named.or_else(|| self.rooms.iter().find(|room| room.room_id.to_string() == user));
        Arc::clone(room.unwrap_or(&self.rooms[0]))
    }
}

impl RoomShow {
    /// Returns the offset of the last frame or close.
    pub(crate) fn end(&self) -> Duration {
        let ends = self.segments.iter().map(Segment::end);
        ends.max().unwrap_or_default()
    }

    /// Reads a frame.
    ///
    /// # Errors
    /// Any error in reading the file, which is also logged.
    pub(crate) fn read(&self, Span { at, length }: Span) -> io::Result<Bytes> {
        let (mut file, mut bytes) = (self.frames.open(), vec![0; length]);
        let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes));
        read.inspect_err(|error| warn!("cannot read a frame of the recording again: {error}"))?;
        Ok(bytes.into())
    }

    /// Returns the batch in a frame.
    pub(super) fn batch(&self, frame: &Played) -> Option<Bytes> {
        let (bytes, mut faults) = (self.read(frame.span).ok()?, Vec::new());
        Some(wire::unzip(wire::read_push(&bytes, &mut faults).payload, &mut faults))
    }

    /// Returns the last `count` chats before a frame.
    pub(crate) fn history(&self, segment: usize, frame: usize, count: usize) -> Vec<Message> {
        let before = self.segments[..segment].iter().flat_map(|segment| &segment.frames);
        let here = self.segments[segment].frames[..frame].iter();
        let last_first = before.chain(here).rev().filter(|frame| frame.has_chats);
        let batches = last_first.filter_map(|frame| self.batch(frame));
        let messages = batches.flat_map(|batch| {
            wire::read_batch(&batch, &mut Vec::new()).messages.into_iter().rev().filter(is_chat)
        });
        let mut chats: Vec<_> =
            messages.take(count).map(|chat| Message { is_history: true, ..chat }).collect();
        chats.reverse();
        chats
    }

    /// Returns the last number of viewers before a frame of a segment.
    pub(crate) fn viewers(&self, segment: usize, frame: usize) -> Option<Message> {
        let last_first = self.segments[segment].frames[..frame].iter().rev();
        let messages = last_first
            .filter_map(|frame| self.batch(frame))
            .flat_map(|batch| wire::read_batch(&batch, &mut Vec::new()).messages.into_iter().rev());
        messages.into_iter().find(|message| message.method == VIEWERS)
    }

    /// Returns the batch of a segment for a signing response, and the last frame at which a client can join and
    /// still need it.
    pub(crate) fn sign_batch(&self, segment: usize) -> Option<(usize, Bytes)> {
        let segment = &self.segments[segment];
        if let Some(batch) = &segment.initial_batch {
            return Some((0, batch.clone()));
        }
        let first = segment.first?;
        Some((first, self.batch(segment.frames.get(first)?)?))
    }
}

impl Segment {
    /// Returns the offset of the batch in a signing response.
    pub(crate) fn signed(&self) -> Duration {
        let first = self.first.and_then(|first| self.frames.get(first));
        first.map_or(self.opened, |frame| frame.offset)
    }

    /// Returns the offset of the last frame or of the close.
    pub(crate) fn end(&self) -> Duration {
        let last = self.frames.last().map_or(self.opened, |frame| frame.offset);
        self.close.as_ref().map_or(last, |close| close.offset.max(last))
    }
}

/// State while reading.
#[derive(Default)]
struct Reading {
    wall_ms: i64,
    /// Connections by number: room id, user and segment.
    connections: BTreeMap<u32, (i64, String, Segment)>,
    /// An initial batch without a connection; it belongs to the next one.
    initial_batch: Option<Bytes>,
    /// Total length of the frames so far.
    bytes: u64,
    loss: Loss,
}

impl Show {
    /// Reads a whole recording.
    ///
    /// # Errors
    /// Any error of [`Reader::open`] or [`Reader::next`], [`Error::Write`] if its frames cannot be stored, or
    /// [`Error::NotARecording`] if the recording has no connection.
    pub(crate) fn read(source: impl Read) -> Result<Self, Error> {
        let mut read = Ok(Reading::default());
        let frames = Spool::written(|file| {
            read = Reading::of(source, file);
            Ok(())
        });
        let show = read?.finish(&frames.map_err(Error::Write)?);
        if show.rooms.is_empty() { Err(Error::NotARecording) } else { Ok(show) }
    }
}

impl Reading {
    /// Reads a recording, and writes its frames to a file.
    fn of(source: impl Read, file: &mut impl Write) -> Result<Self, Error> {
        let mut reader = Reader::open(source)?;
        let mut reading = Self::default();
        while let Some(record) = reader.next()? {
            reading.take(record.item, file).map_err(Error::Write)?;
        }
        Ok(Self { loss: reader.report().loss(), ..reading })
    }

    fn take(&mut self, item: Item, file: &mut impl Write) -> io::Result<()> {
        let Item { offset, conn, flags, what } = item;
        match what {
            What::Header(header) => {
                self.wall_ms = header.wall_anchor_ns.map_or(self.wall_ms, |ns| ns / 1_000_000);
            }
            What::ConnOpen(open) => {
                let batch = self.initial_batch.take();
                let connection = self.connection(conn, offset);
                connection.2.initial_batch = connection.2.initial_batch.take().or(batch);
                (connection.0, connection.1, connection.2.opened) = (open.room_id, open.unique_id, offset);
            }
            What::Frame(frame) if !flags.is_sent() => {
                file.write_all(&frame.bytes)?;
                let span = Span { at: self.bytes, length: frame.bytes.len() };
                self.bytes += frame.bytes.len() as u64;
                self.connection(conn, offset).2.add(offset, &frame, span);
            }
            What::Http(http) if http.role() == Role::InitialBatch => {
                if conn == 0 {
                    self.initial_batch = Some(http.body);
                } else {
                    self.connection(conn, offset).2.initial_batch = Some(http.body);
                }
            }
            What::ConnClose(close) => self.connection(conn, offset).2.close = Some(closed(offset, &close)),
            What::Frame(_)
            | What::Http(_)
            | What::Marker(_)
            | What::ClockAnchor(_)
            | What::Gap(_)
            | What::Checkpoint(_)
            | What::End(_)
            | What::Status(_)
            | What::Other { .. } => {}
        }
        Ok(())
    }

    fn connection(&mut self, conn: u32, offset: Duration) -> &mut (i64, String, Segment) {
        self.connections
            .entry(conn)
            .or_insert_with(|| (0, String::new(), Segment { opened: offset, ..Segment::default() }))
    }

    fn finish(self, frames: &Spool) -> Show {
        let mut rooms: Vec<RoomShow> = Vec::new();
        for (_, (room_id, unique_id, mut segment)) in self.connections {
            if segment.frames.is_empty() && segment.initial_batch.is_none() {
                continue;
            }
            segment.first = segment.first.filter(|_| segment.initial_batch.is_none());
            // Nothing is added any more, and a long recording has many.
            segment.frames.shrink_to_fit();
            match rooms.iter_mut().find(|room| room.room_id == room_id) {
                Some(room) => room.segments.push(segment),
                None => {
                    rooms.push(RoomShow {
                        room_id,
                        unique_id,
                        wall_ms: self.wall_ms,
                        segments: vec![segment],
                        frames: frames.clone(),
                    });
                }
            }
        }
        for room in &mut rooms {
            room.segments.sort_by_key(|segment| segment.opened);
        }
        Show { rooms: rooms.into_iter().map(Arc::new).collect(), loss: self.loss }
    }
}

fn closed(offset: Duration, close: &ConnClose) -> Closed {
    let code = u16::try_from(close.code).ok().filter(|code| matches!(code, 1000..=4999)).unwrap_or(1000);
    let (by_client, breaks) = (close.who() == Who::Us, close.who() == Who::Network);
    let frame =
        (!breaks).then(|| if by_client { (1000, String::new()) } else { (code, close.reason.clone()) });
    Closed { offset, frame, by_client }
}

impl Segment {
    fn add(&mut self, offset: Duration, frame: &Frame, span: Span) {
        let mut faults = Vec::new();
        let push = wire::read_push(&frame.bytes, &mut faults);
        if push.payload_type == "hb" {
            // These answered the recorded client. The playing client gets answers to its own heartbeats.
            return;
        }
        if push.payload_type == "im_enter_room_resp" {
            self.enter_answer.get_or_insert(self.frames.len());
        }
        let (log_id, mut wants_ack, mut messages) = (push.log_id, false, Vec::new());
        if push.holds_batch() {
            let payload = wire::unzip(push.payload, &mut faults);
            let batch = wire::read_batch(&payload, &mut faults);
            if push.payload_type == "msg" && batch.info.is_first {
                self.first.get_or_insert(self.frames.len());
            }
            // Clients only ack frames with an id and a text.
            wants_ack = batch.info.need_ack && log_id != 0 && !batch.info.internal_ext.is_empty();
            messages = batch.messages;
        }
        let events = messages.len() as u64;
        let (opcode, has_chats) = (frame.opcode.0, messages.iter().any(is_chat));
        let ack = wants_ack.then_some(log_id);
        self.frames.push(Played { offset, opcode, span, ack, events, has_chats });
    }
}
