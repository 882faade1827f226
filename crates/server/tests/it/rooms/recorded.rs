//! A recording as a scenario: connections behave as they did when it was recorded.

use livetape_engine::{
    channels::{ChannelOptions, Record},
    source::live,
};
use livetape_mock::{Scenario, ScenarioFile};

use crate::support::{As, Setup, UPSTREAM};

const SECS_MAX: u64 = 1_200;

/// Outlines the events, without random times.
fn outline(lines: &[String]) -> Vec<String> {
    let words = |line: &String| {
        let told = line.split_once("ms  ").unwrap().1;
        let count = if told.starts_with("error") { 4 } else { 2 };
        Vec::from_iter(told.split(' ').take(count)).join(" ")
    };
    lines.iter().map(words).collect()
}

async fn check(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.bin");
    let sign_url = name.starts_with("sign-").then(|| live::Url::parse(UPSTREAM).unwrap());
    let record = Some(Record::File(file.clone()));
    let setup = Setup::fixture(name).sign_url(sign_url.clone());
    let first = setup
        .options(|options| ChannelOptions { record, ..options })
        .start(As::Live)
        .outlined(SECS_MAX)
        .await;

    let input = std::fs::File::open(&file).unwrap();
    let made = Scenario::of_recording(input, "show.bin").unwrap();
    let path = folder.path().join("show.toml");
    std::fs::write(&path, made.to_string()).unwrap();
    let setting = ScenarioFile::read(&path).unwrap_or_else(|problem| panic!("{name}: {problem}\n{made}"));
    assert_eq!(setting.scenario, made.scenario, "{name}: the file says the same");
    let again = Setup::scenario(setting).sign_url(sign_url).start(As::Live).outlined(SECS_MAX).await;
    assert_eq!(outline(&again), outline(&first), "{name}:\n{made}");
}

#[tokio::test(start_paused = true)]
async fn recorded_scenarios_are_replayed_identically() {
    for name in [
        "rate-limited-twice",
        "rate-limited-http-date",
        "not-found-once",
        "sign-500-once",
        "sign-503-twice",
        "sign-500-then-429",
        "handshake-blocked-once",
        "close-4404",
        "drop",
        "stream-ended",
    ] {
        check(name).await;
    }
}
