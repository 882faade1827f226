//! REST routes of rooms: `/connect` and `/test`, with scripted answers of the channel.

use std::time::Duration;

use livetape_core::error::{Code, Problem};
use livetape_feed::control::{Check, Driver, Order, Refusal};
use serde_json::{Value, json};

use crate::support::Rig;

/// Answers like a channel: `ann` gets connected, all others are rate limited.
async fn drive(mut driver: Driver) {
    driver.update_status(|status| status.username = Some("ann".to_owned()));
    let limited = || Refusal {
        problem: Problem::new(
            Code::RateLimited,
            "[Rate Limited] Too many connections started, try again later",
        ),
        retrying: true,
        retry_after: Some(Duration::from_millis(1_200)),
    };
    driver.set_tester(Box::new(|user, answer| {
        let check = Check {
            exists: Some(true),
            live: Some(false),
            code: Some(Code::UserOffline),
            username: user,
            ..Check::default()
        };
        answer.accept(check);
    }));
    while let Some(order) = driver.next_order().await {
        match order {
            Order::Connect(user, answer) if user == "ann" => answer.accept(driver.status()),
            Order::Disconnect(user, answer) if user == "ann" => answer.accept(driver.status()),
            Order::Disconnect(user, answer) => {
                answer.refuse(livetape_feed::control::not_current(&user));
            }
            other => other.refuse(limited()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rooms_are_managed_over_rest() {
    let mut rig = Rig::start();
    let driver = rig.take_driver();
    tokio::spawn(drive(driver));
    let mut all = serde_json::Map::new();
    for (method, path) in [
        ("POST", "/connect/ann"),
        ("POST", "/connect/ben"),
        ("DELETE", "/connect/ann"),
        ("DELETE", "/connect/ben"),
        ("GET", "/test/cid"),
        ("GET", "/connect/ann"),
        ("POST", "/connect/"),
    ] {
        let answer = rig.http(method, path, "").await;
        let retry_after = answer.header("retry-after").map_or(Value::Null, Value::from);
        let told = json!({"status": answer.status, "retryAfter": retry_after, "body": answer.json()});
        all.insert(format!("{method} {path}"), told);
    }
    insta::assert_json_snapshot!(all);
}
