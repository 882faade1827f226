//! A room and its clock.

pub(crate) mod script;
pub(crate) mod show;

use std::{sync::Arc, time::Duration};

use livetape_core::{offset::OFFSET_MAX, pace::Speed, wire::Message};
use show::{RoomShow, Segment};
use tokio::time::Instant;

use crate::scenario::{After, Clock, Compress, End};

/// Settings of a room.
#[derive(Clone, Debug)]
pub(crate) struct RoomConfig {
    pub(crate) show: Arc<RoomShow>,
    pub(crate) speed: Speed,
    pub(crate) clock: Clock,
    pub(crate) end: End,
    /// How long the socket stays open after the last frame.
    pub(crate) close_after: Duration,
    pub(crate) after: After,
    pub(crate) compress: Compress,
    pub(crate) history: usize,
}

/// A room, from its first connection on.
#[derive(Clone, Debug)]
pub(crate) struct RoomState {
    pub(crate) settings: RoomConfig,
    /// Number of sockets so far.
    pub(crate) attempts: u32,
    /// Index of the current recorded connection.
    segment: usize,
    /// At speed `max`, the next frame of the segment, because the clock has no meaning there.
    next: usize,
    time: Option<RoomTime>,
    /// The segment has been played and closed; the next one starts with the next connection.
    held: bool,
    ended: bool,
    /// The segment whose first batch was sent in a signing response: the current or the next one.
    batch_taken: Option<usize>,
}

/// Playback for one socket.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    pub(crate) settings: RoomConfig,
    /// Sequence number among the connections of the room, from 1.
    pub(crate) attempt: u32,
    pub(crate) time: RoomTime,
    /// Index of the recorded connection.
    pub(crate) segment: usize,
    /// First frame to play.
    pub(crate) frame: usize,
    /// Chats from before the join, sent as history.
    pub(crate) history: Vec<Message>,
    /// Offset that `after_ms` counts from.
    pub(crate) zero: Duration,
    /// First batch of the recorded connection, unless a signing response already carried it.
    pub(crate) initial_batch: Option<bytes::Bytes>,
    /// Frame to skip, because a signing response already carried its batch.
    pub(crate) left_out: Option<usize>,
    /// Whether the client used a signing response to connect.
    pub(crate) is_signed: bool,
}

/// How far a client that polls has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    /// Index of the recorded connection; their number after the end.
    pub(crate) segment: usize,
    /// Index of the next frame of it.
    pub(crate) frame: usize,
    /// Whether a signing response already carried the first batch.
    pub(crate) is_first_sent: bool,
}

/// Bits of an encoded position for the frame and the flag.
const FRAME_BITS: u32 = 40;

impl Position {
    /// Returns the position as a number for a cursor.
    pub(crate) fn encode(self) -> u64 {
        (self.segment as u64) << FRAME_BITS | (self.frame as u64) << 1 | u64::from(self.is_first_sent)
    }

    pub(crate) fn decode(encoded: u64) -> Self {
        let frame = (encoded & ((1 << FRAME_BITS) - 1)) >> 1;
        Self {
            segment: usize::try_from(encoded >> FRAME_BITS).unwrap_or(usize::MAX),
            frame: usize::try_from(frame).unwrap_or(usize::MAX),
            is_first_sent: encoded & 1 == 1,
        }
    }
}

/// The answer to a poll.
#[derive(Clone, Debug, Default)]
pub(crate) struct Polled {
    pub(crate) batches: Vec<bytes::Bytes>,
    pub(crate) position: Position,
    /// Current offset of the room.
    pub(crate) offset: Duration,
    /// Whether the stream ends after this, and no frame says so.
    pub(crate) ends: bool,
}

/// Size of the batches from which on the rest waits for the next poll, in bytes.
const POLL_BYTES_MIN: usize = 256 << 10;

impl Joined {
    pub(crate) fn played(&self) -> &Segment {
        &self.settings.show.segments[self.segment]
    }

    /// Whether the rest of the recording answers `im_enter_room`.
    pub(crate) fn answers_enter(&self) -> bool {
        self.played().enter_answer.is_some_and(|answer| answer >= self.frame)
    }

    /// Whether another recorded connection follows.
    pub(crate) fn has_next(&self) -> bool {
        self.segment + 1 < self.settings.show.segments.len()
    }
}

impl RoomState {
    pub(crate) fn new(settings: RoomConfig) -> Self {
        Self {
            settings,
            attempts: 0,
            segment: 0,
            next: 0,
            time: None,
            held: false,
            ended: false,
            batch_taken: None,
        }
    }

    /// Whether the stream is over and the user offline.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        let RoomConfig { show, clock, end, after, .. } = &self.settings;
        if *clock == Clock::Connection || *end == End::Stay || *after == After::Again {
            return false;
        }
        let last = self.segment + 1 == show.segments.len();
        self.ended || last && !self.held && self.time.is_some_and(|time| time.shown(now) > show.end())
    }

    /// Adds a connection. Set `is_signed` if the client used a signing response.
    pub(crate) fn join(&mut self, now: Instant, is_signed: bool) -> Joined {
        self.attempts = self.attempts.saturating_add(1);
        let frame = match self.settings.clock {
            Clock::Connection => {
                let segments = self.settings.show.segments.len();
                self.start((self.attempts as usize - 1) % segments, now)
            }
            Clock::Room => self.go_on(now),
        };
        let RoomConfig { show, clock, history, .. } = &self.settings;
        let segment = &show.segments[self.segment];
        let history = if frame == 0 { vec![] } else { show.history(self.segment, frame, *history) };
        let is_carried = is_signed && self.batch_taken == Some(self.segment);
        Joined {
            attempt: self.attempts,
            time: self.time.unwrap_or(RoomTime {
                at: now,
                offset: segment.opened,
                speed: self.settings.speed,
            }),
            segment: self.segment,
            frame,
            history,
            zero: if *clock == Clock::Room { show.segments[0].opened } else { segment.opened },
            initial_batch: segment.initial_batch.clone().filter(|_| frame == 0 && !is_carried),
            left_out: segment.first.filter(|first| is_carried && *first >= frame),
            is_signed,
            settings: self.settings.clone(),
        }
    }

    /// Returns the frame at which a connection joins now.
    fn go_on(&mut self, now: Instant) -> usize {
        let segments = self.settings.show.segments.len();
        if self.is_past(now) && self.settings.after == After::Again {
            return self.start(0, now);
        }
        let Some(time) = self.time else { return self.start(0, now) };
        let played = &self.settings.show.segments[self.segment];
        let is_last = self.segment + 1 == segments;
        if self.held || !is_last && time.shown(now) > played.end() {
            return self.start((self.segment + 1).min(segments - 1), now);
        }
        if self.ended {
            return played.frames.len();
        }
        match self.settings.speed {
            Speed::Max => self.next.min(played.frames.len()),
            Speed::Times(_) => {
                let shown = time.shown(now);
                // A client at the very start misses nothing.
                let at_start = self.next == 0 && shown == time.offset;
                if at_start { 0 } else { played.frames.partition_point(|frame| frame.offset <= shown) }
            }
        }
    }

    /// Whether the whole recording has been played, or would have been by now.
    fn is_past(&self, now: Instant) -> bool {
        let is_last = self.segment + 1 == self.settings.show.segments.len() && !self.held;
        let end = self.settings.show.end();
        self.ended || is_last && self.time.is_some_and(|time| time.shown(now) > end)
    }

    fn start(&mut self, segment: usize, now: Instant) -> usize {
        let offset = self.settings.show.segments[segment].opened;
        self.time = Some(RoomTime { at: now, offset, speed: self.settings.speed });
        (self.segment, self.next, self.held, self.ended) = (segment, 0, false, false);
        0
    }

    /// Returns the batch for the next signing response, if the next connection starts a recorded one, and where a client that polls goes
    /// on after it.
    pub(crate) fn initial_batch(&mut self, now: Instant) -> (Position, Option<bytes::Bytes>) {
        let mut ahead = self.clone();
        let joined = ahead.join(now, true);
        let batch =
            joined.settings.show.sign_batch(joined.segment).filter(|(first, _)| joined.frame <= *first);
        self.batch_taken = batch.as_ref().map(|_| joined.segment);
        let position =
            Position { segment: joined.segment, frame: joined.frame, is_first_sent: batch.is_some() };
        (position, batch.map(|(_, batch)| batch))
    }

    /// Returns what was sent since a client polled last. The first poll starts the clock. A recorded reconnect does not interrupt it.
    pub(crate) fn poll(&mut self, now: Instant, from: Position, is_away: bool) -> Polled {
        let is_start = Position { is_first_sent: false, ..from } == Position::default();
        let again = is_start && self.settings.after == After::Again && self.is_past(now);
        if !is_away && (self.time.is_none() || again) {
            self.start(0, now);
        }
        let show = Arc::clone(&self.settings.show);
        let last = show.segments.len() - 1;
        let shown = match (self.settings.speed, self.time) {
            (_, None) => Duration::ZERO,
            (Speed::Max, Some(_)) => show.end(),
            (Speed::Times(_), Some(time)) => time.shown(now),
        };
        let mut polled = Polled { position: from, offset: shown.min(show.end()), ..Polled::default() };
        let (mut bytes, position) = (0, &mut polled.position);
        while let Some(segment) = show.segments.get(position.segment) {
            let batch = match segment.frames.get(position.frame) {
                _ if bytes >= POLL_BYTES_MIN => return polled,
                Some(frame) if frame.offset > shown || is_away => break,
                Some(frame) => {
                    let is_sent = position.is_first_sent && segment.first == Some(position.frame);
                    position.frame += 1;
                    if is_sent { None } else { show.batch(frame) }
                }
                None => {
                    let next = show.segments.get(position.segment + 1).filter(|next| next.opened <= shown);
                    let Some(next) = next.filter(|_| !is_away) else { break };
                    *position = Position { segment: position.segment + 1, ..Position::default() };
                    next.initial_batch.clone()
                }
            };
            bytes += batch.as_ref().map_or(0, bytes::Bytes::len);
            polled.batches.extend(batch);
        }
        let is_played = position.segment == last && position.frame >= show.segments[last].frames.len();
        let is_over = is_played && shown >= show.end() && self.settings.end != End::Stay;
        if position.segment <= last && (is_away || is_over) {
            let is_control = self.settings.end == End::Control && show.segments[last].close.is_none();
            polled.ends = is_away || is_control;
            *position = Position { segment: last + 1, ..Position::default() };
            if !is_away && self.settings.clock == Clock::Room {
                (self.segment, self.held, self.ended) = (last, false, true);
            }
        }
        polled
    }

    /// Stops the clock for this long. If it has not started, it does so after that.
    pub(crate) fn hold(&mut self, now: Instant, length: Duration) {
        if self.time.is_none() {
            self.start(0, now);
        }
        self.time = self.time.map(|time| time.held(now, length));
    }

    /// Records that a frame of a segment was sent.
    pub(crate) fn sent(&mut self, segment: usize, frame: usize) {
        if segment == self.segment {
            self.next = self.next.max(frame + 1);
        }
    }

    /// Records that a segment was played to its end.
    pub(crate) fn played(&mut self, segment: usize) {
        if segment != self.segment || self.settings.clock == Clock::Connection {
            return;
        }
        let is_last = segment + 1 == self.settings.show.segments.len();
        (self.held, self.ended) = (!is_last, is_last);
        self.batch_taken = None;
    }
}

/// Converts between offsets and instants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomTime {
    pub(crate) at: Instant,
    pub(crate) offset: Duration,
    pub(crate) speed: Speed,
}

impl RoomTime {
    /// Returns when an offset is due. Past offsets are due immediately, and absurd ones of a recording after
    /// a year.
    pub(crate) fn due(&self, offset: Duration) -> Instant {
        match self.speed {
            Speed::Max => self.at,
            Speed::Times(times) => {
                let wait = offset.saturating_sub(self.offset).min(OFFSET_MAX).div_f64(times);
                self.at.checked_add(wait).unwrap_or(self.at)
            }
        }
    }

    /// Returns the time of a clock that stops now, for this long.
    pub(crate) fn held(&self, now: Instant, length: Duration) -> Self {
        let at = now.max(self.at).checked_add(length).unwrap_or(now);
        Self { at, offset: self.shown(now), speed: self.speed }
    }

    /// Returns the offset at `now`.
    fn shown(&self, now: Instant) -> Duration {
        match self.speed {
            Speed::Max => self.offset,
            Speed::Times(times) => self.offset + now.saturating_duration_since(self.at).mul_f64(times),
        }
    }
}
