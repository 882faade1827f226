//! A scenario with the folder that it is from.

use std::path::{Path, PathBuf};

use super::{
    scenario::{Scenario, ScenarioError},
    script::Script,
};
use crate::{
    sans_io::error::{Code, Problem},
    tools::files,
};

/// A scenario, and where the paths of its recordings start.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// What the mock does.
    pub scenario: Scenario,
    /// The folder of the scenario's file; the current one if empty.
    pub folder: PathBuf,
}

impl From<Scenario> for Setting {
    fn from(scenario: Scenario) -> Self {
        Self { scenario, folder: PathBuf::new() }
    }
}

impl Setting {
    /// Reads a scenario's file, and checks it and its recordings.
    ///
    /// # Errors
    /// `io`, `bad_request` or `recording_not_found`, with file, line and column.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let shown = path.display();
        let text = files::open_regular(path)
            .and_then(std::io::read_to_string)
            .map_err(|error| Problem::new(Code::Io, format!("cannot read {shown}: {error}")))?;
        let wrong = |error: ScenarioError, code| Problem::new(code, format!("{shown}: {error}")).hint("");
        let scenario = Scenario::parse(&text).map_err(|error| wrong(error, Code::BadRequest))?;
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        if let Err(error) = Script::load(scenario.clone(), &folder) {
            let error = Scenario::error_at_user(&text, error.user, &error.message);
            return Err(wrong(error, Code::RecordingNotFound));
        }
        Ok(Self { scenario, folder })
    }
}
