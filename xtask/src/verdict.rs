//! Checks `livetape test` with the bots of `examples`, which pass every case, and with those of `tests/bots`, in which a
//! bug is planted: each fails the cases in `tests/bots/expected.json`, and no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsStr,
    fs, hint, io,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use wait_timeout::ChildExt as _;

use crate::programs::{cargo, output, root, status, target};

/// Number of reference bots that are tested at a time, and of planted bugs, whose tests mostly wait.
const AT_ONCE: [usize; 2] = [2, 4];
/// Maximum memory of `livetape test`, without the bots, and without the pages of its own file: those of a build
/// for development are 37 MiB. The time is only reported, because the machine may be busy; a reference bot
/// should need at most a minute on two idle processors.
const MEMORY_KIB_MAX: u64 = 64 << 10;
/// The same with the largest recording that a case may change: 150 MiB in all.
const LARGE_MEMORY_KIB_MAX: u64 = 113 << 10;
const LARGE: &str = "31MB";
/// The bug that gives wrong numbers with it, which is also the code of its diagnosis.
const LARGE_BUG: &str = "like_total";
/// What reports say of failures that chance may have decided (`livetape_cases::slack`).
const BUSY: &str = "this machine was busy";
/// Time between two looks at the memory.
const LOOK: Duration = Duration::from_millis(20);
/// How often the reference bots pass every case beside busy loops, and the number of loops.
const ROUNDS: usize = 20;
const BUSY_LOOPS: usize = 2;
/// Number of languages with a reference bot.
const LANGUAGES: usize = 3;
/// Numbers that bots print.
const NUMBERS: &[&str] = &["chats", "gifts", "diamonds", "likes", "follows", "top_gifter"];
const DEMO: &str = "demo";
const MINIMAL: &[&str] = &["diamonds"];
const PLANTED: &[&str] =
    &["chats", "empty_texts", "texts", "gifts", "diamonds", "likes", "follows", "gifters", "top_gifter"];
/// Programs with planted bugs in `tests/bots`, each with its suite and the numbers that it prints.
const PROGRAMS: [(&str, &str, &[&str]); 3] = [
    ("planted.mjs", "feed", PLANTED),
    ("planted.py", "feed", NUMBERS),
    ("planted-room.mjs", "room", &["chats", "gifts", "diamonds", "likes"]),
];
/// The bugs of the feed that CI plays, and the cases beside `plain`: one of each kind, of which one at least finds the bug.
const CI: [(&str, &[&str]); 6] = [
    ("only_repeat_end", &["no-final"]),
    ("again_after_reconnect", &["cut", "cut-in-streak"]),
    ("never_reconnects", &["going-away"]),
    ("reconnects_for_ever", &["ends"]),
    ("python_crashes_on_missing_user", &["missing"]),
    ("python_no_backoff", &["offline"]),
];
/// Prints the flag that Node 20 needs for a WebSocket.
const FLAG: &str = "if (!globalThis.WebSocket) console.log('--experimental-websocket')";
/// Links a folder, also on Windows.
const LINK: &str = "const [to, at] = process.argv.slice(1)
fs.mkdirSync(path.dirname(at), { recursive: true })
fs.rmSync(at, { force: true, recursive: true })
fs.symlinkSync(to, at, 'junction')";

/// Failed cases, each with the codes of its diagnoses, `undiagnosed`, `exit` or `connection`.
type Failed = BTreeMap<String, String>;

/// Tests three reference bots in every case, and six planted bugs in some; with `all`, all bots, each bug in every
/// case, and the reference bots again and again beside busy loops.
pub(crate) fn run(all: bool) -> Result<()> {
    let stage = Stage::set()?;
    let references = finish(AT_ONCE[0], stage.references(all)?);
    finish(AT_ONCE[1], stage.all_planted(all)?).and(references)?;
    if all {
        finish(1, stage.large()?)?;
    }
    let is_over = AtomicBool::new(!all);
    thread::scope(|scope| {
        for _ in 0..BUSY_LOOPS {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let result = (0..ROUNDS).filter(|_| all).try_for_each(|_| finish(AT_ONCE[0], stage.references(all)?));
        is_over.store(true, Relaxed);
        result
    })
}

/// Plays bugs that `tests/bots/expected.json` does not know in all cases, and those that it knows in the other cases, and
/// writes what they fail.
pub(crate) fn write() -> Result<()> {
    let stage = Stage::set()?;
    let mut expected = Expected::read()?;
    let mut tests = Vec::new();
    for bug in stage.bugs()? {
        let unknown = expected.add(bug.suite, stage.listed(bug.suite)?);
        let mut cases = expected.cases(bug.suite, &bug.name);
        if expected.knows(bug.suite, &bug.name) {
            cases = unknown;
        }
        if !cases.is_empty() {
            let test = stage.planted(&bug, cases, Failed::new())?;
            tests.push((bug, test));
        }
    }
    let played = side_by_side(AT_ONCE[1], tests, |(bug, mut test)| {
        let failed = test.play().and_then(|(failed, report, _)| {
            ensure!(!report.contains(BUSY), "{}: {BUSY}: try again when it does nothing else", test.name);
            Ok(failed)
        });
        println!("  {}: {failed:?}", test.name);
        failed.map(|failed| (bug, test.cases, failed))
    });
    for (bug, cases, failed) in played.into_iter().collect::<Result<Vec<_>>>()? {
        expected.put(bug.suite, &bug.name, &cases, &failed);
    }
    expected.write()
}

/// Everything that is installed or built.
struct Stage {
    livetape: PathBuf,
    python: PathBuf,
    /// Folder with bots beside the packages that they import.
    bots: PathBuf,
    /// The built bot in Rust.
    rust: PathBuf,
}

impl Stage {
    fn set() -> Result<Self> {
        let (root, target) = (root().canonicalize()?, target()?);
        let (examples, client) = (root.join("examples"), root.join("packages/client"));
        let livetape = env::var_os("LIVETAPE_BIN").context("run `cargo xtask ci verdict`")?.into();
        status(Command::new("node").args(["node_modules/vite/bin/vite.js", "build"]).current_dir(&client))?;
        let python = target.join("python/bin/python");
        let (bots, built) = (target.join("bots"), target.join("bots-rust"));
        for (name, folder) in [("@livetape/client", client.clone()), ("ws", client.join("node_modules/ws"))] {
            let link = bots.join("node_modules").join(name);
            status(Command::new("node").args(["--eval", LINK]).args([folder, link]))?;
        }
        for (folder, names) in [
            ("projects/node", &["bot.mjs", "main.mjs"][..]),
            ("projects/python", &["bot.py"]),
            ("bots", &["minimal.mjs", "minimal-browser.mjs"]),
        ] {
            for name in names {
                fs::copy(examples.join(folder).join(name), bots.join(name))?;
            }
        }
        let manifest = examples.join("projects/rust/Cargo.toml");
        let build = ["build", "--quiet", "--locked", "--manifest-path"];
        status(cargo().args(build).arg(manifest).arg("--target-dir").arg(&built))?;
        let rust = built.join("debug").join(format!("show-bot{}", env::consts::EXE_SUFFIX));
        Ok(Self { livetape, python, bots, rust })
    }

    /// Returns the cases that run without being named.
    fn listed(&self, suite: &str) -> Result<BTreeSet<String>> {
        let args = ["test", "--list", "--json", "--suite", suite];
        let listed: Vec<Value> = serde_json::from_str(&output(Command::new(&self.livetape).args(args))?)?;
        listed.iter().map(|case| text(&case["name"])).collect()
    }

    /// Returns the tests of the reference bots: one for each language, or all.
    fn references(&self, all: bool) -> Result<Vec<Test>> {
        let flag = output(Command::new("node").args(["--eval", FLAG]))?;
        let bots: [(_, _, Vec<&OsStr>); 5] = [
            ("main.mjs", NUMBERS, vec!["node".as_ref()]),
            ("bot.py", NUMBERS, vec![self.python.as_ref()]),
            ("bot in Rust", NUMBERS, vec![self.rust.as_ref()]),
            ("minimal.mjs", MINIMAL, vec!["node".as_ref()]),
            (
                "minimal-browser.mjs",
                MINIMAL,
                ["node"].into_iter().chain(flag.lines()).map(OsStr::new).collect(),
            ),
        ];
        let cases = self.listed("feed")?;
        let test = |(name, numbers, mut bot): (&str, _, Vec<&OsStr>)| {
            bot.extend(name.contains(".").then_some(OsStr::new(name)));
            self.test(name.to_owned(), &[DEMO], numbers, cases.clone(), Failed::new(), &bot)
        };
        bots.into_iter().take(if all { usize::MAX } else { LANGUAGES }).map(test).collect()
    }

    /// Returns the tests with a large recording: of a reference bot, of one with wrong numbers, and of a client of
    /// rooms with a wrong number.
    fn large(&self) -> Result<Vec<Test>> {
        let recording = "large.bin";
        let mut synth = Command::new(&self.livetape);
        status(synth.current_dir(&self.bots).args(["synth", "--force", "--size", LARGE, "-o", recording]))?;
        let bots = root().join("tests/bots").canonicalize()?;
        let test =
            |name: &str, flags: &[&str], numbers, bot: &OsStr, cases: &[&str], diagnosis: Option<&str>| {
                let cases = BTreeSet::from_iter(cases.iter().map(|case| (*case).to_owned()));
                let failed = |code: &str| cases.iter().map(|case| (case.clone(), code.to_owned())).collect();
                let expected = diagnosis.map(failed).unwrap_or_default();
                let (title, show) = (format!("{LARGE} with {name}"), [&[recording], flags].concat());
                let test = self.test(title, &show, numbers, cases, expected, &["node".as_ref(), bot])?;
                Ok::<_, anyhow::Error>(Test { memory_kib_max: LARGE_MEMORY_KIB_MAX, ..test })
            };
        let feed = ["plain", "interleaved", "late-final", "cut"];
        let right = test("minimal.mjs", &[], MINIMAL, "minimal.mjs".as_ref(), &feed, None)?;
        let planted = bots.join("planted.mjs");
        let mut wrong = test(LARGE_BUG, &[], PLANTED, planted.as_os_str(), &feed, Some(LARGE_BUG))?;
        wrong.command.env("BUG", LARGE_BUG);
        // After the first case, two at a time, which is as many as in the feed.
        let (flags, cases) = (["--suite", "room", "--speed", "max"], ["plain", "interleaved", "late-final"]);
        let client = bots.join("room.mjs");
        let room = test("room.mjs", &flags, MINIMAL, client.as_os_str(), &cases, Some("undiagnosed"))?;
        Ok(vec![right, wrong, room])
    }

    fn bugs(&self) -> Result<Vec<Bug>> {
        let mut bugs = Vec::<Bug>::new();
        for (program, suite, numbers) in PROGRAMS {
            let runtime = if program.ends_with(".py") { self.python.clone() } else { "node".into() };
            let path = root().canonicalize()?.join("tests/bots").join(program);
            let listed = output(Command::new(&runtime).arg(&path).arg("--list").env_remove("BUG"))?;
            for name in listed.lines() {
                ensure!(bugs.iter().all(|bug| bug.suite != suite || bug.name != name), "two bugs are {name}");
                let bot = [runtime.clone(), path.clone()];
                bugs.push(Bug { name: name.to_owned(), suite, numbers, bot });
            }
        }
        Ok(bugs)
    }

    /// Returns the tests of planted bugs: each in all cases of the table, or those for CI.
    fn all_planted(&self, all: bool) -> Result<Vec<Test>> {
        let (expected, bugs) = (Expected::read()?, self.bugs()?);
        let mut tests = Vec::new();
        for bug in &bugs {
            let (Bug { name, suite, .. }, played) = (bug, expected.cases(bug.suite, &bug.name));
            ensure!(expected.knows(suite, name), "{name} fails no case: run `cargo xtask codegen bots`");
            let ci = CI.iter().find(|(of, _)| of == name && *suite == "feed");
            let ci = ci.map(|(_, cases)| cases.iter().chain(&["plain"]).map(|case| (*case).to_owned()));
            let Some(cases) = ci.map(Iterator::collect).filter(|_| !all).or(all.then_some(played)) else {
                continue;
            };
            let fails = expected.fails(suite, name, &cases);
            ensure!(!fails.is_empty(), "no case in CI finds {name}");
            tests.push(self.planted(bug, cases, fails)?);
        }
        ensure!(all || tests.len() == CI.len(), "CI plays bugs that are not there");
        Ok(tests)
    }

    fn planted(&self, bug: &Bug, cases: BTreeSet<String>, fails: Failed) -> Result<Test> {
        let (show, bot) = ([DEMO, "--suite", bug.suite], bug.bot.each_ref().map(|part| part.as_os_str()));
        let mut test = self.test(bug.name.clone(), &show, bug.numbers, cases, fails, &bot)?;
        test.command.env("BUG", &bug.name);
        Ok(test)
    }

    fn test(
        &self,
        name: String,
        show: &[&str],
        numbers: &[&str],
        cases: BTreeSet<String>,
        expected: Failed,
        bot: &[&OsStr],
    ) -> Result<Test> {
        let mut command = Command::new(&self.livetape);
        command.current_dir(&self.bots);
        // Failures of planted bugs are not annotations.
        command.env_remove("BUG").env_remove("GITHUB_ACTIONS").env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("PYTHONPATH", root().canonicalize()?.join("packages/python/src"));
        command.arg("test").args(show).arg("--json").args(cases.iter().flat_map(|case| ["--case", case]));
        command.args(numbers.iter().flat_map(|name| ["--expect".to_owned(), format!("{name}: {{{name}}}")]));
        command.arg("--").args(bot);
        Ok(Test { name, command, cases, expected, memory_kib_max: MEMORY_KIB_MAX })
    }
}

/// A planted bug.
struct Bug {
    name: String,
    suite: &'static str,
    /// Numbers that the bot prints.
    numbers: &'static [&'static str],
    /// A program, and its script.
    bot: [PathBuf; 2],
}

/// `livetape test` with a bot, and what it must find.
struct Test {
    name: String,
    command: Command,
    cases: BTreeSet<String>,
    expected: Failed,
    memory_kib_max: u64,
}

/// Does work for items, several at a time.
fn side_by_side<T: Send, R: Send>(at_once: usize, items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let (queue, done) = (Mutex::new(items.into_iter()), Mutex::new(Vec::new()));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(item) = next() {
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    thread::scope(|scope| (0..at_once).for_each(|_| drop(scope.spawn(work))));
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs tests, several at a time. Fails after all of them if one found something else.
fn finish(at_once: usize, tests: Vec<Test>) -> Result<()> {
    let (started, count) = (now(), tests.len());
    let results = side_by_side(at_once, tests, |mut test| {
        let (started, done) = (now(), test.run());
        let (seconds, is_wrong) = (started.elapsed().as_secs_f64(), done.is_err());
        let done = done.unwrap_or_else(|error| format!("WRONG: {error:#}"));
        println!("  {} in {seconds:.0} s: {done}", test.name);
        is_wrong
    });
    let wrong = results.into_iter().filter(|is_wrong| *is_wrong).count();
    println!("  {} of {count} as expected in {:.0} s", count - wrong, started.elapsed().as_secs_f64());
    ensure!(wrong == 0, "`livetape test` judged {wrong} of {count} bots otherwise than expected");
    Ok(())
}

impl Test {
    /// Returns the cases that failed, the report, and the peak memory in KiB.
    fn play(&mut self) -> Result<(Failed, String, u64)> {
        let (report, kib) = measured(&mut self.command)?;
        let found = found(&report).context("livetape printed no report")?;
        let ran = found.keys().cloned().collect::<BTreeSet<_>>();
        ensure!(ran == self.cases, "only {} of {} cases ran", ran.len(), self.cases.len());
        let failed = found.into_iter().filter_map(|(case, codes)| Some((case, codes?))).collect();
        Ok((failed, report, kib))
    }

    fn run(&mut self) -> Result<String> {
        let (failed, report, kib) = self.play()?;
        if failed != self.expected {
            let mut report: Value = serde_json::from_str(&report)?;
            if let Some(cases) = report["cases"].as_array_mut() {
                let code = |codes: &Failed, case: &Value| codes.get(case["name"].as_str()?).cloned();
                cases.retain(|case| code(&failed, case) != code(&self.expected, case));
            }
            bail!("expected {:?}, and not: {}", self.expected, report["cases"]);
        }
        judge(kib, self.memory_kib_max)?;
        Ok(format!("{} of {} cases failed, {} MiB", failed.len(), self.cases.len(), kib >> 10))
    }
}

/// Returns the cases of a report, and why each that failed did: `exit` or `connection`, because what a bot then
/// printed is chance, or else the codes of its diagnoses.
fn found(report: &str) -> Result<BTreeMap<String, Option<String>>> {
    let report: Value = serde_json::from_str(report)?;
    let case = |case: &Value| {
        let failures = case["failures"].as_array().context("no failures")?;
        let codes = failures.iter().filter_map(|failure| failure["diagnosis"].as_str());
        let codes = Vec::from_iter(codes.collect::<BTreeSet<_>>()).join(" ");
        let ends =
            ["exit", "connection"].into_iter().find(|end| failures.iter().any(|it| it["what"] == *end));
        let why = ends.unwrap_or(if codes.is_empty() { "undiagnosed" } else { &codes });
        Ok((text(&case["name"])?, (case["passed"] == false).then(|| why.to_owned())))
    };
    report["cases"].as_array().context("no cases")?.iter().map(case).collect()
}

fn judge(kib: u64, kib_max: u64) -> Result<()> {
    ensure!(kib > 0 || !cfg!(target_os = "linux"), "the memory was not measured");
    ensure!(kib <= kib_max, "livetape used {kib} KiB, more than {kib_max}");
    Ok(())
}

/// Runs a command. Returns its output and its peak memory in KiB, 0 if unknown.
fn measured(command: &mut Command) -> Result<(String, u64)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("no output")?;
    let stdout = thread::spawn(|| io::read_to_string(stdout));
    let (status, mut peak) = (format!("/proc/{}/status", child.id()), 0);
    while child.wait_timeout(LOOK)?.is_none() {
        let now = fs::read_to_string(&status).unwrap_or_default();
        let line = now.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
    }
    Ok((stdout.join().expect("reading does not panic")?, peak))
}

fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().context("no name")?.to_owned())
}

#[expect(clippy::disallowed_methods, reason = "only measures how long a test takes")]
fn now() -> Instant {
    Instant::now()
}

const PLAIN: &str = "plain";
/// What is written of a bug that fails `plain`, and passes the case.
const PASSED: &str = "passed";

/// Each suite's cases. Planted bugs are not played in `deaf` of the feed, which has `null`, because their clients do not see
/// pings; nothing is known yet of those with `{}`.
struct Expected(BTreeMap<String, BTreeMap<String, Option<Row>>>);

/// Bugs, and why they fail; `null` for those that are not played, because there chance decides.
type Row = BTreeMap<String, Option<String>>;

impl Expected {
    fn read() -> Result<Self> {
        let text = fs::read_to_string(path())?;
        Ok(Self(serde_json::from_str(&text).context("tests/bots/expected.json")?))
    }

    fn write(&self) -> Result<()> {
        let suite = |(suite, rows): (&String, &BTreeMap<_, _>)| {
            let row = |(case, row)| Ok(format!("    {case:?}: {}", serde_json::to_string(row)?));
            let rows: Result<Vec<_>> = rows.iter().map(row).collect();
            Ok(format!("  {suite:?}: {{\n{}\n  }}", rows?.join(",\n")))
        };
        let suites: Result<Vec<_>> = self.0.iter().map(suite).collect();
        Ok(fs::write(path(), format!("{{\n{}\n}}\n", suites?.join(",\n")))?)
    }

    /// Returns the cases in which a bug is played.
    fn cases(&self, suite: &str, bug: &str) -> BTreeSet<String> {
        let rows = self.0.get(suite).into_iter().flatten();
        let is_played = |row: &Row| row.get(bug).is_none_or(Option::is_some);
        let played = rows.filter(|(_, row)| row.as_ref().is_some_and(is_played));
        played.map(|(case, _)| case.clone()).collect()
    }

    /// Adds the cases of this list that have no row. Returns those of which nothing is known.
    fn add(&mut self, suite: &str, listed: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        let rows = self.0.entry(suite.to_owned()).or_default();
        for case in listed {
            rows.entry(case).or_insert_with(|| Some(Row::new()));
        }
        let is_unknown = |row: &Option<Row>| row.as_ref().is_some_and(Row::is_empty);
        rows.iter().filter(|(_, row)| is_unknown(row)).map(|(case, _)| case.clone()).collect()
    }

    fn knows(&self, suite: &str, bug: &str) -> bool {
        self.0.get(suite).is_some_and(|rows| rows.values().flatten().any(|row| row.contains_key(bug)))
    }

    fn row(&self, suite: &str, case: &str) -> Option<&Row> {
        self.0.get(suite)?.get(case)?.as_ref()
    }

    /// Returns which of these cases a bug fails, and why.
    fn fails(&self, suite: &str, bug: &str, cases: &BTreeSet<String>) -> Failed {
        let why = |case: &str| {
            let why =
                self.row(suite, case)?.get(bug).or_else(|| self.row(suite, PLAIN)?.get(bug))?.as_ref()?;
            (why != PASSED).then(|| why.clone())
        };
        cases.iter().filter_map(|case| Some((case.clone(), why(case)?))).collect()
    }

    /// Notes what a bug failed of these cases.
    fn put(&mut self, suite: &str, bug: &str, cases: &BTreeSet<String>, failed: &Failed) {
        let passed = || PASSED.to_owned();
        let why = |case: &str| failed.get(case).cloned().unwrap_or_else(passed);
        let known = self.row(suite, PLAIN).and_then(|row| row.get(bug)).cloned().flatten();
        let plain = if cases.contains(PLAIN) { why(PLAIN) } else { known.unwrap_or_else(passed) };
        for case in cases {
            let usual = if case == PLAIN { PASSED } else { &plain };
            let Some(Some(row)) = self.0.get_mut(suite).and_then(|rows| rows.get_mut(case)) else { continue };
            match why(case) {
                why if why == usual => row.remove(bug),
                why => row.insert(bug.to_owned(), Some(why)),
            };
        }
    }
}

fn path() -> PathBuf {
    root().join("tests/bots/expected.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_was_not_measured_proves_nothing() {
        assert!(judge(1, 2).is_ok() && judge(2, 2).is_ok());
        assert!(judge(3, 2).is_err());
        assert!(judge(0, 2).is_err() || !cfg!(target_os = "linux"));
    }

    #[test]
    fn a_report_without_cases_or_failures_fails() {
        let failures = r#"[{"diagnosis":"b"},{"diagnosis":null},{"diagnosis":"a"},{"diagnosis":"b"}]"#;
        let report = format!(r#"{{"cases":[{{"name":"cut","passed":false,"failures":{failures}}}]}}"#);
        assert_eq!(found(&report).unwrap()["cut"].as_deref(), Some("a b"));
        let exit = report.replace("null}", r#"null,"what":"exit"}"#);
        assert_eq!(found(&exit).unwrap()["cut"].as_deref(), Some("exit"));
        assert!(["", "{}", r#"{"cases":[{"name":"plain"}]}"#].iter().all(|report| found(report).is_err()));
    }

    #[test]
    fn what_was_noted_is_expected() {
        let mut table = Expected(BTreeMap::new());
        let listed = ["plain", "late", "offline"].map(str::to_owned);
        let cases = table.add("feed", listed);
        assert_eq!(cases.len(), 3);
        let failed = |all: &[(&str, &str)]| -> Failed {
            all.iter().map(|(case, why)| ((*case).to_owned(), (*why).to_owned())).collect()
        };
        let total = failed(&[("plain", "like_total"), ("late", "like_total")]);
        let late = failed(&[("late", "connection")]);
        table.put("feed", "total", &cases, &total);
        table.put("feed", "never", &cases, &late);
        assert_eq!(serde_json::to_string(&table.0["feed"]["late"]).unwrap(), r#"{"never":"connection"}"#);
        assert_eq!(table.fails("feed", "total", &cases), total);
        assert_eq!(table.fails("feed", "never", &cases), late);
        assert!(
            table.knows("feed", "never") && !table.knows("feed", "other") && !table.knows("room", "never")
        );
        table.put("feed", "never", &cases, &Failed::new());
        assert!(!table.knows("feed", "never") && table.add("feed", []).contains("late"));
    }
}
