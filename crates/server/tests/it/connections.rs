//! `GET /connections`: what clients asked for, and the last that have left.

use std::time::Duration;

use livetape_feed::hub::Limits;
use livetape_server::{Access, Config, Tokens};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::support::{Rig, chats, read, read_all, wait};

const TOKEN: &str = "0123456789abcdef";

async fn listed(rig: &Rig) -> Value {
    wait(Duration::from_millis(1)).await;
    rig.http("GET", &format!("/connections?token={TOKEN}"), "").await.json()
}

/// Returns the only connection that has left.
async fn only_left(rig: &Rig) -> Value {
    let mut all = listed(rig).await;
    let [left] = &mut all["left"].as_array_mut().unwrap()[..] else { panic!("{all}") };
    left.take()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_comes_back_is_listed_with_what_it_was_sent_again() {
    let rig = Rig::start();
    rig.hub.publish(&chats(5));
    let mut first = rig.ws("?since=0&gifts=raw&on_gap=close").await;
    let open = listed(&rig).await["connections"][0].clone();
    assert_eq!((&open["query"], &open["resent"]), (&json!("since=0&gifts=raw&on_gap=close"), &json!(5)));
    read(&mut first, 5).await;
    wait(Duration::from_secs(2)).await;
    first.close(Some(CloseFrame { code: 4999.into(), reason: "enough".into() })).await.unwrap();
    read_all(&mut first).await;
    let left = only_left(&rig).await;
    for field in ["id", "clientId", "path", "query", "createdAt", "resent"] {
        assert_eq!(left[field], open[field], "{field}");
    }
    assert_eq!(
        [&left["code"], &left["reason"], &left["byServer"]],
        [&json!(4999), &json!("enough"), &json!(false)]
    );
    assert_eq!([&left["position"], &left["lag"]], [5, 0]);
    assert_ne!(left["leftAt"], left["createdAt"]);
    assert!(left["sentBytes"].as_u64().unwrap() > 500, "{left}");

    rig.hub.publish(&chats(3));
    let _again = rig.ws("?since=s%3A5").await;
    let _fresh = rig.ws("").await;
    let _silent = rig.ws("ws?feed=0").await;
    let all = listed(&rig).await;
    let asked = |it: &Value| [it["query"].clone(), it["resent"].clone()];
    assert_eq!(
        all["connections"].as_array().unwrap().iter().map(asked).collect::<Vec<_>>(),
        [[json!("since=s%3A5"), json!(3)], [json!(""), json!(0)], [json!("feed=0"), Value::Null]]
    );
    assert_eq!(all["left"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_gap_only_the_rest_of_the_backlog_is_sent_again() {
    let rig = Rig::ring(8);
    rig.hub.publish(&chats(12));
    let _late = rig.ws("?since=s:2&on_gap=skip").await;
    assert_eq!(listed(&rig).await["connections"][0]["resent"], 8);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_masked_in_queries() {
    let tokens = Tokens::new(vec![TOKEN.to_owned().into()]);
    let access = Access { tokens, ..Access::default() };
    let guarded = Rig::with(Limits::default(), Config { access, ..Config::default() });
    for rig in [Rig::start(), guarded] {
        drop(rig.ws(&format!("?raw=1&token={TOKEN}&since=0")).await);
        let _open = rig.ws(&format!("ws?token={TOKEN}")).await;
        let all = listed(&rig).await;
        assert_eq!(all["left"][0]["query"], "raw=1&token=***&since=0");
        assert_eq!(all["connections"][0]["query"], "token=***");
        assert!(!all.to_string().contains(TOKEN), "{all}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_that_left_report_who_ended_them() {
    for (order, expected) in [
        (Some(r#"{"code":4000,"reason":"because"}"#), json!([4000, "because", true])),
        (Some(r#"{"abort":true}"#), json!([1006, "", true])),
        (None, json!([1006, "", false])),
    ] {
        let rig = Rig::start();
        let mut socket = rig.ws("").await;
        if let Some(order) = order {
            rig.http("POST", "/connections/close", order).await;
            read_all(&mut socket).await;
        }
        drop(socket);
        let left = only_left(&rig).await;
        assert_eq!(json!([left["code"], left["reason"], left["byServer"]]), expected);
    }
    let rig = Rig::start();
    let mut socket = rig.ws("").await;
    socket.close(None).await.unwrap();
    read_all(&mut socket).await;
    assert_eq!(only_left(&rig).await["code"], 1005);
}

#[tokio::test(start_paused = true)]
async fn the_last_hundred_that_have_left_are_listed_in_order() {
    let rig = Rig::start();
    for i in 0..103 {
        drop(rig.ws(&format!("ws?client_id=c{i}")).await);
        wait(Duration::from_millis(1)).await;
    }
    let all = listed(&rig).await;
    let names = all["left"].as_array().unwrap().iter().map(|it| it["clientId"].as_str().unwrap().to_owned());
    assert_eq!(names.collect::<Vec<_>>(), (3..103).map(|i| format!("c{i}")).collect::<Vec<_>>());
    assert_eq!(all["connections"], json!([]));
}

/// Sockets may leave at once, while the response is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_are_closed_are_returned_with_their_positions() {
    for _ in 0..20 {
        let rig = Rig::start();
        rig.hub.publish(&chats(3));
        let mut sockets = Vec::new();
        for _ in 0..64 {
            sockets.push(rig.ws("?since=0").await);
        }
        let closed = rig.http("POST", "/connections/close", r#"{"abort":true}"#).await.json();
        let closed = closed["connections"].as_array().unwrap();
        assert_eq!(closed.len(), sockets.len());
        for connection in closed {
            assert_eq!(connection["resent"], 3, "{connection}");
        }
    }
}
