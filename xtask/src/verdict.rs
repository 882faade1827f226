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
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
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
/// Cases in which every bot is right to get no event.
const WITHOUT_EVENTS: &[&str] = &["offline", "refused-final", "unauthorized"];
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
    finish(AT_ONCE[1], stage.planted(all)?).and(references)?;
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

/// Everything that is installed or built.
struct Stage {
    livetape: PathBuf,
    python: PathBuf,
    /// Folder with bots beside the packages that they import.
    bots: PathBuf,
    /// The built bot in Rust.
    rust: PathBuf,
    cases: BTreeSet<String>,
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
        let listed = output(Command::new(&livetape).args(["test", "--list", "--json"]))?;
        let listed: Vec<Value> = serde_json::from_str(&listed)?;
        let cases = listed.iter().map(|case| text(&case["name"])).collect::<Result<_>>()?;
        Ok(Self { livetape, python, bots, rust, cases })
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
        let test = |(name, numbers, mut bot): (&str, _, Vec<&OsStr>)| {
            bot.extend(name.contains(".").then_some(OsStr::new(name)));
            self.test(name.to_owned(), &[DEMO], numbers, self.cases.clone(), Failed::new(), &bot)
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

    /// Returns the tests of planted bugs: some in the cases for CI, or each in all. Those of a client of rooms are tested
    /// with `all`, in the cases of their table.
    fn planted(&self, all: bool) -> Result<Vec<Test>> {
        let folder = root().join("tests/bots").canonicalize()?;
        let [feed, room] = ["expected.json", "expected-room.json"].map(|name| folder.join(name));
        let read = |path| bugs(&fs::read_to_string(path)?, &self.cases);
        let (bugs, of_rooms) = (read(feed)?, read(room)?);
        let mut tests = Vec::new();
        let client = folder.join("planted-room.mjs");
        for bug in of_rooms.into_iter().filter(|_| all) {
            let bot = ["node".as_ref(), client.as_os_str()];
            let (show, numbers) = ([DEMO, "--suite", "room"], ["chats", "gifts", "diamonds", "likes"]);
            let mut test = self.test(bug.name.clone(), &show, &numbers, bug.ci, bug.fails, &bot)?;
            test.command.env("BUG", &bug.name);
            tests.push(test);
        }
        for (program, name) in [("node".as_ref(), "planted.mjs"), (self.python.as_os_str(), "planted.py")] {
            let bot: [&OsStr; 2] = [program, &folder.join(name).into_os_string()];
            let mut list = Command::new(program);
            let known = output(list.arg(bot[1]).arg("--list").env_remove("BUG"))?;
            let is_same =
                known.lines().collect::<BTreeSet<_>>() == bugs.iter().map(|bug| &*bug.name).collect();
            ensure!(is_same, "the bugs in expected.json are not those in {name}");
            for bug in bugs.iter().filter(|bug| all || bug.ci_in == Some(name)) {
                let cases = if all { &self.cases } else { &bug.ci };
                let mut expected = bug.fails.clone();
                expected.retain(|case, _| cases.contains(case));
                let title = format!("{} in {name}", bug.name);
                let mut test = self.test(title, &[DEMO], PLANTED, cases.clone(), expected, &bot)?;
                test.command.env("BUG", &bug.name);
                tests.push(test);
            }
        }
        Ok(tests)
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
    /// Cases for CI: `plain`, and those listed.
    ci: BTreeSet<String>,
    /// The program with which CI runs it, if it does.
    ci_in: Option<&'static str>,
    fails: Failed,
}

/// Reads the table of bugs. `*` is each of `cases` that is not named and in which a bot gets events.
fn bugs(table: &str, cases: &BTreeSet<String>) -> Result<Vec<Bug>> {
    let table: BTreeMap<String, Value> = serde_json::from_str(table)?;
    let bug = |(name, row): (String, Value)| {
        let mut fails = Failed::new();
        let mut others = None;
        for (code, cases) in row["fails"].as_object().context("`fails` is not an object")? {
            for case in cases.as_array().context("cases are not an array")? {
                match case.as_str() {
                    Some("*") => others = Some(code),
                    _ => drop(fails.insert(text(case)?, code.clone())),
                }
            }
        }
        for case in cases.iter().filter(|case| !WITHOUT_EVENTS.contains(&case.as_str())) {
            if let Some(code) = others {
                fails.entry(case.clone()).or_insert_with(|| code.clone());
            }
        }
        let ci = row["ci"].as_array().context("`ci` is not an array")?.iter().map(text);
        let ci = ci.chain([Ok("plain".to_owned())]).collect::<Result<BTreeSet<_>>>()?;
        let is_found = ci.len() == 1 || ci.iter().any(|case| fails.contains_key(case));
        ensure!(is_found, "no case in CI finds {name}");
        let program = if row["python"] == true { "planted.py" } else { "planted.mjs" };
        Ok(Bug { name, ci_in: (ci.len() > 1).then_some(program), ci, fails })
    };
    table.into_iter().map(bug).collect()
}

/// `livetape test` with a bot, and what it must find.
struct Test {
    name: String,
    command: Command,
    cases: BTreeSet<String>,
    expected: Failed,
    memory_kib_max: u64,
}

/// Runs tests, several at a time. Fails after all of them if one found something else.
fn finish(at_once: usize, tests: Vec<Test>) -> Result<()> {
    let (started, count, wrong) = (now(), tests.len(), AtomicUsize::new(0));
    let queue = Mutex::new(tests.into_iter());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(mut test) = next() {
            let (started, done) = (now(), test.run());
            let seconds = started.elapsed().as_secs_f64();
            wrong.fetch_add(done.is_err().into(), Relaxed);
            let done = done.unwrap_or_else(|error| format!("WRONG: {error:#}"));
            println!("  {} in {seconds:.0} s: {done}", test.name);
        }
    };
    thread::scope(|scope| (0..at_once).for_each(|_| drop(scope.spawn(work))));
    let wrong = wrong.into_inner();
    println!("  {} of {count} as expected in {:.0} s", count - wrong, started.elapsed().as_secs_f64());
    ensure!(wrong == 0, "`livetape test` judged {wrong} of {count} bots otherwise than expected");
    Ok(())
}

impl Test {
    fn run(&mut self) -> Result<String> {
        let (report, kib) = measured(&mut self.command)?;
        let mut found = found(&report).context("livetape printed no report")?;
        let ran = found.keys().cloned().collect::<BTreeSet<_>>();
        ensure!(ran == self.cases, "only {} of {} cases ran", ran.len(), self.cases.len());
        found.retain(|_, codes| codes.is_some());
        let failed: Failed = found.into_iter().filter_map(|(case, codes)| Some((case, codes?))).collect();
        if failed != self.expected {
            let mut report: Value = serde_json::from_str(&report)?;
            if let Some(cases) = report["cases"].as_array_mut() {
                let code = |codes: &Failed, case: &Value| codes.get(case["name"].as_str()?).cloned();
                cases.retain(|case| code(&failed, case) != code(&self.expected, case));
            }
            bail!("expected {:?}, and not: {}", self.expected, report["cases"]);
        }
        judge(kib, self.memory_kib_max)?;
        Ok(format!("{} of {} cases failed, {} MiB", failed.len(), ran.len(), kib >> 10))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_finds_each_bug_of_the_table() {
        let cases = ["plain", "late", "offline"].map(str::to_owned).into();
        let bugs = |table| bugs(table, &cases);
        let all = bugs(include_str!("../../tests/bots/expected.json")).unwrap();
        let fails = |bug: &str, case: &str| {
            all.iter().find(|it| it.name == bug).unwrap().fails.get(case).map(String::as_str)
        };
        assert_eq!(fails("like_total", "late"), Some("like_total"));
        assert_eq!(fails("like_total", "missing"), Some("undiagnosed"));
        assert_eq!(fails("like_total", "offline"), None);
        assert!(all.iter().all(|bug| bug.ci.len() <= 3) && all.len() >= 12);
        assert_eq!(all.iter().filter(|bug| bug.ci_in.is_some()).count(), 6);
        assert!(bugs(r#"{"a":{"ci":["late"],"fails":{"undiagnosed":["cut"]}}}"#).is_err());
        assert!(bugs(r#"{"a":{"ci":[]}}"#).is_err());
    }

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
}
