//! `livetape test`: runs a command in every case, and reports whether it was right.

use std::{
    collections::{BTreeMap, VecDeque},
    env, fmt, fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    slice,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use livetape_cases::{
    report::{self, Against, Outcome, PLAIN, Verdict},
    table::{Case, Suite},
};
use livetape_core::error::{Code, Problem, exit};
use livetape_engine::{demo::DEMO, source::Tape};
use livetape_io::{clock, files};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    child::MEASURES_WORK,
    plan::{Manner, Plan, Show, check_output, named_case},
    random::{AtRandom, earlier},
    trial::Ran,
    watch::Patience,
};
use crate::cli::{
    args,
    options::config,
    process::output::{
        self, Written, check_apart, complain, report_loss, say, say_commands, say_json, shown, warn, write,
    },
};
use crate::log;

/// Maximum size of a result to merge, in bytes.
const RESULT_BYTES_MAX: u64 = 16 << 20;
/// Number of shows at random after which progress is told.
const TOLD_AFTER: usize = 50;
/// Time between two looks at how many commands wait for a processor.
const CROWD_LOOK: Duration = Duration::from_secs(1);
/// What is said of failures where nobody knows how long a command has waited for a processor.
const BUSY: &str = "💡 on this system, time limits also count while COMMAND waits for a processor: if other programs were busy, run this again with --jobs 1";
/// Number of rooms, and of shows at random, beside each command that computes: they are mostly waiting.
const WAITING_A_JOB: usize = 4;

pub(crate) async fn test(args: args::Test) -> Result<u8, Problem> {
    check_apart(args.html.iter().chain(&args.junit).chain(&args.result).chain(&args.against))?;
    if let (Some(path), false) = (&args.html, args.result.is_empty()) {
        return merge(&args.result, path);
    }
    let suite = args.conditions.suite()?;
    let cases = chosen(suite, &args)?;
    if args.list {
        let named = suite.cases().filter(|case| !case.group.is_default() && !cases.contains(case));
        let named = Vec::from_iter(named.map(|case| case.name)).join(", ");
        if !args.json && !named.is_empty() {
            warn(format_args!("💡 only if named by --case: {named}"));
        }
        return list(&cases, args.json);
    }
    if cases.is_empty() {
        return Err(Problem::new(Code::BadRequest, "no case is left").hint("run `livetape test --list`"));
    }
    let recording = args.recording.as_deref().unwrap_or(Path::new(DEMO));
    let tape = Tape::find_in(&config::recordings(), recording)?;
    for path in args.junit.iter().chain(&args.html) {
        check_report(path, &tape)?;
    }
    let keeps_traces = args.json || args.html.is_some() || args.against.is_some();
    let plan = Plan::new(args.command, &args.conditions, recording, tape, args.json, keeps_traces)?;
    let started = clock::now();
    let jobs = args.conditions.jobs();
    let at_random = args.random.map(|count| AtRandom::new(&plan, count.get(), args.seed)).transpose()?;
    let mut head = json!({
        "tested": plan.tested,
        "recording": plan.recording,
        "show": plan.tape.fingerprint().await,
        "suite": suite.name(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    if let Some(at_random) = &at_random {
        head["random"] = json!(at_random.described());
    }
    // Before anything runs.
    let old = args.against.as_deref().map(|path| Old::read(path, &head)).transpose()?;
    let shows = match &at_random {
        Some(at_random) => at_random.shows()?,
        None => cases.into_iter().map(|case| Show::of(&plan, case)).collect(),
    };
    let order = Vec::from_iter(shows.iter().map(|show| (show.case.name, show.kept.clone())));
    let session = Session { plan: Arc::clone(&plan), outcomes: Vec::new(), is_strict: args.strict };
    let mut outcomes = session.run(shows, jobs, at_random.is_some()).await?;
    let why = if plan.stop.is_cancelled() { "stopped by a signal" } else { "COMMAND never connected" };
    let place = |case, kept: &Option<String>| order.iter().position(|show| (show.0, &show.1) == (case, kept));
    let has_run = |(case, kept): &(&'static str, Option<String>)| {
        outcomes.iter().any(|outcome| (outcome.case, &outcome.kept) == (*case, kept))
    };
    let left = Vec::from_iter(order.iter().filter(|show| !has_run(show)));
    let skipped =
        left.into_iter().map(|(case, kept)| Outcome { kept: kept.clone(), ..Outcome::skipped(case, why) });
    outcomes.extend(skipped);
    // Reports do not depend on which case ended first.
    outcomes.sort_by_cached_key(|outcome| place(outcome.case, &outcome.kept));
    if at_random.is_none() {
        report::group(&mut outcomes);
    }
    let took = clock::now() - started;
    plan.say_lines(&report::summary(&outcomes, took))?;
    let compares = !plan.expectations.is_empty() || plan.manner.get() != Some(&Manner::Stays);
    if !compares {
        warn("💡 no number was compared: add --expect, for a page with --text");
    }
    let result = |outcomes: &[Outcome]| {
        let mut result = report::json(outcomes);
        for (key, value) in head.as_object().into_iter().flatten() {
            result[key] = value.clone();
        }
        result["compares"] = compares.into();
        if let Some(against) = old.as_ref().and_then(|old| old.against(&result)) {
            result["against"] = json!(against);
        }
        result
    };
    if let Some(old) = &old
        && let Some(against) = old.against(&result(&outcomes))
    {
        plan.say_lines(&report::differences(&against, &shown(&old.path)))?;
    }
    let write = |outcomes: &[Outcome]| {
        let junit = write_report(args.junit.as_deref(), || report::junit(outcomes, took));
        // It has the form that the page expects.
        let page = || {
            let results = match &old {
                Some(old) => old.beside(result(outcomes)),
                None => vec![result(outcomes)],
            };
            report::html(&results, &about).unwrap_or_default()
        };
        junit.max(write_report(args.html.as_deref(), page))
    };
    let mut written = write(&outcomes);
    if let Some(at_random) = &at_random {
        written = written.max(at_random.keep_failures(&mut outcomes, jobs).await?);
        // With what was kept.
        written = written.max(write(&outcomes));
    }
    if args.json {
        say_json(&result(&outcomes))?;
    }
    for_github(&outcomes)?;
    let lost = report_loss(&plan.tape.name, plan.tape.loss().await);
    let has_failed = outcomes.iter().any(|outcome| outcome.verdict == Verdict::Failed);
    if has_failed && !MEASURES_WORK {
        warn(BUSY);
    }
    let has_run = outcomes.iter().any(|outcome| !matches!(outcome.verdict, Verdict::Skipped(_)));
    if !has_run && !plan.stop.is_cancelled() {
        warn("❌ no case ran");
    }
    Ok(match (plan.stop.is_cancelled(), has_failed || !has_run) {
        (true, _) => {
            warn("❌ stopped by a signal: the other cases did not run");
            exit::INTERRUPTED
        }
        (false, true) => exit::FAILED,
        (false, false) => lost.max(written),
    })
}

/// Checks that the report can be written, before anything runs.
fn check_report(path: &Path, tape: &Tape) -> Result<(), Problem> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let message = format!("the folder {} does not exist", shown(folder));
        return Err(
            Problem::new(Code::BadRequest, message).hint("create it, or use another path for the report")
        );
    }
    check_output(path, true, tape).map_err(|problem| problem.hint("use another path for the report"))
}

/// Returns what happens in a case, and what is right. Results of older versions name no suite.
fn about(suite: &str, name: &str) -> Option<[&'static str; 2]> {
    let suites =
        [Suite::Feed, Suite::Room].into_iter().filter(|known| suite.is_empty() || known.name() == suite);
    let mut found = suites.filter_map(|suite| suite.find_combined(name).ok());
    found.next().map(|case| [case.what, case.right])
}

/// An older result of the same shows.
struct Old {
    path: PathBuf,
    result: Value,
}

impl Old {
    /// Reads a result, and checks that it is about the shows of the one that begins with `head`.
    fn read(path: &Path, head: &Value) -> Result<Self, Problem> {
        let result = read_result(path)?;
        let mut new = head.clone();
        new["cases"] = json!([]);
        report::check_against(&result, &new).map_err(|problem| {
            let message = format!("cannot compare with {}: {}", shown(path), problem.message);
            Problem::new(problem.code, message).hint(problem.hint)
        })?;
        Ok(Self { path: path.to_owned(), result })
    }

    fn against(&self, new: &Value) -> Option<Against> {
        report::against(&self.result, new).ok()
    }

    /// Returns both results for one page, the new one first.
    fn beside(&self, mut new: Value) -> Vec<Value> {
        let mut old = self.result.clone();
        for (result, when) in [(&mut new, "now"), (&mut old, "before")] {
            let tested = result["tested"].as_str().unwrap_or_default();
            result["tested"] = format!("{when}: {tested}").into();
        }
        // Its own comparison is about something else.
        old["against"] = Value::Null;
        vec![new, old]
    }
}

fn read_result(path: &Path) -> Result<Value, Problem> {
    let hint = "use a file that `livetape test … --json` has written";
    let unreadable = |error: &dyn fmt::Display| {
        Problem::new(Code::BadRequest, format!("cannot read the result {}: {error}", shown(path))).hint(hint)
    };
    let mut text = Vec::new();
    let file = files::open_regular(path).map_err(|error| unreadable(&error))?;
    file.take(RESULT_BYTES_MAX).read_to_end(&mut text).map_err(|error| unreadable(&error))?;
    let result = serde_json::from_slice(&text).map_err(|error| unreadable(&error))?;
    report::html(slice::from_ref(&result), &about).map_err(|error| unreadable(&error))?;
    Ok(result)
}

/// Makes a page of the results of several programs.
fn merge(results: &[PathBuf], page: &Path) -> Result<u8, Problem> {
    let results = results.iter().map(|path| read_result(path)).collect::<Result<Vec<_>, Problem>>()?;
    Ok(write_report(Some(page), || report::html(&results, &about).unwrap_or_default()))
}

/// Writes a report for people or CI. Returns the exit code.
fn write_report(path: Option<&Path>, text: impl FnOnce() -> String) -> u8 {
    let Some(path) = path else { return exit::DONE };
    let text = text();
    let written = write(path, true, |out| {
        out.write_all(text.as_bytes())?;
        Ok(output::FileFate::Keep(()))
    });
    match written {
        Ok(Written::Broken(code)) => code,
        Ok(Written::Whole(()) | Written::Dropped(())) => exit::DONE,
        Err(problem) => {
            complain(&problem);
            exit::LOST
        }
    }
}

/// Returns the cases that the arguments choose.
fn chosen(suite: Suite, args: &args::Test) -> Result<VecDeque<&'static Case>, Problem> {
    let find = |names: &[String]| {
        names.iter().map(|name| named_case(suite, name)).collect::<Result<Vec<_>, Problem>>()
    };
    let (named, skipped) = (find(&args.case)?, find(&args.skip)?);
    let is_chosen = |case: &&Case| {
        let by_default = named.is_empty() && case.group.is_default();
        (by_default || named.contains(case)) && !skipped.contains(case)
    };
    let mut cases = VecDeque::from_iter(suite.cases().filter(is_chosen));
    // Combinations follow the rows of the table.
    for case in named.iter().copied() {
        if is_chosen(&case) && !cases.contains(&case) {
            cases.push_back(case);
        }
    }
    Ok(cases)
}

fn list(cases: &VecDeque<&'static Case>, is_json: bool) -> Result<u8, Problem> {
    if is_json {
        let of = |case: &&Case| json!({ "name": case.name, "suite": case.suite, "group": case.group, "what": case.what, "right": case.right, "since": case.since });
        say_json(&Vec::from_iter(cases.iter().map(of)))?;
        return Ok(exit::DONE);
    }
    let width = cases.iter().map(|case| case.name.len() + 1).max().unwrap_or_default();
    for case in cases {
        say(format_args!("{:<width$}{}\n", case.name, case.what))?;
    }
    Ok(exit::DONE)
}

/// All cases of one command.
struct Session {
    plan: Arc<Plan>,
    outcomes: Vec<Outcome>,
    /// Whether known limits of a library are failures.
    is_strict: bool,
}

impl Session {
    /// Runs the first case alone: it finds out whether the command runs at all. Then runs the others, `jobs` at a
    /// time.
    async fn run(
        mut self,
        mut shows: VecDeque<Show>,
        jobs: usize,
        at_random: bool,
    ) -> Result<Vec<Outcome>, Problem> {
        let Some(first) = shows.pop_front() else { return Ok(self.outcomes) };
        let Some(ran) = self.plan.run(first.case, first.tape, Patience::FULL).await? else {
            return Ok(self.outcomes);
        };
        let (has_tried, manner) = (ran.has_tried, ran.manner);
        // A break at which a command ends by mistake says nothing about how it ends.
        if first.case.name == PLAIN || ran.outcome.verdict == Verdict::Passed {
            let _ = self.plan.manner.set(manner);
        }
        self.add(ran.outcome, false)?;
        if !has_tried && !shows.is_empty() {
            warn("💡 COMMAND opened no connection, so no other case ran");
            return Ok(self.outcomes);
        }
        if manner == Manner::Exits && first.case.name == PLAIN && first.case.suite == Suite::Feed {
            shows = self.skip_endless(shows)?;
        }
        let mut running = JoinSet::new();
        // Shows at random are told in the order of their seed: which of two with the same failure stands for it, and is
        // shrunk, must not depend on the machine.
        let (mut started, mut told, mut ended) = (0, 0, BTreeMap::new());
        // Those that mostly wait do so beside the others.
        let mut waiting = 0;
        if jobs > 1 {
            // Kept ones stay first.
            shows
                .make_contiguous()
                .sort_by_key(|show| (show.kept.is_none(), !at_random && !show.case.waits()));
            waiting = match self.plan.suite {
                Suite::Feed if !at_random => shows.iter().filter(|show| show.case.waits()).count(),
                Suite::Feed | Suite::Room => jobs * WAITING_A_JOB,
            };
        }
        let mut crowd = Crowd::new(clock::now(), jobs);
        loop {
            while running.len() < jobs + waiting
                && !shows.is_empty()
                && !self.plan.stop.is_cancelled()
                && (running.len() < jobs || crowd.admits())
                && let Some(Show { case, tape, kept }) = shows.pop_front()
            {
                let plan = Arc::clone(&self.plan);
                let number = started;
                started += 1;
                running.spawn(async move { (number, plan.run(case, tape, Patience::FULL).await, kept) });
            }
            let ran = tokio::select! { biased;
                ran = running.join_next() => ran,
                () = sleep_until(crowd.next_look()) => {
                    crowd.look(clock::now(), self.plan.waited_ms.load(Ordering::Relaxed));
                    continue;
                }
            };
            let Some(ran) = ran else { return Ok(self.outcomes) };
            crowd.leave();
            let (number, ran, kept) =
                ran.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
            ended.insert(if at_random { number } else { told }, (ran?, kept));
            while let Some((ran, kept)) = ended.remove(&told) {
                told += 1;
                let Some(Ran { mut outcome, .. }) = ran else { continue };
                if let Some(file) = &kept {
                    outcome.again = self.plan.again(file, outcome.case);
                }
                self.add(Outcome { kept, ..outcome }, at_random)?;
            }
        }
    }

    /// Prints an outcome, but of the shows at random only those that say something.
    fn add(&mut self, mut outcome: Outcome, is_at_random: bool) -> Result<(), Problem> {
        if !self.is_strict {
            outcome.excuse();
        }
        if outcome.verdict == Verdict::Failed {
            // It runs first.
            if let Some(plain) = self.outcomes.first().filter(|first| first.case == PLAIN) {
                outcome.compare_with_plain(plain);
            }
            if outcome.same_as.is_none() {
                outcome.same_as = match is_at_random {
                    true => earlier(&outcome, &self.outcomes),
                    false => outcome.explained_by(&self.outcomes),
                };
            }
        }
        if !is_at_random || outcome.verdict != Verdict::Passed || outcome.kept.is_some() {
            self.plan.say_lines(&report::line(&outcome, self.plan.suite.width()))?;
        }
        // Once, and what a crash printed.
        let is_shown =
            self.outcomes.iter().any(|shown| !shown.output.is_empty() && shown.verdict == Verdict::Failed);
        let output = report::output(&outcome);
        if !output.is_empty() && outcome.is_new_failure() && (outcome.ended_wrongly || !is_shown) {
            self.plan.say(output + "\n")?;
        }
        // Of many shows with one mistake, the first is enough.
        outcome.trace = outcome.trace.filter(|_| !is_at_random || outcome.same_as.is_none());
        self.outcomes.push(outcome);
        if is_at_random && self.outcomes.len().is_multiple_of(TOLD_AFTER) {
            warn(format_args!("🎲 {} shows", self.outcomes.len()));
        }
        Ok(())
    }

    /// Skips the cases without a show, for a command that ends by itself at the end of one.
    fn skip_endless(&mut self, shows: VecDeque<Show>) -> Result<VecDeque<Show>, Problem> {
        let (endless, others): (VecDeque<_>, VecDeque<_>) =
            shows.into_iter().partition(|show| show.case.script.always.is_some());
        for show in endless {
            self.add(Outcome::skipped(show.case.name, "COMMAND ends by itself"), false)?;
        }
        Ok(others)
    }
}

/// Decides whether another command may start beside those that compute: on a busy machine, most of its own time limits
/// would pass while it waits for a processor.
struct Crowd {
    at: Instant,
    waited_ms: u64,
    jobs: usize,
    /// Number of commands that may start before the next look.
    admitted: usize,
    /// Whether fewer than `jobs` commands waited for a processor at the last look, on average since the one before.
    is_calm: bool,
}

impl Crowd {
    fn new(at: Instant, jobs: usize) -> Self {
        Self { at, waited_ms: 0, jobs, admitted: jobs, is_calm: true }
    }

    fn next_look(&self) -> Instant {
        self.at + CROWD_LOOK
    }

    /// Takes for how long all commands together have waited for a processor.
    fn look(&mut self, now: Instant, waited_ms: u64) {
        let waited = Duration::from_millis(waited_ms.saturating_sub(self.waited_ms));
        self.is_calm = waited.as_secs_f64() < (now - self.at).as_secs_f64() * self.jobs as f64;
        self.admitted = if self.is_calm { self.jobs } else { 0 };
        (self.at, self.waited_ms) = (now, waited_ms);
    }

    /// Whether another one may start, which is counted.
    fn admits(&mut self) -> bool {
        let is_admitted = self.admitted > 0;
        self.admitted = self.admitted.saturating_sub(1);
        is_admitted
    }

    /// One has ended: another takes its place, unless the machine is busy.
    fn leave(&mut self) {
        self.admitted += usize::from(self.is_calm);
    }
}

/// Prints annotations, and writes a summary, if GitHub Actions runs this.
fn for_github(outcomes: &[Outcome]) -> Result<(), Problem> {
    say_commands(&report::annotations(outcomes));
    if !log::is_read_by_runner() {
        return Ok(());
    }
    if let Some(path) = env::var_os("GITHUB_STEP_SUMMARY") {
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        let written = file.and_then(|mut file| file.write_all(report::step_summary(outcomes).as_bytes()));
        if let Err(error) = written {
            warn(format_args!("⚠️ cannot write the summary for GitHub: {error}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_machine_gets_no_more_commands() {
        let start = clock::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut crowd = Crowd::new(start, 2);
        assert!(
            crowd.admits() && crowd.admits() && !crowd.admits(),
            "nothing is known before the first look"
        );
        crowd.look(at(1), 1_900);
        assert!(crowd.admits() && crowd.admits() && !crowd.admits());
        crowd.leave();
        assert!(crowd.admits() && !crowd.admits(), "in the place of another");
        crowd.look(at(2), 1_900 + 2_000);
        crowd.leave();
        assert!(!crowd.admits(), "two waited all the time");
        crowd.look(at(4), 1_900 + 2_000 + 3_999);
        assert!(crowd.admits());
    }
}
