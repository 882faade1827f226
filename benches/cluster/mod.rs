//! What a cluster costs, on a real NATS server: latency, the owner's CPU time, bytes through NATS, and the
//! time until another node takes over, or what planned restarts miss of a room.

mod nodes;
mod rooms;

use std::{
    collections::BTreeSet,
    sync::mpsc::Receiver,
    thread,
    time::{Duration, Instant},
};

use nodes::{Mock, Nats, Node, take_owner};
use tokio::{
    io::{AsyncWriteExt as _, copy, sink},
    net::TcpStream,
    runtime::Runtime,
};

use crate::support::{Args, Match, Report, allow_sockets, median, now, spread};

/// Number of measured events in a round.
const EVENTS: usize = 200;
/// Maximum median latency that a cluster adds for a reader, in ms.
const ADDED_MS: f64 = 1.5;
/// Remote readers, and how many nodes there are. The first row is what the others are compared with.
const SETUPS: [(usize, usize); 5] = [(1, 0), (2, 0), (4, 0), (2, 2_000), (4, 2_000)];
/// Maximum ratio of the owner's CPU time per piece to the first setup.
const CPU_RATIO: f64 = 1.1;
/// Time in which CPU time and bytes are counted.
const COUNTED: Duration = Duration::from_secs(10);
/// Speed of the replay: a node then publishes a few hundred pieces a second.
const SPEED: u32 = 40;
const IDLE_NODES: [usize; 5] = [1, 2, 4, 8, 16];
/// Maximum number of messages a second for each idle node: reports to the owner and from it, and attempts to take the lease.
const IDLE_MESSAGES: f64 = 8.0;
/// Time in which nodes learn of each other.
const SETTLED: Duration = Duration::from_secs(3);
/// Lease of the nodes that are killed.
const LEASE: Duration = Duration::from_secs(2);
/// Maximum time beyond the lease until another node continues, in ms.
const TAKEOVER_MS: f64 = 1_000.0;
/// Time without an event after which the owner's last events have arrived.
const SILENCE: Duration = Duration::from_millis(500);
/// Number of planned restarts.
const RESTARTS: usize = 30;
/// Speed of the room whose owners are restarted: it then has some eighty events a second.
const ROOM_SPEED: u32 = 6;
/// Maximum time without an event while a node is restarted, in ms.
const PAUSE_MS: f64 = 300.0;
pub(crate) fn run() {
    let args = Args::parse();
    let readers = SETUPS.iter().map(|(_, readers)| *readers).max().unwrap_or(0);
    if let Err(error) = allow_sockets(readers) {
        println!("{error}");
        return;
    }
    let mut report = Report::begin(&args, "cluster");
    latency(&mut report);
    cost(&mut report);
    idle(&mut report);
    rooms::run(&mut report);
    takeover(&mut report);
    restarts(&mut report);
    report.end();
}

/// Latency from an injection at the owner to a reader, compared with that of one process without NATS.
fn latency(report: &mut Report) {
    let nats = Nats::start();
    let alone = Node::start(None, "5s");
    let mut others = vec![Node::start(Some(&nats), "5s"), Node::start(Some(&nats), "5s")];
    let owner = take_owner(&mut others);
    let sides =
        [(&alone, &alone), (&owner, &owner), (&owner, &others[0])].map(|(at, of)| (at, of.arrivals()));
    let (mut single, mut local, mut remote) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..report.rounds() {
        let [alone, here, there] = [0, 1, 2].map(|side| {
            let (at, arrivals) = &sides[side];
            injected(at, arrivals)
        });
        // The owner's events reach the other reader, too.
        for side in [1, 2] {
            while sides[side].1.try_recv().is_ok() {}
        }
        single.push(alone);
        local.push(here);
        remote.push(there);
    }
    // Differences could be negative, so the bar is that of a process without a cluster, and what a cluster
    // may add.
    let bar = median(&single) + ADDED_MS;
    report.say(&format!("latency without a cluster, p50: {} ms", spread(&single)));
    report.figure("latency at the owner, p50", "ms", &local, bar);
    report.figure("latency at another node, p50", "ms", &remote, bar);
}

/// Returns the median time from an order to the arrival of its event, in ms.
fn injected(at: &Node, arrivals: &Receiver<Instant>) -> f64 {
    while arrivals.try_recv().is_ok() {}
    let times: Vec<f64> = (0..EVENTS)
        .map(|_| {
            let sent = now();
            at.post("/inject", r#"{"type":"chat","user":"ann","comment":"hi"}"#);
            arrivals.recv().expect("the event").duration_since(sent).as_secs_f64() * 1e3
        })
        .collect();
    median(&times)
}

/// The owner's CPU time per piece, and the bytes that NATS receives and sends for one.
fn cost(report: &mut Report) {
    let rounds = report.rounds();
    let mut costs = vec![Vec::new(); SETUPS.len()];
    for _ in 0..rounds {
        for (costs, (nodes, readers)) in costs.iter_mut().zip(SETUPS) {
            let (cpu, [received, sent]) = piece(nodes, readers);
            report.say(&format!("{nodes} nodes, {readers} remote readers: {cpu:.1} µs, {received:.0} bytes to NATS and {sent:.0} from NATS a piece"));
            costs.push(cpu);
        }
    }
    for (costs_of, (nodes, readers)) in costs.iter().zip(SETUPS).skip(1) {
        let name = format!("owner's CPU per piece, {nodes} nodes and {readers} remote readers");
        report.record(
            &Match { name: &name, unit: "µs", beside: "one node", bar: CPU_RATIO },
            costs_of,
            &costs[0],
        );
    }
}

/// Returns the owner's CPU time in µs, and the bytes received and sent by NATS, for one piece.
fn piece(nodes: usize, readers: usize) -> (f64, [f64; 2]) {
    let nats = Nats::start();
    let mut nodes: Vec<_> = (0..nodes).map(|_| Node::start(Some(&nats), "5s")).collect();
    let owner = take_owner(&mut nodes);
    let runtime = Runtime::new().expect("a runtime");
    let addresses = nodes.iter().cycle().map(|node| node.address.clone());
    runtime.block_on(join(addresses.take(readers).collect()));
    owner.post("/replay/load", r#"{"recording":"demo"}"#);
    owner.post("/replay/loop", r#"{"laps":1000}"#);
    owner.post("/replay/speed", &format!(r#"{{"speed":{SPEED}}}"#));
    let before = (owner.cpu(), nats.pieces(), nats.bytes());
    sleep(COUNTED);
    let after = (owner.cpu(), nats.pieces(), nats.bytes());
    let pieces = after.1 - before.1;
    ((after.0 - before.0) / pieces, [0, 1].map(|at| (after.2[at] - before.2[at]) / pieces))
}

/// The messages that NATS receives and sends a second for nodes without a source.
fn idle(report: &mut Report) {
    for count in IDLE_NODES {
        let nats = Nats::start();
        let mut nodes: Vec<_> = (0..count).map(|_| Node::start(Some(&nats), "5s")).collect();
        let owner = take_owner(&mut nodes);
        nodes.push(owner);
        sleep(SETTLED);
        let before = nats.messages();
        sleep(COUNTED);
        let messages = (nats.messages() - before) / COUNTED.as_secs_f64();
        report.figure(
            &format!("idle messages, {count} nodes"),
            "a second",
            &[messages],
            IDLE_MESSAGES * count as f64,
        );
    }
}

/// Connects readers, which read until the runtime ends.
async fn join(addresses: Vec<String>) {
    for address in addresses {
        let mut socket = TcpStream::connect(&address).await.expect("it listens");
        socket.write_all(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n").await.expect("it listens");
        tokio::spawn(async move { copy(&mut socket, &mut sink()).await });
    }
}

/// The time from the end of the owner to the next event at another node.
fn takeover(report: &mut Report) {
    let nats = Nats::start();
    let lease = format!("{}ms", LEASE.as_millis());
    let mut nodes: Vec<_> = (0..2).map(|_| Node::start(Some(&nats), &lease)).collect();
    let mut took = Vec::new();
    for _ in 0..report.rounds() {
        let owner = take_owner(&mut nodes);
        owner.post("/replay/load", r#"{"recording":"demo"}"#);
        owner.post("/replay/speed", &format!(r#"{{"speed":{SPEED}}}"#));
        let arrivals = nodes[0].arrivals();
        arrivals.recv().expect("the replay");
        let killed = now();
        drop(owner);
        // What it had stored still arrives.
        while arrivals.recv_timeout(SILENCE).is_ok() {}
        let next = arrivals.recv().expect("another node continues");
        took.push(next.duration_since(killed).as_secs_f64() * 1e3);
        nodes.push(Node::start(Some(&nats), &lease));
    }
    report.figure(
        "kill -9 of the owner to the next event at another node, with the lease",
        "ms",
        &took,
        LEASE.as_secs_f64() * 1e3 + TAKEOVER_MS,
    );
}

/// What readers of a room miss while one owner after the other is shut down, and how long they wait.
fn restarts(report: &mut Report) {
    let (nats, mock) = (Nats::start(), Mock::start(ROOM_SPEED));
    let start = || Node::with(Some(&nats), "5s", Some(&mock));
    let mut nodes = vec![start(), start()];
    nodes[0].connect();
    let mut pauses = Vec::new();
    for _ in 0..RESTARTS {
        let owner = take_owner(&mut nodes);
        let arrivals = nodes[0].arrivals();
        let mut last = arrivals.recv().expect("the room");
        owner.stop();
        nodes.push(start());
        let mut longest = Duration::ZERO;
        for next in arrivals.try_iter() {
            longest = longest.max(next - last);
            last = next;
        }
        pauses.push(longest.as_secs_f64() * 1e3);
    }
    nodes[0].disconnect();
    let (all, log) = (mock.shown(), nodes[0].ids());
    let seen: BTreeSet<_> = log.iter().collect();
    let [first, last] = [log.first(), log.last()].map(|id| all.iter().position(|it| Some(it) == id));
    let expected = &all[first.expect("of the show")..=last.expect("of the show")];
    let missing = expected.iter().filter(|id| !seen.contains(id)).count();
    assert_eq!(log.len(), seen.len(), "no event arrives twice");
    // What TikTok sends between two connections is missing, as docs/cluster.md says.
    report
        .say(&format!("{} events in {RESTARTS} planned restarts, none twice; {missing} missing", log.len()));
    report.figure("longest pause of a planned restart", "ms", &pauses, PAUSE_MS);
}

#[expect(clippy::disallowed_methods, reason = "costs are counted in this time")]
fn sleep(time: Duration) {
    thread::sleep(time);
}
