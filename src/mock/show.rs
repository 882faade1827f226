//! Recording → what its rooms play.

use std::{collections::BTreeMap, io::Read, sync::Arc, time::Duration};

use bytes::Bytes;

use crate::sans_io::{
    recording::{
        Error, Item, Opcode, Reader, What,
        records::{ConnClose, conn_close::Who, http::Role},
    },
    wire::{self, Message},
};

/// The method of what is kept as history.
const CHAT: &str = "WebcastChatMessage";

/// The rooms of a recording.
#[derive(Clone, Debug, Default)]
pub(super) struct Show {
    /// In the order in which they begin; never empty.
    pub(super) rooms: Vec<Arc<RoomShow>>,
}

/// What one room plays.
#[derive(Clone, Debug, Default)]
pub(super) struct RoomShow {
    /// 0 if the recording does not tell it.
    pub(super) room_id: i64,
    /// Empty if the recording does not tell it.
    pub(super) unique_id: String,
    /// The wall time of offset 0, Unix milliseconds.
    pub(super) wall_ms: i64,
    /// Its connections, one after the other; never empty.
    pub(super) segments: Vec<Segment>,
}

/// What one recorded connection received.
#[derive(Clone, Debug, Default)]
pub(super) struct Segment {
    /// When it was opened.
    pub(super) opened: Duration,
    pub(super) frames: Vec<Played>,
    /// How it was closed, and when.
    pub(super) close: Option<Closed>,
    /// The batch in the sign server's answer.
    pub(super) initial_batch: Option<Bytes>,
    /// The frame that answers `im_enter_room`.
    pub(super) enter_answer: Option<usize>,
}

/// How a recorded connection was closed.
#[derive(Clone, Debug)]
pub(super) struct Closed {
    pub(super) offset: Duration,
    /// Code and reason; `None` if the connection just broke.
    pub(super) frame: Option<(u16, String)>,
    /// Whether the client did it that was recorded.
    pub(super) by_client: bool,
}

/// A frame as it was received.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) offset: Duration,
    pub(super) opcode: u8,
    pub(super) bytes: Bytes,
    /// How many messages it holds.
    pub(super) events: u64,
    /// The chats in it.
    pub(super) chats: Vec<Message>,
}

impl Show {
    /// Reads a recording whole.
    ///
    /// # Errors
    /// What [`Reader::open`] and [`Reader::next`] say, or [`Error::NotARecording`] if no connection is in it.
    pub(super) fn read(source: impl Read) -> Result<Self, Error> {
        let mut reader = Reader::open(source)?;
        let mut reading = Reading::default();
        while let Some(record) = reader.next()? {
            reading.take(record.item);
        }
        let show = reading.finish();
        if show.rooms.is_empty() { Err(Error::NotARecording) } else { Ok(show) }
    }

    /// The room of this user or id, or else the first.
    pub(super) fn room(&self, user: &str) -> Arc<RoomShow> {
        let named = self.rooms.iter().find(|room| room.unique_id.eq_ignore_ascii_case(user));
        let room = named.or_else(|| self.rooms.iter().find(|room| room.room_id.to_string() == user));
        Arc::clone(room.unwrap_or(&self.rooms[0]))
    }
}

#[derive(Default)]
struct Reading {
    wall_ms: i64,
    /// By connection, with room and user.
    connections: BTreeMap<u32, (i64, String, Segment)>,
    /// A batch that names no connection: that of the next one.
    initial_batch: Option<Bytes>,
}

impl Reading {
    fn take(&mut self, item: Item) {
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
                self.connection(conn, offset).2.add(offset, frame.opcode, frame.bytes);
            }
            What::Http(http) if http.role() == Role::InitialBatch => {
                if conn == 0 {
                    self.initial_batch = Some(http.body);
                } else {
                    self.connection(conn, offset).2.initial_batch = Some(http.body);
                }
            }
            What::ConnClose(close) => self.connection(conn, offset).2.close = Some(closed(offset, &close)),
            _ => {}
        }
    }

    fn connection(&mut self, conn: u32, offset: Duration) -> &mut (i64, String, Segment) {
        self.connections
            .entry(conn)
            .or_insert_with(|| (0, String::new(), Segment { opened: offset, ..Segment::default() }))
    }

    fn finish(self) -> Show {
        let mut rooms: Vec<RoomShow> = Vec::new();
        for (_, (room_id, unique_id, segment)) in self.connections {
            if segment.frames.is_empty() && segment.initial_batch.is_none() {
                continue;
            }
            match rooms.iter_mut().find(|room| room.room_id == room_id) {
                Some(room) => room.segments.push(segment),
                None => {
                    rooms.push(RoomShow {
                        room_id,
                        unique_id,
                        wall_ms: self.wall_ms,
                        segments: vec![segment],
                    });
                }
            }
        }
        for room in &mut rooms {
            room.segments.sort_by_key(|segment| segment.opened);
        }
        Show { rooms: rooms.into_iter().map(Arc::new).collect() }
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
    fn add(&mut self, offset: Duration, opcode: Opcode, bytes: Bytes) {
        let mut faults = Vec::new();
        let push = wire::read_push(&bytes, &mut faults);
        if push.payload_type == "hb" {
            // Those answered the client that recorded; this one gets its own.
            return;
        }
        if push.payload_type == "im_enter_room_resp" {
            self.enter_answer.get_or_insert(self.frames.len());
        }
        let mut messages = Vec::new();
        if push.holds_batch() {
            let payload = wire::unzip(push.payload, &mut faults);
            messages = wire::read_batch(&payload, &mut faults).messages;
        }
        let events = messages.len() as u64;
        messages.retain(|message| message.method == CHAT);
        self.frames.push(Played { offset, opcode: opcode.0, bytes, events, chats: messages });
    }
}

impl RoomShow {
    /// The last of its frames, or of its closes.
    pub(super) fn end(&self) -> Duration {
        let ends = self.segments.iter().map(Segment::end);
        ends.max().unwrap_or_default()
    }

    /// The last `count` chats in front of a frame.
    pub(super) fn history(&self, segment: usize, frame: usize, count: usize) -> Vec<Message> {
        let before = self.segments[..segment].iter().flat_map(|segment| &segment.frames);
        let here = self.segments[segment].frames[..frame].iter();
        let chats: Vec<&Message> = before.chain(here).flat_map(|frame| &frame.chats).collect();
        let skipped = chats.len().saturating_sub(count);
        chats[skipped..].iter().map(|chat| Message { is_history: true, ..(*chat).clone() }).collect()
    }
}

impl Segment {
    /// Its last frame, or its close.
    pub(super) fn end(&self) -> Duration {
        let last = self.frames.last().map_or(self.opened, |frame| frame.offset);
        self.close.as_ref().map_or(last, |close| close.offset.max(last))
    }
}
