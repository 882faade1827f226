//! What nobody reads. `livetape … | head`: every command exits cleanly if its output is closed. Clients that never read: for
//! each, the server keeps at most one copy of the message that it echoes. And more clients than the system lets the server
//! have.

use std::{
    io::{Read as _, Write as _, pipe},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    time::Duration,
};

use livetape::cli::command;

use crate::support::process::{Running, livetape, program, text};

/// Timeout for a command to exit, on a busy machine.
const END_MAX: Duration = Duration::from_secs(60);
/// An example of each command that prints output; `OUT` is a new file.
const EXAMPLES: [&[&str]; 37] = [
    &["replay", "demo", "--port", "0"],
    &["live", "ann", "--port", "0", "--upstream", "http://127.0.0.1:9"],
    &["serve", "0"],
    &["record", "ann", "--upstream", "http://127.0.0.1:9", "-o", "OUT"],
    &["mock", "--port", "0"],
    &["ca", "--ca-dir", "OUT"],
    &["run", "demo", "--clients", "0", "--", "true"],
    &["test", "--list"],
    &["shrink", "demo", "-o", "OUT", "--", "true"],
    &["watch", "ws://127.0.0.1:9"],
    &["trigger", "chat", "--url", "http://127.0.0.1:9"],
    &["events", "demo"],
    &["import", "fixtures/webcast/session-3.jsonl", "-o", "OUT"],
    &["info", "demo"],
    &["verify", "demo"],
    &["repair", "demo", "-o", "OUT"],
    &["cut", "demo", "--to", "10s", "-o", "OUT"],
    &["merge", "demo", "demo", "-o", "OUT"],
    &["mark", "demo", "here", "--at", "1s", "-o", "OUT"],
    &["share", "recordings/quiet.bin", "-o", "OUT"],
    &["scrub", "recordings/quiet.bin", "-o", "OUT"],
    &["audit", "demo"],
    &["cat", "demo"],
    &["diff", "demo", "recordings/short.bin"],
    &["export", "jsonl", "demo", "-o", "-"],
    &["as-scenario", "demo", "-o", "-"],
    &["synth", "--size", "10KB", "-o", "OUT"],
    &["config", "show"],
    &["config", "example"],
    &["config", "check"],
    &["doctor", "--nats", "nats://127.0.0.1:1"],
    &["token"],
    &["completions", "bash"],
    &["man"],
    &["man", "config", "show"],
    &["events", "no-such-recording"],
    &["no-such-command"],
];

/// Creates a pipe whose read end is closed.
fn closed() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Waits for the exit code; fails after the timeout.
fn wait(mut child: Child, what: &str) -> Option<i32> {
    let (id, (ended, end)) = (child.id(), channel());
    std::thread::spawn(move || ended.send(child.wait().unwrap()));
    end.recv_timeout(END_MAX).map_or_else(
        |_| {
            drop(Command::new("kill").args(["-KILL", &id.to_string()]).status());
            panic!("{what} does not end")
        },
        |status| status.code(),
    )
}

fn spawn(args: &[&str], out: Stdio, err: Stdio) -> Option<i32> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.bin");
    let args = Vec::from_iter(args.iter().map(|arg| if *arg == "OUT" { text(&output) } else { arg }));
    wait(livetape(&args).stdout(out).stderr(err).spawn().unwrap(), &args.join(" "))
}

#[test]
fn every_command_is_covered_by_an_example() {
    for subcommand in command().get_subcommands().filter(|it| !it.is_hide_set()) {
        let name = subcommand.get_name();
        assert!(EXAMPLES.iter().any(|args| args[0] == name), "`{name}` is new");
    }
}

#[test]
fn every_command_survives_a_closed_output() {
    for args in EXAMPLES {
        let code = spawn(args, closed(), Stdio::null());
        assert!(matches!(code, Some(0..=3)), "{args:?} | true: {code:?}");
        let both = spawn(args, closed(), closed());
        assert!(matches!(both, Some(0..=3)), "{args:?} 2>&1 | true: {both:?}");
    }
}

/// Many programs open /dev/null for a command just as the standard library does for a descriptor that is closed, so that the
/// two cannot be told apart.
#[cfg(unix)]
#[test]
fn output_to_a_closed_descriptor_is_discarded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.bin");
    let closed = |line: &str| {
        let line = format!("exec {} {line} >&-", program());
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {output:?}");
    };
    closed("events demo");
    closed("config example");
    // The report is not written to the file, whose descriptor would be the first free one.
    closed(&format!("cut demo --to 10s -o {}", text(&file)));
    closed(&format!("verify {}", text(&file)));
}

#[test]
fn every_command_survives_a_closed_error_output() {
    let servers = ["replay", "serve", "mock"];
    for args in EXAMPLES.iter().filter(|args| !servers.contains(&args[0])) {
        let mut args = args.to_vec();
        if matches!(args[0], "live" | "record") {
            args.extend(["--max-attempts", "1"]);
        }
        let (heard, unheard) =
            (spawn(&args, Stdio::null(), Stdio::null()), spawn(&args, Stdio::null(), closed()));
        assert_eq!(heard, unheard, "{args:?} 2>&-");
    }
}

#[test]
fn a_replay_stops_when_its_output_is_closed() {
    let mut child = livetape(&["replay", "demo", "--port", "0", "--speed", "100"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert!(line.contains("📼 Replaying demo"), "{line}");
    drop(output);
    assert_eq!(wait(child, "replay | head -1"), Some(0));
}

/// A pipe whose reader has stopped blocks a write for any length of time.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_ends_watch_although_its_output_is_not_read() {
    /// Capacity of a pipe, in bytes.
    const PIPE_BYTES: usize = 65_536;
    /// SIGTERM in the sets of signals that Linux reports.
    const TERM: u64 = 1 << 14;
    let server = Running::start(&["replay", "demo"]);
    let (_reader, mut writer) = pipe().unwrap();
    writer.write_all(&[0; PIPE_BYTES]).unwrap();
    let url = format!("ws://{}/", server.address);
    let child = livetape(&["watch", &url, "--since", "0"]).stdout(writer).spawn().unwrap();
    let status = || std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let caught = || {
        let set = status().lines().find_map(|line| line.strip_prefix("SigCgt:").map(str::to_owned)).unwrap();
        u64::from_str_radix(set.trim(), 16).unwrap()
    };
    while caught() & TERM == 0 {
        std::thread::yield_now();
    }
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert_eq!(wait(child, "watch with a full pipe"), Some(0));
}

/// Maximum length of a message on `/ws/echo`, in bytes.
const MESSAGE_BYTES: usize = 16 << 20;
const SOCKETS: usize = 6;
/// Maximum memory per socket: one copy of its message, and memory that the system does not reclaim at once.
const SOCKET_KIB_MAX: u64 = 24 << 10;
/// Maximum memory of the server without them.
const IDLE_KIB_MAX: u64 = 8 << 10;

/// Opens a socket whose messages come back.
fn open(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "GET /ws/echo HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// Sends the longest message to the echo and reads only the start of the answer.
fn stuck(address: &str) -> TcpStream {
    let mut stream = open(address);
    // A binary message, masked with zeros.
    let frame = [&[0x82, 0xff][..], &(MESSAGE_BYTES as u64).to_be_bytes(), &[0; 4], &vec![7; MESSAGE_BYTES]];
    stream.write_all(&frame.concat()).unwrap();
    // By now, all copies of the message exist.
    let mut head = [0; 10];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[..2], [0x82, 127]);
    stream
}

#[cfg(target_os = "linux")]
#[test]
fn an_unread_echo_is_stored_only_once() {
    let server = Running::start(&["serve"]);
    let sockets = Vec::from_iter((0..SOCKETS).map(|_| stuck(&server.address)));
    let kib = server.own_peak_kib();
    drop(sockets);
    println!("{} MiB for {SOCKETS} sockets", kib >> 10);
    assert!(kib <= IDLE_KIB_MAX + SOCKETS as u64 * SOCKET_KIB_MAX, "{} MiB", kib >> 10);
}

/// Maximum number of files that the server may have open.
const FILES_MAX: usize = 64;

#[cfg(target_os = "linux")]
#[test]
fn a_server_without_free_file_descriptors_goes_on_and_accepts_again_later() {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {FILES_MAX}; exec {} serve --port 0", program())]);
    let mut server = Running::spawn(&mut command, "Press Ctrl+C");
    let mut socket = open(&server.address);
    // The system accepts those for which the server has no descriptor.
    let waiting = Vec::from_iter((0..FILES_MAX).map(|_| TcpStream::connect(&server.address).unwrap()));
    let mut echo = |message: &[u8; 2]| {
        socket.write_all(&[&[0x82, 0x82, 0, 0, 0, 0], &message[..]].concat()).unwrap();
        let mut answer = [0; 4];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer[2..], *message);
    };
    server.wait_until_logged("New connections wait");
    echo(b"on");
    drop(waiting);
    open(&server.address);
    echo(b"ok");
}
