//! NATS is far away: each message takes long, but many can be on the way.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

use livetape_io::clock;
use serde_json::{Value, json};

use crate::support::{Nats, Node, assert_same, contents, demo, node, take_owner};

/// Time of each byte, in each direction.
const WAY: Duration = Duration::from_millis(250);
/// The default of nodes.
const LEASE: &str = "5s";
/// Bar for an order to another node, with what both nodes say of themselves meanwhile: to the owner and back, for a
/// ticket and with the order, and two messages to the log.
const ORDER_TRIPS_MAX: usize = 20;
/// Bar for the whole demo at speed `max`. Messages of 1 KiB, one at a time, would be a thousand.
const REPLAY_TRIPS_MAX: usize = 100;
/// Maximum number of bytes that are passed on at once.
const CHUNK_BYTES_MAX: usize = 64 << 10;

/// What goes through a server of [`start`].
#[derive(Default)]
struct Way {
    /// Number of chunks that are on the way, in both directions.
    loaded: AtomicUsize,
    /// Number of times that somebody sent while nothing was on the way. Waiting for each answer makes one trip of each
    /// message.
    trips: AtomicUsize,
}

/// Starts a server that passes bytes on to `server`, later. Returns its address.
fn start(server: &str, way: &Arc<Way>) -> String {
    let way = Arc::clone(way);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, server) = (listener.local_addr().unwrap().to_string(), server.to_owned());
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(&server).unwrap();
            delay(client.try_clone().unwrap(), server.try_clone().unwrap(), Arc::clone(&way));
            delay(server, client, Arc::clone(&way));
        }
    });
    address
}

#[expect(clippy::disallowed_methods, reason = "a long way is a delay")]
fn delay(mut from: TcpStream, mut into: TcpStream, way: Arc<Way>) {
    let (sender, sent) = mpsc::channel::<(_, Vec<u8>)>();
    let begun = Arc::clone(&way);
    thread::spawn(move || {
        let mut chunk = vec![0; CHUNK_BYTES_MAX];
        while let Ok(length @ 1..) = from.read(&mut chunk) {
            if begun.loaded.fetch_add(1, Relaxed) == 0 {
                begun.trips.fetch_add(1, Relaxed);
            }
            sender.send((clock::now() + WAY, chunk[..length].to_vec())).unwrap();
        }
    });
    thread::spawn(move || {
        for (at, bytes) in sent {
            thread::sleep(at.saturating_duration_since(clock::now()));
            way.loaded.fetch_sub(1, Relaxed);
            if into.write_all(&bytes).is_err() {
                return;
            }
        }
        drop(into.shutdown(std::net::Shutdown::Both));
    });
}

#[test]
fn orders_take_a_few_round_trips_and_events_are_not_held_up() {
    let (nats, way) = (Nats::start(), Arc::new(Way::default()));
    let far = || Node::with(&mut node(&nats.url_of(&start(&nats.address, &way)), LEASE));
    let mut nodes = vec![far(), far()];
    let _owner = take_owner(&mut nodes);
    let feed = nodes[0].feed("0");
    let load = json!({ "recording": "demo" });
    for (order, body) in [("load", &load), ("pause", &Value::Null), ("play", &Value::Null)] {
        let before = way.trips.load(Relaxed);
        nodes[0].post(&format!("/replay/{order}"), body);
        let trips = way.trips.load(Relaxed) - before;
        assert!(trips <= ORDER_TRIPS_MAX, "{order} took {trips} trips");
    }
    let before = way.trips.load(Relaxed);
    nodes[0].post("/replay/speed", &json!({ "speed": "max" }));
    assert_same(&contents(&feed.to_end()), &demo());
    let trips = way.trips.load(Relaxed) - before;
    assert!(trips <= REPLAY_TRIPS_MAX, "it took {trips} trips");
}
