//! Every limit that closes a socket with 4102 says which one it is: to the client, and in the metrics. Those
//! of a cluster are in `tests/cluster` (`rooms.rs`, `shown.rs`).

use livetape_engine::{channels::ChannelOptions, source::live::LiveOptions};
use livetape_feed::control::Sources;
use livetape_server::{Config, Limits, lobby};

use crate::support::{As, ROOMS, Setup, told};

/// A cause: its label, how to reach the limit, the sockets that reach it, the socket beyond it, and the
/// message.
type Row = (&'static str, fn(Setup) -> Setup, &'static [&'static str], &'static str, &'static str);

const ROWS: [Row; 6] = [
    (
        "subscribers",
        |setup| Setup { config: Config { subscribers_max: 1, ..Config::default() }, ..setup },
        &[""],
        "ws/t-ann",
        "the maximum number of subscribers, 1, is connected",
    ),
    (
        "sockets",
        |setup| {
            let lobby = lobby::Limits { connections_max: 1, ..lobby::Limits::default() };
            Setup { config: Config { lobby, ..Config::default() }, ..setup }
        },
        &[""],
        "ws/t-ann",
        "the maximum number of sockets, 1, is open",
    ),
    (
        "live_rooms",
        |setup| setup.places(1),
        &["ws/t-ann"],
        "ws/t-ben",
        "another live room is already connected, and the maximum is one",
    ),
    (
        "replays",
        |setup| setup.sources(|sources| Sources { max_replays: 1, ..sources }),
        &["ws/test/t-ann"],
        "ws/test/t-ann",
        "the maximum number of private replays, 1, is already running",
    ),
    (
        "echo_sockets",
        |setup| {
            let sockets = Limits { echo_sockets_max: 1, ..Limits::default() };
            Setup { config: Config { sockets, ..Config::default() }, ..setup }
        },
        &["ws/echo"],
        "ws/echo",
        "the maximum number of sockets on `/ws/echo`, 1, is already open",
    ),
    (
        "lookups",
        |setup| {
            setup.options(|options| ChannelOptions {
                live: LiveOptions { lookups_per_minute: Some(1), ..options.live },
                ..options
            })
        },
        &[],
        "ws/t-ann",
        "the budget of 1 look-ups per minute is spent, try again in 60 s",
    ),
];

#[tokio::test(start_paused = true)]
async fn every_cause_of_4102_names_itself() {
    for (cause, limit, before, beyond, message) in ROWS {
        let rig = limit(Setup::channels(ROOMS)).start(As::Serve);
        if cause == "lookups" {
            // As many as may be queued.
            for _ in 0..11 {
                let _ = rig.control.limit().queue();
            }
        }
        let mut open = Vec::new();
        for path in before {
            open.push(rig.ws(path).await);
        }
        let refusal = rig.refusal(beyond).await;
        assert_eq!(told(&refusal), "\"capacity\" retrying=false 4102 capacity", "{cause}");
        assert_eq!(refusal.0["message"], message, "{cause}");
        drop(open);
        let metrics = rig.http("GET", "/metrics", "").await.body;
        let line = format!("livetape_sockets_turned_away_total{{code=\"capacity\",cause=\"{cause}\"}} 1\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
        rig.end().await;
    }
}

/// A client must not take the error for an event of a stream, from which it could resume.
#[tokio::test(start_paused = true)]
async fn the_error_of_a_refused_socket_has_no_position() {
    let rig = Setup::channels(ROOMS).start(As::Serve);
    for path in ["ws/nobody-has-it", "?typs=gift", "ws/t-offline?since=-1"] {
        let log = crate::support::read_all(&mut rig.ws(path).await).await;
        let error = crate::support::json(&log.texts[0]);
        assert_eq!(error["type"], "error");
        assert_eq!((error.get("stream"), error.get("seq")), (None, None), "{error}");
        assert!(error["data"]["hint"].is_string(), "{error}");
    }
    rig.end().await;
}
