//! The truth: what clients should have counted, compared with what they receive.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use livetape_core::{error::Code, event::Event, pace::Speed};
use livetape_engine::source::{ReplayOptions, Tape};
use livetape_feed::{
    control::ReplayOrder,
    hub::{Filter, Gifts, Hub, Limits},
};
use livetape_tools::info::info;
use serde_json::{Value, json};

use crate::support::{Rig, chats, recording, shipped_recordings};

/// Plays once at once, to one client.
fn fast() -> ReplayOptions {
    ReplayOptions { speed: Speed::Max, exit_when_done: true, wait_clients: 1, ..ReplayOptions::default() }
}

fn filter(gifts: Gifts) -> Filter {
    Filter { gifts, ..Filter::default() }
}

fn sum<'a>(events: impl Iterator<Item = &'a Value>, field: &str) -> i64 {
    events.map(|event| event["data"][field].as_i64().unwrap()).sum()
}

/// Counts what a client received, in the way that the documentation of the fields describes.
fn counted(events: &[Value]) -> Value {
    let of = |kind: &'static str| events.iter().filter(move |event| event["type"] == kind);
    let social = |action: &'static str| of("social").filter(move |event| event["data"]["action"] == action);
    let mut users = BTreeMap::<&str, (i64, usize, &str)>::new();
    for (at, gift) in of("gift").enumerate() {
        let user = &gift["data"]["user"];
        let gifter = users.entry(user["uniqueId"].as_str().unwrap()).or_insert((0, at, ""));
        gifter.0 += gift["data"]["diamonds"].as_i64().unwrap();
        gifter.2 = user["nickname"].as_str().unwrap();
    }
    let top = users.iter().max_by_key(|(_, (diamonds, at, _))| (*diamonds, Reverse(*at)));
    let mut guests = BTreeMap::<&str, i64>::new();
    for gift in of("gift").filter(|gift| gift["data"]["receiver"].is_object()) {
        *guests.entry(gift["data"]["receiver"]["userId"].as_str().unwrap()).or_default() +=
            gift["data"]["diamonds"].as_i64().unwrap();
    }
    let text = |chat: &'_ Value| chat["data"]["comment"].as_str().unwrap().to_owned();
    let texts = of("chat").fold(0_u32, |sum, chat| {
        let sender = chat["data"]["sender"].as_str().unwrap();
        sum.wrapping_add(crc32fast::hash(format!("{sender} {}", text(chat)).as_bytes()))
    });
    let streaks: BTreeSet<_> =
        of("gift").filter_map(|gift| gift["data"]["streakId"].as_str()).filter(|id| !id.is_empty()).collect();
    json!({
        "chats": of("chat").count(),
        "gifts": sum(of("gift"), "repeatDelta"),
        "streaks": streaks.len(),
        "diamonds": sum(of("gift"), "diamonds"),
        "last_chat": of("chat").next_back().map(text).unwrap_or_default(),
        "empty_texts": of("chat").filter(|chat| text(chat).is_empty()).count(),
        "texts": texts,
        "likes": sum(of("like"), "likeCount"),
        "likes_total": of("like").next_back().map_or(json!(0), |like| like["data"]["totalLikeCount"].clone()),
        "follows": social("follow").count(),
        "shares": social("share").count(),
        "joins": of("member").filter(|event| event["data"]["actionId"] == 1).count(),
        "subscribes": of("subscribe").count(),
        "viewers": of("room_user").next_back().map_or(json!(0), |event| event["data"]["viewerCount"].clone()),
        "gifters": users.len(),
        "top_gifter": top.map_or("", |(name, _)| name),
        "top_gifter_name": top.map_or("", |(_, (.., nickname))| nickname),
        "guests": guests,
        "users": users.iter().map(|(name, (diamonds, ..))| (*name, *diamonds)).collect::<BTreeMap<_, _>>(),
    })
}

fn without_events(truth: &Value) -> Value {
    let mut truth = truth.clone();
    for field in ["events", "count", "stream", "seq"] {
        truth.as_object_mut().unwrap().remove(field);
    }
    truth
}

#[tokio::test(start_paused = true)]
async fn every_client_of_a_shipped_recording_counts_the_truth() {
    for (name, items) in shipped_recordings() {
        for gifts in [Gifts::Raw, Gifts::Delta, Gifts::Final] {
            let rig = Rig::play_filtered(&items, fast(), filter(gifts));
            let hub = rig.hub.clone();
            let events: Vec<Value> = rig.played().await.into_iter().map(|(_, event)| event).collect();
            let truth = serde_json::to_value(hub.truth(None).unwrap()).unwrap();
            assert_eq!(without_events(&truth), counted(&events), "{name} {gifts:?}");
            if gifts == Gifts::Raw {
                let info = info(&recording(&items)[..]).unwrap();
                assert_eq!(info.truth, hub.truth(None).unwrap().truth, "{name}");
                for (field, total) in info.truth.totals() {
                    assert_eq!(truth[field].to_string().trim_matches('"'), total, "{name}");
                }
                assert_eq!(truth.as_object().unwrap().len(), info.truth.totals().len() + 5, "{name}");
                let messages = Vec::from_iter(events.iter().filter(|event| event.get("id").is_some()));
                assert_eq!(truth["events"], messages.len(), "{name}");
                let mut count = BTreeMap::<&str, u64>::new();
                let derived =
                    events.iter().filter(|event| event["type"].as_str().unwrap().starts_with("super_fan"));
                for message in messages.into_iter().chain(derived) {
                    *count.entry(message["type"].as_str().unwrap()).or_default() += 1;
                }
                assert_eq!(truth["count"], json!(count), "{name}");
            }
        }
    }
}

/// Comments with the ids of messages, from `first` on.
fn comments(first: u64, count: usize) -> Vec<Event> {
    let named = |(id, event): (u64, Event)| Event { id: Some(id.to_string().into()), ..event };
    (first..).zip(chats(count)).map(named).collect()
}

fn chats_until(hub: &Hub, until: u64) -> Result<u64, Code> {
    hub.truth(Some(until)).map(|at| at.truth.chats).map_err(|problem| problem.code)
}

#[test]
fn the_truth_is_known_after_each_event_of_the_backlog() {
    let hub = Hub::new("s".to_owned(), Limits { events_max: 4, ..Limits::default() });
    for batch in 0..10 {
        hub.publish(&comments(batch, 1));
    }
    for until in 6..=10 {
        assert_eq!(chats_until(&hub, until), Ok(until));
    }
    for until in [0, 5, 11, u64::MAX] {
        assert_eq!(chats_until(&hub, until), Err(Code::UnknownPosition), "{until}");
    }
    assert_eq!(hub.truth(None).unwrap().seq, 10);
}

#[test]
fn a_live_room_is_not_counted() {
    let hub = Hub::new("s".to_owned(), Limits::default());
    let live = |event| Event { replay: false, ..event };
    hub.publish(&comments(1, 3).into_iter().map(live).collect::<Vec<_>>());
    assert_eq!(hub.truth(None).unwrap().truth, Default::default());
}

#[tokio::test(start_paused = true)]
async fn another_generation_starts_over() {
    let items = shipped_recordings().into_iter().find(|(name, _)| name == "short").unwrap().1;
    let whole = Rig::play(&items, fast());
    let hub = whole.hub.clone();
    whole.played().await;
    let expected = hub.truth(None).unwrap().truth;
    let options = ReplayOptions { wait_clients: 0, ..ReplayOptions::default() };
    let mut rig = Rig::start();
    let tape = Tape::from_bytes("test", recording(&items));
    rig.replay(tape, ReplayOptions { speed: Speed::Times(100.0), ..options });
    rig.at_ms(2_000).await;
    assert!(rig.hub.truth(None).unwrap().truth.events > 0);
    rig.order(ReplayOrder::Pause).await;
    rig.order(ReplayOrder::Seek(std::time::Duration::ZERO)).await;
    let moved = rig.http("GET", "/truth", "").await.json();
    assert_eq!((&moved["events"], &moved["users"]), (&json!(0), &json!({})), "before the first event");
    rig.order(ReplayOrder::Play).await;
    rig.order(ReplayOrder::Speed(Speed::Max)).await;
    rig.at_ms(60_000).await;
    assert_eq!(rig.hub.truth(None).unwrap().truth, expected);
}

#[tokio::test(start_paused = true)]
async fn rest_answers_the_truth() {
    let mut rig = Rig::ring(4);
    let ask = async |rig: &Rig, path: &str| rig.http("GET", path, "").await;
    assert_eq!(ask(&rig, "/truth").await.json()["error"]["code"], "no_replay");
    crate::rest::connect(rig.driver());
    drop(rig.take_driver());
    rig.hub.publish(&comments(1, 2));
    rig.hub.publish(&comments(3, 4));
    let answer = ask(&rig, "/truth").await.json();
    assert_eq!((&answer["seq"], &answer["chats"], &answer["users"]), (&json!(6), &json!(6), &json!({})));
    assert_eq!(answer["stream"], json!(&*rig.hub.stream()));
    assert_eq!(ask(&rig, "/truth?until=3").await.json()["chats"], 3);
}
