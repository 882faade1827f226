//! A mock TikTok in memory.

use livetape_io::net::memory::MemoryConnector;
use livetape_mock::{MockTikTok, ScenarioFile};
use livetape_samples::scenario_path;

use super::demo::with_demo;

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
