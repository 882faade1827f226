//! The program under everything at once: a looping replay with readers that come and go, rooms, uploads and
//! seeks, and a live room whose connection drops. Writes memory, descriptors and threads of each process to a
//! CSV file, which `cargo xtask nightly soak` judges.

mod clients;

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use livetape_core::retry::SplitMix;
use livetape_engine::demo::DEMO_BYTES;
use livetape_io::clock;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::support::{Args, allow_sockets, program};

use clients::{Gifts, Hidden};

/// Readers of the feed, each connecting again and again.
const READERS: u64 = 500;
/// Clients of `/ws`, each joining and leaving rooms.
const TALKERS: u64 = 20;
/// Time between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Time for the servers to notice that all clients have left, and to end idle threads.
const REST: Duration = Duration::from_secs(15);
/// Time between two reports of progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);
/// Maximum number of problems to print.
const PRINTED_MAX: usize = 10;
/// The room drops its connection again and again, and its recording ends after some time.
const SCENARIO: &str = "seed = 1\nspeed = 20\nafter = \"again\"\n\
    [[fault]]\nat = \"socket\"\nkind = \"drop\"\nafter_frames = 70\n";

/// What all clients share.
struct Load {
    /// Address of the server that plays a recording, and of the one with a live room.
    replay: String,
    live: String,
    until: Instant,
    /// Number of readers that are connected now.
    readers: AtomicUsize,
    /// Number of events and answers received.
    received: AtomicUsize,
    hidden: Mutex<Hidden>,
}

impl Load {
    fn hidden(&self) -> MutexGuard<'_, Hidden> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client, with its own random numbers.
struct Client {
    load: Arc<Load>,
    number: u64,
    random: SplitMix,
}

/// What a client saw that must not happen.
type Problem = String;

pub(crate) fn run() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    match allow_sockets(usize::try_from(READERS + TALKERS).unwrap_or(usize::MAX)) {
        Ok(()) => runtime.block_on(endure(&args)),
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn endure(args: &Args) -> ExitCode {
    let minutes: f64 = args.value("--minutes").expect("--minutes is missing");
    let csv: PathBuf = args.value("--csv").expect("--csv is missing");
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = folder.path().join("drops.toml");
    fs::write(&scenario, SCENARIO).expect("a scenario");
    let (recordings, scenario) = (folder.path().display().to_string(), scenario.display().to_string());
    let mock = Program::start(&["mock", "--scenario", &scenario]);
    let upstream = format!("http://{}", mock.address);
    let serving = ["--quiet", "--recordings", &recordings];
    let replay = Program::start(&[&["replay", "demo", "--loop", "--speed", "20"][..], &serving].concat());
    let live =
        Program::start(&[&["serve", "--upstream", &upstream, "--max-attempts", "20"][..], &serving].concat());
    let programs = [("replay", &replay), ("live", &live)];
    let mut log = Log::start(&csv, &programs);
    log.sample(0);
    let load = Arc::new(Load {
        replay: replay.address.clone(),
        live: live.address.clone(),
        until: clock::now() + Duration::from_secs_f64(minutes * 60.0),
        readers: AtomicUsize::new(0),
        received: AtomicUsize::new(0),
        hidden: Mutex::default(),
    });
    let mut clients = start_clients(&load);
    let mut progress_at = clock::now() + PROGRESS_EVERY;
    while clock::now() < load.until {
        sleep_until(clock::now() + SAMPLE_EVERY).await;
        let readers = load.readers.load(Ordering::Relaxed);
        log.sample(readers);
        if clock::now() >= progress_at {
            progress_at += PROGRESS_EVERY;
            let left = load.until.saturating_duration_since(clock::now()).as_secs_f64() / 60.0;
            let received = load.received.load(Ordering::Relaxed);
            println!("soak: {left:.0} min left, {readers} readers, {received} events and answers received");
        }
    }
    let mut problems = Vec::new();
    while let Some(ended) = clients.join_next().await {
        problems.extend(ended.expect("no panic").err());
    }
    sleep_until(clock::now() + REST).await;
    log.sample(load.readers.load(Ordering::Relaxed));
    let received = load.received.load(Ordering::Relaxed);
    let (lost, explained) = load.hidden().judge();
    problems.extend(lost);
    explained.iter().for_each(|hidden| println!("  {hidden}"));
    println!("soak: {minutes} min, {received} events and answers received, {} problems", problems.len());
    problems.iter().take(PRINTED_MAX).for_each(|problem| eprintln!("  {problem}"));
    if problems.is_empty() && received > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn start_clients(load: &Arc<Load>) -> JoinSet<Result<(), Problem>> {
    let mut clients = JoinSet::new();
    let client = |number| Client { load: Arc::clone(load), number, random: SplitMix(number) };
    for number in 0..READERS {
        clients.spawn(clients::read(client(number)));
    }
    for number in READERS..READERS + TALKERS {
        clients.spawn(clients::talk(client(number)));
    }
    for (number, gifts) in [Gifts::Raw, Gifts::Delta].into_iter().enumerate() {
        for address in [&load.replay, &load.live] {
            clients.spawn(clients::witness(
                client(READERS + TALKERS + 3 + number as u64),
                address.clone(),
                gifts,
            ));
        }
    }
    clients.spawn(clients::upload(client(READERS + TALKERS), DEMO_BYTES));
    clients.spawn(clients::seek(client(READERS + TALKERS + 1)));
    clients.spawn(clients::reconnect(client(READERS + TALKERS + 2)));
    clients
}

impl Client {
    fn is_over(&self) -> bool {
        clock::now() >= self.load.until
    }

    /// Returns a random time up to `most`, but not beyond the end.
    fn soon(&mut self, most: Duration) -> Instant {
        let millis = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        (clock::now() + Duration::from_millis(self.random.up_to(millis))).min(self.load.until)
    }

    /// Returns whether one in `n` happens.
    fn is_one_in(&mut self, n: u64) -> bool {
        self.random.up_to(n - 1) == 0
    }

    fn count(&self, received: usize) {
        self.load.received.fetch_add(received, Ordering::Relaxed);
    }
}

/// Backlog, in events. It is full within a minute, before the memory is judged; the default is full only
/// after six. Readers that fall behind by more than this are closed, which takes about 45 s.
const BACKLOG_EVENTS: usize = 2048;
/// Maximum number of heaps of glibc. By default, a thread that starts late adds its own heap, which keeps
/// freed memory and looks like a leak.
const ARENAS_MAX: &str = "2";

/// A running livetape, killed when dropped.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    /// Starts the program that was built beside this one, and waits until it listens.
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(args)
            .args(["--port", "0"])
            .env("NO_COLOR", "1")
            .env("LIVETAPE_BACKLOG_EVENTS", BACKLOG_EVENTS.to_string())
            .env("MALLOC_ARENA_MAX", ARENAS_MAX)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it was built");
        let mut lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("ws://").or_else(|| line.split_once("http://"))?;
            rest.split(['/', ' ']).next().map(str::to_owned)
        });
        // The program may write more, which must be read.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address: address.expect("it listens") }
    }

    fn sample(&self) -> [u64; 3] {
        let of = |name: &str| PathBuf::from(format!("/proc/{}/{name}", self.child.id()));
        let status = fs::read_to_string(of("status")).expect("the program runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).expect("a number")
        };
        let files = fs::read_dir(of("fd")).expect("the program runs").count();
        // Without pages of the program file, which the system may drop at any time.
        [number("RssAnon:"), files as u64, number("Threads:")]
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Samples of all processes, which are also written to a CSV file.
struct Log<'a> {
    programs: &'a [(&'static str, &'a Program)],
    started: Instant,
    path: &'a Path,
    text: String,
}

impl<'a> Log<'a> {
    fn start(path: &'a Path, programs: &'a [(&'static str, &'a Program)]) -> Self {
        let mut text = "seconds,readers".to_owned();
        for (name, _) in programs {
            let _ = write!(text, ",{name} KiB,{name} files,{name} threads");
        }
        Self { programs, started: clock::now(), path, text: text + "\n" }
    }

    fn sample(&mut self, readers: usize) {
        let seconds = clock::now().duration_since(self.started).as_secs_f64();
        let _ = write!(self.text, "{seconds:.1},{readers}");
        for number in self.programs.iter().flat_map(|(_, program)| program.sample()) {
            let _ = write!(self.text, ",{number}");
        }
        self.text.push('\n');
        fs::write(self.path, &self.text).expect("the samples can be written");
    }
}
