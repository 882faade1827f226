//! A mock TikTok.

use bytes::Bytes;
use livetape_core::{
    recording::DEMO,
    wire::{self, Batch},
};
use livetape_io::net::memory::MemoryConnector;
use livetape_mock::{MockTikTok, Scenario, ScenarioFile};

use super::scenarios::scenario_path;

/// The room of the demo recording.
pub(crate) const ROOM: i64 = 7_240_536_397_118_808_469;
pub(crate) const SOCKET: &str = "/webcast/im/ws_proxy/ws_reuse_supplement/";

/// Adds the demo recording to a scenario.
pub(crate) fn with_demo(scenario: impl Into<ScenarioFile>) -> ScenarioFile {
    scenario.into().with_recording(DEMO, &include_bytes!("../../../recordings/demo.bin")[..])
}

/// Starts a mock on its own TCP port.
pub(crate) async fn over_tcp(toml: &str) -> MockTikTok {
    MockTikTok::start(with_demo(Scenario::parse(toml).unwrap())).await.unwrap()
}

/// A mock in memory.
pub(crate) struct Mock {
    pub(crate) mock: MockTikTok,
    pub(crate) connector: MemoryConnector,
}

impl Mock {
    pub(crate) fn new(scenario: impl Into<ScenarioFile>) -> Self {
        let mock = MockTikTok::in_memory(with_demo(scenario)).unwrap();
        Self { connector: mock.connector().unwrap(), mock }
    }

    /// Reads a file of `fixtures/scenarios/`.
    pub(crate) fn scenario(name: &str) -> ScenarioFile {
        ScenarioFile::read(&scenario_path(name)).unwrap_or_else(|problem| panic!("{name}: {problem}"))
    }
}

/// Decodes the batch in a frame and counts its faults.
pub(crate) fn batch(frame: &Bytes) -> (Batch, usize) {
    let mut faults = Vec::new();
    let payload = wire::unzip(wire::read_push(frame, &mut faults).payload, &mut faults);
    let batch = wire::read_batch(&payload, &mut faults);
    (batch, faults.len())
}
