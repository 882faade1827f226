//! Recording → what its rooms play.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::sans_io::{
    recording::Loss,
    wire::{self, Message},
};

/// The rooms of a recording.
#[derive(Clone, Debug, Default)]
pub(super) struct Show {
    /// In the order in which they begin; never empty.
    pub(super) rooms: Vec<Arc<RoomShow>>,
    /// What is missing in the recording.
    pub(super) loss: Loss,
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
    /// The frame whose batch says that it is the first, where no sign server's answer was recorded.
    pub(super) first: Option<usize>,
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
    /// The log id by which a client acks it, if it wants that.
    pub(super) ack: Option<u64>,
    /// How many messages it holds.
    pub(super) events: u64,
    /// The chats in it.
    pub(super) chats: Vec<Message>,
}

impl Show {
    /// The room of this user or id, or else the first.
    pub(super) fn room(&self, user: &str) -> Arc<RoomShow> {
        let named = self.rooms.iter().find(|room| room.unique_id.eq_ignore_ascii_case(user));
        let room = named.or_else(|| self.rooms.iter().find(|room| room.room_id.to_string() == user));
        Arc::clone(room.unwrap_or(&self.rooms[0]))
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
    /// The batch for a sign answer, and the frame up to which a client may join and still get it there.
    pub(super) fn sign_batch(&self) -> Option<(usize, Bytes)> {
        if let Some(batch) = &self.initial_batch {
            return Some((0, batch.clone()));
        }
        let first = self.first?;
        let (frame, mut faults) = (self.frames.get(first)?, Vec::new());
        let payload = wire::read_push(&frame.bytes, &mut faults).payload;
        Some((first, wire::unzip(payload, &mut faults)))
    }

    /// Its last frame, or its close.
    pub(super) fn end(&self) -> Duration {
        let last = self.frames.last().map_or(self.opened, |frame| frame.offset);
        self.close.as_ref().map_or(last, |close| close.offset.max(last))
    }
}
