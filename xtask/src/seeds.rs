//! Runs the simulations and the fuzz targets with fresh seeds, or repeats one. They are tests with proptest,
//! which reads its seed from the environment. They also run with every `cargo test`, with the seed that
//! `.cargo/config.toml` sets for all.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, bail, ensure};
use wait_timeout::ChildExt as _;

use crate::programs::{cargo, target};

/// Maximum time for one seed: one that takes longer hangs. A simulation takes about five seconds on a busy
/// machine.
const SEED_TIME_MAX: Duration = Duration::from_secs(120);

/// Time between two reports of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

/// Name of each target, its test program, and the beginning of the names of its tests.
#[rustfmt::skip]
const TARGETS: &[(&str, &str, &str)] = &[
    ("recording", "livetape", "fuzz::recordings"),
    ("wire", "livetape", "fuzz::frames_on_the_wire"),
    ("decoder", "livetape", "fuzz::decoded_frames"),
    ("share", "livetape", "fuzz::shared_recordings"),
    ("import", "livetape", "fuzz::imports"),
    ("settings", "livetape", "fuzz::settings"),
    ("scenario", "livetape", "fuzz::scenarios"),
    ("websocket", "livetape", "fuzz::sockets"),
    ("http", "livetape", "fuzz::requests"),
    ("heads", "livetape", "server::ws::heads::"),
    ("hub", "livetape_feed", "hub::tests::model::"),
    ("lobby", "livetape", "lobby::tests::model::"),
    ("session", "livetape_core", "session::tests::"),
    ("views", "livetape_core", "wire::view::tests::"),
    ("redaction", "livetape_core", "redact::text::tests::"),
    ("cluster", "livetape_cluster", "ownership::record::"),
    ("har", "livetape_tools", "import::har::tests::"),
];

/// The test programs with simulations: of disks, and of live rooms.
const SIMULATIONS: [&str; 2] = ["livetape", "it"];
/// Part of the name of every simulation.
const SIMULATION: &str = "::simulated_";

/// Simulates for this time, or with one seed. All processors simulate, in turns disks and live rooms.
pub(crate) fn simulate(seed: Option<u64>, time: Duration) -> Result<()> {
    let jobs = SIMULATIONS.len().max(seed.map_or_else(processors, |_| 0));
    let job = |program| Job { chore: "simulate".to_owned(), program, filter: SIMULATION, seed, time };
    run_all(&Vec::from_iter(SIMULATIONS.into_iter().cycle().take(jobs).map(job)))
}

/// Fuzzes each target, or only one, for this time, or with one seed. Each processor fuzzes another target.
pub(crate) fn fuzz(only: Option<&str>, seed: Option<u64>, time: Duration) -> Result<()> {
    let mut jobs = Vec::new();
    for &(name, program, filter) in TARGETS {
        if only.is_none_or(|only| only == name) {
            jobs.push(Job { chore: format!("fuzz {name}"), program, filter, seed, time });
        }
    }
    ensure!(!jobs.is_empty(), "unknown target; choose from {}", names());
    run_all(&jobs)
}

/// Returns the names of all targets.
pub(crate) fn names() -> String {
    TARGETS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

/// Tests to run with fresh seeds for a time, or with one seed.
struct Job {
    /// The command that repeats a seed.
    chore: String,
    /// Name of the test program.
    program: &'static str,
    /// Selects the tests.
    filter: &'static str,
    seed: Option<u64>,
    time: Duration,
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Runs the jobs, one on each processor, until all are done or one fails.
fn run_all(jobs: &[Job]) -> Result<()> {
    let (tests, next, has_failed) = (tests()?, AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        while let Some((number, job)) = jobs.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = job.run(number, &tests[job.program], &has_failed) {
                // At once: the other jobs end with their current seeds.
                eprintln!("{error}");
                has_failed.store(true, Ordering::Relaxed);
            }
            if has_failed.load(Ordering::Relaxed) {
                break;
            }
        }
    };
    thread::scope(|scope| (0..processors()).for_each(|_| drop(scope.spawn(work))));
    ensure!(!has_failed.into_inner(), "a seed fails: see above");
    Ok(())
}

/// A test program, and the folder to run it in.
struct Tests {
    program: PathBuf,
    folder: PathBuf,
}

/// Builds all tests, like the stage `test`, so that CI does not build them again. Returns them by name.
fn tests() -> Result<BTreeMap<String, Tests>> {
    let args = ["test", "--workspace", "--locked", "--no-run", "--message-format", "json-render-diagnostics"];
    let built = cargo().args(args).stderr(Stdio::inherit()).output()?;
    ensure!(built.status.success(), "the tests do not build");
    let mut tests = BTreeMap::new();
    for line in String::from_utf8(built.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        let (target, program) = (&message["target"], message["executable"].as_str());
        if let (Some(program), true) = (program, target["kind"][0] == "lib" || target["kind"][0] == "test") {
            let name = target["name"].as_str().context("a target has a name")?;
            let manifest = Path::new(message["manifest_path"].as_str().context("a package has a manifest")?);
            let folder = manifest.parent().context("a manifest is in a folder")?.to_owned();
            tests.insert(name.to_owned(), Tests { program: program.into(), folder });
        }
    }
    Ok(tests)
}

impl Job {
    fn run(&self, number: usize, tests: &Tests, has_failed: &AtomicBool) -> Result<()> {
        if let Some(seed) = self.seed {
            self.run_seed(seed, tests)?;
            println!("{}, {}: seed {seed} passed", self.chore, self.program);
            return Ok(());
        }
        // Different for each job of each run.
        let first = SystemTime::UNIX_EPOCH.elapsed()?.as_secs() << 24 | (number as u64) << 18;
        let (began, mut next) = (now(), first);
        let mut progress_at = began + PROGRESS_EVERY;
        while next == first
            || (now().duration_since(began) < self.time && !has_failed.load(Ordering::Relaxed))
        {
            self.run_seed(next, tests)?;
            next += 1;
            if now() >= progress_at {
                println!("{}, {}: {} seeds so far", self.chore, self.program, next - first);
                progress_at = now() + PROGRESS_EVERY;
            }
        }
        println!("{}, {}: {} seeds from {first}", self.chore, self.program, next - first);
        Ok(())
    }

    fn run_seed(&self, seed: u64, tests: &Tests) -> Result<()> {
        let path = target()?.join(format!(
            "seed-{}{}-{seed}.txt",
            self.program,
            self.filter.replace(|c: char| !c.is_alphanumeric(), "-")
        ));
        let mut command = Command::new(&tests.program);
        let output = File::create(&path)?;
        // A panic's message is in the output, too, but not a stack overflow or an abort.
        command.arg(self.filter).current_dir(&tests.folder).stdout(output.try_clone()?).stderr(output);
        command.env("PROPTEST_RNG_SEED", seed.to_string()).env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
        let repeat = format!("repeat it with `cargo xtask {} --seed {seed}`", self.chore);
        let mut child = command.spawn()?;
        let Some(status) = child.wait_timeout(SEED_TIME_MAX)? else {
            child.kill()?;
            child.wait()?;
            let text = fs::read_to_string(path)?;
            bail!("{text}\na seed takes longer than {SEED_TIME_MAX:?}: {repeat}");
        };
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        fs::remove_file(path)?;
        ensure!(status.success(), "{text}\na seed fails ({status}): {repeat}");
        ensure!(!text.contains(" 0 passed"), "no test is named {}", self.filter);
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "only measures how long seeds take")]
fn now() -> Instant {
    Instant::now()
}
