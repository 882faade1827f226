//! The suite `feed`: a command beside livetape's own server, which plays a case.

use std::sync::Arc;

use livetape_cases::{
    change::{counted, truth_of},
    expect::{Output, Said, compare},
    library::Library,
    mistakes::{without, without_inferred},
    report::{Failure, Habit},
    script::How,
    slack::Slack,
    table::Case,
};
use livetape_core::{
    error::{Code, Problem},
    truth::Truth,
};
use livetape_engine::{channels::ChannelOptions, source::Tape};
use livetape_feed::control::ReplayPhase;
use livetape_io::clock;
use livetape_server::{
    Stray,
    staged::{Progress, Staged},
};
use tokio::time::sleep_until;

use super::{
    journal::Journal,
    page,
    plan::Plan,
    reach::times,
    trial::{CONNECT_MAX, ELSEWHERE, Gather, LOOK, Ran, ReadAgain, Sent, Venue, too_long},
    watch::Patience,
};
use crate::{
    cli::{
        args::Lifecycle,
        options::{serving::Addresses, sources},
        serve::stage::{Bound, Stage},
    },
    settings::Settings,
};

impl Plan {
    pub(super) async fn run_feed(
        &self,
        case: &'static Case,
        tape: Tape,
        patience: Patience,
    ) -> Result<Option<Ran>, Problem> {
        let clients = self.clients;
        let prepare = move || {
            let staged = Staged::new(case, &tape, clients)?.giving_up();
            let right = truth_of(staged.tape.items()?);
            Ok((staged, right))
        };
        let (staged, right) = self.whole_shows.run(prepare).await?;
        let settings = self.settings();
        let bound = Bound::listen(&settings, &Lifecycle::default(), Some(&staged)).await;
        let (bound, driver) = bound.map_err(|problem| self.reach.explained(problem))?;
        let options = ChannelOptions { on_end: |_| (), warn: |_| (), ..sources::options(&settings, "")? };
        let show = tokio::spawn(bound.channel(driver, options)?.replay(staged.tape.clone()));
        let Addresses { feed, rest, tikfinity } = &bound.addresses;
        let url = |address: &str| self.reach.url(address);
        let mut env = vec![("LIVETAPE_URL", url(feed)), ("LIVETAPE_HTTP", url(rest))];
        env.extend(tikfinity.as_deref().map(|address| ("LIVETAPE_TIKFINITY_URL", url(address))));
        let stage = bound.serve(None);
        let hub = stage.hub.clone();
        let journal = Arc::new(Journal::new(move || hub.head()));
        let venue = Feed { plan: self, staged: &staged, stage: &stage, right: &right, journal };
        let ran = self.run_beside(case, &venue, patience, &right, env).await;
        stage.control.shut_down();
        let _ = show.await;
        stage.close().await;
        ran
    }

    /// Settings do not depend on a file or on variables, so that a verdict is the same everywhere.
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.server.quiet = true;
        settings.server.wait_clients = Some(self.clients);
        settings.live.offline = true;
        settings.replay.speed = self.speed;
        self.reach.set(&mut settings);
        settings.server.origins.extend(self.page.as_ref().and_then(|page| page.origin.clone()));
        settings
    }
}

/// Number of connections that each client may give up before the show begins: some close the first and open another.
const LEAVES_MAX: usize = 10;

/// The server of a case.
struct Feed<'a> {
    plan: &'a Plan,
    staged: &'a Staged,
    stage: &'a Stage,
    /// The truth at the end of the show.
    right: &'a Truth,
    journal: Arc<Journal>,
}

impl Feed<'_> {
    /// What a command that never connects should do: what it did instead says most.
    fn hint(&self) -> String {
        self.seen().unwrap_or_else(|| match self.plan.page {
            Some(_) => page::HINT.to_owned(),
            None if self.plan.has_connected.get().is_some() => ELSEWHERE.to_owned(),
            None => self.plan.reach.hint(),
        })
    }

    /// Returns what reached the server instead of a client, most often.
    fn seen(&self) -> Option<String> {
        let strays = self.staged.door.strays();
        strays.first().map(|(stray, count)| self.plan.reach.explain(stray, *count))
    }

    /// Returns what is wrong if the command does not connect in time, or if the show does not end.
    async fn out_of_time(&self) -> Failure {
        let started = clock::now();
        let within = format!("within {} s", CONNECT_MAX.as_secs());
        while !self.has_connected() {
            if clock::now() >= started + CONNECT_MAX + self.slack().total() {
                return Failure { is_late: true, ..self.plan.never_connected(&within, &self.hint()) };
            }
            sleep_until(clock::now() + LOOK).await;
        }
        let (hub, clients) = (&self.stage.hub, self.plan.clients);
        // Rejected attempts have bounds of their own.
        while !self.is_closed() && hub.subscriber_peak() < clients {
            let last = self.staged.door.attempts().last().map_or(started, |attempt| attempt.at);
            if clock::now() >= last + CONNECT_MAX + self.slack().total() {
                let peak = hub.subscriber_peak();
                let message = format!("only {peak} of {clients} clients connected {within}");
                return Failure::late("connection", &message);
            }
            sleep_until(clock::now() + LOOK).await;
        }
        let connected = clock::now().max(started + CONNECT_MAX);
        sleep_until(connected + self.plan.show_max(&self.staged.tape)).await;
        too_long()
    }
}

impl Feed<'_> {
    /// Waits until the command has given up so many connections before the show that it never keeps one.
    async fn leaves_at_once(&self) -> Failure {
        let times = || self.staged.door.attempts().iter().filter(|attempt| attempt.is_let_in).count();
        while times() <= LEAVES_MAX * self.plan.clients {
            if self.progress().has_begun {
                return std::future::pending().await;
            }
            sleep_until(clock::now() + LOOK).await;
        }
        let hint = "look at the error of its library: it wants another handshake, or another first message";
        let message = "connected and left at once, again and again";
        Failure { detail: Some(hint.to_owned()), ..Failure::new("connection", message) }
    }
}

impl Feed<'_> {
    /// Notes each attempt to connect.
    async fn watch_attempts(&self) {
        let mut known = 0;
        loop {
            let attempts = self.staged.door.attempts();
            for attempt in &attempts[known..] {
                self.journal.tell(attempt.text());
            }
            known = attempts.len();
            sleep_until(clock::now() + LOOK).await;
        }
    }
}

impl Venue for Feed<'_> {
    async fn perform(&self) {
        let tell = |what: &str| self.journal.tell(what);
        tokio::select! { biased;
            () = self.staged.perform(&self.stage.hub, &self.stage.control, tell) => {}
            () = self.watch_attempts() => {}
        }
    }

    async fn late(&self) -> Failure {
        tokio::select! { biased;
            failure = self.out_of_time() => failure,
            failure = self.leaves_at_once() => failure,
            () = self.stage.control.shutdown().cancelled() => Failure::new("show", "shut the server down"),
        }
    }

    fn slack(&self) -> &Slack {
        &self.staged.slack
    }

    fn has_tried(&self) -> bool {
        self.has_connected() || self.staged.door.was_reset()
    }

    fn has_connected(&self) -> bool {
        !self.staged.door.attempts().is_empty()
    }

    fn never_connected(&self, code: u8) -> Failure {
        if !self.staged.door.was_reset() {
            return self.plan.exited_first(code, self.seen(), &self.hint());
        }
        let late = self.staged.case.script.late.as_secs();
        let message = format!("exited with {code} instead of trying again after {late} s");
        Failure::new("connection", &message)
    }

    fn is_let_in(&self) -> bool {
        self.staged.door.attempts().iter().any(|attempt| attempt.is_let_in)
    }

    fn is_closed(&self) -> bool {
        self.staged.case.script.always.is_some()
    }

    fn progress(&self) -> Progress {
        self.staged.progress()
    }

    fn compare(&self, output: &Output, said: &[Said]) -> Vec<Failure> {
        // A command may inject events, which count too, or exit before the end.
        let sent = self.stage.hub.truth(None).ok().filter(|_| self.is_over()).map(|at| at.truth);
        compare(sent.as_ref().unwrap_or(self.right), output, said)
    }

    fn excess(&self) -> Option<Failure> {
        let (peak, clients) = (self.stage.hub.subscriber_peak(), self.plan.clients);
        (peak > clients).then(|| {
            let message = format!("had {peak} connections to the feed at once, and --clients is {clients}");
            let hint = "close a connection before you open another one, or set --clients";
            let habit = Some(Habit::AtOnce);
            Failure { detail: Some(hint.to_owned()), habit, ..Failure::new("connection", &message) }
        })
    }

    fn goes_on(&self) -> bool {
        self.stage.hub.truth(None).is_ok_and(|at| at.truth.events < self.right.events)
    }

    fn library(&self) -> Option<Library> {
        None
    }

    fn told(&self) -> Option<String> {
        let door = &self.staged.door;
        let is_refusal = |stray: &Stray| matches!(stray, Stray::Request { why, .. } if !why.is_empty());
        if let Some((stray, count)) = door.strays().iter().find(|(stray, _)| is_refusal(stray)) {
            return Some(self.plan.reach.explain(stray, *count));
        }
        let (code, reason, count) = door.closed()?;
        let hint = Code::from_name(&reason).map(|code| format!(": {}", code.hint())).unwrap_or_default();
        Some(format!("the server closed its connection {} with {code} {reason}{hint}", times(count)))
    }

    fn is_over(&self) -> bool {
        self.stage.control.replay().is_some_and(|replay| replay.state == ReplayPhase::Ended)
    }

    fn gather(&self) -> Gather {
        let staged = self.staged.clone();
        Box::new(move || {
            let (mut events, mut inferred) = (counted(staged.tape.items()?), Vec::new());
            if !staged.door.attempts().iter().any(|attempt| attempt.has_inferred) {
                (events, inferred) = without_inferred(events);
            }
            let [breaks, starts] = [false, true].map(|starts_over| {
                let counts = staged.breaks(starts_over).into_iter();
                counts.map(|count| without(&inferred, count)).collect()
            });
            let is_numbered = staged.case.script.breaks.iter().all(|it| it.how != How::Newer);
            Ok(Sent::Broken { events, breaks, starts, inferred, is_numbered })
        })
    }

    fn sent(&self, has_left: bool) -> Option<Gather> {
        (self.is_over() || has_left).then(|| self.gather())
    }

    fn items(&self) -> ReadAgain {
        let tape = self.staged.tape.clone();
        Box::new(move || Ok(Box::new(tape.items()?)))
    }

    fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }
}
