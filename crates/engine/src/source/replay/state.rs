//! Reports the state of a replay.

use std::time::Duration;

use livetape_core::recording::{Item, What};
use livetape_feed::control::{Driver, Lateness, ReplayPhase, ReplayState, SourceState};
use livetape_io::clock;

use super::{Left, Replay, ReplayOptions, Summary, Tape};

/// Interval between reports of the lateness.
const LATENESS_EVERY: Duration = Duration::from_secs(1);

impl Replay<'_> {
    /// Reports a replay that does not run yet, so that clients find it. Orders wait until it runs.
    pub fn announce(tape: &Tape, options: &ReplayOptions, driver: &Driver) {
        driver.update_status(|status| {
            (status.source, status.state) = (Some("replay"), SourceState::Connecting);
        });
        driver.set_replay(Some(initial_state(tape, tape.duration(), options)));
    }

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
        self.report_lateness();
        let generation = self.pipeline.decoder().generation();
        self.tell_position(generation, false);
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

    /// Reports the lateness now and then, because computing quantiles costs more than playing a frame.
    fn report_lateness(&mut self) {
        let now = clock::now();
        if now < self.lateness_due {
            return;
        }
        self.lateness_due = now + LATENESS_EVERY;
        let late = |ms: f64| Duration::from_secs_f64(ms / 1e3);
        self.driver.set_lateness(Lateness {
            median: late(self.lateness.quantile_ms(0.5)),
            p99: late(self.lateness.quantile_ms(0.99)),
            max: late(self.lateness.max_ms()),
        });
    }

    pub(super) fn state(&mut self) -> ReplayState {
        let shown = self.clock.shown(self.now());
        ReplayState {
            state: self.phase,
            offset_ms: ms(self.idle.offset_at(shown, self.duration.unwrap_or(Duration::MAX))),
            speed: self.clock.speed(),
            lap: self.lap,
            generation: self.pipeline.decoder().generation(),
            ..initial_state(&self.tape, self.duration, &self.options)
        }
    }

    pub(super) fn summary(&mut self) -> Summary {
        let counts = self.pipeline.decoder().counts();
        Summary {
            recording: self.tape.name.clone(),
            events: counts.events.values().sum(),
            took: self.started.map_or(Duration::ZERO, |started| clock::now().duration_since(started)),
            loss: counts.loss(),
            generation: self.pipeline.decoder().generation(),
            left: Left::default(),
            lateness: self.lateness.clone(),
        }
    }
}

fn initial_state(tape: &Tape, duration: Option<Duration>, options: &ReplayOptions) -> ReplayState {
    ReplayState {
        recording: tape.name.clone(),
        state: ReplayPhase::Waiting,
        offset_ms: ms(options.start),
        duration_ms: duration.map(ms),
        speed: options.speed,
        lap: 1,
        laps: options.laps,
        from_ms: ms(options.start),
        to_ms: options.end.map(ms),
        generation: 1,
        case: tape.case.map(str::to_owned),
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
