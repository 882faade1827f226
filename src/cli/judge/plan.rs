//! What all runs of a command share.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    path::Path,
    sync::{Arc, OnceLock, atomic::AtomicU64, mpsc},
    thread,
};

use livetape_cases::{
    change::truth_of,
    expect::Expectation,
    table::{Case, Suite},
};
use livetape_core::{
    error::{Code, Problem},
    pace::Speed,
    recording::{Item, What},
};
use livetape_engine::source::Tape;
use livetape_io::files;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    page::{self, Page},
    reach::Reach,
};
use crate::cli::{
    args,
    process::{
        output::{file_problem, quoted, say, say_lines, shown},
        signals::Signals,
    },
};

/// Speed of rooms: a client library decodes at it without delay.
const ROOM_SPEED: f64 = 20.0;

/// Finds a case that the user named. The hint for a scenario of the mock says how to play one.
pub(super) fn named_case(suite: Suite, name: &str) -> Result<&'static Case, Problem> {
    suite.find_combined(name).map_err(|problem| match livetape_server::scenario(name) {
        Some(_) if Suite::Room.find(name).is_err() => {
            problem.hint(format!("{name} is a scenario of the mock: `livetape run --mock {name} -- COMMAND`"))
        }
        _ => problem,
    })
}

/// How a command is run, and what is right.
pub(super) struct Plan {
    pub(super) command: Vec<OsString>,
    /// What it shows, if it is a page.
    pub(super) page: Option<Page>,
    /// The recording as it was named.
    pub(super) recording: String,
    pub(super) tape: Tape,
    pub(super) expectations: Vec<Expectation>,
    pub(super) speed: Speed,
    pub(super) clients: usize,
    pub(super) reach: Reach,
    /// What the command connects to, and whether through a proxy.
    pub(super) suite: Suite,
    pub(super) is_proxied: bool,
    /// What is tested, for people: the command or the page.
    pub(super) tested: String,
    /// The end of the command line that repeats a case.
    arguments: String,
    /// How the command gives its verdict, once it is known.
    pub(super) manner: OnceLock<Manner>,
    /// Set once a case has seen the command connect: it knows where to.
    pub(super) has_connected: OnceLock<()>,
    pub(super) whole_shows: WholeShows,
    /// For how long all commands together have waited for a processor, in milliseconds.
    pub(super) waited_ms: AtomicU64,
    /// Whether stdout is for JSON.
    pub(super) is_quiet: bool,
    /// Whether the reports say what happened when in cases that fail.
    pub(super) keeps_traces: bool,
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

impl Plan {
    /// # Errors
    /// `bad_request` if flags contradict each other, or an expectation is wrong.
    pub(super) fn new(
        mut command: Vec<OsString>,
        conditions: &args::Conditions,
        recording: &Path,
        tape: Tape,
        is_quiet: bool,
        keeps_traces: bool,
    ) -> Result<Arc<Self>, Problem> {
        let suite = conditions.suite()?;
        page::check(conditions)?;
        let reach = Reach::new(conditions)?;
        let arguments = arguments(conditions, &command);
        let words = Vec::from_iter(command.iter().map(|part| quoted(&part.to_string_lossy())));
        let tested = conditions.page.clone().unwrap_or(words.join(" "));
        let (mut page, manner) = (None, OnceLock::new());
        if let Some(shown) = &conditions.page {
            let planned = page::plan(shown, conditions, keeps_traces)?;
            (page, command) = (Some(planned.0), planned.1);
            // No page exits.
            let _ = manner.set(Manner::Stays);
        }
        let usual = match suite {
            Suite::Feed => Speed::Max,
            Suite::Room => {
                check_one_room(&tape)?;
                Speed::Times(ROOM_SPEED)
            }
        };
        Ok(Arc::new(Self {
            suite,
            is_proxied: conditions.mock_proxy,
            expectations: expectations(&conditions.expect, &tape)?,
            speed: conditions.speed.unwrap_or(usual),
            clients: conditions.clients.get(),
            reach,
            tested,
            arguments,
            manner,
            whole_shows: WholeShows::start()?,
            has_connected: OnceLock::new(),
            waited_ms: AtomicU64::default(),
            is_quiet,
            keeps_traces,
            stop: stop_at_signal(),
            recording: recording.to_string_lossy().into_owned(),
            command,
            page,
            tape,
        }))
    }

    /// Prints text for people.
    pub(super) fn say(&self, text: String) -> Result<(), Problem> {
        if self.is_quiet { Ok(()) } else { say(text) }
    }

    pub(super) fn say_lines(&self, text: &str) -> Result<(), Problem> {
        if self.is_quiet { Ok(()) } else { say_lines(text) }
    }

    /// Returns the command line that repeats a case.
    pub(super) fn again(&self, recording: &str, case: &str) -> String {
        let suite = match (self.suite, self.is_proxied) {
            (Suite::Feed, _) => "",
            (Suite::Room, false) => " --suite room",
            (Suite::Room, true) => " --mock-proxy",
        };
        format!("livetape test {}{suite} --case {}{}", quoted(recording), case, self.arguments)
    }
}

/// A case that is to be run.
pub(super) struct Show {
    pub(super) case: &'static Case,
    pub(super) tape: Tape,
    /// The file that is kept of an earlier failure.
    pub(super) kept: Option<String>,
}

impl Show {
    pub(super) fn of(plan: &Plan, case: &'static Case) -> Self {
        Self { case, tape: plan.tape.clone(), kept: None }
    }
}

impl args::Conditions {
    /// Returns the number of commands at a time.
    pub(super) fn jobs(&self) -> usize {
        if self.has_fixed_port() {
            return 1;
        }
        self.jobs.map_or_else(|| thread::available_parallelism().map_or(1, Into::into), Into::into)
    }
}

/// Checks that a file can be written, and is not the recording.
pub(super) fn check_output(path: &Path, force: bool, tape: &Tape) -> Result<(), Problem> {
    let [output, input] = [Some(path), tape.path()].map(|path| path?.canonicalize().ok());
    if output.is_some() && output == input {
        let message = format!("{} is the recording itself", shown(path));
        return Err(Problem::new(Code::BadRequest, message).hint("use another path for the output"));
    }
    // Dropped, it leaves no file.
    files::Draft::new(path, force).map(drop).map_err(|error| file_problem(&error))
}

/// Checks that a recording has at most one room: the mock plays further ones to other users.
fn check_one_room(tape: &Tape) -> Result<(), Problem> {
    let room = |item: Item| match item.what {
        What::ConnOpen(opened) => Some(opened.room_id),
        _ => None,
    };
    let rooms = BTreeSet::from_iter(tape.items()?.filter_map(room)).len();
    if rooms <= 1 {
        return Ok(());
    }
    let message = format!("{} has {rooms} rooms, and --suite room plays only one", tape.name);
    Err(Problem::new(Code::BadRequest, message).hint("use a recording of one room"))
}

/// Parses expectations, and checks that the users in them sent gifts.
fn expectations(texts: &[String], tape: &Tape) -> Result<Vec<Expectation>, Problem> {
    let expectations =
        texts.iter().map(|text| Expectation::parse(text)).collect::<Result<Vec<_>, Problem>>()?;
    let mut users =
        expectations.iter().filter_map(Expectation::name).filter(|name| name.is_user()).peekable();
    if users.peek().is_some() {
        let truth = truth_of(tape.items()?);
        users.try_for_each(|name| name.check_user(&truth))?;
    }
    Ok(expectations)
}

/// Returns a token that the first signal cancels. Another one ends the process.
fn stop_at_signal() -> CancellationToken {
    let stop = CancellationToken::new();
    let (stopped, mut signals) = (stop.clone(), Signals::new());
    tokio::spawn(async move {
        let _ = signals.next().await;
        stopped.cancel();
        let signal = signals.next().await;
        std::process::exit(i32::from(signal.exit_code()));
    });
    stop
}

fn arguments(conditions: &args::Conditions, command: &[OsString]) -> String {
    let mut arguments = String::new();
    for text in &conditions.expect {
        arguments += &format!(" --expect {}", quoted(text));
    }
    if conditions.clients.get() > 1 {
        arguments += &format!(" --clients {}", conditions.clients);
    }
    match conditions.speed {
        Some(Speed::Times(times)) => arguments += &format!(" --speed {times}"),
        Some(Speed::Max) => arguments += " --speed max",
        None => {}
    }
    arguments += &conditions.address_flags();
    if let Some(page) = &conditions.page {
        arguments += &format!(" --page {}", quoted(page));
        for selector in &conditions.text {
            arguments += &format!(" --text {}", quoted(selector));
        }
        arguments += if conditions.obs { " --obs" } else { "" };
        return arguments;
    }
    arguments += " --";
    for part in command {
        arguments += &format!(" {}", quoted(&part.to_string_lossy()));
    }
    arguments
}

type Work = Box<dyn FnOnce() + Send>;

/// A thread that does one piece of work after the other. Several at a time would have as many shows in memory, and
/// each thread that has had one keeps that memory for itself.
pub(super) struct WholeShows(mpsc::Sender<Work>);

impl WholeShows {
    pub(super) fn start() -> Result<Self, Problem> {
        let (sender, work) = mpsc::channel::<Work>();
        let started = thread::Builder::new()
            .name("whole-shows".into())
            .spawn(move || work.iter().for_each(|work| work()));
        started.map_err(|error| Problem::new(Code::Io, format!("cannot start a thread: {error}")))?;
        Ok(Self(sender))
    }

    /// Returns what `work` returns.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (sender, done) = oneshot::channel();
        let work: Work = Box::new(move || drop(sender.send(work())));
        let failed = || Problem::new(Code::Io, "cannot read the recording");
        self.0.send(work).map_err(|_| failed())?;
        done.await.map_err(|_| failed())?
    }
}
