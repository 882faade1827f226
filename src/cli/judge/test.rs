//! `livetape test`: runs a command in every case, and reports whether it was right.

use std::{
    collections::VecDeque,
    env, fs,
    io::Write as _,
    path::Path,
    sync::{Arc, OnceLock},
    thread,
    time::Duration,
};

use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::trial::{Manner, Plan};
use crate::{
    cases::{
        change::truth_of,
        expect::Expectation,
        report::{self, Outcome, Verdict},
        table::{self, CASES, Case},
    },
    cli::{
        args,
        options::folders,
        process::{
            output::{self, Written, complain, report_loss, say, say_json, shown, warn, write},
            signals::Signals,
        },
    },
    clock,
    demo::DEMO,
    sans_io::{
        error::{Code, Problem, exit},
        pace::Speed,
    },
    source::Tape,
};

pub(crate) async fn test(args: args::Test) -> Result<u8, Problem> {
    let cases = chosen(&args)?;
    if args.list {
        return list(&cases, args.json);
    }
    if cases.is_empty() {
        return Err(Problem::new(Code::BadRequest, "no case is left").hint("run `livetape test --list`"));
    }
    check_folder(args.junit.as_deref())?;
    let recording = args.recording.as_deref().unwrap_or(Path::new(DEMO));
    let tape = Tape::find_in(&folders::recordings(), recording)?;
    let expectations = expectations(&args.expect, &tape)?;
    let plan = Arc::new(Plan {
        command: args.command.clone(),
        expectations,
        speed: args.speed,
        clients: args.clients.get(),
        has_tikfinity: args.tikfinity,
        again: again(&args),
        manner: OnceLock::new(),
        stop: stop_at_signal(),
        tape,
    });
    let started = clock::now();
    let jobs = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, Into::into), Into::into);
    let outcomes = Session { plan: Arc::clone(&plan), is_quiet: args.json, outcomes: Vec::new() }
        .run(cases, jobs)
        .await?;
    let took = clock::now() - started;
    if args.json {
        say_json(&report::json(&outcomes))?;
    } else {
        say(report::summary(&outcomes, took) + "\n")?;
    }
    let written = write_junit(args.junit.as_deref(), &outcomes, took);
    for_github(&outcomes)?;
    let lost = report_loss(&plan.tape.name, plan.tape.loss().await);
    let has_failed = outcomes.iter().any(|outcome| outcome.verdict == Verdict::Failed);
    Ok(match (plan.stop.is_cancelled(), has_failed) {
        (true, _) => {
            warn("❌ stopped by a signal: the other cases did not run");
            exit::INTERRUPTED
        }
        (false, true) => exit::FAILED,
        (false, false) => lost.max(written),
    })
}

/// Checks that the report can be written, before anything runs.
fn check_folder(report: Option<&Path>) -> Result<(), Problem> {
    let folder = report.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            let message = format!("the folder {} does not exist", shown(folder));
            Err(Problem::new(Code::BadRequest, message).hint("create it, or use another path for --junit"))
        }
        _ => Ok(()),
    }
}

/// Parses expectations, and checks that the users in them sent gifts.
fn expectations(texts: &[String], tape: &Tape) -> Result<Vec<Expectation>, Problem> {
    let expectations =
        texts.iter().map(|text| Expectation::parse(text)).collect::<Result<Vec<_>, Problem>>()?;
    let mut users =
        expectations.iter().filter_map(Expectation::name).filter(|name| name.is_user()).peekable();
    if users.peek().is_some() {
        let truth = truth_of(&tape.items()?);
        users.try_for_each(|name| name.check_user(&truth))?;
    }
    Ok(expectations)
}

/// Writes a report for CI. Returns the exit code.
fn write_junit(path: Option<&Path>, outcomes: &[Outcome], took: Duration) -> u8 {
    let Some(path) = path else { return exit::DONE };
    let xml = report::junit(outcomes, took);
    let written = write(path, true, |out| {
        out.write_all(xml.as_bytes())?;
        Ok(output::Verdict::Keep(()))
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
fn chosen(args: &args::Test) -> Result<VecDeque<&'static Case>, Problem> {
    for name in args.case.iter().chain(&args.skip) {
        table::find(name)?;
    }
    let is_chosen = |case: &&Case| {
        let is = |name: &String| name == case.name;
        (args.case.is_empty() || args.case.iter().any(is)) && !args.skip.iter().any(is)
    };
    Ok(CASES.iter().filter(is_chosen).collect())
}

fn list(cases: &VecDeque<&'static Case>, is_json: bool) -> Result<u8, Problem> {
    if is_json {
        let of = |case: &&Case| json!({ "name": case.name, "group": case.group, "what": case.what, "right": case.right, "since": case.since });
        say_json(&Vec::from_iter(cases.iter().map(of)))?;
        return Ok(exit::DONE);
    }
    for case in cases {
        say(format_args!("{:<14}{}\n", case.name, case.what))?;
    }
    Ok(exit::DONE)
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

/// All cases of one command.
struct Session {
    plan: Arc<Plan>,
    is_quiet: bool,
    outcomes: Vec<Outcome>,
}

impl Session {
    /// Runs the first case alone: it finds out whether the command runs at all. Then runs the others, `jobs` at a
    /// time.
    async fn run(mut self, mut cases: VecDeque<&'static Case>, jobs: usize) -> Result<Vec<Outcome>, Problem> {
        let Some(first) = cases.pop_front() else { return Ok(self.outcomes) };
        let Some(ran) = self.plan.run(first).await? else { return Ok(self.outcomes) };
        let (has_connected, manner) = (ran.has_connected, ran.manner);
        let _ = self.plan.manner.set(manner);
        self.add(ran.outcome)?;
        if !has_connected && !cases.is_empty() {
            warn("💡 COMMAND never connected, so no other case ran");
            return Ok(self.outcomes);
        }
        if manner == Manner::Exits && first.name == "plain" {
            cases = self.skip_endless(cases)?;
        }
        let mut running = JoinSet::new();
        // Those that mostly wait do so beside the others.
        let mut waiting = 0;
        if jobs > 1 {
            cases.make_contiguous().sort_by_key(|case| !case.script.waits());
            waiting = cases.iter().filter(|case| case.script.waits()).count();
        }
        loop {
            while running.len() < jobs + waiting
                && let Some(case) = cases.pop_front().filter(|_| !self.plan.stop.is_cancelled())
            {
                let plan = Arc::clone(&self.plan);
                running.spawn(async move { plan.run(case).await });
            }
            let Some(ran) = running.join_next().await else { return Ok(self.outcomes) };
            let ran = ran.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
            ran.map_or(Ok(()), |ran| self.add(ran.outcome))?;
        }
    }

    fn add(&mut self, outcome: Outcome) -> Result<(), Problem> {
        if !self.is_quiet {
            say(report::line(&outcome) + "\n")?;
            let output = report::output(&outcome);
            if !output.is_empty() {
                say(output + "\n")?;
            }
        }
        self.outcomes.push(outcome);
        Ok(())
    }

    /// Skips the cases without a show, for a command that ends by itself at the end of one.
    fn skip_endless(&mut self, cases: VecDeque<&'static Case>) -> Result<VecDeque<&'static Case>, Problem> {
        let (endless, others): (VecDeque<&'static Case>, VecDeque<&'static Case>) =
            cases.into_iter().partition(|case| case.script.always.is_some());
        for case in endless {
            let verdict = Verdict::Skipped("COMMAND ends by itself".to_owned());
            let outcome = Outcome {
                case: case.name,
                verdict,
                took: Duration::ZERO,
                failures: Vec::new(),
                output: Vec::new(),
                again: String::new(),
            };
            self.add(outcome)?;
        }
        Ok(others)
    }
}

/// Prints annotations, and writes a summary, if GitHub Actions runs this.
fn for_github(outcomes: &[Outcome]) -> Result<(), Problem> {
    if env::var_os("GITHUB_ACTIONS").is_none() {
        return Ok(());
    }
    let annotations = report::annotations(outcomes);
    if !annotations.is_empty() {
        warn(annotations.trim_end());
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

/// Returns the command line that repeats a case, before and after the name of the case.
fn again(args: &args::Test) -> (String, String) {
    let recording = args.recording.as_deref().unwrap_or(Path::new(DEMO));
    let before = format!("livetape test {}", quoted(&recording.to_string_lossy()));
    let mut after = String::new();
    for text in &args.expect {
        after += &format!(" --expect {}", quoted(text));
    }
    if args.clients.get() > 1 {
        after += &format!(" --clients {}", args.clients);
    }
    if let Speed::Times(times) = args.speed {
        after += &format!(" --speed {times}");
    }
    if args.tikfinity {
        after += " --tikfinity";
    }
    after += " --";
    for part in &args.command {
        after += &format!(" {}", quoted(&part.to_string_lossy()));
    }
    (before, after)
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
