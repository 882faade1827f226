//! The budget of look-ups at the upstream, and an order to a replay before it runs. The transitions of the main channel are
//! in `sessions/channels.snap`; `channels/mod.rs` of the engine has the diagram.

use std::{fmt::Write as _, time::Duration};

use livetape_engine::{channels::ChannelOptions, source::live::LiveOptions};
use livetape_feed::control::{Mode, ReplayOrder, ReplayPhase, Sources, Token};

use crate::support::{As, ROOMS, Rig, Setup, json, read, short, told, wait};

#[tokio::test(start_paused = true)]
async fn a_replay_takes_orders_before_it_runs() {
    let mut setup = Setup::default();
    setup.options.play.wait_clients = 1;
    let (rig, channel) = setup.channel();
    let show = channel.replay(short());
    assert_eq!(rig.control.status().mode, Mode::Replay);
    assert_eq!(rig.http("GET", "/replay", "").await.json()["state"], "waiting");
    let play = rig.control.order(ReplayOrder::Play);
    let (state, _) = tokio::join!(play, async { drop(tokio::spawn(show)) });
    assert_eq!(state.unwrap().state, ReplayPhase::Playing);
}

// Look-ups at the upstream: one budget over time, and answers that are remembered.

/// Sets the number of look-ups per minute: the upstream of the tests is on loopback, so it has none by
/// default.
fn limited(setup: Setup, per_minute: u32) -> Setup {
    setup.options(|options| ChannelOptions {
        live: LiveOptions { lookups_per_minute: Some(per_minute), ..options.live },
        ..options
    })
}

/// The state of the budget in `/status`: available, waiting, made, refused, remembered.
async fn lookups(rig: &Rig) -> [u64; 5] {
    let status = rig.http("GET", "/status", "").await.json();
    ["available", "waiting", "made", "refused", "remembered"]
        .map(|key| status["lookups"][key].as_u64().unwrap_or_else(|| panic!("{key}: {status}")))
}

/// An overlay that reconnects after 1011, as documented.
#[tokio::test(start_paused = true)]
async fn sockets_that_reconnect_to_a_user_who_is_offline_cause_one_look_up_in_fifteen_seconds() {
    let rig = limited(Setup::channels(ROOMS), 30).start(As::Serve);
    for n in 0..1_500 {
        let refusal = rig.refusal("ws/t-offline").await;
        assert_eq!(told(&refusal), "\"user_offline\" retrying=false 1011 user_offline");
        assert!(n == 0 || (1..=15_000).contains(&refusal.0["retryAfterMs"].as_u64().unwrap()), "{refusal:?}");
        wait(Duration::from_millis(3)).await;
    }
    assert_eq!((rig.requests(), lookups(&rig).await), (1, [10, 0, 1, 0, 1_499]));
    // It is asked again later, also for users whom the upstream does not know: twice, because that answer may
    // be wrong.
    wait(Duration::from_secs(15)).await;
    assert_eq!(told(&rig.refusal("ws/t-offline").await), "\"user_offline\" retrying=false 1011 user_offline");
    assert_eq!(rig.requests(), 2);
    for _ in 0..20 {
        assert_eq!(rig.refusal("ws/t-nobody").await.0["code"], "user_not_found");
    }
    assert_eq!(rig.requests(), 4);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn tests_and_orders_share_the_budget() {
    let mut rooms = ROOMS.replace("]\n", "");
    for n in 0..60 {
        writeln!(rooms, "    {{ name = \"u{n}\" }},").unwrap();
    }
    let rig = limited(Setup::channels(&(rooms + "]\n")), 30).start(As::Serve);
    let (mut tested, mut connected) = (0, 0);
    for n in 0..60 {
        let check = rig.http("GET", &format!("/test/u{n}"), "").await;
        let check = (check.status, check.json());
        tested += usize::from(check.1["canConnect"] == true);
        if check.1["canConnect"] != true {
            assert_eq!((check.0, &check.1["code"]), (200, &"capacity".into()));
            assert!((1..=6_000).contains(&check.1["retryAfterMs"].as_u64().unwrap()), "{check:?}");
        }
        let answer = rig.http("POST", &format!("/connect/u{n}"), "").await;
        connected += usize::from(answer.status == 200);
        if answer.status != 200 {
            assert_eq!((answer.status, answer.code().as_str()), (503, "capacity"));
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=6).contains(&wait), "{wait} {:?}", answer.body);
        }
    }
    // An order that replaces a room looks twice: before it leaves the room, and to connect.
    assert!(tested + connected <= 10, "{tested} {connected}");
    let [available, _, made, refused, _] = lookups(&rig).await;
    assert_eq!((available, refused), (0, 120 - tested as u64 - connected as u64));
    assert!((10..=12).contains(&made), "{made}");
    // The page of a room, its age, the cookie.
    assert!(rig.requests() <= 3 * 12, "{}", rig.requests());
    // Two more a few seconds later.
    wait(Duration::from_secs(10)).await;
    assert_eq!(rig.http("GET", "/test/u1", "").await.json()["canConnect"], true);
    rig.end().await;
}

#[tokio::test(start_paused = true)]
async fn rooms_of_tokens_that_open_together_queue() {
    let users: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    let names: String = users.iter().map(|user| format!("{{ name = \"{user}\" }},")).collect();
    let token = |user: &String| Token {
        secret: format!("t-{user}").into(),
        client: user.clone(),
        user: Some(user.clone()),
        recording: None,
    };
    let tokens = users.iter().map(token).collect();
    let setup = Setup::channels(&format!("speed = \"max\"\nend = \"stay\"\nuser = [{names}]"));
    let setup = setup.sources(|sources| Sources { tokens, max_live: 20, ..sources });
    let rig = limited(setup, 30).start(As::Serve);
    let started = livetape_io::clock::now();
    let mut sockets = Vec::new();
    for user in &users {
        sockets.push(rig.ws(&format!("ws/t-{user}")).await);
    }
    wait(Duration::from_millis(1)).await;
    assert_eq!(lookups(&rig).await, [0, 10, 10, 0, 0]);
    for (n, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(json(&read(socket, 1).await[0])["type"], "connection_created");
        let expected = 2 * n.saturating_sub(9) as u64;
        let took = started.elapsed().as_secs();
        assert!((expected..=expected + 1).contains(&took), "{n}: {took} s, not {expected}");
    }
    rig.end().await;
}
