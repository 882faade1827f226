//! A recording as the source of the main channel.

use livetape_core::{
    error::Problem,
    recording::{Loss, records::Header},
};
use livetape_feed::control::{Answer, ReplayState};

use super::{Channel, State};
use crate::{
    recorder::Recorder,
    source::{Left, Position, Replay, Tape},
};

/// [`Header::source`] of a recorded replay.
pub(super) const REPLAY: &str = "replay";

/// A recording to play.
pub(super) struct Played {
    pub(super) tape: Tape,
    /// The order that loaded it.
    pub(super) answer: Option<Answer<ReplayState>>,
    /// Where another process left off, and the number of events that it broadcast.
    pub(super) continued: Option<(Box<Position>, u64)>,
}

impl Played {
    pub(super) fn tape(tape: Tape, answer: Option<Answer<ReplayState>>) -> Self {
        Self { tape, answer, continued: None }
    }
}

impl Channel {
    /// Plays a recording until the server shuts down or the recording is disconnected.
    ///
    /// # Errors
    /// If the recording cannot be read, or the replay cannot be recorded. Nothing was played then.
    pub(super) async fn play(
        &mut self,
        played: Played,
    ) -> Result<State, (Problem, Option<Answer<ReplayState>>)> {
        let Played { tape, answer, continued } = played;
        self.start_channels();
        let another = self.options.play.for_another();
        let mut options = std::mem::replace(&mut self.options.play, another);
        if let Some((position, _)) = &continued {
            (options.start, options.speed) = (position.pass_start, position.speed);
        }
        let recorder = match self.record_replay(&tape) {
            Ok(recorder) => recorder,
            Err(problem) => return Err((problem, answer)),
        };
        let (hub, shutdown) = (self.hub.clone(), self.shutdown.clone());
        let replay = Replay::new(tape, options, hub, &mut self.driver, shutdown, self.options.on_end);
        let summary = match replay {
            Ok(replay) => {
                let tap = recorder.as_ref().map(Recorder::tap);
                let continued = continued.map(|(position, passed)| (*position, passed));
                let replay = replay.after_generation(self.generation).continuing(continued);
                replay.recorded(tap).answering(answer).run().await
            }
            Err(problem) => {
                self.finish_recorder(recorder, true, Loss::default()).await;
                return Err((problem, answer));
            }
        };
        self.generation = summary.generation;
        self.ended.is_lossy |= summary.loss.is_some();
        self.finish_recorder(recorder, true, Loss::default()).await;
        Ok(match summary.left {
            Left::Done | Left::ShutDown => State::Over,
            Left::Stopped => State::Idle,
        })
    }

    /// Starts recording the replay, if configured.
    fn record_replay(&mut self, tape: &Tape) -> Result<Option<Recorder>, Problem> {
        if self.options.record.is_none() {
            return Ok(None);
        }
        let header = Header { source: REPLAY.to_owned(), ..tape.header()? };
        self.start_recorder(&tape.name, header)
    }
}
