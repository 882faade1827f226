//! Plays a room to one socket, with the faults of sockets.

use std::{
    future::pending,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use livetape_core::wire;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    select,
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    Acks, Goodbye, Reply,
    frames::{self, Damage, Loss, Losses, Maker, Mangler},
};
use crate::{
    link::{ClientConnection, dribble},
    room::{Joined, script::Resolved},
    scenario::{End, Fault, FaultKind},
    state::{
        MockClock,
        journal::{Happened, Push, Sent},
    },
};

/// How a connection ends.
#[derive(Debug)]
pub(super) enum Ended {
    /// The client closed it, or is gone.
    Client(Goodbye),
    /// The mock sends a close frame with this code and reason.
    Close(u16, String),
    /// The mock ends the stream without a close frame.
    Break,
    /// The mock resets the connection.
    Reset,
    /// The client entered another room, which the socket goes on with.
    Moved(i64),
}

/// Reason for stopping before the end of the room.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The client is gone.
    Gone,
    /// The user is now offline.
    Offline,
    /// The client entered another room.
    Moved(i64),
}

impl From<io::Error> for Stopped {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// The sending half of a connection.
#[derive(Debug)]
pub(super) struct Player<'a, O> {
    pub(super) output: &'a mut O,
    pub(super) connection: &'a ClientConnection,
    pub(super) known: &'a Resolved,
    pub(super) epoch: u64,
    /// When the user's LIVE ends, by the mock's clock.
    pub(super) until: Option<Instant>,
    pub(super) joined: Joined,
    /// Remaining faults, with their indexes.
    pub(super) faults: Vec<(usize, Fault)>,
    pub(super) maker: Maker,
    pub(super) replies: &'a mut mpsc::Receiver<Reply>,
    pub(super) replaced: watch::Receiver<()>,
    pub(super) acks: &'a watch::Sender<Acks>,
    pub(super) acked: watch::Receiver<Acks>,
    pub(super) no_heartbeat: &'a AtomicBool,
    pub(super) progress: Progress,
}

/// Progress of the sending half.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Index of the next frame of the recorded connection.
    pub(super) at: usize,
    /// Number of recorded frames sent.
    pub(super) frames: u64,
    /// Number of messages in those frames.
    pub(super) events: u64,
    pub(super) mangler: Mangler,
    pub(super) bytes_per_ms: Option<u32>,
    pub(super) losses: Losses,
}

impl<O: AsyncWrite + Unpin> Player<'_, O> {
    /// Plays until the end of the room, or until something ends it earlier.
    pub(super) async fn play(&mut self) -> Ended {
        let ended = match self.play_room().await {
            Err(Stopped::Offline) => {
                self.until = None;
                self.over().await
            }
            ended => ended,
        };
        ended.unwrap_or_else(|stopped| match stopped {
            Stopped::Gone => Ended::Client(Goodbye::gone()),
            Stopped::Offline => Ended::Close(1000, String::new()),
            Stopped::Moved(room_id) => Ended::Moved(room_id),
        })
    }

    async fn play_room(&mut self) -> Result<Ended, Stopped> {
        self.check_user()?;
        let show = Arc::clone(&self.joined.settings.show);
        let frames = &show.segments[self.joined.segment].frames;
        // Losses and silence from the start concern the history, too.
        let is_first = |fault: &Fault| {
            matches!(fault.kind, FaultKind::Lose { .. } | FaultKind::Deaf) && fault.is_immediate()
        };
        let faults = std::mem::take(&mut self.faults);
        let (first, faults) = faults.into_iter().partition::<Vec<_>, _>(|(_, fault)| is_first(fault));
        self.faults = faults;
        for (index, fault) in first {
            self.go_wrong(&(index, fault, None), Duration::ZERO).await?;
        }
        self.progress.losses.take_from(&mut self.joined.history);
        if !self.joined.history.is_empty() {
            let (history, offset) = (std::mem::take(&mut self.joined.history), self.offset());
            let frame = self.maker.history(history, offset);
            self.keep(Push::Made(frame.clone()), true);
            self.write(frames::BINARY, &frame).await?;
        }
        loop {
            if self.joined.left_out == Some(self.progress.at) {
                self.next_frame();
            }
            let end = self.joined.played().end();
            let next = frames.get(self.progress.at).map_or(end, |frame| frame.offset);
            if let Some(fault) = self.take_fault(next) {
                if let Some(ended) = self.go_wrong(&fault, next).await? {
                    return Ok(ended);
                }
                continue;
            }
            let Some(frame) = frames.get(self.progress.at) else { return self.finish(end).await };
            self.wait(frame.offset).await?;
            let Ok(bytes) = show.read(frame.span) else { return Ok(Ended::Break) };
            let (bytes, push) = match self.progress.losses.thinned(&bytes) {
                Some(thinned) => (thinned.clone(), Push::Made(thinned)),
                None => (bytes, Push::Recorded(Arc::clone(&show), frame.span)),
            };
            let recorded = self.maker.recorded(&bytes);
            let framed = (frame.opcode, recorded.clone());
            let mangled = self.progress.mangler.mangle(framed, &mut self.maker, frame.offset);
            let copies = mangled.iter().filter(|(_, bytes)| *bytes == recorded).count();
            for _ in 0..copies.max(1) {
                self.keep(push.clone(), copies > 0);
            }
            for (opcode, bytes) in mangled {
                // A client may be unable to ack a damaged frame.
                self.owe(frame.ack.filter(|_| bytes == recorded));
                self.write(opcode, &bytes).await?;
            }
            self.progress.frames += 1;
            self.progress.events += frame.events;
            self.next_frame();
        }
    }

    fn keep(&self, push: Push, is_whole: bool) {
        let (connection, offset) = (self.connection.number, self.offset());
        self.connection.mock.memory.lock().keep(Sent { connection, offset, push, is_whole });
    }

    fn next_frame(&mut self) {
        if let Some(room) = self.connection.mock.memory.lock().joined(self.epoch, self.known) {
            room.sent(self.joined.segment, self.progress.at);
        }
        self.progress.at += 1;
    }

    /// Checks whether the user is live, at the start and after a new scenario or a reset.
    fn check_user(&mut self) -> Result<(), Stopped> {
        if !self.replaced.has_changed().unwrap_or_default() {
            return Ok(());
        }
        self.replaced.mark_unchanged();
        let known = self.connection.mock.by_id(self.known.room_id);
        let started = self.connection.mock.memory.lock().started;
        self.until = known.until.map(|until| started + until);
        if known.is_away() { Err(Stopped::Offline) } else { Ok(()) }
    }

    /// Returns the time by the mock's clock.
    fn now(&self) -> Instant {
        self.connection.mock.clock.now()
    }

    /// Returns the current offset.
    fn offset(&self) -> Duration {
        let played = self.joined.played();
        played.frames.get(self.progress.at).map_or(played.end(), |frame| frame.offset)
    }

    /// Ends the room after the last frame.
    async fn finish(&mut self, end: Duration) -> Result<Ended, Stopped> {
        for (opcode, bytes) in self.progress.mangler.flush() {
            self.write(opcode, &bytes).await?;
        }
        let recorded = self.joined.played().close.clone();
        let is_last = !self.joined.has_next();
        let policy = self.joined.settings.end;
        // If the recorded client closed the connection, this one only has to end if another connection
        // follows.
        let recorded = recorded.filter(|close| !is_last || !close.by_client && policy == End::Close);
        if is_last && policy == End::Stay && recorded.is_none() {
            return self.stay().await;
        }
        self.wait(end).await?;
        if let Some(room) = self.connection.mock.memory.lock().joined(self.epoch, self.known) {
            room.played(self.joined.segment);
        }
        if is_last && policy == End::Control && recorded.is_none() {
            return self.over().await;
        }
        if is_last {
            self.linger().await?;
        }
        let (code, reason) = match recorded.map(|close| close.frame) {
            Some(None) => return Ok(Ended::Break),
            Some(Some(frame)) => frame,
            None => (1000, String::new()),
        };
        Ok(Ended::Close(code, reason))
    }

    /// Announces the end of the stream, then closes.
    async fn over(&mut self) -> Result<Ended, Stopped> {
        let offset = self.offset();
        let frame = self.maker.ended(offset);
        self.owe(Some(wire::read_push(&frame, &mut Vec::new()).log_id));
        self.write(frames::BINARY, &frame).await?;
        self.linger().await?;
        Ok(Ended::Close(1000, String::new()))
    }

    fn owe(&self, ack: Option<u64>) {
        if let Some(log_id) = ack {
            self.acks.send_modify(|acks| acks.owe(log_id));
        }
    }

    /// Gives the client time to read the last frames.
    async fn linger(&mut self) -> Result<(), Stopped> {
        let (written, close_after) = (self.now(), self.joined.settings.close_after);
        loop {
            let deadline = self.acked.borrow_and_update().close_at(written, close_after);
            if self.answer(Some(deadline)).await? && !self.acked.has_changed().unwrap_or_default() {
                return Ok(());
            }
        }
    }

    /// Keeps the connection open. Faults still occur, and heartbeats are answered.
    async fn stay(&mut self) -> Result<Ended, Stopped> {
        while let Some(fault) = self.take_fault(Duration::MAX) {
            if let Some(ended) = self.go_wrong(&fault, self.offset()).await? {
                return Ok(ended);
            }
        }
        self.answer_until(None).await?;
        Ok(Ended::Break)
    }

    async fn wait(&mut self, offset: Duration) -> Result<(), Stopped> {
        self.answer_until(Some(self.joined.time.due(offset))).await
    }

    /// Answers the client until the deadline, or until the user goes offline.
    async fn answer_until(&mut self, deadline: Option<Instant>) -> Result<(), Stopped> {
        while !self.answer(deadline).await? {}
        Ok(())
    }

    /// Handles one message or notification. Returns whether the deadline has passed. If the LIVE ended before
    /// it, that comes first, even if both are over.
    async fn answer(&mut self, deadline: Option<Instant>) -> Result<bool, Stopped> {
        while let Ok(reply) = self.replies.try_recv() {
            self.reply(reply).await?;
        }
        self.check_user()?;
        let next = self.until.into_iter().chain(deadline).min();
        if next.is_some_and(|next| self.now() >= next) {
            return if next == self.until { Err(Stopped::Offline) } else { Ok(true) };
        }
        let clock = &self.connection.mock.clock;
        select! {
            biased;
            Some(reply) = self.replies.recv() => self.reply(reply).await?,
            Ok(()) = self.replaced.changed() => self.replaced.mark_changed(),
            Ok(()) = self.acked.changed() => {}
            () = sleep(clock, next) => {}
        }
        Ok(false)
    }

    async fn reply(&mut self, reply: Reply) -> Result<(), Stopped> {
        let offset = self.offset();
        let (opcode, bytes) = match reply {
            Reply::Pong(payload) => (frames::PONG, payload),
            Reply::Heartbeat(push) => (frames::BINARY, self.maker.heartbeat(&push)),
            Reply::Enter(room_id) if room_id != 0 && room_id != self.known.room_id => {
                return Err(Stopped::Moved(room_id));
            }
            // The recording contains the answer; it is sent at its own time.
            Reply::Enter(_) if self.joined.answers_enter() => return Ok(()),
            Reply::Enter(_) => {
                let batch =
                    self.joined.initial_batch.take().map(|batch| self.progress.losses.thinned_batch(batch));
                let entered = self.maker.entered(batch, offset);
                self.keep(Push::Made(entered.clone()), true);
                (frames::BINARY, entered)
            }
        };
        Ok(self.write(opcode, &bytes).await?)
    }

    /// Answers a client that entered this room from another one.
    pub(super) async fn enter(&mut self) -> Result<(), Stopped> {
        self.reply(Reply::Enter(self.known.room_id)).await
    }

    async fn write(&mut self, opcode: u8, payload: &Bytes) -> io::Result<()> {
        // In one piece, so that the same frames always become the same packets.
        let frame = frames::frame(opcode, payload);
        match self.progress.bytes_per_ms {
            Some(bytes_per_ms) => dribble(&mut self.output, &frame, bytes_per_ms).await?,
            None => self.output.write_all(&frame).await?,
        }
        self.output.flush().await
    }
}

/// Sleeps until the deadline, or forever without one.
async fn sleep(clock: &MockClock, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => clock.sleep_until(deadline).await,
        None => pending().await,
    }
}

/// How long a client may take to obey a `close` push frame.
const CLOSE_FRAME_MAX: Duration = Duration::from_secs(5);
/// Time between two numbers of viewers in a quiet room.
const VIEWERS_EVERY: Duration = Duration::from_secs(10);

/// A due fault: its index, and the offset to wait for.
type Due = (usize, Fault, Option<Duration>);

impl<O: AsyncWrite + Unpin> Player<'_, O> {
    /// Takes the next fault that is due before the offset `next`.
    fn take_fault(&mut self, next: Duration) -> Option<Due> {
        let zero = self.joined.zero;
        let time = |fault: &Fault| Some(zero.saturating_add(Duration::from_millis(fault.after_ms?)));
        let is_due = |fault: &Fault| {
            time(fault).is_none_or(|time| time <= next)
                && fault.after_frames.is_none_or(|frames| self.progress.frames >= frames)
                && fault.after_events.is_none_or(|events| self.progress.events >= events)
        };
        // Faults due by time come in order of time; those due by count come immediately.
        let due = self.faults.iter().enumerate().filter(|(_, (_, fault))| is_due(fault));
        let (at, _) = due.min_by_key(|(at, (_, fault))| (time(fault), *at))?;
        let (index, fault) = self.faults.remove(at);
        let time = time(&fault);
        Some((index, fault, time))
    }

    /// Applies a fault. Returns how the connection ends, if it does.
    async fn go_wrong(
        &mut self,
        (index, fault, time): &Due,
        next: Duration,
    ) -> Result<Option<Ended>, Stopped> {
        if let Some(time) = time {
            self.wait(*time).await?;
        }
        if !self.connection.mock.memory.lock().fire(self.epoch, *index) {
            return Ok(None);
        }
        self.connection.mock.log(self.connection.number, Happened::Fault { kind: fault.kind.name() });
        match &fault.kind {
            FaultKind::Stall => pending::<()>().await,
            FaultKind::Reset => return Ok(Some(Ended::Reset)),
            FaultKind::Drop => return Ok(Some(Ended::Break)),
            FaultKind::Close { code, reason } => return Ok(Some(Ended::Close(*code, reason.clone()))),
            FaultKind::CloseFrame => {
                let frame = self.maker.close();
                self.write(frames::BINARY, &frame).await?;
                let deadline = self.now() + CLOSE_FRAME_MAX;
                self.answer_until(Some(deadline)).await?;
                return Ok(Some(Ended::Close(1000, String::new())));
            }
            FaultKind::Cut => {
                self.cut(next).await?;
                return Ok(Some(Ended::Break));
            }
            FaultKind::Dribble { bytes_per_ms } => self.progress.bytes_per_ms = Some(*bytes_per_ms),
            FaultKind::NoHeartbeat => self.no_heartbeat.store(true, Ordering::Relaxed),
            FaultKind::Deaf => {
                while let Some(reply) = self.replies.recv().await {
                    if let Reply::Pong(payload) = reply {
                        self.write(frames::PONG, &payload).await?;
                    }
                }
            }
            FaultKind::Quiet { for_ms } => self.be_quiet(Duration::from_millis(*for_ms), next).await?,
            FaultKind::Lose { methods, senders, share, .. } => {
                // Each loses others.
                let seed = self.connection.mock.memory.lock().script.scenario.seed;
                let seed = seed.wrapping_add(*index as u64);
                let (methods, senders) = (methods.clone(), senders.clone());
                self.progress.losses.0.push(Loss { seed, methods, senders, share: *share });
            }
            FaultKind::RepeatHistory => {
                let settings = &self.joined.settings;
                let mut chats =
                    settings.show.history(self.joined.segment, self.progress.at, settings.history);
                self.progress.losses.take_from(&mut chats);
                let frame = self.maker.history(chats, next);
                self.keep(Push::Made(frame.clone()), true);
                self.write(frames::BINARY, &frame).await?;
            }
            FaultKind::BadGzip { count } => self.progress.mangler.add(Damage::BadGzip, *count),
            FaultKind::Truncated { count } => self.progress.mangler.add(Damage::Truncated, *count),
            FaultKind::UnknownMethod { count } => self.progress.mangler.add(Damage::UnknownMethod, *count),
            FaultKind::Duplicate { count } => self.progress.mangler.add(Damage::Duplicate, *count),
            FaultKind::Reorder { count } => self.progress.mangler.add(Damage::Reorder, *count),
            // These affect HTTP answers instead.
            FaultKind::Status { .. }
            | FaultKind::Empty
            | FaultKind::Html
            | FaultKind::Captcha
            | FaultKind::Endless
            | FaultKind::CutBody
            | FaultKind::NotFound
            | FaultKind::Offline
            | FaultKind::NoGifts
            | FaultKind::Stub { .. }
            | FaultKind::MissingCookie
            | FaultKind::MissingCursor
            | FaultKind::BadProtobuf
            | FaultKind::Refuse { .. }
            | FaultKind::Hang { .. } => {}
        }
        Ok(None)
    }

    /// Stops the clock, and sends only the number of viewers again and again.
    async fn be_quiet(&mut self, length: Duration, offset: Duration) -> Result<(), Stopped> {
        let now = self.now();
        let Some(end) = now.checked_add(length) else { return Ok(()) };
        self.joined.time = self.joined.time.held(now, length);
        if let Some(room) = self.connection.mock.memory.lock().joined(self.epoch, self.known) {
            room.hold(now, length);
        }
        let viewers = self.joined.settings.show.viewers(self.joined.segment, self.progress.at);
        loop {
            let next = end.min(self.now() + VIEWERS_EVERY);
            self.answer_until(Some(next)).await?;
            if next == end {
                return Ok(());
            }
            if let Some(viewers) = viewers.clone() {
                let frame = self.maker.again(viewers, offset);
                self.keep(Push::Made(frame.clone()), true);
                self.owe(Some(wire::read_push(&frame, &mut Vec::new()).log_id));
                self.write(frames::BINARY, &frame).await?;
            }
        }
    }

    /// Writes half of the next frame.
    async fn cut(&mut self, next: Duration) -> io::Result<()> {
        let recorded = self.joined.played().frames.get(self.progress.at);
        let (opcode, bytes) = match recorded {
            Some(frame) => (frame.opcode, self.joined.settings.show.read(frame.span)?),
            None => (frames::BINARY, self.maker.unknown(next)),
        };
        self.output.write_all(&frames::head(opcode, bytes.len())).await?;
        self.output.write_all(&bytes[..bytes.len() / 2]).await?;
        self.output.flush().await
    }
}
