//! One case: a server, a command beside it, and a verdict.

use std::{
    ffi::OsString,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    child::{Child, Start, exit_code, was_terminated},
    folder::Folder,
};
use crate::{
    cases::{
        change::{events_of, truth_of},
        expect::{Expectation, Output, RESULT_BYTES_MAX, Said, Stream, TOP_GIFTER, compare, parse_result},
        mistakes::diagnose,
        report::{Failure, Outcome, Verdict},
        script::BACK_MAX,
        table::Case,
    },
    channels::{Channel, ChannelOptions},
    cli::{
        args::Lifecycle,
        options::sources,
        process::ending::Signal,
        serve::stage::{Bound, Stage},
    },
    clock,
    control::ReplayPhase,
    sans_io::{
        error::{Code, Problem},
        pace::Speed,
        truth::Truth,
    },
    settings::{Listen, Settings},
    source::{Tape, live::NetTransport},
    staged::Staged,
    tools::files,
};

/// Maximum time until a command connects.
const CONNECT_MAX: Duration = Duration::from_secs(60);
/// Maximum time that a show takes longer than the recording: clients read slowly, or change the replay.
const SHOW_MAX: Duration = Duration::from_secs(600);
/// Time after the show in which a command may still exit or write its result, if nothing else is expected of it.
const FINDING_OUT: Duration = Duration::from_secs(30);
/// The same, if it did so in an earlier case.
const AS_BEFORE: Duration = Duration::from_secs(60);
/// Time without output after which a command has said everything.
const QUIET: Duration = Duration::from_secs(1);
/// Time in which a number that is wrong may still become right.
const SECOND_THOUGHTS: Duration = Duration::from_secs(5);
/// Time between two looks at the output.
const LOOK: Duration = Duration::from_millis(20);
/// Time to exit after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// Time for the last output to arrive after the exit.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// Size of the buffer for output, in bytes.
const BUFFER_BYTES: usize = 64 << 10;
/// Exit codes of shells for a command that SIGTERM or SIGKILL ended.
const TERMINATED: u8 = 143;
const KILLED: u8 = 137;

/// What all trials of a command share.
pub(super) struct Plan {
    pub(super) command: Vec<OsString>,
    pub(super) tape: Tape,
    pub(super) expectations: Vec<Expectation>,
    pub(super) speed: Speed,
    pub(super) clients: usize,
    pub(super) has_tikfinity: bool,
    /// The command line up to the name of the case, and after it.
    pub(super) again: (String, String),
    /// How the command gives its verdict, once it is known.
    pub(super) manner: OnceLock<Manner>,
    /// Cancelled when the user wants to stop.
    pub(super) stop: CancellationToken,
}

/// How a command gives its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It exits by itself.
    Exits,
    /// It writes a result file, and stays.
    WritesResult,
    /// It only prints, and stays.
    Stays,
}

/// A case that ran.
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    /// Whether the command connected.
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
    Stopped,
}

impl Plan {
    /// Runs the command in a case. `None` if the user stopped it.
    pub(super) async fn run(&self, case: &'static Case) -> Result<Option<Ran>, Problem> {
        let started = clock::now();
        let tape = self.tape.clone();
        let prepared = tokio::task::spawn_blocking(move || {
            let staged = Staged::new(case, &tape)?.giving_up();
            let right = truth_of(&staged.tape.items()?);
            Ok::<_, Problem>((staged, right))
        });
        let prepared = prepared.await.map_err(|_| Problem::new(Code::Io, "cannot read the recording"))?;
        let (staged, right) = prepared?;
        let folder = Folder::new()?;
        let settings = self.settings();
        let (bound, driver) = Bound::listen(&settings, &Lifecycle::default(), Some(&staged)).await?;
        let options = ChannelOptions { on_end: |_| (), warn: |_| (), ..sources::options(&settings, "") };
        let transport = NetTransport::new(&options.live)?;
        let channel = Channel::new(bound.hub.clone(), &bound.control, driver, transport, options);
        let show = tokio::spawn(channel.replay(staged.tape.clone()));
        let env = self.env(&bound, case, folder.path(), &right)?;
        let stage = bound.serve(None);
        let trial =
            Trial { plan: self, staged: &staged, stage: &stage, folder: folder.path(), right: &right };
        let judged = trial.judge(&env).await;
        stage.control.shut_down();
        let _ = show.await;
        stage.close().await;
        let Some((failures, output, manner)) = judged? else { return Ok(None) };
        let has_connected = !staged.door.attempts().is_empty();
        let verdict = if failures.is_empty() { Verdict::Passed } else { Verdict::Failed };
        let (before, after) = &self.again;
        let outcome = Outcome {
            case: case.name,
            output: if failures.is_empty() { Vec::new() } else { output.last_lines() },
            verdict,
            took: clock::now() - started,
            failures,
            again: format!("{before} --case {}{after}", case.name),
        };
        Ok(Some(Ran { outcome, has_connected, manner }))
    }

    /// Settings do not depend on a file or on variables, so that a verdict is the same everywhere.
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        settings.server.quiet = true;
        settings.server.port = Some(0);
        settings.server.wait_clients = Some(self.clients);
        settings.live.offline = true;
        settings.replay.speed = self.speed;
        settings.tikfinity.enabled = self.has_tikfinity;
        settings.tikfinity.listen = Listen::loopback(0);
        settings
    }

    fn env(
        &self,
        bound: &Bound,
        case: &Case,
        folder: &Path,
        right: &Truth,
    ) -> Result<Vec<(&'static str, String)>, Problem> {
        let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let truth = serde_json::to_vec(right).unwrap_or_default();
        let failed = |error| Problem::new(Code::Io, format!("cannot write the truth: {error}"));
        fs::write(folder.join("truth.json"), truth).map_err(failed)?;
        let mut env = vec![
            ("LIVETAPE_URL", bound.addresses.feed.clone()),
            ("LIVETAPE_HTTP", bound.addresses.rest.clone()),
            ("LIVETAPE_CASE", case.name.to_owned()),
            ("LIVETAPE_OFFLINE", true.to_string()),
            ("LIVETAPE_TRUTH", path("truth.json")),
            ("LIVETAPE_RESULT", path("result.json")),
            ("PYTHONUNBUFFERED", "1".to_owned()),
            ("TMPDIR", folder.to_string_lossy().into_owned()),
        ];
        env.extend(bound.addresses.tikfinity.clone().map(|url| ("LIVETAPE_TIKFINITY_URL", url)));
        Ok(env)
    }
}

/// A case that runs.
struct Trial<'a> {
    plan: &'a Plan,
    staged: &'a Staged,
    stage: &'a Stage,
    folder: &'a Path,
    /// The truth at the end of the show.
    right: &'a Truth,
}

/// What a command has printed, and when it last did.
struct Printed {
    output: Mutex<(Output, Instant)>,
}

impl Printed {
    fn with<T>(&self, f: impl FnOnce(&mut (Output, Instant)) -> T) -> T {
        f(&mut self.output.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Trial<'_> {
    /// Returns what was wrong, the output, and how the command gave its verdict.
    async fn judge(&self, env: &[(&str, String)]) -> Result<Option<(Vec<Failure>, Output, Manner)>, Problem> {
        let command = &self.plan.command;
        let start = Start { command, env, stdin: Stdio::null(), is_piped: true, grace: GRACE };
        let mut child = Child::start(start)?;
        let output = Output::new(&self.plan.expectations);
        let printed = Arc::new(Printed { output: Mutex::new((output, clock::now())) });
        let (stdout, stderr) = child.take_output();
        let mut reading = JoinSet::new();
        reading.spawn(read(stdout, Stream::Stdout, Arc::clone(&printed)));
        reading.spawn(read(stderr, Stream::Stderr, Arc::clone(&printed)));
        let over = self.wait(&mut child).await?;
        let mut failures = Vec::new();
        let (status, ended_itself) = match over {
            Over::Stopped => {
                child.kill();
                let _ = child.wait().await;
                child.kill_others();
                return Ok(None);
            }
            Over::Exited(status) => (status, true),
            Over::Show => self.end(&mut child, &printed).await?,
            Over::Late(failure) => {
                failures.push(failure);
                child.stop(Signal::Terminate);
                (waited(child.wait().await)?, false)
            }
        };
        // They would keep the pipes open.
        child.kill_others();
        let _ = timeout(LAST_OUTPUT, async { while reading.join_next().await.is_some() {} }).await;
        reading.shutdown().await;
        let output = printed.with(|(output, _)| std::mem::replace(output, Output::new(&[])));
        if failures.is_empty() {
            failures = self.failures(status, ended_itself, &output);
        }
        let manner = match (ended_itself, self.has_result()) {
            (true, _) => Manner::Exits,
            (false, true) => Manner::WritesResult,
            (false, false) => Manner::Stays,
        };
        Ok(Some((failures, output, manner)))
    }

    /// Waits until the command exits, or everything that is judged is over.
    async fn wait(&self, child: &mut Child) -> Result<Over, Problem> {
        let performed = self.staged.perform(&self.stage.hub, &self.stage.control, |_| ());
        let (mut performed, mut late) = (std::pin::pin!(performed), std::pin::pin!(self.late()));
        tokio::select! { biased;
            () = self.plan.stop.cancelled() => Ok(Over::Stopped),
            status = child.wait() => Ok(Over::Exited(waited(status)?)),
            () = &mut performed => Ok(Over::Show),
            failure = &mut late => Ok(Over::Late(failure)),
            () = self.stage.control.shutdown().cancelled() => {
                Ok(Over::Late(Failure::new("show", "shut the server down")))
            }
        }
    }

    /// Returns what is wrong if the command does not connect in time, or if the show does not end.
    async fn late(&self) -> Failure {
        let started = clock::now() + self.staged.case.script.late;
        // A command that starts late had the time before, too.
        let most = if self.staged.case.script.late.is_zero() { CONNECT_MAX } else { BACK_MAX };
        sleep_until(started + most).await;
        let within = format!("within {} s", most.as_secs());
        let (clients, most) = (self.stage.hub.subscriber_peak(), self.plan.clients);
        if !self.has_connected() {
            return never_connected(&within);
        }
        let is_open = self.staged.case.script.always.is_none();
        if is_open && clients < most {
            return Failure::new(
                "connection",
                &format!("only {clients} of {most} clients connected {within}"),
            );
        }
        let length = self.staged.tape.duration().unwrap_or_default();
        let length = match self.plan.speed {
            Speed::Times(times) => {
                Duration::try_from_secs_f64(length.as_secs_f64() / times).unwrap_or_default()
            }
            Speed::Max => Duration::ZERO,
        };
        sleep_until(started + length + SHOW_MAX).await;
        let message = format!("the show was not over {} minutes after its time", SHOW_MAX.as_secs() / 60);
        Failure::new("show", &message)
    }

    fn has_connected(&self) -> bool {
        !self.staged.door.attempts().is_empty()
    }

    /// Waits until the command prints nothing more, gives wrong numbers some more time, and ends it.
    async fn end(&self, child: &mut Child, printed: &Printed) -> Result<(ExitStatus, bool), Problem> {
        let over = clock::now();
        loop {
            if let Ok(status) = timeout(LOOK, child.wait()).await {
                return Ok((waited(status)?, true));
            }
            let now = clock::now();
            if now < over + self.patience() {
                continue;
            }
            let last = printed.with(|(_, last)| *last).max(over);
            if now < last + QUIET && now < over + QUIET + SECOND_THOUGHTS {
                continue;
            }
            let is_right = || printed.with(|(output, _)| self.compare(output).is_empty());
            if self.staged.case.script.always.is_some() || now >= over + QUIET + SECOND_THOUGHTS || is_right()
            {
                break;
            }
        }
        child.stop(Signal::Terminate);
        Ok((waited(child.wait().await)?, false))
    }

    /// Time after the show in which the command's verdict is still awaited.
    fn patience(&self) -> Duration {
        let says_nothing = self.plan.expectations.is_empty() && !self.has_result();
        match self.plan.manner.get() {
            _ if self.staged.case.script.always.is_some() => Duration::ZERO,
            Some(Manner::Exits) => AS_BEFORE,
            Some(Manner::WritesResult) if !self.has_result() => AS_BEFORE,
            None if says_nothing => FINDING_OUT,
            _ => Duration::ZERO,
        }
    }

    fn has_result(&self) -> bool {
        self.result_path().symlink_metadata().is_ok()
    }

    fn result_path(&self) -> PathBuf {
        self.folder.join("result.json")
    }

    fn failures(&self, status: ExitStatus, ended_itself: bool, output: &Output) -> Vec<Failure> {
        let progress = self.staged.progress();
        let complaints = progress.complaints.iter().map(|complaint| Failure::new("connection", complaint));
        let mut failures = Vec::from_iter(complaints);
        if self.staged.case.script.always.is_some() {
            return failures;
        }
        let code = exit_code(status);
        if ended_itself && !self.has_connected() {
            let late = self.staged.case.script.late.as_secs();
            failures.push(match late {
                0 => never_connected(&format!("before it exited with {code}")),
                _ => Failure::new(
                    "connection",
                    &format!("exited with {code} instead of trying again after {late} s"),
                ),
            });
            return failures;
        }
        if let Some(awaited) = progress.awaited.filter(|_| ended_itself) {
            failures.push(Failure::new("connection", &format!("exited with {code} and did not {awaited}")));
        }
        if !self.staged.door.attempts().iter().any(|attempt| attempt.is_let_in) {
            return failures;
        }
        match self.plan.manner.get() {
            Some(Manner::Exits) if !ended_itself => {
                let message =
                    format!("did not exit within {} s after the show, as it did before", AS_BEFORE.as_secs());
                failures.push(Failure::new("exit", &message));
            }
            Some(Manner::WritesResult) if !self.has_result() => {
                failures.push(Failure::new("result", "wrote no LIVETAPE_RESULT, as it did before"));
            }
            _ => {}
        }
        if !ended_itself && code == KILLED {
            let message = format!("did not exit within {} s after SIGTERM", GRACE.as_secs());
            failures.push(Failure::new("exit", &message));
        } else if code != 0 && (ended_itself || !(was_terminated(status) || code == TERMINATED)) {
            failures.push(Failure {
                expected: Some("0".to_owned()),
                got: Some(code.to_string()),
                ..Failure::new("exit", &format!("exited with {code}"))
            });
        }
        failures.extend(self.explained(output));
        failures
    }

    /// Compares the numbers, and looks for the mistakes that explain them.
    fn explained(&self, output: &Output) -> Vec<Failure> {
        let mut failures = self.compare(output);
        if !self.is_over() {
            return failures;
        }
        let Ok(items) = self.staged.tape.items() else { return failures };
        let events = events_of(&items);
        let breaks = Vec::from_iter(self.staged.breaks());
        for failure in &mut failures {
            let found = failure.got.as_deref().and_then(|got| diagnose(&events, &breaks, &failure.what, got));
            if let Some(found) = found {
                (failure.diagnosis, failure.detail) = (Some(found.name), Some(found.message));
            }
        }
        // A name is right or wrong by chance, so a number has to confirm the mistake, if there is one.
        let numbers = failures.iter().filter(|failure| failure.what != TOP_GIFTER);
        let known = Vec::from_iter(numbers.map(|failure| failure.diagnosis));
        for name in failures.iter_mut().filter(|failure| failure.what == TOP_GIFTER) {
            if !known.is_empty() && !known.contains(&name.diagnosis) {
                (name.diagnosis, name.detail) = (None, None);
            }
        }
        failures
    }

    /// Compares what the command said with what was sent.
    fn compare(&self, output: &Output) -> Vec<Failure> {
        // A command may inject events, which count too, or exit before the end.
        let sent = self.stage.hub.truth(None).ok().filter(|_| self.is_over()).map(|at| at.truth);
        match self.result() {
            Ok(said) => compare(sent.as_ref().unwrap_or(self.right), output, &said),
            Err(message) => vec![Failure::new("result", &message)],
        }
    }

    fn is_over(&self) -> bool {
        self.stage.control.replay().is_some_and(|replay| replay.state == ReplayPhase::Ended)
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
        parse_result(&bytes)
    }
}

fn never_connected(when: &str) -> Failure {
    let hint = "connect to LIVETAPE_URL";
    Failure {
        detail: Some(hint.to_owned()),
        ..Failure::new("connection", &format!("never connected {when}"))
    }
}

fn waited(status: std::io::Result<ExitStatus>) -> Result<ExitStatus, Problem> {
    status.map_err(|error| Problem::new(Code::Io, format!("cannot wait for COMMAND: {error}")))
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, stream: Stream, printed: Arc<Printed>) {
    let (Some(mut pipe), mut buffer) = (pipe, vec![0; BUFFER_BYTES]) else { return };
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        printed.with(|(output, last)| {
            output.push(stream, &buffer[..length]);
            *last = clock::now();
        });
    }
}
