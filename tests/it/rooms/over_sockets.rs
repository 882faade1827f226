//! All of it over real sockets: mock → live → two subscribers, recorded, replayed to a third. Nobody can tell the
//! replay from the room but for where it comes from.

use crate::harness::with_demo;
use futures_util::StreamExt as _;
use livetape::{
    control::{Control, Driver},
    hub::{Hub, Limits},
    mock::{MockTikTok, Scenario, Seen},
    server::{self, Config, Server, listen::Listening},
    source::{self, Tape, live},
    supervisor::{Options, Record, Supervisor},
};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// A server on a port of its own, without a source.
struct Served {
    hub: Hub,
    control: Control,
    driver: Driver,
    url: String,
    task: JoinHandle<()>,
}

async fn serve() -> Served {
    let listener = Listening::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let url = format!("ws://{}/?raw=1", listener.addresses()[0]);
    let (control, driver) = Control::new();
    let hub = Hub::new("same".into(), Limits::default());
    let server = Server { hub: hub.clone(), control: control.clone(), config: Config::default() };
    Served { hub, control, driver, url, task: tokio::spawn(server::serve(listener, server)) }
}

/// Reads to the close: the events, and its code.
fn subscribe(url: &str) -> JoinHandle<(Vec<Value>, u16)> {
    let url = url.to_owned();
    tokio::spawn(async move {
        let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
        let mut events = Vec::new();
        loop {
            match socket.next().await.unwrap().unwrap() {
                Message::Text(json) => events.push(serde_json::from_str(&json).unwrap()),
                Message::Close(frame) => return (events, frame.unwrap().code.into()),
                _ => {}
            }
        }
    })
}

fn options(live: live::Options, record: Option<Record>) -> Options {
    Options { ends_with_source: true, record, ..Options::new(live) }
}

#[tokio::test]
async fn a_room_and_its_recording_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    let scenario = Scenario::parse("speed = \"max\"\n[[fault]]\nat = \"lookup\"\nkind = \"status\"\nstatus = 429\nretry_after = 1\ntimes = 1\n").unwrap();
    let mock = MockTikTok::start(with_demo(scenario)).await.unwrap();

    let Served { hub, control, driver, url, task } = serve().await;
    let (first, second) = (subscribe(&url), subscribe(&url));
    hub.wait_for_subscribers(2).await;
    let upstream = live::Url::parse(&mock.url()).unwrap();
    let live = live::Options { upstream: Some(upstream), ..live::Options::new("demo") };
    let transport = live::NetTransport::new(&live).unwrap();
    let options_live = options(live, Some(Record::File(file.clone())));
    let ended = Supervisor::new(hub, &control, driver, transport, options_live).live("demo".into()).await;
    assert_eq!(ended.exit_code(), Ok(0), "{ended:?}");
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    control.shut_down();
    task.await.unwrap();
    assert_eq!(first, second);
    assert_eq!(first.1, 1000);
    mock.expect(Seen::Ack, 150..);
    // The look-up that was limited, the one a second later, and the one after the end.
    mock.expect(Seen::request("/api-live/user/room/"), 3);
    mock.verify();

    let Served { hub, control, driver, url, task } = serve().await;
    let third = subscribe(&url);
    hub.wait_for_subscribers(1).await;
    let play = source::Options {
        speed: livetape::sans_io::pace::Speed::Max,
        exit_when_done: true,
        ..source::Options::default()
    };
    let idle = Options { play, ..options(live::Options::new(""), None) };
    let transport = live::NetTransport::new(&idle.live).unwrap();
    let supervisor = Supervisor::new(hub, &control, driver, transport, idle);
    let tape = Tape::find(file.to_str().unwrap()).unwrap();
    supervisor.replay(tape).await.unwrap();
    let (mut replayed, code) = third.await.unwrap();
    control.shut_down();
    task.await.unwrap();
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
