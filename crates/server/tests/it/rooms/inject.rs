//! `/inject` without a replay: while idle, and in a live room.

use livetape_core::{
    error::Code,
    recording::{Reader, What},
};
use livetape_engine::channels::{ChannelOptions, Record};
use livetape_feed::control::InjectRequest;
use serde_json::json;

use crate::support::{As, Rig, Setup};

fn request() -> InjectRequest {
    serde_json::from_value(json!({ "type": "chat", "user": "ann", "comment": "made up" })).unwrap()
}

fn made_up(rig: &Rig) -> Vec<serde_json::Value> {
    let log = rig.log();
    log.iter().map(|(_, event)| event.clone()).filter(|event| event["data"]["comment"] == "made up").collect()
}

#[tokio::test(start_paused = true)]
async fn injecting_works_while_idle() {
    let rig = Setup::fixture("stays-open").start(As::Serve);
    rig.at_ms(1).await;
    let first = rig.control.inject(request()).await.unwrap();
    let second = rig.control.inject(request()).await.unwrap();
    assert_eq!((first.seqs, second.seqs, second.delivered), (vec![1], vec![2], 1));
    assert_ne!(first.ids, second.ids);
    rig.at_ms(2).await;
    let events = made_up(&rig);
    assert_eq!((events.len(), &events[0]["username"], &events[0]["replay"]), (2, &json!(""), &json!(false)));
    assert!(events.iter().all(|event| event["injected"] == true), "{events:?}");
    assert_eq!(rig.control.status().counts.events["chat"], 2);
    rig.outlined(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_live_room_rejects_injection() {
    let rig = Setup::fixture("stays-open").start(As::Serve);
    rig.control.connect("ann".into()).await.unwrap();
    let refusal = rig.control.inject(request()).await.unwrap_err();
    assert_eq!(refusal.problem.code, Code::InjectRefused);
    rig.at_ms(100).await;
    assert!(made_up(&rig).is_empty());
    rig.outlined(1).await;
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
    let injected = rig.control.inject(request()).await.unwrap();
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
