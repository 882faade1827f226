//! Socket faults.

use std::{future::pending, io, sync::atomic::Ordering, time::Duration};

use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::{
    frames,
    play::{Ended, Player, Stopped},
};
use crate::{
    scenario::{Fault, FaultKind, Start},
    state::journal::{Happened, Push},
};

/// How long a client may take to obey a `close` push frame.
const CLOSE_FRAME_MAX: Duration = Duration::from_secs(5);

/// A due fault: its index, and the offset to wait for.
pub(super) type Due = (usize, Fault, Option<Duration>);

impl<O: AsyncWrite + Unpin> Player<'_, O> {
    /// Takes the next fault that is due before the offset `next`.
    pub(super) fn take_fault(&mut self, next: Duration) -> Option<Due> {
        let zero = self.joined.zero;
        let time = |fault: &Fault| match fault.start {
            Start::Ms(ms) => Some(zero.saturating_add(Duration::from_millis(ms))),
            Start::Now | Start::Frames(_) | Start::Events(_) => None,
        };
        let is_due = |fault: &Fault| match fault.start {
            Start::Now => true,
            Start::Ms(_) => time(fault).is_some_and(|time| time <= next),
            Start::Frames(frames) => self.progress.frames >= frames,
            Start::Events(events) => self.progress.events >= events,
        };
        // Faults due by time come in order of time; those due by count come immediately.
        let due = self.faults.iter().enumerate().filter(|(_, (_, fault))| is_due(fault));
        let (at, _) = due.min_by_key(|(at, (_, fault))| (time(fault), *at))?;
        let (index, fault) = self.faults.remove(at);
        let time = time(&fault);
        Some((index, fault, time))
    }

    /// Applies a fault. Returns how the connection ends, if it does.
    pub(super) async fn go_wrong(
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
            FaultKind::RepeatHistory => {
                let settings = &self.joined.settings;
                let chats = settings.show.history(self.joined.segment, self.progress.at, settings.history);
                let frame = self.maker.history(chats, next);
                self.keep(Push::Made(frame.clone()), true);
                self.write(frames::BINARY, &frame).await?;
            }
            FaultKind::Frames(fault, count) => self.progress.mangler.add(*fault, *count),
            // These affect HTTP answers instead.
            FaultKind::Status { .. }
            | FaultKind::RateLimited { .. }
            | FaultKind::Empty
            | FaultKind::Html
            | FaultKind::Captcha
            | FaultKind::Endless
            | FaultKind::CutBody
            | FaultKind::NotFound
            | FaultKind::Offline
            | FaultKind::Stub(_)
            | FaultKind::MissingCookie
            | FaultKind::MissingCursor
            | FaultKind::BadProtobuf
            | FaultKind::Refuse(_) => {}
        }
        Ok(None)
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
