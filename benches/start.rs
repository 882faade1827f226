//! Time from `exec` to the listening socket and to the first event of a replay, compared with a bare axum
//! server; size of the program.

use std::{
    fs,
    io::{BufRead, BufReader, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::Instant,
};

use crate::support::{Args, Match, Report, now, program};
use axum::{Router, routing::get};
use tokio::net::TcpListener;

/// The argument that makes this program act as the floor.
const FLOOR: &str = "--hello";
/// Maximum ratio to the floor. Starting also opens a recording, reads settings, and sets up signals and the
/// display.
const FLOORS: f64 = 3.0;
/// The start of any event in NDJSON, and of the floor's answer.
const EVENT: &str = "{\"type\":";

pub(crate) fn run() {
    let args = Args::parse();
    if args.has(FLOOR) {
        return hello();
    }
    let program = &program();
    let this = std::env::current_exe().expect("this program");
    let mut report = Report::begin(&args, "start");
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds.max(5) {
        let replay = ["replay", "demo", "--port", "0", "--wait-clients", "1", "--speed", "max"];
        ours.push(start(Command::new(program).args(replay)));
        floors.push(start(Command::new(&this).args(["start", FLOOR])));
    }
    let all = |starts: &[Start], of: fn(&Start) -> f64| starts.iter().map(of).collect::<Vec<_>>();
    report.figure("exec to the listening socket", "ms", &all(&ours, |start| start.listening), 20.0);
    report.figure("exec to the first event of a replay", "ms", &all(&ours, |start| start.first), 50.0);
    let (name, beside) = ("exec to the listening socket", "bare axum server");
    let what = Match { name, unit: "ms", beside, bar: FLOORS };
    report.record(&what, &all(&ours, |start| start.listening), &all(&floors, |start| start.listening));
    let bytes = fs::metadata(program).expect("it was built").len();
    report.figure("size of the program", "MB", &[bytes as f64 / 1e6], 25.0);
    report.end();
}

/// Durations of a start, in ms.
struct Start {
    /// Time until it listened.
    listening: f64,
    /// Time until a client received the first event.
    first: f64,
}

fn start(command: &mut Command) -> Start {
    let started = now();
    command.env("NO_COLOR", "1").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it was built");
    // The program ends when its output is closed.
    let mut output = BufReader::new(child.stdout.take().expect("it was asked for"));
    let address = address(&mut output);
    let mut socket = TcpStream::connect(&address).expect("it listens");
    let listening = ms_since(started);
    socket.set_nodelay(true).expect("a socket");
    write!(socket, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it listens");
    let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with(EVENT)), "there are events");
    let first = ms_since(started);
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    Start { listening, first }
}

/// Reads the address from the program's output.
fn address(output: impl BufRead) -> String {
    let line =
        output.lines().map_while(Result::ok).find(|line| line.contains("Serving on")).expect("it serves");
    let (_, rest) = line.split_once("ws://").expect("an address");
    rest.split('/').next().unwrap_or_default().to_owned()
}

fn ms_since(started: Instant) -> f64 {
    now().duration_since(started).as_secs_f64() * 1e3
}

/// The floor: a minimal axum server.
fn hello() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("Serving on ws://{}/", listener.local_addr().expect("its address"));
        let router = Router::new().route("/events", get(async || format!("{EVENT}\"hello\"}}\n")));
        axum::serve(listener, router).await.expect("it listens");
    });
}
