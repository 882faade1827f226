//! A room plays to one socket.

use std::{
    future::pending,
    io,
    sync::{Arc, atomic::AtomicBool},
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
        room::Joined,
        scenario::{End, Fault, State},
        script::Known,
        visit::{Visitor, dribble},
    },
};

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
    pub(super) output: O,
    pub(super) visitor: &'a Visitor,
    pub(super) known: &'a Known,
    pub(super) epoch: u64,
    pub(super) joined: Joined,
    /// The faults that are still to come, by number.
    pub(super) faults: Vec<(usize, Fault)>,
    pub(super) maker: Maker,
    pub(super) replies: mpsc::Receiver<Reply>,
    pub(super) no_heartbeat: &'a AtomicBool,
    pub(super) progress: Progress,
}

/// How far the mock's half is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The next frame of the recorded connection.
    pub(super) at: usize,
    /// How many frames of the recording were sent …
    pub(super) frames: u64,
    /// … and how many messages were in them.
    pub(super) events: u64,
    pub(super) mangler: Mangler,
    pub(super) bytes_per_ms: Option<u32>,
}

impl<O: AsyncWrite + Unpin> Player<'_, O> {
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
            let next = frames.get(self.progress.at).map_or(end, |frame| frame.offset);
            if let Some(fault) = self.take_fault(next) {
                if let Some(ended) = self.go_wrong(&fault, next).await? {
                    return Ok(ended);
                }
                continue;
            }
            let Some(frame) = frames.get(self.progress.at) else { return self.finish(end).await };
            self.wait(frame.offset).await?;
            for (opcode, bytes) in self.progress.mangler.mangle(
                (frame.opcode, frame.bytes.clone()),
                &mut self.maker,
                frame.offset,
            ) {
                self.write(opcode, &bytes).await?;
            }
            self.progress.frames += 1;
            self.progress.events += frame.events;
            if let Some(room) = self.visitor.world.lock().joined(self.epoch, self.known) {
                room.sent(self.joined.segment, self.progress.at);
            }
            self.progress.at += 1;
        }
    }

    /// The offset at which this is.
    pub(super) fn offset(&self) -> Duration {
        let played = self.joined.played();
        played.frames.get(self.progress.at).map_or(played.end(), |frame| frame.offset)
    }

    /// What comes behind the last frame.
    async fn finish(&mut self, end: Duration) -> io::Result<Ended> {
        for (opcode, bytes) in self.progress.mangler.flush() {
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

    pub(super) async fn wait(&mut self, offset: Duration) -> io::Result<()> {
        self.wait_until(self.joined.time.due(offset)).await
    }

    /// Answers what the client says until then.
    pub(super) async fn wait_until(&mut self, deadline: Instant) -> io::Result<()> {
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

    pub(super) async fn write(&mut self, opcode: u8, payload: &Bytes) -> io::Result<()> {
        match self.progress.bytes_per_ms {
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
