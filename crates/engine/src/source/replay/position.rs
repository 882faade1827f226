//! Where a replay is, for another process that has to continue it.
//!
//! Speed, pauses and idle limits never change what a replay broadcasts. So another process plays the same
//! pass of the same recording again, discards as many events as were broadcast, and continues with the next.

use std::time::Duration;

use livetape_core::{
    error::{Code, Problem},
    pace::Speed,
};
use livetape_feed::control::ReplayPhase;
use serde::{Deserialize, Serialize};

use super::{Replay, Tape};

/// Where a replay is, apart from the number of events that it broadcast in this pass.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    pub recording: String,
    /// Identifies its content.
    fingerprint: String,
    pub(crate) pass_start: Duration,
    pub(crate) start: Duration,
    pub(crate) end: Option<Duration>,
    pub(crate) lap: u32,
    pub(crate) laps: Option<u32>,
    /// Number of this pass.
    pub generation: u32,
    pub(crate) speed: Speed,
    phase: ReplayPhase,
}

/// What lets one process continue the replay of another.
#[derive(Default)]
pub(super) struct Handover {
    /// Identifies the content of the recording, if other processes may have to continue it.
    fingerprint: Option<String>,
    /// The last position that was reported to them.
    announced: Option<Position>,
    /// Where another process left off, until this one has caught up.
    catch_up: Option<CatchUp>,
}

impl Handover {
    pub(super) fn catches_up(&self) -> bool {
        self.catch_up.is_some()
    }
}

/// Where another process left off.
struct CatchUp {
    position: Position,
    /// Number of events that it broadcast in this pass.
    passed: u64,
}

impl Position {
    /// Checks that `tape` has the content that the other process was playing.
    ///
    /// # Errors
    /// `recording_not_found` if it does not.
    pub(crate) async fn check(&self, tape: &Tape) -> Result<(), Problem> {
        if tape.fingerprint().await.as_deref() == Some(&self.fingerprint) {
            return Ok(());
        }
        let message =
            format!("the recording {} of this node is not the one that was being replayed", self.recording);
        Err(Problem::new(Code::RecordingNotFound, message).hint("copy the recording to every node"))
    }
}

impl Replay<'_> {
    /// Continues what another process was playing, after `passed` events of this pass.
    #[must_use]
    pub(crate) fn continuing(mut self, from: Option<(Position, u64)>) -> Self {
        self.handover.catch_up = from.map(|(position, passed)| CatchUp { position, passed });
        self
    }

    /// Identifies the recording, if other processes may have to continue it.
    pub(super) async fn identify(&mut self) {
        if self.hub.is_relayed() {
            self.handover.fingerprint = self.tape.fingerprint().await;
        }
    }

    pub(super) fn begin_catch_up(&mut self) {
        let Some(CatchUp { position, passed }) = &self.handover.catch_up else { return };
        (self.options.start, self.options.end) = (position.start, position.end);
        (self.options.laps, self.pass.lap) = (position.laps, position.lap);
        self.pipeline.skip(*passed);
        self.pipeline.decoder().set_generation(position.generation);
    }

    /// Whether an order is obeyed now. While this process catches up, orders wait: they are about the state
    /// that it restores.
    pub(super) fn takes_orders(&self) -> bool {
        !self.handover.catches_up() || self.phase == ReplayPhase::Ended
    }

    /// Continues at the pace of the replay once everything that was broadcast has been played again.
    pub(super) fn end_catch_up(&mut self) {
        if !self.handover.catches_up() || self.pipeline.skips() {
            return;
        }
        let Some(CatchUp { position, .. }) = self.handover.catch_up.take() else { return };
        match position.phase {
            ReplayPhase::Playing if self.phase != ReplayPhase::Ended => self.play(),
            ReplayPhase::Paused => self.pause(),
            _ => {}
        }
    }

    /// Tells other processes where the replay is, if that changed or a pass begins.
    pub(super) fn tell_position(&mut self, generation: u32, begins: bool) {
        let Some(fingerprint) = self.handover.fingerprint.clone() else { return };
        let phase = self.handover.catch_up.as_ref().map_or(self.phase, |catch_up| catch_up.position.phase);
        let position = Position {
            recording: self.tape.name.clone(),
            fingerprint,
            pass_start: self.pass.start,
            start: self.options.start,
            end: self.options.end,
            lap: self.pass.lap,
            laps: self.options.laps,
            generation,
            speed: self.clock.speed(),
            phase,
        };
        if begins || self.handover.announced.as_ref() != Some(&position) {
            // The numbers count from the start of the pass, also if another process began it.
            let passed = self.handover.catch_up.as_ref().map_or(0, |catch_up| catch_up.passed);
            self.hub.mark(|| Position::intent(&position), begins.then_some(passed));
            self.handover.announced = Some(position);
        }
    }
}

impl Position {
    /// Describes a replay at this position; see [`Mark::text`](livetape_feed::hub::Mark).
    fn intent(position: &Self) -> String {
        serde_json::json!({ "replay": position }).to_string()
    }
}
