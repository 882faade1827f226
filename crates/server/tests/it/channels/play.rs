//! `/ws/play/{recording}`: a private replay without a token in the configuration.

use std::{net::IpAddr, time::Duration};

use livetape_feed::control::Sources;
use livetape_server::{Access, Config, Tokens};
use serde_json::Value;
use tokio_tungstenite::client_async;

use super::replays::{events, expected};
use crate::support::{As, Log, ROOMS, Rig, Setup, read, read_all, told, wait};

/// A client elsewhere.
const REMOTE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

async fn play(rig: &Rig, path: &str) -> Log {
    read_all(&mut rig.ws(&format!("ws/play/{path}")).await).await
}

#[tokio::test(start_paused = true)]
async fn a_recording_is_played_from_its_start_whatever_the_main_channel_does() {
    for start in [As::Serve, As::Replay] {
        let rig = Setup::channels(ROOMS).start(start);
        let expected = expected();
        for query in ["?speed=max", "?speed=100&start=0", ""] {
            assert!(events(&play(&rig, &format!("demo{query}")).await) == expected, "{query}");
        }
        assert_eq!(rig.requests(), 0);
        rig.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_may_start_in_the_middle() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    let played = events(&play(&rig, "demo?speed=max&start=1m30s").await);
    assert_eq!(played[0]["type"], "connection_created");
    let ids = |events: &[Value]| events.iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
    let (all, some) = (ids(&expected()), ids(&played[1..]));
    assert!(!some.is_empty() && some.len() < all.len() - 1, "{} of {}", some.len(), all.len());
    assert!(all.ends_with(&some));
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn all_private_replays_share_a_limit() {
    let setup = Setup::channels(ROOMS).sources(|sources| Sources { max_replays: 2, ..sources });
    let rig = setup.start(As::Serve);
    assert!(!rig.control.channels().were_used());
    let mut first = rig.ws("ws/play/demo").await;
    let mut second = rig.ws("ws/test/t-ann").await;
    read(&mut first, 1).await;
    read(&mut second, 1).await;
    assert!(rig.control.channels().were_used());
    for path in ["ws/play/demo", "ws/test/t-ann"] {
        assert_eq!(told(&rig.refusal(path).await), "\"capacity\" retrying=false 4102 capacity", "{path}");
    }
    drop(first);
    wait(Duration::from_secs(1)).await;
    assert!(events(&play(&rig, "demo?speed=max").await) == expected());
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn bad_requests_are_reported_over_the_socket() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    for (path, code, close) in [
        ("no-such", "recording_not_found", 1011),
        ("..%2FCargo.toml", "recording_not_found", 1011),
        ("..%2F..%2Frecordings%2Fdemo.bin", "recording_not_found", 1011),
        ("%ff", "recording_not_found", 1011),
        ("demo?start=9h", "bad_request", 1008),
        ("demo?start=-1s", "bad_request", 1008),
        ("demo?start=soon", "bad_request", 1008),
        ("demo?speed=0", "bad_request", 1008),
        ("demo?sped=max", "bad_request", 1008),
        ("demo?observer=1", "bad_request", 1008),
    ] {
        let refused = rig.refusal(&format!("ws/play/{path}")).await;
        assert_eq!(told(&refused), format!("\"{code}\" retrying=false {close} {code}"), "{path}");
    }
    wait(Duration::from_millis(1)).await;
    assert!(rig.control.channels().statuses().is_empty());
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn clients_beyond_loopback_need_a_bearer_token() {
    const TOKEN: &str = "0123456789abcdef";
    for (tokens, query, expected) in [
        (vec![], "", Some("\"unauthorized\"")),
        (vec![TOKEN.to_owned().into()], "&token=0123456789abcdef", None),
    ] {
        let access = Access { tokens: Tokens::new(tokens), ..Access::default() };
        let config = Config { access, ..Config::default() };
        let rig = Setup { config, ..Setup::channels(ROOMS) }.start(As::Serve);
        for address in [REMOTE, IpAddr::from([127, 0, 0, 1])] {
            let stream = rig.connector.connect_from(Some(address)).await.unwrap();
            let url = format!("ws://localhost/ws/play/demo?speed=max{query}");
            let log = read_all(&mut client_async(url, stream).await.unwrap().0).await;
            let is_refused = log.texts.len() == 1 && expected.is_some_and(|code| log.texts[0].contains(code));
            assert_eq!(
                is_refused,
                address == REMOTE && expected.is_some(),
                "{address} {query}: {:?}",
                log.close
            );
        }
        rig.end().await;
    }
}
