//! Everything over real sockets: mock → live → two subscribers, recorded, then replayed to a third one. Apart
//! from its source, the replay is the same as the room.

use livetape_engine::{
    channels::{Channel, ChannelOptions, Record},
    source::{self, Tape, live},
};
use livetape_feed::control::Sources;
use livetape_mock::Seen;
use livetape_server::Config;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::support::{close, demo::over_tcp, json, read_all, tcp::Served};

/// Reads to the close; returns the events and the code.
fn subscribe(server: &Served) -> JoinHandle<(Vec<Value>, u16)> {
    let url = format!("ws://{}/?raw=1", server.address);
    tokio::spawn(async move {
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let log = read_all(&mut socket).await;
        (log.texts.iter().map(|text| json(text)).collect(), close(&log).0)
    })
}

fn options(live: live::LiveOptions, record: Option<Record>) -> ChannelOptions {
    ChannelOptions { ends_with_source: true, record, ..ChannelOptions::new(live) }
}

#[tokio::test]
async fn a_room_and_its_recording_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    let scenario = "speed = \"max\"\n[[fault]]\nat = \"lookup\"\nkind = \"status\"\nstatus = 429\nretry_after = 1\ntimes = 1\n";
    let mock = over_tcp(scenario).await;

    let server = Served::with("same", Sources::default(), Config::default()).await;
    let (first, second) = (subscribe(&server), subscribe(&server));
    let Served { hub, control, driver, serving, .. } = server;
    hub.wait_for_subscribers(2).await;
    let upstream = live::Url::parse(&mock.url()).unwrap();
    let live = live::LiveOptions { upstream: Some(upstream), ..live::LiveOptions::new("demo") };
    let transport = live::NetTransport::new(&live).unwrap();
    let options_live = options(live, Some(Record::File(file.clone())));
    let ended = Channel::new(hub, &control, driver, transport, options_live).live("demo".into()).await;
    assert_eq!(ended.exit_code(), Ok(0), "{ended:?}");
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    control.shut_down();
    serving.await.unwrap();
    assert_eq!(first, second);
    assert_eq!(first.1, 1000);
    mock.expect(Seen::Ack, 150..);
    // The rate-limited lookup, the one a second later, and the one after the end.
    mock.expect(Seen::request("/api-live/user/room/"), 3);
    mock.verify();

    let server = Served::with("same", Sources::default(), Config::default()).await;
    let third = subscribe(&server);
    let Served { hub, control, driver, serving, .. } = server;
    hub.wait_for_subscribers(1).await;
    let play = source::ReplayOptions {
        speed: livetape_core::pace::Speed::Max,
        exit_when_done: true,
        ..source::ReplayOptions::default()
    };
    let idle = ChannelOptions { play, ..options(live::LiveOptions::new(""), None) };
    let transport = live::NetTransport::new(&idle.live).unwrap();
    let channel = Channel::new(hub, &control, driver, transport, idle);
    let tape = Tape::find(file.to_str().unwrap()).unwrap();
    channel.replay(tape).await.unwrap();
    let (mut replayed, code) = third.await.unwrap();
    control.shut_down();
    serving.await.unwrap();
    assert_eq!(code, 1000);

    for event in &mut replayed {
        assert_eq!(event["replay"], true);
        event["replay"] = false.into();
        if event["data"]["source"] == "replay" {
            event["data"]["source"] = "live".into();
        }
        if event["data"]["reason"] == "recording_ended" {
            event["data"]["reason"] = "stream_ended".into();
        }
    }
    assert!(first.0.len() > 800, "{} events", first.0.len());
    for (number, (live, replayed)) in first.0.iter().zip(&replayed).enumerate() {
        assert_eq!(live, replayed, "event {number}");
    }
    assert_eq!(first.0.len(), replayed.len());
}
