//! A token for the user of the main channel shares its source: requests at the same time, all events, and times. Other
//! tests are in `sessions/shared.snap`, and those of the user's room in `sessions/members.snap`.

use std::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use livetape_core::error::Code;
use livetape_engine::channels::LINGER;
use serde_json::Value;

use crate::support::{As, ROOMS, Setup, chat, json, read, read_all, wait};

/// Parts that are the same on both channels.
fn alike(texts: &[String]) -> Vec<Value> {
    let mut events: Vec<Value> = texts.iter().map(|text| json(text)).collect();
    for event in &mut events {
        event.as_object_mut().unwrap().remove("stream");
    }
    events
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

/// Sessions do not show times.
#[tokio::test(start_paused = true)]
async fn a_users_room_stays_the_same_while_channels_come_and_go() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let mut token = rig.ws("ws/t-ann").await;
    read(&mut token, 1).await;
    let created = async || rig.http("GET", "/rooms/user:ann", "").await.json()["createdAt"].clone();
    let first = created().await;
    for _ in 0..2 {
        wait(Duration::from_secs(1)).await;
        rig.control.connect("ann".into()).await.unwrap();
        rig.control.disconnect("ann".into()).await.unwrap();
    }
    rig.control.connect("ann".into()).await.unwrap();
    drop(token);
    wait(2 * LINGER).await;
    let _token = rig.ws("ws/t2-ann").await;
    assert!(first.is_string());
    assert_eq!(created().await, first);
    rig.end().await;
}
