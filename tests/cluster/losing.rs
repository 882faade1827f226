//! Nodes that lose NATS, or an answer of it, while they are connected to TikTok or about to be.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use livetape::{mock::State, sans_io::pace::Speed};
use serde_json::{Value, json};

use crate::{
    proxy::{self, To},
    upstream::{Show, is_chat},
};

/// Leases of these tests: their margin is shorter than a server may take to answer a close frame.
const LONGER_LEASE: &str = "2s";
/// An answer of NATS is late after a quarter of this, before a claim is given up.
const CLAIM_LEASE: &str = "1s";
/// Time of the mock at which its user goes offline. The demo is shorter.
const LATER: Duration = Duration::from_secs(300);
/// First byte of a close frame.
const CLOSE: u8 = 0x88;

#[test]
fn an_owner_without_nats_closes_its_socket_before_another_connects() {
    let show = Show::start(|it| it.speed(Speed::Times(20.into())), "9");
    // Close frames are lost, so nothing answers them: the mock sees only the end of the connection.
    let silent = proxy::start(&show.mock.address().unwrap().to_string(), |to, bytes| {
        to == To::Client || bytes[0] != CLOSE
    });
    let is_cut = Arc::new(AtomicBool::new(false));
    let cut = Arc::clone(&is_cut);
    let leading = proxy::start(&show.nats.address, move |_, _| !cut.load(Ordering::Relaxed));
    let upstream = format!("http://{silent}");
    let owner = show.node_with(&show.nats.url_of(&leading), &upstream, LONGER_LEASE);
    owner.post("/connect/ann", &Value::Null);
    owner.feed("0").until(is_chat);
    let next = show.node_with(&show.nats.url(), &upstream, LONGER_LEASE);
    let feed = next.feed("0");
    feed.until(is_chat);
    is_cut.store(true, Ordering::Relaxed);
    feed.until(|event| event["type"] == "connection_closed");
    feed.until(|event| event["type"] == "connection_created");
    feed.until(is_chat);
    assert_eq!(show.connections(), (2, 1));
}
