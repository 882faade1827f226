//! `livetape test --random`: shows with several changes and breaks at once, and what is kept of those that failed.

use std::{
    collections::{BTreeSet, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use livetape_cases::{
    combine::{Combination, Seed},
    report::{Outcome, PLAIN, Verdict},
};
use livetape_core::error::{Code, Problem, exit};
use livetape_engine::source::Tape;
use livetape_io::clock;

use super::{
    plan::{Plan, Show},
    shrink::keep,
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
        let of = match plan.tape.path() {
            Some(path) => path.with_extension(""),
            None => PathBuf::from(&plan.tape.name),
        };
        let folder = PathBuf::from(format!("{}.{}-failures", of.display(), plan.suite.name()));
        Ok(Self { plan: Arc::clone(plan), count, seed, folder })
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
                Verdict::Failed => self.plan.say(format!("still failing: {file}\n"))?,
                Verdict::Skipped(_) => {}
            }
        }
        let is_failed = |outcome: &Outcome| outcome.verdict == Verdict::Failed;
        let was_kept = |outcome: &&Outcome| is_failed(outcome) && outcome.kept.is_some();
        let kept = outcomes.iter().filter(was_kept).map(|outcome| outcome.case);
        let mut kinds = BTreeSet::from_iter(kept.chain([PLAIN]));
        let is_new = |outcome: &&mut Outcome| is_failed(outcome) && outcome.kept.is_none();
        let mut failed = Vec::from_iter(outcomes.iter_mut().filter(is_new));
        // The simplest first, and only that of each kind.
        failed.sort_by_key(|outcome| outcome.case.split('+').count());
        failed.retain(|outcome| kinds.insert(outcome.same_as.unwrap_or(outcome.case)));
        for outcome in failed.into_iter().take(KEPT_MAX) {
            if self.plan.stop.is_cancelled() {
                return Ok(damaged);
            }
            fs::create_dir_all(&self.folder).map_err(|error| unusable(&self.folder, &error))?;
            warn(format_args!("🔬 {}: looking for the smallest show that fails", outcome.case));
            let case = self.plan.suite.find_combined(outcome.case)?;
            let kept = keep(&self.plan, case, outcome, jobs, &self.folder).await?;
            outcome.kept = kept.map(|kept| kept.path.to_string_lossy().into_owned());
        }
        // Only if nothing was kept.
        let _ = fs::remove_dir(&self.folder);
        Ok(damaged)
    }
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
