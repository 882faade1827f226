//! A room plays to one socket.

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
use tokio::{
    io::{AsyncWrite, AsyncWriteExt as _},
    select,
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    frames,
    listen::{Goodbye, Reply},
    made::Maker,
    mangle::Mangler,
};
use crate::{
    clock,
    mock::{
        journal::Happened,
        room::Joined,
        scenario::{End, Fault, FaultKind, State},
        script::Known,
        visit::{Visitor, dribble},
    },
};

/// How long a client may take to obey a push frame `close`.
const CLOSE_FRAME_MAX: Duration = Duration::from_secs(5);

/// How a conversation ends.
#[derive(Debug)]
pub(super) enum Ended {
    /// The client ended it.
    Client(Goodbye),
    /// With a close frame: code and reason.
    Close(u16, String),
    /// With the end of the stream.
    Break,
    /// With a reset.
    Reset,
}

/// The mock's half of a conversation.
#[derive(Debug)]
pub(super) struct Player<'a, O> {
    output: O,
    visitor: &'a Visitor,
    known: &'a Known,
    epoch: u64,
    joined: Joined,
    /// The faults that are still to come, by number.
    faults: Vec<(usize, Fault)>,
    maker: Maker,
    replies: mpsc::Receiver<Reply>,
    no_heartbeat: &'a AtomicBool,
    mangler: Mangler,
    bytes_per_ms: Option<u32>,
    /// The next frame.
    at: usize,
    /// How many frames and messages of the recording were sent.
    sent: (u64, u64),
}

impl<'a, O: AsyncWrite + Unpin> Player<'a, O> {
    #[expect(clippy::too_many_arguments, reason = "the parts of one struct, named where they are made")]
    pub(super) fn new(
        output: O,
        visitor: &'a Visitor,
        known: &'a Known,
        epoch: u64,
        joined: Joined,
        faults: Vec<(usize, Fault)>,
        maker: Maker,
        replies: mpsc::Receiver<Reply>,
        no_heartbeat: &'a AtomicBool,
    ) -> Self {
        let at = joined.frame;
        Self {
            output,
            visitor,
            known,
            epoch,
            joined,
            faults,
            maker,
            replies,
            no_heartbeat,
            mangler: Mangler::default(),
            bytes_per_ms: None,
            at,
            sent: (0, 0),
        }
    }

    /// How many frames of the recording were sent.
    pub(super) fn sent(&self) -> u64 {
        self.sent.0
    }

    pub(super) fn into_output(self) -> O {
        self.output
    }

    /// Plays to the end, or to the fault that ends it.
    pub(super) async fn play(&mut self) -> io::Result<Ended> {
        if matches!(self.known.state, State::Offline | State::NotFound) {
            return self.over().await;
        }
        let show = Arc::clone(&self.joined.settings.show);
        let frames = &show.segments[self.joined.segment].frames;
        if !self.joined.history.is_empty() {
            let (history, offset) = (std::mem::take(&mut self.joined.history), self.offset());
            let frame = self.maker.history(history, offset);
            self.write(frames::BINARY, &frame).await?;
        }
        loop {
            let end = self.joined.played().end();
            let next = frames.get(self.at).map_or(end, |frame| frame.offset);
            if let Some(fault) = self.take_fault(next) {
                if let Some(ended) = self.go_wrong(&fault, next).await? {
                    return Ok(ended);
                }
                continue;
            }
            let Some(frame) = frames.get(self.at) else { return self.finish(end).await };
            self.wait(frame.offset).await?;
            for (opcode, bytes) in
                self.mangler.mangle((frame.opcode, frame.bytes.clone()), &mut self.maker, frame.offset)
            {
                self.write(opcode, &bytes).await?;
            }
            self.sent = (self.sent.0 + 1, self.sent.1 + frame.events);
            if let Some(room) = self.visitor.world.lock().joined(self.epoch, self.known) {
                room.sent(self.joined.segment, self.at);
            }
            self.at += 1;
        }
    }

    /// The offset at which this is.
    fn offset(&self) -> Duration {
        let played = self.joined.played();
        played.frames.get(self.at).map_or(played.end(), |frame| frame.offset)
    }

    /// The next fault that comes before the room's time is `next`.
    fn take_fault(&mut self, next: Duration) -> Option<(usize, Fault, Option<Duration>)> {
        let zero = self.joined.zero;
        let time = |fault: &Fault| fault.after_ms.map(|ms| zero.saturating_add(Duration::from_millis(ms)));
        let is_due = |fault: &Fault| match (time(fault), fault.after_frames, fault.after_events) {
            (Some(time), ..) => time <= next,
            (_, Some(frames), _) => self.sent.0 >= frames,
            (_, _, Some(events)) => self.sent.1 >= events,
            _ => true,
        };
        // Of those that are due by time the earliest; what is due by count is due now.
        let due = self.faults.iter().enumerate().filter(|(_, (_, fault))| is_due(fault));
        let (at, _) = due.min_by_key(|(at, (_, fault))| (time(fault), *at))?;
        let (index, fault) = self.faults.remove(at);
        let time = time(&fault);
        Some((index, fault, time))
    }

    /// Lets something go wrong; how the conversation ends, if it does.
    async fn go_wrong(
        &mut self,
        (index, fault, time): &(usize, Fault, Option<Duration>),
        next: Duration,
    ) -> io::Result<Option<Ended>> {
        if let Some(time) = time {
            self.wait(*time).await?;
        }
        if !self.visitor.world.lock().fire(self.epoch, *index) {
            return Ok(None);
        }
        self.visitor.world.log(self.visitor.number, Happened::Fault { kind: fault.kind.name() });
        match fault.kind {
            FaultKind::Stall => pending::<()>().await,
            FaultKind::Reset => return Ok(Some(Ended::Reset)),
            FaultKind::Drop => return Ok(Some(Ended::Break)),
            FaultKind::Close => {
                let (code, reason) = (fault.code.unwrap_or(1000), fault.reason.clone().unwrap_or_default());
                return Ok(Some(Ended::Close(code, reason)));
            }
            FaultKind::CloseFrame => {
                let frame = self.maker.close();
                self.write(frames::BINARY, &frame).await?;
                self.wait_until(clock::now() + CLOSE_FRAME_MAX).await?;
                return Ok(Some(Ended::Close(1000, String::new())));
            }
            FaultKind::Cut => {
                self.cut(next).await?;
                return Ok(Some(Ended::Break));
            }
            FaultKind::Dribble => self.bytes_per_ms = Some(fault.bytes_per_ms.unwrap_or(1)),
            FaultKind::NoHeartbeat => self.no_heartbeat.store(true, Ordering::Relaxed),
            FaultKind::RepeatHistory => {
                let settings = &self.joined.settings;
                let chats = settings.show.history(self.joined.segment, self.at, settings.history);
                let frame = self.maker.history(chats, next);
                self.write(frames::BINARY, &frame).await?;
            }
            _ => self.mangler.add(fault),
        }
        Ok(None)
    }

    /// Writes half of the next frame.
    async fn cut(&mut self, next: Duration) -> io::Result<()> {
        let recorded = self.joined.played().frames.get(self.at);
        let (opcode, bytes) = match recorded {
            Some(frame) => (frame.opcode, frame.bytes.clone()),
            None => (frames::BINARY, self.maker.unknown(next)),
        };
        self.output.write_all(&frames::head(opcode, bytes.len())).await?;
        self.output.write_all(&bytes[..bytes.len() / 2]).await?;
        self.output.flush().await
    }

    /// What comes behind the last frame.
    async fn finish(&mut self, end: Duration) -> io::Result<Ended> {
        for (opcode, bytes) in self.mangler.flush() {
            self.write(opcode, &bytes).await?;
        }
        let recorded = self.joined.played().close.clone();
        let is_last = !self.joined.has_next();
        let policy = self.joined.settings.end;
        // Where the client went that was recorded, only a next connection shows that this one has to end.
        let recorded = recorded.filter(|close| !is_last || !close.by_client && policy == End::Close);
        if is_last && policy == End::Stay && recorded.is_none() {
            return self.stay().await;
        }
        self.wait(end).await?;
        if let Some(room) = self.visitor.world.lock().joined(self.epoch, self.known) {
            room.played(self.joined.segment);
        }
        match recorded {
            Some(close) => Ok(close.frame.map_or(Ended::Break, |(code, reason)| Ended::Close(code, reason))),
            None if is_last && policy == End::Control => self.over().await,
            None => Ok(Ended::Close(1000, String::new())),
        }
    }

    /// Says that the stream has ended.
    async fn over(&mut self) -> io::Result<Ended> {
        let offset = self.offset();
        let frame = self.maker.ended(offset);
        self.write(frames::BINARY, &frame).await?;
        Ok(Ended::Close(1000, String::new()))
    }

    /// Stays: faults still come, heartbeats are answered.
    async fn stay(&mut self) -> io::Result<Ended> {
        while let Some(fault) = self.take_fault(Duration::MAX) {
            if let Some(ended) = self.go_wrong(&fault, self.offset()).await? {
                return Ok(ended);
            }
        }
        loop {
            match self.replies.recv().await {
                Some(reply) => self.reply(reply).await?,
                None => pending().await,
            }
        }
    }

    async fn wait(&mut self, offset: Duration) -> io::Result<()> {
        self.wait_until(self.joined.time.due(offset)).await
    }

    /// Answers what the client says until then.
    async fn wait_until(&mut self, deadline: Instant) -> io::Result<()> {
        loop {
            while let Ok(reply) = self.replies.try_recv() {
                self.reply(reply).await?;
            }
            if clock::now() >= deadline {
                return Ok(());
            }
            select! {
                biased;
                Some(reply) = self.replies.recv() => self.reply(reply).await?,
                () = sleep_until(deadline) => return Ok(()),
            }
        }
    }

    async fn reply(&mut self, reply: Reply) -> io::Result<()> {
        let offset = self.offset();
        let (opcode, bytes) = match reply {
            Reply::Pong(payload) => (frames::PONG, payload),
            Reply::Heartbeat(push) => (frames::BINARY, self.maker.heartbeat(&push)),
            // The recorded answer comes at its time.
            Reply::Enter if self.joined.answers_enter() => return Ok(()),
            Reply::Enter => {
                let batch = self.joined.initial_batch.take();
                (frames::BINARY, self.maker.entered(batch, offset))
            }
        };
        self.write(opcode, &bytes).await
    }

    async fn write(&mut self, opcode: u8, payload: &Bytes) -> io::Result<()> {
        match self.bytes_per_ms {
            Some(bytes_per_ms) => {
                let frame = frames::frame(opcode, payload);
                dribble(&mut self.output, &frame, bytes_per_ms).await?;
            }
            None => {
                self.output.write_all(&frames::head(opcode, payload.len())).await?;
                self.output.write_all(payload).await?;
            }
        }
        self.output.flush().await
    }
}
