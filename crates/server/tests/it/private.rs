//! Private replays, for each socket: `/ws/test/{token}`, and `/ws/play/{recording}` without a token.

use std::time::Duration;

use livetape_core::error::Code;
use livetape_engine::source::{Step, Tape};
use livetape_feed::{control::Sources, hub::Filter};
use livetape_io::clock;
use serde_json::Value;

use crate::support::{As, Log, ROOMS, Rig, Setup, chats, close, decode, json, read, read_all, told, wait};

/// Returns the output of `livetape events`, which has no stream name.
fn expected() -> Vec<Value> {
    let items: Vec<_> = Tape::find("demo")
        .unwrap()
        .steps()
        .unwrap()
        .filter_map(|step| match step {
            Step::Item(item) => Some(item),
            _ => None,
        })
        .collect();
    without_stream(decode(&items, &Filter::default(), true))
}

fn without_stream(mut events: Vec<Value>) -> Vec<Value> {
    for event in &mut events {
        event.as_object_mut().unwrap().remove("stream");
    }
    events
}

/// Returns the events of a whole replay, except the last one, which reports its end.
fn events(log: &Log) -> Vec<Value> {
    assert_eq!(close(log), (1000, "recording_ended"));
    let mut events = without_stream(log.texts.iter().map(|text| json(text)).collect());
    assert_eq!(events.pop().unwrap()["data"]["reason"], "recording_ended");
    events
}

#[tokio::test(start_paused = true)]
async fn sixteen_private_replays_do_not_affect_each_other() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let started = clock::now();
    let length = Tape::find("demo").unwrap().duration().unwrap();
    let mut sockets = Vec::new();
    for _ in 0..16 {
        let mut socket = rig.ws("ws/test/t-ann").await;
        let began = clock::now();
        sockets.push(tokio::spawn(async move { (read_all(&mut socket).await, clock::now() - began) }));
        wait(Duration::from_millis(700)).await;
    }
    assert!(clock::now() - started < length, "all of them run at a time");
    assert_eq!(rig.control.channels().statuses().len(), 16);
    assert_eq!(told(&rig.refusal("ws/test/t-ann").await), "\"capacity\" retrying=false 4102 capacity");
    let expected = expected();
    assert!(expected.len() > 20, "{}", expected.len());
    let mut streams = std::collections::BTreeSet::new();
    for socket in sockets {
        let (log, took) = socket.await.unwrap();
        streams.insert(json(&log.texts[0])["stream"].to_string());
        assert!(events(&log) == expected);
        assert!(took >= length && took < length + Duration::from_secs(1), "{took:?} instead of {length:?}");
    }
    assert_eq!(streams.len(), 16, "each is a channel of its own");
    wait(Duration::from_millis(1)).await;
    assert!(rig.control.channels().statuses().is_empty());
    assert_eq!(rig.requests(), 0);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_private_replay_ends_with_its_socket() {
    let rig = Setup::channels("").sources(|sources| Sources { max_replays: 1, ..sources }).start(As::Serve);
    assert!(!rig.control.channels().were_used());
    let mut socket = rig.ws("ws/test/t-ann").await;
    read(&mut socket, 1).await;
    assert!(rig.control.channels().were_used());
    let status = rig.control.channels().statuses()[0].status();
    assert_eq!((status.source, rig.control.channels().users()), (Some("replay"), vec![]));
    assert_eq!(rig.refusal("ws/test/t-ben").await.1.0, 4102);
    drop(socket);
    wait(Duration::from_secs(1)).await;
    assert!(rig.control.channels().statuses().is_empty());
    assert!(events(&read_all(&mut rig.ws("ws/test/t-ben?speed=max").await).await) == expected());

    let nobody = rig.control.channels().replay("", livetape_feed::control::Speed::Max).await;
    assert_eq!(nobody.unwrap_err().problem.code, Code::Unauthorized);
    // A replay without a reader, which has released its slot.
    drop(rig.control.channels().replay("t-ann", livetape_feed::control::Speed::Max).await.unwrap());
    wait(Duration::from_millis(1)).await;
    assert!(rig.control.channels().statuses().is_empty());
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_client_is_closed_and_its_slot_is_freed() {
    let rig = Setup::channels("").sources(|sources| Sources { max_replays: 1, ..sources }).start(As::Serve);
    let mut stalled = rig.ws("ws/test/t-ann?speed=max").await;
    wait(Duration::from_secs(25)).await;
    assert!(rig.control.channels().statuses().is_empty(), "nobody is waited for longer");
    let log = read_all(&mut stalled).await;
    assert!(log.close.is_none() || close(&log).0 == 4101, "{:?}", log.close);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_private_replay_does_not_depend_on_the_main_channel() {
    let rig = Setup::channels(ROOMS).start(As::Replay);
    let mut socket = rig.ws("ws/test/t-ann").await;
    let first = read(&mut socket, 3).await;
    rig.control.order(livetape_feed::control::ReplayOrder::Pause).await.unwrap();
    rig.hub.publish(&chats(10));
    let log = read_all(&mut socket).await;
    let texts = first.into_iter().chain(log.texts).collect();
    assert!(events(&Log { texts, ..log }) == expected());
    rig.end().await;
}

// `/ws/play/{recording}`: a private replay without a token in the configuration.

async fn play(rig: &Rig, path: &str) -> Log {
    read_all(&mut rig.ws(&format!("ws/play/{path}")).await).await
}

#[tokio::test(start_paused = true)]
async fn a_recording_is_played_from_its_start_whatever_the_main_channel_does() {
    for start in [As::Serve, As::Replay] {
        let rig = Setup::channels(ROOMS).start(start);
        let expected = expected();
        for query in ["?speed=max", "?speed=100&start=0", ""] {
            assert!(events(&play(&rig, &format!("demo{query}")).await) == expected, "{query}");
        }
        assert_eq!(rig.requests(), 0);
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_may_start_in_the_middle() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let played = events(&play(&rig, "demo?speed=max&start=1m30s").await);
    assert_eq!(played[0]["type"], "connection_created");
    let ids = |events: &[Value]| events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
    let (all, some) = (ids(&expected()), ids(&played[1..]));
    assert!(!some.is_empty() && some.len() < all.len() - 1, "{} of {}", some.len(), all.len());
    assert!(all.ends_with(&some));
    rig.end().await;
}
