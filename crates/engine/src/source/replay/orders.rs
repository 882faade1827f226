//! What a replay is told and tells: it processes orders, and reports its state.

use std::{ops::ControlFlow, time::Duration};

use livetape_core::{
    error::{Code, Problem},
    recording::{Item, What},
};
use livetape_feed::control::{
    self, Driver, InjectRequest, Injected, Order, Refusal, ReplayOrder, ReplayPhase, ReplayState,
    SourceState, Unit, not_current,
};
use livetape_io::clock;

use super::{
    super::{
        Lateness,
        tape::{EventKey, Loading, Point},
    },
    Due, Left, Replay, ReplayOptions, Summary, Tape,
};

/// Unit of offsets in answers.
const OFFSET_UNIT: Duration = Duration::from_millis(1);
/// Interval between reports of the lateness.
const LATENESS_EVERY: Duration = Duration::from_secs(1);

impl Replay<'_> {
    /// Executes or rejects an order, and answers it. Breaks if the replay is over.
    pub(super) async fn take_order(&mut self, order: Order) -> ControlFlow<()> {
        match order {
            Order::Replay(ReplayOrder::Load(name), answer) => self.load(name, answer),
            Order::Replay(order, answer) => {
                let result = self.obey(order).await;
                self.report();
                answer.send(result.map(|()| self.state()).map_err(Refusal::from));
            }
            Order::Inject(request, answer) => {
                let injected = self.inject(&request).await;
                self.report();
                answer.send(injected.map_err(Refusal::from));
            }
            Order::Disconnect(name, answer) if self.is_called(&name) => {
                self.pipeline.finish(self.idle.position().0, Some("deleted"), self.pacing()).await;
                self.pipeline.report(self.driver);
                self.driver.forget_user();
                self.driver.set_replay(None);
                self.loading.take().into_iter().for_each(Loading::give_up);
                answer.accept(self.driver.status());
                return ControlFlow::Break(());
            }
            Order::Disconnect(user, answer) => answer.refuse(not_current(&user)),
            Order::Connect(..) | Order::ConnectMock(..) | Order::ConnectTab(..) | Order::Test(..) => {
                let name = &self.tape.name;
                let problem = Problem::new(Code::ReplayRunning, format!("`{name}` is being replayed"));
                order.refuse(problem.hint(format!("end the replay first: DELETE /connect/{name}")));
            }
        }
        ControlFlow::Continue(())
    }

    /// Whether `name` is the name of the recording, or of the user whose room is being played.
    fn is_called(&self, name: &str) -> bool {
        self.tape.name == name || self.driver.status().is_of(name)
    }

    /// Injects events at the current offset, playing or paused, but before the next due item.
    async fn inject(&mut self, request: &InjectRequest) -> Result<Injected, Problem> {
        let next = self.next_due().await.map_or(Duration::MAX, |due| due.offset());
        let shown = self.clock.shown(self.now());
        let here = self.idle.offset_at(shown, next).min(next).max(self.idle.position().0);
        let pacing = self.pacing();
        Ok(self.pipeline.inject(&mut self.driver.injector, request, here, pacing).await?.0)
    }

    async fn obey(&mut self, order: ReplayOrder) -> Result<(), Problem> {
        match order {
            ReplayOrder::Play => self.obey_play().await,
            ReplayOrder::Pause => {
                self.obey_pause().await;
                Ok(())
            }
            ReplayOrder::Seek(offset) => self.obey_seek(offset).await,
            ReplayOrder::Restart => {
                self.pipeline.decoder().set_generation(0);
                self.obey_seek(Duration::ZERO).await
            }
            ReplayOrder::SeekEvent(seq) => self.obey_seek_event(seq).await,
            ReplayOrder::Speed(speed) => {
                self.clock.set_speed(self.now(), speed);
                Ok(())
            }
            ReplayOrder::Step(count, unit) => self.obey_step(count, unit).await,
            ReplayOrder::Loop { laps, from, to } => self.obey_loop(laps, from, to).await,
            // Handled in `take_order`, because opening a file must not block.
            ReplayOrder::Load(_) => Ok(()),
        }
    }

    /// Resumes, or restarts at the end of the recording, as players do.
    async fn obey_play(&mut self) -> Result<(), Problem> {
        match self.phase {
            ReplayPhase::Ended => self.obey_seek(self.options.start).await,
            ReplayPhase::Waiting | ReplayPhase::Paused => {
                self.pipeline.publish(self.pacing()).await;
                self.play();
                Ok(())
            }
            ReplayPhase::Playing => Ok(()),
        }
    }

    /// Pauses. A late replay goes back to before what it has not played yet: its offset must not claim more.
    async fn obey_pause(&mut self) {
        if self.phase == ReplayPhase::Playing
            && let Some(due) = self.next_due().await
        {
            let due = self.idle.preview(due.offset());
            if due < self.clock.shown(self.now()) {
                self.clock.jump(self.now(), due.saturating_sub(OFFSET_UNIT).max(self.idle.position().1));
            }
        }
        self.pause();
    }

    /// Seeks, and stays paused or playing; after the end of the recording, starts playing again.
    async fn obey_seek(&mut self, offset: Duration) -> Result<(), Problem> {
        self.tape.check_within(offset)?;
        self.start_pass(offset, Duration::ZERO).await?;
        self.start_clock();
        Ok(())
    }

    /// Resets the clock to the start of the pass that begins now.
    fn start_clock(&mut self) {
        self.clock.jump(self.now(), Duration::ZERO);
        if self.phase == ReplayPhase::Ended {
            self.pass.lap = 1;
            self.reporting.lateness = Lateness::default();
            self.play();
        }
    }

    /// Seeks to the point before an event of this pass. Events before a lap, seek or load may be from elsewhere.
    async fn obey_seek_event(&mut self, seq: u64) -> Result<(), Problem> {
        if self.hub.is_relayed() {
            let message = "this channel is shared with other processes, which number its events together";
            return Err(Problem::new(Code::BadRequest, message).hint("seek to an offset"));
        }
        let event = Some(seq).filter(|seq| *seq > self.pass.after).and_then(|seq| self.hub.event(seq));
        let key = event.and_then(|json| serde_json::from_slice::<EventKey>(&json).ok());
        let Some(key) = key else {
            let generation = self.pipeline.decoder().generation();
            let message =
                format!("event {seq} is not one of generation {generation}, or no longer in the backlog");
            return Err(Problem::new(Code::OtherGeneration, message));
        };
        let offset = self.pipeline.decoder().offset(key.ts);
        let point = self.tape.point_before(key, offset).await?;
        self.go_to(point, Unit::Events).await
    }

    async fn obey_step(&mut self, count: i32, unit: Unit) -> Result<(), Problem> {
        self.obey_pause().await;
        if count < 0 {
            return self.step_back(count.unsigned_abs() as usize, unit).await;
        }
        for _ in 0..count {
            if !self.step(unit).await {
                break;
            }
        }
        Ok(())
    }

    /// Seeks to the point after which `count` of the events or frames sent so far follow again. What is before it in
    /// its frame is sent again, so that the last one is seen.
    async fn step_back(&mut self, count: usize, unit: Unit) -> Result<(), Problem> {
        let not_sent = if unit == Unit::Events { self.pipeline.held() } else { 0 };
        // The last event is the end itself, which no recording has.
        let ends = usize::from(self.phase == ReplayPhase::Ended);
        let point = self.tape.point_back(self.feed.place, unit, not_sent + count - ends).await?;
        if self.phase == ReplayPhase::Ended {
            self.phase = ReplayPhase::Paused;
        }
        self.go_to(point, unit).await
    }

    /// Seeks to a point. While the replay plays, the rest of its frame follows at once.
    async fn go_to(&mut self, point: Point, unit: Unit) -> Result<(), Problem> {
        self.pipeline.drop_held();
        self.obey_seek(point.offset).await?;
        for _ in 0..point.steps {
            self.step(unit).await;
        }
        Ok(())
    }

    /// Advances to the next ordinary event, or to the end of the next frame that has any. Returns `false` if there is
    /// none: at the end of the recording, at a closed gate, or after a whole lap without one.
    async fn step(&mut self, unit: Unit) -> bool {
        if self.pipeline.holds() && self.publish(unit).await > 0 {
            return true;
        }
        let mut ends = 0;
        while self.phase == ReplayPhase::Paused && self.feed.is_open() && ends < 2 {
            let Some(due) = self.next_due().await else { return false };
            let Due::Item(offset) = due else {
                ends += u32::from(matches!(due, Due::End(_)));
                self.play_due(due, None).await;
                continue;
            };
            self.decode_next_item();
            let events = self.publish(unit).await;
            self.went_to(offset);
            if events > 0 {
                return true;
            }
        }
        false
    }

    async fn publish(&mut self, unit: Unit) -> usize {
        let pacing = self.pacing();
        match unit {
            Unit::Frames => self.pipeline.publish(pacing).await,
            Unit::Events => self.pipeline.publish_next(pacing).await,
        }
    }

    async fn obey_loop(
        &mut self,
        laps: Option<u32>,
        from: Duration,
        to: Option<Duration>,
    ) -> Result<(), Problem> {
        self.tape.check_within(from)?;
        (self.options.laps, self.options.start, self.options.end, self.pass.lap) = (laps, from, to, 1);
        let here = self.idle.position().0;
        if self.phase == ReplayPhase::Ended || here < from || to.is_some_and(|to| here >= to) {
            self.obey_seek(from).await?;
        }
        Ok(())
    }

    /// Resets everything that was ordered for the previous recording.
    pub(super) fn reset(&mut self) {
        self.options = self.options.for_another();
        (self.missing, self.pass.lap) = (Default::default(), 1);
        self.reporting.lateness = Lateness::default();
        self.phase = ReplayPhase::Waiting;
        self.clock.pause(self.now());
        self.clock.set_speed(self.now(), self.options.speed);
        self.clock.jump(self.now(), Duration::ZERO);
        self.driver.update_status(|status| (status.username, status.room_id) = (None, None));
    }

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
        self.reporting.unreported = 0;
        self.pipeline.report(self.driver);
        self.report_lateness();
        let generation = self.pipeline.decoder().generation();
        self.tell_position(generation, false);
        let state = self.state();
        self.driver.update_status(|status| {
            (status.source, status.attempt) = (Some("replay"), 0);
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
        if now < self.reporting.lateness_due {
            return;
        }
        self.reporting.lateness_due = now + LATENESS_EVERY;
        let late = |ms: f64| Duration::from_secs_f64(ms / 1e3);
        self.driver.set_lateness(control::Lateness {
            frames: self.reporting.lateness.frames(),
            sum: late(self.reporting.lateness.sum_ms()),
            median: late(self.reporting.lateness.quantile_ms(0.5)),
            p99: late(self.reporting.lateness.quantile_ms(0.99)),
            max: late(self.reporting.lateness.max_ms()),
        });
    }

    pub(super) fn state(&mut self) -> ReplayState {
        let shown = self.clock.shown(self.now());
        ReplayState {
            state: self.phase,
            offset_ms: ms(self.idle.offset_at(shown, self.duration.unwrap_or(Duration::MAX))),
            speed: self.clock.speed(),
            lap: self.pass.lap,
            generation: self.pipeline.decoder().generation(),
            ..initial_state(&self.tape, self.duration, &self.options)
        }
    }

    pub(super) fn summary(&mut self) -> Summary {
        let counts = self.pipeline.decoder().counts();
        Summary {
            recording: self.tape.name.clone(),
            events: counts.events.values().sum(),
            took: self.time.started.map_or(Duration::ZERO, |started| clock::now().duration_since(started)),
            loss: counts.loss(),
            untold: counts.loss().since(&self.told_loss),
            generation: self.pipeline.decoder().generation(),
            left: Left::default(),
            lateness: self.reporting.lateness.clone(),
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
        show: None,
        refused: None,
        happened: None,
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
