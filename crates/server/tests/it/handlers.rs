//! Sockets whose events go to the program that embeds the server.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use livetape_feed::{
    control::Control,
    hub::{Hub, Limits},
};
use livetape_io::net::memory;
use livetape_server::{
    Answer, Config, Event, HandledPath, HandlerLimits, Handlers, Last, Reply, Server, Wanted, What,
    lobby::{self, Payload},
};
use serde_json::{json, value::to_raw_value};
use tokio::{sync::mpsc::Receiver, time::timeout};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::CloseFrame},
};
use uuid::Uuid;

use crate::support::{Socket, read_all};

const ALL: Wanted =
    Wanted { connect: true, message: true, binary: true, join: true, leave: true, ping: true, pong: true };

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
        let (handlers, events) =
            Handlers::new(&hub, &control, livetape_server::Limits::default(), lobby, limits);
        handlers
            .add(
                "/chat",
                HandledPath { client_id: Some("bot".into()), wanted: ALL, ..HandledPath::default() },
            )
            .unwrap();
        let (listener, connector) = memory::listener(4 * 1024);
        let config = Config { handlers: Some(handlers.clone()), ..Config::default() };
        tokio::spawn(livetape_server::serve(listener, Server { hub, control: control.clone(), config }));
        Self { handlers, events, connector, _control: control }
    }

    async fn open(&self, path: &str) -> Socket {
        let stream = self.connector.connect().await.unwrap();
        client_async(format!("ws://localhost{path}"), stream).await.unwrap().0
    }

    /// Opens a socket that the program accepts.
    async fn accepted(&mut self, client_id: &str) -> (Socket, Uuid) {
        let socket = self.open(&format!("/chat?client_id={client_id}&other=1")).await;
        let event = self.answered(Reply::Continue).await;
        assert_eq!(connected(&event.1), ("/chat", client_id));
        (socket, event.0)
    }

    /// Returns the next event, and answers it.
    async fn answered(&mut self, verdict: Reply) -> (Uuid, What) {
        let Event { answer, socket, what } = self.events.recv().await.unwrap();
        answer.into_iter().for_each(|answer| self.handlers.answer(answer, verdict.clone()));
        (socket, what)
    }
}

/// Path and client id of a new connection.
fn by_server() -> Box<Last> {
    Box::new(Last { by_server: true, ..Last::default() })
}

fn connected(what: &What) -> (&str, &str) {
    let What::Connect { path, client_id, .. } = what else { panic!("{what:?}") };
    (path, client_id)
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
        assert_eq!(stage.answered(Reply::Continue).await, (id, expected));
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
        stage.answered(Reply::Continue).await,
        (id, What::Close { code: 1005, reason: String::new(), last: Box::default() })
    );
    assert_eq!(stage.handlers.unanswered(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_program_refuses_cancels_and_changes() {
    let mut stage = Stage::new(HandlerLimits::default());
    let mut refused = stage.open("/chat").await;
    let (id, what) = stage.answered(Reply::Cancel).await;
    assert_eq!(connected(&what), ("/chat", "bot"));
    assert_eq!(read_all(&mut refused).await.close, Some((1008, "refused".into())));
    let closed = What::Close { code: 1008, reason: "refused".into(), last: by_server() };
    assert_eq!(stage.answered(Reply::Continue).await, (id, closed));

    let (mut ann, _) = stage.accepted("ann").await;
    say(&mut ann, asking("join_room", "secret")).await;
    stage.answered(Reply::Cancel).await;
    let refused = text(&mut ann).await;
    assert_eq!((&refused["type"], &refused["code"]), (&json!("room_join_error"), &json!("refused")));
    say(&mut ann, asking("join_room", "a")).await;
    stage.answered(Reply::Continue).await;
    assert_eq!(text(&mut ann).await["type"], "room_joined");
    for verdict in
        [Reply::Cancel, Reply::Replace(r#"{"clean":true}"#.into()), Reply::Replace("not JSON".into())]
    {
        say(&mut ann, asking("room_message", "a")).await;
        stage.answered(verdict).await;
    }
    assert_eq!(text(&mut ann).await["message"], json!({"clean": true}));
    assert_eq!(text(&mut ann).await["message"], json!("not JSON"));
    // The lobby checks what the program lets through.
    for room in ["b", "c"] {
        say(&mut ann, asking("join_room", room)).await;
        stage.answered(Reply::Continue).await;
    }
    assert_eq!(text(&mut ann).await["type"], "room_joined");
    assert_eq!(text(&mut ann).await["code"], "capacity");
}

#[tokio::test(start_paused = true)]
async fn what_the_program_fails_to_decide_is_refused() {
    // Less than the interval of pings, all in all.
    let limits = HandlerLimits { answer_max: Duration::from_millis(100), ..HandlerLimits::default() };
    let mut stage = Stage::new(limits);
    for verdict in [Some(Reply::Failed), None] {
        let before = stage.handlers.unanswered();
        let mut bob = stage.open("/chat").await;
        // Answers that come too late change nothing.
        let mut late = Vec::from_iter(fail(&mut stage, verdict.clone()).await);
        assert_eq!(read_all(&mut bob).await.close, Some((1008, "handler_failed".into())));
        assert!(matches!(stage.answered(Reply::Continue).await.1, What::Close { code: 1008, .. }));

        let (mut ann, _) = stage.accepted("ann").await;
        say(&mut ann, asking("join_room", "a")).await;
        stage.answered(Reply::Continue).await;
        assert_eq!(text(&mut ann).await["type"], "room_joined");
        // More often than clients may be rejected for mistakes of their own.
        for _ in 0..30 {
            say(&mut ann, asking("join_room", "b")).await;
            late.extend(fail(&mut stage, verdict.clone()).await);
            let answer = text(&mut ann).await;
            assert_eq!([&answer["type"], &answer["code"]], ["room_join_error", "handler_failed"]);
            say(&mut ann, asking("room_message", "a")).await;
            late.extend(fail(&mut stage, verdict.clone()).await);
            let answer = text(&mut ann).await;
            assert_eq!([&answer["type"], &answer["code"]], ["error", "handler_failed"]);
        }
        say(&mut ann, asking("leave_room", "a")).await;
        late.extend(fail(&mut stage, verdict.clone()).await);
        assert_eq!(text(&mut ann).await["type"], "room_left");
        late.into_iter().for_each(|answer| stage.handlers.answer(answer, Reply::Continue));
        assert_eq!(stage.handlers.unanswered() - before, if verdict.is_none() { 62 } else { 0 });
        ann.close(None).await.unwrap();
        assert!(matches!(stage.answered(Reply::Continue).await.1, What::Close { .. }));
    }
}

/// Answers the next event. Returns what would answer it if there is no verdict.
async fn fail(stage: &mut Stage, verdict: Option<Reply>) -> Option<Answer> {
    let answer = stage.events.recv().await.unwrap().answer.unwrap();
    match verdict {
        Some(verdict) => stage.handlers.answer(answer, verdict),
        None => return Some(answer),
    }
    None
}

#[tokio::test(start_paused = true)]
async fn what_the_program_fails_to_decide_continues_if_that_is_set() {
    let mut stage = Stage::new(HandlerLimits { fail_open: true, ..HandlerLimits::default() });
    for verdict in [Some(Reply::Failed), None] {
        let mut ann = stage.open("/chat").await;
        let mut late = Vec::from_iter(fail(&mut stage, verdict.clone()).await);
        for (request, answer) in [("join_room", "room_joined"), ("room_message", "room_message")] {
            say(&mut ann, asking(request, "a")).await;
            late.extend(fail(&mut stage, verdict.clone()).await);
            assert_eq!(text(&mut ann).await["type"], answer);
        }
        stage.handlers.with(|lobby| assert_eq!(lobby.stats().total_connections, 1));
        ann.close(None).await.unwrap();
        assert!(matches!(stage.answered(Reply::Continue).await.1, What::Close { .. }));
    }
    assert_eq!(stage.handlers.unanswered(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_takes_no_events_gets_its_sockets_closed_with_4101() {
    let mut stage = Stage::new(HandlerLimits { events_max: 2, ..HandlerLimits::default() });
    let (mut ann, _) = stage.accepted("ann").await;
    for _ in 0..10 {
        say(&mut ann, "more").await;
    }
    let mut server = stage.open("/ws").await;
    assert_eq!(text(&mut server).await["type"], "welcome", "other paths are not affected");
    assert_eq!(read_all(&mut ann).await.close, Some((4101, "slow_consumer".into())));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(stage.answered(Reply::Continue).await.1);
    }
    let [What::Message(_), What::Message(_), What::Close { code: 4101, .. }] = &seen[..] else {
        panic!("{seen:?}")
    };
}

/// Returns the next event if it comes before anything has to happen.
async fn soon(stage: &mut Stage) -> Option<Event> {
    timeout(Duration::from_millis(1), stage.events.recv()).await.ok().flatten()
}

#[tokio::test(start_paused = true)]
async fn few_messages_are_read_before_the_first_is_handled_and_everything_else_after_all() {
    for (length, most) in [(1, 16), (10_000, 6)] {
        let mut stage = Stage::new(HandlerLimits::default());
        let (mut ann, _) = stage.accepted("ann").await;
        let pong = Message::Pong(Vec::new().into());
        for message in [vec![Message::Text("x".repeat(length).into()); most + 1], vec![pong]].concat() {
            say(&mut ann, message).await;
        }
        let mut ahead = Vec::new();
        while let Some(event) = soon(&mut stage).await {
            ahead.push(event);
        }
        assert_eq!(ahead.len(), most, "{length}");
        // Dropped, as by a program that fails.
        drop(ahead.pop());
        let last = soon(&mut stage).await.unwrap();
        assert!(matches!(last.what, What::Message(_)));
        ahead.into_iter().for_each(|event| stage.handlers.answer(event.answer.unwrap(), Reply::Continue));
        assert!(soon(&mut stage).await.is_none(), "the last message is not handled");
        drop(last);
        assert_eq!(soon(&mut stage).await.unwrap().what, What::Pong);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_gets_what_answers_its_messages() {
    let mut stage = Stage::new(HandlerLimits::default());
    let (mut ann, id) = stage.accepted("ann").await;
    say(&mut ann, "hello").await;
    ann.close(None).await.unwrap();
    let event = stage.events.recv().await.unwrap();
    assert!(soon(&mut stage).await.is_none(), "the message is not handled");
    stage.handlers.gather(|lobby| lobby.write(id, Payload::Text("bye".into()))).unwrap();
    drop(event);
    assert!(soon(&mut stage).await.is_none(), "the answer is not written");
    stage.handlers.flush();
    assert_eq!(read_all(&mut ann).await.texts, ["bye"]);
    assert!(matches!(stage.answered(Reply::Continue).await.1, What::Close { code: 1005, .. }));
}

#[tokio::test(start_paused = true)]
async fn gathered_messages_are_written_together_and_in_order_or_before_if_they_are_long() {
    let mut stage = Stage::new(HandlerLimits::default());
    let (mut ann, id) = stage.accepted("ann").await;
    let mut others = Vec::new();
    for name in 0..5 {
        others.push(stage.accepted(&format!("other-{name}")).await.0);
    }
    let write =
        |text: &str| stage.handlers.gather(|lobby| lobby.write(id, Payload::Text(text.to_owned().into())));
    let all = |text: &str| {
        stage.handlers.gather(|lobby| lobby.write_all(None, Payload::Text(text.to_owned().into())))
    };
    write("1").unwrap();
    all("2").unwrap();
    write("3").unwrap();
    assert!(timeout(Duration::from_millis(1), ann.next()).await.is_err());
    stage.handlers.flush();
    for expected in [1, 2, 3] {
        assert_eq!(text(&mut ann).await, expected);
    }
    all(&"4".repeat(20_000)).unwrap();
    for socket in &mut others {
        assert_eq!(text(socket).await, 2);
        assert_eq!(socket.next().await.unwrap().unwrap().len(), 20_000);
    }
}

#[tokio::test(start_paused = true)]
async fn handled_paths_replace_routes_for_sockets_only() {
    let mut stage = Stage::new(HandlerLimits::default());
    stage.handlers.add("/ws", HandledPath::default()).unwrap();
    let again = stage.handlers.add("/ws", HandledPath::default()).unwrap_err();
    assert_eq!(again.message, "`/ws` already has handlers");
    let mut own = stage.open("/ws").await;
    assert!(matches!(stage.answered(Reply::Continue).await.1, What::Connect { path, .. } if path == "/ws"));
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
    assert_eq!(stage.answered(Reply::Continue).await.1, What::Message("next".into()));
}

#[tokio::test(start_paused = true)]
async fn metadata_of_a_handled_socket_is_set_by_the_program_only_and_known_until_the_close() {
    let mut stage = Stage::new(HandlerLimits::default());
    let (mut ann, id) = stage.accepted("ann").await;
    let metadata: lobby::Metadata = serde_json::from_str(r#"{"role":"guest"}"#).unwrap();
    stage.handlers.with(|lobby| lobby.put_metadata(&id.to_string(), metadata.clone())).unwrap();
    say(&mut ann, asking("join_room", "a")).await;
    stage.answered(Reply::Continue).await;
    let set = r#"{"type":"set_metadata","key":"role","value":"staff"}"#;
    say(&mut ann, set).await;
    assert_eq!(stage.answered(Reply::Continue).await.1, What::Message(set.into()));
    ann.close(None).await.unwrap();
    let last = Box::new(Last { room_id: Some("a".into()), metadata, by_server: false });
    let closed = What::Close { code: 1005, reason: String::new(), last };
    assert_eq!(stage.answered(Reply::Continue).await.1, closed);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_the_program_has_not_accepted_is_not_listed_and_gets_no_messages_to_others() {
    let mut stage = Stage::new(HandlerLimits::default());
    let (mut ann, _) = stage.accepted("ann").await;
    let mut bob = stage.open("/chat?client_id=bob").await;
    let Event { answer, socket: id, .. } = stage.events.recv().await.unwrap();
    stage.handlers.with(|lobby| {
        lobby.join_room(&id.to_string(), "a").unwrap();
        assert_eq!(lobby.write_all(None, Payload::Text("to all".into())), Ok(1));
        assert_eq!(lobby.write_all(Some("a"), Payload::Text("to the room".into())), Ok(0));
        assert_eq!(lobby.send_to_room("a", &to_raw_value("to the room").unwrap()), Ok(0));
        assert_eq!(lobby.connection_views(None).unwrap().len(), 1);
        assert_eq!(lobby.connection_views(Some("a")).unwrap().len(), 0);
        assert_eq!((lobby.stats().total_connections, lobby.stats().connections_by_room["a"]), (1, 0));
        assert_eq!(
            (lobby.handled(None).unwrap().len(), lobby.room_view("a").unwrap().connections_count),
            (1, 0)
        );
        assert_eq!(lobby.connection_view("bob").unwrap_err().code.name(), "not_found");
        lobby.write(id, Payload::Text("to bob".into())).unwrap();
    });
    stage.handlers.answer(answer.unwrap(), Reply::Continue);
    // Accepted before the answer returns.
    stage.handlers.with(|lobby| {
        assert_eq!(lobby.write_all(None, Payload::Text("to both".into())), Ok(2));
        assert_eq!(
            (lobby.connection_view("bob").unwrap().id, lobby.stats().connections_by_room["a"]),
            (id, 1)
        );
    });
    assert_eq!([text(&mut ann).await, text(&mut ann).await], ["to all", "to both"]);
    assert_eq!(text(&mut bob).await["type"], "room_joined");
    assert_eq!([text(&mut bob).await, text(&mut bob).await], ["to bob", "to both"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_is_accepted_at_once_if_the_program_does_not_decide() {
    let mut stage = Stage::new(HandlerLimits::default());
    let wanted = Wanted { message: true, ..Wanted::default() };
    stage.handlers.add("/open", HandledPath { wanted, ..HandledPath::default() }).unwrap();
    let mut open = stage.open("/open").await;
    stage.handlers.with(|lobby| assert_eq!(lobby.stats().total_connections, 1));
    say(&mut open, "hello").await;
    let Event { answer, what, .. } = stage.events.recv().await.unwrap();
    assert!(answer.is_none() && matches!(what, What::Connect { .. }), "{what:?}");
    assert_eq!(stage.answered(Reply::Continue).await.1, What::Message("hello".into()));
    assert_eq!(stage.handlers.unanswered(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_with_a_code_that_must_not_be_sent_is_reported_as_a_violation() {
    let mut stage = Stage::new(HandlerLimits::default());
    let (mut ann, id) = stage.accepted("ann").await;
    let frame = CloseFrame { code: 1005.into(), reason: "".into() };
    say(&mut ann, Message::Close(Some(frame))).await;
    let closed = What::Close { code: 1002, reason: "protocol_error".into(), last: by_server() };
    assert_eq!(stage.answered(Reply::Continue).await, (id, closed));
}

#[tokio::test(start_paused = true)]
async fn the_program_learns_the_request_and_the_server_selects_a_subprotocol() {
    let mut stage = Stage::new(HandlerLimits::default());
    let versions = HandledPath { protocols: vec!["v2".into()], ..HandledPath::default() };
    stage.handlers.add("/versions", versions).unwrap();
    let mut open = Vec::new();
    for (path, offered, selected) in
        [("/chat", "chat, other", Some("chat")), ("/versions", "v1, v2", Some("v2")), ("/chat", "", None)]
    {
        let mut request =
            format!("ws://localhost{path}?ticket=1&token=of-the-program").into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("cookie", "session=2".parse().unwrap());
        headers.insert("authorization", "Bearer of-the-program".parse().unwrap());
        if !offered.is_empty() {
            headers.insert("sec-websocket-protocol", offered.parse().unwrap());
        }
        let stream = stage.connector.connect().await.unwrap();
        let (socket, response) = client_async(request, stream).await.unwrap();
        open.push(socket);
        let answered = response.headers().get("sec-websocket-protocol").map(|it| it.to_str().unwrap());
        assert_eq!(answered, selected, "{path} {offered}");
        let What::Connect { handshake, .. } = stage.answered(Reply::Continue).await.1 else { panic!() };
        assert_eq!(handshake.url, format!("{path}?ticket=1&token=of-the-program"));
        assert_eq!((handshake.protocol.as_deref(), handshake.address), (selected, None));
        for header in [("cookie", "session=2"), ("authorization", "Bearer of-the-program")] {
            assert!(handshake.headers.iter().any(|(name, value)| (name.as_str(), value.as_str()) == header));
        }
    }
    let bad = HandledPath { protocols: vec!["a b".into()], ..HandledPath::default() };
    assert_eq!(stage.handlers.add("/bad", bad).unwrap_err().message, "`a b` is not a subprotocol");
}
