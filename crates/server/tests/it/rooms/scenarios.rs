//! `livetape live demo` in every scenario of `fixtures/scenarios`: the events and their times, the close code
//! and the exit code.

use livetape_engine::source::live;

use crate::support::{As, Setup, UPSTREAM, scenarios::names};

/// Virtual seconds after which Ctrl-C ends a scenario that continues.
const SECS_MAX: u64 = 1_200;

/// Scenarios about the sign server run with a sign server.
async fn play(name: &str) -> Vec<String> {
    let sign_url = name.starts_with("sign-").then(|| live::Url::parse(UPSTREAM).unwrap());
    Setup::fixture(name).sign_url(sign_url).start(As::Live).outlined(SECS_MAX).await
}

#[tokio::test(start_paused = true)]
async fn each_scenario_gives_the_expected_result() {
    for file in names() {
        let name = file.trim_end_matches(".toml");
        let lines = play(name).await;
        insta::assert_snapshot!(format!("scenario-{name}"), lines.join("\n"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_in_the_address_of_the_sign_server_changes_nothing() {
    let play = async |query: &str| {
        let sign_url = live::Url::parse(&format!("{UPSTREAM}{query}")).ok();
        Setup::fixture("sign-500-once").sign_url(sign_url).start(As::Live).outlined(SECS_MAX).await
    };
    let expected = play("").await;
    assert!(expected.iter().any(|line| line.contains("connection_created")), "{expected:?}");
    for query in ["?key=hunter2", "/?key=hunter2&x=1#top"] {
        assert_eq!(play(query).await, expected, "{query}");
    }
}
