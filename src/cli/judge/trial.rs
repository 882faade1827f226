//! One case: a server, a command beside it, and a verdict.

use std::{
    cmp::Ordering as Side,
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use livetape_cases::{
    change::json_of,
    expect::{Expectation, Name, Output, RESULT_BYTES_MAX, Said, Stream, TOP_GIFTER, parse_result},
    library::Library,
    mistakes::{Explanation, InRoom, SlimEvent, explain, explain_in_room, shown, without},
    report::{Failure, Habit, Outcome, PLAIN, Verdict},
    slack::Slack,
    table::{Case, Suite},
    trace::{self, Record, Stamp, Summary, Trace},
};
use livetape_core::{
    error::{Code, Problem, exit},
    pace::Speed,
    recording::Item,
    truth::Truth,
};
use livetape_engine::source::Tape;
use livetape_io::{clock, files};
use livetape_server::staged::Progress;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    child::{Child, Folder, Meter, STOP, Start, Work, exit_code, kill_strays},
    journal::Journal,
    page::Findings,
    plan::{Manner, Plan},
    proxies,
    watch::{Patience, Still, Watch},
};
use crate::cli::process::signals::Signal;

pub(super) const CONNECT_MAX: Duration = Duration::from_secs(60);
/// Maximum time that a show takes longer than the recording: clients read slowly, or change the replay.
const SHOW_MAX: Duration = Duration::from_secs(600);
/// Time between two looks at the output.
pub(super) const LOOK: Duration = Duration::from_millis(20);
/// Time between two looks at how long a command waited for a processor, while the show goes on.
const METER_LOOK: Duration = Duration::from_secs(1);
/// Time to exit after [`STOP`].
const GRACE: Duration = Duration::from_secs(5);
/// Time for the last output to arrive after the exit.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
const BUFFER_BYTES: usize = 64 << 10;
/// Why no mistake is named for a number that is too small beside errors in the output.
const LEFT_OUT: &str = "the errors in its output may have left that out: look at them first";
/// Maximum number of events of a show in which every mistake is tried.
const SHOWN_EVENTS_MAX: usize = 100_000;
/// What is said of a number that is so near the right one, or so small, that several mistakes give it.
const LITTLE: &str = "several mistakes give a number that near, or that small; if totals are printed by a timer, print each when it changes; if they are converted, look at how they are rounded";
/// What to do about a command that does not connect in one case, but did in another.
pub(super) const ELSEWHERE: &str = "it connected in another case: look in its output for what it waits for";
/// What to do about a command that failed before it connected.
const ITS_ERROR: &str = "look for its error in its output";

/// A case that ran.
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    pub(super) has_tried: bool,
    pub(super) has_connected: bool,
    pub(super) manner: Manner,
}

/// Why a trial is over.
enum Over {
    Exited(ExitStatus),
    /// The show and its script are over.
    Show,
    /// The command did not connect, or the show does not go on.
    Late(Failure),
}

/// What a command runs beside: a server, and what it does to its clients.
pub(super) trait Venue: Sync {
    /// Acts until the show and everything that is judged after it are over.
    fn perform(&self) -> impl Future<Output = ()> + Send;
    /// Returns what is wrong once a command is too late. Never returns if it is not.
    fn late(&self) -> impl Future<Output = Failure> + Send;
    /// What is added to each time within which the command has to do something.
    fn slack(&self) -> &Slack;
    /// Whether the command tried to connect.
    fn has_tried(&self) -> bool {
        self.has_connected()
    }
    /// Whether the command sent anything.
    fn has_connected(&self) -> bool;
    /// Returns what is wrong if the command exited with this code and sent nothing.
    fn never_connected(&self, code: u8) -> Failure;
    fn is_let_in(&self) -> bool;
    /// Whether no client is ever let in, so that neither the numbers nor the exit code are judged.
    fn is_closed(&self) -> bool;
    /// Returns what was seen of the connection so far.
    fn progress(&self) -> Progress;
    /// Compares what the command said with what was sent.
    fn compare(&self, output: &Output, said: &[Said]) -> Vec<Failure>;
    /// Whether everything was sent.
    fn is_over(&self) -> bool;
    /// Returns how to gather the events of the show.
    fn gather(&self) -> Gather;
    /// Returns how to read the show again.
    fn items(&self) -> ReadAgain;
    fn journal(&self) -> &Arc<Journal>;
    /// Returns how to gather what explains wrong numbers, once everything was sent, or once the command has left
    /// (`has_left`): it has nothing more to say then.
    fn sent(&self, has_left: bool) -> Option<Gather>;
    /// Returns what is wrong if more clients had the feed at once than `--clients`: then no number means anything.
    fn excess(&self) -> Option<Failure>;
    /// Returns the client library, if it has told its name.
    fn library(&self) -> Option<Library>;
    /// Whether more is to come of the show than a client may have seen by now.
    fn goes_on(&self) -> bool {
        false
    }
    /// Returns what the server told clients that it turned away or closed for what they did.
    fn told(&self) -> Option<String> {
        None
    }
    /// Returns what a command should do that used only a part of what it needs to be let in.
    fn unused(&self) -> Option<String> {
        None
    }
}

/// Gathers all events of a show.
pub(super) type Gather = Box<dyn FnOnce() -> Result<Sent, Problem> + Send>;

/// Reads the items of a show.
pub(super) type ReadAgain = Box<dyn FnOnce() -> Result<Box<dyn Iterator<Item = Item>>, Problem> + Send>;

/// The events that a command was sent.
pub(super) enum Sent {
    /// With the numbers of events before breaks of the connection, and before the show started over; the indices of
    /// events that were broadcast among these, but not sent to it; and whether nothing else was numbered.
    Broken {
        events: Vec<SlimEvent>,
        breaks: Vec<usize>,
        starts: Vec<usize>,
        inferred: Vec<usize>,
        is_numbered: bool,
    },
    /// As [`InRoom`], and when the first was sent.
    Repeated {
        once: Vec<SlimEvent>,
        breaks: Vec<usize>,
        by_handler: Vec<SlimEvent>,
        all: Vec<SlimEvent>,
        is_partial: bool,
        start: Duration,
    },
}

impl Sent {
    /// Returns what explains a wrong number, beside those that are right.
    fn explain(&self, right: &[&str], what: &str, got: &str) -> Explanation {
        match self {
            Self::Broken { events, breaks, starts, .. } => explain(events, breaks, starts, right, what, got),
            Self::Repeated { once, breaks, by_handler, all, is_partial, .. } => {
                let sent = InRoom { once, breaks, by_handler, all, is_partial: *is_partial };
                explain_in_room(sent, right, what, got)
            }
        }
    }

    /// Describes a case that failed.
    fn trace(&self, seen: &SeenOf, read: ReadAgain) -> Result<Trace, Problem> {
        let items = read()?;
        let of = |sent: &trace::Sent<'_>, has_inferred, is_numbered| {
            let json = |wanted: &_| json_of(items, has_inferred, is_numbered, wanted);
            let mut trace = Trace::of(sent, &seen.record, &seen.failures, &seen.happened, json);
            trace.add_pictures(&seen.pictures);
            trace
        };
        Ok(match self {
            Self::Broken { events, breaks, starts, inferred, is_numbered } => {
                let until = |at: Stamp| without(inferred, at.sent as usize);
                let sent = trace::Sent { events, breaks, starts, until: &until, left: seen.left };
                of(&sent, inferred.is_empty(), *is_numbered)
            }
            Self::Repeated { once: events, breaks, start, .. } => {
                let start = start.as_millis().try_into().unwrap_or(u64::MAX);
                let until = |at: Stamp| match u64::from(at.sent).checked_sub(start) {
                    Some(at_ms) => trace::sent_by(events, at_ms),
                    None => 0,
                };
                let sent = trace::Sent { events, breaks, starts: &[], until: &until, left: seen.left };
                of(&sent, false, false)
            }
        })
    }
}

/// What was seen in a case that failed.
struct SeenOf {
    record: Record,
    failures: Vec<Failure>,
    happened: Vec<(Stamp, String)>,
    /// Pictures of a page, with the time since its start in milliseconds.
    pictures: Vec<(u64, String)>,
    /// When the command ended, if the show went on.
    left: Option<Stamp>,
}

impl Plan {
    /// Runs the command in a case. `None` if the user stopped it.
    pub(super) async fn run(
        &self,
        case: &'static Case,
        tape: Tape,
        patience: Patience,
    ) -> Result<Option<Ran>, Problem> {
        match case.suite {
            Suite::Feed => self.run_feed(case, tape, patience).await,
            Suite::Room => self.run_room(case, tape, patience).await,
        }
    }

    /// Runs the command beside a server, with these variables.
    pub(super) async fn run_beside<V: Venue>(
        &self,
        case: &'static Case,
        venue: &V,
        patience: Patience,
        right: &Truth,
        env: Vec<(&'static str, String)>,
    ) -> Result<Option<Ran>, Problem> {
        let (started, folder) = (clock::now(), Folder::new()?);
        let variables = variables(case, folder.path(), right)?;
        let env = Vec::from_iter(env.into_iter().chain(variables).chain(folder.variables()));
        let is_plain = case.name == PLAIN;
        let trial = Trial { plan: self, is_plain, patience, venue, folder: &folder };
        let Some(Judged { mut failures, output, manner, ended_wrongly, ended, pictures }) =
            trial.judge(&env).await?
        else {
            return Ok(None);
        };
        let shows = if is_plain { self.shows(venue).await } else { BTreeMap::new() };
        let (library, mut told) = (venue.library(), venue.told());
        // It explains why a client stayed away, better than a habit does.
        if told.is_some()
            && let Some(failure) =
                failures.iter_mut().find(|it| it.what == "connection" && it.detail.is_none())
        {
            (failure.detail, failure.habit) = (told.take(), None);
        }
        // Where that may be the reason.
        if let Some(failure) = failures.iter_mut().rfind(|failure| failure.may_come_from_waiting()) {
            failure.known = venue.slack().note();
        }
        if let Some(library) = &library {
            library.note(case.name, &mut failures);
        }
        let (mut trace, mut printed) = (None, Summary::default());
        if self.keeps_traces {
            let record = output.record();
            printed = record.summary();
            if !failures.is_empty() {
                trace = self.trace(venue, record, &failures, ended, pictures).await;
            }
        }
        let outcome = Outcome {
            case: case.name,
            output: if failures.is_empty() { Vec::new() } else { output.last_lines() },
            verdict: if failures.is_empty() { Verdict::Passed } else { Verdict::Failed },
            took: clock::now() - started,
            failures,
            same_as: None,
            kept: None,
            library,
            ended_wrongly,
            // A crash is reported itself.
            swallowed: output.errors().filter(|_| !ended_wrongly).or(told),
            again: self.again(&self.recording, case.name),
            shows,
            printed,
            trace,
        };
        let (has_tried, has_connected) = (venue.has_tried(), venue.has_connected());
        if has_connected {
            let _ = self.has_connected.set(());
        }
        Ok(Some(Ran { outcome, has_tried, has_connected, manner }))
    }

    /// Returns what happened when.
    async fn trace(
        &self,
        venue: &impl Venue,
        record: Record,
        failures: &[Failure],
        ended: Stamp,
        pictures: Vec<(Duration, String)>,
    ) -> Option<Box<Trace>> {
        let left = (!venue.is_over()).then_some(ended);
        let journal = venue.journal();
        let pictures = pictures.into_iter().map(|(taken, jpeg)| (journal.since_start(taken), jpeg)).collect();
        let (failures, happened) = (failures.to_vec(), journal.happened());
        let seen = SeenOf { record, failures, happened, pictures, left };
        let (gather, read) = (venue.gather(), venue.items());
        // Without it, the report still says what is wrong.
        self.whole_shows.run(move || gather()?.trace(&seen, read)).await.ok().map(Box::new)
    }

    /// Returns the mistakes that the show of a venue reveals in each expected number.
    async fn shows(&self, venue: &impl Venue) -> BTreeMap<String, BTreeSet<&'static str>> {
        let names =
            self.expectations.iter().filter_map(Expectation::name).map(|name| name.as_str().to_owned());
        let names = Vec::from_iter(names);
        let Some(gather) = venue.sent(true) else { return BTreeMap::new() };
        let shows = move || {
            let (Sent::Broken { events, .. } | Sent::Repeated { once: events, .. }) = gather()?;
            let is_long = events.len() > SHOWN_EVENTS_MAX;
            let names = names.into_iter().filter(|_| !is_long);
            Ok(BTreeMap::from_iter(names.map(|name| (name.clone(), shown(&events, &name)))))
        };
        // Without them, less is excluded.
        self.whole_shows.run(shows).await.unwrap_or_default()
    }

    /// Returns the time that a show takes longer than to play it.
    pub(super) fn show_max(&self, tape: &Tape) -> Duration {
        let length = tape.duration().unwrap_or_default();
        SHOW_MAX
            + match self.speed {
                Speed::Times(times) => {
                    Duration::try_from_secs_f64(length.as_secs_f64() / times).unwrap_or_default()
                }
                Speed::Max => Duration::ZERO,
            }
    }
}

/// Returns what a command says if a show is not over in time.
pub(super) fn too_long() -> Failure {
    Failure::late(
        "show",
        &format!("the show was not over {} minutes after its time", SHOW_MAX.as_secs() / 60),
    )
}

/// Returns the variables of every case, and writes the files that they name.
fn variables(case: &Case, folder: &Path, right: &Truth) -> Result<Vec<(&'static str, String)>, Problem> {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let truth = serde_json::to_vec(right).unwrap_or_default();
    let failed = |error| Problem::new(Code::Io, format!("cannot write the truth: {error}"));
    fs::write(folder.join("truth.json"), truth).map_err(failed)?;
    Ok(vec![
        ("LIVETAPE_CASE", case.name.to_owned()),
        ("LIVETAPE_OFFLINE", true.to_string()),
        ("LIVETAPE_TRUTH", path("truth.json")),
        ("LIVETAPE_RESULT", path("result.json")),
        ("PYTHONUNBUFFERED", "1".to_owned()),
    ])
}

/// How a command ended.
struct Ended {
    status: ExitStatus,
    /// Whether it did so before it was told to.
    itself: bool,
    /// Whether it was killed, because it did not when it was told to.
    was_killed: bool,
    /// Whether the stop ended it.
    was_stopped: bool,
    /// Whether it had written a result by then.
    has_result: bool,
    /// What it still did when it was told to end.
    still: Option<Still>,
    /// Whether it exited by itself although the show went on.
    left_early: bool,
}

/// What a command did in a case.
struct Judged {
    failures: Vec<Failure>,
    output: Output,
    manner: Manner,
    /// Whether it crashed, or did not end as it should.
    ended_wrongly: bool,
    ended: Stamp,
    /// Pictures of a page, and when they were taken, since the Unix epoch.
    pictures: Vec<(Duration, String)>,
}

/// A case that runs.
struct Trial<'a, V> {
    plan: &'a Plan,
    /// Whether nothing is changed or broken.
    is_plain: bool,
    patience: Patience,
    venue: &'a V,
    folder: &'a Folder,
}

/// What a command has printed, and when it last did.
struct Printed {
    output: Mutex<(Output, Instant)>,
    journal: Arc<Journal>,
}

impl Printed {
    fn with<T>(&self, f: impl FnOnce(&mut (Output, Instant)) -> T) -> T {
        f(&mut self.output.lock())
    }
}

impl<V: Venue> Trial<'_, V> {
    /// Runs the command. `None` if the user stopped it.
    async fn judge(&self, env: &[(&str, String)]) -> Result<Option<Judged>, Problem> {
        let command = &self.plan.command;
        let guard = self.folder.guard();
        let start = Start { command, env, stdin: Stdio::null(), is_piped: true, grace: GRACE, guard };
        let mut child = Child::start(start)?;
        let mut output = Output::new(&self.plan.expectations);
        if self.plan.page.as_ref().is_some_and(|page| page.has_texts) {
            output = output.comparing(Stream::Stdout);
        }
        let journal = Arc::clone(self.venue.journal());
        let printed = Arc::new(Printed { output: Mutex::new((output, clock::now())), journal });
        let (stdout, stderr) = child.take_output();
        let mut reading = JoinSet::new();
        reading.spawn(read(stdout, Stream::Stdout, Arc::clone(&printed)));
        reading.spawn(read(stderr, Stream::Stderr, Arc::clone(&printed)));
        let ended = tokio::select! { biased;
            () = self.plan.stop.cancelled() => None,
            ended = self.run(&mut child, &printed) => Some(ended?),
        };
        let ended_at = self.venue.journal().now();
        if ended.is_none() {
            child.kill();
            let _ = child.wait().await;
        }
        // They would keep the pipes open.
        child.kill();
        kill_strays(self.folder.path());
        let _ = timeout(LAST_OUTPUT, async { while reading.join_next().await.is_some() {} }).await;
        reading.shutdown().await;
        // The signal may have reached the command first.
        let Some((ended, mut failures)) = ended.filter(|_| !self.plan.stop.is_cancelled()) else {
            return Ok(None);
        };
        let output = printed.with(|(output, _)| std::mem::replace(output, Output::new(&[])));
        let mut found = self.plan.page.as_ref().map(|page| (page, Findings::read(self.folder.path())));
        let pictures = found.as_mut().map(|(_, found)| found.take_pictures()).unwrap_or_default();
        let has_left = found.as_ref().is_some_and(|(_, found)| found.has_ended());
        if failures.is_empty() && !has_left {
            failures = self.failures(&ended, &output).await;
        }
        if let Some((page, found)) = found {
            failures = found.join(page, failures, self.is_plain);
        }
        let manner = match (ended.itself, ended.has_result) {
            // A crash says nothing about how it ends otherwise.
            (true, _) if exit_code(ended.status) == exit::DONE || output.errors().is_none() => Manner::Exits,
            (_, true) => Manner::WritesResult,
            (_, false) => Manner::Stays,
        };
        let has_crashed = ended.itself && exit_code(ended.status) != exit::DONE;
        let ended_wrongly = has_left || has_crashed || failures.iter().any(|failure| failure.what == "exit");
        Ok(Some(Judged { failures, output, manner, ended_wrongly, ended: ended_at, pictures }))
    }

    /// Runs the command until everything that is judged is over, and ends it. Returns what it did wrong meanwhile.
    async fn run(&self, child: &mut Child, printed: &Printed) -> Result<(Ended, Vec<Failure>), Problem> {
        match self.wait(child).await? {
            Over::Exited(status) => {
                let left_early = self.venue.goes_on();
                Ok((Ended { left_early, ..self.exited(status) }, Vec::new()))
            }
            Over::Show => Ok((self.end(child, printed).await?, Vec::new())),
            Over::Late(failure) => Ok((self.stop(child, None).await?, vec![failure])),
        }
    }

    /// Waits until the command exits, or everything that is judged is over.
    async fn wait(&self, child: &mut Child) -> Result<Over, Problem> {
        let (performed, late) = (self.venue.perform(), self.venue.late());
        let (mut performed, mut late) = (std::pin::pin!(performed), std::pin::pin!(late));
        let mut meter = Meter::new(clock::now(), child.work());
        loop {
            tokio::select! { biased;
                status = child.wait() => return Ok(Over::Exited(waited(status)?)),
                () = &mut performed => return Ok(Over::Show),
                failure = &mut late => return Ok(Over::Late(failure)),
                () = sleep_until(clock::now() + METER_LOOK) => {}
            }
            self.note(meter.read(clock::now(), child.work()));
        }
    }

    /// Waits until the command has said everything, and ends it.
    async fn end(&self, child: &mut Child, printed: &Printed) -> Result<Ended, Problem> {
        let over = clock::now();
        let (slack, mut meter) = (self.venue.slack(), Meter::new(over, child.work()));
        let mut watch = Watch::new(self.patience, over, slack.total());
        let still = loop {
            if let Ok(status) = timeout(LOOK, child.wait()).await {
                return Ok(self.exited(waited(status)?));
            }
            let now = clock::now();
            let is_due = watch.is_due(now);
            if is_due {
                let work = self.note(meter.read(now, child.work()));
                watch.works(now, work.used, slack.total());
            }
            if watch.is_unfinished(now, self.patience()) {
                continue;
            }
            // In a room, this decodes all that was sent.
            if is_due {
                let is_closed = self.venue.is_closed();
                let failures = printed.with(|(output, _)| self.compare(output));
                watch.says(now, if is_closed { Vec::new() } else { failures });
            }
            let last = printed.with(|(_, last)| *last).max(over);
            let mut ended = watch.ends(now, last, self.afterwards(), self.owes_a_verdict());
            if ended.is_some() && !is_due {
                self.note(meter.read(now, child.work()));
                watch.waits(slack.total());
                ended = watch.ends(now, last, self.afterwards(), self.owes_a_verdict());
            }
            if let Some(still) = ended {
                break still;
            }
        };
        self.stop(child, still).await
    }

    /// Describes a command that has exited by itself.
    fn exited(&self, status: ExitStatus) -> Ended {
        let has_result = self.has_result();
        Ended {
            status,
            itself: true,
            was_killed: false,
            was_stopped: false,
            has_result,
            still: None,
            left_early: false,
        }
    }

    /// Asks the command to exit, with as much more time as it waits for a processor.
    async fn stop(&self, child: &mut Child, still: Option<Still>) -> Result<Ended, Problem> {
        let has_result = self.has_result();
        let mut meter = Meter::new(clock::now(), child.work());
        child.stop(Signal::Terminate);
        let status = loop {
            if let Ok(status) = timeout(METER_LOOK, child.wait()).await {
                break waited(status)?;
            }
            child.extend(self.note(meter.read(clock::now(), child.work())).waited);
        };
        let (was_killed, was_stopped) = (child.was_killed(), child.was_stopped(status));
        Ok(Ended { status, itself: false, was_killed, was_stopped, has_result, still, left_early: false })
    }

    /// Notes for how long the command waited for a processor.
    fn note(&self, work: Work) -> Work {
        self.venue.slack().add(work.waited);
        let waited = work.waited.as_millis().try_into().unwrap_or(u64::MAX);
        self.plan.waited_ms.fetch_add(waited, Ordering::Relaxed);
        work
    }

    /// Time for which numbers that are right are watched.
    fn afterwards(&self) -> Duration {
        if self.is_plain { self.patience.settled } else { Duration::ZERO }
    }

    /// Time after the show in which the command's verdict is still awaited.
    fn patience(&self) -> Duration {
        let says_nothing = self.plan.expectations.is_empty() && !self.has_result();
        match self.plan.manner.get() {
            // Nothing more is expected of it.
            _ if self.venue.is_closed() || self.venue.progress().says_no_end() => Duration::ZERO,
            Some(Manner::Exits) => self.patience.as_before,
            Some(Manner::WritesResult) if !self.has_result() => self.patience.as_before,
            None if says_nothing => self.patience.finding_out,
            _ => Duration::ZERO,
        }
    }

    /// Whether it has not yet exited or written a result, as it did in the first case.
    fn owes_a_verdict(&self) -> bool {
        self.plan.manner.get().is_some() && !self.patience().is_zero()
    }

    fn has_result(&self) -> bool {
        self.result_path().symlink_metadata().is_ok()
    }

    fn result_path(&self) -> PathBuf {
        self.folder.path().join("result.json")
    }

    async fn failures(&self, ended: &Ended, output: &Output) -> Vec<Failure> {
        let Ended { status, itself: ended_itself, .. } = *ended;
        let progress = self.venue.progress();
        let says_no_end = progress.says_no_end();
        let mut failures = progress.complaints;
        let left_undone = |message: &str| Failure {
            habit: Some(Habit::StaysAway),
            is_late: !ended_itself,
            ..Failure::new("connection", message)
        };
        let running = if ended_itself { "" } else { ", and kept running" };
        failures.extend(progress.left_undone.map(|message| left_undone(&(message + running))));
        let code = exit_code(status);
        if ended_itself && !self.venue.has_connected() {
            failures.push(self.venue.never_connected(code));
        }
        if self.venue.is_closed() || !self.venue.has_connected() {
            return failures;
        }
        let has_said_code = ended_itself && progress.awaited.is_some();
        if let Some(awaited) = progress.awaited.filter(|_| ended_itself) {
            failures.push(left_undone(&format!("exited with {code} and did not {awaited}")));
        }
        if !self.venue.is_let_in() {
            if failures.is_empty() {
                let message = format!("exited with {code} before a connection of it was accepted");
                // If it failed, its own error explains more.
                let detail = self.venue.unused().filter(|_| code == exit::DONE || !self.plan.is_proxied);
                let detail = match (code, detail) {
                    (exit::DONE, detail) => detail,
                    (_, None) => Some(ITS_ERROR.to_owned()),
                    (_, Some(more)) => Some(format!("{ITS_ERROR}; {more}")),
                };
                failures.push(Failure { detail, ..Failure::new("connection", &message) });
            }
            return failures;
        }
        match self.plan.manner.get() {
            _ if says_no_end => {}
            Some(Manner::Exits) if !ended_itself => {
                let message = format!(
                    "did not exit within {} s after the show, as it did before",
                    self.patience.as_before.as_secs()
                );
                failures.push(Failure::late("exit", &message));
            }
            Some(Manner::WritesResult) if !self.has_result() => {
                failures.push(Failure::late("result", "wrote no LIVETAPE_RESULT, as it did before"));
            }
            _ => {}
        }
        if ended.was_killed {
            let message = format!("did not exit within {} s after {STOP}", GRACE.as_secs());
            failures.push(Failure::late("exit", &message));
        } else if code != 0 && !has_said_code && !ended.was_stopped {
            failures.push(Failure {
                expected: Some("0".to_owned()),
                got: Some(code.to_string()),
                ..Failure::new("exit", &format!("exited with {code}"))
            });
        }
        failures.extend(ended.still.map(Still::failure));
        // What a crash leaves unsaid is no other mistake.
        let is_silent = output.bytes() == 0 && !failures.is_empty();
        let has_left = ended_itself && code == exit::DONE;
        let mut wrong = match ended.still {
            // It missed what came after it had left, so its numbers need no mistake.
            None if ended.left_early && failures.is_empty() => {
                let mut wrong = self.compare(output);
                if let Some(failure) = wrong.first_mut().filter(|failure| failure.detail.is_none()) {
                    failure.detail = Some(format!("it exited with {code} before the end of the show"));
                }
                wrong
            }
            None => self.explained(output, has_left).await,
            Some(_) => self.compare(output),
        };
        // Its errors explain what is missing. In other cases, correct programs print errors, too, when a connection breaks.
        if output.errors().is_some() && (self.is_plain || code != exit::DONE) {
            for failure in wrong.iter_mut().filter(|failure| failure.side() == Some(Side::Less)) {
                failure.candidates.clear();
                (failure.diagnosis, failure.detail) = (None, Some(LEFT_OUT.to_owned()));
            }
        }
        failures.extend(wrong.into_iter().filter(|_| !is_silent));
        match self.venue.excess() {
            Some(excess) if !failures.is_empty() => vec![excess],
            _ => failures,
        }
    }

    /// Compares the numbers, and looks for the mistakes that explain them.
    async fn explained(&self, output: &Output, has_left: bool) -> Vec<Failure> {
        let mut failures = self.compare(output);
        let wrong = Vec::from_iter(
            failures.iter().filter_map(|failure| Some((failure.what.clone(), failure.got.clone()?))),
        );
        let names = || self.plan.expectations.iter().filter_map(Expectation::name).map(Name::as_str);
        let is_right = |name: &&str| failures.iter().all(|failure| failure.what != *name);
        let right = Vec::from_iter(names().filter(is_right).map(str::to_owned));
        let Some(gather) = self.venue.sent(has_left).filter(|_| !wrong.is_empty()) else { return failures };
        let explain = move || {
            let sent = gather()?;
            let right = Vec::from_iter(right.iter().map(String::as_str));
            Ok(Vec::from_iter(wrong.into_iter().map(|(what, got)| sent.explain(&right, &what, &got))))
        };
        // Without explanations, the failures stay.
        let explained = self.plan.whole_shows.run(explain).await.unwrap_or_default();
        let wrong = failures.iter_mut().filter(|failure| failure.got.is_some());
        for (failure, Explanation { candidates, found, several, is_unclear }) in wrong.zip(explained) {
            (failure.candidates, failure.is_unclear) = (candidates, is_unclear);
            if !several.is_empty() {
                // So near, each of them may give it by chance.
                let is_small = failure.is_small();
                failure.detail = Some(if is_small { LITTLE.to_owned() } else { several });
            }
            if let Some(found) = found {
                (failure.diagnosis, failure.detail) = (Some(found.name), Some(found.message));
            }
        }
        // A name is right or wrong by chance, so a wrong number has to confirm the mistake, if there are numbers.
        let numbers = failures.iter().filter(|failure| failure.what != TOP_GIFTER);
        let known = Vec::from_iter(numbers.map(|failure| failure.diagnosis));
        let has_numbers = names().any(|name| ["diamonds", "gifts"].contains(&name));
        for name in failures.iter_mut().filter(|failure| failure.what == TOP_GIFTER) {
            if (has_numbers || !known.is_empty()) && !known.contains(&name.diagnosis) {
                (name.diagnosis, name.detail) = (None, None);
                name.candidates.clear();
            }
        }
        failures
    }

    /// Compares what the command said with what was sent.
    fn compare(&self, output: &Output) -> Vec<Failure> {
        match self.result() {
            Ok(said) => self.venue.compare(output, &said),
            Err(message) => vec![Failure::new("result", &message)],
        }
    }

    /// Reads the file `LIVETAPE_RESULT`, if there is one.
    fn result(&self) -> Result<Vec<Said>, String> {
        if !self.has_result() {
            return Ok(Vec::new());
        }
        let unreadable = |error| format!("wrote a LIVETAPE_RESULT that cannot be read: {error}");
        let file = files::open_inside(&self.result_path()).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(RESULT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        // One that is too long is cut here, perhaps within a character.
        let is_whole = bytes.len() <= RESULT_BYTES_MAX;
        let bytes = if is_whole { files::text(bytes).map_err(unreadable)?.into_bytes() } else { bytes };
        parse_result(&bytes)
    }
}

impl Plan {
    /// A command that exited with `code` before it connected. If it failed, its own error explains more than `hint`.
    /// `seen` is what was seen of it instead, which says most.
    pub(super) fn exited_first(&self, code: u8, seen: Option<String>, hint: &str) -> Failure {
        let when = format!("before it exited with {code}");
        match code {
            _ if let Some(seen) = seen => self.never_connected(&when, &seen),
            exit::DONE => self.never_connected(&when, hint),
            _ if self.is_proxied => self.never_connected(&when, ITS_ERROR),
            _ => self.never_connected(&when, &self.reach.hint_after(ITS_ERROR, self.suite)),
        }
    }

    pub(super) fn never_connected(&self, when: &str, hint: &str) -> Failure {
        // The variables of a mock's proxy replace others.
        let hint = if self.is_proxied { hint.to_owned() } else { proxies::explained(hint) };
        Failure { detail: Some(hint), ..Failure::new("connection", &format!("never connected {when}")) }
    }
}

fn waited(status: std::io::Result<ExitStatus>) -> Result<ExitStatus, Problem> {
    status.map_err(|error| Problem::new(Code::Io, format!("cannot wait for COMMAND: {error}")))
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, stream: Stream, printed: Arc<Printed>) {
    let (Some(mut pipe), mut buffer) = (pipe, vec![0; BUFFER_BYTES]) else { return };
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        let now = printed.journal.now();
        printed.with(|(output, last)| {
            output.push_at(now, stream, &buffer[..length]);
            *last = clock::now();
        });
    }
}
