//! `livetape test --random`: shows with several changes and breaks at once, and what is kept of those that failed.

use std::{
    collections::{BTreeSet, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use livetape_cases::{
    combine::{Combination, Seed},
    report::{Failure, Outcome, PLAIN, Random, Verdict},
};
use livetape_core::error::{Code, Problem, exit};
use livetape_engine::source::Tape;
use livetape_io::clock;

use super::{
    plan::{Plan, Show},
    shrink::{Folder, Kept, keep},
};
use crate::cli::process::output::{report_loss, shown, warn};

/// Maximum number of failures of which the smallest show is looked for: others are often the same bug.
const KEPT_MAX: usize = 3;
/// Maximum number of files of earlier failures that are run.
const EARLIER_MAX: usize = 100;
/// How many times as many shows are made as are asked for, to find different ones.
const TRIES: u32 = 4;
const EXTENSION: &str = "bin";

/// Shows at random, and the folder of those that failed.
pub(super) struct AtRandom {
    plan: Arc<Plan>,
    count: u32,
    seed: Seed,
    folder: PathBuf,
}

impl AtRandom {
    /// Prints the seed.
    pub(super) fn new(plan: &Arc<Plan>, count: u32, seed: Option<(Seed, bool)>) -> Result<Self, Problem> {
        let (seed, is_of_this_version) = seed.unwrap_or_else(|| (Seed(by_chance()), true));
        if !is_of_this_version {
            warn("⚠️ the seed is of another version of livetape, whose shows were others");
        }
        let shows = if count == 1 { "1 random show".to_owned() } else { format!("{count} random shows") };
        warn(format_args!("🎲 {shows}; to repeat: --random {count} --seed {seed}"));
        let mut folder = match plan.tape.path() {
            Some(path) => path.with_extension("").into_os_string(),
            None => plan.tape.name.clone().into(),
        };
        folder.push(format!(".{}-failures", plan.suite.name()));
        let folder = PathBuf::from(folder);
        Ok(Self { plan: Arc::clone(plan), count, seed, folder })
    }

    /// Returns what a result says of the shows.
    pub(super) fn described(&self) -> Random {
        Random { count: self.count, seed: self.seed.to_string() }
    }

    /// Returns `plain`, the failures that were kept, and the shows.
    pub(super) fn shows(&self) -> Result<VecDeque<Show>, Problem> {
        let mut shows = VecDeque::from([Show::of(&self.plan, self.plan.suite.find(PLAIN)?)]);
        for path in kept_in(&self.folder)? {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let wrong = |problem: Problem| {
                let message = format!("{}: {}", shown(&path), problem.message);
                Problem::new(problem.code, message).hint(format!("{}, or remove the file", problem.hint))
            };
            let case = self.plan.suite.find_combined(&name).map_err(wrong)?;
            let tape = Tape::find_in(Path::new(""), &path).map_err(wrong)?;
            shows.push_back(Show { case, tape, kept: Some(path.to_string_lossy().into_owned()) });
        }
        let mut names = BTreeSet::new();
        // Few rows have few combinations.
        for number in 0..self.count.saturating_mul(TRIES) {
            if names.len() == self.count as usize {
                break;
            }
            let case = Combination::random(self.plan.suite, self.seed.0, number).case()?;
            if names.insert(case.name) {
                shows.push_back(Show::of(&self.plan, case));
            }
        }
        Ok(shows)
    }

    /// Looks for the smallest show of each kind of failure, and keeps it. Returns the exit code of files that are damaged.
    pub(super) async fn keep_failures(&self, outcomes: &mut [Outcome], jobs: usize) -> Result<u8, Problem> {
        let mut damaged = exit::DONE;
        for outcome in outcomes.iter().filter(|outcome| outcome.kept.is_some()) {
            let file = outcome.kept.as_deref().unwrap_or_default();
            match outcome.verdict {
                Verdict::Passed => {
                    let loss = Tape::find_in(Path::new(""), Path::new(file))?.loss().await;
                    if loss.is_some() {
                        damaged = damaged.max(report_loss(file, loss));
                        continue;
                    }
                    self.plan.say(format!("fixed: {file}; keep it as a test, or remove it\n"))?;
                }
                // It was told with what is wrong.
                Verdict::Failed | Verdict::KnownLimit(_) | Verdict::Skipped(_) => {}
            }
        }
        let is_failed = |outcome: &Outcome| outcome.verdict == Verdict::Failed;
        let (known, new): (Vec<_>, Vec<_>) = outcomes
            .iter_mut()
            .filter(|outcome| is_failed(outcome))
            .partition(|outcome| outcome.kept.is_some());
        let known = Vec::from_iter(known.into_iter().map(|outcome| &*outcome));
        let files = known.iter().filter_map(|outcome| outcome.kept.clone());
        let mut kinds = BTreeSet::from_iter(files.chain([PLAIN.to_owned()]));
        let mut failed = new;
        // The simplest first, and only that of each kind.
        failed.sort_by_key(|outcome| outcome.case.split('+').count());
        failed.retain(|outcome| kinds.insert(outcome.same_as.clone().unwrap_or(outcome.case.to_owned())));
        for outcome in failed.into_iter().take(KEPT_MAX) {
            if self.plan.stop.is_cancelled() {
                return Ok(damaged);
            }
            fs::create_dir_all(&self.folder).map_err(|error| unusable(&self.folder, &error))?;
            warn(format_args!("🔬 {}: looking for the smallest show that fails", outcome.case));
            let case = self.plan.suite.find_combined(outcome.case)?;
            match keep(&self.plan, case, outcome, jobs, Folder { path: &self.folder, known: &known }).await? {
                Some(Kept { path, same_as: None, .. }) => {
                    outcome.kept = Some(path.to_string_lossy().into_owned());
                }
                Some(Kept { same_as, .. }) => outcome.same_as = same_as,
                None => {}
            }
        }
        // Only if nothing was kept.
        let _ = fs::remove_dir(&self.folder);
        Ok(damaged)
    }
}

/// Returns the show at random, or the kept file, that failed before in the same way: by the same mistake, or in the same
/// direction. Of `plain`, only a mistake that is known is the same.
pub(super) fn earlier(outcome: &Outcome, outcomes: &[Outcome]) -> Option<String> {
    let failure = outcome.failures.first()?;
    let is_same = |earlier: &&Outcome| {
        // All that a kept show needs to fail is in this one as well.
        let has_all = || rows(earlier.case).all(|row| row == PLAIN || rows(outcome.case).any(|it| it == row));
        let has_cause = |other: &Failure| match (earlier.case, &earlier.kept) {
            (PLAIN, None) => failure.has_mistake_of(other),
            (_, None) => failure.has_cause_of(other),
            (_, Some(_)) => {
                let is_unexplained = failure.diagnosis.is_none() && failure.candidates.is_empty();
                let is_unknown = failure.what == other.what && is_unexplained;
                failure.has_cause_of(other) || failure.has_mistake_of(other) || is_unknown && has_all()
            }
        };
        earlier.is_new_failure() && earlier.failures.iter().any(has_cause)
    };
    outcomes.iter().find(is_same).map(|earlier| earlier.name().to_owned())
}

/// Returns the rows of the table that happen in a case.
pub(super) fn rows(case: &str) -> impl Iterator<Item = &str> {
    case.split('+').map(|part| part.split('@').next().unwrap_or(part))
}

/// Returns the recordings in the folder, in the order of their names.
fn kept_in(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unusable(folder, &error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = paths.map_err(|error| unusable(folder, &error))?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
    paths.sort_unstable();
    if paths.len() > EARLIER_MAX {
        let message = format!("{} has {} recordings, more than {EARLIER_MAX}", shown(folder), paths.len());
        return Err(Problem::new(Code::BadRequest, message).hint("remove those that are fixed"));
    }
    Ok(paths)
}

fn unusable(folder: &Path, error: &io::Error) -> Problem {
    Problem::new(Code::Io, format!("cannot keep failures in {}: {error}", shown(folder)))
        .hint("use a recording in a folder that can be written")
}

fn by_chance() -> u32 {
    // Short to type.
    clock::wall().subsec_micros()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn failed(case: &'static str, kept: Option<&str>, failure: Failure) -> Outcome {
        let kept = kept.map(str::to_owned);
        let took = Duration::ZERO;
        Outcome {
            verdict: Verdict::Failed,
            took,
            failures: vec![failure],
            kept,
            ..Outcome::skipped(case, "")
        }
    }

    fn wrong(got: i64, diagnosis: Option<&'static str>) -> Failure {
        let (expected, got) = (Some("114".to_owned()), Some(got.to_string()));
        Failure { expected, got, diagnosis, ..Failure::new("diamonds", "printed another number") }
    }

    #[test]
    fn a_failure_that_is_kept_is_named() {
        let kept = |case, failure| vec![failed(case, Some("failures/x.bin"), failure)];
        let new = |case, failure| failed(case, None, failure);
        for (outcomes, outcome, expected) in [
            (kept("cut@948", wrong(2, Some("a"))), new("names+cut@3", wrong(227, Some("a"))), true),
            (kept(PLAIN, wrong(115, Some("a"))), new("names+cut@3", wrong(227, Some("a"))), true),
            (kept("cut@948", wrong(2, Some("a"))), new("names+cut@3", wrong(3, Some("b"))), false),
            // Nothing explains a number in a show that has all that the kept one needs.
            (kept("cut@948", wrong(2, Some("a"))), new("names+cut@3", wrong(227, None)), true),
            (kept("cut@948", wrong(2, Some("a"))), new("names+closed@3", wrong(227, None)), false),
            (kept("names+cut@948", wrong(2, Some("a"))), new("cut@3", wrong(227, None)), false),
            (kept("cut@948", Failure::new("exit", "exited with 1")), new("cut@3", wrong(2, None)), false),
        ] {
            let expected = expected.then(|| "failures/x.bin".to_owned());
            assert_eq!(earlier(&outcome, &outcomes), expected, "{outcomes:?} {outcome:?}");
        }
        // Nor is a mistake of `plain` looked for in another show.
        let plain = [failed(PLAIN, None, wrong(113, Some("a")))];
        let [same, other] =
            [Some("a"), None].map(|mistake| earlier(&new("cut@3", wrong(60, mistake)), &plain));
        assert_eq!((same.as_deref(), other), (Some(PLAIN), None));
    }
}
