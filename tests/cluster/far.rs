//! NATS is far away: each message takes long, but many can be on the way.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use livetape::clock;
use serde_json::{Value, json};

use crate::support::{Nats, Node, assert_same, contents, demo, node, take_owner};

/// Time of each byte, in each direction.
const WAY: Duration = Duration::from_millis(250);
/// The default of nodes.
const LEASE: &str = "5s";
/// Bar for an order to another node: to the owner and back, its question and the confirmation, and two
/// messages to the log.
const ORDER_TIME_MAX: Duration = Duration::from_secs(5);
/// Bar for the whole demo at speed `max`. Messages of 1 KiB, one at a time, would take minutes.
const REPLAY_TIME_MAX: Duration = Duration::from_secs(30);
/// Maximum number of bytes that are passed on at once.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// Starts a server that passes bytes on to `server`, later. Returns its address.
fn start(server: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, server) = (listener.local_addr().unwrap().to_string(), server.to_owned());
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(&server).unwrap();
            delay(client.try_clone().unwrap(), server.try_clone().unwrap());
            delay(server, client);
        }
    });
    address
}

#[expect(clippy::disallowed_methods, reason = "a long way is a delay")]
fn delay(mut from: TcpStream, mut into: TcpStream) {
    let (sender, sent) = mpsc::channel::<(_, Vec<u8>)>();
    thread::spawn(move || {
        let mut chunk = vec![0; CHUNK_BYTES_MAX];
        while let Ok(length @ 1..) = from.read(&mut chunk) {
            sender.send((clock::now() + WAY, chunk[..length].to_vec())).unwrap();
        }
    });
    thread::spawn(move || {
        for (at, bytes) in sent {
            thread::sleep(at.saturating_duration_since(clock::now()));
            if into.write_all(&bytes).is_err() {
                return;
            }
        }
        drop(into.shutdown(std::net::Shutdown::Both));
    });
}

#[test]
fn orders_take_a_few_round_trips_and_events_are_not_held_up() {
    let nats = Nats::start();
    let far = || Node::with(&mut node(&nats.url_of(&start(&nats.address)), LEASE));
    let mut nodes = vec![far(), far()];
    let _owner = take_owner(&mut nodes);
    let feed = nodes[0].feed("0");
    let load = json!({ "recording": "demo" });
    for (order, body) in [("load", &load), ("pause", &Value::Null), ("play", &Value::Null)] {
        let sent = clock::now();
        nodes[0].post(&format!("/replay/{order}"), body);
        let took = clock::now() - sent;
        assert!(took < ORDER_TIME_MAX, "{order} took {took:?}");
    }
    let sent = clock::now();
    nodes[0].post("/replay/speed", &json!({ "speed": "max" }));
    assert_same(&contents(&feed.to_end()), &demo());
    let took = clock::now() - sent;
    assert!(took < REPLAY_TIME_MAX, "it took {took:?}");
}
