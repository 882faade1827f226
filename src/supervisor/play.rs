//! A recording as the source of the main channel.

use super::{Next, Supervisor, terms::Inherited};
use crate::{
    control::{Answer, ReplayState},
    recorder::Recorder,
    sans_io::{
        error::Problem,
        recording::{Loss, records::Header},
    },
    source::{Left, Replay, Tape, live::Transport},
};

/// [`Header::source`] of a recorded replay.
pub(super) const REPLAY: &str = "replay";

impl<T: Transport> Supervisor<T> {
    /// Plays `tape` until the server shuts down or the recording is disconnected.
    ///
    /// # Errors
    /// If the recording cannot be read, or the replay cannot be recorded. Nothing was played then.
    pub(super) async fn play(
        &mut self,
        tape: Tape,
        answer: Option<Answer<ReplayState>>,
    ) -> Result<Next, (Problem, Option<Answer<ReplayState>>)> {
        self.start_channels();
        let another = self.options.play.for_another();
        let mut options = std::mem::replace(&mut self.options.play, another);
        let inherited = match self.inherited.take() {
            Some(Inherited::Replay(position, passed)) => {
                (options.start, options.speed) = (position.pass_start, position.speed);
                Some((*position, passed))
            }
            _ => None,
        };
        let recorder = match self.record_replay(&tape) {
            Ok(recorder) => recorder,
            Err(problem) => return Err((problem, answer)),
        };
        let (hub, shutdown) = (self.hub.clone(), self.shutdown.clone());
        let replay = Replay::new(tape, options, hub, &mut self.driver, shutdown, self.options.on_end);
        let summary = match replay {
            Ok(replay) => {
                let tap = recorder.as_ref().map(Recorder::tap);
                let replay = replay.after_generation(self.generation).continuing(inherited);
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
            Left::Done | Left::ShutDown => Next::Exit,
            Left::Stopped => Next::Idle,
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
