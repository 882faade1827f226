//! The playable content of a recording: its rooms, connections and frames.

use std::{
    io::{self, Read as _, Seek as _, SeekFrom},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use livetape_core::{
    recording::Loss,
    wire::{self, Message},
};
use tracing::warn;

use livetape_io::files::Spool;

/// Method of the messages that are sent as history.
const CHAT: &str = "WebcastChatMessage";

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
    pub(super) has_chats: bool,
}

/// Where the bytes of a frame are among those of all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(super) at: u64,
    pub(super) length: usize,
}

/// Whether a message can be sent as history.
pub(super) fn is_chat(message: &Message) -> bool {
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
    fn batch(&self, frame: &Played) -> Option<Bytes> {
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

    /// Returns the batch of a segment for a signing response, and the last frame at which a client can join and
    /// still need it.
    pub(super) fn sign_batch(&self, segment: usize) -> Option<(usize, Bytes)> {
        let segment = &self.segments[segment];
        if let Some(batch) = &segment.initial_batch {
            return Some((0, batch.clone()));
        }
        let first = segment.first?;
        Some((first, self.batch(segment.frames.get(first)?)?))
    }
}

impl Segment {
    /// Returns the offset of the last frame or of the close.
    pub(crate) fn end(&self) -> Duration {
        let last = self.frames.last().map_or(self.opened, |frame| frame.offset);
        self.close.as_ref().map_or(last, |close| close.offset.max(last))
    }
}
