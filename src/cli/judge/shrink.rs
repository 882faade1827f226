//! `livetape shrink`: finds the smallest recording with which a command still fails in the same way.

use std::{
    cmp::Ordering,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use livetape_cases::{
    change::{events_of, truth_of},
    combine::Combination,
    report::{self, Failure, Outcome, PLAIN, moment},
    shrink::{Candidate, Shrink},
    table::Case,
};
use livetape_core::{
    error::{Code, Problem, exit},
    pace::Speed,
    recording::Item,
    terminal,
};
use livetape_engine::source::Tape;
use livetape_feed::hub::Filter;
use livetape_io::clock;
use livetape_server::staged::RECORDING_BYTES_MAX;
use tokio::{task::JoinSet, time::Instant};

use super::{
    plan::{Plan, check_output, named_case},
    random::rows,
    trial::Ran,
    watch::Patience,
};
use crate::cli::{
    args,
    options::config,
    process::output::{FileFate, Written, report_loss, say, shown, warn, write},
};

/// Number of runs that have to fail in the same way before anything is removed.
const RUNS_BEFORE: usize = 3;
/// Number of runs at a time for each command at a time: most of a run is waiting.
const RUNS_A_JOB: usize = 3;
/// Time without output after which a command has said everything. The smallest recording is judged again, with the
/// patience of a verdict.
const QUIET: Duration = Duration::from_millis(400);
/// Maximum number of runs for a show at random.
const KEPT_RUNS_MAX: usize = 500;
/// Minimum time for a command to exit or to write its result, if it did so with the whole recording.
const AS_BEFORE: Duration = Duration::from_secs(5);
/// Maximum number of events that are listed.
const LISTED_MAX: usize = 50;

pub(crate) async fn shrink(args: args::Shrink) -> Result<u8, Problem> {
    let case = named_case(args.conditions.suite()?, &args.case)?;
    let tape = Tape::find_in(&config::recordings(), &args.recording)?;
    // Before anything runs, so that the work is not in vain.
    check_output(&args.new.output, args.new.force, &tape)?;
    let plan = Plan::new(args.command, &args.conditions, &args.recording, tape, false, false)?;
    let started = clock::now();
    let first = match first_runs(&plan, case).await? {
        Ok(first) => first,
        Err(code) => return Ok(code),
    };
    let runs_max = usize::try_from(args.runs).unwrap_or(usize::MAX);
    let target = Target::File(&args.new);
    first
        .smallest(&plan, case, runs_max, args.conditions.jobs(), &target, started)
        .await
        .map(|kept| kept.code)
}

/// Finds the smallest show with which the command still fails as it did in a case, and keeps it in a folder. `None` if it
/// does not always fail so.
pub(super) async fn keep(
    plan: &Arc<Plan>,
    case: &'static Case,
    outcome: &Outcome,
    jobs: usize,
    folder: Folder<'_>,
) -> Result<Option<Kept>, Problem> {
    let started = clock::now();
    let Ok(mut first) = again(plan, case, outcome).await? else { return Ok(None) };
    // It is reported again and again, so it has to show one mistake.
    first.way.is_exact = true;
    let case = first.fewest_parts(plan, case, &plan.tape).await?;
    let target = Target::Folder(folder);
    first.smallest(plan, case, KEPT_RUNS_MAX, jobs, &target, started).await.map(Some)
}

/// Where the smallest recording is written.
enum Target<'a> {
    File(&'a args::NewRecording),
    /// To a file with the name of the case.
    Folder(Folder<'a>),
}

/// The folder of shows that are kept.
pub(super) struct Folder<'a> {
    pub(super) path: &'a Path,
    /// Those of earlier times that still fail.
    pub(super) known: &'a [&'a Outcome],
}

/// The smallest recording, written.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    pub(super) code: u8,
    /// The kept file that fails in the same way, so that nothing was written.
    pub(super) same_as: Option<String>,
}

/// A way to fail: the same in two runs means that they have the same cause.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    what: String,
    /// The text that is missing, or the exit code.
    is: Option<String>,
    /// Whether a number is too small or too large.
    side: Option<Ordering>,
    /// Code of the mistake that explains it, if one was named.
    mistake: Option<&'static str>,
    /// Whether no other mistake may give the number.
    is_exact: bool,
}

impl Way {
    fn of(failure: &Failure) -> Self {
        let is = match failure.what.as_str() {
            "output" => failure.expected.clone(),
            "exit" => failure.got.clone(),
            _ => None,
        };
        let (what, side) = (failure.what.clone(), failure.side());
        Self { what, is, side, mistake: failure.diagnosis, is_exact: false }
    }

    /// Whether a failure can have the same cause. With a smaller show, more mistakes give a number.
    fn explains(&self, failure: &Failure) -> bool {
        let Self { what, is, side, mistake, .. } = Self::of(failure);
        let is_mistake =
            |name| mistake == Some(name) || !self.is_exact && failure.candidates.contains_key(name);
        // A mistake may give too many in one show and too few in another; what nothing explains is told apart by no more.
        let is_alike = self.mistake.is_some() || side == self.side;
        (&what, &is) == (&self.what, &self.is) && is_alike && self.mistake.is_none_or(is_mistake)
    }

    fn is_among(&self, failures: &[Failure]) -> bool {
        failures.iter().any(|failure| self.explains(failure))
    }
}

/// How the command fails with the whole recording.
struct First {
    way: Way,
    /// How long it is waited for in the other runs.
    patience: Patience,
}

/// Runs the command with the whole recording, several times. Returns how it fails, or the exit code if it does
/// not, or not always in the same way.
async fn first_runs(plan: &Plan, case: &'static Case) -> Result<Result<First, u8>, Problem> {
    let Some(ran) = plan.run(case, plan.tape.clone(), Patience::FULL).await? else {
        return Ok(Err(stopped()));
    };
    let _ = plan.manner.set(ran.manner);
    plan.say_lines(&report::line(&ran.outcome, plan.suite.width()))?;
    if ran.outcome.failures.is_empty() {
        return Ok(Err(give_up("COMMAND passed: there is no failure to look for")));
    }
    if !ran.has_connected {
        return Ok(Err(give_up("COMMAND never connected: no message is the cause")));
    }
    again(plan, case, &ran.outcome).await
}

/// Runs the command again as often as it has to fail in the same way.
async fn again(plan: &Plan, case: &'static Case, outcome: &Outcome) -> Result<Result<First, u8>, Problem> {
    let as_before = AS_BEFORE.max(outcome.took * 2);
    let patience = Patience {
        as_before,
        quiet: QUIET,
        settled: QUIET,
        second_thoughts: Duration::ZERO,
        ..Patience::FULL
    };
    let mut ways = Vec::from_iter(outcome.failures.iter().map(Way::of));
    for _ in 1..RUNS_BEFORE {
        let Some(ran) = plan.run(case, plan.tape.clone(), patience).await? else { return Ok(Err(stopped())) };
        if ran.outcome.failures.is_empty() {
            return Ok(Err(give_up("COMMAND failed and then passed: a single run of it proves nothing")));
        }
        ways.retain(|way| way.is_among(&ran.outcome.failures));
    }
    Ok(match ways.into_iter().next() {
        Some(way) => Ok(First { way, patience }),
        None => Err(give_up("COMMAND failed in different ways: a single run of it proves nothing")),
    })
}

fn give_up(why: &str) -> u8 {
    warn(format_args!("❌ {why}"));
    exit::FAILED
}

fn stopped() -> u8 {
    warn("❌ stopped by a signal: no recording was written");
    exit::INTERRUPTED
}

impl First {
    /// Finds the smallest recording, and writes it.
    async fn smallest(
        self,
        plan: &Arc<Plan>,
        case: &'static Case,
        runs_max: usize,
        jobs: usize,
        target: &Target<'_>,
        started: Instant,
    ) -> Result<Kept, Problem> {
        let search = Search {
            plan: Arc::clone(plan),
            case,
            way: self.way.clone(),
            patience: self.patience,
            shrink: Shrink::new(plan.tape.items()?.collect(), plan.speed != Speed::Max),
            runs: RUNS_BEFORE,
            runs_max,
        };
        let reached = search.run(if jobs == 1 { 1 } else { jobs * RUNS_A_JOB }).await?;
        self.conclude(plan, case, target, &reached, started).await
    }

    /// Returns the case with as few of its changes and breaks as needed. What a case does to a show is often not needed
    /// for the few messages that are left.
    async fn fewest_parts(
        &self,
        plan: &Plan,
        case: &'static Case,
        tape: &Tape,
    ) -> Result<&'static Case, Problem> {
        let fails = async |case| {
            let ran = plan.run(case, tape.clone(), self.patience).await?;
            Ok::<_, Problem>(ran.is_some_and(|ran| self.way.is_among(&ran.outcome.failures)))
        };
        // Others stand alone.
        let Ok(mut all) = Combination::parse(plan.suite, case.name) else { return Ok(case) };
        let mut part = 0;
        while let Some(less) = all.without(part) {
            match fails(less.case()?).await? {
                true => all = less,
                false => part += 1,
            }
            if part >= all.parts() {
                break;
            }
        }
        let (fewest, plain) = (all.case()?, plan.suite.find(PLAIN)?);
        // Nor may the last change be needed, nor the last break: but one that somebody has named stays.
        let may_be_plain = all.parts() == 1 && (self.way.is_exact || !fewest.changes.is_empty());
        Ok(if may_be_plain && fails(plain).await? { plain } else { fewest })
    }

    /// Whether a kept show fails in the same case, but perhaps at another place, for the same reason.
    fn is_known(&self, known: &Outcome, case: &Case) -> bool {
        rows(known.case).eq(rows(case.name)) && self.way.is_among(&known.failures)
    }

    /// Judges the smallest recording once more, writes it, and reports what is left.
    async fn conclude(
        &self,
        plan: &Plan,
        case: &'static Case,
        target: &Target<'_>,
        reached: &Reached,
        started: Instant,
    ) -> Result<Kept, Problem> {
        let small = Tape::from_items(&plan.tape.name, &reached.items)?;
        let case =
            if plan.stop.is_cancelled() { case } else { self.fewest_parts(plan, case, &small).await? };
        let (path, force) = match target {
            Target::File(new) => (new.output.clone(), new.force),
            Target::Folder(folder) => (folder.path.join(format!("{}.bin", case.name)), true),
        };
        let done = |code| Ok(Kept { path: path.clone(), code, same_as: None });
        if let Target::Folder(folder) = target
            && let Some(same_as) =
                folder.known.iter().find(|known| known.case == case.name || self.is_known(known, case))
        {
            plan.say(format!("the same as {}, which is kept\n", shown(same_as.name().as_ref())))?;
            return Ok(Kept { path, code: exit::FAILED, same_as: Some(same_as.name().to_owned()) });
        }
        let mut bytes = small.open()?;
        let written = write(&path, force, |out| {
            io::copy(&mut bytes, out)?;
            Ok(FileFate::Keep(()))
        })?;
        if let Written::Broken(code) = written {
            return done(code);
        }
        let took = (clock::now() - started).as_secs_f64();
        plan.say(format!(
            "📼 {}: {} left, after {} runs in {took:.0} s\n",
            shown(&path),
            messages(reached.messages),
            reached.runs
        ))?;
        if !plan.is_quiet {
            list(&reached.items)?;
        }
        let changed = truth_of(small.changed(case, RECORDING_BYTES_MAX)?.items()?);
        let added = changed.events.saturating_sub(truth_of(small.items()?).events);
        if added > 0 {
            let (events, gifts) = (if added == 1 { "event" } else { "events" }, changed.gifts);
            let sum = if gifts > 0 { format!(", {gifts} gifts in all") } else { String::new() };
            let name = case.name;
            plan.say(format!("  + {added} {events} that the case {name} adds itself{sum}\n"))?;
        }
        let again = plan.again(&path.to_string_lossy(), case.name);
        if plan.stop.is_cancelled() {
            plan.say(report::again(&again) + "\n")?;
            warn("❌ stopped by a signal: the recording may not be the smallest");
            return done(exit::INTERRUPTED);
        }
        if !reached.is_minimal {
            let more =
                if matches!(target, Target::File(_)) { "raise --runs" } else { "see `livetape shrink`" };
            warn(format_args!("💡 not the smallest: {} runs were not enough; {more}", reached.runs));
        }
        let Some(ran) = plan.run(case, small.clone(), Patience::FULL).await? else {
            warn("❌ stopped by a signal: the recording was not run again");
            return done(exit::INTERRUPTED);
        };
        let mut outcome = Outcome { again, ..ran.outcome };
        let said_alone = report::line(&outcome, plan.suite.width());
        // A smaller show may have failures of its own.
        outcome.failures.retain(|failure| self.way.explains(failure));
        if let Some(mistake) = self.way.mistake {
            outcome.failures.iter_mut().for_each(|failure| failure.narrow(mistake));
        }
        if outcome.failures.is_empty() {
            warn("❌ COMMAND did not fail in this way with it this time: it does not fail always");
            return done(exit::FAILED);
        }
        let said = report::line(&outcome, plan.suite.width());
        plan.say_lines(&said)?;
        if said != said_alone {
            warn("💡 alone, this show also fits other mistakes: run again, it may name another one");
        }
        done(report_loss(&plan.tape.name, plan.tape.loss().await))
    }
}

/// The search for a smaller recording.
struct Search {
    plan: Arc<Plan>,
    case: &'static Case,
    way: Way,
    patience: Patience,
    shrink: Shrink,
    runs: usize,
    runs_max: usize,
}

/// A candidate, and how the run with it ended; `None` if it was stopped.
type Answer = (Candidate, Result<Option<Ran>, Problem>);

/// What a search has reached.
struct Reached {
    items: Vec<Item>,
    messages: usize,
    runs: usize,
    /// Whether no single message can be removed.
    is_minimal: bool,
}

impl Search {
    /// Searches until nothing more can be removed, the runs are used up, or the user stops it.
    async fn run(mut self, at_a_time: usize) -> Result<Reached, Problem> {
        let mut running = JoinSet::new();
        let mut told = self.shrink.messages();
        warn(format_args!("🔬 {}; the failure is {}", messages(told), self.way.what));
        loop {
            while running.len() < at_a_time
                && self.runs < self.runs_max
                && !self.plan.stop.is_cancelled()
                && let Some(candidate) = self.shrink.propose()
            {
                self.runs += 1;
                running.spawn(self.start(candidate)?);
            }
            let Some(ended) = running.join_next().await else { break };
            let (candidate, ran) =
                ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            let fails = match ran {
                Ok(Some(ran)) => self.way.is_among(&ran.outcome.failures),
                Ok(None) => break,
                // To the mock, a connection without received frames is not a room, so it cannot play a candidate
                // from which all of them were removed. No client has failed then, and the search goes on: it keeps
                // one. Nothing else can be missing, because this process wrote the candidate.
                Err(problem) if problem.code == Code::RecordingNotFound => false,
                Err(problem) => return Err(problem),
            };
            self.shrink.answer(&candidate, fails);
            let left = self.shrink.messages();
            if left < told {
                told = left;
                warn(format_args!("🔬 {} after {} runs", messages(told), self.runs));
            }
        }
        Ok(Reached {
            items: self.shrink.smallest(),
            messages: self.shrink.messages(),
            runs: self.runs,
            is_minimal: self.shrink.is_done(),
        })
    }

    /// Returns a run with a candidate.
    fn start(&self, candidate: Candidate) -> Result<impl Future<Output = Answer> + use<>, Problem> {
        let (plan, case, patience) = (Arc::clone(&self.plan), self.case, self.patience);
        let tape = Tape::from_items(&plan.tape.name, &self.shrink.items(&candidate))?;
        Ok(async move { (candidate, plan.run(case, tape, patience).await) })
    }
}

/// Prints a line for each event.
fn list(items: &[Item]) -> Result<(), Problem> {
    let events = events_of(items);
    let start = events.first().map_or(0, |event| event.ts.0);
    for event in events.iter().take(LISTED_MAX) {
        let at = Duration::from_millis(event.ts.0.saturating_sub(start).try_into().unwrap_or_default());
        let mut json = Vec::new();
        Filter::default().encode("", 0, event, &mut json);
        let line = serde_json::from_slice(&json).ok().and_then(|json| terminal::line(&json));
        let line = line.unwrap_or_else(|| event.kind().to_owned());
        say(format!("  {:<10}{line}\n", moment(at)))?;
    }
    let more = events.len().saturating_sub(LISTED_MAX);
    if more > 0 { say(format!("  and {more} more\n")) } else { Ok(()) }
}

fn messages(count: usize) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use livetape_cases::report::Candidate as Mistake;

    use super::*;

    #[test]
    fn a_smaller_show_has_to_fail_by_the_same_mistake() {
        let failure = |what: &str, got: &str, diagnosis, candidates: &[&'static str]| {
            let named = candidates
                .iter()
                .map(|name| (*name, Mistake { doing: "", shown_by: "", needs_break: false }));
            let candidates = BTreeMap::from_iter(named);
            Failure { got: Some(got.to_owned()), diagnosis, candidates, ..Failure::new(what, "") }
        };
        let way = Way::of(&failure("diamonds", "12", Some("a"), &["a"]));
        assert!(way.explains(&failure("diamonds", "1", Some("a"), &["a"])));
        let both = failure("diamonds", "1", None, &["a", "b"]);
        assert!(way.explains(&both), "both give the number");
        assert!(!Way { is_exact: true, ..way.clone() }.explains(&both));
        for other in [
            failure("chats", "1", Some("a"), &["a"]),
            failure("diamonds", "1", Some("b"), &["b"]),
            failure("diamonds", "1", None, &[]),
        ] {
            assert!(!way.explains(&other), "{other:?}");
        }
        // What nothing explained may be explained by anything, on the same side.
        let of = |got: &str, expected: &str| {
            let failure = failure("diamonds", got, (got != "13").then_some("a"), &["a"]);
            Failure { expected: Some(expected.to_owned()), ..failure }
        };
        let unknown = Way::of(&of("13", "10"));
        assert!(unknown.explains(&of("3", "1")) && !unknown.explains(&of("1", "3")));
        // An exit code is the cause itself.
        let exit = Way::of(&failure("exit", "3", None, &[]));
        assert!(
            exit.explains(&failure("exit", "3", None, &[]))
                && !exit.explains(&failure("exit", "4", None, &[]))
        );
    }
}
