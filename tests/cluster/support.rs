//! NATS, nodes and readers of their feeds, each a process or a thread.

#[path = "../support/command.rs"]
mod command;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU16, Ordering},
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use livetape_io::clock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::logins::{USER, documented_permissions, users};

pub(crate) use command::livetape;

/// Maximum time to wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Lease of the nodes in most tests.
pub(crate) const LEASE: &str = "500ms";
/// Name of the cluster.
pub(crate) const CLUSTER: &str = "test";

/// The IP address of NATS servers: of this process alone. At any other, another program could take the port of a
/// server while it is down.
pub(crate) fn own_ip() -> IpAddr {
    let [.., high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high + 1, middle, low).into()
}

/// Returns an address that nothing uses, now or later. Its port is not among those that systems give to programs
/// that ask for any.
pub(crate) fn own_address() -> SocketAddr {
    static PORT: AtomicU16 = AtomicU16::new(14_222);
    (own_ip(), PORT.fetch_add(1, Ordering::Relaxed)).into()
}

/// A NATS server with its storage.
pub(crate) struct Nats {
    pub(crate) process: Option<Process>,
    pub(crate) storage: TempDir,
    pub(crate) address: String,
    args: Vec<String>,
    /// Login in URLs.
    user: String,
}

impl Nats {
    /// Starts a server whose users may do what the documentation says, and nothing else.
    pub(crate) fn start() -> Self {
        Self::configured(&["--jetstream"], &users(&documented_permissions(CLUSTER)))
    }

    pub(crate) fn with(args: &[&str]) -> Self {
        Self::configured(args, "")
    }

    pub(crate) fn configured(args: &[&str], config: &str) -> Self {
        Self::on(TempDir::new().unwrap(), args, config)
    }

    /// Starts a server that stores in this folder.
    pub(crate) fn on(storage: TempDir, args: &[&str], config: &str) -> Self {
        let mut nats = Self {
            process: None,
            storage,
            address: own_address().to_string(),
            args: args.iter().map(ToString::to_string).collect(),
            user: if config.contains(USER) { format!("{USER}:{USER}@") } else { String::new() },
        };
        std::fs::write(nats.config(), config).unwrap();
        nats.restart();
        nats
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.storage.path().join("nats.conf")
    }

    /// Starts, or starts again at the same address.
    pub(crate) fn restart(&mut self) {
        let (ip, port) = self.address.split_once(':').unwrap();
        let mut command = nats_server();
        command
            .args(["--addr", ip, "--port", port, "--store_dir"])
            .arg(self.storage.path())
            .arg("--config")
            .arg(self.config())
            .args(&self.args);
        let process = Process::start(&mut command);
        process.until("Server is ready");
        self.process = Some(process);
    }

    pub(crate) fn url(&self) -> String {
        self.url_of(&self.address)
    }

    /// Returns the URL of something that passes connections on to this server.
    pub(crate) fn url_of(&self, address: &str) -> String {
        format!("nats://{}{address}", self.user)
    }

    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.as_ref().unwrap().signal(name);
    }

    /// Stops the server, and copies its storage.
    pub(crate) fn copy_storage(&mut self) -> TempDir {
        self.kill();
        let copy = TempDir::new().unwrap();
        copy_all(self.storage.path(), copy.path());
        copy
    }

    /// Stops the server, and puts a copy of its storage back.
    pub(crate) fn put_back(&mut self, copy: TempDir) {
        self.kill();
        self.storage = copy;
    }

    /// Publishes as a program other than livetape.
    pub(crate) fn publish(&self, subject: &str, payload: &[u8]) {
        let mut socket = self.stranger();
        let publish = format!("PUB {subject} {}\r\n", payload.len());
        socket.write_all(&[publish.as_bytes(), payload, b"\r\nPING\r\n"].concat()).unwrap();
        let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
        assert!(lines.any(|line| line == "PONG"));
    }

    /// Publishes messages of this size, one after the other: NATS drops what comes faster than it stores.
    pub(crate) fn fill(&self, subject: &str, messages: usize, bytes: usize) {
        let mut socket = self.stranger();
        socket.write_all(b"SUB _INBOX.test 1\r\n").unwrap();
        let publish = format!("PUB {subject} _INBOX.test {bytes}\r\n{}\r\n", "x".repeat(bytes));
        let mut lines = BufReader::new(socket.try_clone().unwrap()).lines().map_while(Result::ok);
        for _ in 0..messages {
            socket.write_all(publish.as_bytes()).unwrap();
            lines.find(|line| line.starts_with("MSG ")).unwrap();
            let stored = lines.next().unwrap();
            assert!(stored.contains(r#""seq":"#), "{stored}");
        }
    }

    /// Sends a request as a program other than livetape, and returns the answer.
    pub(crate) fn request(&self, subject: &str, payload: &str) -> String {
        let mut socket = self.stranger();
        let request =
            format!("SUB _INBOX.test 1\r\nPUB {subject} _INBOX.test {}\r\n{payload}\r\n", payload.len());
        socket.write_all(request.as_bytes()).unwrap();
        let mut lines = BufReader::new(socket).lines().map_while(Result::ok);
        lines.find(|line| line.starts_with("MSG ")).unwrap();
        lines.next().unwrap()
    }

    /// Returns the last message of a stream with this subject.
    pub(crate) fn last_stored(&self, stream: &str, subject: &str) -> Vec<u8> {
        let wanted = json!({ "last_by_subj": subject }).to_string();
        let answer = self.request(&format!("$JS.API.STREAM.MSG.GET.{stream}"), &wanted);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        BASE64_STANDARD.decode(answer["message"]["data"].as_str().unwrap()).unwrap()
    }

    /// Connects as a program other than livetape, which may do everything.
    pub(crate) fn stranger(&self) -> TcpStream {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let login = r#"CONNECT {"verbose":false,"headers":true,"user":"stranger","pass":"stranger"}"#;
        socket.write_all(format!("{login}\r\n").as_bytes()).unwrap();
        socket
    }
}

/// Whether the NATS server has version 2.9, the oldest that is supported.
pub(crate) fn is_nats(version: &str) -> bool {
    let told = nats_server().arg("--version").output().unwrap().stdout;
    String::from_utf8(told).unwrap().contains(&format!("v{version}."))
}

/// Returns the command of a NATS server: the one of the system, or another version for the nightly chore.
pub(crate) fn nats_server() -> Command {
    Command::new(std::env::var_os("LIVETAPE_NATS_SERVER").unwrap_or_else(|| "nats-server".into()))
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A node of the cluster.
pub(crate) struct Node {
    pub(crate) process: Process,
    address: String,
    pub(crate) name: String,
}

/// Returns the command of a node.
pub(crate) fn node(nats: &str, lease: &str) -> Command {
    node_at("127.0.0.1:0", nats, lease)
}

/// Returns the command of a node with an address of its own, which it still has after a restart.
pub(crate) fn node_at(address: &str, nats: &str, lease: &str) -> Command {
    let mut command =
        livetape(&["serve", "--nats", nats, "--cluster", CLUSTER, "--listen", address, "--quiet"]);
    command.args(["--log-level", "info"]).env("LIVETAPE_CLUSTER_LEASE", lease);
    command
}

impl Node {
    pub(crate) fn start(nats: &Nats) -> Self {
        Self::with(&mut node(&nats.url(), LEASE))
    }

    pub(crate) fn with(command: &mut Command) -> Self {
        let process = Process::start(command);
        let serving = process.until("Serving on ws://");
        let address = serving.split("ws://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let line = process.until("🔗 Node ");
        let name = line.split("Node ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        Self { process, address, name }
    }

    /// Returns a load balancer, which clients use like a node.
    pub(crate) fn behind(process: Process, address: String) -> Self {
        Self { process, address, name: String::new() }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn three(nats: &Nats) -> Vec<Self> {
        (0..3).map(|_| Self::start(nats)).collect()
    }

    /// Sends a request. Returns the status and the body.
    pub(crate) fn request(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.exchange(method, path, &body);
        (status, serde_json::from_str(&answer).unwrap_or_default())
    }

    /// Returns a text that this node serves.
    pub(crate) fn text(&self, path: &str) -> String {
        self.exchange("GET", path, "").1
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut socket = self.send(method, path, body);
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.request("POST", path, body);
        assert_eq!(status, 200, "POST {path}: {answer}");
        answer
    }

    pub(crate) fn status(&self) -> Value {
        self.request("GET", "/status", &Value::Null).1
    }

    /// Whether this node is the owner, as it sees it.
    pub(crate) fn is_owner(&self) -> bool {
        self.status()["cluster"]["owner"] == *self.name
    }

    pub(crate) fn feed(&self, since: &str) -> Feed {
        let socket = self.send("GET", &format!("/events?raw=1&since={since}"), "");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(socket).lines().map_while(Result::ok);
            for line in lines.filter(|line| line.starts_with('{')) {
                drop(sender.send(line));
            }
        });
        Feed { lines, first: None.into() }
    }

    /// Opens the room of a token, from its first event.
    pub(crate) fn room(&self, token: &str) -> Feed {
        self.room_since(token, "0")
    }

    pub(crate) fn room_since(&self, token: &str, since: &str) -> Feed {
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://{}/ws/{token}?raw=1&since={since}", self.address);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            // The room may take long to open, or not open.
            let Ok((mut socket, _)) = tungstenite::client(url, socket) else { return };
            while let Ok(message) = socket.read() {
                let tungstenite::Message::Text(text) = message else { continue };
                // Messages that are not events have no number. The reader may have left.
                let is_event = text.contains(r#""seq":"#) || text.contains(r#""type":"error""#);
                if is_event && sender.send(text.to_string()).is_err() {
                    return;
                }
            }
        });
        Feed { lines, first: None.into() }
    }

    /// HTTP 1.0, so that bodies are neither in chunks nor followed by another response.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let head =
            format!("{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        socket.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
        socket
    }
}

/// Maximum number of requests until a node has learned something that the others report.
const POLLS_MAX: usize = 20_000;

/// Asks again until there is an answer.
#[track_caller]
pub(crate) fn polled<T>(ask: impl FnMut() -> Option<T>) -> T {
    std::iter::repeat_with(ask).take(POLLS_MAX).flatten().next().expect("the nodes learn it from each other")
}

/// Removes the owner from the nodes, as soon as there is one.
pub(crate) fn take_owner(nodes: &mut Vec<Node>) -> Node {
    let at = polled(|| nodes.iter().position(Node::is_owner));
    nodes.remove(at)
}

/// A reader of a node's feed.
pub(crate) struct Feed {
    lines: Receiver<String>,
    first: std::cell::RefCell<Option<String>>,
}

impl Feed {
    /// Waits for the next event.
    pub(crate) fn peek(&self) {
        *self.first.borrow_mut() = self.next();
    }

    /// Returns the next event; `None` at the end of the feed.
    #[track_caller]
    pub(crate) fn next(&self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no event in time"),
        }
    }

    /// Returns all events up to and including the first that `is_last`.
    #[track_caller]
    pub(crate) fn until(&self, is_last: impl Fn(&Value) -> bool) -> Vec<String> {
        let mut events = Vec::new();
        loop {
            let Some(line) = self.next() else {
                panic!("the feed ended after {} events, with {:?}", events.len(), events.last())
            };
            let event = serde_json::from_str(&line).unwrap();
            events.push(line);
            if is_last(&event) {
                return events;
            }
        }
    }

    /// Returns all events up to `disconnected`.
    #[track_caller]
    pub(crate) fn to_end(&self) -> Vec<String> {
        self.until(|event| event["type"] == "disconnected")
    }
}

/// Returns the position after an event.
pub(crate) fn after(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    format!("{}:{}", event["stream"].as_str().unwrap(), event["seq"])
}

/// Returns the events without the names of their stream and their numbers.
pub(crate) fn contents<'a>(events: impl IntoIterator<Item = &'a String>) -> Vec<Value> {
    let content = |event: &String| {
        let mut event: BTreeMap<String, Value> = serde_json::from_str(event).unwrap();
        event.remove("stream");
        event.remove("seq");
        json!(event)
    };
    events.into_iter().map(content).collect()
}

/// Checks that two logs are equal, and shows where they differ.
#[track_caller]
pub(crate) fn assert_same<T: PartialEq + std::fmt::Debug>(left: &[T], right: &[T]) {
    let at = left.iter().zip(right).take_while(|(left, right)| left == right).count();
    let around = |log: &[T]| format!("{:#?}", &log[at.saturating_sub(1)..(at + 2).min(log.len())]);
    let lengths = (left.len(), right.len());
    assert!(left == right, "event {at} of {lengths:?} differs: {}\n{}", around(left), around(right));
}

/// Returns the numbers of the events that have one.
pub(crate) fn numbers(events: &[String]) -> Vec<u64> {
    let number = |event: &String| serde_json::from_str::<Value>(event).unwrap()["seq"].as_u64();
    let numbers: Vec<_> = events.iter().filter_map(number).collect();
    // An empty log would be in order, whatever was lost.
    assert!(!numbers.is_empty(), "no event has a number");
    numbers
}

/// Returns the events of the demo, as one process without a cluster broadcasts them.
pub(crate) fn demo() -> Vec<Value> {
    let output = livetape(&["events", "demo", "--raw"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    contents(&text.lines().map(str::to_owned).collect::<Vec<_>>())
}

/// A process, killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Lines of stdout and stderr.
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("`cargo xtask nightly cluster` installs nats-server");
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let inputs: [Box<dyn std::io::Read + Send>; 2] = [Box::new(out), Box::new(err)];
        for input in inputs {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(input).lines().map_while(Result::ok) {
                    drop(sender.send(line));
                }
            });
        }
        Self { child, lines }
    }

    /// Waits for a line that contains `text`.
    #[track_caller]
    pub(crate) fn until(&self, text: &str) -> String {
        let (mut seen, ends) = (Vec::new(), clock::now() + PATIENCE);
        loop {
            match self.lines.recv_timeout(ends.saturating_duration_since(clock::now())) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line with {text:?} in {seen:#?}"),
            }
        }
    }

    /// Returns the output that nobody has waited for.
    pub(crate) fn rest(&self) -> String {
        self.lines.try_iter().collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
        // Until then, it may still answer.
        while name == "STOP" && !self.stands_still() {}
    }

    /// Whether all threads are stopped.
    fn stands_still(&self) -> bool {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        threads.flatten().all(|thread| {
            let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            status.contains("\nState:\tT")
        })
    }

    /// Waits for the exit. Returns its code and all further lines.
    #[track_caller]
    pub(crate) fn wait(self) -> (Option<i32>, String) {
        self.wait_at_most(PATIENCE)
    }

    /// Like [`wait`](Self::wait), but fails if it takes longer.
    #[track_caller]
    pub(crate) fn wait_at_most(mut self, time: Duration) -> (Option<i32>, String) {
        let (mut lines, ends) = (Vec::new(), clock::now() + time);
        // The output ends with the process.
        loop {
            match self.lines.recv_timeout(ends.saturating_duration_since(clock::now())) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("process {} did not end within {time:?}: {lines:#?}", self.child.id())
                }
            }
        }
        (self.child.wait().unwrap().code(), lines.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            println!("process {} had said:\n{}", self.child.id(), self.rest());
        }
    }
}
