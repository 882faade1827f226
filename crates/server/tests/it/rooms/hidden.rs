//! Numbers that subscribers with a filter miss.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use livetape_feed::hub::{Filter, Gifts, Hub, Join, Next};
use livetape_mock::Scenario;
use serde_json::{Value, json};

use crate::support::{As, Setup};

type Events = Arc<Mutex<BTreeMap<u64, Value>>>;

/// Reads all events that a filter passes.
fn read(hub: &Hub, gifts: Gifts) -> Events {
    let filter = Filter { raw: true, gifts, ..Filter::default() };
    let mut subscriber = hub.join(&Join { filter, ..Join::default() }).unwrap();
    let events = Events::default();
    let read = Arc::clone(&events);
    tokio::spawn(async move {
        let mut batch = Vec::new();
        while let Next::Events = subscriber.next(&mut batch).await {
            for line in batch.drain(..) {
                let event: Value = serde_json::from_slice(&line).unwrap();
                events.lock().unwrap().insert(event["seq"].as_u64().unwrap(), event);
            }
        }
    });
    read
}

/// The second connection joins in the middle of a streak, and the third plays the recording from its start:
/// it repeats totals that the second one missed, but which are lower than what it saw.
const RESTARTED: &str = r#"
seed = 1
speed = 4
after = "again"

[[fault]]
at = "socket"
kind = "drop"
attempt = 1
after_ms = 96000

[[fault]]
at = "socket"
kind = "drop"
attempt = 2
after_ms = 401000
"#;

#[tokio::test(start_paused = true)]
async fn each_missing_number_is_of_an_event_that_the_filter_hides() {
    let mut setup = Setup::scenario(Scenario::parse(RESTARTED).unwrap().into());
    setup.filter = None;
    let rig = setup.start(As::Live);
    let (raw, delta) = (read(&rig.hub, Gifts::Raw), read(&rig.hub, Gifts::Delta));
    rig.at_ms(190_000).await;
    assert_eq!(rig.upgrades(), 3);
    let (raw, delta) = (raw.lock().unwrap().clone(), delta.lock().unwrap().clone());
    let gift = |event: &Value| {
        let data = &event["data"];
        let of = ["repeatDelta", "isFinal", "inferred"].map(|name| data[name].clone());
        (event["type"].as_str().unwrap().to_owned(), of)
    };
    let hidden = |from: &BTreeMap<u64, Value>, by: &BTreeMap<u64, Value>| {
        by.iter().filter(|(seq, _)| !from.contains_key(seq)).map(|(_, event)| gift(event)).collect::<Vec<_>>()
    };
    let (by_delta, by_raw) = (hidden(&delta, &raw), hidden(&raw, &delta));
    // Between them, the two see every number.
    let last = *raw.keys().chain(delta.keys()).max().unwrap();
    assert!((1..=last).all(|seq| raw.contains_key(&seq) || delta.contains_key(&seq)));
    let adds_nothing = ("gift".to_owned(), [json!(0), json!(false), Value::Null]);
    assert!(by_delta.len() >= 2 && by_delta.iter().all(|it| *it == adds_nothing), "{by_delta:?}");
    let inferred_final = ("gift".to_owned(), [json!(0), json!(true), json!(true)]);
    assert!(!by_raw.is_empty() && by_raw.iter().all(|it| *it == inferred_final), "{by_raw:?}");
}
