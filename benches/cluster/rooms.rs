//! Room messages of `/ws` from a client of one node to many of another.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hdrhistogram::Histogram;
use tokio::{net::TcpStream, runtime::Runtime, time::interval};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use super::{
    nodes::{Nats, Node},
    sleep,
};
use crate::support::{Report, now, spread};

/// Number of clients that receive each message.
const CLIENTS: usize = 1_000;
/// Number of messages in a round, and the time between them.
const MESSAGES: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);
/// Maximum 99th percentile of latency, in ms.
const LATENCY_MS: f64 = 50.0;
/// Maximum recorded latency, in µs.
const LATE_MAX_US: u64 = 60_000_000;
/// Time in which the nodes learn of each other's clients.
const SETTLED: Duration = Duration::from_secs(3);

type Client = WebSocketStream<TcpStream>;

/// Measures with the receivers at the sender's node, and at another.
pub(super) fn run(report: &mut Report) {
    let nats = Nats::start();
    let nodes = [Node::start(Some(&nats), "5s"), Node::start(Some(&nats), "5s")];
    for (to, place) in [(0, "the same node"), (1, "another node")] {
        let (mut late, mut sent, mut received) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..report.rounds() {
            let runtime = Runtime::new().expect("a runtime");
            let (sender, receivers) = runtime.block_on(join(&nodes[0], &nodes[to]));
            sleep(SETTLED);
            let before = nodes.each_ref().map(Node::cpu);
            late.push(runtime.block_on(talk(sender, receivers)));
            let [here, there] = [0, to].map(|at| (nodes[at].cpu() - before[at]) / MESSAGES as f64);
            sent.push(here);
            received.push(there / CLIENTS as f64);
        }
        let name = format!("room message to {CLIENTS} clients of {place}");
        report.figure(&format!("{name}, p99"), "ms", &late, LATENCY_MS);
        report.say(&format!("CPU of the sender's node a message: {} µs", spread(&sent)));
        report.say(&format!("CPU of the receivers' node a delivery: {} µs", spread(&received)));
    }
}

async fn open(node: &Node) -> Client {
    let socket = TcpStream::connect(&node.address).await.expect("it listens");
    socket.set_nodelay(true).expect("a socket");
    let (mut client, _) =
        client_async(format!("ws://{}/ws", node.address), socket).await.expect("it listens");
    client.send(Message::text(r#"{"type":"join_room","room_id":"bench"}"#)).await.expect("it is open");
    while !text(&mut client).await.contains(r#""room_joined""#) {}
    client
}

async fn text(client: &mut Client) -> String {
    client.next().await.expect("it is open").expect("it is open").into_text().expect("text").to_string()
}

async fn join(from: &Node, to: &Node) -> (Client, Vec<Client>) {
    let mut receivers = Vec::new();
    for _ in 0..CLIENTS {
        receivers.push(open(to).await);
    }
    (open(from).await, receivers)
}

/// Returns the 99th percentile of the time from a message to its arrival at each client, in ms.
async fn talk(mut sender: Client, receivers: Vec<Client>) -> f64 {
    let started = now();
    let micros = move || u64::try_from(now().duration_since(started).as_micros()).unwrap_or(u64::MAX);
    let late = || Histogram::<u64>::new_with_bounds(1, LATE_MAX_US, 3).expect("three digits");
    let reading: Vec<_> = receivers
        .into_iter()
        .map(|mut client| {
            tokio::spawn(async move {
                let mut late = late();
                while late.len() < MESSAGES as u64 {
                    let message = text(&mut client).await;
                    let stamp = message
                        .split_once("sent-at-")
                        .and_then(|(_, rest)| rest.split('"').next()?.parse().ok());
                    if let Some(sent) = stamp {
                        late.saturating_record(micros().saturating_sub(sent));
                    }
                }
                late
            })
        })
        .collect();
    let mut due = interval(PAUSE);
    for _ in 0..MESSAGES {
        due.tick().await;
        let message =
            format!(r#"{{"type":"room_message","room_id":"bench","message":"sent-at-{}"}}"#, micros());
        sender.send(Message::text(message)).await.expect("it is open");
    }
    let mut all = late();
    for client in reading {
        all.add(client.await.expect("it reads to the end")).expect("the same bounds");
    }
    all.value_at_quantile(0.99) as f64 / 1e3
}
