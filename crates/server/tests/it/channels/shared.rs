//! A token for the user of the main channel shares its source.

use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use livetape_core::error::Code;
use livetape_engine::channels::{ChannelOptions, LINGER};
use livetape_feed::control::{Mode, SourceState};
use serde_json::Value;

use crate::support::{As, Log, ROOMS, Setup, chat, close, json, read, read_all, told, wait};

/// Parts that are the same on both channels.
fn alike(texts: &[String]) -> Vec<Value> {
    let mut events: Vec<Value> = texts.iter().map(|text| json(text)).collect();
    for event in &mut events {
        event.as_object_mut().unwrap().remove("stream");
    }
    events
}

fn reason(log: &Log) -> Value {
    json(log.texts.last().unwrap())["data"]["reason"].clone()
}

#[tokio::test(start_paused = true)]
async fn tokens_are_served_while_the_main_channel_waits_for_clients() {
    let setup = Setup::channels(ROOMS).places(2);
    let rig = setup.options(|options| ChannelOptions { wait_clients: 1, ..options }).start(As::Live);
    let mut token = rig.ws("ws/t-ben?since=0").await;
    read(&mut token, 10).await;
    // The last slot is that of the main channel.
    assert_eq!(told(&rig.refusal("ws/t-cid").await), "\"capacity\" retrying=false 4102 capacity");
    read(&mut rig.ws("?since=0").await, 10).await;
    assert_eq!(rig.upgrades(), 2);
}

#[tokio::test(start_paused = true)]
async fn tokens_share_the_room_of_the_main_channel() {
    for start in [As::Serve, As::Live] {
        let rig = Setup::channels(ROOMS).start(start);
        let mut main = rig.ws("?since=0").await;
        if start == As::Serve {
            rig.control.connect("ANN".into()).await.unwrap();
        }
        let ours = read(&mut main, 100).await;
        let requests = rig.requests();
        // The main channel occupies the only slot, which is enough.
        let mut token = rig.ws("ws/t-ann?since=0").await;
        let theirs = read(&mut token, 100).await;
        assert_eq!(alike(&ours), alike(&theirs));
        assert_ne!(json(&ours[0])["stream"], json(&theirs[0])["stream"]);
        assert_eq!((rig.requests(), rig.upgrades()), (requests, 1));
        assert_eq!(
            rig.control.channels().users(),
            ["ANN".to_owned()].map(|name| match start {
                As::Serve => name,
                _ => name.to_lowercase(),
            })
        );
        // The token cannot disconnect it.
        drop(token);
        wait(2 * LINGER).await;
        assert_eq!(rig.control.channels().users().len(), 1);
        read(&mut rig.ws("ws/t-ann?since=0").await, 100).await;
        assert_eq!(rig.upgrades(), 1);
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shared_room_ends_for_both_when_replaced_or_deleted() {
    for replaced in [true, false] {
        let rig = Setup::channels(ROOMS).start(As::Serve);
        rig.control.connect("ann".into()).await.unwrap();
        let mut token = rig.ws("ws/t-ann").await;
        read(&mut token, 1).await;
        let expected = if replaced {
            rig.control.connect("ben".into()).await.unwrap();
            "replaced"
        } else {
            rig.control.disconnect("ann".into()).await.unwrap();
            "deleted"
        };
        let log = read_all(&mut token).await;
        assert_eq!((reason(&log), close(&log)), (expected.into(), (1000, expected)));
        let mut again = rig.ws("ws/t-ann").await;
        if replaced {
            assert_eq!(close(&read_all(&mut again).await), (4102, "capacity"), "the place is ben's now");
        } else {
            assert_eq!(json(&read(&mut again, 1).await[0])["type"], "connection_created");
        }
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_main_channel_follows_the_room_of_a_token() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut token = rig.ws("ws/t-ann").await;
    read(&mut token, 100).await;
    let mut main = rig.ws("?since=0").await;
    let requests = rig.requests();
    // The token occupies the only slot, which is enough.
    let status = rig.control.connect("@Ann".into()).await.unwrap();
    assert_eq!((status.state, status.source), (SourceState::Connected, Some("live")));
    let created = json(&read(&mut main, 1).await[0]);
    assert_eq!((&created["type"], &created["username"]), (&"connection_created".into(), &"ann".into()));
    assert_eq!((rig.requests(), rig.upgrades()), (requests, 1));
    // The main channel keeps the room after the token's last socket has closed.
    drop(token);
    wait(2 * LINGER).await;
    assert_eq!(rig.control.status().state, SourceState::Connected);
    let mut token = rig.ws("ws/t-ann").await;
    assert_eq!(json(&read(&mut token, 1).await[0])["type"], "connection_created");
    // Another user would need the slot, so the room stays connected for both.
    let refusal = rig.control.connect("ben".into()).await.unwrap_err();
    assert_eq!(refusal.problem.code, Code::Capacity);
    assert_eq!(rig.control.status().username.as_deref(), Some("Ann"));
    // The token keeps the room after the main channel has left it.
    rig.control.disconnect("ann".into()).await.unwrap();
    let mut main = rig.ws("?since=0&types=disconnected").await;
    assert_eq!(json(&read(&mut main, 1).await[0])["data"]["reason"], "deleted");
    wait(Duration::from_secs(1)).await;
    assert_eq!(rig.control.channels().users(), ["ann"]);
    rig.control.connect("ann".into()).await.unwrap();
    assert_eq!(rig.upgrades(), 1);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_tokens_channel_without_clients_ends_after_the_main_channel_has_left() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut token = rig.ws("ws/t-ann").await;
    read(&mut token, 1).await;
    let stream = rig.control.channels().find("ann").unwrap().stream();
    rig.control.connect("ann".into()).await.unwrap();
    drop(token);
    wait(10 * LINGER).await;
    assert_eq!(rig.control.channels().find("ann").unwrap().stream(), stream);
    rig.control.disconnect("ann".into()).await.unwrap();
    wait(2 * LINGER).await;
    assert!(rig.control.channels().users().is_empty());
    let last = rig.mock().received().pop().unwrap();
    assert!(format!("{:?}", last.what).contains("Close"), "{last:?}");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn injected_events_reach_both_channels_whichever_was_first() {
    for is_token_first in [true, false] {
        let allow = |options| ChannelOptions { allow_inject: true, ..options };
        let rig = Setup::channels(ROOMS).options(allow).start(As::Serve);
        if !is_token_first {
            rig.control.connect("ann".into()).await.unwrap();
        }
        let mut token = rig.ws("ws/t-ann").await;
        read(&mut token, 1).await;
        rig.control.connect("ann".into()).await.unwrap();
        let mut main = rig.ws("").await;
        let request = serde_json::json!({ "type": "chat", "user": "eve", "comment": "hi" });
        let injected = rig.control.inject(serde_json::from_value(request).unwrap()).await.unwrap();
        assert_eq!(injected.delivered, 1, "the token's client does not count");
        let mut ids = Vec::new();
        for socket in [&mut main, &mut token] {
            let event = loop {
                let event = json(&read(socket, 1).await[0]);
                if event["injected"] == true {
                    break event;
                }
            };
            ids.push(event["id"].clone());
        }
        assert_eq!(ids[0], ids[1]);
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_followed_room_fails_and_ends_for_both() {
    let fault = "[[fault]]\nat = \"socket\"\nkind = \"drop\"\nafter_frames = 2\ntimes = 1\n";
    let scenario = format!("speed = 10\nend = \"control\"\n{fault}");
    let rig = Setup::channels(&scenario).start(As::Serve);
    let mut token = rig.ws("ws/t-ann?since=0").await;
    let first = read(&mut token, 1).await;
    rig.control.connect("ann".into()).await.unwrap();
    let mut main = rig.ws("?since=0").await;
    let (token, main) = tokio::join!(read_all(&mut token), async {
        let mut texts = read(&mut main, 1).await;
        while json(texts.last().unwrap())["type"] != "disconnected" {
            texts.extend(read(&mut main, 1).await);
        }
        texts
    });
    assert_eq!(close(&token), (1000, "stream_ended"));
    let kinds = |texts: &[String]| {
        let events = texts.iter().map(|text| json(text)["type"].as_str().unwrap().to_owned());
        events.filter(|kind| kind.starts_with("conn") || kind.starts_with("dis")).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&main), kinds(&[first, token.texts].concat()));
    let upstream = rig.control.upstream();
    assert_eq!((upstream.reconnects, upstream.failures), (1, [(Code::ConnectionLost, 1)].into()));
    wait(Duration::from_secs(1)).await;
    assert_eq!(rig.control.status().mode, Mode::Idle);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_waiting_room_is_followed_with_its_remaining_wait() {
    let fault = "[[fault]]\nat = \"lookup\"\nkind = \"status\"\nstatus = 429\nretry_after = 60\ntimes = 1\n";
    let rig = Setup::channels(&format!("{ROOMS}\n{fault}")).start(As::Serve);
    let mut token = rig.ws("ws/t-ann").await;
    read(&mut token, 1).await;
    let requests = rig.requests();
    wait(Duration::from_secs(20)).await;
    let refusal = rig.control.connect("ann".into()).await.unwrap_err();
    assert_eq!((refusal.problem.code, refusal.retrying), (Code::RateLimited, true));
    assert!(refusal.retry_after.is_some_and(|wait| (38..=40).contains(&wait.as_secs())), "{refusal:?}");
    assert_eq!(rig.requests(), requests);
    wait(Duration::from_secs(60)).await;
    assert_eq!(rig.control.status().state, SourceState::Connected);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn under_serve_a_failure_closes_only_the_token() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut main = rig.ws("?since=0").await;
    assert!(rig.control.connect("nobody".into()).await.unwrap_err().retrying, "it is asked for once more");
    let refusal = rig.refusal("ws/t-nobody").await;
    assert_eq!(told(&refusal), "\"user_not_found\" retrying=false 1011 user_not_found");
    let kinds: Vec<_> = read(&mut main, 3).await.iter().map(|text| json(text)["type"].clone()).collect();
    assert_eq!(kinds, ["error", "error", "disconnected"]);
    assert_eq!(rig.requests(), 2, "asked for twice, and not again for the token");
    wait(Duration::from_secs(1)).await;
    assert_eq!(rig.hub.subscriber_count(), 1, "`/` stays open");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn under_live_the_end_of_the_room_ends_everything() {
    let rig = Setup::channels("speed = \"max\"\nend = \"control\"\n").start(As::Live);
    let log = read_all(&mut rig.ws("ws/t-ann?since=0").await).await;
    assert_eq!(close(&log), (1000, "stream_ended"));
    assert_eq!(rig.end().await.exit_code(), Ok(0));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_switches_rooms_reads_only_the_new_one() {
    let rig = Setup::channels(ROOMS).places(2).start(As::Serve);
    for token in ["ws/t-ann", "ws/t-ben"] {
        let mut reader = rig.ws(token).await;
        tokio::spawn(async move { read_all(&mut reader).await });
    }
    wait(Duration::from_secs(1)).await;
    let [ann, ben] = ["ann", "ben"].map(|user| rig.control.channels().find(user).unwrap());
    assert_eq!(ann.head(), ben.head(), "both stand at the same number");
    let mut socket = rig.ws("ws?feed=0").await;
    for room in ["user:ann", "user:ben"] {
        let join = serde_json::json!({ "type": "join_room", "room_id": room });
        socket.send(join.to_string().into()).await.unwrap();
        wait(Duration::from_secs(1)).await;
    }
    // Both writers are woken, first that of the room which the socket left.
    ann.publish(&[chat("of ann")]);
    ben.publish(&[chat("of ben")]);
    wait(Duration::from_secs(1)).await;
    let mut comments = Vec::new();
    while let Some(Some(Ok(message))) = socket.next().now_or_never() {
        comments.extend(message.to_text().ok().filter(|text| text.contains("of ")).map(str::to_owned));
    }
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].contains("of ben"), "{comments:?}");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_to_connect_that_a_later_one_replaces_is_a_conflict() {
    let rig = Setup::channels(ROOMS).places(3).start(As::Serve);
    let mut token = rig.ws("ws/t-ann").await;
    read(&mut token, 1).await;
    let connect = |user: &str| rig.control.connect(user.into());
    // `offline` waits for its first attempt and `nobody` for its look-up. `ann` needs neither.
    let (first, second, last) = tokio::join!(connect("offline"), connect("nobody"), connect("ann"));
    for (user, refused) in [("offline", first), ("nobody", second)] {
        let problem = refused.unwrap_err().problem;
        assert_eq!((problem.code, problem.code.http_status()), (Code::RoomRunning, 409), "{problem}");
        let message = format!("the attempt to connect to `{user}` was replaced by one to `ann`");
        assert_eq!(problem.message, message);
        assert_eq!(problem.hint, format!("connect again: POST /connect/{user}"));
    }
    assert_eq!(last.unwrap().username.as_deref(), Some("ann"));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_to_connect_that_is_disconnected_is_a_conflict() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let connect = rig.control.connect("ben".into());
    let (connected, deleted) = tokio::join!(connect, rig.control.disconnect("ben".into()));
    assert_eq!(deleted.unwrap().mode, Mode::Idle);
    let problem = connected.unwrap_err().problem;
    assert_eq!((problem.code, problem.code.http_status()), (Code::RoomRunning, 409), "{problem}");
    assert_eq!(problem.message, "the attempt to connect to `ben` was cancelled by a request to disconnect");
    assert_eq!(problem.hint, "connect again: POST /connect/ben");
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_order_of_simultaneous_requests_looks_like_a_shutdown() {
    for order in 0..24 {
        let rig = Setup::channels(ROOMS).places(2).start(As::Serve);
        let mut token = rig.ws("ws/t-ann").await;
        read(&mut token, 1).await;
        let mut waiting = vec!["offline", "nobody", "ann", "DELETE ann"];
        let mut left = order;
        let mut requests = Vec::new();
        for count in (1..=waiting.len()).rev() {
            let request = waiting.remove(left % count);
            left /= count;
            let control = &rig.control;
            requests.push(async move {
                let answer = match request.strip_prefix("DELETE ") {
                    Some(user) => control.disconnect(user.into()).await,
                    None => control.connect(request.into()).await,
                };
                (request, answer.err().map(|refusal| refusal.problem.code))
            });
        }
        let answers = futures_util::future::join_all(requests).await;
        assert!(answers.iter().all(|(_, code)| *code != Some(Code::ShuttingDown)), "{answers:?}");
        rig.end().await;
    }
}
