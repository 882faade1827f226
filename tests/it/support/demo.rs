//! A mock TikTok that has the demo recording.

use livetape_core::recording::DEMO;
use livetape_mock::{MockTikTok, Scenario, ScenarioFile};

/// Adds the demo recording to a scenario.
pub(crate) fn with_demo(scenario: impl Into<ScenarioFile>) -> ScenarioFile {
    scenario.into().with_recording(DEMO, &include_bytes!("../../../recordings/demo.bin")[..])
}

/// Starts a mock on its own TCP port.
pub(crate) async fn over_tcp(toml: &str) -> MockTikTok {
    MockTikTok::start(with_demo(Scenario::parse(toml).unwrap())).await.unwrap()
}
