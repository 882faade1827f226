//! NATS, nodes and readers, as separate processes and threads.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Instant,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{now, program};

/// Name of the cluster.
const CLUSTER: &str = "bench";
/// The recording of a mock's rooms, longer than anything measured.
const SHOW: &str = "show.bin";
const SHOW_MINUTES: &str = "120";

/// A process that ends with this value.
pub(super) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Process {
    /// Starts a program, and returns it with the first words after each of `marks` in its output.
    fn start(command: &mut Command, marks: &[&str]) -> (Self, Vec<String>) {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it is installed");
        let (sender, lines) = channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("asked for")),
            Box::new(child.stderr.take().expect("asked for")),
        ];
        for output in outputs {
            let sender = sender.clone();
            // Also reads what nobody waits for, so that the program never waits.
            thread::spawn(move || {
                BufReader::new(output).lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
            });
        }
        let mut found = vec![String::new(); marks.len()];
        while found.iter().any(String::is_empty) {
            let line = lines.recv().expect("it starts");
            for (found, mark) in found.iter_mut().zip(marks) {
                let rest = line.split_once(mark).map(|(_, rest)| rest).unwrap_or_default();
                found.push_str(rest.split([' ', '/']).next().unwrap_or_default());
            }
        }
        (Self(child), found)
    }
}

/// A NATS server.
pub(super) struct Nats {
    _process: Process,
    _storage: TempDir,
    pub(super) address: String,
    monitor: String,
}

impl Nats {
    pub(super) fn start() -> Self {
        let storage = TempDir::new().expect("a folder");
        let mut command = Command::new("nats-server");
        command.args([
            "--addr",
            "127.0.0.1",
            "--port",
            "-1",
            "--http_port",
            "-1",
            "--jetstream",
            "--store_dir",
        ]);
        let marks = ["Starting http monitor on ", "Listening for client connections on ", "Server is "];
        let (process, found) = Process::start(command.arg(storage.path()), &marks);
        Self { _process: process, _storage: storage, address: found[1].clone(), monitor: found[0].clone() }
    }

    /// Returns the number of messages in the log of the cluster so far.
    pub(super) fn pieces(&self) -> f64 {
        let facts = self.facts("/jsz?accounts=true&streams=true");
        let streams = facts["account_details"][0]["stream_detail"].as_array().expect("a list");
        let log = streams.iter().find(|stream| stream["name"] == format!("livetape-{CLUSTER}_main"));
        log.expect("it exists")["state"]["last_seq"].as_f64().expect("a number")
    }

    fn facts(&self, path: &str) -> Value {
        serde_json::from_str(&ask(&self.monitor, "GET", path, "")).expect("JSON")
    }

    /// Returns the number of messages received and sent so far.
    pub(super) fn messages(&self) -> f64 {
        let facts = self.facts("/varz");
        ["in_msgs", "out_msgs"].map(|name| facts[name].as_f64().expect("a number")).iter().sum()
    }

    /// Returns the number of bytes received and sent so far.
    pub(super) fn bytes(&self) -> [f64; 2] {
        let facts = self.facts("/varz");
        ["in_bytes", "out_bytes"].map(|name| facts[name].as_f64().expect("a number"))
    }
}

/// A mock TikTok, whose rooms are a long show.
pub(super) struct Mock {
    _process: Process,
    url: String,
    show: TempDir,
}

impl Mock {
    pub(super) fn start(speed: u32) -> Self {
        let show = TempDir::new().expect("a temporary folder");
        let path = show.path().join(SHOW);
        let made =
            Command::new(program()).args(["synth", "--minutes", SHOW_MINUTES, "-o"]).arg(&path).output();
        assert!(made.is_ok_and(|output| output.status.success()), "the show is written");
        let mut command = Command::new(program());
        command.args(["mock", "--port", "0", "--speed", &speed.to_string(), "--play"]).arg(path);
        let (process, mut found) = Process::start(&mut command, &["Mock TikTok on http://"]);
        Self { _process: process, url: format!("http://{}", found.swap_remove(0)), show }
    }

    /// Returns the ids of the show's events.
    pub(super) fn shown(&self) -> Vec<String> {
        let mut command = Command::new(program());
        let output =
            command.args(["events", "--raw"]).arg(self.show.path().join(SHOW)).output().expect("it runs");
        ids(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned))
    }
}

/// A process of livetape.
pub(super) struct Node {
    process: Process,
    pub(super) address: String,
}

impl Node {
    /// Starts a node of the cluster; without NATS, a process of its own.
    pub(super) fn start(nats: Option<&Nats>, lease: &str) -> Self {
        Self::with(nats, lease, None)
    }

    /// Starts a node whose rooms are those of a mock.
    pub(super) fn with(nats: Option<&Nats>, lease: &str, mock: Option<&Mock>) -> Self {
        let mut command = Command::new(program());
        command.args(["serve", "--port", "0", "--quiet"]).env("LIVETAPE_CLUSTER_LEASE", lease);
        if let Some(nats) = nats {
            command.args(["--nats", &format!("nats://{}", nats.address), "--cluster", CLUSTER]);
        }
        command.args(mock.iter().flat_map(|mock| ["--upstream", &*mock.url]));
        let (process, mut found) = Process::start(&mut command, &["Serving on ws://", "Press "]);
        Self { process, address: found.swap_remove(0) }
    }

    pub(super) fn post(&self, path: &str, body: &str) {
        ask(&self.address, "POST", path, body);
    }

    /// Shows the room of a mock.
    pub(super) fn connect(&self) {
        self.post("/connect/ann", "");
    }

    pub(super) fn disconnect(&self) {
        ask(&self.address, "DELETE", "/connect/ann", "");
    }

    /// Returns a metric; 0 if there is none.
    pub(super) fn metric(&self, name: &str) -> f64 {
        let text = ask(&self.address, "GET", "/metrics", "");
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.unwrap_or(0.0)
    }

    pub(super) fn is_owner(&self) -> bool {
        self.metric(r#"livetape_cluster_leases{channel="main"}"#) > 0.0
    }

    /// Returns the CPU time of all threads, in µs.
    pub(super) fn cpu(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.0.id())).expect("it runs");
        let of_task = |task: fs::DirEntry| -> Option<f64> {
            fs::read_to_string(task.path().join("schedstat")).ok()?.split(' ').next()?.parse().ok()
        };
        tasks.flatten().filter_map(of_task).sum::<f64>() / 1e3
    }

    /// Shuts it down, and waits until it has ended.
    pub(super) fn stop(mut self) {
        let id = self.process.0.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "it runs");
        assert!(self.process.0.wait().is_ok_and(|status| status.success()), "it ends properly");
    }

    /// Returns the ids of all events in the backlog of this node, up to the end of the room.
    pub(super) fn ids(&self) -> Vec<String> {
        let socket = request(&self.address, "GET", "/events?raw=1&since=0", "");
        let lines = BufReader::new(socket).lines().map_while(Result::ok);
        ids(lines.take_while(|line| !line.contains(r#""type":"disconnected""#)))
    }

    /// Returns when each event arrives at a reader of this node.
    pub(super) fn arrivals(&self) -> Receiver<Instant> {
        let socket = request(&self.address, "GET", "/events", "");
        let (sender, arrivals) = channel();
        let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
        // The reader has joined when the head has arrived.
        assert!(lines.any(|line| line.is_empty()), "the feed begins");
        thread::spawn(move || {
            for _ in lines.filter(|line| line.starts_with('{')) {
                if sender.send(now()).is_err() {
                    return;
                }
            }
        });
        arrivals
    }
}

fn ids(lines: impl Iterator<Item = String>) -> Vec<String> {
    let id = |line: String| Some(serde_json::from_str::<Value>(&line).ok()?["id"].as_str()?.to_owned());
    lines.filter_map(id).collect()
}

/// Removes the owner from the nodes, as soon as there is one.
pub(super) fn take_owner(nodes: &mut Vec<Node>) -> Node {
    loop {
        if let Some(at) = nodes.iter().position(Node::is_owner) {
            return nodes.remove(at);
        }
    }
}

fn ask(address: &str, method: &str, path: &str, body: &str) -> String {
    let mut answer = String::new();
    request(address, method, path, body).read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
    assert!(head.contains(" 200 "), "{method} {path}: {answer}");
    body.to_owned()
}

/// HTTP 1.0, so that a body ends with its connection.
fn request(address: &str, method: &str, path: &str, body: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("it listens");
    socket.set_nodelay(true).expect("a socket");
    let head =
        format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    socket.write_all(format!("{head}{body}").as_bytes()).expect("it listens");
    socket
}
