//! A cluster, its clients, and what can happen to it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use livetape_io::clock;
use proptest::test_runner::TestRng;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    Fault,
    check::{Check, READERS},
    clients::{Injector, Outcome, Reader, Seen, injection, order},
    index, rng,
};
use crate::{
    damage, doctor,
    logins::{documented_permissions, users},
    outage,
    support::{CLUSTER, LEASE, Nats, Node, Process, is_nats, node_at, own_address},
};

/// Number of nodes.
const NODES: usize = 3;
/// Speed of the replay: some fifty events a second.
const SPEED: u32 = 80;
/// Bytes of the disk of NATS, and how many of them JetStream may use.
const DISK: (&str, &str) = ("96m", "80MB");
/// Lease with three servers, which elect a leader for some seconds.
const LONG_LEASE: &str = "5s";
/// Number of chats that a rolled back NATS forgets.
const FORGOTTEN: usize = 5;
/// Maximum time for anything to become possible again.
const RECOVERY: Duration = Duration::from_secs(60);
/// Maximum time to recover after a full disk, before NATS is started again: two leases.
const BY_ITSELF: Duration = Duration::from_secs(1);
/// Maximum time in which owners change after a fault.
const CHANGING: Duration = Duration::from_secs(10);
/// Number of events of the replay between two faults.
const EVENTS: usize = 20;
/// One in so many faults happens before the one before is over.
const OVERLAPPING: usize = 4;
const LOG: &str = "livetape-test_main";
const BUCKET: &str = "KV_livetape-test";

/// A file system of its own, as long as this process lives.
struct Disk {
    path: PathBuf,
    _holder: Process,
}

impl Disk {
    fn new() -> Self {
        let script =
            format!("mount -t tmpfs -o size={} none /mnt && echo mounted && exec sleep infinity", DISK.0);
        let mut command = Command::new("unshare");
        let holder = Process::start(command.args(["--map-root-user", "--mount", "sh", "-c", &script]));
        holder.until("mounted");
        // Other processes can see it there.
        let path = ["/proc", &holder.id().to_string(), "root", "mnt"].iter().collect();
        Self { path, _holder: holder }
    }
}

pub(super) struct World {
    rng: TestRng,
    /// Chooses nodes for orders. How many are needed depends on timing; what happens must not.
    order_rng: TestRng,
    readers: Vec<Reader>,
    injector: Option<Injector>,
    nodes: Vec<Node>,
    servers: Vec<Nats>,
    disk: Option<Disk>,
    /// The addresses of all nodes, also of those that are gone for now.
    addresses: Vec<String>,
    /// The recording, and the clocks of nodes.
    folder: PathBuf,
    has_clocks: bool,
    check: Check,
    attempts: usize,
}

impl World {
    pub(super) fn start(seed: u64, faults: &[&str], folder: &Path) -> Self {
        let has = |name| faults.contains(&name);
        let disk = has("disk-full").then(Disk::new);
        let servers = if has("roll") {
            outage::start()
        } else {
            let storage = disk.as_ref().map_or_else(TempDir::new, |disk| TempDir::new_in(&disk.path));
            let limit = format!("jetstream: {{ max_file_store: {} }}\n", DISK.1);
            let config = limit + &users(&documented_permissions(CLUSTER));
            vec![Nats::on(storage.unwrap(), &[], &config)]
        };
        let addresses: Vec<_> = (0..NODES).map(|_| own_address().to_string()).collect();
        let reader = |at| Reader::start(addresses.clone(), seed.wrapping_add(at));
        let mut world = Self {
            rng: rng(seed),
            order_rng: rng(seed),
            readers: (1..).take(READERS).map(reader).collect(),
            injector: None,
            nodes: Vec::new(),
            servers,
            disk,
            addresses,
            folder: folder.to_owned(),
            has_clocks: has("clock"),
            check: Check::default(),
            attempts: 0,
        };
        (0..NODES).for_each(|node| world.set(node, "+0"));
        world.start_nodes();
        world.load();
        world.injector = Some(Injector::start(world.addresses.clone(), seed));
        world
    }

    /// Lets these faults happen, and checks everything.
    pub(super) fn suffer(mut self, faults: &[&Fault], recording: &[Value]) {
        let mut may_void = false;
        for (at, fault) in faults.iter().enumerate() {
            print!("  {}", fault.name);
            (fault.strike)(&mut self);
            may_void |= fault.voids;
            // The next one may happen before all have recovered.
            let waits = faults.get(at + 1).is_none_or(|next| next.waits);
            if index(&mut self.rng, OVERLAPPING) > 0 || waits {
                self.settle(may_void);
                may_void = false;
            }
        }
        self.injector = None;
        let last = self.settle(false);
        self.nodes.iter().for_each(|node| self.check.backlog(&backlog(node, &last)));
        self.check.finish(recording);
    }

    /// Waits until all readers get events again, and checks what they have got. Returns the chat that all have
    /// read.
    fn settle(&mut self, may_void: bool) -> String {
        let mut sent = self.injector.as_ref().map_or_else(Vec::new, Injector::take);
        let taken: Vec<_> = (0..READERS).map(|at| self.check.taken(at)).collect();
        let began = clock::now();
        let chat = self.insist(&mut sent);
        let took = began.elapsed().as_millis();
        if may_void {
            // Where numbers are used again, readers that have seen them wait in vain.
            let at = index(&mut self.rng, NODES);
            (0..).zip(&self.readers).for_each(|(at, reader)| self.check.read(at, &reader.log(), true));
            self.check.backlog(&backlog(&self.nodes[at], &chat));
        }
        let is_chat = |seen: &Seen| matches!(seen, Seen::Event { chat: Some(it), .. } if *it == chat);
        let read: Vec<_> =
            (0..).zip(&self.readers).map(|(at, it)| it.sees(taken[at], &chat, is_chat)).collect();
        if !self.replays() {
            assert!(may_void, "the replay is gone");
            self.load();
        }
        for ((at, reader), mut read) in self.readers.iter().enumerate().zip(read) {
            for _ in 0..EVENTS {
                read = 1 + reader.sees(read, "the replay", |it| matches!(it, Seen::Event { chat: None, .. }));
            }
            self.check.read(at, &reader.log(), may_void);
        }
        recovered(|| self.keeps_leases().then_some(()));
        self.check.sent(sent, may_void);
        println!(": {}, recovered in {took} ms", self.check);
        chat
    }

    /// Injects a chat, and repeats it as another until one is confirmed. Returns that.
    fn insist(&mut self, sent: &mut Vec<(String, Outcome)>) -> String {
        recovered(|| {
            self.attempts += 1;
            let chat = format!("settled {}", self.attempts);
            let outcome = order(self.any_address(), "/inject", &injection(&chat));
            let is_confirmed = matches!(outcome, Outcome::Executed(_));
            sent.push((chat.clone(), outcome));
            is_confirmed.then_some(chat)
        })
    }

    fn any_address(&mut self) -> &str {
        &self.addresses[index(&mut self.order_rng, NODES)]
    }

    /// Starts the replay.
    fn load(&mut self) {
        recovered(|| match order(self.any_address(), "/replay/load", &json!({ "recording": "show" })) {
            Outcome::Executed(_) => Some(()),
            Outcome::Refused => None,
            // A second one would begin it again.
            Outcome::Unknown => self.nodes.iter().any(|node| node.status()["mode"] == "replay").then_some(()),
        });
        let speed = json!({ "speed": SPEED });
        recovered(|| {
            matches!(order(self.any_address(), "/replay/speed", &speed), Outcome::Executed(_)).then_some(())
        });
    }

    fn start_nodes(&mut self) {
        for (at, address) in self.addresses.iter().enumerate() {
            if self.nodes.iter().any(|node| node.address() == address) {
                continue;
            }
            let rolling = self.servers.len() > 1;
            let nats = self.servers[at % self.servers.len()].url();
            let mut command = node_at(address, &nats, if rolling { LONG_LEASE } else { LEASE });
            command.arg("--recordings").arg(&self.folder);
            if rolling {
                command.env("LIVETAPE_CLUSTER_REPLICAS", "3");
            }
            if self.has_clocks {
                doctor::faked(&mut command)
                    .env("FAKETIME_TIMESTAMP_FILE", self.clock(at))
                    .env("FAKETIME_NO_CACHE", "1");
            }
            self.nodes.push(Node::with(&mut command));
        }
    }

    fn owner(&self) -> usize {
        recovered(|| self.nodes.iter().position(Node::is_owner))
    }

    /// Whether the replay plays. After a fault, the owner may change some times more.
    fn replays(&self) -> bool {
        let replays = |status: &Value| {
            status["mode"] == "replay" && status["cluster"]["owner"] == status["cluster"]["node"]
        };
        let ends = clock::now() + CHANGING;
        let asked = std::iter::repeat_with(|| self.nodes.iter().any(|node| replays(&node.status())));
        asked.take_while(|_| clock::now() < ends).any(|replays| replays)
    }

    /// Whether NATS keeps one lease of each kind. After its bucket was deleted, it may keep all, and find none: then
    /// each node believes that it is the owner.
    fn keeps_leases(&self) -> bool {
        let info = outage::ask(&self.servers[0], &format!("STREAM.INFO.{BUCKET}"));
        let count = |of: &str| info.as_ref().and_then(|info| info["state"][of].as_u64());
        count("messages").is_some() && count("messages") <= count("num_subjects")
    }

    fn take_owner(&mut self) -> Node {
        let at = self.owner();
        self.nodes.remove(at)
    }

    fn take_other(&mut self) -> Node {
        let at = self.owner() + 1 + index(&mut self.rng, NODES - 1);
        self.nodes.remove(at % NODES)
    }

    fn nats(&mut self) -> &mut Nats {
        &mut self.servers[0]
    }

    /// Waits until each reader is told that something is wrong.
    fn all_told(&self, since: &[usize]) {
        for (reader, since) in self.readers.iter().zip(since) {
            reader.sees(*since, "an error", is_trouble);
        }
    }

    /// Returns what readers have seen, once no node has told them anything that is not over.
    fn now(&self) -> Vec<usize> {
        let is_calm = |node: &Node| {
            let (status, state) = node.request("GET", "/status", &Value::Null);
            let cluster = &state["cluster"];
            let trouble = ["refused", "unowned"].iter().any(|it| !cluster[it].is_null());
            status == 200 && cluster["reachable"] == true && !trouble
        };
        recovered(|| self.nodes.iter().all(is_calm).then_some(()));
        self.readers.iter().map(|reader| reader.log().len()).collect()
    }

    pub(super) fn kill_owner(&mut self) {
        drop(self.take_owner());
        self.start_nodes();
    }

    pub(super) fn kill_other(&mut self) {
        drop(self.take_other());
        self.start_nodes();
    }

    pub(super) fn kill_all(&mut self) {
        self.nodes.clear();
        self.start_nodes();
    }

    pub(super) fn stop_owner(&mut self) {
        let node = self.take_owner();
        node.process.signal("STOP");
        self.owner();
        node.process.signal("CONT");
        self.nodes.push(node);
    }

    pub(super) fn stop_other(&mut self) {
        let node = self.take_other();
        node.process.signal("STOP");
        let known = |node: &Node| node.status()["cluster"]["nodes"].as_array().unwrap().len();
        recovered(|| self.nodes.iter().all(|node| known(node) < NODES).then_some(()));
        node.process.signal("CONT");
        self.nodes.push(node);
    }

    pub(super) fn restart_owner(&mut self) {
        end(self.take_owner());
        self.start_nodes();
    }

    pub(super) fn restart_other(&mut self) {
        end(self.take_other());
        self.start_nodes();
    }

    pub(super) fn restart_all(&mut self) {
        self.end_nodes();
        self.start_nodes();
    }

    fn end_nodes(&mut self) {
        while !self.nodes.is_empty() {
            let at = index(&mut self.rng, self.nodes.len());
            end(self.nodes.remove(at));
        }
    }

    pub(super) fn purge(&mut self) {
        let how = index(&mut self.rng, 4);
        let nats = self.nats();
        // Another stream may be about to begin.
        let info =
            recovered(|| outage::ask(nats, &format!("STREAM.INFO.{LOG}")).filter(|it| it["error"].is_null()));
        let end = info["state"]["last_seq"].clone();
        match how {
            0 => damage::purge(nats, &Value::Null),
            1 => damage::purge(nats, &json!({ "keep": 1 })),
            2 => damage::purge(nats, &json!({ "seq": end })),
            _ => {
                let delete = format!("$JS.API.STREAM.MSG.DELETE.{LOG}");
                let told = nats.request(&delete, &json!({ "seq": end }).to_string());
                // A stream that begins, or was purged, has no message.
                assert!(told.contains(r#""success":true"#) || told.contains("no message found"), "{told}");
            }
        }
    }

    pub(super) fn kill_nats(&mut self) {
        let since = self.now();
        self.nats().kill();
        if index(&mut self.rng, 2) == 0 {
            self.all_told(&since);
        }
        self.nats().restart();
    }

    pub(super) fn stop_nats(&mut self) {
        let since = self.now();
        self.nats().signal("STOP");
        self.all_told(&since);
        self.nats().signal("CONT");
    }

    pub(super) fn delete_bucket(&mut self) {
        // There may be none since the last time.
        outage::ask(self.nats(), &format!("STREAM.DELETE.{BUCKET}"));
    }

    pub(super) fn delete_stream(&mut self) {
        damage::api(self.nats(), &format!("STREAM.DELETE.{LOG}"), &Value::Null);
    }

    pub(super) fn fill_disk(&mut self) {
        let since = self.now();
        let filler = self.disk.as_ref().unwrap().path.join("filler");
        io::copy(&mut io::repeat(0), &mut fs::File::create(&filler).unwrap()).unwrap_err();
        self.all_told(&since);
        fs::remove_file(filler).unwrap();

        let ends = clock::now() + BY_ITSELF;
        let is_over =
            || matches!(order(self.any_address(), "/inject", &injection("space")), Outcome::Executed(_));
        if !std::iter::repeat_with(is_over).take_while(|_| clock::now() < ends).any(|is_over| is_over) {
            // Others store nothing more until they are started again.
            assert!(!is_nats("2.12"), "NATS goes on, and the cluster does not");
            print!(" (NATS started again)");
            self.nats().kill();
            self.nats().restart();
        }
    }

    /// Puts back a copy of NATS's storage, which lacks confirmed events.
    pub(super) fn roll_back(&mut self) {
        let copy = TempDir::new().unwrap();
        let storage = self.nats().storage.path().to_owned();
        self.nats().signal("STOP");
        copy_folder(&storage, copy.path());
        self.nats().signal("CONT");
        let mut sent = Vec::new();
        (0..FORGOTTEN).for_each(|_| drop(self.insist(&mut sent)));
        match index(&mut self.rng, 3) {
            0 => self.nodes.clear(),
            1 => self.end_nodes(),
            // They know what it lacks.
            _ => {}
        }
        self.nats().kill();
        for entry in fs::read_dir(&storage).unwrap().flatten() {
            drop(fs::remove_dir_all(entry.path()));
        }
        copy_folder(copy.path(), &storage);
        self.nats().restart();
        self.start_nodes();
    }

    /// Moves the clock of a node.
    pub(super) fn set_clock(&mut self) {
        let node = index(&mut self.rng, NODES);
        let by = ["-1h", "+0", "+1h"][index(&mut self.rng, 3)];
        self.set(node, by);
    }

    fn set(&self, node: usize, by: &str) {
        // Another file: the node may read it at any time.
        let new = self.folder.join("clock");
        fs::write(&new, by).unwrap();
        fs::rename(new, self.clock(node)).unwrap();
    }

    fn clock(&self, node: usize) -> PathBuf {
        self.folder.join(format!("clock-{node}"))
    }

    /// Restarts one server after the other.
    pub(super) fn roll_servers(&mut self) {
        let first = index(&mut self.rng, self.servers.len());
        for at in 0..self.servers.len() {
            let at = (first + at) % self.servers.len();
            if index(&mut self.rng, 2) == 0 {
                self.servers[at].signal("TERM");
                drop(self.servers[at].process.take().unwrap().wait());
            }
            self.servers[at].kill();
            self.servers[at].restart();
            outage::leader(&self.servers[(at + 1) % self.servers.len()]);
        }
    }
}

/// Returns what a node still has, up to a chat. A node that learns that its stream is void ends the feed.
fn backlog(node: &Node, last: &str) -> Vec<String> {
    recovered(|| {
        let (feed, mut lines) = (node.feed("0"), Vec::new());
        while let Some(line) = feed.next() {
            let is_last =
                matches!(Seen::parse(&line), Some(Seen::Event { chat: Some(it), .. }) if it == last);
            lines.push(line);
            if is_last {
                return Some(lines);
            }
        }
        None
    })
}

/// Asks again until there is an answer.
fn recovered<T>(ask: impl FnMut() -> Option<T>) -> T {
    let ends = clock::now() + RECOVERY;
    let in_time = std::iter::repeat_with(ask).take_while(|it| it.is_some() || clock::now() < ends);
    in_time.flatten().next().expect("the cluster recovers")
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            for what in
                ["INFO", "STREAM.NAMES", &format!("STREAM.INFO.{LOG}"), &format!("STREAM.INFO.{BUCKET}")]
            {
                println!(
                    "── NATS about {what}: {:?}",
                    outage::ask(self.nats(), what).map(|it| it.to_string())
                );
            }
            for node in &self.nodes {
                println!("── {} at {}: {}", node.name, node.address(), node.process.rest());
                println!("status: {}", node.text("/status"));
                println!("replay: {}", node.text("/replay"));
            }
        }
    }
}

fn is_trouble(seen: &Seen) -> bool {
    matches!(seen, Seen::Told(code) if code.starts_with("cluster_"))
}

/// Shuts a node down.
fn end(node: Node) {
    node.process.signal("TERM");
    let (exit, output) = node.process.wait();
    assert_eq!(exit, Some(0), "{output}");
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(copied.unwrap().success());
}
