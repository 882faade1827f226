//! From `exec` to the listening socket, and to the first event of a replay; how large the program is.

mod support;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Instant,
};

use support::{Args, Report, now};

fn main() {
    let args = Args::parse();
    let program = env!("CARGO_BIN_EXE_livetape");
    let mut report = Report::begin(&args, "start");
    let starts: Vec<_> = (0..args.rounds.max(5)).map(|_| start(program)).collect();
    let (listening, first): (Vec<_>, Vec<_>) = starts.into_iter().unzip();
    report.figure("exec to the listening socket", "ms", &listening, 20.0);
    report.figure("exec to the first event of a replay", "ms", &first, 50.0);
    let bytes = std::fs::metadata(program).expect("it was built").len();
    report.figure("size of the program", "MB", &[bytes as f64 / 1e6], 25.0);
    report.end();
}

/// Milliseconds until it listens, and until a subscriber has the first event.
fn start(program: &str) -> (f64, f64) {
    let started = now();
    let mut child = Command::new(program)
        .args(["replay", "demo", "--port", "0", "--wait-clients", "1", "--speed", "max"])
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it was built");
    let address = address(&mut child);
    let mut socket = TcpStream::connect(&address).expect("it listens");
    let listening = ms_since(started);
    socket.set_nodelay(true).expect("a socket");
    write!(socket, "GET /events HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it listens");
    let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("{\"type\":")), "there are events");
    let first = ms_since(started);
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    (listening, first)
}

/// What it says that it serves on.
fn address(child: &mut Child) -> String {
    let lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
    let line = lines.map_while(Result::ok).find(|line| line.contains("Serving on")).expect("it serves");
    let (_, rest) = line.split_once("ws://").expect("an address");
    rest.split('/').next().unwrap_or_default().to_owned()
}

fn ms_since(started: Instant) -> f64 {
    now().duration_since(started).as_secs_f64() * 1e3
}
