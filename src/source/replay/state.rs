//! What a replay tells of itself.

use std::time::Duration;

use super::{Left, Replay, Summary};
use crate::{
    clock,
    control::{ReplayPhase, ReplayState, SourceState},
    sans_io::recording::{Item, What},
};

impl Replay<'_> {
    pub(super) fn note_user(&self, item: &Item) {
        if let What::ConnOpen(open) = &item.what {
            let (username, room_id) = (open.unique_id.clone(), open.room_id.to_string());
            self.driver.update_status(|status| {
                (status.username, status.room_id) = (Some(username), Some(room_id));
            });
        }
    }

    pub(super) fn report(&mut self) {
        self.unreported = 0;
        self.pipeline.report(self.driver);
        let state = self.state();
        self.driver.update_status(|status| {
            status.source = Some("replay");
            status.state = match state.state {
                ReplayPhase::Waiting => SourceState::Connecting,
                ReplayPhase::Playing | ReplayPhase::Paused => SourceState::Connected,
                ReplayPhase::Ended => SourceState::Ended,
            };
        });
        self.driver.set_replay(Some(state));
    }

    pub(super) fn state(&mut self) -> ReplayState {
        let shown = self.clock.shown(self.now());
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        ReplayState {
            recording: self.tape.name.clone(),
            state: self.phase,
            offset_ms: ms(self.idle.offset_at(shown, self.duration.unwrap_or(Duration::MAX))),
            duration_ms: self.duration.map(ms),
            speed: self.clock.speed(),
            lap: self.lap,
            laps: self.options.laps,
            generation: self.pipeline.decoder().generation(),
        }
    }

    pub(super) fn summary(&mut self) -> Summary {
        let counts = self.pipeline.decoder().counts();
        Summary {
            recording: self.tape.name.clone(),
            events: counts.events.values().sum(),
            took: clock::now().duration_since(self.started),
            is_lossy: counts.is_lossy(),
            records_missing: counts.records_missing,
            unreadable: counts.unreadable(),
            left: Left::default(),
            lateness: self.lateness.clone(),
        }
    }
}
