//! A scenario with the folder that it is from.

use std::path::{Path, PathBuf};

use livetape_io::files;

use super::{
    scenario::{Scenario, ScenarioError},
    script::Script,
};
use crate::sans_io::error::{Code, Problem};

/// A scenario, and where its recordings are.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// What the mock does.
    pub scenario: Scenario,
    /// Where its recordings are.
    pub folder: Folder,
}

/// Where recordings are.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    /// The folder of the scenario's file; the current one if empty.
    pub path: PathBuf,
    /// What `demo` names; if empty, a file in the folder.
    pub demo: &'static [u8],
}

impl From<Scenario> for Setting {
    fn from(scenario: Scenario) -> Self {
        Self { scenario, folder: Folder::default() }
    }
}

impl Setting {
    /// The same with these bytes as the recording that is called `demo`.
    #[must_use]
    pub fn with_demo(mut self, bytes: &'static [u8]) -> Self {
        self.folder.demo = bytes;
        self
    }

    /// Reads a scenario's file, and checks it and its recordings; `demo` is the recording of that name.
    ///
    /// # Errors
    /// `io`, `bad_request` or `recording_not_found`, with file, line and column.
    pub fn read(path: &Path, demo: &'static [u8]) -> Result<Self, Problem> {
        let shown = path.display();
        let text = files::open_regular(path)
            .and_then(std::io::read_to_string)
            .map_err(|error| Problem::new(Code::Io, format!("cannot read {shown}: {error}")))?;
        let wrong = |error: ScenarioError, code| Problem::new(code, format!("{shown}: {error}")).hint("");
        let scenario = Scenario::parse(&text).map_err(|error| wrong(error, Code::BadRequest))?;
        let folder = Folder { path: path.parent().map(Path::to_path_buf).unwrap_or_default(), demo };
        if let Err(error) = Script::load(scenario.clone(), &folder) {
            let error = Scenario::error_at_user(&text, error.user, &error.message);
            return Err(wrong(error, Code::RecordingNotFound));
        }
        Ok(Self { scenario, folder })
    }
}
