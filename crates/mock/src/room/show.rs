//! The playable content of a recording: its rooms, connections and frames.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::sans_io::{
    recording::Loss,
    wire::{self, Message},
};

/// The rooms of a recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Show {
    /// Rooms in order of their start; never empty.
    pub(crate) rooms: Vec<Arc<RoomShow>>,
    /// Data missing from the recording.
    pub(crate) loss: Loss,
}

/// The content of one room.
#[derive(Clone, Debug, Default)]
pub(crate) struct RoomShow {
    /// 0 if the recording does not contain it.
    pub(crate) room_id: i64,
    /// Empty if the recording does not contain it.
    pub(crate) unique_id: String,
    /// Wall time at offset 0, in Unix milliseconds.
    pub(crate) wall_ms: i64,
    /// Its connections in order; never empty.
    pub(crate) segments: Vec<Segment>,
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
    pub(crate) bytes: Bytes,
    /// Log id for the ack, if the frame requests one.
    pub(crate) ack: Option<u64>,
    /// Number of messages in the frame.
    pub(crate) events: u64,
    /// The chats among them.
    pub(crate) chats: Vec<Message>,
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

    /// Returns the last `count` chats before a frame.
    pub(crate) fn history(&self, segment: usize, frame: usize, count: usize) -> Vec<Message> {
        let before = self.segments[..segment].iter().flat_map(|segment| &segment.frames);
        let here = self.segments[segment].frames[..frame].iter();
        let chats: Vec<&Message> = before.chain(here).flat_map(|frame| &frame.chats).collect();
        let skipped = chats.len().saturating_sub(count);
        chats[skipped..].iter().map(|chat| Message { is_history: true, ..(*chat).clone() }).collect()
    }
}

impl Segment {
    /// Returns the batch for a signing response, and the last frame at which a client can join and still need
    /// it.
    pub(super) fn sign_batch(&self) -> Option<(usize, Bytes)> {
        if let Some(batch) = &self.initial_batch {
            return Some((0, batch.clone()));
        }
        let first = self.first?;
        let (frame, mut faults) = (self.frames.get(first)?, Vec::new());
        let payload = wire::read_push(&frame.bytes, &mut faults).payload;
        Some((first, wire::unzip(payload, &mut faults)))
    }

    /// Returns the offset of the last frame or of the close.
    pub(crate) fn end(&self) -> Duration {
        let last = self.frames.last().map_or(self.opened, |frame| frame.offset);
        self.close.as_ref().map_or(last, |close| close.offset.max(last))
    }
}
