//! Over real sockets, with the clock as it is: what is documented of tokens, as a transcript.

use std::time::Duration;

use futures_util::StreamExt as _;
use livetape::{
    control::{Control, Sources},
    hub::{Hub, Limits},
    mock::{MockTikTok, Scenario},
    server::{self, Config, Server, listen::Listening},
    source::live,
    supervisor::{Options, Supervisor},
};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::rig::{ROOMS, tokens};
use crate::harness::json;
use crate::harness::with_demo;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The next event, or the close.
async fn text(socket: &mut Socket) -> String {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Close(frame) => {
                let frame = frame.unwrap();
                return format!("closed {} {}", u16::from(frame.code), frame.reason);
            }
            _ => {}
        }
    }
}

/// An event without what no two runs have alike.
fn line(text: &str) -> String {
    let Ok(mut event) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    for key in ["ts", "stream"] {
        event.as_object_mut().unwrap().remove(key);
    }
    let data = event["data"].as_object_mut().unwrap();
    data.remove("timestamp");
    // How long to wait has chance in it.
    data.entry("retryAfterMs").and_modify(|wait| *wait = wait.is_u64().into());
    event.to_string()
}

#[tokio::test]
async fn every_refusal_as_a_transcript() {
    let mock = MockTikTok::start(with_demo(Scenario::parse(ROOMS).unwrap())).await.unwrap();
    let listener = Listening::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.addresses()[0];
    let sources = Sources { tokens: tokens(), max_replays: 1, ..Sources::default() };
    let (control, driver) = Control::with(sources).unwrap();
    let hub = Hub::new("main".into(), Limits::default());
    let server = Server { hub: hub.clone(), control: control.clone(), config: Config::default() };
    let serving = tokio::spawn(server::serve(listener, server));
    let live =
        live::Options { upstream: Some(live::Url::parse(&mock.url()).unwrap()), ..live::Options::new("") };
    let transport = live::NetTransport::new(&live).unwrap();
    let supervisor = Supervisor::new(hub, &control, driver, transport, Options::new(live));
    let supervisor = tokio::spawn(supervisor.serve());
    let open = async |path: &str| {
        tokio_tungstenite::connect_async(format!("ws://{address}/{path}")).await.unwrap().0
    };

    let mut transcript = Vec::new();
    // One that stays takes the only place of its kind.
    let mut test = open("ws/test/t-ann").await;
    assert_eq!(json(&text(&mut test).await)["type"], "connection_created");
    for path in [
        "ws/nobody-has-it",
        "ws/t-none",
        "ws/t-offline",
        "ws/t-nobody",
        "ws/t-adult",
        "ws/t-ann",
        "ws/t-ben",
        "ws/test/nobody-has-it",
        "ws/test/t-ann",
        "ws/test/t-none",
        "ws/t-ann?since=main:1",
    ] {
        transcript.push(format!("> {path}"));
        let mut socket = open(path).await;
        if path == "ws/t-ann" {
            transcript.push(line(&text(&mut socket).await));
            continue;
        }
        loop {
            let text = text(&mut socket).await;
            transcript.push(line(&text));
            if text.starts_with("closed") {
                break;
            }
        }
    }
    drop(test);
    insta::assert_snapshot!(transcript.join("\n"));

    let status = control.channels().status("ann").unwrap();
    assert_eq!(status.username.as_deref(), Some("ann"));
    control.shut_down();
    let ended = async { tokio::join!(serving, supervisor, control.channels().ended()) };
    let (served, ended, ()) = tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
    served.unwrap();
    assert_eq!(ended.unwrap().exit_code(), Ok(0));
}
