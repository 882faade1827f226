//! Sockets whose events go to the program that embeds the server.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use livetape::{
    control::Control,
    hub::{Hub, Limits},
    lobby::{self, Payload},
    server::{
        self, Config, Event, HandledPath, HandlerLimits, Handlers, Last, Server, Verdict, Wanted, What,
        memory,
    },
};
use serde_json::json;
use tokio::sync::mpsc::Receiver;
use tokio_tungstenite::{client_async, tungstenite::Message};
use uuid::Uuid;

use crate::support::{Socket, read_all};

const ALL: Wanted = Wanted { message: true, binary: true, join: true, leave: true, ping: true, pong: true };

/// A server in memory with handlers on `/chat`.
struct Stage {
    handlers: Handlers,
    events: Receiver<Event>,
    connector: memory::MemoryConnector,
    _control: Control,
}

impl Stage {
    fn new(limits: HandlerLimits) -> Self {
        let hub = Hub::new("embedded".into(), Limits::default());
        let (control, _) = Control::new();
        let lobby = lobby::Limits { rooms_per_connection_max: 2, ..lobby::Limits::default() };
        let (handlers, events) = Handlers::new(&hub, &control, server::Limits::default(), lobby, limits);
        handlers.add("/chat", HandledPath { client_id: Some("bot".into()), wanted: ALL }).unwrap();
        let (listener, connector) = memory::listener(4 * 1024);
        let config = Config { handlers: Some(handlers.clone()), ..Config::default() };
        tokio::spawn(server::serve(listener, Server { hub, control: control.clone(), config }));
        Self { handlers, events, connector, _control: control }
    }

    async fn open(&self, path: &str) -> Socket {
        let stream = self.connector.connect().await.unwrap();
        client_async(format!("ws://localhost{path}"), stream).await.unwrap().0
    }

    /// Opens a socket that the program accepts.
    async fn accepted(&mut self, client_id: &str) -> (Socket, Uuid) {
        let socket = self.open(&format!("/chat?client_id={client_id}&other=1")).await;
        let event = self.answered(Verdict::Continue).await;
        assert_eq!(event.1, What::Connect { path: "/chat".into(), client_id: client_id.into() });
        (socket, event.0)
    }

    /// Returns the next event, and answers it.
    async fn answered(&mut self, verdict: Verdict) -> (Uuid, What) {
        let Event { ticket, socket, what } = self.events.recv().await.unwrap();
        ticket.into_iter().for_each(|ticket| self.handlers.answer(ticket, verdict.clone()));
        (socket, what)
    }
}

async fn text(socket: &mut Socket) -> serde_json::Value {
    let message = socket.next().await.unwrap().unwrap().into_text().unwrap();
    serde_json::from_str(&message).unwrap_or_else(|_| json!(message.as_str()))
}

async fn say(socket: &mut Socket, message: impl Into<Message>) {
    socket.send(message.into()).await.unwrap();
}

fn asking(kind: &str, room: &str) -> String {
    json!({"type": kind, "room_id": room, "message": "hi"}).to_string()
}

#[tokio::test(start_paused = true)]
async fn events_reach_the_program_once_and_in_order() {
    let mut stage = Stage::new(HandlerLimits::default());
    let (mut ann, id) = stage.accepted("ann").await;
    say(&mut ann, "hello").await;
    say(&mut ann, vec![0, 255]).await;
    say(&mut ann, asking("join_room", "a")).await;
    say(&mut ann, asking("room_message", "a")).await;
    say(&mut ann, Message::Ping(b"x".to_vec().into())).await;
    say(&mut ann, r#"{"type":"ping"}"#).await;
    say(&mut ann, asking("leave_room", "b")).await;
    say(&mut ann, asking("leave_room", "a")).await;
    let expected = [
        What::Message("hello".into()),
        What::Binary(vec![0, 255].into()),
        What::Join("a".into()),
        What::Say { room_id: "a".into(), message: "\"hi\"".into() },
        What::Ping,
        What::Ping,
        What::Leave("a".into()),
    ];
    for expected in expected {
        assert_eq!(stage.answered(Verdict::Continue).await, (id, expected));
    }
    stage.handlers.with(|lobby| lobby.write(id, Payload::Text("bye".into()))).unwrap();
    ann.close(None).await.unwrap();
    let types: Vec<_> = read_all(&mut ann)
        .await
        .texts
        .iter()
        .map(|text| match serde_json::from_str::<serde_json::Value>(text) {
            Ok(message) => message["type"].as_str().unwrap().to_owned(),
            Err(_) => text.clone(),
        })
        .collect();
    // Without a welcome, announcements or an echo.
    assert!(["room_joined", "room_message", "pong"].iter().zip(&types).all(|(a, b)| a == b), "{types:?}");
    assert_eq!(
        stage.answered(Verdict::Continue).await,
        (id, What::Close { code: 1005, reason: String::new(), last: Box::default() })
    );
    assert_eq!(stage.handlers.unanswered(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_program_refuses_cancels_and_changes() {
    let mut stage = Stage::new(HandlerLimits::default());
    let mut refused = stage.open("/chat").await;
    let (id, what) = stage.answered(Verdict::Cancel).await;
    assert_eq!(what, What::Connect { path: "/chat".into(), client_id: "bot".into() });
    assert_eq!(read_all(&mut refused).await.close, Some((1008, "refused".into())));
    let closed = What::Close { code: 1008, reason: "refused".into(), last: Box::default() };
    assert_eq!(stage.answered(Verdict::Continue).await, (id, closed));

    let (mut ann, _) = stage.accepted("ann").await;
    say(&mut ann, asking("join_room", "secret")).await;
    stage.answered(Verdict::Cancel).await;
    let refused = text(&mut ann).await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("room_join_error"), &json!("refused")));
    say(&mut ann, asking("join_room", "a")).await;
    stage.answered(Verdict::Continue).await;
    assert_eq!(text(&mut ann).await["type"], "room_joined");
    for verdict in
        [Verdict::Cancel, Verdict::Replace(r#"{"clean":true}"#.into()), Verdict::Replace("not JSON".into())]
    {
        say(&mut ann, asking("room_message", "a")).await;
        stage.answered(verdict).await;
    }
    assert_eq!(text(&mut ann).await["message"], json!({"clean": true}));
    assert_eq!(text(&mut ann).await["message"], json!("not JSON"));
    // The lobby checks what the program lets through.
    for room in ["b", "c"] {
        say(&mut ann, asking("join_room", room)).await;
        stage.answered(Verdict::Continue).await;
    }
    assert_eq!(text(&mut ann).await["type"], "room_joined");
    assert_eq!(text(&mut ann).await["code"], "capacity");
}

#[tokio::test(start_paused = true)]
async fn an_event_without_an_answer_continues_after_the_limit_and_is_counted() {
    let limits = HandlerLimits { answer_max: Duration::from_secs(2), ..HandlerLimits::default() };
    let mut stage = Stage::new(limits);
    let (mut ann, _) = stage.accepted("ann").await;
    say(&mut ann, asking("join_room", "a")).await;
    let Event { ticket, .. } = stage.events.recv().await.unwrap();
    assert_eq!(text(&mut ann).await["type"], "room_joined");
    assert_eq!(stage.handlers.unanswered(), 1);
    stage.handlers.answer(ticket.unwrap(), Verdict::Cancel);
    say(&mut ann, "next").await;
    assert_eq!(stage.answered(Verdict::Continue).await.1, What::Message("next".into()));
}

#[tokio::test(start_paused = true)]
async fn a_program_that_takes_no_events_gets_its_sockets_closed_with_4101() {
    let mut stage = Stage::new(HandlerLimits { events_max: 2, ..HandlerLimits::default() });
    let mut ann = stage.open("/chat?client_id=ann").await;
    for _ in 0..10 {
        say(&mut ann, "more").await;
    }
    let mut server = stage.open("/ws").await;
    assert_eq!(text(&mut server).await["type"], "welcome", "other paths are not affected");
    assert_eq!(read_all(&mut ann).await.close, Some((4101, "slow_consumer".into())));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(stage.answered(Verdict::Continue).await.1);
    }
    let [What::Connect { .. }, What::Message(_), What::Close { code: 4101, .. }] = &seen[..] else {
        panic!("{seen:?}")
    };
}

#[tokio::test(start_paused = true)]
async fn handled_paths_replace_routes_for_sockets_only() {
    let mut stage = Stage::new(HandlerLimits::default());
    stage.handlers.add("/ws", HandledPath::default()).unwrap();
    let again = stage.handlers.add("/ws", HandledPath::default()).unwrap_err();
    assert_eq!(again.message, "`/ws` already has handlers");
    let mut own = stage.open("/ws").await;
    assert!(matches!(stage.answered(Verdict::Continue).await.1, What::Connect { path, .. } if path == "/ws"));
    stage.handlers.with(|lobby| lobby.write_all(None, Payload::Text("to all".into()))).unwrap();
    assert_eq!(text(&mut own).await, json!("to all"));
}

#[tokio::test(start_paused = true)]
async fn the_program_is_asked_only_about_requests_that_can_succeed() {
    let mut stage = Stage::new(HandlerLimits::default());
    let (mut ann, _) = stage.accepted("ann").await;
    for (kind, room, code) in [
        ("room_message", "nowhere", "unknown_room"),
        ("join_room", "", "bad_message"),
        ("join_room", "user:nobody", "unknown_room"),
    ] {
        say(&mut ann, asking(kind, room)).await;
        assert_eq!(text(&mut ann).await["code"], code, "{kind} {room}");
    }
    stage
        .handlers
        .with(|lobby| {
            lobby.create_room(serde_json::from_str(r#"{"id":"a","name":"A"}"#).unwrap(), Uuid::new_v4())
        })
        .unwrap();
    say(&mut ann, asking("room_message", "a")).await;
    assert_eq!(text(&mut ann).await["code"], "not_in_room");
    say(&mut ann, "next").await;
    assert_eq!(stage.answered(Verdict::Continue).await.1, What::Message("next".into()));
}

#[tokio::test(start_paused = true)]
async fn metadata_of_a_handled_socket_is_set_by_the_program_only_and_known_until_the_close() {
    let mut stage = Stage::new(HandlerLimits::default());
    let (mut ann, id) = stage.accepted("ann").await;
    let metadata: lobby::Metadata = serde_json::from_str(r#"{"role":"guest"}"#).unwrap();
    stage.handlers.with(|lobby| lobby.put_metadata(&id.to_string(), metadata.clone())).unwrap();
    say(&mut ann, asking("join_room", "a")).await;
    stage.answered(Verdict::Continue).await;
    let set = r#"{"type":"set_metadata","key":"role","value":"staff"}"#;
    say(&mut ann, set).await;
    assert_eq!(stage.answered(Verdict::Continue).await.1, What::Message(set.into()));
    ann.close(None).await.unwrap();
    let last = Box::new(Last { room_id: Some("a".into()), metadata });
    let closed = What::Close { code: 1005, reason: String::new(), last };
    assert_eq!(stage.answered(Verdict::Continue).await.1, closed);
}
