//! `/inject` into a replay and a recorded room: the events around it. Other tests are in `sessions/inject.snap`, its
//! rejections in `sessions/rest.snap`.

use std::time::Duration;

use livetape_core::recording::{Item, Reader, What, records};
use livetape_engine::{
    channels::{ChannelOptions, Record},
    source::ReplayOptions,
};
use livetape_feed::{
    control::{InjectRequest, ReplayOrder},
    hub::{Filter, Gifts},
};
use serde_json::{Value, json};

use crate::support::{As, Rig, Setup, decode, item, session_items};

fn request(json: Value) -> InjectRequest {
    serde_json::from_value(json).unwrap()
}

fn combo(count: u32) -> InjectRequest {
    request(json!({ "type": "gift", "user": "made_up", "gift": "Rose", "count": count, "combo": true }))
}

fn ends() -> ReplayOptions {
    ReplayOptions { exit_when_done: true, ..ReplayOptions::default() }
}

fn is_made_up(event: &Value) -> bool {
    event["data"]["sender"] == "made_up"
}

fn without_seq(mut event: Value) -> Value {
    event.as_object_mut().unwrap().remove("seq");
    event
}

/// Returns the recording's own events, without sequence numbers and IDs.
fn plain(items: &[Item], filter: &Filter) -> Vec<Value> {
    let wall_anchor_ns = Some(1_704_067_200_000_000_000);
    let header =
        item(0, What::Header(Box::new(records::Header { wall_anchor_ns, ..records::Header::default() })));
    let items = [&[header], items].concat();
    decode(&items, filter, true).into_iter().map(without_seq).collect()
}

#[tokio::test(start_paused = true)]
async fn an_injected_streak_adds_up_and_changes_nothing_else() {
    let items = session_items(2);
    for gifts in [Gifts::Raw, Gifts::Delta, Gifts::Final] {
        let filter = Filter { gifts, ..Filter::default() };
        let show = Rig::play_filtered(&items, ends(), filter);
        show.ready().await;
        show.at_ms(40_000).await;
        let injected = show.control.inject(combo(50)).await.unwrap();
        assert_eq!((injected.seqs.len(), injected.ids.len()), (51, 51));
        assert!(injected.offset_ms.abs_diff(40_000) < 5, "{injected:?}");
        let log = show.played().await;
        let ours: Vec<&Value> =
            log.iter().map(|(_, event)| event).filter(|event| is_made_up(event)).collect();
        let sum = |key: &str| ours.iter().map(|event| event["data"][key].as_i64().unwrap()).sum::<i64>();
        assert_eq!((sum("repeatDelta"), sum("diamonds")), (50, 50), "{gifts:?}");
        let finals = ours.iter().filter(|event| event["data"]["isFinal"] == true).count();
        assert_eq!((finals, ours.last().unwrap()["data"]["repeatCount"].as_i64()), (1, Some(50)));
        assert_eq!(ours[0]["username"], log[1].1["username"]);
        assert!(log.iter().all(|(_, event)| is_made_up(event) == (event["injected"] == true)), "{gifts:?}");
        let others: Vec<Value> =
            log.into_iter().map(|(_, event)| event).filter(|it| !is_made_up(it)).map(without_seq).collect();
        let mut expected = plain(&items, &filter);
        expected.push(others.last().unwrap().clone());
        assert_eq!(others.last().unwrap()["type"], "disconnected");
        assert!(others == expected, "the recording's own events are as they are without");
    }
}

#[tokio::test(start_paused = true)]
async fn injecting_works_while_paused_waiting_and_at_the_end() {
    let items = session_items(3);
    let show = Rig::play(&items, ReplayOptions { wait_clients: 2, ..ReplayOptions::default() });
    show.ready().await;
    let chat = || request(json!({ "type": "chat", "user": "made_up", "comment": "hi" }));
    assert_eq!(show.control.inject(chat()).await.unwrap().offset_ms, 0, "while it waits");
    let held = show.log().last().unwrap().1.clone();
    assert!(!held["ts"].as_str().unwrap().starts_with("1970"), "{held}");
    show.order(ReplayOrder::Play).await;
    show.at_ms(10_000).await;
    show.order(ReplayOrder::Pause).await;
    show.at_ms(20_000).await;
    let paused = show.control.inject(chat()).await.unwrap();
    assert_eq!((paused.offset_ms, paused.seqs.len(), paused.delivered), (10_000, 1, 1));
    show.order(ReplayOrder::Seek(Duration::from_secs(350))).await;
    show.order(ReplayOrder::Play).await;
    show.at_ms(40_000).await;
    let ended = show.control.inject(chat()).await.unwrap();
    assert_eq!((ended.seqs.len(), ended.delivered), (1, 1));
    show.order(ReplayOrder::Seek(Duration::ZERO)).await;
    let again = show.control.inject(chat()).await.unwrap();
    show.at_ms(40_001).await;
    let log = show.log();
    let ids: Vec<&str> =
        log.iter().filter(|it| is_made_up(&it.1)).map(|it| it.1["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(ids[3], format!("{}~3", again.ids[0]), "its id tells the generation, as all do");
}

/// At any speed and time, an injection keeps the order of the events that are due.
#[tokio::test(start_paused = true)]
async fn many_injections_do_not_affect_streaks_of_the_recording() {
    let items = session_items(2);
    let filter = Filter { gifts: Gifts::Delta, ..Filter::default() };
    let show = Rig::play_filtered(&items, ends(), filter);
    show.ready().await;
    const INJECTED: u64 = 149;
    for at in 1..=INJECTED {
        show.at_ms(at * 1_000).await;
        show.control.inject(combo(2)).await.unwrap();
    }
    let log = show.played().await;
    let others: Vec<Value> =
        log.iter().map(|(_, event)| event.clone()).filter(|it| !is_made_up(it)).map(without_seq).collect();
    assert_eq!(others[..others.len() - 1], plain(&items, &filter)[..]);
    // Two gifts and the final of each.
    assert_eq!(log.len() - others.len(), INJECTED as usize * 3);
}

fn chat() -> InjectRequest {
    request(json!({ "type": "chat", "user": "ann", "comment": "made up" }))
}

fn made_up(rig: &Rig) -> Vec<Value> {
    let log = rig.log();
    log.iter().map(|(_, event)| event.clone()).filter(|event| event["data"]["comment"] == "made up").collect()
}

#[tokio::test(start_paused = true)]
async fn allowed_injections_are_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live.bin");
    let record = Some(Record::File(path.clone()));
    let allow = |options| ChannelOptions { record, allow_inject: true, ..options };
    let rig = Setup::fixture("stays-open").options(allow).start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    rig.at_ms(5_000).await;
    let injected = rig.control.inject(chat()).await.unwrap();
    assert_eq!((injected.seqs.len(), injected.delivered, injected.offset_ms), (1, 1, 5_000));
    rig.at_ms(5_001).await;
    let events = made_up(&rig);
    assert_eq!((events.len(), &events[0]["username"]), (1, &json!("ann")));
    rig.control.disconnect("ann".into()).await.unwrap();
    let mut reader = Reader::open(std::fs::File::open(path).unwrap()).unwrap();
    let mut frames = 0;
    while let Some(record) = reader.next().unwrap() {
        assert!(!record.item.flags.is_injected());
        frames += u32::from(matches!(record.item.what, What::Frame(_)));
    }
    assert!(frames > 0);
    rig.outlined(10).await;
}
